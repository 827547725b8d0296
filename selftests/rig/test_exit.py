#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""R16 on figure 7 in both families: the MUX with an exit, a router beyond it. Byte for byte in both directions, by
every pair of front ends, over an agent's death and an apply; and an exit that comes and goes with the definition."""
import hashlib
import re
import signal
import socket
import struct
import sys
import threading
import time

from checks import lifecycle, passing
from lib import beyond, figure7, frames, maps, netns, probes, rigtest, services, snapshot, wire

RATE = 2000
BULK = 24 << 20
JUMBO = 9000
FAMILIES = (figure7.V4, figure7.V6)


class Exit:
    """The rig: figure 7 in both families with `beyond`, and its definition in variants."""

    def __init__(self, rig):
        self.rig, self.net, self.domain = rig, rig.net, rig.domain
        with open(figure7.DUAL, encoding="utf-8") as file:
            self.plain = file.read()
        self.text = beyond.definition(self.net, self.plain)

    def write(self, text, name):
        return self.domain.write(self.net.definition(text), name)

    def apply(self, text, name="variant.yaml"):
        path = self.write(text, name)
        self.domain.apply(path)
        return path

    def ports(self, client="", out="", mtu=0):
        """The definition with more said of R3's two ports."""
        text = self.text
        for port, more in (("client", client), (beyond.DEVICE, out)):
            more = ", ".join(part for part in (more, f"mtu: {mtu}" if mtu else "") if part)
            if more:
                text = text.replace(f"{{name: {port}}}", f"{{name: {port}, {more}}}")
        return text

    def passed(self):
        return maps.verdicts(self.net.name("R3"))["passed"]


def byte_for_byte(test):
    sent, _, faults = passing.byte_for_byte(test.net)
    assert not faults, "; ".join(faults[:8])
    print(f"{sent} frames alike")


def reached(test):
    """Real hosts of both families: those beyond, by the wire; VMs, by slices."""
    for at in FAMILIES:
        host = beyond.HOST[at.number]
        assert len(probes.ping(test.net.name("client"), host, 5)) == 5, f"no way to {host}"
        for short, address in (("vm5", at.vm5), ("vm6", at.vm6)):
            who = services.ask(test.net.name("client"), (address, services.WHO_PORT))
            assert who == short, f"{who} answers at {address}"


# ---- streams ----


class Streams:
    """Numbered datagrams both ways through the wire, and through a slice meanwhile. lost() afterwards."""

    def __init__(self, net, at):
        client, far = net.name("client"), net.name("beyond")
        self.ways = [
            (client, far, beyond.HOST[at.number]),
            (far, client, at.client),
            (client, net.name("vm6"), at.vm6),
        ]
        self.pairs = []
        for sender, receiver, address in self.ways:
            sink = services.Sink(receiver)
            self.pairs.append((services.Stream(sender, (address, services.SINK_PORT), RATE), sink))

    def stop(self):
        """(sent, lost, doubled) of each way."""
        found = []
        for stream, _ in self.pairs:
            stream.stop()
        for stream, sink in self.pairs:
            netns.until(lambda s=stream, k=sink: len(k.numbers()) >= s.sent, 1.0)
            got = sink.numbers()
            found.append((stream.sent, stream.sent - len(set(got)), len(got) - len(set(got))))
            sink.close()
        return found


def nothing_lost(test, meanwhile):
    for at in FAMILIES:
        reached(test)  # neighbours are known from here on
        streams = Streams(test.net, at)
        time.sleep(0.3)
        meanwhile()
        time.sleep(0.3)
        found = streams.stop()
        print(f"IPv{at.number}: (sent, lost, doubled) {found}")
        assert all(sent > RATE / 4 and (lost, doubled) == (0, 0) for sent, lost, doubled in found), found


def agents_killed(test):
    def kill():
        assert len(test.domain.alive()) == 3
        test.domain.stop(signal.SIGKILL)
        time.sleep(0.5)
        test.domain.start()
        test.domain.wait_ready()

    nothing_lost(test, kill)


def applied_again(test):
    path = test.write(test.text, "exit.yaml")
    nothing_lost(test, lambda: test.rig.hold(lifecycle.writes_nothing(test.domain, path)))


def changed_beside(test):
    """Another list, another slice's condition: what passes does not notice."""
    more = test.text.replace("- {destination: 10.0.0.6}", "- {destination: 10.0.0.6}\n      - {destination: 10.0.0.7}")

    def change():
        test.apply(more)
        test.apply(test.text)

    assert more != test.text
    nothing_lost(test, change)


# ---- what there is to see ----


