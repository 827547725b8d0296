/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ethtool.h - offload features of a device by the names that `ethtool -k` and the kernel use ("rx-vlan-hw-parse", ...).
 *
 * And who drives it.
 *
 * socket: any socket of the device's namespace. A change is counted (xs_netlink_changes()).
 */
#ifndef XSLICE_NODE_ETHTOOL_H
#define XSLICE_NODE_ETHTOOL_H

#include <stdbool.h>

struct xs_feature {
	bool active;    /* in force now */
	bool requested; /* wanted; may be out of force where another feature forbids it */
	bool changeable;
};

#define XS_DRIVER_SIZE 32
/* The name of the device's driver; -EOPNOTSUPP, -ENODEV, ... */
int xs_driver_name(int socket, const char *device, char name[XS_DRIVER_SIZE]);

/* -ENOENT: this kernel has no such feature; -EOPNOTSUPP, -ENODEV, ... from the device. */
int xs_feature_get(int socket, const char *device, const char *feature, struct xs_feature *out);

/* Requests; nothing is done if it is requested so already. 0: was so, 1: changed, negative errno. */
int xs_feature_set(int socket, const char *device, const char *feature, bool on);

/* Turns those that the device has off, without looking first; names up to NULL. Counts as one change. */
int xs_features_off(int socket, const char *device, const char *const *features);

#endif
