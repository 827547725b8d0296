/* SPDX-License-Identifier: GPL-2.0-or-later */
/* thread.c - see thread.h. */
#include "loader/base/thread.h"

#include <signal.h>

int xs_thread_begin(pthread_t *thread, void *(*run)(void *), void *context)
{
	sigset_t all, former;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	err = pthread_create(thread, NULL, run, context);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	return -err;
}
