#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A hostile slice at full rate beside another one, on the same nodes and the same cable, with the same addresses: it scans its
subnet, lets packets expire, asks as somebody else each time, sends fragments that never become whole; in both families.

        h1 - R1:ph              R2:ph - h2        slice H
                 R1:r2 - R2:r1
        v1 - R1:pv              R2:pv - v2        slice V

Meanwhile in V: two numbered streams lose nothing; ping, through the datapath and to a sliver, answers within 10 x its quiet time; a
traceroute is complete; and 200 neighbours that nobody has spoken to are found at once.

The flood takes a core, as it would of any machine, and what passes goes through the cable that is V's, too. So the time is also told
against a flood that ends at the first look at its frames; but it is the quiet time that counts.

A cable is no slice's own: when it is full, because the machine took away the CPU that empties it, V's frames are lost with H's. The wires
count that. So a stream must have got, or its wires must have lost, all that was sent, and never more than WIRES of it; and a
question without an answer is asked again if, and only if, a wire lost something meanwhile.

XSLICE_FLOOD: seconds that each flood lasts at least (1)."""
import contextlib
import os
import statistics
import subprocess
import sys
import time

from lib import contract, maps, netns, plain, probes, services

SECONDS = float(os.environ.get("XSLICE_FLOOD", "1"))
FLOOD = os.path.join(contract.BUILD, "selftests/rig/flood")
PINGS, NEIGHBOURS, RATE = 100, 200, 1000
TIMES = 10  # of the quiet ping
LEAST = 10000  # frames a second, or it was no flood
WIRES = 0.01  # of a stream, at most; without policing it is a fifth and more
TRIES = 3
CPUS = sorted(os.sched_getaffinity(0))

DEFINITION = """
node:
  - {name: R1, port: [{name: ph}, {name: pv}, {name: r2, peer: R2/r1}]}
  - {name: R2, port: [{name: ph}, {name: pv}, {name: r1, peer: R1/r2}]}
slice:
""" + "".join(
    f"""
  - name: {one}
    vrf: [{{name: {one}1, node: R1}}, {{name: {one}2, node: R2}}]
    link: [{{name: {one}12, ends: [{one}1, {one}2], subnet: [10.1.2.0/24, "2001:db8:1:2::/64"]}}]
    gateway:
      - {{name: G{one}1, vrf: {one}1, port: p{one.lower()}, subnet: [10.70.0.0/16, "2001:db8:0:70::/64"]}}
      - {{name: G{one}2, vrf: {one}2, port: p{one.lower()}, subnet: [10.71.0.0/16, "2001:db8:0:71::/64"]}}
