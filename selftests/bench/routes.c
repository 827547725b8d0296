/* SPDX-License-Identifier: GPL-2.0-or-later */
/* routes.c - see routes.h. */
#include "selftests/bench/routes.h"

#include "selftests/random.h"

uint64_t routes_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15ull;

	return random_next(&state);
}

static struct xs_table *table_of(const struct scene *scene)
{
	return scene->candidate.fib[1][scene->family];
}

static int add(struct scene *scene, const uint8_t *address, unsigned int length)
{
	int err = xs_table_set(table_of(scene), address, length,
			       candidate_nexthop(1, routes_random() % CANDIDATE_NEXTHOPS));

	return err < 0 ? err : 0;
}

static void put_high(uint8_t address[16], uint64_t high)
{
	for (unsigned int i = 0; i < 8; i++)
		address[i] = high >> (56 - 8 * i);
}

int routes_add_random(struct scene *scene, unsigned int length)
{
	uint64_t high = routes_random() << 32 | (routes_random() & 0xffffffff);
	uint8_t address[16] = {};

	put_high(address, high);
	address[0] = scene->family == XS_FAMILY4 ? 1 + address[0] % 223 : 0x20 | (address[0] & 0x1f);
	return add(scene, address, length);
}

int routes_add_numbered(struct scene *scene, uint32_t i)
{
	uint64_t high = bench_route(i);
	uint8_t address[16] = {};

	put_high(address, high);
	return add(scene, address, 48 + high % 17);
}

size_t routes_count(const struct scene *scene)
{
	return xs_table_count(table_of(scene));
}
