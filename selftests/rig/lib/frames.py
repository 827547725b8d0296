# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames, built and taken apart. Addresses are text, numbers are host order; what comes out goes on the wire."""
import socket
import struct

BROADCAST = "ff:ff:ff:ff:ff:ff"
ETH_IP, ETH_IPV6, ETH_ARP, ETH_VLAN = 0x0800, 0x86DD, 0x0806, 0x8100
DF = 0x4000


def is_ipv6(address):
    return ":" in address


def address_bytes(address):
    return socket.inet_pton(socket.AF_INET6 if is_ipv6(address) else socket.AF_INET, address)


def headers(address):
    """Bytes of the IP and UDP headers of a plain datagram to address."""
    return 48 if is_ipv6(address) else 28


def mac_bytes(mac):
    return bytes.fromhex(mac.replace(":", ""))


def mac_text(raw):
    return raw.hex(":")


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ethernet(destination, source, payload, ethertype=ETH_IP, tags=()):
    """tags: VLAN ids, the outermost first."""
    labels = b"".join(struct.pack("!HH", ETH_VLAN, vid) for vid in tags)
    return mac_bytes(destination) + mac_bytes(source) + labels + struct.pack("!H", ethertype) + payload


def ipv4(source, destination, protocol, payload, ttl=64, flags=DF, ident=0, options=b""):
    length = 20 + len(options)
    head = (
        struct.pack(
            "!BBHHHBBH4s4s",
            0x40 | length // 4,
            0,
            length + len(payload),
            ident,
            flags,
            ttl,
            protocol,
            0,
            socket.inet_aton(source),
            socket.inet_aton(destination),
        )
        + options
    )
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(source, destination, protocol, payload, ttl=64):
    return (
        struct.pack("!IHBB", 0x60000000, len(payload), protocol, ttl)
        + address_bytes(source)
        + address_bytes(destination)
        + payload
    )


def udp(source, destination, source_port, destination_port, data):
    length = 8 + len(data)
    pseudo = address_bytes(source) + address_bytes(destination) + struct.pack("!HH", socket.IPPROTO_UDP, length)
    head = struct.pack("!HHHH", source_port, destination_port, length, 0)
    total = checksum(pseudo + head + data) or 0xFFFF
    return head[:6] + struct.pack("!H", total) + data


def udp_packet(source, destination, source_port, destination_port, data, **ip):
    """Of the family of its addresses."""
    build = ipv6 if is_ipv6(source) else ipv4
    return build(
        source, destination, socket.IPPROTO_UDP, udp(source, destination, source_port, destination_port, data), **ip
    )


def udp_frame(destination_mac, source_mac, source, destination, source_port, destination_port, data, tags=()):
    return ethernet(
        destination_mac,
        source_mac,
        udp_packet(source, destination, source_port, destination_port, data),
        ETH_IPV6 if is_ipv6(source) else ETH_IP,
        tags,
    )


def icmpv6_echo(ident, sequence, data=b""):
    """Without its checksum, which the kernel puts in."""
    return struct.pack("!BBHHH", 128, 0, 0, ident, sequence) + data


def icmp_echo(ident, sequence, data=b"", reply=False):
    head = struct.pack("!BBHHH", 0 if reply else 8, 0, 0, ident, sequence)
    return head[:2] + struct.pack("!H", checksum(head + data)) + head[4:] + data


def arp(operation, sender_mac, sender, target_mac, target):
    return struct.pack(
        "!HHBBH6s4s6s4s",
        1,
        ETH_IP,
        6,
        4,
        operation,
        mac_bytes(sender_mac),
        socket.inet_aton(sender),
        mac_bytes(target_mac),
        socket.inet_aton(target),
    )


def parse_arp(frame):
    """(operation, sender MAC, sender, target MAC, target) of an untagged ARP frame, or None."""
    if len(frame) < 42 or frame[12:14] != b"\x08\x06":
        return None
    operation, sender_mac, sender, target_mac, target = struct.unpack("!H6s4s6s4s", frame[20:42])
    return operation, mac_text(sender_mac), socket.inet_ntoa(sender), mac_text(target_mac), socket.inet_ntoa(target)


class Icmp:
    """An ICMP message as a raw socket gives it (IP header first); of an error, `inner` is the packet that caused it."""

    def __init__(self, packet, _sender=None):
        start = (packet[0] & 0xF) * 4
        self.source = socket.inet_ntoa(packet[12:16])
        self._take(packet[start:])
        self.is_reply = self.type == 0
        self.is_unreachable, self.is_expired = self.type == 3, self.type == 11
        self.is_too_big = (self.type, self.code) == (3, 4)
        self.mtu = self.sequence

    def _take(self, message):
        self.type, self.code = message[0], message[1]
        self.ident, self.sequence = struct.unpack("!HH", message[4:8])
        self.inner = message[8:]

    def about(self, destination, port=None):
        """Is it an error about a UDP packet to destination (and port)?"""
        if self.type not in (3, 11, 12) or len(self.inner) < 28 or self.inner[16:20] != socket.inet_aton(destination):
            return False
        start = (self.inner[0] & 0xF) * 4
        return port is None or struct.unpack("!H", self.inner[start + 2 : start + 4])[0] == port


class Icmpv6(Icmp):
    """The same of ICMPv6, whose raw sockets give the message alone."""

    def __init__(self, packet, sender):
        self.source = sender[0].split("%")[0]
        self._take(packet)
        self.is_reply = self.type == 129
        self.is_unreachable, self.is_expired, self.is_too_big = self.type == 1, self.type == 3, self.type == 2
        self.mtu = self.ident << 16 | self.sequence

    def about(self, destination, port=None):
        if self.type not in (1, 2, 3, 4) or len(self.inner) < 48 or self.inner[24:40] != address_bytes(destination):
            return False
        return port is None or self.inner[6] == socket.IPPROTO_UDP and self.inner[42:44] == struct.pack("!H", port)
