/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_address.c - addresses, prefixes and MACs: text, order, containment, arithmetic, both families. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "loader/base/address.h"

static struct xs_prefix prefix(const char *text)
{
	struct xs_prefix out;

	memset(&out, 0xee, sizeof(out));
	assert_int_equal(xs_prefix_parse(text, &out), 0);
	return out;
}

static struct xs_address address(const char *text)
{
	struct xs_address out;

	memset(&out, 0xee, sizeof(out));
	assert_int_equal(xs_address_parse(text, &out), 0);
	return out;
}

static void test_text_of_addresses(void **state)
{
	static const char *const good[][2] = {
		{ "10.0.0.5", "10.0.0.5" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "2001:db8::1", "2001:db8::1" },
		{ "2001:DB8:0:0::1", "2001:db8::1" },
		{ "::", "::" },
	};
	static const char *const bad[] = {
		"",     "10.0.0", "10.0.0.256", "10.0.0.05",  "10.0.0.5 ", " 10.0.0.5", "10.0.0.5/32",
		"g::1", "1:2:3",  ":::",        "0x0a.0.0.1",
	};
	struct xs_address unchanged, out;
	char text[XS_PREFIX_TEXT];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		out = address(good[i][0]);
		assert_string_equal(xs_address_text(&out, text), good[i][1]);
	}
	memset(&unchanged, 0x5a, sizeof(unchanged));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		out = unchanged;
		assert_int_equal(xs_address_parse(bad[i], &out), -EINVAL);
		assert_memory_equal(&out, &unchanged, sizeof(out));
	}
	memset(&out, 0, sizeof(out));
	assert_string_equal(xs_address_text(&out, text), "none");
}

static void test_text_of_prefixes(void **state)
{
	static const char *const good[][2] = {
		{ "10.0.0.0/16", "10.0.0.0/16" },     { "10.0.0.5", "10.0.0.5/32" },
		{ "0.0.0.0/0", "0.0.0.0/0" },         { "10.0.0.128/25", "10.0.0.128/25" },
		{ "2001:db8::/33", "2001:db8::/33" }, { "::1", "::1/128" },
	};
	static const char *const bad[] = {
		"10.0.0.0/33",
		"10.0.0.0/",
		"10.0.0.0/-1",
		"10.0.0.0/+8",
		"10.0.0.0/08",
		"10.0.0.0/8/8",
		"/8",
		"10.0.0.0/ 8",
		"2001:db8::/129",
		"10.0.0.0/8x",
		"10.0.0.0/4294967304",
		"1111111111111111111111111111111111111111111111111111111111111111111111111/8",
	};
	static const char *const host_bits[] = { "10.0.0.1/24", "10.0.0.64/25", "128.0.0.0/0", "2001:db8::1/64" };
	struct xs_prefix unchanged, out;
	char text[XS_PREFIX_TEXT];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		out = prefix(good[i][0]);
		assert_string_equal(xs_prefix_text(&out, text), good[i][1]);
	}
	memset(&unchanged, 0x5a, sizeof(unchanged));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		out = unchanged;
		assert_int_equal(xs_prefix_parse(bad[i], &out), -EINVAL);
		assert_memory_equal(&out, &unchanged, sizeof(out));
	}
	for (i = 0; i < sizeof(host_bits) / sizeof(host_bits[0]); i++) {
		out = unchanged;
		assert_int_equal(xs_prefix_parse(host_bits[i], &out), -ERANGE);
		assert_memory_equal(&out, &unchanged, sizeof(out));
	}
}

static void test_text_of_macs(void **state)
{
	static const char *const bad[] = { "",
					   "52:54:00:00:00",
					   "52:54:00:00:00:055",
					   "52-54-00-00-00-05",
					   "52:54:00:00:0g:05",
					   "52:54:00:00:00:5",
					   "52:54:00:00:00:05 " };
	struct xs_mac mac, unchanged = { { 1, 2, 3, 4, 5, 6 } };
	char text[XS_PREFIX_TEXT];
	size_t i;

	assert_int_equal(xs_mac_parse("52:54:00:aB:Cd:05", &mac), 0);
	assert_string_equal(xs_mac_text(&mac, text), "52:54:00:ab:cd:05");
	assert_false(xs_mac_is_multicast(&mac));
	assert_int_equal(xs_mac_parse("01:00:5e:00:00:01", &mac), 0);
	assert_true(xs_mac_is_multicast(&mac));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		mac = unchanged;
		assert_int_equal(xs_mac_parse(bad[i], &mac), -EINVAL);
		assert_memory_equal(&mac, &unchanged, sizeof(mac));
	}
}

static void test_equality_is_memcmp(void **state)
{
	struct xs_address host = address("10.1.2.3");
	struct xs_prefix masked = xs_prefix_mask(&host, 21), written = prefix("10.1.0.0/21");

	assert_memory_equal(&masked, &written, sizeof(masked));
	masked = xs_prefix_of_host(&host);
	written = prefix("10.1.2.3");
	assert_memory_equal(&masked, &written, sizeof(masked));
	host = address("2001:db8:ffff:ffff::1");
	masked = xs_prefix_mask(&host, 35);
	written = prefix("2001:db8:e000::/35");
	assert_memory_equal(&masked, &written, sizeof(masked));
	masked = xs_prefix_mask(&host, 0);
	written = prefix("::/0");
	assert_memory_equal(&masked, &written, sizeof(masked));
}

