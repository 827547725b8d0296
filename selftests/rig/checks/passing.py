# SPDX-License-Identifier: GPL-2.0-or-later
"""R16: a MUX with an exit lies in the wire. What no slice takes goes on byte for byte, both ways, whatever it is; what
a slice takes goes there and nowhere else. Frames are compared one by one at the two ends of the wire."""
import collections
import socket
import struct
import threading
import time

from lib import beyond, figure7, frames, maps, netns, probes, services, wire

from . import Outcome

EACH = 20  # frames of a kind
STRANGER = "02:5a:5a:5a:5a:5a"
LLDP, BPDU = "01:80:c2:00:00:0e", "01:80:c2:00:00:00"
FULL = 1500
ICMPV6 = 58
EDGE, VM5 = figure7.EDGE, figure7.VM5
MARK = 0x88B6  # ethertype of the frames that begin and end a comparison


def _marked(text, number, size=0):
    return (text.encode() + struct.pack("!I", number)).ljust(size, b"\xa5")


def _datagram(source, destination, text, number, size=18, **ip):
    return frames.udp_packet(source, destination, 4998, 4998, _marked(text, number, size), **ip)


def _number(i):
    """A MAC that tells frames apart where nothing else does."""
    return f"00:00:00:00:00:{i:02x}"


def _tagged(frame, *tags):
    """tags: (type, TCI), the outermost first."""
    return frame[:12] + b"".join(struct.pack("!HH", *tag) for tag in tags) + frame[12:]


def _solicitation(kind, target):
    return struct.pack("!BBHI", kind, 0, 0xABCD, 0) + frames.address_bytes(target)


def kinds(own_mac, to_mac, own, outside):
    """(name, frame by number) of what nothing takes, from own_mac to to_mac. own: addresses of the sender by family;
    outside: likewise of somebody beyond."""
    four, six = own[4], own[6]

    def ethernet(mac, payload, ethertype=frames.ETH_IP):
        return frames.ethernet(mac, own_mac, payload, ethertype)

    def group6(i, kind):
        return ethernet(
            "33:33:ff:00:01:00",
            frames.ipv6(six, "ff02::1:ff00:100", ICMPV6, _solicitation(kind, f"2001:db8:0:200::1:{i:x}"), ttl=255),
            frames.ETH_IPV6,
        )

    def arp(operation, mac, sender, target_mac, target):
        return ethernet(mac, frames.arp(operation, own_mac, sender, target_mac, target), frames.ETH_ARP)

    def to(mac, text, source, destination, **more):
        """A datagram by number."""
        ethertype = frames.ETH_IPV6 if frames.is_ipv6(source) else frames.ETH_IP
        return lambda i: ethernet(mac, _datagram(source, destination, text, i, **more), ethertype)

    plain, plain6 = to(to_mac, "plain", four, outside[4]), to(to_mac, "plain", six, outside[6])
    some = to(to_mac, "tags", four, outside[4])
    full = to(to_mac, "full", four, outside[4], size=FULL - frames.headers(four))
    full6 = to(to_mac, "full", six, outside[6], size=FULL - frames.headers(six))
    nobody = "00:00:00:00:00:00"
    return [
        ("ARP request", lambda i: arp(1, frames.BROADCAST, four, nobody, f"192.0.2.{i + 100}")),
        ("ARP, gratuitous", lambda i: arp(2, frames.BROADCAST, f"192.0.2.{i + 100}", own_mac, f"192.0.2.{i + 100}")),
        ("ARP reply to a stranger", lambda i: arp(2, STRANGER, four, STRANGER, f"192.0.2.{i + 100}")),
        ("neighbour solicitation", lambda i: group6(i, 135)),
        ("neighbour advertisement", lambda i: group6(i, 136)),
        ("DHCP", to(frames.BROADCAST, "dhcp", "0.0.0.0", "255.255.255.255", size=300)),
        ("multicast", to("01:00:5e:01:02:03", "group", four, "239.1.2.3", ttl=1)),
        ("IPv6 multicast", to("33:33:00:00:00:fb", "group", six, "ff02::fb")),
        ("unicast", plain),
        ("IPv6 unicast", plain6),
        ("to a stranger", to(STRANGER, "stranger", four, outside[4])),
        ("foreign source to a VM", to(to_mac, "foreign", "203.0.113.9", VM5)),
        ("foreign IPv6 source to a VM", to(to_mac, "foreign", "2001:db8:bad::9", figure7.V6.vm5)),
        ("martian", to(to_mac, "martian", "127.0.0.1", VM5)),
        ("expiring", to(to_mac, "ttl", four, outside[4], ttl=1)),
        ("fragment", to(to_mac, "part", four, outside[4], flags=0x20B9)),
        ("options", to(to_mac, "options", four, outside[4], options=b"\x94\x04\0\0")),
        ("no IP after all", lambda i: ethernet(to_mac, _marked("\x55\x00\x00", i, 46))),
        ("unknown ethertype", lambda i: ethernet(to_mac, _marked("other", i), 0x88B5)),
        ("MPLS", lambda i: ethernet(to_mac, _marked("mpls", i, 60), 0x8847)),
        ("LLDP", lambda i: ethernet(LLDP, _marked("lldp", i, 60), 0x88CC)),
        ("BPDU", lambda i: ethernet(BPDU, _marked("BB\x03", i, 38), 38)),
        ("tag", lambda i: _tagged(plain(i), (0x8100, 7))),
        ("all kinds of tags", lambda i: _tagged(some(i), (0x8100, 1 + i))),
        ("priority tag", lambda i: _tagged(plain(i), (0x8100, 0xE000))),
        ("tagged ARP for the edge", lambda i: _tagged(arp(1, frames.BROADCAST, four, _number(i), EDGE), (0x8100, 9))),
        ("802.1ad", lambda i: _tagged(plain6(i), (0x88A8, 0x3064))),
        ("802.1ad and 802.1Q", lambda i: _tagged(plain(i), (0x88A8, 100), (0x8100, 7))),
        ("full size", full),
        ("full size of IPv6", full6),
        ("full size with a tag", lambda i: _tagged(full(i), (0x8100, 7))),
    ]


