/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_paging_offload.c - translation by tc of what only an skb knows: checksums that the card was to finish, packets
 * of many segments, and sums that the card has made (CHECKSUM_COMPLETE). Real skbs, over veths in a namespace of the
 * test's own; both families; by the ports and, on the slow path, by both ends of an uplink.
 *
 *     users' end u ── u' tc_port    tc_port w' ── w the WAN's end
 *     sliver's end s tc_uplink ── s' tc_sliver    o' ── o
 *
 * What leaves by w', u' and o' is seen at w, u and o. There all must be as a host would have it: addresses mapped, the
 * partial checksum the sum of the new pseudo-header, segments as they were; and with all offloads of the leaving device
 * off, frames that are finished.
 */
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "selftests/bpf/front.skel.h"
#include "selftests/bpf/offload_packet.h"
#include "selftests/bpf/paged.h"

#ifndef BPF_F_TEST_SKB_CHECKSUM_COMPLETE
#define BPF_F_TEST_SKB_CHECKSUM_COMPLETE (1U << 2)
#endif
#define LINK    14
#define SEGMENT 1000

enum { TCP = 6, UDP = 17 };
enum device { USERS, USERS_PORT, WAN, WAN_PORT, SLIVER, SLIVER_PORT, OUT, OUT_PORT, DEVICES };
static const char *const names[DEVICES] = { "u", "uport", "w", "wport", "s", "sport", "o", "oport" };

struct scene {
	struct paged *paged;
	int before; /* the namespace that the process was in */
	uint32_t ifindex[DEVICES];
	int socket[DEVICES]; /* of those where frames are put in, or come out */
};

/* ---- the scene --------------------------------------------------------------------------------------------------- */

static void command(const char *text)
{
	if (system(text))
		fail_msg("%s", text);
}

/* The first at the device, or one behind it. */
static void attach(struct scene *scene, enum device device, const struct bpf_program *program, unsigned int priority)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = scene->ifindex[device], .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(program), .handle = 1, .priority = priority);

	if (priority == 1)
		assert_int_equal(bpf_tc_hook_create(&hook), 0);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
}

static void make_devices(struct scene *scene)
{
	char text[256];

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	command("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
	for (int i = 0; i < DEVICES; i += 2) {
		snprintf(text, sizeof(text),
			 "ip link add %s up mtu 9000 type veth peer name %s && ip link set %s up mtu 9000", names[i],
			 names[i + 1], names[i + 1]);
		command(text);
	}
	for (int i = 0; i < DEVICES; i++) {
		scene->ifindex[i] = if_nametoindex(names[i]);
		assert_in_range(scene->ifindex[i], 1, XS_IFINDEX_MAX - 1);
		scene->socket[i] = offload_open(scene->ifindex[i]);
	}
}

/* The fixture's ports and vports are these devices. */
static void use_devices(struct scene *scene)
{
	struct fixture *fixture = scene->paged->fixture;
	const struct {
		uint32_t port, vport;
		enum device device;
	} ports[] = { { PORT_PAGED, VPORT_P, USERS_PORT }, { PORT_WAN, VPORT_W, WAN_PORT } };
	const uint32_t uplink = VPORT_U;
	struct xs_vport vport;
	struct xs_port port;

	for (size_t i = 0; i < 2; i++) {
		const uint32_t ifindex = scene->ifindex[ports[i].device];

		assert_int_equal(xs_node_maps_get(&fixture->maps, XS_MAP_port, ports[i].port, &port), 0);
		port.ifindex = ifindex;
		port.flags |= XS_PORT_LOCAL_STACK | XS_PORT_BY_TC;
		fixture_put(fixture, XS_MAP_port, ports[i].port, &port);
		fixture_put(fixture, XS_MAP_port_of_ifindex, ifindex, &ports[i].port);
		assert_int_equal(xs_node_maps_get(&fixture->maps, XS_MAP_vport, ports[i].vport, &vport), 0);
		vport.port_ifindex = vport.veth = ifindex;
		fixture_put(fixture, XS_MAP_vport, ports[i].vport, &vport);
	}
	fixture_put(fixture, XS_MAP_vport_of_ifindex, scene->ifindex[SLIVER_PORT], &uplink);
	xs_node_maps_nexthop(&fixture->maps)[HOP_P].ifindex = scene->ifindex[USERS_PORT];
	xs_node_maps_nexthop(&fixture->maps)[HOP_W].ifindex = scene->ifindex[WAN_PORT];
}

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct front_bpf *skeleton;

	assert_non_null(scene);
	scene->before = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(scene->before >= 0);
	scene->paged = paged_new(false);
	skeleton = scene->paged->fixture->skeleton;
	make_devices(scene);
	use_devices(scene);
	attach(scene, USERS_PORT, skeleton->progs.tc_port, 1);
	attach(scene, WAN_PORT, skeleton->progs.tc_port, 1);
	attach(scene, SLIVER, skeleton->progs.tc_uplink, 1);
	attach(scene, SLIVER_PORT, skeleton->progs.tc_sliver, 1);
	/* What the last two leave to the kernel, which would route it. */
	skeleton->bss->show_at = scene->ifindex[OUT_PORT];
	attach(scene, SLIVER, skeleton->progs.front_show, 2);
	attach(scene, SLIVER_PORT, skeleton->progs.front_show, 2);
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	for (int i = 0; i < DEVICES; i++)
		close(scene->socket[i]);
	assert_int_equal(setns(scene->before, CLONE_NEWNET), 0); /* the other goes, with all in it */
	close(scene->before);
	paged_free(scene->paged);
	free(scene);
	return 0;
}

