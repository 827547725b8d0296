/* SPDX-License-Identifier: GPL-2.0-or-later */
/* thread.h - threads beside the one that runs the loop. */
#ifndef XSLICE_BASE_THREAD_H
#define XSLICE_BASE_THREAD_H

#include <pthread.h>

/* 0 or -errno. It takes no signals: these are the loop's. */
int xs_thread_begin(pthread_t *thread, void *(*run)(void *), void *context);

#endif
