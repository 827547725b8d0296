#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A translator of paging, written straightforwardly: addresses by a search through the list of pages, checksums over the whole packet, once
before and once after; fragments are cut from a translated datagram, and quotes are made from a translated packet. It shares nothing
with bpf/ but what docs/paging.md says.

    reference.py SEED COUNT [KIND]    writes COUNT records for test_paging_differential.c to stdout

A record: its length in 32 bits, what is expected (EXPECT), the family (4 or 6), the kind's number, 0; then three packets, each after its length in 16 bits, little
endian: as it is in the slice at the near gateway; as it is in the WAN; as it is in the slice at the far gateway. All have the TTL that it
came with. Of an error born in the WAN the first is empty, and the last is what the near gateway makes of it."""
import ipaddress
import random
import struct
import sys

FORWARDED, SLOW, UNMAPPABLE, STRANGER = range(4)  # what becomes of it: by XDP; by the slow path alone; nothing; an error from no page

# The pages of slice P, as in paged.h.
PAIRS = (("10.20.0.0", "100.64.0.0", 16), ("10.21.0.0", "100.65.0.0", 16), ("10.22.7.0", "198.18.9.0", 24), ("10.24.0.77", "198.18.8.99", 32))
NEAR, FAR, FAR_SMALL, FAR_HOST = range(4)


def twin(text):
    a, b, c, d = (int(part) for part in text.split("."))
    return bytes((0x20, 0x01, 0x0D, 0xB8, a, b, c, 0)) + bytes(7) + bytes((d,))


def pages(family):
    for inside, outside, length in PAIRS:
        if family == 4:
            yield ipaddress.ip_address(inside).packed, ipaddress.ip_address(outside).packed, length // 8
        else:
            yield twin(inside), twin(outside), 16 if length == 32 else (32 + length) // 8


PAGES = {family: list(pages(family)) for family in (4, 6)}


class Unmappable(Exception):
    """The packet holds what cannot be mapped."""


def map_address(address, inward):
    for inside, outside, length in PAGES[4 if len(address) == 4 else 6]:
        was, becomes = (inside, outside) if inward else (outside, inside)
        if address[:length] == was[:length]:
            return becomes[:length] + address[length:]
    raise Unmappable("in no page")


# ---- checksums ----------------------------------------------------------------------------------------------------------


def total(data):
    """The ones' complement sum of 16-bit words: their sum modulo 65535, and of the two zeros the one that a sum of words can be."""
    number = int.from_bytes(data + bytes(len(data) & 1), "big")
    return number % 0xFFFF or (0xFFFF if number else 0)


def checksum(data):
    return 0xFFFF - total(data)


def as_wrong_as(given, right_before, right_after):
    """A checksum that is wrong by as much as `given` was."""
    error = (0xFFFF - given) - (0xFFFF - right_before)
    return 0xFFFF - (((0xFFFF - right_after) + error) % 0xFFFF or 0xFFFF)


# ---- headers ------------------------------------------------------------------------------------------------------------

HOP_BY_HOP, ICMP, TCP, UDP, ROUTING, FRAGMENT, GRE, ESP, AH, ICMP6, OPTIONS, SCTP, UDPLITE, DCCP = (
    0, 1, 6, 17, 43, 44, 47, 50, 51, 58, 60, 132, 136, 33)  # fmt: skip
CHECKSUM_AT = {TCP: 16, UDP: 6, UDPLITE: 6, DCCP: 6}
STEPS = 64
ERRORS = {4: (3, 4, 11, 12), 6: (1, 2, 3, 4)}


def checksum_at(protocol, family):
    return 2 if protocol == ICMP6 and family == 6 else CHECKSUM_AT.get(protocol)


