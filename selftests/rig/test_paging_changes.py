#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Running slices go from segmentation to paging and back, by one apply each, on nodes and cables that carry both: numbered streams in all
other slices, of either mechanism, lose nothing, and what those slices hold in the maps stays byte for byte. In the slice that
changes, a TCP connection lives on. What comes of it is what a fresh machine makes of the same definition.

Figure 7 (P and A behind one MUX) and slices Q, T and C from R1 to R2, on the cables of figure 7. The nodes have addresses there and
run OSPF: they are the WAN. In both families.

A few changes. XSLICE_CHANGES=200: more, each end state compared, and a tenth as many at random besides; XSLICE_SEED: others."""
import json
import os
import random
import sys
import time

from lib import changing, domains, figure7, held, netns, probes, rigtest, services, wan

RANDOM = int(os.environ.get("XSLICE_CHANGES", "0")) // 10
SEED = int(os.environ.get("XSLICE_SEED", "5"))
RATE = 200  # rounds a second
LIVES = 20  # exchanges that a connection has had before a change, and has after it
FAMILIES = (figure7.V4, figure7.V6)
FAR_MAC = "52:54:00:00:00:09"
MORE = (("ht1", "R1", "t1", 3), ("ht2", "R2", "t2", 4), ("hc1", "R1", "k1", 5), ("hc2", "R2", "k2", 6))
NAMES = ("P", "A", "Q", "T", "C")
FIRST = frozenset("T")  # slices by paging
# Who becomes paging; what is not named is segmentation.
SHORT = ("CT", "AT", "T")
COMPARED = ("AT", "T")  # of the short form, with what a fresh machine makes of it
LONG = ("CT", "T", "AT", "APT", "PT", "T", "Q", "T", "PAQTC", "", "PAQTC", "T")


def raise_more(net):
    domains.raise_more(net)
    domains.raise_hosts(net, MORE)
    net.vm("far", "ADC", "other", FAR_MAC)  # A's, as no condition of P names it


def definition(paging):
    """The definition where the slices of these names are by paging."""
    domain = domains.first(dual=True)
    nodes = {node["name"]: node for node in domain["node"]}
    for _, node, device, _ in MORE:
        nodes[node]["port"].append({"name": device})
    for name, each, number in (("T", MORE[:2], 1), ("C", MORE[2:], 2)):
        own = {
            "name": name,
            "vrf": [{"name": f"{name}{i}", "node": f"R{i}"} for i in (1, 2)],
            "link": [{"name": f"{name}12", "ends": [f"{name}1", f"{name}2"]}],
            "gateway": [],
        }
        own["link"][0]["subnet"] = [f"10.42.{number}.0/30", f"2001:db8:42:{number}::/126"]
        for i, (_, _, port, third) in enumerate(each, 1):
            subnet = [f"10.40.{third}.0/24", f"2001:db8:40:{third}::/64"]
            own["gateway"].append({"name": f"G{name}{i}", "vrf": f"{name}{i}", "port": port, "subnet": subnet})
        domain["slice"].append(own)
    for one in domain["slice"]:
        if one["name"] in paging:
            one["implementation"] = "paging"
    return json.dumps(domain, indent=1)


def hosts(family):
    return {host: f"{domains.SUBNETS[family][0].format(number)}2" for host, _, _, number in (*domains.HOSTS, *MORE)}


def ways(at):
    """slice -> (sender, receiver, address) both ways, in a family."""
    own = hosts(at.number)
    pairs = {"Q": ("hq1", "hq2"), "T": ("ht1", "ht2"), "C": ("hc1", "hc2")}
    taken = {name: [(a, b, own[b]), (b, a, own[a])] for name, (a, b) in pairs.items()}
    taken["P"] = [("client", "vm5", at.vm5), ("vm5", "client", at.client)]
    taken["A"] = [("client", "far", at.other), ("far", "client", at.client)]
    return taken


def at_rest(routers):
    differing = routers.unsettled()
    assert not differing, f"the WAN's routes to pages do not come to rest: {differing[:5]}"


class Streams:
    """By every way at once; lost() tells of a time, by slice."""

    def __init__(self, net):
        self.net, self.ways, to = net, [], []
        for at in FAMILIES:
            for name, each in ways(at).items():
                for number, (sender, receiver, address) in enumerate(each):
                    heard = netns.until(lambda s=sender, a=address: probes.ping(net.name(s), a, 1, timeout=0.3), netns.PATIENCE)
                    assert heard, f"no way from {sender} to {address} in {name}"
                    port = services.SINK_PORT + 100 * at.number + 10 * NAMES.index(name) + number
                    self.ways.append((name, f"{sender} to {receiver} (IPv{at.number})", services.Sink(net.name(receiver), port=port)))
                    to.append((net.name(sender), (address, port)))
        self.rounds = services.Rounds(to, RATE)

    def lost(self, begin, end):
        """slice -> {way: numbers} of what was sent and has not come, of the rounds from begin up to end."""
        wanted = set(range(begin, end))
        netns.until(lambda: all(wanted <= set(sink.numbers()) for _, _, sink in self.ways), 1.0)
        told = {}
        for name, way, sink in self.ways:
            missing = wanted - set(sink.numbers())
            if missing:
                told.setdefault(name, {})[way] = sorted(missing)
        return told

    def doubled(self):
        return {way: len(sink.numbers()) - len(set(sink.numbers())) for _, way, sink in self.ways if len(sink.numbers()) > len(set(sink.numbers()))}

    def stop(self):
        self.rounds.stop()
        for _, _, sink in self.ways:
            sink.close()


class Walk:
    def __init__(self, rig, routers, twin, twin_routers):
        self.rig, self.net, self.domain = rig, rig.net, rig.domain
        self.routers, self.twin, self.twin_routers = routers, twin, twin_routers
        self.paging, self.streams, self.echoes, self.fresh, self.pages = FIRST, None, [], {}, {}
        self.random = random.Random(SEED)

    def write(self, paging):
        return self.domain.write(self.net.definition(definition(paging)), "changed.json")

    def first(self):
        path = self.write(FIRST)
        self.pages = self.domain.plan(path)["pages"]
        self.domain.start()
        self.domain.apply(path)
        at_rest(self.routers)
        for short in ("far", "hq2", "ht2", "hc2"):  # vm5 has one
            self.echoes.append(services.Echo(self.net.name(short)))
        self.streams = Streams(self.net)
        if RANDOM:
            self.equal()
        else:
            self.fresh[FIRST] = changing.settled(self.net)  # it is a fresh machine

    def equal(self):
        """To what fresh agents make of it, with the numbers that it has by now."""
        fresh = self.fresh.get(self.paging)
        if not fresh:
            fresh = self.twin.make(self.domain, definition(self.paging), rest=lambda: at_rest(self.twin_routers))
        at_rest(self.routers)
        lines = held.differences(fresh, changing.settled(self.net))
        assert not lines, f"{len(lines)} things differ from a fresh apply: " + "; ".join(lines[:6])

    def sessions(self, names):
        """Connections in these slices, one in each family."""
        made = []
        for at in FAMILIES:
            for name in names:
                sender, _, address = ways(at)[name][0]
                made.append((f"{name}, IPv{at.number}", services.Session(self.net.name(sender), (address, services.ECHO_PORT))))
        for what, session in made:
            assert netns.until(lambda s=session: s.exchanges >= LIVES or s.failure, 10), f"no connection in {what}"
        return made

    def become(self, paging):
        """One apply, after which the slices of these names are by paging and the others are not."""
        paging = frozenset(paging)
        changed = "".join(name for name in NAMES if (name in paging) != (name in self.paging))
        steady = [name for name in NAMES if name not in changed]
        path = self.write(paging)
        planned = self.domain.plan(path)["pages"]
        for name in self.paging & paging:  # who comes back gets its own only where nobody has taken them meanwhile
            assert planned[name] == self.pages[name], f"the pages of {name} were {self.pages[name]}, and are {planned[name]}"
        self.pages = planned
        ids = changing.steady_ids(self.domain, path, steady)
        sessions = self.sessions(changed)
        changing.introduce(self.net)
        time.sleep(0.3)
        before, full = changing.steady_state(self.net, ids, steady), self.net.lost()
        begin = self.streams.rounds.sent
        self.domain.apply(path)
        self.paging = paging
        applied = self.streams.rounds.sent
        at_rest(self.routers)
        counts = [session.exchanges for _, session in sessions]
        for (what, session), count in zip(sessions, counts):
            netns.until(lambda s=session, n=count: s.exchanges >= n + LIVES or s.failure, 20)
        faults = [
            f"the connection in {what} has had {session.exchanges - count} exchanges since, {session.wrong} wrong: {session.failure}"
            for (what, session), count in zip(sessions, counts)
            if session.exchanges < count + LIVES or session.wrong or session.failure
        ]
        longest = max((session.longest for _, session in sessions), default=0)
        for _, session in sessions:
            session.stop(25)
        end = self.streams.rounds.sent
        time.sleep(0.2)
        lost, full = self.streams.lost(begin, end), self.net.lost() - full
        outage = {name: max(map(len, lost.get(name, {"": []}).values())) for name in changed}
        print(
            f"{changed} changed, by paging now: {''.join(sorted(paging)) or 'none'}; apply took {(applied - begin) / RATE:.2f} s; "
            f"of {end - begin} packets by each way lost: "
            + ", ".join(f"{name} {sum(map(len, lost.get(name, {}).values()))}" for name in steady)
            + f"; those that changed, at most by a way: {outage} ({max(outage.values()) / RATE:.2f} s); longest pause of a connection "
            f"{longest:.2f} s; wires lost {full}",
            flush=True,
        )
        for name in steady:
            if sum(map(len, lost.get(name, {}).values())) > full:
                faults.append(f"{name} lost {({way: (len(which), which[:5]) for way, which in lost[name].items()})}")
        if doubled := self.streams.doubled():
            faults.append(f"doubled: {doubled}")
        lines = held.differences(before, changing.steady_state(self.net, ids, steady))
        if lines:
            faults.append(f"it touched what it does not concern: {lines[:3]}")
        assert not faults, "; ".join(faults)
        if RANDOM or paging in map(frozenset, COMPARED):
            self.equal()

    def at_random(self):
        for _ in range(RANDOM):
            changed = self.random.sample(NAMES, self.random.randrange(1, 4))
            self.become(self.paging.symmetric_difference(changed))

    def stop(self):
        if self.streams:
            self.streams.stop()
        for echo in self.echoes:
            echo.stop()

    def cases(self):
        yield "first", self.first
        if not self.streams:
            return
        former = FIRST
        for paging in LONG if RANDOM else SHORT:
            name = f"{''.join(sorted(former)) or 'none'}_to_{''.join(sorted(paging)) or 'none'}"
            yield name, lambda paging=paging: self.become(paging)
            former = paging
        if RANDOM:
            yield f"{RANDOM}_at_random", self.at_random


def main():
    net = figure7.Figure7("pc", FAMILIES)
    keep = rigtest.folder("test_paging_changes")
    routers = wan.Wan(net, keep, figure7.WIRES, None, None)

    def prepare(_):
        raise_more(net)
        routers.start()

    with netns.alone(), rigtest.Rig("test_paging_changes", "pc", bare=True, net=net, prepare=prepare) as rig:
        twin = twin_routers = walk = None
        try:
            twin = changing.Twin("pd", keep, FAMILIES, raise_more)
            twin_routers = wan.Wan(twin.net, keep, figure7.WIRES, None, None)
            twin_routers.start(wait=False)
            walk = Walk(rig, routers, twin, twin_routers)
            return rig.run_cases(walk.cases())
        finally:
            if walk:
                walk.stop()
            for one in (twin_routers, routers):
                if one:
                    one.stop()
            if twin:
                twin.close()


if __name__ == "__main__":
    sys.exit(main())