"""
    for one in "HV"
)


class Family:
    def __init__(self, near, far, length, host, first_hop, far_sliver, stranger):
        self.users, self.near, self.far = near, f"{near}{host}", f"{far}{host}"
        self.near_subnet, self.far_subnet = f"{near}{stranger}/{length}", f"{far}{stranger}/{length}"
        self.first_hop, self.far_hop, self.length = f"{near}{first_hop}", f"{far}{first_hop}", length
        self.far_sliver, self.prefix = far_sliver, far

    def neighbours(self, attack):
        """Those of one attack, which belong to v2."""
        return [f"{self.prefix}{100 + attack}{':' if ':' in self.prefix else '.'}{1 + i}" for i in range(NEIGHBOURS)]


FAMILIES = {
    "ipv4": Family("10.70.", "10.71.", 16, "0.10", "0.1", "10.1.2.2", "0.0"),
    "ipv6": Family("2001:db8:0:70::", "2001:db8:0:71::", 64, "10", "1", "2001:db8:1:2::2", ""),
}
# name: what the flooder sends, to whom (a Family's), and where the flood ends: (node, verdict).
ATTACKS = {
    "scan": ("scan", "far_subnet", ("R2", "policed")),
    "expired": ("expire", "far", ("R1", "policed")),
    "neighbour": ("neighbour", "first_hop", ("R1", "policed")),
    "fragments": ("fragment", "first_hop", ("R1", "policed")),
    "fragments_through": ("fragment", "far", ("R2", "forwarded")),
}


def hosts():
    made = []
    for one in "hv":
        for end, node in ((1, "R1"), (2, "R2")):
            own = [getattr(family, ("near", "far")[end - 1]) + f"/{family.length}" for family in FAMILIES.values()]
            hops = [getattr(family, ("first_hop", "far_hop")[end - 1]) for family in FAMILIES.values()]
            made.append(plain.Host(f"{one}{end}", f"{node}/p{one}", own, hops))
    return made


def give_neighbours(rig):
    lines = [
        f"address add {address}/{family.length} dev eth0{' nodad' if ':' in address else ''}"
        for number in range(len(ATTACKS))
        for family in FAMILIES.values()
        for address in family.neighbours(number)
    ]
    batch = os.path.join(rig.keep, "neighbours")
    with open(batch, "w", encoding="ascii") as file:
        file.write("\n".join(lines))
    netns.run("ip", "-n", rig.net.name("v2"), "-batch", batch)


class Victim:
    def __init__(self, rig):
        self.rig, self.v1, self.v2 = rig, rig.net.name("v1"), rig.net.name("v2")
        r1, r2 = rig.net.name("R1"), rig.net.name("R2")
        self.wires = {
            "there": [(self.v1, "eth0"), (r1, "r2"), (r2, "pv")],
            "back": [(self.v2, "eth0"), (r2, "r1"), (r1, "pv")],
        }

    def lost_on_wires(self, *ways):
        return sum(netns.wire_lost(*end) for way in ways or self.wires for end in self.wires[way])

    def asked(self, question, good=bool):
        """The answer; the question is put again where that is not good and a wire lost something meanwhile."""
        for _ in range(TRIES):
            before = self.lost_on_wires()
            answer = question()
            if good(answer) or self.lost_on_wires() == before:
                break
        return answer

    def streams(self):
        return [
            (way, name, self.lost_on_wires(way), services.Sink(there, port=port), services.Stream(here, (address, port), RATE))
            for name, family, port in (("ipv4", FAMILIES["ipv4"], 4400), ("ipv6", FAMILIES["ipv6"], 4600))
            for way, here, there, address, port in (
                ("there", self.v1, self.v2, family.far, port),
                ("back", self.v2, self.v1, family.near, port + 1),
            )
        ]

    def missing(self, streams):
        """(what is wrong, how many the wires lost)."""
        faults, excused = [], 0
        for way, name, before, sink, stream in streams:
            stream.stop()
            netns.until(lambda s=sink, n=stream.sent: len(s.numbers()) >= n, 1.0)
            got = sink.numbers()
            sink.close()
            lost, doubled = stream.sent - len(set(got)), len(got) - len(set(got))
            wires = self.lost_on_wires(way) - before
            if lost > min(wires, WIRES * stream.sent) or doubled or not stream.sent:
                faults.append(f"{way}, {name}: {stream.sent} sent, {lost} lost, {doubled} doubled; its wires lost {wires}, of others' too")
            excused += lost
        return faults, excused

    def pings(self, family):
        """Median times, milliseconds: (to the far host, to the far sliver). A ping that is lost is a fault."""
        medians = []
        for to in (family.far, family.far_sliver):
            times = self.asked(lambda a=to: probes.ping(self.v1, a, PINGS, 0.002), lambda got: len(got) == PINGS)
            assert len(times) == PINGS, f"{to} answers {len(times)} of {PINGS} pings"
            medians.append(1000 * statistics.median(times))
        return medians

    def traceroute(self, family):
        want = [family.first_hop, family.far_sliver, family.far]
        path = self.asked(lambda: probes.traceroute(self.v1, family.far), lambda got: got == want)
        return [] if path == want else [f"traceroute: {path} instead of {want}"]

    def unresolved(self, family, attack):
        """How many of the attack's neighbours do not answer one ping, which waits for them."""
        return sum(
            not self.asked(lambda a=address: probes.ping(self.v1, a, 1, 0, 3.0)) for address in family.neighbours(attack)
        )