/* ---- packets ----------------------------------------------------------------------------------------------------- */

static const struct offload_case cases[] = {
	{ "TCP, finished", TCP, 500, 0, false, false },
	{ "TCP, partial", TCP, 500, 0, true, false },
	{ "TCP, segments", TCP, 3700, SEGMENT, true, false },
	{ "TCP, segments, the last is full", TCP, 3000, SEGMENT, true, false },
	{ "UDP, finished", UDP, 500, 0, false, false },
	{ "UDP, none", UDP, 500, 0, false, true },
	{ "UDP, partial", UDP, 501, 0, true, false },
	{ "UDP, segments", UDP, 3700, SEGMENT, true, false },
};

/* ---- ways -------------------------------------------------------------------------------------------------------- */

/* A way through one program: where a packet goes in and comes out, and what its addresses become. */
struct way {
	const char *name;
	enum device in, leaves, out;
	uint32_t vport; /* whose MAC it is sent to */
	bool sliver;    /* ... of the inner end */
	const char *source, *destination, *source_becomes, *destination_becomes;
};

static const struct way ways[] = {
	{ "inward", USERS, WAN_PORT, WAN, VPORT_P, false, "10.20.0.9", "10.21.0.9", "100.64.0.9", "100.65.0.9" },
	{ "outward", WAN, USERS_PORT, USERS, VPORT_W, false, "100.65.0.9", "100.64.0.9", "10.21.0.9", "10.20.0.9" },
	{ "inward by the uplink", SLIVER, OUT_PORT, OUT, VPORT_U, false, "10.20.0.9", "10.22.7.9", "100.64.0.9",
	  "198.18.9.9" },
	{ "outward by the uplink", SLIVER_PORT, OUT_PORT, OUT, VPORT_U, true, "198.18.9.9", "100.64.0.9", "10.22.7.9",
	  "10.20.0.9" },
};

#define WAYS  (sizeof(ways) / sizeof(*ways))
#define CASES (sizeof(cases) / sizeof(*cases))

static void address_to(const struct way *way, uint8_t mac[6])
{
	memcpy(mac, way->sliver ? (const uint8_t[]){ 0x02, 0xbb, 0, 0, 0, way->vport } : fixture_mac(way->vport), 6);
}

static void expect_addresses(const struct frame *frame, const struct way *way, int family)
{
	struct frame_spec spec = {};
	struct frame want;

	frame_addresses(&spec, family, way->source_becomes, way->destination_becomes);
	frame_build(&want, &spec);
	if (family == XS_FAMILY4)
		assert_memory_equal(frame->data + LINK + 12, want.data + LINK + 12, 8);
	else
		assert_memory_equal(frame->data + LINK + 8, want.data + LINK + 8, 32);
	assert_true(frame_checksum_right(frame));
}

/* One packet as it went in, but for its addresses; what was left to the card still is. */
static void expect_whole(const struct offload_packet *in, const struct offload_packet *out, const struct offload_case *test)
{
	const size_t at = frame_transport(&in->frame);

	assert_int_equal(out->frame.length, in->frame.length);
	assert_int_equal(out->head.gso_type, in->head.gso_type);
	assert_int_equal(out->head.gso_size, in->head.gso_size);
	assert_int_equal(out->head.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, in->head.flags);
	if (test->partial) {
		assert_int_equal(out->head.csum_start, in->head.csum_start);
		assert_int_equal(out->head.csum_offset, in->head.csum_offset);
		assert_int_equal(frame_word(&out->frame, frame_checksum_at(&out->frame, test->protocol)),
				 frame_pseudo_sum(&out->frame, test->protocol));
	} else {
		assert_true(offload_is_finished(&out->frame, test));
	}
	assert_memory_equal(out->frame.data + at + 20, in->frame.data + at + 20, in->frame.length - at - 20);
}