class Packet:
    """An IP packet that is whole: no fragment."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.family = data[0] >> 4
        if self.family == 4:
            self.source, self.destination = data[12:16], data[16:20]
            self.protocol, self.at = data[9], (data[0] & 15) * 4
        else:
            self.source, self.destination = data[8:24], data[24:40]
            self.protocol, self.at = data[6], 40

    def walk(self):
        """To the transport header, by way of IPv6's extension headers; Unmappable if they hold addresses or are too many."""
        steps = 0
        data = self.data
        while self.family == 6 and self.protocol in (HOP_BY_HOP, ROUTING, FRAGMENT, OPTIONS):
            steps += 1
            kind, self.protocol = self.protocol, data[self.at]
            length = 8 if kind == FRAGMENT else (data[self.at + 1] + 1) * 8
            if kind == ROUTING and data[self.at + 3]:
                raise Unmappable("segments left")
            if kind == OPTIONS:
                option = self.at + 2
                while option < self.at + length:
                    steps += 1
                    if data[option] == 201:
                        raise Unmappable("home address")
                    option += 1 if not data[option] else 2 + data[option + 1]
                steps += 1
            self.at += length
        if steps + (1 if self.at > 40 else 0) > STEPS and self.family == 6:
            raise Unmappable("too many")

    def pseudo(self):
        covered = len(self.data) - self.at
        return self.source + self.destination + struct.pack("!IHH", covered, 0, self.protocol)

    def covered(self):
        """What the transport's checksum covers."""
        data = bytes(self.data[self.at :])
        if self.protocol == UDPLITE:
            coverage = struct.unpack_from("!H", data, 4)[0]
            return data[:coverage] if coverage else data
        if self.protocol == DCCP and data[5] & 15:
            return data[: data[4] * 4 + ((data[5] & 15) - 1) * 4]
        return data

    def right_checksum(self):
        at = checksum_at(self.protocol, self.family)
        data = bytearray(self.covered())
        data[at : at + 2] = b"\0\0"
        return checksum(self.pseudo() + bytes(data))

    def set_header_checksum(self):
        if self.family == 4:
            header = (self.data[0] & 15) * 4
            self.data[10:12] = b"\0\0"
            struct.pack_into("!H", self.data, 10, checksum(bytes(self.data[:header])))

    def set_addresses(self, source, destination):
        self.source, self.destination = bytes(source), bytes(destination)
        first = 12 if self.family == 4 else 8
        self.data[first : first + 2 * len(source)] = self.source + self.destination
        self.set_header_checksum()


def translate(data, inward, own=None):
    """own: in whose name an error goes on whose source is in no page."""
    packet = Packet(data)
    source = own if own else map_address(packet.source, inward)
    destination = map_address(packet.destination, inward)
    packet.walk()
    at = checksum_at(packet.protocol, packet.family)
    if not at:
        packet.set_addresses(source, destination)
        return bytes(packet.data)
    if len(packet.data) < packet.at + at + 2:
        raise Unmappable("cut off")
    before, given = packet.right_checksum(), struct.unpack_from("!H", packet.data, packet.at + at)[0]
    packet.set_addresses(source, destination)
    may_be_none = packet.protocol in (UDP, UDPLITE)
    if not (may_be_none and not given):
        after = as_wrong_as(given, before, packet.right_checksum())
        struct.pack_into("!H", packet.data, packet.at + at, 0xFFFF if may_be_none and not after else after)
    return bytes(packet.data)


