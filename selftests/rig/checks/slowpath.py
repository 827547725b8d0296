# SPDX-License-Identifier: GPL-2.0-or-later
"""What the slivers' kernels answer: traceroute, path MTU, proxy ARP (R8). As with any Linux router."""
import json
import socket
import time

from lib import figure7, frames, netns, probes, services, wan, wire

from . import Outcome

LINK_MTU, FULL = 1400, 1500
TAGGED = FULL + 14 + 4
BULK = 100
QUIET_TRIES = 5
ARP_REQUESTS, ARP_LIMIT = 20, 0.050
WHOLE_PORT = 4200
ROUTER_LIMIT = 10.0  # an answer may wait 0.5 s, and 3 s after the last advertisement


def device_address(namespace, device, at):
    """Its own, of the family, not link-local."""
    shown = json.loads(
        netns.run("ip", "-n", namespace, "-j", f"-{at.number}", "address", "show", "dev", device, "scope", "global")
    )
    return next(one["local"] for link in shown for one in link.get("addr_info", ()))


def traceroute(net, to, first_sliver, second_hop, at=figure7.V4):
    """first_sliver: the slice whose sliver on R3 must come first; second_hop: the far sliver's address on the link."""
    mux = device_address(net.sliver("R3", first_sliver), "MD", at)
    path = probes.traceroute(net.name("client"), to)
    want = [mux, second_hop, to]
    return Outcome(
        path == want and mux.startswith(at.mux),
        len(path),
        "hops",
        " -> ".join(hop or "*" for hop in path) + ("" if path == want else f" (expected {' -> '.join(want)})"),
    )


def traceroute_paged(net, to, at=figure7.V4):
    """By paging slivers are no hops: the gateways are, and in their name the WAN's routers answer."""
    mux = device_address(net.sliver("R3", "P"), "MD", at)
    path = probes.traceroute(net.name("client"), to)
    want = [mux] + [at.edge] * wan.between("R3", "R1") + [at.gateway, to]
    return Outcome(
        path == want,
        len(path),
        "hops",
        " -> ".join(hop or "*" for hop in path) + ("" if path == want else f" (expected {' -> '.join(want)})"),
    )


def _arrives_whole(net, sender, receiver, to):
    """A full-sized datagram that routers may cut; of IPv6 one that the host cuts itself, once it was told how small."""
    six = frames.is_ipv6(to)
    with services.udp_socket(net.name(receiver), services.ANY, WHOLE_PORT) as sock:
        sock.settimeout(0.5)
        for _ in range(4):
            if six:
                with services.udp_socket(net.name(sender), to=to) as talker:
                    talker.sendto(bytes(FULL - frames.headers(to)), (to, WHOLE_PORT))
            else:
                probes.send_datagram(net.name(sender), to, WHOLE_PORT, FULL)
            try:
                return len(sock.recv(4096)) == FULL - frames.headers(to)
            except socket.timeout:
                continue
        return False


def _full_size(net, sender, receiver, to, node, device, at):
    """BULK unfragmentable full-sized packets: (arrived, bytes by which the node's port counted each). Anew if something else crossed the
    wire meanwhile, a question for a neighbour, say."""
    services.ask(net.name("client"), (at.vm5, services.WHO_PORT))
    for _ in range(QUIET_TRIES):
        arrived, counted, size = _bulk(net, sender, receiver, to, node, device)
        if counted <= BULK:
            break
    return arrived, size / counted if counted else 0


def _bulk(net, sender, receiver, to, node, device):
    """(packets that arrived, frames and bytes that came in by the node's port)"""
    with services.Sink(net.name(receiver)) as sink:
        before = netns.device_counts(net.name(node), device)
        probes.send_datagram(net.name(sender), to, services.SINK_PORT, FULL, may_fragment=False, count=BULK)
        netns.until(lambda: len(sink.numbers()) >= BULK, 1.0)
        time.sleep(0.05)
        after = netns.device_counts(net.name(node), device)
        return len(sink.numbers()), after[0] - before[0], after[1] - before[1]


def pmtu_paged(net, at=figure7.V4):
    """Behind a wire of 1400 bytes between two routers of the WAN, which knows neither users nor slices."""
    faults = []
    for short, to, owner in (("client", at.vm6, at.edge), ("vm6", at.client, at.gateway)):
        refused = probes.too_big(net.name(short), to, FULL)
        if refused != (owner, wan.NARROW_MTU):
            faults.append(f"from {short}: {refused} instead of {(owner, wan.NARROW_MTU)}")
        netns.run("ip", "-n", net.name(short), f"-{at.number}", "route", "flush", "cache")
    for sender, receiver, to in (("client", "vm6", at.vm6), ("vm6", "client", at.client)):
        if not _arrives_whole(net, sender, receiver, to):
            faults.append(f"a fragmentable packet of {FULL} bytes from {sender} did not arrive whole")
    detail = f"refused at {wan.NARROW_MTU} by routers of the WAN, in the name of {at.edge} and {at.gateway}; in fragments whole"
    return Outcome(not faults, wan.NARROW_MTU, "bytes", "; ".join(faults) or detail)


def pmtu(net, at=figure7.V4):
    """Slice P (vm6 behind P13 at 1400) and slice A (vm5 behind links of 1500)."""
    client, mux = net.name("client"), device_address(net.sliver("R3", "P"), "MD", at)
    faults = []
    refused = probes.too_big(client, at.vm6, FULL)
    if refused != (mux, LINK_MTU):
        faults.append(f"from the client: {refused} instead of {(mux, LINK_MTU)}")
    refused = probes.too_big(net.name("vm6"), at.client, FULL)
    if refused != (at.gateway, LINK_MTU):
        faults.append(f"from the VM: {refused} instead of {(at.gateway, LINK_MTU)}")
    for namespace in (client, net.name("vm6")):  # the hosts forget what they learned
        netns.run("ip", "-n", namespace, f"-{at.number}", "route", "flush", "cache")
    for sender, receiver, to in (("client", "vm6", at.vm6), ("vm6", "client", at.client)):
        if not _arrives_whole(net, sender, receiver, to):
            faults.append(f"a fragmentable packet of {FULL} bytes from {sender} did not arrive whole")
    for sender, receiver, to, node, device in (
        ("client", "vm5", at.vm5, "R2", "r3"),
        ("vm5", "client", at.client, "R3", "r2"),
    ):
        arrived, size = _full_size(net, sender, receiver, to, node, device, at)
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
        or f"refused at {LINK_MTU} by {mux} and {at.gateway}; in fragments whole; "
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


def routers_advertised(net):
    """What IPv6 has in place of proxy ARP: who asks for routers on either user port is told of one, which has the first hop's MAC."""
    slowest, faults = 0.0, []
    for short, first_hop in (("client", figure7.V6.edge), ("vm6", figure7.V6.gateway)):
        told = probes.solicit_router(net.name(short), "eth0", ROUTER_LIMIT)
        if not told or not told[1]:
            faults.append(f"{short}: told of {told}")
            continue
        slowest = max(slowest, told[2])
        macs = {address: netns.first_hop_mac(net.name(short), "eth0", address) for address in (told[0], first_hop)}
        if len(set(macs.values())) != 1 or None in macs.values():
            faults.append(f"{short}: {macs}")
    return Outcome(
        not faults,
        round(slowest * 1000, 1),
        "ms at most",
        "; ".join(faults) or "the edge and the gateway each advertise themselves, by the MAC of their own address",
    )
