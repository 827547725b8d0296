# SPDX-License-Identifier: GPL-2.0-or-later
"""What a node holds, as text by name: its namespaces with devices, addresses, routes, neighbours, sysctls and programs, and its
maps. Two forms.

meaning(): in names, to compare a node that came to its definition by a long way with one that came to it at once. exact(): with
every number and bit, to compare a node with itself."""
import json
import os
import re

from . import netns
from .netns import inside, run
from .snapshot import RUN_ROOT
from .tables import Tables
from .wan import PROTOCOL

_CONF = re.compile(r"^net/ipv[46]/(conf|neigh)/")
# What the kernel counts, or tells of others' doings.
_MOVING = {
    "stats64",
    "stats",
    "operstate",
    "carrier_changes",
    "carrier_up_count",
    "carrier_down_count",
    "link_netnsid",
    "link_netns",
    "max_mtu",
    "xdp",
    "valid_life_time",
    "preferred_life_time",
}
_NUMBERS = {"ifindex", "link_index"}
# That of the kernel's own loopback address, beside the local one: it comes or not, as lo was up or IPv6 was on first.
_LOOPBACK = re.compile(r"^::1 dev lo proto kernel ")
_OF_IPV6 = re.compile(r"^sysctl net/ipv6/(?:conf|neigh)/([^/]+)/(?!disable_ipv6$)")


def _json(*words):
    return json.loads(run(*words) or "[]")


def _without(value, keys):
    if isinstance(value, dict):
        return {key: _without(one, keys) for key, one in sorted(value.items()) if key not in keys}
    return [_without(one, keys) for one in value] if isinstance(value, list) else value


def _links(namespace, exact, whole):
    taken = {}
    for link in _json("ip", "-n", namespace, "-j", "-d", "address", "show"):
        kept = _without(link, _MOVING if exact else _MOVING | _NUMBERS)
        kept["flags"] = sorted(set(kept["flags"]) - {"NO-CARRIER", "LOWER_UP", "M-DOWN"})
        addresses = kept.pop("addr_info")
        if link["ifname"] == "lo" and not exact:  # none of them is a source of packets: their order means nothing
            addresses.sort(key=str)
        if not exact and not whole and link["ifname"] != "lo":
            kept.pop("address")  # of a port: its own; of the node's end of a veth: random, and nobody's, as it sends nothing
            addresses = [one for one in addresses if one["family"] != "inet6"]
        taken[f"link {link['ifname']}"] = json.dumps(kept)
        taken[f"addresses of {link['ifname']}"] = "\n".join(json.dumps(one) for one in addresses)
    return taken


def _routes(namespace, exact, whole):
    """whole: all of them; else those that xslice has made in a namespace that is not its own."""
    taken = {}
    for family in ("-4", "-6"):
        lines = [line.strip() for line in run("ip", "-n", namespace, family, "route", "show", "table", "all").splitlines()]
        lines = [line.replace(" linkdown", "") for line in lines]
        lines = [line for line in lines if exact or not _LOOPBACK.match(line)]
        lines = [line for line in lines if exact or whole or f" proto {PROTOCOL} " in f"{line} "]
        taken[f"routes {family}"] = "\n".join(sorted(re.sub(r"\s*expires \S+", "", line) for line in lines))
    return taken


def neighbours(namespace):
    """(device, address) -> MAC, of those that the kernel knows."""
    return {
        (one["dev"], one["dst"]): one["lladdr"]
        for one in _json("ip", "-n", namespace, "-j", "neigh", "show")
        if one.get("lladdr")
    }


def _is_idle(key, taken):
    """Is this a setting of IPv6 for a device that has none, or for a namespace where none has? What it was set to before stays there."""
    found = _OF_IPV6.match(key)
    device = found and ("lo" if found[1] in ("all", "default") else found[1])
    return device and taken.get(f"sysctl net/ipv6/conf/{device}/disable_ipv6") == "1"


