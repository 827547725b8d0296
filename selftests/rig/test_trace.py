#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`xslice trace` on figure 7: packets go where real ones would, every drop and punt is told with the line that decided, and
nothing is sent, counted or changed by it."""
import os
import shutil
import signal
import struct
import sys

from lib import contract, figure7, frames, maps, netns, probes, rigtest, services

PCAP = 0xA1B2C3D4
WAN = "WAN"  # by paging: a hop that is no node


class Trace:
    def __init__(self, rig):
        self.net, self.domain = rig.net, rig.domain
        with open(rig.definition, encoding="utf-8") as file:
            self.lines = file.read().splitlines()

    def line(self, text):
        """Number of the definition's first line that holds `text`."""
        return next(number for number, line in enumerate(self.lines, 1) if text in line)

    def packets(self, node, port, *words, code=0):
        words = ("trace", "--node", self.net.name(node), "--port", port, *(str(word) for word in words))
        found, answer, said = self.domain.command(*words, check=False)
        assert found == code, f"{' '.join(words)}: exit {found}: {said}"
        return (answer or {}).get("packet", []), said

    def one(self, node, port, *words):
        (packet,), _ = self.packets(node, port, *words)
        return Packet(self, packet)

    def from_client(self, to, *words):
        return self.one("R3", "client", "--from", figure7.CLIENT, "--to", to, *words)


class Packet:
    def __init__(self, trace, packet):
        self.trace, self.packet = trace, packet
        self.hops, self.how, self.text = packet["hop"], packet["end"]["how"], packet["end"]["text"]
        self.way = [hop["node"] for hop in self.hops]

    def stage(self, hop, name):
        return next(stage for stage in self.hops[hop]["stage"] if stage["stage"] == name)

    def says(self, hop, name, text, written=None):
        """A stage of a hop has `text` in it, and names the line of the definition where `written` stands."""
        found = self.stage(hop, name)
        assert text in found["text"], f"{name} at hop {hop}: {found}"
        if written:
            assert found.get("line") == self.trace.line(written), f"{found} names not the line of {written!r}"
        return self

    def goes(self, how, *nodes, text=""):
        way = [node if node == WAN else self.trace.net.name(node) for node in nodes]
        assert (self.how, self.way) == (how, way) and text in self.text, self.packet
        return self


def through_p(trace):
    there = trace.from_client(figure7.VM5).goes("delivered", "R3", "R1", text="port pdc")
    there.says(0, "ingress", "edge of MUX MD", "name: MD")
    there.says(0, "select", "slice P by condition 1 of moved-later, cell vm5, generation ", "destination: 10.0.0.5")
    there.says(0, "route", "10.0.0.0/16 via 10.1.3.1 dev P13, for gateway GWP", "name: GWP")
    there.says(0, "emit", "port r1, VLAN ", "name: P13").says(0, "emit", "link P13 of slice P")
    there.says(1, "ingress", "link P13 of slice P", "name: P13").says(1, "route", "10.0.0.0/16 dev GWP", "name: GWP")
    there.says(1, "emit", "port pdc, untagged, gateway GWP of slice P, to " + figure7.VM5_MAC, "name: GWP")
    assert {hop["by"] for hop in there.hops} == {"xdp"} and {hop["slice"] for hop in there.hops} == {"P"}, there.packet
    back = trace.one("R1", "pdc", "--from", figure7.VM5, "--to", figure7.CLIENT, "--protocol", "tcp")
    back.goes("delivered", "R1", "R3", text="port client")
    back.says(0, "ingress", "gateway GWP", "name: GWP").says(0, "route", "192.0.2.0/24 via 10.1.3.2", "clients:")
    back.says(1, "emit", "port client, untagged, edge of MUX MD", "name: MD")
    other = trace.from_client(figure7.GATEWAY).goes("local", "R3", "R2", text="sliver A2 of slice A takes it in")
    other.says(0, "select", "slice A by condition 1 of all", "any: true")


def through_a(trace):
    trace.domain.switch("vm5", "A")
    there = trace.from_client(figure7.VM5)
    there.says(0, "select", "slice A by condition 1 of all", "any: true").says(0, "route", "via 10.2.3.1 dev A23")
    assert there.way == [trace.net.name(node) for node in ("R3", "R2")] and there.how == "kernel", there.packet
    trace.domain.switch("vm5", "P")
    trace.from_client(figure7.VM5).goes("delivered", "R3", "R1")


def ethernet(mac, payload, ethertype=0x0800, tags=()):
    return frames.ethernet(mac, "02:00:00:00:00:01", payload, ethertype, tags).hex()


