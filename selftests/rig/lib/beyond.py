# SPDX-License-Identifier: GPL-2.0-or-later
"""What lies behind the exit of figure 7's MUX (R16): a router on the clients' link, with a host's addresses behind it.

      client --- R3 --- beyond        beyond: 192.0.2.254 on the link, 198.51.100.1 behind it; likewise in IPv6
                 |  |
                 P  A

The clients' first hop is then `beyond`, so the MUX's address is written, and slices take what is for the VMs alone."""
from .netns import run

DEVICE = "out"  # R3's port
ROUTER = {4: "192.0.2.254", 6: "2001:db8:0:200::fe"}
HOST = {4: "198.51.100.1", 6: "2001:db8:beef::1"}
ROUTER_MAC = "02:fe:00:00:00:01"


def add(net):
    """The namespace and its wire. Nothing of R3's but a device more, so it may be there long before the exit."""
    net.add("beyond")
    net.host("beyond")
    net.join("beyond", "eth0", "R3", DEVICE, a_mac=ROUTER_MAC)
    net.host_end("beyond", "eth0")
    for addresses in net.families:
        number = addresses.number
        net.address("beyond", "eth0", f"{ROUTER[number]}/{addresses.client_length}")
        net.address("beyond", "lo", f"{HOST[number]}/{32 if number == 4 else 128}")


def definition(net, text):
    """figure7's, or its twin's of both families, with an exit."""
    lists = [("{any: true}", "{destination: 10.0.0.0/16}")]
    edges = ["192.0.2.1"]
    if len(net.families) > 1:
        lists[0] = ("{any: true}", '{destination: 10.0.0.0/16}\n      - {destination: "2001:db8:0:100::/64"}')
        edges.append('"2001:db8:0:200::1"')
    changes = lists + [
        ("      - {name: client}\n", f"      - {{name: client}}\n      - {{name: {DEVICE}}}\n"),
        ("    port: client\n", f"    port: client\n    exit: {DEVICE}\n    address: [{', '.join(edges)}]\n"),
    ]
    for former, new in changes:
        if text.count(former) != 1:
            raise ValueError(f"{former!r} is not there once")
        text = text.replace(former, new)
    return text


def turn_to(net, first_hop):
    """The client's first hop in each of its families: `beyond`, or the edge again."""
    for addresses in net.families:
        hop = ROUTER[addresses.number] if first_hop == "beyond" else addresses.edge
        route = ("default", "via", hop, "dev", "eth0")
        run("ip", "-n", net.name("client"), f"-{addresses.number}", "route", "replace", *route)