def _all(kind_list):
    return {build(i): name for name, build in kind_list for i in range(EACH)}


def received(port, wanted, timeout=3.0):
    """What comes of `wanted`, each frame as often as it comes."""
    seen, end = collections.Counter(), time.monotonic() + timeout
    while sum(seen.values()) < len(wanted) and (left := end - time.monotonic()) > 0:
        frame = port.receive(left)
        if frame in wanted:
            seen[frame] += 1
    while (frame := port.receive(0.05)) is not None:  # doubles come late
        if frame in wanted:
            seen[frame] += 1
    return seen


def one_way(net, at, to, kind_list):
    """Sends every kind from the host `at` and reads them at the host `to`. (frames, faults)."""
    wanted = _all(kind_list)
    with wire.Port(net.name(at), "eth0") as out, wire.Port(net.name(to), "eth0") as into:
        out.send_many(list(wanted))
        seen = received(into, wanted)
    wrong = collections.Counter(name for frame, name in wanted.items() if seen[frame] != 1)
    return len(wanted), [f"{at} to {to}: {count} of {EACH} of {name}" for name, count in wrong.items()]


def own_addresses(short):
    """Of the host, by family; an address that its kernel does not have serves raw frames as well."""
    if short == "client":
        return {4: figure7.CLIENT, 6: figure7.V6.client}
    return dict(beyond.ROUTER)


def byte_for_byte(net):
    client_mac = netns.links(net.name("client"))["eth0"]["address"]
    out = kinds(client_mac, beyond.ROUTER_MAC, own_addresses("client"), beyond.HOST)
    back = kinds(beyond.ROUTER_MAC, client_mac, own_addresses("beyond"), own_addresses("client"))
    # From beyond nothing is looked at: not what is said to the edge, nor what a slice takes from users.
    edge_mac = netns.first_hop_mac(net.name("client"), "eth0", EDGE)
    mac, router = beyond.ROUTER_MAC, beyond.ROUTER[4]
    back += [
        ("to the edge's MAC", lambda i: frames.ethernet(edge_mac, mac, _datagram(router, EDGE, "edge", i))),
        ("as a user to a VM", lambda i: frames.ethernet(client_mac, mac, _datagram("192.0.2.77", VM5, "vm", i))),
        (
            "ARP for the edge",
            lambda i: frames.ethernet(
                frames.BROADCAST, mac, frames.arp(1, mac, router, _number(i), EDGE), frames.ETH_ARP
            ),
        ),
    ]
    sent, faults = 0, []
    for at, to, kind_list in (("client", "beyond", out), ("beyond", "client", back)):
        count, wrong = one_way(net, at, to, kind_list)
        sent += count
        faults += wrong
    return sent, len(out) + len(back), faults


class Tap(threading.Thread):
    """Every frame of a device, as it is on the wire: what comes in, or (out) what leaves."""

    def __init__(self, namespace, device, out):
        super().__init__(daemon=True)
        self.out, self.frames, self.over = out, [], threading.Event()
        self.port = wire.Port(namespace, device)
        if out:
            self.port.sock.setsockopt(wire.SOL_PACKET, wire.PACKET_IGNORE_OUTGOING, 0)
        self.start()

    def run(self):
        while not self.over.is_set():
            frame, leaving = self.port.receive_way(0.1)
            if frame is not None and leaving == self.out:
                self.frames.append(frame)

    def stop(self):
        self.over.set()
        self.join()
        self.port.close()
        return self.frames


def _is_users(frame, edge_mac):
    """Is it one that the MUX takes from users: for a VM, or the edge's own affair?"""
    if frames.mac_text(frame[:6]) == edge_mac:
        return True
    kind, network = frame[12:14], frame[14:]
    if kind == b"\x08\x00":
        return network[16:18] == b"\x0a\x00"
    if kind == b"\x08\x06":
        return network[24:28] == socket.inet_aton(EDGE)
    if kind == b"\x86\xdd":
        own = frames.address_bytes(figure7.V6.edge)
        asked = network[6:7] == b"\x3a" and network[40:41] == b"\x87" and network[48:64]
        return network[24:32] == frames.address_bytes(figure7.V6.gateway)[:8] or asked == own
    return False


