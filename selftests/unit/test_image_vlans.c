/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_image_vlans.c - users' VLANs in an image: taken as they are written, and every way of being wrong refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "loader/model/domain.h"
#include "maps/contract.h"
#include "selftests/unit/image_fixture.h"

/* Ports 5 and 6 are VLANs 30 and 31 on port 1, which has links; virtual port 350 is a gateway at port 5. */
static uint8_t *with_vlans(size_t *size)
{
	const struct xs_rec_vport gateway = {
		.head = image_head(XS_REC_VPORT),
		.id = 350,
		.kind = XS_VPORT_GATEWAY,
		.slice = 7,
		.port = 5,
		.vid = 30,
		.mtu = 1400,
		.name = "GV",
		.mac = image_mac(8),
		.length = { 16 },
		.address = { image_address("10.9.0.1") },
	};
	struct xs_rec_port vlan = {
		.head = image_head(XS_REC_PORT),
		.id = 5,
		.user = 1,
		.name = "users",
		.interface = "eth0",
		.mtu = 1400,
		.on = 1,
		.vid = 30,
	};
	struct xs_image_writer *writer = image_good_writer();
	void *bytes = NULL;

	image_add(writer, &gateway);
	image_add(writer, &vlan);
	vlan.id = 6;
	vlan.vid = 31;
	image_add(writer, &vlan);
	assert_int_equal(xs_image_writer_finish(writer, &bytes, size), 0);
	xs_image_writer_free(writer);
	return bytes;
}

static const struct image_mutation mutations[] = {
	IMAGE_MUTATE(PORT, port, 5, vid, 32, NULL),
	IMAGE_MUTATE(PORT, port, 5, vid, 30, "two take the same frames"),
	IMAGE_MUTATE(PORT, port, 5, vid, 100, "two take the same frames"), /* a link's label */
	IMAGE_MUTATE(PORT, port, 5, vid, 9, "has one of them"), /* of the labels that port 1 reserves */
	IMAGE_MUTATE(PORT, port, 4, vid, 32, "another VLAN"),
	IMAGE_MUTATE(PORT, port, 4, vid, 0, "a VLAN of users"),
	IMAGE_MUTATE(PORT, port, 5, vid, XS_VID_MAX + 1, "a VLAN of users"),
	IMAGE_MUTATE(PORT, port, 5, on, 0, "a VLAN of users"),
	IMAGE_MUTATE(PORT, port, 5, on, 9, "a VLAN of users"),
	IMAGE_MUTATE(PORT, port, 5, on, 5, "a VLAN of users"), /* on a VLAN */
	IMAGE_MUTATE(PORT, port, 5, on, 2, "a VLAN of users"), /* another interface */
	IMAGE_MUTATE(PORT, port, 0, exit, 1, "port: number"),
	IMAGE_MUTATE(PORT, port, 0, vid, 32, "a VLAN of users"),
	IMAGE_MUTATE(PORT, port, 5, labelled, 1, "a VLAN of users"),
	IMAGE_MUTATE(PORT, port, 5, mtu, 1501, "a VLAN of users"),
	IMAGE_MUTATE(PORT, port, 5, mode, XS_MODE_GENERIC, "a VLAN of users"),
	IMAGE_MUTATE(PORT, port, 5, attach, XS_ATTACH_SHARED, "a VLAN of users"),
	IMAGE_MUTATE(PORT, port, 5, stack, XS_STACK_LOCAL, "a VLAN of users"),
	IMAGE_BYTE(PORT, port, 5, interface, 0, 'x', "a VLAN of users"),
	IMAGE_BYTE(PORT, port, 5, pad, 1, 1, "port: number"),
	IMAGE_MUTATE(VPORT, vport, 3, vid, 30, "another VLAN"), /* a MUX's frames are the edge's to send */
	IMAGE_MUTATE(VPORT, vport, 4, vid, 0, "another VLAN"),
	IMAGE_MUTATE(VPORT, vport, 4, vid, 31, "another VLAN"),
	IMAGE_MUTATE(VPORT, vport, 4, port, 6, "another VLAN"),
};

static void test_refuse(void **state)
{
	size_t size;
	uint8_t *bytes = with_vlans(&size);

	image_refuse_all(bytes, size, mutations, sizeof(mutations) / sizeof(mutations[0]));
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_refuse) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
