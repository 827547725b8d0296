// SPDX-License-Identifier: GPL-2.0-or-later
/* reports.c - waiting for what the agents say, by the store's watch; a full look every second, since a watch can miss.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/base/clock.h"
#include "loader/manager/manager.h"

int xs_wait_add(struct xs_node_wait **wait, size_t *count, const char *node)
{
	struct xs_node_wait *grown;

	for (size_t i = 0; i < *count; i++)
		if (!strcmp((*wait)[i].node, node))
			return 0;
	grown = realloc(*wait, (*count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*wait = grown;
	memset(&grown[*count], 0, sizeof(*grown));
	snprintf(grown[(*count)++].node, sizeof(grown->node), "%s", node);
	return 0;
}

struct waiting {
	struct xs_store *store;
	struct xs_node_wait *wait;
	size_t count;
	const struct xs_revision *revision;
	uint64_t generation;
};

/* A later apply may have come before the node had taken on ours: then it is the later one that it reports. */
static bool is_about(const struct waiting *waiting, const struct xs_report *report)
{
	struct xs_revision active = { 0 };
	bool replaced;

	if (!waiting->revision || xs_report_is_of(report, waiting->revision))
		return true;
	if (report->revision <= waiting->revision->number || xs_revision_get(waiting->store, &active))
		return false;
	replaced = xs_report_is_of(report, &active);
	xs_revision_free(&active);
	return replaced;
}

/* Number of nodes that have not reported yet, or negative errno. *news: somebody reported since the last look. */
static int look(const struct waiting *waiting, bool *news)
{
	int missing = 0;

	for (size_t i = 0; i < waiting->count; i++) {
		struct xs_node_wait *wait = &waiting->wait[i];
		int error;

		if (wait->reported || wait->elsewhere)
			continue;
		error = xs_report_get(waiting->store, wait->node, &wait->report);
		/* Its agent puts a readable one in its place. */
		if (error == -ENOMEM)
			return error;
		if (!error && is_about(waiting, &wait->report) && wait->report.generation >= waiting->generation) {
			wait->reported = true;
			*news = true;
		} else {
			missing++;
		}
	}
	return missing;
}

int xs_wait_reports(struct xs_store *store, struct xs_node_wait *wait, size_t count, const struct xs_revision *revision,
		    uint64_t generation, int timeout_ms, xs_wait_progress progress, void *context)
{
	static const char *const prefix[] = { "report" };
	const struct waiting waiting = { store, wait, count, revision, generation };
	const int64_t end = xs_now_ms() + timeout_ms;
	int fd = xs_store_watch(store, prefix, 1);

	if (fd < 0)
		return fd;
	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		bool news = false;
		int64_t left;
		int missing;

		xs_store_watch_clear(store);
		missing = look(&waiting, &news);
		if (news && progress)
			progress(context, wait, count);
		if (missing <= 0)
			return missing;
		left = end - xs_now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&poll_fd, 1, left < 1000 ? (int)left : 1000) < 0 && errno != EINTR)
			return -errno;
	}
}