static void test_containment(void **state)
{
	struct xs_prefix p16 = prefix("10.0.0.0/16"), p24 = prefix("10.0.7.0/24"), other = prefix("10.1.0.0/24");
	struct xs_prefix p25 = prefix("10.0.7.128/25"), all = prefix("0.0.0.0/0"), all6 = prefix("::/0");
	struct xs_address inside = address("10.0.7.200"), six = address("::1"), no_address = { 0 };
	struct xs_prefix none = { 0 };

	assert_false(xs_prefix_contains(&none, &no_address));
	assert_false(xs_prefix_covers(&none, &none));
	assert_false(xs_prefix_contains(&none, &inside));
	assert_true(xs_prefix_contains(&p16, &inside));
	assert_true(xs_prefix_contains(&p25, &inside));
	assert_true(xs_prefix_contains(&all, &inside));
	assert_false(xs_prefix_contains(&other, &inside));
	assert_false(xs_prefix_contains(&all, &six));
	assert_false(xs_prefix_contains(&all6, &inside));
	assert_true(xs_prefix_covers(&p16, &p24));
	assert_true(xs_prefix_covers(&p24, &p24));
	assert_false(xs_prefix_covers(&p24, &p16));
	assert_false(xs_prefix_covers(&all6, &p24));
	assert_true(xs_prefix_overlaps(&p24, &p16));
	assert_true(xs_prefix_overlaps(&p16, &p24));
	assert_false(xs_prefix_overlaps(&p16, &other));
}

static void test_nth(void **state)
{
	struct xs_prefix p30 = prefix("10.1.2.0/30"), p24 = prefix("10.1.255.0/24"), six = prefix("2001:db8::ff00/120");
	struct xs_prefix all = prefix("0.0.0.0/0");
	struct xs_address out, expected, unchanged;

	assert_int_equal(xs_prefix_nth(&p30, 2, &out), 0);
	expected = address("10.1.2.2");
	assert_memory_equal(&out, &expected, sizeof(out));
	assert_int_equal(xs_prefix_nth(&p24, 255, &out), 0);
	unchanged = out;
	assert_int_equal(xs_prefix_nth(&p30, 4, &out), -ERANGE);
	assert_int_equal(xs_prefix_nth(&p24, 256, &out), -ERANGE);
	assert_int_equal(xs_prefix_nth(&p24, UINT32_MAX, &out), -ERANGE);
	assert_memory_equal(&out, &unchanged, sizeof(out));
	assert_int_equal(xs_prefix_nth(&all, 0x0a000001, &out), 0);
	expected = address("10.0.0.1");
	assert_memory_equal(&out, &expected, sizeof(out));
	assert_int_equal(xs_prefix_nth(&six, 0x7f, &out), 0);
	expected = address("2001:db8::ff7f");
	assert_memory_equal(&out, &expected, sizeof(out));
}

/* R13, R14: ends of links; and what hosts may have. */
static void test_ends_and_hosts(void **state)
{
	static const struct {
		const char *subnet, *first, *second; /* NULL: there is no room */
		uint32_t hosts;
	} cases[] = {
		{ "10.1.2.0/24", "10.1.2.1", "10.1.2.2", 254 },
		{ "10.1.2.4/30", "10.1.2.5", "10.1.2.6", 2 },
		{ "10.1.2.4/31", "10.1.2.4", "10.1.2.5", 0 },
		{ "10.1.2.4/32", NULL, NULL, 0 },
		{ "0.0.0.0/0", "0.0.0.1", "0.0.0.2", UINT32_MAX - 1 },
		{ "2001:db8::/64", "2001:db8::1", "2001:db8::2", UINT32_MAX },
		{ "2001:db8::4/126", "2001:db8::5", "2001:db8::6", 3 },
		{ "2001:db8::4/127", "2001:db8::4", "2001:db8::5", 1 },
		{ "2001:db8::4/128", NULL, NULL, 0 },
		{ "2001:db8::/95", "2001:db8::1", "2001:db8::2", UINT32_MAX },
		{ "2001:db8::/96", "2001:db8::1", "2001:db8::2", UINT32_MAX },
		{ "2001:db8::/97", "2001:db8::1", "2001:db8::2", 0x7fffffff },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct xs_prefix subnet = prefix(cases[i].subnet);
		const char *ends[2] = { cases[i].first, cases[i].second };

		assert_int_equal(xs_prefix_hosts(&subnet), cases[i].hosts);
		for (unsigned int end = 0; end < 2; end++) {
			struct xs_address out = address("192.0.2.1"), expected = out;

			if (ends[end])
				expected = address(ends[end]);
			assert_int_equal(xs_prefix_end(&subnet, end, &out), ends[end] ? 0 : -ERANGE);
			assert_memory_equal(&out, &expected, sizeof(out));
		}
	}
}

static void test_order(void **state)
{
	static const char *const ascending[] = {
		"0.0.0.0/0",   "9.0.0.0/8",   "10.0.0.0/8", "10.0.0.0/16",
		"10.0.0.0/32", "10.0.1.0/24", "::/0",       "2001:db8::/32",
	};
	size_t i, j, count = sizeof(ascending) / sizeof(ascending[0]);
	struct xs_address low = address("9.255.0.0"), high = address("10.0.0.0");

	for (i = 0; i < count; i++) {
		for (j = 0; j < count; j++) {
			struct xs_prefix a = prefix(ascending[i]), b = prefix(ascending[j]);
			int order = xs_prefix_compare(&a, &b);

			assert_int_equal(order < 0 ? -1 : order > 0, i < j ? -1 : i > j);
		}
	}
	assert_true(xs_address_compare(&low, &high) < 0);
	assert_int_equal(xs_address_compare(&low, &low), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_of_addresses),
		cmocka_unit_test(test_text_of_prefixes),
		cmocka_unit_test(test_text_of_macs),
		cmocka_unit_test(test_equality_is_memcmp),
		cmocka_unit_test(test_containment),
		cmocka_unit_test(test_nth),
		cmocka_unit_test(test_ends_and_hosts),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
