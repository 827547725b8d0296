# SPDX-License-Identifier: GPL-2.0-or-later
"""Which way packets go: R24 to R26. Counted by the kernel's own counters of the wires and by xslice's of the ports."""
import time

from lib import figure7, netns, probes, services

from . import Outcome

FLOW = 1000
NOISE = 10  # ARP and the like on a wire that no packet of the flow should take


def ping(net, to, count=20):
    times = probes.ping(net.name("client"), to, count)
    detail = f"{len(times)} of {count} echoes came back" + (
        f", fastest after {min(times) * 1e6:.0f} us" if times else ""
    )
    return Outcome(len(times) == count, len(times), "echoes", detail)


def _rx(net, node, device):
    return netns.device_counts(net.name(node), device)[0], net.port_counts(node).get(device, (0, 0))[0]


def route(net, vm, to, through, beside, port=services.SINK_PORT):
    """Sends a flow from the client and looks where it leaves R3: every packet to `through`, none to `beside`."""
    namespace, client = net.name(vm), net.name("client")
    services.ask(client, (to, services.WHO_PORT), timeout=1.0)  # neighbours are known from here on
    with services.Sink(namespace, port=port) as sink:
        before = {node: _rx(net, node, "r3") for node in (through, beside)}
        sock = services.udp_socket(client, to=to)
        sock.connect((to, port))
        services.send_many(sock, [number.to_bytes(8, "big") for number in range(FLOW)])
        sock.close()
        netns.until(lambda: len(sink.numbers()) >= FLOW, 1.0)
        time.sleep(0.05)
        got = len(set(sink.numbers()))
    seen = {
        node: [after - first for after, first in zip(_rx(net, node, "r3"), before[node])] for node in (through, beside)
    }
    ok = got == FLOW and all(n >= FLOW for n in seen[through]) and all(n <= NOISE for n in seen[beside])
    return Outcome(
        ok,
        got,
        "packets",
        f"{got} of {FLOW} arrived in {vm}; on the wire to {through} the kernel counted {seen[through][0]} "
        f"(xslice {seen[through][1]}), to {beside} {seen[beside][0]} (xslice {seen[beside][1]})",
    )


def both_alive(net, in_p, in_a, to=figure7.VM5, questions=50):
    """R24: the same address at the same time in both slices; the answers tell the VMs apart."""
    target = (to, services.WHO_PORT)
    with services.Questions(net.sliver("R3", "P"), target, 0.01) as p, services.Questions(
        net.sliver("R3", "A"), target, 0.01
    ) as a:
        netns.until(lambda: len(p.answers) >= questions and len(a.answers) >= questions, netns.PATIENCE)
    ok = set(p.by_name()) == {in_p} and set(a.by_name()) == {in_a} and min(len(p.answers), len(a.answers)) >= questions
    return Outcome(
        ok,
        len(p.answers) + len(a.answers),
        "answers",
        f"{to} asked at the same time from P3 and from A3: {p.by_name()} and {a.by_name()}",
    )


def lost_by_switch(net, domain, in_p, in_a, at=figure7.V4, flips=120, rate=4000):
    """Switches to and fro in the middle of a stream while both VMs live: what one did not get, the other got, once."""
    target = (at.vm5, services.SINK_PORT)
    with services.Sink(net.name(in_p)) as sink_p, services.Sink(net.name(in_a)) as sink_a, services.Stream(
        net.name("client"), target, rate
    ) as stream:
        time.sleep(0.2)
        done = 0
        slowest = 0.0
        for flip in range(flips):
            begin = time.monotonic()
            domain.switch("vm5", "AP"[(flip + 1) % 2])
            slowest = max(slowest, time.monotonic() - begin)
            done += 1
            time.sleep(0.005)
        time.sleep(0.1)
        stream.stop()
        netns.until(lambda: len(sink_p.numbers()) + len(sink_a.numbers()) >= stream.sent, 1.0)
        time.sleep(0.1)
        p, a = list(sink_p.numbers()), list(sink_a.numbers())
    unique = set(p) | set(a)
    lost, doubled = stream.sent - len(unique), len(p) + len(a) - len(unique)
    side = dict.fromkeys(p, "P") | dict.fromkeys(a, "A")
    ordered = [side[number] for number in sorted(side)]
    turns = sum(x != y for x, y in zip(ordered, ordered[1:]))
    ok = lost == 0 and doubled == 0 and done >= 100 and turns >= 100 and bool(p) and bool(a)
    return Outcome(
        ok,
        lost,
        "packets lost",
        f"{done} switches, {turns} turns in a stream of {stream.sent}: {len(p)} in P + {len(a)} in A, "
        f"{lost} lost, {doubled} doubled; slowest xslice switch {slowest * 1000:.0f} ms",
    )
