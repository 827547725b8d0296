# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of change have in common: streams beside the change, a twin to compare with, and what must stay as it is."""
import ipaddress
import json
import os
import shutil
import time

from . import domains, figure7, held, netns, probes, services, tables, xslice

RATE = 500


class Streams:
    """Through P from the client by the MUX and back by the edge, and both ways through Q; in each of the hosts' families."""

    def __init__(self, net):
        self.ways = []
        for at in net.families:
            hosts, port = domains.hosts(at.number), services.SINK_PORT + at.number
            for sender, receiver, address in (
                ("client", "vm5", at.vm5),
                ("vm5", "client", at.client),
                ("hq1", "hq2", hosts["hq2"]),
                ("hq2", "hq1", hosts["hq1"]),
            ):
                assert netns.until(lambda s=sender, a=address: probes.ping(net.name(s), a, 1, timeout=0.3), netns.PATIENCE), f"no way to {address}"
                sink = services.Sink(net.name(receiver), port=port)
                name = f"{sender} to {receiver} (IPv{at.number})"
                self.ways.append((name, sink, services.Stream(net.name(sender), (address, port), RATE)))
        self.seen = [0] * len(self.ways)

    def moving(self):
        """Every stream goes on: something has come since the last look. To be asked now and then: what a sink has not read, the kernel keeps, but
        no more than half a million datagrams."""
        before, self.seen = self.seen, [len(sink.numbers()) for _, sink, _ in self.ways]
        return all(now > then for now, then in zip(self.seen, before))

    def missing(self):
        """(way, sent, lost, doubled, the numbers lost) once all have stopped."""
        for _, _, stream in self.ways:
            stream.stop()
        told = []
        for name, sink, stream in self.ways:
            netns.until(lambda s=sink, n=stream.sent: len(s.numbers()) >= n, 1.0)
            got = sink.numbers()
            lost = sorted(set(range(stream.sent)) - set(got))
            told.append((name, stream.sent, len(lost), len(got) - len(set(got)), lost[:5]))
            sink.close()
        return told

    @staticmethod
    def text(told):
        return "; ".join(f"{name}: {sent} sent, {lost} lost, {doubled} doubled" for name, sent, lost, doubled, _ in told)

    @staticmethod
    def faults(told):
        return [
            f"{name}: {sent} sent, {lost} lost (from {which}), {doubled} doubled"
            for name, sent, lost, doubled, which in told
            if lost or doubled or sent < RATE
        ]


def steady_ids(domain, path, names=domains.STEADY):
    """The ids of the slices that do not change."""
    plan = domain.command("plan", path)[1]
    return {plan["slices"][name] for name in names}


def steady_state(net, slices, names=domains.STEADY):
    """What packets of these slices (ids) meet in the maps, and whom their slivers and edges know, by node."""
    taken = {}
    for node in figure7.NODES:
        for key, raw in tables.Tables(net.name(node)).of_slices(slices).items():
            taken[f"{node} {key}"] = raw.hex()
        for name in names:
            if netns.exists(net.sliver(node, name)):
                known = held.neighbours(net.sliver(node, name)).items()
                # Link-local ones are of no packet that is forwarded, and come with solicitations.
                taken[f"{node} {name}: neighbours"] = json.dumps(sorted(str(one) for one in known if not one[0][1].startswith("fe80:")))
    return taken


def introduce(net, nodes=figure7.NODES):
    """Every end of every link hears of the other: so all nodes know the same neighbours, and it is the definition that differs.

    Not in edges: who does not answer there is unreachable for a while."""
    for node in nodes:
        for space in (one for one in held.spaces(net.name(node)) if "@" not in one):
            links = json.loads(netns.run("ip", "-n", space, "-j", "address", "show"))
            for address in (a for link in links for a in link["addr_info"] if a["scope"] == "global"):
                own = ipaddress.ip_interface(f"{address['local']}/{address['prefixlen']}")
                others = [own.ip + 1] + ([own.ip - 1] if int(own.ip) & 255 else [])
                with services.udp_socket(space, to=address["local"]) as sock:
                    for other in (one for one in others if one in own.network and one != own.network.network_address):
                        try:
                            sock.sendto(b"?", (str(other), 9))
                        except OSError:
                            pass


def settled(net, nodes=figure7.NODES):
    """What nodes hold in names, once two looks at their maps agree."""
    introduce(net, nodes)
    last = None
    for _ in range(25):
        time.sleep(0.3)
        now = {}
        for node in nodes:
            now.update({f"{node} {key}": value for key, value in held.tables_of(net.name(node)).items()})
        if last == now:
            taken = {}
            for node in nodes:
                taken.update(held.meaning(net.name(node), net.prefix))
            return taken
        last, changed = now, held.differences(last, now) if last else None
    raise netns.RigError(f"the nodes do not come to rest: {changed[:4]}")


class Twin:
    """The same wires under another prefix, whose nodes have held nothing yet."""

    def __init__(self, prefix, keep, families=(figure7.V4,), more=domains.raise_more):
        self.net, self.keep = figure7.Figure7(prefix, families), keep
        self.net.raise_all()
        more(self.net)

    def make(self, running, definition, nodes=figure7.NODES, rest=lambda: None):
        """What fresh agents make of the definition, with the numbers that the running domain's plan has given. rest: returns when what
        is none of theirs has come to rest, too."""
        domain = xslice.Domain(self.net, figure7.NODES, self.keep)
        try:
            for key in ("ledger", "generation", "cell"):
                self._copy(running, domain.store, key)
            domain.start()
            domain.apply(domain.write(self.net.definition(definition), "twin.json"))
            rest()
            return settled(self.net, nodes)
        finally:
            domain.close()

    def _copy(self, running, store, key):
        source, target = os.path.join(running.store, key), os.path.join(store, key)
        if os.path.isdir(source):
            shutil.copytree(source, target)
        elif key == "ledger":
            with open(source, encoding="utf-8") as file, open(target, "w", encoding="utf-8") as out:
                out.write(file.read().replace(f"{running.net.prefix}R", f"{self.net.prefix}R"))
        elif os.path.exists(source):
            shutil.copy(source, target)

    def close(self):
        self.net.close()
