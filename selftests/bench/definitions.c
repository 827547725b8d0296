/* SPDX-License-Identifier: GPL-2.0-or-later */
/* definitions.c - see definitions.h. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "selftests/bench/agents.h"
#include "selftests/bench/definitions.h"
#include "selftests/bench/traffic.h"

/* What each family writes differently. A link's addresses begin as it does, and its subnet ends so. */
static const struct words {
	const char *prefix[3], *link, *other_link, *subnet;
	const char *clients, *mux;
} words[XS_FAMILIES] = {
	{ { "10.10.0.0/16", "10.20.0.0/16", "0.0.0.0/0" },
	  "10.1.2.",
	  "10.1.3.",
	  "0/24",
	  "192.0.2.0/24",
	  "10.255.0.0/29" },
	{ { "2001:db8:10::/48", "2001:db8:20::/48", "::/0" },
	  "2001:db8:1:2::",
	  "2001:db8:1:3::",
	  "/64",
	  "2001:db8:0:200::/64",
	  "2001:db8:0:ff::/64" },
};

int definitions_figure7(const char *path)
{
	char command[256];

	snprintf(command, sizeof(command), "sed -E 's/\\bR([123])\\b/xbench\\1/g' docs/examples/figure7.yaml > %s",
		 path);
	return system(command) ? -EIO : 0;
}

/* The nodes of the rig, with whose writing all of these begin. */
static FILE *begin(const char *path)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return NULL;
	fprintf(file, "node:\n");
	fprintf(file, "  - {name: %s, port: [{name: pdc}, {name: r2, peer: %s/r1}, {name: r3, peer: %s/r1}]}\n",
		agents_node[0], agents_node[1], agents_node[2]);
	for (unsigned int i = 1; i < AGENTS_NODES; i++)
		fprintf(file, "  - {name: %s, port: [{name: r1, peer: %s/r%u}]}\n", agents_node[i], agents_node[0],
			i + 1);
	fprintf(file, "slice:\n");
	return file;
}

static int end(FILE *file)
{
	bool bad = ferror(file);

	return fclose(file) || bad ? -EIO : 0;
}

static void route(FILE *file, const char *prefix, const char *link)
{
	fprintf(file, "          - {prefix: \"%s\", via: \"%s2\"}\n", prefix, link);
}

static void write_slice(FILE *file, const struct words *w, unsigned int i)
{
	fprintf(file, "  - name: s%u\n    vrf:\n      - name: v1\n        node: %s\n        route:\n", i,
		agents_node[0]);
	route(file, w->prefix[0], w->link);
	route(file, w->prefix[1], w->other_link);
	route(file, w->prefix[2], w->link);
	fprintf(file,
		"      - {name: v2, node: %s}\n"
		"      - {name: v3, node: %s}\n"
		"    link:\n"
		"      - {name: a%u, ends: [v1, v2], subnet: \"%s%s\"}\n"
		"      - {name: b%u, ends: [v1, v3], subnet: \"%s%s\"}\n",
		agents_node[1], agents_node[2], i, w->link, w->subnet, i, w->other_link, w->subnet);
}

int definitions_slices(const char *path, unsigned int family, unsigned int count)
{
	FILE *file = begin(path);

	if (!file)
		return -errno;
	for (unsigned int i = 0; i < count; i++)
		write_slice(file, &words[family], i);
	return end(file);
}

/* The i-th of many prefixes that look random and are all different. */
static void write_prefix(char *text, size_t size, unsigned int family, unsigned int i)
{
	if (family == XS_FAMILY4) {
		uint32_t network = 0x800000 | (i * 0x9e3779b1u & 0x3fffff); /* of 24 bits, in 128.0.0.0/2 */

		snprintf(text, size, "%u.%u.%u.0/24", network >> 16, network >> 8 & 255, network & 255);
	} else {
		unsigned int length = 48 + bench_route(i) % 17;
		uint64_t network = bench_route(i) >> (64 - length) << (64 - length);

		snprintf(text, size, "%x:%x:%x:%x::/%u", (unsigned int)(network >> 48),
			 (unsigned int)(network >> 32 & 0xffff), (unsigned int)(network >> 16 & 0xffff),
			 (unsigned int)(network & 0xffff), length);
	}
}

int definitions_routes(const char *path, unsigned int family, unsigned int count)
{
	const struct words *w = &words[family];
	FILE *file = begin(path);
	char prefix[64];

	if (!file)
		return -errno;
	fprintf(file, "  - name: s\n    vrf:\n      - name: v1\n        node: %s\n        route:\n", agents_node[0]);
	route(file, w->prefix[2], w->link);
	for (unsigned int i = 0; i < count; i++) {
		write_prefix(prefix, sizeof(prefix), family, i);
		route(file, prefix, w->link);
	}
	fprintf(file, "      - {name: v2, node: %s}\n    link: [{name: a, ends: [v1, v2], subnet: \"%s%s\"}]\n",
		agents_node[1], w->link, w->subnet);
	return end(file);
}

int definitions_conditions(const char *path, unsigned int family, unsigned int count)
{
	const struct words *w = &words[family];
	FILE *file = begin(path);

	if (!file)
		return -errno;
	for (unsigned int i = 0; i < 2; i++)
		fprintf(file, "  - {name: s%u, vrf: [{name: v1, node: %s}]}\n", i, agents_node[0]);
	fprintf(file, "filter:\n  - {name: rest, condition: [{any: true}]}\n  - name: many\n    condition:\n");
	for (unsigned int i = 0; i < count; i++) {
		if (family == XS_FAMILY4)
			fprintf(file, "      - {destination: 10.%u.%u.%u}\n", 128 + (i >> 16), i >> 8 & 255, i & 255);
		else
			fprintf(file, "      - {destination: \"2001:db8:8000::%x:%x\"}\n", i >> 16, i & 0xffff);
	}
	fprintf(file,
		"mux:\n"
		"  - name: m\n"
		"    node: %s\n"
		"    port: pdc\n"
		"    clients: [\"%s\"]\n"
		"    subnet: \"%s\"\n"
		"    slice: [{name: s0, filter: many}, {name: s1, filter: rest}]\n",
		agents_node[0], w->clients, w->mux);
	return end(file);
}
