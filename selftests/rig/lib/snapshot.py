# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything of a machine's network that xslice may touch, as text by name, to compare before and after."""
import json
import os
import re

from . import contract, netns
from .netns import inside, run, run_in

SHARED = "machine: "
RUN_ROOT = "/run/xslice"  # what an agent keeps for its successor

# What a link shows that moves by itself.
_MOVING = {
    "stats64",
    "stats",
    "operstate",
    "ifindex",
    "link_index",
    "link_netnsid",
    "carrier_changes",
    "carrier_up_count",
    "carrier_down_count",
    "max_mtu",  # what an XDP program at the other end allows
}


def _links(namespace):
    taken = {}
    for name, link in netns.links(namespace).items():
        taken[f"link {name}"] = json.dumps({k: v for k, v in link.items() if k not in _MOVING}, sort_keys=True)
        features = run_in(namespace, "ethtool", "-k", name, check=False)
        for line in features.splitlines()[1:]:
            feature, _, state = line.strip().partition(": ")
            taken[f"feature {name} {feature}"] = state
    return taken


def _sysctls():
    """net.* of the calling thread's namespace, values that can be read."""
    taken = {}
    for folder, _, files in os.walk("/proc/sys/net"):
        for name in files:
            path = os.path.join(folder, name)
            if re.search(
                r"stable_secret|flush|nf_conntrack_count|random_seed|/dev_weight|netdev_rss_key|warnings", path
            ):
                continue
            try:
                with open(path, encoding="ascii", errors="replace") as file:
                    taken["sysctl " + path[len("/proc/sys/") :]] = file.read().strip()
            except OSError:
                continue
    return taken


def namespace_state(name):
    taken = _links(name)
    taken["addresses"] = re.sub(r"(valid|preferred)_lft \S+", "", run("ip", "-n", name, "-o", "address", "show"))
    taken["addresses"] = re.sub(r"^\d+: ", "", taken["addresses"], flags=re.M)
    for family in ("-4", "-6"):
        taken[f"routes {family}"] = run("ip", "-n", name, family, "route", "show", "table", "all")
        taken[f"rules {family}"] = run("ip", "-n", name, family, "rule", "show")
    taken["permanent neighbours"] = run("ip", "-n", name, "neigh", "show", "nud", "permanent")
    taken["qdiscs"] = run("tc", "-n", name, "qdisc", "show")
    for link in netns.links(name):
        for side in ("ingress", "egress"):
            taken[f"filters {link} {side}"] = run("tc", "-n", name, "filter", "show", "dev", link, side, check=False)
    with inside(name):
        taken.update(_sysctls())
    return taken


def loaded(nodes):
    """(kind, id) of the maps, programs and links in the kernel that nodes have pinned or attached."""
    found = set()
    for name in nodes:
        for folder, _, files in os.walk(f"{contract.PIN_ROOT}/{name}"):
            for pin in files:
                for kind in ("map", "prog", "link"):
                    told = run("bpftool", "-j", kind, "show", "pinned", os.path.join(folder, pin), check=False)
                    if told.startswith("{") and "error" not in (one := json.loads(told)):
                        found.add((kind, one["id"]))
        for link, described in netns.links(name).items():
            if "xdp" in described:
                found.add(("prog", described["xdp"]["prog"]["id"]))
            filters = run("tc", "-n", name, "filter", "show", "dev", link, "ingress", check=False)
            found.update(("prog", int(ident)) for ident in re.findall(r" id (\d+) ", filters))
    return found


def still_loaded(objects):
    left = []
    for kind in ("map", "prog", "link"):
        shown = json.loads(run("bpftool", "-j", kind, "show", check=False) or "[]")
        left += [(kind, one["id"]) for one in shown if (kind, one["id"]) in objects]
    return left


def _below(root):
    found = [root] if os.path.isdir(root) else []
    for folder, folders, files in os.walk(root):
        found += [os.path.join(folder, name) for name in folders + files]
    return "\n".join(sorted(found))


def others(nodes):
    """Nodes of xslice on this machine that are not ours: while they are there, what nodes share is theirs, too."""
    found = set()
    for root in (contract.PIN_ROOT, RUN_ROOT):
        if os.path.isdir(root):
            found.update(name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name)))
    return sorted(found - set(nodes))


def take(nodes):
    """What nodes hold (their namespaces are named as they are), and what xslice may leave elsewhere on the machine."""
    taken = {}
    for name in nodes:
        for key, value in namespace_state(name).items():
            taken[f"{name}: {key}"] = value
        for root in (contract.PIN_ROOT, RUN_ROOT):
            taken[f"below {root}/{name}"] = _below(f"{root}/{name}")
        slivers = [one for one in netns.names() if one.startswith((f"xs.{name}.", f"xs.{name}@"))]
        taken[f"{name}: slivers"] = "\n".join(slivers)
    if others(nodes):
        return taken
    for key, value in _sysctls().items():
        taken[f"{SHARED}{key}"] = value
    for root in (contract.PIN_ROOT, RUN_ROOT):
        taken[f"{SHARED}below {root}"] = _below(root)
    return taken


def differences(before, after):
    """Lines that tell what differs. What all nodes share is compared where it was taken both times."""
    lines = []
    for key in sorted(before.keys() | after.keys()):
        if key.startswith(SHARED) and not (key in before and key in after):
            continue
        old, new = before.get(key, "(absent)"), after.get(key, "(absent)")
        if old == new:
            continue
        old_lines, new_lines = set(old.splitlines()), set(new.splitlines())
        gone, come = sorted(old_lines - new_lines), sorted(new_lines - old_lines)
        lines.append(f"{key}: gone {gone}, come {come}")
    return lines