def drops(trace):
    packet = frames.udp_packet(figure7.CLIENT, figure7.VM5, 1, 2, b"x" * 20)
    mac = edge_mac(trace)
    client = ("--from", figure7.CLIENT, "--to", figure7.VM5)
    for reason, stage, line, port, words in (
        ("spoofed-source", "ingress", "clients:", "client", ("--from", "10.9.9.9", "--to", figure7.VM5)),
        ("martian", "ingress", None, "client", ("--from", figure7.CLIENT, "--to", "127.0.0.1")),
        ("multicast", "ingress", "name: MD", "client", ("--from", figure7.CLIENT, "--to", "239.1.2.3")),
        ("not-for-us", "ingress", "name: MD", "client", (*client, "--mac", "02:12:34:56:78:9a")),
        ("tag-on-user-port", "ingress", "{name: client}", "client", (*client, "--label", 7)),
        ("unknown-label", "ingress", f"{{name: r1, peer: {trace.net.name('R1')}/r3}}", "r1", (*client, "--label", 4001)),
        ("label-zero", "ingress", None, "r1", ("--hex", ethernet(mac, packet, tags=[0]))),
        ("double-tag", "ingress", None, "r1", ("--hex", ethernet(mac, packet, tags=[100, 7]))),
        ("ethertype", "ingress", "name: MD", "client", ("--hex", ethernet(mac, packet, 0x88CC))),
        ("malformed", "parse", None, "client", ("--hex", ethernet(mac, packet[:30]))),
        ("blackhole", "route", None, "client", ("--from", figure7.CLIENT, "--to", "10.99.0.1")),
    ):
        dropped = trace.one("R3", port, *words).goes("dropped", "R3", text=reason)
        assert dropped.hops[0]["verdict"] == reason, dropped.packet
        found = [one for one in dropped.hops[0]["stage"] if one["text"].startswith(f"drop {reason}")]
        assert len(found) == 1 and found[0]["stage"] == stage, dropped.packet
        assert not line or found[0].get("line") == trace.line(line), f"{found} is not at {line!r}"


def edge_mac(trace):
    """What the client has for its gateway."""
    told = netns.run_in(trace.net.name("client"), "ip", "neigh", "show", figure7.EDGE)
    return told.split("lladdr ")[1].split()[0]


def punts(trace):
    vm5 = figure7.VM5
    punt = trace.from_client(vm5, "--ttl", 1).goes("answered", "R3", text="sliver P3 of slice P answers: TTL exceeded")
    punt.says(0, "punt", f"namespace {trace.net.sliver('R3', 'P')}", "name: MD")
    assert punt.hops[0]["by"] == "tc" and punt.hops[0]["verdict"] == "punted", punt.packet
    trace.from_client(vm5, "--ttl", 2).goes("answered", "R3", "R1", text="sliver P1 of slice P answers: TTL exceeded")
    trace.from_client(figure7.EDGE).goes("local", "R3", text="the edge of port client takes it in")
    trace.from_client("10.1.3.1").goes("local", "R3", "R1", text="sliver A1 of slice A takes it in")
    trace.from_client(vm5, "--length", 1500, "--df").goes("answered", "R3", text="too big, P13 has an MTU of 1400")
    trace.from_client(vm5, "--length", 1500).goes("kernel", "R3", text="cuts it into fragments, as P13 has an MTU of 1400")
    trace.from_client(figure7.OTHER).goes("kernel", "R3", "R2", text=f"asks for {figure7.OTHER} by GWA")
    trace.from_client("10.98.0.1").goes("answered", "R3", text="unreachable")
    nobody = trace.one("R1", "pdc", "--from", vm5, "--to", "192.0.2.77")
    nobody.goes("kernel", "R1", "R3", text="edge of MUX MD, which asks for 192.0.2.77")
    arp = frames.arp(1, "02:00:00:00:00:01", figure7.CLIENT, "00:00:00:00:00:00", figure7.EDGE)
    trace.one("R3", "client", "--hex", ethernet(frames.BROADCAST, arp, 0x0806)).goes("local", "R3", text="ARP")
    trace.one("R3", "r1", "--from", figure7.CLIENT, "--to", vm5).goes("host", "R3", text="the own stack")


def pcap(order, packets, magic=PCAP, link=1):
    out = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    for packet in packets:
        out += struct.pack(f"{order}IIII", 0, 0, len(packet), len(packet)) + packet
    return out


