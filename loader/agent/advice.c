// SPDX-License-Identifier: GPL-2.0-or-later
/* advice.c - what works by the letter and loses packets all the same: told in the log and in the node's report. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "loader/agent/agent.h"
#include "loader/agent/log.h"
#include "loader/model/domain.h"
#include "loader/node/redirect.h"

#define PORTS_MAX 64 /* of users, that are looked at */

static void say(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void say(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list list;

	if (used && used + 3 < size) {
		memcpy(text + used, "; ", 3);
		used += 2;
	}
	va_start(list, format);
	vsnprintf(text + used, size - used, format, list);
	va_end(list);
}

static bool among(const uint32_t *ifindex, size_t count, uint32_t one)
{
	while (count--)
		if (ifindex[count] == one)
			return true;
	return false;
}

/*
 * Behind a user port, or an exit, may be a veth of a host without NAPI. Ports of links are not looked at: their other end is another
 * node's, whose agent attaches a program to it. VLANs of users are on one device, which is looked at once.
 */
static void look_at_ports(struct xs_agent *agent, char *text, size_t size)
{
	const struct xs_rec_port *record, *looked[PORTS_MAX];
	uint32_t ifindex[PORTS_MAX];
	int taken[PORTS_MAX];
	size_t count = 0;

	for (size_t i = 0; count < PORTS_MAX && (record = xs_image_at(agent->image, XS_REC_PORT, i)); i++) {
		const struct xs_node_port *port = xs_node_port(agent->node, record->id);
		const struct xs_rec_port *wire = record->on ? xs_image_find(agent->image, XS_REC_PORT, &record->on) : record;

		if (!port || !(record->user || record->exit) || !wire || wire->labelled || record->stack != XS_STACK_WIRE ||
		    among(ifindex, count, port->ifindex))
			continue;
		looked[count] = record;
		ifindex[count++] = port->ifindex;
	}
	if (!count || xs_redirects_look(xs_node_netns(agent->node), ifindex, count, taken))
		return;
	for (size_t i = 0; i < count; i++)
		if (!taken[i])
			say(text, size,
			    "port %s: what XDP sends to interface %s is lost; if that is a veth, turn GRO on at its "
			    "other end "
			    "(ethtool -K DEVICE gro on), else write `stack: local` for the port",
			    looked[i]->name, looked[i]->interface);
}

struct advice {
	char text[sizeof(((struct xs_report *)0)->warning)];
};

static void add(void *context, const char *sentence)
{
	struct advice *advice = context;

	say(advice->text, sizeof(advice->text), "%s", sentence);
}

bool xs_agent_advise(struct xs_agent *agent)
{
	struct advice advice = { "" };
	char *text = advice.text;

	if (agent->image) {
		look_at_ports(agent, text, sizeof(advice.text));
		xs_node_look_at_substrate(agent->node, agent->image, add, &advice);
	}
	if (!strcmp(text, agent->report.warning))
		return false;
	if (text[0])
		xs_log("WARNING: %s", text);
	else
		xs_log("no more: %s", agent->report.warning);
	snprintf(agent->report.warning, sizeof(agent->report.warning), "%s", text);
	return true;
}