def no_router(test):
    """The users' router is beyond: the edge does not advertise itself, not even when asked, and beyond it is heard."""
    told = probes.solicit_router(test.net.name("client"), "eth0", 4.0)
    assert not told, f"told of {told}"
    with passing.Heard(test.net) as heard:
        probes.solicit_router(test.net.name("client"), "eth0", 0.5)
    asked = [frame for frame in heard.frames if frame[12:14] == b"\x86\xdd" and frame[54:55] == b"\x85"]
    assert asked, "the solicitation is not heard beyond"


def traced(test):
    def one(port, *words):
        words = ("trace", "--node", test.net.name("R3"), "--port", port, *words)
        (packet,) = test.domain.command(*words)[1]["packet"]
        return packet

    def stage(packet, name):
        return next(one["text"] for one in packet["hop"][0]["stage"] if one["stage"] == name)

    before = test.passed()
    for at in FAMILIES:
        client, host = at.client, beyond.HOST[at.number]
        out = one("client", "--from", client, "--to", host)
        assert out["end"]["how"] == "passed" and "by port out, as it came" in out["end"]["text"], out
        assert "no slice takes it from MUX MD" in stage(out, "pass") and out["hop"][0]["verdict"] == "passed", out
        assert out["hop"][0]["out"] == {"port": "out"} and out["hop"][0]["by"] == "xdp", out
        back = one("out", "--from", host, "--to", client)
        assert back["end"]["how"] == "passed" and "by port client" in back["end"]["text"], back
        assert one("out", "--from", client, "--to", at.vm5)["end"]["how"] == "passed"
        assert "slice P by condition" in stage(one("client", "--from", client, "--to", at.vm6), "select")
        assert one("client", "--from", client, "--to", at.edge)["end"]["how"] == "local"
        assert one("client", "--from", client, "--to", host, "--label", "7")["end"]["how"] == "passed"
    assert test.passed() - before < 50, "a trace is counted"


def shown(test):
    way = test.domain.command("show", beyond.HOST[4])[1]["way"]
    ends = [one["end"] for one in way if one["from"]["name"] == "MD"]
    assert any("it goes on as it came, by port out" in end for end in ends), way


def told_apart(test):
    """xslice diff says that an exit comes and goes."""
    path = test.write(test.plain, "plain.yaml")
    code, answer, said = test.domain.command("diff", path, check=False)
    text = str(answer)
    assert code == 3 and "exit" in text and f"{test.net.name('R3')}/out" in text, f"{code}: {text} {said}"


def advertise(net, address):
    """An unsolicited neighbour advertisement of the client's, to all."""
    with wire.Port(net.name("client"), "eth0") as port:
        option = struct.pack("!BB", 2, 1) + frames.mac_bytes(port.mac)
        body = struct.pack("!BBHI", 136, 0, 0, 0x20000000) + frames.address_bytes(address) + option
        pseudo = frames.address_bytes(address) + frames.address_bytes("ff02::1") + struct.pack("!II", len(body), 58)
        body = body[:2] + struct.pack("!H", frames.checksum(pseudo + body)) + body[4:]
        packet = frames.ipv6(address, "ff02::1", 58, body, ttl=255)
        port.send(frames.ethernet("33:33:00:00:00:01", port.mac, packet, frames.ETH_IPV6))


def another_mac(test):
    """A client gets another MAC and says so as hosts do, to all: the edge hears it, and so do those beyond."""
    net, client = test.net, test.net.name("client")
    former = netns.links(client)["eth0"]["address"]
    reached(test)
    for mac in ("02:00:5e:00:00:77", former):
        time.sleep(1.2)  # the kernel takes no two of one address in a second (neigh.locktime)
        netns.run("ip", "-n", client, "link", "set", "eth0", "address", mac)
        advertise(net, figure7.V6.client)
        for at in FAMILIES:
            begin = time.monotonic()
            while not services.ask(client, (at.vm6, services.WHO_PORT), timeout=0.1, tries=1):
                assert time.monotonic() < begin + 90, "never"
            took = time.monotonic() - begin
            print(f"IPv{at.number}: answered after {took:.2f} s")
            assert took < 1.5, f"IPv{at.number}: slices send to the former MAC for {took:.1f} s"
    reached(test)