def inputs(rig, trace):
    mac = edge_mac(trace)
    whole = [
        bytes.fromhex(ethernet(mac, frames.udp_packet(figure7.CLIENT, to, 1, 2, b"x" * 20)))
        for to in (figure7.VM5, figure7.GATEWAY, figure7.VM5)
    ]
    path = os.path.join(rig.keep, "trace.pcap")
    for order in "<>":
        for magic in (PCAP, 0xA1B23C4D):
            with open(path, "wb") as file:
                file.write(pcap(order, whole, magic))
            found, _ = trace.packets("R3", "client", "--pcap", path)
            assert [one["end"]["how"] for one in found] == ["delivered", "local", "delivered"], found
    assert len(trace.packets("R3", "client", "--pcap", path, "--count", 2)[0]) == 2
    punted = ethernet(mac, frames.udp_packet(figure7.CLIENT, figure7.VM5, 1, 2, b"x", ttl=1))
    with open(path, "wb") as file:
        file.write(pcap("<", [bytes.fromhex(punted)] * 100))
    found, _ = trace.packets("R3", "client", "--pcap", path, "--count", 100)
    assert {one["end"]["how"] for one in found} == {"answered"} and len(found) == 100, "one packet takes another's tokens"
    text = os.path.join(rig.keep, "trace.hex")
    with open(text, "w", encoding="ascii") as file:
        file.write("\n".join(whole[0].hex(":")[at : at + 48] for at in range(0, 3 * len(whole[0]), 48)) + "\n")
    for given in (text, whole[0].hex(), whole[0].hex(" ")):
        trace.one("R3", "client", "--hex", given).goes("delivered", "R3", "R1")


def written_by_programs(node):
    taken = {}
    for name in contract.MAPS:
        with maps.Map(node, name) as one:
            if one.per_cpu or name in contract.BUCKETS:
                taken[name] = one.raw()
    return taken


def written_by_agents(node):
    return maps.state(node)


def changes_nothing(trace):
    """Neighbours are asked for now and then, which counts; but on no node every time."""
    nodes = [trace.net.name(node) for node in figure7.NODES]
    before = {node: written_by_agents(node) for node in nodes}
    growing = set(nodes)  # at every try until now
    for _ in range(20):
        counted = {node: written_by_programs(node) for node in nodes}
        through = trace.from_client(figure7.VM5)
        trace.from_client(figure7.VM5, "--ttl", 1)
        trace.one("R1", "pdc", "--from", figure7.VM5, "--to", figure7.CLIENT)
        trace.one("R3", "client", "--from", "10.9.9.9", "--to", figure7.VM5)
        assert through.how == "delivered", through.packet
        growing = {node for node in growing if written_by_programs(node) != counted[node]}
        if not growing:
            break
    assert not growing, f"counters of {sorted(growing)} grow with every trace"
    for node in nodes:
        assert not (found := maps.differences(before[node], written_by_agents(node))), f"{node}: {found[:4]}"


def other_programs(trace):
    """Where something else is attached than what would be tried, nothing is told."""
    node, other = trace.net.name("R3"), trace.net.name("R1")
    pins = f"{contract.PIN_ROOT}/{{}}/v{contract.VERSION}/prog_{{}}"

    def attach(pin):
        words = ("filter", "replace", "dev", "client", "ingress", "prio", str(0x5853), "handle", "1", "bpf", "da", "pinned")
        netns.run_in(node, "tc", *words, pin)

    agent = trace.domain.agents["R3"]
    agent.send_signal(signal.SIGSTOP)  # it looks now and then, and would set right what is set here
    try:
        for pin, text in ((pins.format(node, "tc_sliver"), "tag"), (pins.format(other, "tc_port"), "other maps")):
            attach(pin)
            _, said = trace.packets("R3", "client", "--from", figure7.CLIENT, "--to", figure7.VM5, code=1)
            assert text in said and "tc_port" in said and node in said, said
    finally:
        attach(pins.format(node, "tc_port"))
        agent.send_signal(signal.SIGCONT)
    trace.from_client(figure7.VM5).goes("delivered", "R3", "R1")


CLIENT6, VM5_6, NOBODY6, EDGE6 = "2001:db8:0:200::10", "2001:db8:0:100::5", "2001:db8:0:100::9", "2001:db8:0:200::1"


def neighbour(namespace, address, mac, device):
    netns.run("ip", "-n", namespace, "neigh", "replace", address, "lladdr", mac, "dev", device, "nud", "permanent")


