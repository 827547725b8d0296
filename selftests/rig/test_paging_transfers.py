#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Much data by paging through a switch: a TCP transfer between a user and a virtual machine, whose cards do what cards can, goes on from
slice P to slice A, or back, in its middle, and arrives as it was sent. Behind every kind of port, in both directions and both
families; over a WAN of 1500 bytes, and over one whose way in slice P has 1400. XSLICE_TRANSFER: bytes of each transfer."""
import itertools
import os
import sys

from lib import hosts, maps, moving, netns, probes, rigtest, wan

BYTES = int(os.environ.get("XSLICE_TRANSFER", 16 << 20))
LONG = BYTES >= 1 << 28
FAMILIES = (4, 6)
MTU, NARROW = 1500, 1400
SHARE = 8  # at least this part of a transfer came by either slice; half, less what is on its way
ANSWERS = 3  # ... or of the answers to what it sends, which are merged
AGAIN = BYTES // 1400 // 3  # segments sent again: who loses all that is large sends most of it again
BAD = ("malformed", "checksum", "foreign-page", "no-page", "unmappable", "spoofed-source", "wan-address", "emit-failed")
# User's kind of port and machine's.
PAIRS = list(itertools.product(moving.KINDS, repeat=2)) if LONG else [("x", "x"), ("v", "v"), ("t", "t")]
NARROW_PAIRS = PAIRS if LONG else [("x", "v"), ("t", "x")]
MOVES = PAIRS if LONG else [("v", "x")]


class Rig(rigtest.AnyRig):
    def __init__(self):
        super().__init__("test_paging_transfers", moving.Moving("pt"), moving.NODES, bare=False)
        self.routers = wan.Wan(self.net, self.keep, narrow=None)
        self.at = {}  # machine: slice

    def raise_net(self):
        self.net.raise_all()
        self.routers.start()

    def begin(self):
        self.definition = self.domain.write(self.net.definition())

    def narrow(self, mtu):
        """What the wire in the middle of slice P's way carries."""
        a, a_device, b, b_device = wan.WIRES[wan.NARROW]
        for short, device in ((a, a_device), (b, b_device)):
            netns.run("ip", "-n", self.net.name(short), "link", "set", "dev", device, "mtu", str(mtu))

    def routed(self):
        own = [self.net.network(give(kind, family)) for give in (self.net.machine, self.net.user) for kind in moving.KINDS for family in FAMILIES]
        pages = self.domain.plan(self.definition)["pages"]
        mapped = [page[one] for page in pages.values() for one in own]
        lacking = self.routers.lacking(mapped)
        assert not lacking, f"no routes: {lacking[:5]}"

    def switch(self, kind, name):
        if self.at.get(kind, "P") != name:
            self.domain.switch(f"vm{kind}", name)
        self.at[kind] = name

    def meet(self, user, machine):
        """The machine is in both slices, and known in both."""
        self.net.holds(machine, *moving.SIDES)
        for name, family in itertools.product(moving.SIDES, FAMILIES):
            self.switch(machine, name)
            heard = netns.until(lambda f=family: probes.ping(self.net.name(f"cl{user}"), self.net.machine(machine, f), 1), 10)
            assert heard, f"vm{machine} does not answer cl{user} by IPv{family} in slice {name}"

    def transfer(self, user, machine, upload, family, name, mtu=None, moves=False):
        """From the other slice into slice `name` in its middle. moves: in the other one nobody hears the machine any more."""
        other = next(one for one in moving.SIDES if one != name)
        self.switch(machine, other)
        if moves:
            self.net.holds(machine, other)
        self.net.forget_ways(user, machine)
        before = self.net.arrived(machine)

        def change():
            if moves:
                self.net.holds(machine, name)
            self.switch(machine, name)

        ends = (f"cl{user}", f"vm{machine}")
        source, to = ends if upload else ends[::-1]
        told = self.net.transfer(source, to, family, BYTES, change)
        what = f"{source} to {to}, IPv{family}, from slice {other} to {name}"
        came = {one: [a - b for a, b in zip(now, before[one])] for one, now in self.net.arrived(machine).items()}
        print(
            f"{what}: {told['bytes']} bytes in {told['seconds']:.3f} s, hash {told['heard']}; {'moved and ' if moves else ''}switched from "
            f"{told['begun']:.3f} to {told['done']:.3f} s (it waited {told['waited']:.3f} s for that), "
            f"{told['again']} segments again, path MTU {told['pmtu']}; to the machine by P {came['P'][0]} bytes, by A {came['A'][0]}",
            flush=True,
        )
        if upload:
            assert all(size >= BYTES // SHARE for size, _ in came.values()), f"{what}: it went one way: {came}"
        else:
            assert all(packets >= ANSWERS for _, packets in came.values()), f"{what}: answers went one way: {came}"
        assert told["again"] < AGAIN, f"{what}: {told['again']} segments were sent again"
        assert mtu in (None, told["pmtu"]), f"{what}: path MTU {told['pmtu']} instead of {mtu}"

    def pair(self, user, machine, mtu, moves=False):
        self.meet(user, machine)
        for number, (upload, family) in enumerate(itertools.product((True, False), FAMILIES)):
            turns = ("A", "P") if LONG else ("AP"[(number + number // 2) % 2],)
            for name in turns:
                self.transfer(user, machine, upload, family, name, mtu, moves)
        if moves:
            self.net.holds(machine, *moving.SIDES)

    def nothing_bad(self):
        """No packet of the transfers was thought broken or foreign; each frame that a node received ended in one verdict."""
        for node in moving.NODES:
            name = self.net.name(node)
            maps.expect_conserved(name)
            ended = maps.verdicts(name)
            assert not any(ended[reason] for reason in BAD), f"{node}: {ended}"


def cases(rig):
    yield "pages_are_routed", rig.routed
    for a, b in PAIRS:
        yield f"{a}_and_{b}", lambda a=a, b=b: rig.pair(a, b, MTU)
    for a, b in MOVES:
        yield f"{a}_and_{b}_moves", lambda a=a, b=b: rig.pair(a, b, MTU, moves=True)
    yield "nothing_bad", rig.nothing_bad
    yield "a_wire_of_1400", lambda: rig.narrow(NARROW)
    for a, b in NARROW_PAIRS:
        yield f"{a}_and_{b}_over_1400", lambda a=a, b=b: rig.pair(a, b, NARROW)
    yield "nothing_bad_at_last", rig.nothing_bad


def main():
    with netns.alone(), Rig() as rig:
        try:
            return rig.run_cases(cases(rig))
        finally:
            rig.routers.stop()


if __name__ == "__main__":
    sys.exit(main())
