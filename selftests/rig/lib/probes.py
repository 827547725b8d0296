# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions to a network: ping, traceroute, path MTU, ARP. All return what was heard; the caller judges."""
import os
import select
import socket
import struct
import time

from . import frames
from .netns import inside
from .services import udp_socket
from .wire import ETH_P_ALL, Port

IP_MTU_DISCOVER, PMTUDISC_PROBE, PMTUDISC_INTERFACE = 10, 3, 4
IP_TTL, IP_OPTIONS = 2, 4


def icmp_socket(namespace):
    with inside(namespace):
        return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)


def _messages(sock, timeout):
    end = time.monotonic() + timeout
    while True:
        left = end - time.monotonic()
        if left <= 0 or not select.select([sock], [], [], left)[0]:
            return
        yield frames.Icmp(sock.recv(65536))


def ping(namespace, to, count=5, interval=0.01, timeout=1.0, size=56):
    """Round-trip times in seconds of the echoes that were answered, at most count. size: data bytes."""
    ident = os.getpid() & 0xFFFF
    times = []
    with icmp_socket(namespace) as sock:
        for sequence in range(1, count + 1):
            begin = time.monotonic()
            sock.sendto(frames.icmp_echo(ident, sequence, bytes(size)), (to, 0))
            for message in _messages(sock, timeout):
                if (
                    message.type == 0
                    and message.source == to
                    and (message.ident, message.sequence) == (ident, sequence)
                ):
                    times.append(time.monotonic() - begin)
                    break
            time.sleep(interval)
    return times


def traceroute(namespace, to, hops=6, timeout=1.0, port=33434):
    """The address that answered for each TTL from 1 on (None: nobody), up to the first answer of the destination."""
    path = []
    with icmp_socket(namespace) as errors, udp_socket(namespace) as sock:
        for ttl in range(1, hops + 1):
            sock.setsockopt(socket.IPPROTO_IP, IP_TTL, ttl)
            sock.sendto(bytes(16), (to, port + ttl))
            answer = next((m for m in _messages(errors, timeout) if m.about(to, port + ttl)), None)
            path.append(answer.source if answer else None)
            if answer and answer.type == 3:
                break
    return path


def too_big(namespace, to, size, port=33500, timeout=1.0):
    """Sends an unfragmentable UDP packet of `size` bytes, IP header included: (who refused it, its MTU) or None."""
    with icmp_socket(namespace) as errors, udp_socket(namespace) as sock:
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_PROBE)
        sock.sendto(bytes(size - 28), (to, port))
        for message in _messages(errors, timeout):
            if message.about(to, port) and (message.type, message.code) == (3, 4):
                return message.source, message.mtu
    return None


def send_datagram(namespace, to, port, size, source_port=0, may_fragment=True, count=1):
    """UDP packets of `size` bytes that leave the host whole; on the way routers may, or may not, cut them."""
    with udp_socket(namespace, port=source_port) as sock:
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_INTERFACE if may_fragment else PMTUDISC_PROBE)
        for number in range(count):
            sock.sendto(struct.pack("!Q", number) + bytes(size - 28 - 8), (to, port))


def arp_ask(port, own_mac, own, target, timeout=1.0):
    """Asks on an open Port who has target: (MAC, seconds until the answer) or None."""
    question = frames.ethernet(
        frames.BROADCAST, own_mac, frames.arp(1, own_mac, own, "00:00:00:00:00:00", target), frames.ETH_ARP
    )

    def answer(frame):
        told = frames.parse_arp(frame)
        return told[1] if told and told[0] == 2 and told[2] == target and told[4] == own else None

    begin = time.monotonic()
    port.send(question)
    mac = port.until(answer, timeout)
    return (mac, time.monotonic() - begin) if mac else None


def neighbour_mac(namespace, device, own, target, timeout=1.0):
    """The MAC that answers for target on a device's link; None if nobody does."""
    with Port(namespace, device, ETH_P_ALL) as port:
        told = arp_ask(port, port.mac, own, target, timeout)
        return told[0] if told else None
