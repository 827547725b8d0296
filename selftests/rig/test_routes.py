#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a routing daemon may put into a sliver's kernel, as hosts see it: routes that lead nowhere, several ways at once, and more of
them than the node's tables have room for. Both families.

        h1 - R1:pu =A=B= R2:pu - h2"""
import ipaddress
import os
import random
import sys
import time
from dataclasses import dataclass

from lib import maps, netns, plain, probes, services

PORT = 4500
FLOWS, EACH = 64, 3
RATE = 2000
ROUTES, SAMPLE = 40000, 500

DEFINITION = """
node:
  - {name: R1, address-blocks: 1024, port: [{name: pu}, {name: ca, peer: R2/ca}, {name: cb, peer: R2/cb}]}
  - {name: R2, port: [{name: pu}, {name: ca, peer: R1/ca}, {name: cb, peer: R1/cb}]}
slice:
  - name: S
    vrf: [{name: S1, node: R1}, {name: S2, node: R2}]
    link:
      - {name: A, ends: [S1, S2], subnet: [10.1.1.0/24, "2001:db8:1:1::/64"], port: R1/ca}
      - {name: B, ends: [S1, S2], subnet: [10.1.2.0/24, "2001:db8:1:2::/64"], port: R1/cb}
    gateway:
      - {name: GS1, vrf: S1, port: pu, subnet: [10.70.0.0/16, "2001:db8:0:70::/64"]}
      - {name: GS2, vrf: S2, port: pu, subnet: [10.71.0.0/16, "2001:db8:0:71::/64"]}
