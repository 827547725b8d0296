/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ethtool.c - see ethtool.h. */
#include "loader/node/ethtool.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "loader/node/netlink.h"

#define FEATURES_MAX 256
#define WORDS        (FEATURES_MAX / 32)

struct strings {
	struct ethtool_gstrings head;
	char name[FEATURES_MAX][ETH_GSTRING_LEN];
};

struct values {
	struct ethtool_gfeatures head;
	struct ethtool_get_features_block word[WORDS];
};

static int ethtool(int socket, const char *device, void *command)
{
	struct ifreq request = {};

	if (strlen(device) >= sizeof(request.ifr_name))
		return -ENODEV;
	strcpy(request.ifr_name, device);
	request.ifr_data = command;
	return ioctl(socket, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

int xs_driver_name(int socket, const char *device, char name[XS_DRIVER_SIZE])
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	int err = ethtool(socket, device, &info);

	if (!err)
		snprintf(name, XS_DRIVER_SIZE, "%.31s", info.driver);
	return err;
}

/* The list of names is the kernel's, one for all devices, so it is read once. */
static struct strings *known;

static int find_feature(int socket, const char *device, const char *feature)
{
	struct {
		struct ethtool_sset_info head;
		uint32_t count;
	} size = { .head = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_FEATURES } };
	struct strings *strings;
	int err;

	if (!known) {
		err = ethtool(socket, device, &size);
		if (err)
			return err;
		if (!size.head.sset_mask || size.count > FEATURES_MAX)
			return -EPROTO;
		strings = calloc(1, sizeof(*strings));
		if (!strings)
			return -ENOMEM;
		strings->head.cmd = ETHTOOL_GSTRINGS;
		strings->head.string_set = ETH_SS_FEATURES;
		strings->head.len = size.count;
		err = ethtool(socket, device, strings);
		if (err) {
			free(strings);
			return err;
		}
		known = strings;
	}
	for (uint32_t i = 0; i < known->head.len; i++)
		if (!strncmp(known->name[i], feature, ETH_GSTRING_LEN))
			return (int)i;
	return -ENOENT;
}

int xs_feature_get(int socket, const char *device, const char *feature, struct xs_feature *out)
{
	struct values values = { .head = { .cmd = ETHTOOL_GFEATURES, .size = WORDS } };
	int index = find_feature(socket, device, feature), err;
	const struct ethtool_get_features_block *word;
	uint32_t bit;

	if (index < 0)
		return index;
	err = ethtool(socket, device, &values);
	if (err)
		return err;
	word = &values.head.features[index / 32];
	bit = 1u << index % 32;
	out->active = word->active & bit;
	out->requested = word->requested & bit;
	out->changeable = word->available & bit && !(word->never_changed & bit);
	return 0;
}

int xs_feature_set(int socket, const char *device, const char *feature, bool on)
{
	struct {
		struct ethtool_sfeatures head;
		struct ethtool_set_features_block word[WORDS];
	} request = { .head = { .cmd = ETHTOOL_SFEATURES } };
	struct xs_feature now;
	int index, err;

	err = xs_feature_get(socket, device, feature, &now);
	if (err)
		return err;
	if (now.requested == on)
		return 0;
	if (!now.changeable)
		return -EOPNOTSUPP;
	index = find_feature(socket, device, feature);
	request.head.size = (known->head.len + 31) / 32; /* no other is accepted */
	request.head.features[index / 32].valid = 1u << index % 32;
	request.head.features[index / 32].requested = on ? 1u << index % 32 : 0;
	err = ethtool(socket, device, &request);
	if (err)
		return err;
	xs_netlink_count_change();
	return 1;
}

int xs_features_off(int socket, const char *device, const char *const *features)
{
	struct {
		struct ethtool_sfeatures head;
		struct ethtool_set_features_block word[WORDS];
	} request = { .head = { .cmd = ETHTOOL_SFEATURES } };
	int err;

	for (; *features; features++) {
		int index = find_feature(socket, device, *features);

		if (index < 0 && index != -ENOENT)
			return index;
		if (index >= 0)
			request.head.features[index / 32].valid |= 1u << index % 32;
	}
	request.head.size = (known->head.len + 31) / 32;
	err = ethtool(socket, device, &request);
	if (!err)
		xs_netlink_count_change();
	return err;
}