def another_mac_in_silence(test):
    """A host of IPv6 need not tell all, and has no reason to ask for the edge. The agent's next look finds him anew."""
    net, client, edge = test.net, test.net.name("client"), f"xs.{test.net.name('R3')}@client"
    for key, value in (("base_reachable_time_ms", 1000), ("delay_first_probe_time", 1)):  # not half a minute
        netns.sysctl(edge, f"net/ipv6/neigh/client/{key}", value)
    figure7.flush_neighbours(edge)
    reached(test)
    former = netns.links(client)["eth0"]["address"]
    netns.run("ip", "-n", client, "link", "set", "eth0", "address", "02:00:5e:00:00:78")
    ask = (client, (figure7.V6.vm6, services.WHO_PORT))
    begin = time.monotonic()

    def found():
        test.domain.agents["R3"].send_signal(signal.SIGHUP)  # look now, not within 30 s
        return services.ask(*ask, timeout=0.1, tries=1)

    assert netns.until(found, 30, 1), "never"
    print(f"answered after {time.monotonic() - begin:.1f} s")
    netns.run("ip", "-n", client, "link", "set", "eth0", "address", former)
    assert netns.until(found, 30, 1), "never again"
    reached(test)


# ---- it comes and goes ----


def taken_away(test):
    """Without its exit the MUX is the users' gateway again, what no slice takes is dropped, `out` is as it was."""
    net, node = test.net, test.net.name("R3")
    test.apply(test.plain, "plain.yaml")
    beyond.turn_to(net, "edge")
    for at in FAMILIES:
        who = services.ask(net.name("client"), (at.vm5, services.WHO_PORT))
        assert who == "vm5", f"{who} answers at {at.vm5}"
    link = netns.links(node)[beyond.DEVICE]
    assert "xdp" not in link and "PROMISC" not in link["flags"] and link.get("promiscuity", 0) == 0, link
    assert not probes.ping(net.name("beyond"), figure7.CLIENT, 1, timeout=0.3), "it still passes"
    told = probes.solicit_router(net.name("client"), "eth0", 8.0)
    assert told and told[1], f"the edge is no router again: {told}"
    path = test.apply(test.text, "exit.yaml")
    told = probes.solicit_router(net.name("client"), "eth0", 4.0)
    assert not told or not told[1], f"the edge is a router still: {told}"
    beyond.turn_to(net, "beyond")
    reached(test)
    test.rig.hold(lifecycle.writes_nothing(test.domain, path))


def transfer(sender, receiver, address):
    """BULK bytes by TCP; both ends' hashes."""
    listener = services.make_socket(receiver, services.ANY, socket.SOCK_STREAM)
    listener.bind((services.ANY, 0))
    listener.listen(1)
    listener.settimeout(10)
    got = hashlib.sha256()

    def take():
        there, _ = listener.accept()
        while data := there.recv(1 << 16):
            got.update(data)
        there.close()

    taker = threading.Thread(target=take, daemon=True)
    taker.start()
    data = bytes(i * 7 & 255 for i in range(1 << 16)) * (BULK >> 16)
    sock = services.make_socket(sender, address, socket.SOCK_STREAM)
    sock.settimeout(20)
    sock.connect((address, listener.getsockname()[1]))
    sock.sendall(data)
    sock.close()
    taker.join(30)
    listener.close()
    return hashlib.sha256(data).hexdigest(), got.hexdigest()


def offloads(net, short, on):
    state = "on" if on else "off"
    netns.run_in(net.name(short), "ethtool", "-K", "eth0", "tx", state, "tso", state, "gso", "on", check=False)


def front_ends(test):
    """XDP and tc at either port, natively and generically; behind tc hosts' offloads are on: large packets."""
    net, faults = test.net, []
    for client, out in (
        ("stack: local", ""),
        ("", "stack: local"),
        ("stack: local", "stack: local"),
        ("mode: generic", "mode: generic"),
    ):
        test.apply(test.ports(client, out))
        for short, said in (("client", client), ("beyond", out)):
            offloads(net, short, "local" in said)
        for name in (net.name("client"), net.name("beyond"), f"xs.{net.name('R3')}@client"):
            figure7.flush_neighbours(name)
        reached(test)
        for at in FAMILIES:
            for sender, receiver, address in (
                ("client", "beyond", beyond.HOST[at.number]),
                ("beyond", "client", at.client),
            ):
                sent, got = transfer(net.name(sender), net.name(receiver), address)
                if sent != got:
                    faults.append(f"{client or 'wire'} / {out or 'wire'}: {sender} to {address}: another hash")
        for short in ("client", "beyond"):
            offloads(net, short, False)
        faults += [f"{client or 'wire'} / {out or 'wire'}: {one}" for one in passing.byte_for_byte(net)[2]]
    test.apply(test.text, "exit.yaml")
    assert not faults, "; ".join(faults[:8])


