/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mirror_random.c - see mirror_rig.h: random routes, neighbours and addresses, and what comes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "selftests/bpf/mirror_rig.h"
#include "selftests/random.h"

struct kept_prefix kept[XS_FAMILIES][KEPT];

uint32_t rnd(void)
{
	static uint64_t state = 0x2545f4914f6cdd1dull;

	return (uint32_t)random_next(&state);
}

static void randomise(uint8_t *bytes, unsigned int first_bit, unsigned int bits)
{
	for (unsigned int bit = first_bit; bit < bits; bit++)
		if (rnd() % 2)
			bytes[bit / 8] ^= 0x80 >> bit % 8;
}

/* Most anywhere; some among the hosts on the links, where on-link routes, neighbours and routes meet. */
void choose_prefix(unsigned int family, unsigned int slot)
{
	unsigned int bits = family == XS_FAMILY4 ? 32 : 128, length, last = bits / 8 - 1;
	struct xs_address address = { .family = xs_family_at(family), .bytes = { family == XS_FAMILY4 ? 16 : 0x2a } };

	if (rnd() % 5 == 0) {
		uint32_t host = rnd() & 0x107;

		address = link_address(family, rnd() % 5, host);
		address.bytes[last - 1] = host >> 8;
		length = rnd() % 4 ? bits - rnd() % 10 : bits / 2 + 1 + rnd() % (bits / 2);
	} else if (family == XS_FAMILY4) {
		randomise(address.bytes, 4, bits);
		length = rnd() % 4 ? 24 - rnd() % 3 : 9 + rnd() % 24;
	} else {
		/* Provider, site and subnet: many share their first bytes. */
		address.bytes[3] = rnd();
		randomise(address.bytes, 32, 64);
		length = rnd() % 4 ? 48 + rnd() % 17 : 20 + rnd() % 109;
	}
	kept[family][slot].prefix = xs_prefix_mask(&address, length);
}

static void write_prefix(FILE *batch, unsigned int family, unsigned int slot)
{
	char text[XS_PREFIX_TEXT];

	xs_prefix_text(&kept[family][slot].prefix, text);
	fprintf(batch, "%s", text);
}

static void write_hop(FILE *batch, unsigned int family, unsigned int devices)
{
	unsigned int device = rnd() % devices;

	fprintf(batch, " via %s dev v%u onlink",
		gateway_text(family, device, 1 + rnd() % HOSTS, rnd() % 8 ? 1 + rnd() % 2 : 0), device);
}

void add_route(FILE *batch, unsigned int family, unsigned int slot, const char *verb)
{
	unsigned int what = rnd() % 24;

	fprintf(batch, "route %s ", verb);
	if (what == 0)
		fprintf(batch, "blackhole ");
	else if (what == 1)
		fprintf(batch, "unreachable ");
	else if (what == 2)
		fprintf(batch, "prohibit ");
	write_prefix(batch, family, slot);
	/*
	 * IPv6's kernel leaves out of its dumps what stands between next hops that joined one by one: those that cannot join
	 * have metrics of their own.
	 */
	if (family == XS_FAMILY6 && what <= 3)
		fprintf(batch, " metric %u", 4 + rnd() % 2 * 2000);
	else if (rnd() % 4 == 0)
		fprintf(batch, " metric %u", 1 + rnd() % 3);
	if (what == 3)
		fprintf(batch, " dev v%u", rnd() % (DEVICES + 1));
	else if (what == 4 || what == 5)
		for (unsigned int i = 0; i < 2 + rnd() % 2; i++) {
			fprintf(batch, " nexthop");
			write_hop(batch, family, rnd() % 8 ? 3 : DEVICES + 1); /* most by links of ours alone */
			fprintf(batch, " weight %u", 1 + rnd() % 4);
		}
	else if (what > 5)
		write_hop(batch, family, DEVICES + 1);
	fprintf(batch, "\n");
	kept[family][slot].there = true;
}

static void remove_route(FILE *batch, unsigned int family, unsigned int slot)
{
	/* Each takes the first of the prefix' routes away. */
	fprintf(batch, "route del ");
	write_prefix(batch, family, slot);
	fprintf(batch, "\n");
	if (rnd() % 2)
		kept[family][slot].there = false;
}

static void change_neighbour(FILE *batch, unsigned int family)
{
	unsigned int device = rnd() % DEVICES, host = 1 + rnd() % (HOSTS / 2) * 2;

	if (rnd() % 4 == 0 && !neighbour_off[family][device][host]) {
		neighbour_off[family][device][host] = true;
	} else {
		neighbour_mac1[family][device][host] = 1 + rnd() % 200;
		neighbour_off[family][device][host] = false;
	}
	write_neighbour(batch, family, device, host);
}

void restore_neighbours(void)
{
	FILE *batch = ip_batch();

	memset(neighbour_off, 0, sizeof(neighbour_off));
	memset(neighbour_mac1, 0, sizeof(neighbour_mac1));
	for (unsigned int i = 0; i <= DEVICES; i++)
		for (unsigned int host = 1; host <= HOSTS; host += 2)
			for (unsigned int family = 0; family < XS_FAMILIES; family++)
				write_neighbour(batch, family, i, host);
	pclose(batch);
}

