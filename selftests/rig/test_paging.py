#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Figure 7 by paging, over a WAN of plain routers with a real routing daemon on each: the definition is the one of segmentation but
for one word."""
import signal
import sys

import test_trace
from checks import isolation, lifecycle
from lib import figure7, netns, probes, rigtest, services, snapshot, wan

# Whose hosts are behind a gateway or a MUX: they are routed as a whole.
SUBNETS = ("10.0.0.0/16", "192.0.2.0/24", "2001:db8:0:100::/64", "2001:db8:0:200::/64")
PAGED = ("implementation: segmentation", "implementation: paging")


def definition(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert text.count(PAGED[0]) == 1, "the word is not there, or more than once"
    return text.replace(*PAGED)


def main():
    families = (figure7.V4, figure7.V6)
    net = figure7.Figure7("tg", families, wan.ROUTERS, wan.WIRES)
    routers = wan.Wan(net, rigtest.folder("test_paging"))
    with netns.alone(), rigtest.Rig(
        "test_paging", "tg", definition(figure7.DUAL), bare=True, net=net, prepare=lambda _: routers.start()
    ) as rig:
        try:
            return rig_cases(rig, routers)
        finally:
            routers.stop()


# Of both families: the far end of link P12, where slice P has no sliver, and an address on it that nobody has.
LINK_ENDS = (("10.1.2.2", "10.1.2.77"), ("2001:db8:1:2::2", "2001:db8:1:2::77"))


def traced(trace, pages, at, link):
    """Through the WAN, which is one hop, whatever there is in it."""
    there = trace.one("R3", "client", "--from", at.client, "--to", at.vm5, "--protocol", "tcp")
    there.goes("delivered", "R3", "WAN", "R1", text="port pdc").says(0, "route", "dev wan, for gateway GWP", "name: GWP")
    client, vm5 = (isolation.mapped(pages, "P", address) for address in (at.client, at.vm5))
    there.says(0, "map", f"{at.client} -> {at.vm5} is {client} -> {vm5} in the WAN").says(0, "emit", "untagged, WAN port ")
    there.says(1, "wan", f"{isolation.mapped_page(pages, 'P', at.vm5)} is on {trace.net.name('R1')}")
    there.says(2, "map", f"{client} -> {vm5} is {at.client} -> {at.vm5} in slice P")
    there.says(2, "ingress", "WAN port r3", "{name: r3, peer").says(2, "emit", "gateway GWP of slice P, to ", "name: GWP")
    assert {hop["by"] for hop in there.hops if hop["node"] != test_trace.WAN} == {"xdp"}, there.packet
    back = trace.one("R1", "pdc", "--from", at.vm5, "--to", at.client)
    back.goes("delivered", "R1", "WAN", "R3", text="port client").says(2, "route", "for clients of MUX MD", "clients:")
    trace.one("R3", "client", "--from", at.client, "--to", at.vm5, "--ttl", 1).goes("answered", "R3", text="sliver P3 of slice P")
    last = trace.one("R3", "client", "--from", at.client, "--to", at.vm5, "--ttl", 2)
    last.goes("answered", "R3", "WAN", "R1", text="sliver P1 of slice P answers").says(2, "route", "dev GWP")
    trace.one("R1", "pdc", "--from", at.vm5, "--to", link[0]).goes("local", "R1", "WAN", text=f"node {trace.net.name('R2')} itself")
    trace.one("R1", "pdc", "--from", at.vm5, "--to", link[1]).goes("answered", "R1", text="own instance, which answers: unreachable")
    of_a = isolation.mapped(pages, "A", at.client)
    dropped = trace.one("R1", "pdc", "--from", at.vm5, "--to", of_a).goes("dropped", "R1", text="wan-address")
    dropped = trace.one("R1", "r3", "--from", of_a, "--to", vm5).goes("dropped", "R1", text="foreign-page")
    dropped.says(0, "map", "drop foreign-page")
    trace.one("R1", "r3", "--from", of_a, "--to", client).goes("host", "R1")


def rig_cases(rig, routers):
    net = rig.net
    nodes = [net.name(node) for node in figure7.NODES]
    before = snapshot.take(nodes)

    def mapped():
        pages = rig.domain.plan(rig.definition)["pages"]
        return [mapped for of in pages.values() for own, mapped in of.items() if own in SUBNETS]

    def ping(address, source="client"):
        assert len(probes.ping(net.name(source), address, 10, 0.01)) == 10, f"{address} does not answer all pings of {source}"

    def who(want):
        for addresses in (figure7.V4, figure7.V6):
            found = services.ask(net.name("client"), (addresses.vm5, services.WHO_PORT))
            assert found == want, f"{found} answers instead of {want}"

    def apply():
        rig.domain.start()
        rig.domain.apply(rig.definition)

    def routed():
        lacking = routers.lacking(mapped())
        assert not lacking, f"no routes: {lacking[:5]}"

    def traceroute():
        for addresses, via in ((figure7.V4, "10.255.0.2"), (figure7.V6, "2001:db8:0:ff::2")):
            path = probes.traceroute(net.name("client"), addresses.vm5)
            want = [via] + [addresses.edge] * wan.between("R3", "R1") + [addresses.gateway, addresses.vm5]
            assert path == want, f"{path} instead of {want}"

    def switch():
        session = services.Session(net.name("client"), (figure7.VM5, services.ECHO_PORT))
        netns.until(lambda: session.exchanges >= 20 or session.failure, 5)
        net.move("vm5", "ADC")
        rig.domain.switch("vm5", "A")
        before = session.exchanges
        netns.until(lambda: session.exchanges >= before + 20 or session.failure, 10)
        session.stop(25)
        assert session.exchanges >= before + 20 and not session.wrong, f"{session.exchanges - before} exchanges, {session.failure}"
        who("vm5")

    def tcp():
        session = services.Session(net.name("client"), (figure7.VM5, services.ECHO_PORT))
        netns.until(lambda: session.exchanges >= 20 or session.failure, 5)
        session.stop(25)
        assert session.exchanges >= 20 and not session.wrong, f"{session.exchanges} exchanges, {session.failure}"

    def told():
        return next(one["text"] for one in rig.domain.command("show")[1]["node"] if one["node"] == net.name("R1"))

    def tells(spoil, mend, *parts):
        """What is wrong in the node's own namespace is told, not set right, and no more told once it is right."""

        def look():
            rig.domain.agents["R1"].send_signal(signal.SIGHUP)
            return told()

        spoil()
        try:
            assert netns.until(lambda: all(part in look() for part in ("WARNING", *parts)), netns.PATIENCE), told()
            _, _, said = rig.domain.command("apply", rig.definition)
            assert all(part in said for part in (f"node {net.name('R1')}: WARNING", *parts)), said
        finally:
            mend()
        assert netns.until(lambda: look() == "in force", netns.PATIENCE), told()

    def advice():
        node = net.name("R1")
        for key in ("ipv4/conf/all/forwarding", "ipv6/conf/all/forwarding"):
            name = "net.ipv4.ip_forward" if "ipv4" in key else "net.ipv6.conf.all.forwarding"
            tells(lambda key=key: netns.sysctl(node, f"net/{key}", 0), lambda key=key: netns.sysctl(node, f"net/{key}", 1), name)
        words = ("address", "add", "100.127.0.1/24", "dev", "r3")
        tells(
            lambda: netns.run_in(node, "ip", *words),
            lambda: netns.run_in(node, "ip", words[0], "del", *words[2:]),
            "address 100.127.0.1 of device r3 lies in 100.64.0.0/10",
        )

    def trace():
        for at, link in zip((figure7.V4, figure7.V6), LINK_ENDS):
            traced(test_trace.Trace(rig), rig.domain.plan(rig.definition)["pages"], at, link)

    return rigtest.run_cases(
        [
            ("apply", apply),
            ("pages_are_routed", routed),
            ("ping_ipv4", lambda: ping(figure7.V4.vm5)),
            ("ping_ipv6", lambda: ping(figure7.V6.vm5)),
            ("who_answers", lambda: who("vm5")),
            ("tcp", tcp),
            ("traceroute", traceroute),
            ("trace", trace),
            ("advice", advice),
            ("second_apply_writes_nothing", lambda: rig.hold(lifecycle.writes_nothing(rig.domain, rig.definition))),
            ("move_and_switch", switch),
            ("removed_without_trace", lambda: rig.hold(lifecycle.removed(rig.domain, before, nodes))),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