@contextlib.contextmanager
def flood(rig, family, kind, to):
    """Frames go out from h1 until the end of the block; then it is known how many a second."""
    mac = netns.first_hop_mac(rig.net.name("h1"), "eth0", family.first_hop)
    assert mac, "h1 does not find its first hop"
    told = {}
    with netns.inside(rig.net.name("h1")):
        process = subprocess.Popen([FLOOD, kind, "eth0", mac, family.near_subnet, to], stdout=subprocess.PIPE, text=True)
    try:
        os.sched_setaffinity(process.pid, {CPUS[-1]})
        time.sleep(0.2)
        yield told
    finally:
        process.terminate()
        said = process.communicate(timeout=20)[0].split()
    told["rate"] = int(said[0]) / float(said[1]) if process.returncode == 0 else 0


def attack(rig, victim, number, family):
    kind, to, (node, verdict) = list(ATTACKS.values())[number]
    streams = victim.streams()
    faults = []
    try:
        quiet = victim.pings(family)
        with flood(rig, family, "stranger", getattr(family, to)) as idle:
            beside = victim.pings(family)
        before = maps.verdicts(rig.net.name(node))[verdict]
        begin = time.monotonic()
        with flood(rig, family, kind, getattr(family, to)) as told:
            now = victim.pings(family)
            failed = victim.unresolved(family, number)
            faults += victim.traceroute(family)
            while time.monotonic() - begin < SECONDS:
                now = [max(a, b) for a, b in zip(now, victim.pings(family))]
        ended = maps.verdicts(rig.net.name(node))[verdict] - before
    finally:
        wrong, excused = victim.missing(streams)
        faults += wrong
    print(
        f"{told['rate'] / 1000:.0f} 000 frames a second, {ended} of them {verdict} at {node}; ping to the host and to the sliver: "
        f"quiet {quiet[0]:.3f} and {quiet[1]:.3f} ms, beside an idle flood ({idle['rate'] / 1000:.0f} 000 a second) "
        f"{beside[0]:.3f} and {beside[1]:.3f} ms, now {now[0]:.3f} and {now[1]:.3f} ms; {NEIGHBOURS - failed} of {NEIGHBOURS} new neighbours; "
        f"{4 * RATE} packets a second in streams, {excused} lost by full wires"
    )
    faults += [
        f"ping takes {slow:.3f} ms instead of {usual:.3f}" for usual, slow in zip(quiet, now) if slow > TIMES * usual
    ]
    if failed:
        faults.append(f"{failed} of {NEIGHBOURS} neighbours are not found")
    if told["rate"] < LEAST or ended < 1000:
        faults.append(f"that was no flood: {told['rate']:.0f} frames a second, {ended} {verdict}")
    assert not faults, "; ".join(faults)


def main():
    with netns.alone(), plain.Rig(
        "test_hostile_slice", "th", DEFINITION, [("R1/r2", "R2/r1")], hosts(), captures=False
    ) as rig:
        give_neighbours(rig)
        os.sched_setaffinity(0, {CPUS[0]})  # of us, and so of the victim's hosts; agents run where they like
        victim = Victim(rig)
        for family in FAMILIES.values():  # neighbours on the way are known from here on
            assert netns.until(lambda f=family: probes.ping(victim.v1, f.far, 1, timeout=0.5), 10), f"no way to {family.far}"
            probes.ping(victim.v2, family.near, 3)
        return rig.run_cases(
            [
                (f"{name}_{family}", lambda n=number, f=FAMILIES[family]: attack(rig, victim, n, f))
                for number, name in enumerate(ATTACKS)
                for family in FAMILIES
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
