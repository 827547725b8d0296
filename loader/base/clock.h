/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock.h - time that only goes forward, for how long something took and until when it is waited for. */
#ifndef XSLICE_BASE_CLOCK_H
#define XSLICE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t xs_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline int64_t xs_now_ms(void)
{
	return xs_now_us() / 1000;
}

#endif