/* Frames that are finished, with all of the packet's payload between them. */
static void expect_frames(struct scene *scene, const struct offload_packet *in, const struct offload_packet *first,
			  const struct way *way, const struct offload_case *test, int family)
{
	const size_t from = offload_payload_at(&in->frame, test->protocol);
	struct offload_packet out = *first;

	for (size_t done = 0; done < test->payload;) {
		const size_t here = out.frame.length - from;

		expect_addresses(&out.frame, way, family);
		assert_int_equal(out.head.gso_type, VIRTIO_NET_HDR_GSO_NONE);
		assert_int_equal(out.head.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, 0);
		assert_true(offload_is_finished(&out.frame, test));
		assert_in_range(here, 1, test->segment ? test->segment : test->payload);
		assert_memory_equal(out.frame.data + from, in->frame.data + from + done, here);
		done += here;
		if (done < test->payload)
			assert_true(offload_receive(scene->socket[way->out], &out));
	}
}

static void run_all(struct scene *scene, bool offloads)
{
	struct offload_packet in, out;
	uint8_t mac[6];

	for (size_t k = 0; k < WAYS * CASES * XS_FAMILIES; k++) {
		const struct way *way = &ways[k / CASES / XS_FAMILIES];
		const struct offload_case *test = &cases[k / XS_FAMILIES % CASES];
		const int family = k % XS_FAMILIES;

		if (test->none && family == XS_FAMILY6)
			continue; /* no UDP there is without */
		address_to(way, mac);
		offload_build(&in, test, family, way->source, way->destination, mac);
		offload_send(scene->socket[way->in], &in);
		if (!offload_receive(scene->socket[way->out], &out))
			fail_msg("%s, %s, family %d: nothing comes out", way->name, test->name, family);
		print_message("%s, %s, family %d\n", way->name, test->name, family);
		if (offloads) {
			expect_addresses(&out.frame, way, family);
			expect_whole(&in, &out, test);
		} else {
			expect_frames(scene, &in, &out, way, test, family);
		}
	}
}

static void what_is_left_to_the_card_stays_left_to_it(void **state)
{
	run_all(*state, true);
}

static void what_leaves_by_a_plain_device_is_finished(void **state)
{
	char text[128];

	for (size_t i = 0; i < WAYS; i++) {
		snprintf(text, sizeof(text), "ethtool -K %s tx off tso off gso off tx-udp-segmentation off >/dev/null",
			 names[ways[i].leaves]);
		command(text);
	}
	run_all(*state, false);
}

/* ---- segments ---------------------------------------------------------------------------------------------------- */

/* It is the segments that have to fit where a packet leaves, in both directions; and they count, where it arrives and
 * where it ends. */
static void segments_have_to_fit(void **state)
{
	static const struct {
		uint32_t port, vport;
		const char *source, *destination;
	} narrow[] = { { PORT_PAGED, VPORT_P, "10.20.0.9", "10.21.4.9" },
		       { PORT_WAN, VPORT_W, "100.65.0.9", "100.64.4.9" } };
	static const struct offload_case test = { "TCP", TCP, 2000, 0, true, false }; /* where the MTU is 600 */
	struct paged *paged = paged_new(false);

	for (size_t k = 0; k < 2 * XS_FAMILIES; k++) {
		const size_t way = k / XS_FAMILIES;
		const int family = k % XS_FAMILIES;
		const size_t most = 600 - (family == XS_FAMILY4 ? 40 : 60);

		for (size_t size = most; size <= most + 1; size++) {
			const uint64_t arrivals = fixture_sum_arrivals(paged->fixture),
				       verdicts = fixture_sum_verdicts(paged->fixture);
			struct xs_port port;
			struct offload_packet packet;

			assert_int_equal(xs_node_maps_get(&paged->fixture->maps, XS_MAP_port, narrow[way].port, &port),
					 0);
			port.flags |= XS_PORT_LOCAL_STACK | XS_PORT_BY_TC; /* tc sees it first */
			fixture_put(paged->fixture, XS_MAP_port, narrow[way].port, &port);
			offload_build(&packet, &test, family, narrow[way].source, narrow[way].destination,
			      fixture_mac(narrow[way].vport));
			assert_int_equal(fixture_run_tc(paged->fixture, narrow[way].port, &packet.frame, size),
					 TC_ACT_REDIRECT);
			/* To the next hop, or into the sliver. */
			assert_int_equal(packet.frame.data[1], size == most ? 0xcc : 0xbb);
			assert_int_equal(fixture_sum_arrivals(paged->fixture) - arrivals,
					 2); /* as the fixture says of every such packet */
			assert_int_equal(fixture_sum_verdicts(paged->fixture) - verdicts, 2);
		}
	}
	paged_free(paged);
}