def both_families(trace, rig):
    """The client's port has a local stack behind it here: tc takes and gives its frames, XDP the others."""
    neighbour(rig.net.sliver("R1", "P"), VM5_6, figure7.VM5_MAC, "GWP")
    neighbour(f"xs.{rig.net.name('R3')}@client", CLIENT6, "02:00:00:00:00:77", "client")
    for client, vm5, condition in (
        (figure7.CLIENT, figure7.VM5, "destination: 10.0.0.5"),
        (CLIENT6, VM5_6, f'destination: "{VM5_6}"'),
    ):

        def way(*where):
            packet = trace.one(*where)
            return packet.how == "delivered" and packet  # mirrors follow in a moment

        there = netns.until(lambda: way("R3", "client", "--from", client, "--to", vm5, "--protocol", "tcp"), netns.PATIENCE)
        assert there, trace.one("R3", "client", "--from", client, "--to", vm5).packet
        there.goes("delivered", "R3", "R1", text=figure7.VM5_MAC).says(0, "select", "slice P by condition ", condition)
        there.says(0, "emit", "port r1, VLAN ", "name: P13").says(0, "route", "dev P13, for gateway GWP", "name: GWP")
        assert [hop["by"] for hop in there.hops] == ["tc", "xdp"], there.packet
        back = netns.until(lambda: way("R1", "pdc", "--from", vm5, "--to", client, "--protocol", "icmp"), netns.PATIENCE)
        assert back, trace.one("R1", "pdc", "--from", vm5, "--to", client).packet
        back.goes("delivered", "R1", "R3").says(1, "emit", "port client, untagged, edge of MUX MD", "name: MD")
        back.says(0, "route", "dev P13, for clients of MUX MD", "clients:")
        assert [hop["by"] for hop in back.hops] == ["xdp", "tc"], back.packet


def six_alone(trace):
    def send(to, *words, source=CLIENT6):
        return trace.one("R3", "client", "--from", source, "--to", to, *words)

    send(VM5_6, "--ttl", 1).goes("answered", "R3", text="sliver P3 of slice P answers: hop limit exceeded")
    send(VM5_6, "--length", 1500).goes("answered", "R3", text="too big, P13 has an MTU of 1400")
    send(EDGE6).goes("local", "R3", text="the edge of port client takes it in")
    send("2001:db8:77::1").goes("answered", "R3", text="network unreachable")
    send(NOBODY6).goes("kernel", "R3", "R2", text=f"asks for {NOBODY6} by GWA")
    send("ff02::1", source="fe80::1").goes("local", "R3", text="link-local")
    assert send("ff0e::1").goes("dropped", "R3").hops[0]["verdict"] == "multicast"
    send(VM5_6, source="2001:db8:9::1").goes("dropped", "R3").says(0, "ingress", "edge of MUX MD", "name: MD")


def away(trace, rig):
    """A node of which nothing is here: the way is told as far as it is known."""
    rig.domain.stop(signal.SIGKILL)
    shutil.rmtree(f"{contract.PIN_ROOT}/{rig.net.name('R1')}")
    packet = trace.from_client(figure7.VM5).goes("away", "R3", text=f"goes on at node {rig.net.name('R1')}")
    packet.says(0, "emit", "port r1", "name: P13")
    _, said = trace.packets("R1", "pdc", "--from", figure7.VM5, "--to", figure7.CLIENT, code=1)
    assert rig.net.name("R1") in said and "nothing of it is loaded" in said, said


def dual():
    with open(os.path.join(contract.TOP, "docs/examples/figure7-dual.yaml"), encoding="utf-8") as file:
        text = file.read()
    changed = text.replace("{name: client}", "{name: client, stack: local}")
    assert changed != text
    with rigtest.Rig("test_trace", "tt", text=changed) as rig:
        trace = Trace(rig)
        assert probes.ping(rig.net.name("client"), figure7.VM5, 3), "no answer"
        return rig.run_cases(
            [
                ("both_families_by_tc_and_xdp", lambda: both_families(trace, rig)),
                ("ipv6_alone", lambda: six_alone(trace)),
                ("a_node_that_is_away", lambda: away(trace, rig)),
            ]
        )


def figure7_as_it_is():
    with rigtest.Rig("test_trace", "tt") as rig:
        trace = Trace(rig)
        client = rig.net.name("client")
        for slice_name, kind, prefix in (("A", "blackhole", "10.99.0.0/16"), ("A", "unreachable", "10.98.0.0/16")):
            netns.run_in(rig.net.sliver("R3", slice_name), "ip", "route", "add", kind, prefix)
        for to in (figure7.EDGE, figure7.VM5):  # neighbours are known from here on
            assert probes.ping(client, to, 3), f"{to} does not answer"
        services.ask(client, (figure7.VM5, services.WHO_PORT))
        return rig.run_cases(
            [
                ("through_p", lambda: through_p(trace)),
                ("through_a_and_back", lambda: through_a(trace)),
                ("every_drop_with_its_line", lambda: drops(trace)),
                ("punts", lambda: punts(trace)),
                ("hex_and_captures", lambda: inputs(rig, trace)),
                ("changes_nothing", lambda: changes_nothing(trace)),
                ("other_programs_are_refused", lambda: other_programs(trace)),
            ]
        )


def main():
    with netns.alone():
        return figure7_as_it_is() | dual()


if __name__ == "__main__":
    sys.exit(main())
