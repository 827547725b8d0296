# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions to a network: ping, traceroute, path MTU, ARP. All return what was heard; the caller judges."""
import os
import select
import socket
import struct
import time

from . import frames
from .netns import inside
from .services import family, udp_socket
from .wire import ETH_P_ALL, Port

IP_MTU_DISCOVER, PMTUDISC_PROBE, PMTUDISC_INTERFACE = 10, 3, 4
IP_TTL, IP_OPTIONS = 2, 4
IPV6_MTU_DISCOVER = 23


def icmp_socket(namespace, to="0.0.0.0"):
    """Of the family of `to`."""
    six = frames.is_ipv6(to)
    with inside(namespace):
        return socket.socket(family(to), socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP)


def messages(sock, timeout):
    """What a socket of icmp_socket() hears until the time is over."""
    read = frames.Icmpv6 if sock.family == socket.AF_INET6 else frames.Icmp
    end = time.monotonic() + timeout
    while True:
        left = end - time.monotonic()
        if left <= 0 or not select.select([sock], [], [], left)[0]:
            return
        yield read(*sock.recvfrom(65536))


def _set_ttl(sock, ttl):
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_TTL, ttl)


def _set_discovery(sock, how):
    six = sock.family == socket.AF_INET6
    sock.setsockopt(socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP, IPV6_MTU_DISCOVER if six else IP_MTU_DISCOVER, how)


def ping(namespace, to, count=5, interval=0.01, timeout=1.0, size=56):
    """Round-trip times in seconds of the echoes that were answered, at most count. size: data bytes."""
    ident = os.getpid() & 0xFFFF
    times = []
    echo = frames.icmpv6_echo if frames.is_ipv6(to) else frames.icmp_echo
    with icmp_socket(namespace, to) as sock:
        for sequence in range(1, count + 1):
            begin = time.monotonic()
            sock.sendto(echo(ident, sequence, bytes(size)), (to, 0))
            for message in messages(sock, timeout):
                if (
                    message.is_reply
                    and message.source == to
                    and (message.ident, message.sequence) == (ident, sequence)
                ):
                    times.append(time.monotonic() - begin)
                    break
            time.sleep(interval)
    return times


def traceroute(namespace, to, hops=6, timeout=3.0, port=33434):
    """The address that answered for each TTL from 1 on (None: nobody), up to the first answer of the destination."""
    path = []
    with icmp_socket(namespace, to) as errors, udp_socket(namespace, to=to) as sock:
        for ttl in range(1, hops + 1):
            _set_ttl(sock, ttl)
            sock.sendto(bytes(16), (to, port + ttl))
            answer = next((m for m in messages(errors, timeout) if m.about(to, port + ttl)), None)
            path.append(answer.source if answer else None)
            if answer and answer.is_unreachable:
                break
    return path


def too_big(namespace, to, size, port=33500, timeout=3.0):
    """Sends an unfragmentable UDP packet of `size` bytes, IP header included: (who refused it, its MTU) or None."""
    with icmp_socket(namespace, to) as errors, udp_socket(namespace, to=to) as sock:
        _set_discovery(sock, PMTUDISC_PROBE)
        sock.sendto(bytes(size - frames.headers(to)), (to, port))
        for message in messages(errors, timeout):
            if message.about(to, port) and message.is_too_big:
                return message.source, message.mtu
    return None


def send_datagram(namespace, to, port, size, source_port=0, may_fragment=True, count=1):
    """UDP packets of `size` bytes that leave the host whole; on the way routers may, or may not, cut them. IPv6's never may."""
    with udp_socket(namespace, port=source_port, to=to) as sock:
        _set_discovery(sock, PMTUDISC_INTERFACE if may_fragment else PMTUDISC_PROBE)
        for number in range(count):
            sock.sendto(struct.pack("!Q", number) + bytes(size - frames.headers(to) - 8), (to, port))


def solicit_router(namespace, device, timeout):
    """Asks for routers on a device's link (RFC 4861, 6.3.7): (link-local address, lifetime in seconds, seconds waited) or None."""
    with icmp_socket(namespace, "::") as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        with inside(namespace):
            scope = socket.if_nametoindex(device)
        begin = time.monotonic()
        sock.sendto(struct.pack("!BBHI", 133, 0, 0, 0), ("ff02::2", 0, 0, scope))
        while (left := begin + timeout - time.monotonic()) > 0 and select.select([sock], [], [], left)[0]:
            message, sender = sock.recvfrom(2048)
            if message[0] == 134:
                return sender[0].split("%")[0], struct.unpack("!H", message[6:8])[0], time.monotonic() - begin
    return None


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