def generic_and_the_host(test):
    """A link's port in generic mode: labels are the slices', what has none is the node's own, as in native mode."""
    net = test.net
    text = test.text.replace("{name: r1, peer: R1/r3}", "{name: r1, peer: R1/r3, mode: generic}")
    assert text != test.text
    netns.run_in(net.name("R3"), "ethtool", "-K", "r1", "gro", "on")  # a veth without native XDP has no NAPI else
    test.apply(text)
    ends = (("R3", "r1", "172.31.0.1/30"), ("R1", "r3", "172.31.0.2/30"))
    for node, device, address in ends:
        netns.run("ip", "-n", net.name(node), "address", "add", address, "dev", device)
    try:
        reached(test)
        assert len(probes.ping(net.name("R1"), "172.31.0.1", 3)) == 3, "the node's own stack does not get its packets"
    finally:
        for node, device, address in ends:
            netns.run("ip", "-n", net.name(node), "address", "delete", address, "dev", device)
        test.apply(test.text, "exit.yaml")
        netns.run_in(net.name("R3"), "ethtool", "-K", "r1", "gro", "off")


def jumbo(test):
    """Frames of several pages, by XDP."""
    net = test.net
    for short in ("client", "beyond"):
        netns.run("ip", "-n", net.name(short), "link", "set", "eth0", "mtu", str(JUMBO))
    test.apply(test.ports(mtu=JUMBO))
    reached(test)
    macs = {short: netns.links(net.name(short))["eth0"]["address"] for short in ("client", "beyond")}
    for sender, receiver, source, destination in (
        ("client", "beyond", figure7.CLIENT, beyond.HOST[4]),
        ("beyond", "client", beyond.ROUTER[4], figure7.CLIENT),
    ):
        sent = []
        for i in range(20):
            data = bytes(i + n * 7 & 255 for n in range(JUMBO - 28 - 16 * i))
            sent.append(frames.udp_frame(macs[receiver], macs[sender], source, destination, 9, 9, data))
            sent.append(frames.udp_frame(macs[receiver], macs[sender], source, destination, 9, 9, data, tags=(7,)))
        with wire.Port(net.name(sender), "eth0") as out, wire.Port(net.name(receiver), "eth0") as into:
            out.send_many(sent, burst=4)
            seen = passing.received(into, set(sent))
        missing = [len(frame) for frame in sent if seen[frame] != 1]
        assert not missing, f"{sender} to {receiver}: missing or doubled, of {len(sent)}: {missing}"
    for short in ("client", "beyond"):
        netns.run("ip", "-n", net.name(short), "link", "set", "eth0", "mtu", "1500")
    test.apply(test.text, "exit.yaml")


def refused(test):
    """An exit that is another's, or of another MTU, is refused with its place; nothing changes."""
    for text, part in (
        (test.text.replace(f"exit: {beyond.DEVICE}", "exit: r1"), "no users come in there"),
        (test.text.replace(f"{{name: {beyond.DEVICE}}}", f"{{name: {beyond.DEVICE}, mtu: 9000}}"), "must fit both"),
        (re.sub("    address: .*\n", "", test.text), "first hop is beyond it"),
    ):
        code, answer, said = test.domain.command("apply", test.write(text, "refused.yaml"), check=False)
        assert code == 2 and part in f"{answer} {said}", f"{code}: {answer} {said}"


def main():
    with netns.alone(), rigtest.Rig("test_exit", "te", bare=True, families=FAMILIES, prepare=beyond.add) as rig:
        test, nodes = Exit(rig), [rig.net.name(node) for node in figure7.NODES]
        before = snapshot.take(nodes)
        rig.domain.start()
        test.apply(test.text, "exit.yaml")
        beyond.turn_to(rig.net, "beyond")
        cases = [
            ("pass_through", lambda: rig.hold(passing.pass_through(rig.net, figure7.V4))),
            ("pass_through_v6", lambda: rig.hold(passing.pass_through(rig.net, figure7.V6))),
            ("byte_for_byte_again", lambda: byte_for_byte(test)),
            ("no_router_is_advertised", lambda: no_router(test)),
            ("trace", lambda: traced(test)),
            ("show", lambda: shown(test)),
            ("diff", lambda: told_apart(test)),
            ("agents_killed", lambda: agents_killed(test)),
            ("applied_again", lambda: applied_again(test)),
            ("changed_beside", lambda: changed_beside(test)),
            ("another_mac", lambda: another_mac(test)),
            ("another_mac_in_silence", lambda: another_mac_in_silence(test)),
            ("taken_away_and_given_back", lambda: taken_away(test)),
            ("counters_add_up", lambda: rig.hold(lifecycle.counters_add_up(rig.net, all_kinds=False))),
            ("front_ends", lambda: front_ends(test)),
            ("generic_and_the_host", lambda: generic_and_the_host(test)),
            ("jumbo", lambda: jumbo(test)),
            ("refused", lambda: refused(test)),
            ("removed_without_trace", lambda: rig.hold(lifecycle.removed(rig.domain, before, nodes))),
        ]
        return rig.run_cases(cases)


if __name__ == "__main__":
    sys.exit(main())
