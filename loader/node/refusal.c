// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * refusal.c - see refusal.h. A bpf_link is refused with a number only. Netlink's answer has the kernel's or the
 * driver's sentence besides ("... while host is implementing GRO_HW/CSUM"), so the program is offered once more that
 * way.
 */
#include "loader/node/refusal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "loader/node/datapath_private.h"
#include "loader/node/ethtool.h"

#define SAID "Kernel error message: "

static char sentence[128];

static int keep_sentence(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char text[256];
	const char *found;

	vsnprintf(text, sizeof(text), format, arguments);
	found = strstr(text, SAID);
	if (found) {
		snprintf(sentence, sizeof(sentence), "%.127s", found + strlen(SAID));
		sentence[strcspn(sentence, "\n")] = '\0';
	}
	return 0;
}

static void ask(uint32_t ifindex, int program, uint32_t mode)
{
	libbpf_print_fn_t former = libbpf_set_print(keep_sentence);
	LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = program);

	sentence[0] = '\0';
	/* Taken after all: it was a moment's refusal. The next apply will have it. */
	if (!bpf_xdp_attach(ifindex, program, XDP_FLAGS_UPDATE_IF_NOEXIST | mode, NULL))
		bpf_xdp_detach(ifindex, mode, &options);
	libbpf_set_print(former);
}

int xs_explain_refusal(uint32_t ifindex, int program, bool generic, int err, char *error)
{
	char device[IF_NAMESIZE], driver[XS_DRIVER_SIZE] = "?";
	int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	xs_device_name(ifindex, device);
	if (socket_fd >= 0) {
		xs_driver_name(socket_fd, device, driver);
		close(socket_fd);
	}
	ask(ifindex, program, generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	if (!generic && err == -EOPNOTSUPP && (!sentence[0] || strstr(sentence, "does not support XDP")))
		return xs_explain(error, err, "interface %s: driver %s has no native XDP; add `mode: generic`", device,
				  driver);
	return xs_explain(error, err, "interface %s: driver %s refuses XDP in %s mode: %s%s%s%s", device, driver,
			  generic ? "generic" : "native", strerror(-err), sentence[0] ? ": " : "", sentence,
			  generic ? "" : " (or add `mode: generic`)");
}

/* Debian 12's. Programs that take frags, which are jumbo frames, came with 5.18. */
#define OLDEST_MAJOR 6
#define OLDEST_MINOR 1

static bool is_older(const char *release)
{
	unsigned int major, minor;

	return sscanf(release, "%u.%u", &major, &minor) == 2 &&
	       (major < OLDEST_MAJOR || (major == OLDEST_MAJOR && minor < OLDEST_MINOR));
}

int xs_explain_kernel(int err, const char *complaint, const char *release, char *error)
{
	char age[96] = "";

	if (is_older(release))
		snprintf(age, sizeof(age), " %.40s, older than the %u.%u that xslice needs,", release, OLDEST_MAJOR,
			 OLDEST_MINOR);
	return xs_explain(error, err, "the kernel%s refuses the datapath: %s (%s)", age, strerror(-err), complaint);
}

const char *xs_device_name(uint32_t ifindex, char buf[IF_NAMESIZE])
{
	if (!if_indextoname(ifindex, buf))
		snprintf(buf, IF_NAMESIZE, "#%u", ifindex);
	return buf;
}

int xs_device_busy(const char *where, uint32_t ifindex, uint32_t id, char *error)
{
	char device[IF_NAMESIZE], name[16] = "?";

	xs_program_name(id, name);
	return xs_explain(error, -EBUSY, "%s carries the %s program %.15s (id %u), which is not xslice's",
			  xs_device_name(ifindex, device), where, name, id);
}
