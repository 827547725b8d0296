#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Much data between hosts behind every kind of port, with their cards' offloads on and off, in both families: all of it arrives as
it was sent, and every frame between the nodes is one that a wire can carry. XSLICE_TRANSFER: bytes of each TCP transfer."""
import itertools
import os
import sys

from lib import hosts, maps, netns, probes, rigtest

BYTES = int(os.environ.get("XSLICE_TRANSFER", 8 << 20))
SNIFFED = 3 << 20
DATAGRAMS = 1 << 20
SEGMENT = 1400
MTU, SMALL = 1500, 1400
BETWEEN = 1440  # more than a tunnel's packet has without its inner headers, less than it has with them
BIG = 180000
AGAIN = 2000  # segments sent again, of some 10 000: who loses all that is large sends most of it again; a loaded machine loses a few
FAMILIES = (4, 6)
NEAR = ("xv", "vx", "xt", "tx", "vt", "tv", "gx", "vg")  # on one node: front ends to each other without a wire


class Rig(rigtest.AnyRig):
    def __init__(self):
        super().__init__("test_transfers", hosts.Hosts("tf"), hosts.NODES, bare=False)

    def raise_net(self):
        self.net.raise_all()

    def begin(self):
        self.definition = self.domain.write(self.net.definition())

    def apply(self, **change):
        self.domain.apply(self.domain.write(self.net.definition(**change)))

    # ---- what is tried ----

    def meet(self, source, to):
        """Neighbours are known from here on."""
        for family in FAMILIES:
            heard = netns.until(lambda: probes.ping(self.net.name(source), self.net.own(to, family), 1), 5)
            assert heard, f"{to} does not answer {source} by IPv{family}"

    def listen(self, mtu=MTU):
        """At the end of the wire where the frames of N1 come out."""
        return hosts.Sniffer(self.net.name("W"), "n1", mtu)

    def on_the_wire(self, source, to, mtu=MTU):
        for family in FAMILIES:
            with self.listen(mtu) as seen:
                self.net.transfer(source, to, family, SNIFFED)
                self.net.transfer(source, to, family, DATAGRAMS, segment=SEGMENT - 40 if family == 4 else SEGMENT - 60)
            assert not seen.faults(), f"on the wire from {source} to {to}, IPv{family}: {seen.counts}"
            assert seen["tcp"] > 1000 and seen["udp"] > 500 and seen["tagged"] > 1500, f"seen: {seen.counts}"

    def pair(self, source, to):
        self.meet(source, to)
        if source[2] != to[2]:
            self.on_the_wire(source, to)
        rates = []
        for family in FAMILIES:
            told = self.net.transfer(source, to, family, BYTES)
            rates.append(f"IPv{family} {told['bytes'] / told['seconds'] / 1e6:.0f} MB/s")
            if source[2] == to[2]:
                self.net.transfer(source, to, family, DATAGRAMS, segment=SEGMENT)
        print(f"{BYTES >> 20} MiB:", ", ".join(rates))

    def smaller_link(self, source, to):
        """Path MTU discovery while segments are left to the card: both ends learn, and nothing too long was on the wire."""
        self.meet(source, to)
        for family in FAMILIES:
            with self.listen(SMALL) as seen:
                told = self.net.transfer(source, to, family, SNIFFED)
            assert told["pmtu"] == SMALL, f"{source} to {to}, IPv{family}: path MTU {told['pmtu']} instead of {SMALL}"
            assert not seen.faults() and seen["tcp"] > 1000, f"{source} to {to}, IPv{family}: {seen.counts}"

    def tunnel(self):
        """VXLAN between two pods, whose packets fill the pods' link and not the one between the nodes: segments bear the headers
        of both, and routers cut what is too long."""
        for host, other in (("hv1", "hv2"), ("hv2", "hv1")):
            name, at = self.net.name(host), host[2]
            words = ("local", self.net.own(host, 4), "remote", self.net.own(other, 4), "dev", "eth0", "dstport", "4789")
            netns.run("ip", "-n", name, "link", "add", "vx", "mtu", "1450", "type", "vxlan", "id", "7", *words)
            netns.run("ip", "-n", name, "address", "add", f"10.200.0.{at}/24", "dev", "vx")
            netns.run("ip", "-n", name, "link", "set", "dev", "vx", "up")
        heard = netns.until(lambda: probes.ping(self.net.name("hv1"), "10.200.0.2", 1), 5)
        assert heard, "the tunnel's other end does not answer"
        with self.listen(BETWEEN) as seen:
            self.net.transfer("hv1", "hv2", 4, 1 << 20, address="10.200.0.2")
        assert not seen.faults() and seen["frames"] > 700, seen.counts

    def large_segments(self, family):
        """BIG TCP: packets of more than 64 KiB, for whose length IP has no field."""
        for host in ("hv1", "hv2"):
            hosts.set_gso_max(self.net.name(host), "eth0", BIG)
        for source, to in (("hv1", "hx2"), ("hv1", "hv2"), ("hv1", "ht1")):
            self.meet(source, to)
            with hosts.Sniffer(self.net.name("N1"), "v", MTU) as before, self.listen() as seen:
                told = self.net.transfer(source, to, family, 5 * SNIFFED)
            assert before["longest"] > 65535, f"no packet of {source} was larger than 64 KiB: {before.counts}"
            assert not seen.faults() and told["again"] < AGAIN, f"{source} to {to}, IPv{family}: {told}, {seen.counts}"
            ended = maps.verdicts(self.net.name("N1"))
            assert not ended["malformed"] and not ended["emit-failed"], f"{source} to {to}, IPv{family}: {ended}"

    def conserved(self):
        """Each frame that a node received ended in one verdict."""
        for node in hosts.NODES:
            maps.expect_conserved(self.net.name(node))


def cases(rig):
    for state in (True, False):
        word = "on" if state else "off"
        yield f"offloads_{word}", lambda state=state: rig.net.set_offloads(state)
        for a, b in itertools.product(hosts.KINDS, repeat=2):
            yield f"{a}_to_{b}_far_{word}", lambda a=a, b=b: rig.pair(f"h{a}1", f"h{b}2")
        for a, b in NEAR:
            yield f"{a}_to_{b}_near_{word}", lambda a=a, b=b: rig.pair(f"h{a}1", f"h{b}1")
        yield f"conserved_{word}", rig.conserved
    yield "offloads_on_again", lambda: rig.net.set_offloads(True)
    for family in FAMILIES:
        yield f"large_segments_v{family}", lambda family=family: rig.large_segments(family)
    yield "between_nodes_1440", lambda: rig.apply(mtu=BETWEEN)
    yield "tunnel", rig.tunnel
    yield "between_nodes_1400", lambda: rig.apply(mtu=SMALL)
    for a, b in ("vx", "tv", "xv", "gx"):
        yield f"smaller_link_{a}_to_{b}", lambda a=a, b=b: rig.smaller_link(f"h{a}1", f"h{b}2")
    yield "conserved_at_last", rig.conserved


def main():
    with netns.alone(), Rig() as rig:
        return rig.run_cases(cases(rig))


if __name__ == "__main__":
    sys.exit(main())