/* ---- sums that the card has made --------------------------------------------------------------------------------- */

/* The kernel gives the skb the sum of all behind the link header, and afterwards compares. -EINVAL: this kernel cannot
 * (before 6.11). */
static int run_complete(const struct bpf_program *program, struct frame *frame)
{
	static struct frame out;
	struct __sk_buff skb = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->data, .data_size_in = frame->length,
		    .data_out = out.data, .data_size_out = sizeof(out.data), .repeat = 1, .ctx_in = &skb,
		    .ctx_size_in = sizeof(skb), .flags = BPF_F_TEST_SKB_CHECKSUM_COMPLETE);
	int err = bpf_prog_test_run_opts(bpf_program__fd(program), &opts);

	if (!err)
		assert_true(opts.retval == TC_ACT_REDIRECT || (int)opts.retval == TC_ACT_UNSPEC);
	return err;
}

struct summed {
	const char *name;
	struct frame_spec spec;
	uint8_t icmp; /* as in test_paging.c: an error of this type (IPv4; of IPv6 it is type 1), with a quote */
	bool none;    /* UDP's checksum 0 */
	bool slow;    /* by the uplink alone */
};

/* clang-format off */
static const struct summed summed[] = {
	{"TCP", {.protocol = 6, .payload = 100}, 0, false, false},
	{"UDP", {.protocol = 17, .payload = 101}, 0, false, false},
	{"UDP without", {.protocol = 17, .payload = 100}, 0, true, false},
	{"ESP", {.protocol = 50, .payload = 100}, 0, false, false},
	{"a later fragment", {.protocol = 17, .payload = 104, .fragment = 0x0010}, 0, false, false},
	{"an error", {.payload = 60}, 3, false, true},
};
/* clang-format on */

static void build_summed(struct frame *frame, const struct summed *test, int family, const struct way *way)
{
	struct frame_spec spec = test->spec, quoted = {};
	struct frame quote;

	address_to(way, spec.destination_mac);
	if (test->icmp) {
		spec.protocol = family == XS_FAMILY4 ? 1 : 58;
		spec.source_port = (family == XS_FAMILY4 ? test->icmp : 1) << 8;
	}
	frame_addresses(&spec, family, way->source, way->destination);
	frame_build(frame, &spec);
	if (test->none)
		frame_put_word(frame, frame_checksum_at(frame, UDP), 0);
	if (!test->icmp)
		return;
	frame_addresses(&quoted, family, way->destination, way->source);
	frame_build(&quote, &quoted);
	memcpy(frame->data + frame_transport(frame) + 8, quote.data + LINK, 60);
}

static void sums_of_the_card_stay_right(void **state)
{
	struct scene *scene = *state;
	struct front_bpf *skeleton = scene->paged->fixture->skeleton;
	const struct bpf_program *programs[WAYS] = { skeleton->progs.front_port, skeleton->progs.front_port,
						     skeleton->progs.front_sliver, skeleton->progs.tc_uplink };
	const uint32_t ports[2] = { PORT_PAGED, PORT_WAN }, uplink = VPORT_U;
	const uint32_t loopback = 1;
	struct frame frame;
	unsigned int wrong = 0;

	fixture_put(scene->paged->fixture, XS_MAP_vport_of_ifindex, loopback, &uplink);
	for (size_t k = 0; k < WAYS * sizeof(summed) / sizeof(*summed) * XS_FAMILIES; k++) {
		const size_t w = k / XS_FAMILIES % WAYS;
		const struct summed *test = &summed[k / XS_FAMILIES / WAYS];
		const int family = k % XS_FAMILIES;
		int err;

		if ((test->none && family == XS_FAMILY6) || (test->slow && w < 2))
			continue;
		if (w < 2)
			fixture_put(scene->paged->fixture, XS_MAP_port_of_ifindex, loopback, &ports[w]);
		build_summed(&frame, test, family, &ways[w]);
		err = run_complete(programs[w], &frame);
		if (err == -EINVAL)
			skip();
		if (!err)
			continue;
		print_error("%s, %s, family %d: %s\n", ways[w].name, test->name, family, strerror(-err));
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_left_to_the_card_stays_left_to_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_leaves_by_a_plain_device_is_finished, set_up, tear_down),
		cmocka_unit_test(segments_have_to_fit),
		cmocka_unit_test_setup_teardown(sums_of_the_card_stay_right, set_up, tear_down),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, NULL, NULL);
}
