# SPDX-License-Identifier: GPL-2.0-or-later
"""Definitions that change: figure 7 and a slice Q that nobody touches, ports and a cable for what comes and goes beside them
(random_changes.py).

      hq1 - R1:q1 =Q= R2:q2 - hq2        R1:c1, R2:c2, R3:c3, R3:c4: ports for what comes and goes
                                         R1:x2 - R2:x1: a second cable
"""
import json

from . import families, figure7

STEADY = ("P", "A", "Q")
HOSTS = (("hq1", "R1", "q1", 1), ("hq2", "R2", "q2", 2))
SUBNETS = {4: ("10.40.{}.", 24), 6: ("2001:db8:40:{}::", 64)}  # of these hosts
SPARE = {"R1": ("c1",), "R2": ("c2",), "R3": ("c3", "c4")}


def raise_hosts(net, hosts):
    """hosts: as HOSTS is."""
    for host, node, device, number in hosts:
        net.add(host)
        net.host(host)
        net.join(node, device, host, "eth0")
        net.host_end(host, "eth0")
        for addresses in net.families:
            start, length = SUBNETS[addresses.number]
            net.address(host, "eth0", f"{start.format(number)}2/{length}", f"{start.format(number)}1")


def raise_more(net):
    """The wires of a Figure7 that these definitions need besides; hosts behind q1 and q2."""
    raise_hosts(net, HOSTS)
    net.add("spare")
    net.quiet("spare")
    for node, devices in SPARE.items():
        for device in devices:
            net.join(node, device, "spare", device)
    net.join("R1", "x2", "R2", "x1")


def hosts(family):
    """Addresses of the hosts behind Q, by name."""
    return {host: f"{SUBNETS[family][0].format(number)}2" for host, _, _, number in HOSTS}


def first(dual=False):
    """dual: in both families."""
    with open(figure7.EXAMPLE.replace(".yaml", ".json"), encoding="utf-8") as file:
        domain = json.load(file)
    domain = domain.get("xslice:domain", domain.get("domain", domain))
    nodes = {node["name"]: node for node in domain["node"]}
    for _, node, device, _ in HOSTS:
        nodes[node]["port"].append({"name": device})
    for node, devices in SPARE.items():
        nodes[node]["port"] += [{"name": device} for device in devices]
    nodes["R1"]["port"].append({"name": "x2", "peer": "R2/x1"})
    nodes["R2"]["port"].append({"name": "x1", "peer": "R1/x2"})
    domain["slice"].append(
        {
            "name": "Q",
            "vrf": [{"name": "Q1", "node": "R1"}, {"name": "Q2", "node": "R2"}],
            "link": [{"name": "Q12", "ends": ["Q1", "Q2"], "subnet": "10.41.0.0/30"}],
            "gateway": [
                {"name": "GQ1", "vrf": "Q1", "port": "q1", "subnet": "10.40.1.0/24"},
                {"name": "GQ2", "vrf": "Q2", "port": "q2", "subnet": "10.40.2.0/24"},
            ],
        }
    )
    domain["filter"].insert(0, {"name": "few", "condition": [{"destination": "10.60.0.0/24"}]})
    if dual:
        families.add_twins(domain)
    return domain


def named(entries, name):
    return next(one for one in entries if one["name"] == name)
