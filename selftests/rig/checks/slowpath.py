# SPDX-License-Identifier: GPL-2.0-or-later
"""What the slivers' kernels answer: traceroute, path MTU, proxy ARP (R8). As with any Linux router."""
import json
import socket
import time

from lib import figure7, netns, probes, services, wire

from . import Outcome

LINK_MTU, FULL = 1400, 1500
TAGGED = FULL + 14 + 4
BULK = 100
ARP_REQUESTS, ARP_LIMIT = 20, 0.050
WHOLE_PORT = 4200


def device_address(namespace, device):
    shown = json.loads(netns.run("ip", "-n", namespace, "-j", "-4", "address", "show", "dev", device))
    return shown[0]["addr_info"][0]["local"]


def traceroute(net, to, first_sliver, second_hop):
    """first_sliver: the slice whose sliver on R3 must come first; second_hop: the far sliver's address on the link."""
    mux = device_address(net.sliver("R3", first_sliver), "MD")
    path = probes.traceroute(net.name("client"), to)
    want = [mux, second_hop, to]
    return Outcome(
        path == want and mux.startswith("10.255.0."),
        len(path),
        "hops",
        " -> ".join(hop or "*" for hop in path) + ("" if path == want else f" (expected {' -> '.join(want)})"),
    )


def _arrives_whole(net, sender, receiver, to):
    with services.udp_socket(net.name(receiver), port=WHOLE_PORT) as sock:
        sock.settimeout(2.0)
        probes.send_datagram(net.name(sender), to, WHOLE_PORT, FULL)
        try:
            return len(sock.recv(4096)) == FULL - 28
        except socket.timeout:
            return False


def _full_size(net, sender, receiver, to, node, device):
    """BULK unfragmentable full-sized packets: (arrived, bytes by which the node's port counted each)."""
    services.ask(net.name("client"), (figure7.VM5, services.WHO_PORT))
    with services.Sink(net.name(receiver)) as sink:
        before = netns.device_counts(net.name(node), device)
        probes.send_datagram(net.name(sender), to, services.SINK_PORT, FULL, may_fragment=False, count=BULK)
        netns.until(lambda: len(sink.numbers()) >= BULK, 1.0)
        time.sleep(0.05)
        after = netns.device_counts(net.name(node), device)
        packets, size = after[0] - before[0], after[1] - before[1]
        return len(sink.numbers()), size / packets if packets else 0


def pmtu(net):
    """Slice P (vm6 behind P13 at 1400) and slice A (vm5 behind links of 1500)."""
    client, mux = net.name("client"), device_address(net.sliver("R3", "P"), "MD")
    faults = []
    refused = probes.too_big(client, figure7.VM6, FULL)
    if refused != (mux, LINK_MTU):
        faults.append(f"from the client: {refused} instead of {(mux, LINK_MTU)}")
    refused = probes.too_big(net.name("vm6"), figure7.CLIENT, FULL)
    if refused != (figure7.GATEWAY, LINK_MTU):
        faults.append(f"from the VM: {refused} instead of {(figure7.GATEWAY, LINK_MTU)}")
    for namespace in (client, net.name("vm6")):  # the hosts forget what they learned
        netns.run("ip", "-n", namespace, "route", "flush", "cache")
    for sender, receiver, to in (("client", "vm6", figure7.VM6), ("vm6", "client", figure7.CLIENT)):
        if not _arrives_whole(net, sender, receiver, to):
            faults.append(f"a fragmentable packet of {FULL} bytes from {sender} did not arrive whole")
    for sender, receiver, to, node, device in (
        ("client", "vm5", figure7.VM5, "R2", "r3"),
        ("vm5", "client", figure7.CLIENT, "R3", "r2"),
    ):
        arrived, size = _full_size(net, sender, receiver, to, node, device)
        if arrived != BULK or size != TAGGED:
            faults.append(
                f"full-sized packets from {sender} in slice A: {arrived} of {BULK} arrived, "
                f"{size} bytes each at {node}/{device} instead of {TAGGED}"
            )
    return Outcome(
        not faults,
        LINK_MTU,
        "bytes",
        "; ".join(faults)
        or f"refused at {LINK_MTU} by {mux} and {figure7.GATEWAY}; in fragments whole; "
        f"in slice A {FULL} bytes and a tag ({TAGGED} on the wire)",
    )


def proxy_arp(net):
    """Addresses off the link, asked for on both user ports; an address on the link that nobody has stays unanswered."""
    slowest, answered, faults = 0.0, 0, []
    asked = (
        ("client", figure7.CLIENT, [f"10.0.{i}.{i + 10}" for i in range(ARP_REQUESTS)], "192.0.2.77", figure7.EDGE),
        ("vm6", figure7.VM6, [f"192.0.2.{i + 100}" for i in range(ARP_REQUESTS)], "10.0.9.9", figure7.GATEWAY),
    )
    for short, own, addresses, nobody, owner in asked:
        with wire.Port(net.name(short), "eth0") as port:
            first_hop = probes.arp_ask(port, port.mac, own, owner)
            macs = set()
            for address in addresses:
                told = probes.arp_ask(port, port.mac, own, address, timeout=0.5)
                if told:
                    macs.add(told[0])
                    slowest = max(slowest, told[1])
                    answered += told[1] <= ARP_LIMIT
            if not first_hop or macs != {first_hop[0]}:
                faults.append(f"{short}: answers from {sorted(macs)}, first hop is {first_hop}")
            if probes.arp_ask(port, port.mac, own, nobody, timeout=0.2):
                faults.append(f"{short}: somebody answers for {nobody}, which is on the link and nobody's")
    ok = not faults and answered == 2 * ARP_REQUESTS
    return Outcome(
        ok,
        round(slowest * 1000, 3),
        "ms at most",
        f"{answered} of {2 * ARP_REQUESTS} answered within {ARP_LIMIT * 1000:.0f} ms"
        + "".join("; " + fault for fault in faults),
    )