def _sysctls(exact):
    """Of the calling thread's namespace, those that the devices' behaviour depends on."""
    taken = {}
    for root in ("net/ipv4/conf", "net/ipv4/neigh", "net/ipv6/conf", "net/ipv6/neigh"):
        for folder, _, files in os.walk(f"/proc/sys/{root}"):
            for name in files:
                path = os.path.join(folder, name)
                if name.endswith("stable_secret"):
                    continue
                with open(path, encoding="ascii", errors="replace") as file:
                    taken[f"sysctl {path[len('/proc/sys/'):]}"] = file.read().strip()
    with open("/proc/sys/net/ipv4/icmp_errors_use_inbound_ifaddr", encoding="ascii") as file:
        taken["sysctl icmp_errors_use_inbound_ifaddr"] = file.read().strip()
    return taken if exact else {key: value for key, value in taken.items() if not _is_idle(key, taken)}


def _programs(exact):
    taken = {}
    told = json.loads(run("bpftool", "-j", "net", "show"))[0]
    for hook in ("xdp", "tc"):
        for one in told[hook]:
            key = f"program {hook} {one['devname']} {one.get('kind') or one.get('mode')}"
            taken[key] = str(one.get("name", "")).partition(":[")[0] + (f" id {one.get('prog_id', one.get('id'))}" if exact else "")
    return taken


def namespace(name, exact, whole=True):
    """whole: it is ours; else a node's, of which the neighbours are its own."""
    taken = _links(name, exact, whole)
    taken.update(_routes(name, exact, whole))
    taken["qdiscs"] = "\n".join(sorted(run("tc", "-n", name, "qdisc", "show").splitlines()))
    if whole:
        taken["permanent neighbours"] = "\n".join(
            sorted(run("ip", "-n", name, "neigh", "show", "nud", "permanent").splitlines())
        )
    with inside(name):
        taken.update(_sysctls(exact))
        taken.update(_programs(exact))
    return taken


def spaces(name):
    """The namespaces of a node's slivers and edges."""
    return [one for one in netns.names() if one.startswith((f"xs.{name}.", f"xs.{name}@"))]


def _names(name):
    return {link["ifindex"]: device for device, link in netns.links(name).items()}


def _kernel(name, exact):
    taken = {}
    for one in [name, *spaces(name)]:
        for key, value in namespace(one, exact, one != name).items():
            taken[f"{one}: {key}"] = value
        if exact:
            taken[f"{one}: namespace"] = str(os.stat(f"{netns.RUN}/{one}").st_ino)
    return taken


def _files(name):
    """The node's journal, without the order in which things were made; what it asks of the neighbour tables' limits, which themselves are
    those of all nodes of the machine (lib/snapshot.py looks at them)."""
    taken = {}
    for path, own in ((f"{RUN_ROOT}/{name}/journal", ""), (f"{RUN_ROOT}/neighbour-limits", f"node {name} ")):
        try:
            with open(path, encoding="ascii") as file:
                taken[path] = "\n".join(sorted(line for line in file.read().splitlines() if line.startswith(own)))
        except FileNotFoundError:
            taken[path] = "(absent)"
    return taken


def tables_of(name):
    return {f"map {key}": value for key, value in Tables(name, _names(name)).meaning().items()}


def exact(name, loose=()):
    """Everything of a node, with every number and bit. loose: ids of slices whose other ends may have changed meanwhile, so that it
    does not count whom they know there."""
    taken = {**_kernel(name, True), **_files(name)}
    for (which, key), raw in Tables(name).reachable(loose).items():
        taken[f"map {which} {key}"] = raw.hex()
    return taken


def meaning(name, prefix):
    """Everything of a node, in names; prefix: the rig's, which is taken out of them."""
    taken = _kernel(name, False)
    taken.update(tables_of(name))
    own = re.compile(rf"\b{re.escape(prefix)}(?=R\d)")
    return {own.sub("", key): own.sub("", value) for key, value in taken.items()}


def differences(before, after, ignore=None):
    """Lines that tell what differs; ignore: a pattern for names that do not count."""
    lines = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key, "(absent)"), after.get(key, "(absent)")
        if old == new or (ignore and re.search(ignore, key)):
            continue
        old_lines, new_lines = old.splitlines(), new.splitlines()
        gone = [line for line in old_lines if line not in new_lines]
        come = [line for line in new_lines if line not in old_lines]
        lines.append(f"{key}: gone {gone[:6]}, come {come[:6]}" if gone or come else f"{key}: another order: {old_lines} {new_lines}")
    return lines