"""


@dataclass(frozen=True)
class Family:
    name: str
    h1: str
    h2: str
    length: int
    first_hops: tuple
    far: tuple  # S2's addresses on A and B
    several: str  # a prefix that both links lead to, and an address of h2's in it
    there: str
    nowhere: str  # how prefixes and addresses begin that a route calls unreachable: {} is the number of the kind
    told: tuple  # (type, code) for unreachable and for prohibit

    def route(self, rig, node, *words):
        netns.run("ip", "-n", rig.sliver(node, "S"), f"-{'6' if ':' in self.h1 else '4'}", "route", "replace", *words)


V4 = Family(
    "ipv4", "10.70.0.10", "10.71.0.10", 16, ("10.70.0.1", "10.71.0.1"), ("10.1.1.2", "10.1.2.2"),
    "10.72.0.0/24", "10.72.0.5", "10.99.{}.", ((3, 1), (3, 13)),
)
V6 = Family(
    "ipv6", "2001:db8:0:70::10", "2001:db8:0:71::10", 64, ("2001:db8:0:70::1", "2001:db8:0:71::1"),
    ("2001:db8:1:1::2", "2001:db8:1:2::2"), "2001:db8:0:72::/64", "2001:db8:0:72::5", "2001:db8:99:{}::", ((1, 0), (1, 1)),
)
KINDS = ("unreachable", "prohibit", "blackhole")


# ---- routes that lead nowhere ----


def told_about(rig, to):
    """(type, code, source) of the ICMP error that h1 gets for a datagram, or None within a second."""
    with probes.icmp_socket(rig.net.name("h1"), to) as errors, services.udp_socket(rig.net.name("h1"), to=to) as sock:
        sock.sendto(b"?", (to, PORT))
        for message in probes.messages(errors, 1.0):
            if message.about(to, PORT):
                return message.type, message.code, message.source
    return None


def nowhere(rig, family):
    """Such a route in the sliver that h1 comes to says so in the gateway's name, one behind the link in that of the link's far end."""
    sources = {"R1": family.first_hops[0], "R2": family.far[0]}
    end = "0/24" if family is V4 else "/64"
    for first, (node, source) in zip((0, 3), sources.items()):
        for number, kind in enumerate(KINDS, first):
            prefix, address = (family.nowhere.format(number) + rest for rest in (end, "7"))
            if node == "R2":
                family.route(rig, "R1", prefix, "via", source, "dev", "A")
            family.route(rig, node, kind, prefix)
            time.sleep(0.3)
            before = maps.verdicts(rig.net.name(node))["blackhole"]
            want = (*family.told[number - first], source) if kind != "blackhole" else None
            told = told_about(rig, address)
            if want and not told:
                # Linux tells a host so much and no more (ip_error() of net/ipv4/route.c): the pings of a slow start may have used it up
                told = netns.until(lambda to=address: told_about(rig, to), 10)
            assert told == want, f"{kind} at {node}: ICMP {told} instead of {want}"
            counted = maps.verdicts(rig.net.name(node))["blackhole"] - before
            assert counted == (kind == "blackhole"), f"{kind} at {node}: {counted} drops of a blackhole"


# ---- several ways ----


class Ways:
    """By which of A and B flows of h1 come to S2: told by what its virtual ports have taken in."""

    def __init__(self, rig, family):
        self.rig, self.family, self.node = rig, family, rig.net.name("R2")
        inside = netns.links(rig.sliver("R2", "S"))  # both have the sliver's MAC
        outer = {inside[name]["link_index"]: name for name in "AB"}
        with maps.Map(self.node, "vport") as vports:
            self.vport = {outer[vport.veth]: key for key, vport in vports.items() if vport.veth in outer}

    def counted(self):
        with maps.Map(self.node, "vport_stats") as stats:
            return {name: sum(copy.rx_packets for copy in stats.get(key)) for name, key in self.vport.items()}

    def way(self, port):
        """Of the flow from that port. None: not all of its packets came by one."""
        before = self.counted()
        with services.udp_socket(self.rig.net.name("h1"), port=port, to=self.family.h1) as sock:
            for _ in range(EACH):
                sock.sendto(bytes(8), (self.family.there, PORT))
        came = {}

        def all_came():
            came.update({name: count - before[name] for name, count in self.counted().items()})
            return sum(came.values()) >= EACH

        netns.until(all_came, 1.0, 0.002)
        return next((name for name, count in came.items() if count == EACH and sum(came.values()) == EACH), None)

    def look(self):
        return {port: self.way(port) for port in range(20000, 20000 + FLOWS)}

    def all(self):
        ways = self.look()
        lost = [port for port, way in ways.items() if not way]
        assert not lost, f"flows {lost} have no way of their own"
        return ways

    def share(self, ways):
        return sum(way == "A" for way in ways.values()) / FLOWS


def several(rig, family):
    hops = [word for link, far in zip("AB", family.far) for word in ("nexthop", "via", far, "dev", link, "weight", "1")]
    family.route(rig, "R2", family.several, "via", family.h2)
    for far in family.far:  # both neighbours are known from here on
        probes.ping(rig.sliver("R1", "S"), far, 1)
    family.route(rig, "R1", family.several, *hops)
    ways = Ways(rig, family)
    assert netns.until(lambda: ways.way(19999), 5), f"no way to {family.there}"
    time.sleep(0.5)
    first = ways.all()
    assert 0.2 < ways.share(first) < 0.8, f"{ways.share(first):.0%} of the flows go by A"
    assert ways.all() == first, "a flow takes another way the second time"
    stay = [port for port, way in first.items() if way == "A"][:4]
    with services.Sink(rig.net.name("h2"), port=PORT) as sink:
        streams = [
            services.Stream(rig.net.name("h1"), (family.there, PORT), RATE // 4, source_port=port) for port in stay
        ]
        time.sleep(0.3)
        netns.run("ip", "-n", rig.net.name("R2"), "link", "set", "cb", "down")
        time.sleep(1.5)
        for stream in streams:
            stream.stop()
        sent = sum(stream.sent for stream in streams)
        netns.until(lambda: len(sink.numbers()) >= sent, 1.0)
        came = len(sink.numbers())
    try:
        assert sent > RATE / 2 and came == sent, f"{sent} sent in flows of the link that stays, {came} came"
        alone = ways.all()
        assert set(alone.values()) == {"A"}, f"{sum(way == 'B' for way in alone.values())} flows go by a link that is down"
    finally:
        netns.run("ip", "-n", rig.net.name("R2"), "link", "set", "cb", "up")
    assert netns.until(lambda: "B" in ways.look().values(), 10, 0.5), "no flow goes by the link that is back"
    time.sleep(1)  # a flow that is given back may change its way between two of its packets
    later = ways.all()
    moved = sum(first[port] == "A" and later[port] == "B" for port in first)
    print(
        f"{ways.share(first):.0%} of {FLOWS} flows by A; B down: {sent} packets of A's flows, none lost; "
        f"B back: {ways.share(later):.0%} by A, {moved} have left it"
    )


# ---- more than there is room for ----


def prefixes():
    dice = random.Random(7)
    for _ in range(ROUTES):
        length = dice.randrange(48, 65)
        number = (0x20010DB8 << 32 | 1 << 31 | dice.getrandbits(31)) >> 64 - length << 64 - length
        yield number, length


def text_of(number, low=0):
    return str(ipaddress.IPv6Address(number << 64 | low))


def pool(rig):
    sizes = {}
    for name in ("block", "sieve", "guard"):
        with maps.Map(rig.net.name("R1"), name) as one:
            sizes[name] = one.entries
    return sizes


def growth(rig):
    """Pool and guards of R1 grow while streams go through it: nothing is lost, and what is new is found."""
    wide = "2001:db8:8000::/33"
    V6.route(rig, "R2", wide, "via", V6.h2)
    netns.run("ip", "-n", rig.net.name("h2"), "-6", "route", "add", "local", wide, "dev", "lo")
    routes, before = list(prefixes()), pool(rig)
    batch = os.path.join(rig.keep, "routes")
    with open(batch, "w", encoding="ascii") as file:
        file.writelines(f"route replace {text_of(number)}/{length} via {V6.far[0]} dev A\n" for number, length in routes)
    ends = [("h1", "h2", family.h2) for family in (V4, V6)] + [("h2", "h1", family.h1) for family in (V4, V6)]
    streams = []
    for port, (sender, receiver, to) in enumerate(ends, PORT + 1):
        sink = services.Sink(rig.net.name(receiver), port=port)
        streams.append((to, sink, services.Stream(rig.net.name(sender), (to, port), RATE)))
    netns.run("ip", "-n", rig.sliver("R1", "S"), "-6", "-batch", batch, timeout=120)

    def grown():
        return all(now > then for now, then in zip(pool(rig).values(), before.values()))

    with services.Sink(rig.net.name("h2"), port=PORT) as sink, services.udp_socket(rig.net.name("h1"), to=V6.h2) as sock:
        did = netns.until(grown, 30, 0.2)
        time.sleep(1)
        chosen = random.Random(8).sample(routes, SAMPLE)
        for number, (prefix, length) in enumerate(chosen):
            address = prefix | random.Random(number).getrandbits(64 - length) if length < 64 else prefix
            sock.sendto(number.to_bytes(8, "big"), (text_of(address, 1 + number), PORT))
            time.sleep(0.001)
        netns.until(lambda: len(sink.numbers()) >= SAMPLE, 3)
        found = len(set(sink.numbers()))
    faults = []
    for to, sink, stream in streams:
        stream.stop()
        netns.until(lambda s=sink, n=stream.sent: len(s.numbers()) >= n, 1.0)
        if len(sink.numbers()) != stream.sent or stream.sent < RATE:
            faults.append(f"to {to}: {stream.sent} sent, {stream.sent - len(set(sink.numbers()))} lost")
        sink.close()
    after = pool(rig)
    print(f"{ROUTES} routes: pool {before} -> {after}; {found} of {SAMPLE} found; {sum(s.sent for _, _, s in streams)} packets in streams")
    assert did, f"the pool did not grow: {before}, {after}"
    assert not faults, "; ".join(faults)
    assert found == SAMPLE, f"of {SAMPLE} packets to new routes {found} arrive"


def hosts():
    made = []
    for end, node in enumerate(("R1", "R2")):
        own = [f"{(family.h1, family.h2)[end]}/{family.length}" for family in (V4, V6)]
        own += [f"{family.there}/{32 if family is V4 else 128}" for family in (V4, V6) if end]
        made.append(plain.Host(f"h{end + 1}", f"{node}/pu", own, [family.first_hops[end] for family in (V4, V6)]))
    return made


def main():
    cables = [("R1/ca", "R2/ca"), ("R1/cb", "R2/cb")]
    with netns.alone(), plain.Rig("test_routes", "to", DEFINITION, cables, hosts(), captures=False) as rig:
        for family in (V4, V6):
            assert netns.until(lambda f=family: probes.ping(rig.net.name("h1"), f.h2, 1, timeout=0.5), 10), f"no way to {family.h2}"
        return rig.run_cases(
            [(f"{case.__name__}_{f.name}", lambda c=case, f=f: c(rig, f)) for case in (nowhere, several) for f in (V4, V6)]
            + [("pool_grows_under_streams", lambda: growth(rig))]
        )


if __name__ == "__main__":
    sys.exit(main())