struct xs_address near_address(unsigned int family)
{
	const struct xs_prefix *prefix = &kept[family][rnd() % KEPT].prefix;
	unsigned int bits = family == XS_FAMILY4 ? 32 : 128;
	struct xs_address address = { .family = xs_family_at(family) };
	uint32_t host = rnd() & 0x107;

	switch (rnd() % 8) {
	case 0: /* a host on a link, resolved or not */
		address = link_address(family, rnd() % (DEVICES + 1), host);
		address.bytes[bits / 8 - 2] = host >> 8;
		break;
	case 1:
		address.bytes[0] = rnd() % 223;
		randomise(address.bytes, 8, bits);
		break;
	default:
		memcpy(address.bytes, prefix->bytes, sizeof(address.bytes));
		randomise(address.bytes, prefix->length, bits);
	}
	return address;
}

/* ---- comparison -------------------------------------------------------------------------------------------------- */

static bool is_asked_for(const struct xs_address *address)
{
	uint8_t first = address->bytes[0];

	return address->family == XS_IPV6 ? first && first < 0xfe : first && first < 224 && first != 127;
}

static void tell(const struct xs_address *address, const struct answer *expected, const struct answer *got)
{
	char text[XS_PREFIX_TEXT];

	print_message("%s: kernel kind %u vport %u %02x..%02x, here kind %u vport %u %02x..%02x\n",
		      xs_address_text(address, text), expected->kind, expected->vport, expected->dmac[1],
		      expected->dmac[5], got->kind, got->vport, got->dmac[1], got->dmac[5]);
}

static bool has_answer(const struct answer *a, unsigned int count, const struct answer *one)
{
	for (unsigned int i = 0; i < count; i++)
		if (!memcmp(&a[i], one, sizeof(*one)))
			return true;
	return false;
}

static bool same_answers(const struct answer *a, unsigned int count, const struct answer *b, unsigned int others)
{
	for (unsigned int i = 0; i < count; i++)
		if (!has_answer(b, others, &a[i]))
			return false;
	return count == others; /* each stands once */
}

void compare(const struct node *node, unsigned int family, unsigned int count, bool lenient, struct tally *tally)
{
	memset(tally, 0, sizeof(*tally));
	for (unsigned int i = 0; i < count; i++) {
		struct xs_address address = near_address(family);
		struct answer expected[ANSWERS_MAX], got[ANSWERS_MAX];
		unsigned int answers, gots;
		bool whole;

		if (!is_asked_for(&address))
			continue;
		answers = ask_kernel(&address, expected, &whole);
		gots = ask_table(node, &address, got);
		tally->asked++;
		tally->of_kind[got[0].kind]++;
		tally->divided += gots > 1;
		if (same_answers(expected, answers, got, gots) || (!whole && has_answer(got, gots, &expected[0])))
			continue;
		if (lenient && gots == 1 && got[0].kind == XS_NEXTHOP_PUNT)
			tally->punted_only++;
		else if (!tally->different++)
			tell(&address, &expected[0], &got[0]);
	}
}

void expect_none_different(const struct node *node, unsigned int count, bool lenient)
{
	struct tally tally;

	for (unsigned int family = 0; family < XS_FAMILIES; family++) {
		compare(node, family, count, lenient, &tally);
		assert_int_equal(tally.different, 0);
	}
}

void expect_equal(const struct node *node, unsigned int count, const char *when)
{
	struct tally tally;

	for (unsigned int family = 0; family < XS_FAMILIES; family++) {
		compare(node, family, count, false, &tally);
		print_message(
			"%s, IPv%u: %u addresses (%u forwarded, %u punted, %u divided, %u by the edge, %u dropped): %u different\n",
			when, xs_family_at(family), tally.asked, tally.of_kind[XS_NEXTHOP_FORWARD],
			tally.of_kind[XS_NEXTHOP_PUNT], tally.divided, tally.of_kind[XS_NEXTHOP_EDGE],
			tally.of_kind[XS_NEXTHOP_BLACKHOLE], tally.different);
		assert_int_equal(tally.different, 0);
		assert_true(tally.of_kind[XS_NEXTHOP_FORWARD] > tally.asked / 200);
		assert_true(tally.of_kind[XS_NEXTHOP_PUNT] > tally.asked / 20);
	}
}

void random_changes(unsigned int count, bool neighbours)
{
	FILE *batch = ip_batch();

	for (unsigned int i = 0; i < count * XS_FAMILIES; i++) {
		unsigned int slot = rnd() % KEPT, family = i % XS_FAMILIES;

		if (neighbours && rnd() % 50 == 0)
			change_neighbour(batch, family);
		else if (!kept[family][slot].there)
			choose_prefix(family, slot), add_route(batch, family, slot, "add");
		else if (rnd() % 3 == 0)
			add_route(batch, family, slot,
				  (const char *[]){ "replace", "append", "prepend", "add" }[rnd() % 4]);
		else
			remove_route(batch, family, slot);
	}
	pclose(batch);
}