# ---- what is generated --------------------------------------------------------------------------------------------------


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def address(self, family, page):
        inside, _, length = PAGES[family][page]
        rest = bytes(self.random.getrandbits(8) for _ in range(len(inside) - length))
        if family == 4 and rest:
            rest = bytes((128 + rest[0] % 100, rest[-1]))[-len(rest) :]  # not where routes are special
        elif length == 6:
            rest = bytes((128 + rest[0] % 100,)) + rest[1:]
        return inside[:length] + rest

    def bytes(self, least, most):
        return self.random.randbytes(self.random.randint(least, most))

    def transport(self, protocol, family):
        """Header and payload, with no checksum yet."""
        ports = self.random.randbytes(4)
        payload = self.bytes(0, self.random.choice((0, 8, 64, 600)))
        if protocol == TCP:
            words = self.random.randint(5, 15)
            return ports + self.random.randbytes(8) + bytes((words << 4, 0x10)) + self.random.randbytes(2) + bytes(4) + bytes(
                4 * (words - 5)) + payload  # fmt: skip
        if protocol == UDP:
            return ports + struct.pack("!HH", 8 + len(payload), 0) + payload
        if protocol == UDPLITE:
            coverage = self.random.choice((0, 8, 8 + len(payload) // 2, 8 + len(payload)))
            return ports + struct.pack("!HH", coverage, 0) + payload
        if protocol == DCCP:
            return ports + bytes((4, self.random.choice((0, 1)))) + bytes(2) + self.random.randbytes(8) + payload
        if protocol == ICMP6:
            return bytes((self.random.choice((128, 129, 135, 200)), 0, 0, 0)) + self.random.randbytes(4) + payload
        if protocol == ICMP:
            message = bytearray(bytes((self.random.choice((0, 8, 13)), 0, 0, 0)) + self.random.randbytes(4) + payload)
            struct.pack_into("!H", message, 2, checksum(bytes(message)))
            return bytes(message)
        return self.random.randbytes(8) + payload  # SCTP, ESP, AH, GRE, unknown

    def extensions(self, protocol, with_addresses):
        """(first header, bytes): destination options, and a routing header that has done its work."""
        kinds = [self.random.choice((OPTIONS, ROUTING)) for _ in range(self.random.randint(1, 4))]
        data = b""
        wanted = self.random.randrange(len(kinds)) if with_addresses else -1
        for index, kind in enumerate(kinds):
            follows = kinds[index + 1] if index + 1 < len(kinds) else protocol
            units = self.random.randint(0, 3)
            room = 6 + 8 * units
            if kind == ROUTING:
                content = bytes((4, self.random.randint(1, 255) if index == wanted else 0)) + self.random.randbytes(room - 2)
            else:
                content = b""
                if index == wanted:
                    units, room = units + 3, room + 24
                    content = bytes((201, 16)) + self.random.randbytes(16)
                while len(content) < room:
                    left = room - len(content)
                    if left == 1 or self.random.random() < 0.3:
                        content += b"\0"
                    else:
                        length = self.random.randint(0, min(left - 2, 20))
                        content += bytes((self.random.choice((1, 0x1E, 0x8B)), length)) + self.random.randbytes(length)
            data += bytes((follows, units)) + content
        return kinds[0], data

    def header(self, family, protocol, source, destination, payload, options=b"", ttl=None):
        ttl = ttl or self.random.randint(2, 254)
        if family == 4:
            length = 20 + len(options) + len(payload)
            packet = Packet(
                struct.pack("!BBHHHBBH", 0x40 | (20 + len(options)) // 4, self.random.getrandbits(8), length, self.random.getrandbits(16),
                            self.random.choice((0, 0x4000)), ttl, protocol, 0) + source + destination + options + payload)  # fmt: skip
            packet.set_header_checksum()
            return bytes(packet.data)
        flow = 0x60000000 | self.random.getrandbits(28)
        return struct.pack("!IHBB", flow, len(payload), protocol, ttl) + source + destination + payload

    def sum_up(self, data, given="any"):
        """Sets the transport's checksum: right, or wrong, or none, or one of its ends."""
        packet = Packet(data)
        try:
            packet.walk()
        except Unmappable:
            return data
        at = checksum_at(packet.protocol, packet.family)
        if not at or len(packet.data) < packet.at + at + 2:
            return data
        right = packet.right_checksum()
        given = self.random.choice(("right",) * 6 + ("wrong", "zero", "ones")) if given == "any" else given
        value = {"right": right, "wrong": self.random.getrandbits(16), "zero": 0, "ones": 0xFFFF}[given]
        if given == "right" and not right and packet.protocol in (UDP, UDPLITE):
            value = 0xFFFF
        struct.pack_into("!H", packet.data, packet.at + at, value)
        return bytes(packet.data)

    def aim(self, data, value):
        """The same packet with a payload such that its right checksum is `value` (UDP: what stands for it)."""
        packet = Packet(data)
        packet.walk()
        at = checksum_at(packet.protocol, packet.family)
        packet.data[packet.at + at : packet.at + at + 2] = struct.pack("!H", value)
        if len(packet.data) < packet.at + at + 6 or (len(packet.data) - packet.at) & 1:
            return bytes(packet.data)
        packet.data[-2:] = b"\0\0"
        if packet.protocol == UDPLITE:
            packet.data[packet.at + 4 : packet.at + 6] = b"\0\0"
        if packet.protocol == DCCP:
            packet.data[packet.at + 5] = 0
        packet.data[-2:] = struct.pack("!H", 0xFFFF - total(packet.pseudo() + bytes(packet.data[packet.at :])))
        return bytes(packet.data)

    def plain(self, family, protocol=None, near=NEAR, far=None, **more):
        protocol = protocol or self.random.choice((TCP, UDP, UDPLITE, DCCP, ICMP if family == 4 else ICMP6, SCTP, ESP, AH, GRE, 253))
        far = far or self.random.choice((FAR, FAR_SMALL, FAR_HOST))
        return self.header(
            family, protocol, self.address(family, near), self.address(family, far), self.transport(protocol, family), **more)  # fmt: skip

    # Kinds: each gives (expected, as in the slice); of fragments, quotes and strangers all packets.

    def kind_plain(self, family):
        return FORWARDED, self.sum_up(self.plain(family))

    def kind_ends(self, family):
        """Right checksums of 0x0000 (UDP: 0xffff) and 0xffff, and their neighbours, before and after."""
        data = self.plain(family, self.random.choice((TCP, UDP, UDPLITE, DCCP) + ((ICMP6,) if family == 6 else ())))
        value = self.random.choice((0, 1, 0xFFFE, 0xFFFF))
        if self.random.random() < 0.5:
            return FORWARDED, self.aim(data, value)
        return FORWARDED, translate(self.aim(translate(data, True), value), False)

    def kind_options(self, family):
        if family == 4:
            options = self.random.choice((b"\x94\x04\0\0", b"\1" * 8, b"\x44\x0c\x05\0" + bytes(8), b"\1" * 40))
            return SLOW, self.sum_up(self.plain(family, options=options))
        data = self.plain(family)
        return SLOW, self.sum_up(
            self.header(6, HOP_BY_HOP, data[8:24], data[24:40], bytes((data[6], 0, 5, 2, 0, 0, 1, 0)) + data[40:]))

    def kind_extensions(self, family):
        if family == 4:
            return self.kind_plain(family)
        data = self.plain(family)
        unmappable = self.random.random() < 0.2
        first, extensions = self.extensions(data[6], unmappable)
        return UNMAPPABLE if unmappable else FORWARDED, self.sum_up(
            self.header(6, first, data[8:24], data[24:40], extensions + data[40:]))

    def kind_short(self, family):
        """A transport header that ends before its checksum, or just behind it."""
        protocol = self.random.choice((TCP, UDP, UDPLITE, DCCP) + ((ICMP6,) if family == 6 else ()))
        need = checksum_at(protocol, family) + 2
        keep = self.random.randint(max(need - 4, 1 if protocol == ICMP6 else 0), need + 1)
        payload = bytearray(self.random.randbytes(keep))
        if protocol == ICMP6 and payload:
            payload[0] = 128
        if protocol == UDPLITE and keep >= 6:
            payload[4:6] = b"\0\0"
        if protocol == DCCP and keep >= 6:
            payload[5] = 0
        data = self.header(family, protocol, self.address(family, NEAR), self.address(family, FAR), bytes(payload))
        return (FORWARDED, self.sum_up(data)) if keep >= need else (UNMAPPABLE, data)

    def kind_fragments(self, family):
        data = self.sum_up(self.plain(family))
        if family == 6 and self.random.random() < 0.3:
            first, extensions = self.extensions(data[6], False)
            data = self.sum_up(self.header(6, first, data[8:24], data[24:40], extensions + data[40:]))
        mapped = translate(data, True)
        back = translate(mapped, False)
        identification, pieces = self.random.getrandbits(32), []
        size = self.random.choice((8, 24, 64, 64, 512))
        head = 20 if family == 4 else 40
        offsets = range(0, max(len(data) - head, 1), size)
        for offset in offsets:
            cut = [fragment(one, offset, size, identification) for one in (data, mapped, back)]
            if offset == 0 and not self.first_is_sound(cut[0]):
                return [(UNMAPPABLE, *cut)]  # nobody can put the rest together without it
            pieces.append((FORWARDED, *cut))
        self.random.shuffle(pieces)
        return pieces[:4]

    @staticmethod
    def first_is_sound(data):
        """Is all of the first fragment there that mapping needs?"""
        packet = Packet(data)
        if packet.family == 4 and not struct.unpack_from("!H", data, 6)[0] & 0x3FFF:
            return True
        try:
            packet.walk()
        except IndexError:
            return False
        at = checksum_at(packet.protocol, packet.family)
        if packet.at > len(data):
            return False
        return not at or len(data) >= packet.at + at + 2

    def quote_of(self, data):
        """Cut off anywhere behind the addresses, mostly where routers do; but not in the middle of the transport's checksum, half of which
        nobody can change rightly: it is left as it is."""
        least = 20 if data[0] >> 4 == 4 else 40
        header = (data[0] & 15) * 4 if data[0] >> 4 == 4 else 40
        keep = self.random.choice((header + 8, header + 8, 548, 1232, self.random.randint(least, max(least, len(data)))))
        packet = Packet(data)
        packet.walk()
        at = checksum_at(packet.protocol, packet.family)
        return data[: keep - 1] if at and keep == packet.at + at + 1 else data[:keep]

    def error(self, family, source, destination, quote, ttl, kind, flow):
        message = bytearray(bytes((kind, 0, 0, 0)) + struct.pack("!I", flow) + quote)
        if family == 4:
            struct.pack_into("!H", message, 2, checksum(bytes(message)))
        saved = self.random
        self.random = random.Random(flow)  # the same header whichever side it is made for
        data = self.header(family, ICMP if family == 4 else ICMP6, source, destination, bytes(message), ttl=ttl)
        self.random = saved
        return self.sum_up(data, "right") if family == 6 else data

    def quoted(self, family):
        """A packet from the far end to the near one, and the same as the WAN has it: before an error is born of it."""
        protocol = self.random.choice((TCP, UDP, UDP, UDPLITE, DCCP, ICMP if family == 4 else ICMP6, SCTP, ESP, 253))
        inner = self.sum_up(self.plain(family, protocol, ttl=self.random.randint(2, 254)))
        if family == 6 and self.random.random() < 0.2:
            first, extensions = self.extensions(inner[6], False)
            inner = self.sum_up(self.header(6, first, inner[8:24], inner[24:40], extensions + inner[40:]))
        if family == 4 and self.random.random() < 0.2:
            inner = self.sum_up(self.plain(family, protocol, options=b"\x94\x04\0\0"))
        return inner

    def kind_quotes(self, family):
        """An error from near to far about a packet from far to near: both as in the slice and as in the WAN."""
        inner = self.quoted(family)
        packet = Packet(inner)
        packet.set_addresses(packet.destination, packet.source)  # it went the other way
        inner = self.sum_up(bytes(packet.data)) if self.random.random() < 0.9 else bytes(packet.data)
        outer = translate(inner, True)
        cut = len(self.quote_of(inner))
        source, destination = self.address(family, NEAR), inner[12:16] if family == 4 else inner[8:24]
        kind, flow, ttl = self.random.choice(ERRORS[family]), self.random.getrandbits(32), self.random.randint(2, 254)
        inside = self.error(family, source, destination, inner[:cut], ttl, kind, flow)
        outside = self.error(
            family, map_address(source, True), map_address(destination, True), outer[:cut], ttl, kind, flow)  # fmt: skip
        back = self.error(family, source, destination, translate(outer, False)[:cut], ttl, kind, flow)
        if family == 4 and self.random.random() < 0.1:  # a wrong one stays wrong, by as much
            by = self.random.randint(1, 0xFFFE)
            inside, outside, back = (self.spoil(one, by) for one in (inside, outside, back))
        return [(SLOW, inside, outside, back)]

    @staticmethod
    def spoil(data, by):
        data = bytearray(data)
        given = struct.unpack_from("!H", data, 22)[0]
        struct.pack_into("!H", data, 22, 0xFFFF - ((0xFFFF - given + by) % 0xFFFF or 0xFFFF))
        return bytes(data)

    def kind_strangers(self, family):
        """An error of a router of the WAN about a packet that the near gateway sent."""
        inner = self.quoted(family)
        outer = translate(inner, True)
        cut = len(self.quote_of(inner))
        router = self.random.choice(("192.0.2.7", "203.0.113.250", "100.99.1.1"))
        router = ipaddress.ip_address(router).packed if family == 4 else twin(router)
        own = PAGES[family][NEAR][0][:-1] + b"\1"
        to_inside = inner[12:16] if family == 4 else inner[8:24]
        kind, flow, ttl = self.random.choice(ERRORS[family]), self.random.getrandbits(32), self.random.randint(2, 254)
        outside = self.error(family, router, map_address(to_inside, True), outer[:cut], ttl, kind, flow)
        inside = self.error(family, own, to_inside, translate(outer, False)[:cut], ttl, kind, flow)
        return [(STRANGER, b"", outside, inside)]

    KINDS = ("plain", "ends", "options", "extensions", "short", "fragments", "quotes", "strangers")

    def records(self, kind, family):
        made = getattr(self, "kind_" + kind)(family)
        if isinstance(made, list):
            return made
        expected, data = made
        try:
            mapped = translate(data, True)
        except Unmappable:
            return [(UNMAPPABLE, data, outward_twin(data), data)]
        assert expected != UNMAPPABLE
        return [(expected, data, mapped, translate(mapped, False))]


def outward_twin(data):
    """What cannot be mapped, as the WAN would have it if it could."""
    packet = Packet(data)
    packet.set_addresses(map_address(packet.source, True), map_address(packet.destination, True))
    return bytes(packet.data)


def fragment(data, offset, size, identification):
    """The piece of a packet that begins at `offset` of its (fragmentable) payload."""
    more = 1 if offset + size < len(data) - (20 if data[0] >> 4 == 4 else 40) else 0
    if data[0] >> 4 == 4:
        piece = Packet(data[:20] + data[20 + offset : 20 + offset + size])
        struct.pack_into("!HHH", piece.data, 2, len(piece.data), identification & 0xFFFF, more << 13 | offset // 8)
        piece.set_header_checksum()
        return bytes(piece.data)
    payload = data[40 + offset : 40 + offset + size]
    header = struct.pack("!BBHI", data[6], 0, offset | more, identification)
    return data[:4] + struct.pack("!HBB", 8 + len(payload), FRAGMENT, data[7]) + data[8:40] + header + payload


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    kinds = sys.argv[3:] or Generator.KINDS
    generator, out = Generator(seed), sys.stdout.buffer
    made = 0
    while made < count:
        for number, kind in enumerate(kinds):
            for family in (4, 6):
                for expected, *packets in generator.records(kind, family):
                    body = b"".join(struct.pack("<H", len(one)) + one for one in packets)
                    out.write(struct.pack("<IBBBB", len(body), expected, family, number, 0) + body)
                    made += 1


if __name__ == "__main__":
    main()