def _talk(net, at):
    """Real hosts: addresses are resolved anew, then ping small and full, TCP, and VMs meanwhile. Faults."""
    client, far = net.name("client"), beyond.HOST[at.number]
    faults = []
    for short in ("client", "beyond"):
        figure7.flush_neighbours(net.name(short))
    for size in (56, FULL - frames.headers(far)):
        times = probes.ping(client, far, 20, size=size)
        if len(times) != 20:
            faults.append(f"{len(times)} of 20 echoes of {size} bytes from {far}")
    with services.Echo(net.name("beyond")):
        session = services.Session(client, (far, services.ECHO_PORT))
        for short, address in (("vm5", at.vm5), ("vm6", at.vm6)):
            who = services.ask(client, (address, services.WHO_PORT))
            if who != short:
                faults.append(f"{who} answers at {address}, a VM's, instead of {short}")
        netns.until(lambda: session.exchanges >= 50 or session.failure, 5)
        session.stop(25)
    if session.exchanges < 50 or session.wrong or session.failure:
        faults.append(f"TCP: {session.exchanges} exchanges, {session.wrong} wrong, {session.failure}")
    return faults


def _between_marks(seen):
    """Taps do not begin and end at one moment, but all have heard the same two marks."""
    marks = [number for number, frame in enumerate(seen) if frame[12:14] == struct.pack("!H", MARK)]
    return seen[marks[0] + 1 : marks[1]] if len(marks) == 2 else []


def _mark(net):
    for short in ("client", "beyond"):
        with wire.Port(net.name(short), "eth0") as port:
            port.send(frames.ethernet(STRANGER, port.mac, b"mark", MARK))
    time.sleep(0.1)


def real_traffic(net, at):
    """Frame by frame: what left one host and no slice took is what came to the other."""
    edge_mac = netns.first_hop_mac(net.name("client"), "eth0", at.edge)
    taps = {
        (short, out): Tap(net.name(short), "eth0", out) for short in ("client", "beyond") for out in (True, False)
    }
    try:
        _mark(net)
        faults = _talk(net, at)
        _mark(net)
    finally:
        seen = {key: tap.stop() for key, tap in taps.items()}
    counts = []
    for sender, receiver in (("client", "beyond"), ("beyond", "client")):
        left = [f for f in _between_marks(seen[sender, True]) if sender == "beyond" or not _is_users(f, edge_mac)]
        came = [f for f in _between_marks(seen[receiver, False]) if frames.mac_text(f[6:12]) != edge_mac]
        counts.append(len(came))
        apart = collections.Counter(left)
        apart.subtract(collections.Counter(came))
        odd = [f"{frame.hex()[:80]} {count:+}" for frame, count in apart.items() if count]
        if odd:
            faults.append(f"{sender} to {receiver}: {len(left)} left, {len(came)} came; {len(odd)} differ: {odd[:3]}")
    if min(counts) < 80:
        faults.append(f"only {counts} frames were exchanged")
    return counts, faults


def edge_answers(net, at):
    """The edge says who it is to the users' side, and nobody beyond hears the question."""
    client = net.name("client")
    figure7.flush_neighbours(client)
    with Heard(net) as heard:
        mac = netns.first_hop_mac(client, "eth0", at.edge)
        answered = len(probes.ping(client, at.edge, 5))
    asked = [frame for frame in heard.frames if _is_users(frame, mac or "")]
    if not mac or answered != 5 or asked:
        return [f"the edge at {at.edge}: MAC {mac}, {answered} of 5 echoes, {len(asked)} of its frames beyond"]
    return []


class Heard:
    """What comes to `beyond` meanwhile."""

    def __init__(self, net):
        self.net, self.frames = net, []

    def __enter__(self):
        self.tap = Tap(self.net.name("beyond"), "eth0", False)
        return self

    def __exit__(self, *_):
        time.sleep(0.1)
        self.frames = self.tap.stop()


def counted(net, before, least):
    """`passed` has grown by at least so many, and all sums are right."""
    after = maps.verdicts(net.name("R3"))["passed"]
    return [] if after - before >= least else [f"passed rose by {after - before} instead of {least} or more"]


def pass_through(net, at):
    """All of it, on a network whose MUX has its exit and whose client's first hop is beyond it."""
    before = maps.verdicts(net.name("R3"))["passed"]
    faults = edge_answers(net, at)
    sent, many, wrong = byte_for_byte(net)
    counts, apart = real_traffic(net, at)
    faults += wrong + apart + counted(net, before, sent + sum(counts))
    return Outcome(
        not faults,
        sent + sum(counts),
        "frames alike",
        "; ".join(faults[:6])
        or f"{sent} frames of {many} kinds, {counts[0]} of real hosts out and {counts[1]} back, each as it was sent; "
        "meanwhile the VMs are reached through the slices, and the edge answers for itself",
    )
