#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What XDP leaves to the slivers' kernels works as with any Linux router: options, fragments, unresolved neighbours,
own addresses, addresses that nobody has."""
import select
import socket
import sys

from checks import lifecycle
from lib import figure7, frames, netns, probes, rigtest, services, wire

PORT = 4300
OTHER_MAC = "52:54:00:00:00:09"


def datagram(net, sender, receiver, to, size):
    """A UDP datagram that its sender's own kernel cuts into fragments; does all of it arrive?"""
    with services.udp_socket(net.name(receiver), port=PORT) as sink, services.udp_socket(net.name(sender)) as sock:
        sink.settimeout(2)
        sock.sendto(bytes(range(256)) * (size // 256), (to, PORT))
        assert sink.recv(65535) == bytes(range(256)) * (size // 256), "it arrived changed"


def options(net):
    """A router that honours options adds itself to Record Route: the slivers' addresses stand in it when it arrives."""
    record_route = bytes([7, 39, 4]) + bytes(36) + b"\0"
    edge = probes.neighbour_mac(net.name("client"), "eth0", figure7.CLIENT, figure7.EDGE)
    assert edge, "the edge does not answer ARP"
    with wire.Port(net.name("vm5"), "eth0") as there, wire.Port(net.name("client"), "eth0") as here:
        packet = frames.udp_packet(figure7.CLIENT, figure7.VM5, 1, PORT, b"recorded", options=record_route)
        here.send(frames.ethernet(edge, here.mac, packet))
        got = there.until(lambda frame: frame if frame.endswith(b"recorded") else None, 2)
    assert got, "a packet with options does not arrive"
    filled = (got[14 + 20 + 2] - 4) // 4
    route = [socket.inet_ntoa(got[14 + 23 + 4 * i : 14 + 27 + 4 * i]) for i in range(filled)]
    assert filled == 2, f"recorded route {route}: two slivers are on the way"
    print("recorded route:", " ".join(route))


def unresolved(net):
    """The first packet to a neighbour that the sliver does not know yet waits there and arrives."""
    net.vm("other", "ADC", "other", OTHER_MAC)
    addresses = [figure7.OTHER] + [f"10.0.0.{last}" for last in range(21, 25)]
    for address in addresses[1:]:
        net.address("other", "eth0", f"{address}/16")
    with services.Sink(net.name("other"), port=PORT) as sink:
        for number, address in enumerate(addresses, 1):
            probes.send_datagram(net.name("client"), address, PORT, 100)
            assert netns.until(
                lambda want=number: len(sink.numbers()) == want, 3
            ), f"the first packet to {address} is lost"


def nobody(net):
    """An address on the data centre's link that nobody has: host unreachable, by the sliver that asked for it (A2: the
    last rule takes it)."""
    with probes.icmp_socket(net.name("client")) as errors, services.udp_socket(net.name("client")) as sock:
        errors.settimeout(6)
        sock.sendto(b"?", ("10.0.200.200", PORT))
        while True:
            message = frames.Icmp(errors.recv(2048))
            if message.about("10.0.200.200", PORT):
                break
    told = (message.type, message.code, message.source)
    assert told == (3, 1, "10.2.3.1"), f"ICMP {told} instead of host unreachable from 10.2.3.1"


def silent_user(net):
    """A user that does not exist: host unreachable from the VM's own slice (P3 on P13), nothing in the other. When
    somebody comes up with the address, he is reached."""
    absent = "192.0.2.77"
    with probes.icmp_socket(net.name("vm5")) as errors, services.udp_socket(net.name("vm5")) as sock:
        told = []

        def asked():
            sock.sendto(b"?", (absent, PORT))
            while select.select([errors], [], [], 0.2)[0]:
                message = frames.Icmp(errors.recv(2048))
                if message.about(absent, PORT):
                    told.append((message.type, message.code, message.source))
            return told

        assert netns.until(asked, 15), "nobody says that the user does not answer"
    assert set(told) == {(3, 1, "10.1.3.2")}, f"ICMP {told} instead of host unreachable from 10.1.3.2"
    net.address("client", "eth0", f"{absent}/24")
    assert netns.until(lambda: probes.ping(net.name("vm5"), absent, 1, timeout=0.5), 10), "the user is not reached"
    routes = netns.run("ip", "-n", net.sliver("R3", "P"), "route", "show", "type", "unreachable")
    assert not routes.strip(), f"left behind: {routes}"


def own_addresses(net):
    for namespace, address in (
        ("client", figure7.EDGE),
        ("client", "10.1.3.1"),
        ("client", "10.1.3.2"),
        ("client", figure7.GATEWAY),
        ("vm5", figure7.GATEWAY),
        ("vm5", "10.1.3.2"),
        ("vm5", figure7.EDGE),
    ):
        answered = len(probes.ping(net.name(namespace), address, 3))
        assert answered == 3, f"{address} answers {answered} of 3 pings from {namespace}"


def main():
    with netns.alone(), rigtest.Rig("test_slow_path", "tp") as rig:
        net = rig.net
        return rig.run_cases(
            [
                ("ping_own_addresses", lambda: own_addresses(net)),
                ("fragments_from_the_client", lambda: datagram(net, "client", "vm5", figure7.VM5, 8192)),
                ("fragments_from_the_vm", lambda: datagram(net, "vm5", "client", figure7.CLIENT, 8192)),
                ("options", lambda: options(net)),
                ("unresolved_neighbour", lambda: unresolved(net)),
                ("host_unreachable", lambda: nobody(net)),
                ("silent_user", lambda: silent_user(net)),
                ("counters_add_up", lambda: rig.hold(lifecycle.adds_up(net))),
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
