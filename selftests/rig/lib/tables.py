# SPDX-License-Identifier: GPL-2.0-or-later
"""What the maps of a node say, in two forms.

meaning(): in names. Block numbers, next hops, MUX entries and ifindexes, which allocation gives, are followed and gone; what is
left is equal in two nodes that hold the same. reachable(): every entry that a packet can come to, by its number (a guard: by its
place) and byte for byte; what lies in an entry that nothing leads to is nobody's.
"""
import array
import ctypes
import re
import socket

from . import contract
from .maps import Map

KIND_SHIFT, INDEX = 30, (1 << 30) - 1
PAGE_LONG = 1 << 31
LEAF, BLOCK, GUARD = 1, 2, 3
PUNT, FORWARD, EDGE, BLACKHOLE, RESOLVE, UNREACHABLE, GROUP, UPLINK = range(8)  # enum xs_nexthop_kind
WAN = 6  # enum xs_vport_kind
ENTRIES = 256
SIEVE = 8 * contract.constant("XS_SIEVE_WORDS")  # bytes
MUX_SOURCE, MUX_NUMBERS = contract.constant("XS_MUX_SOURCE"), contract.constant("XS_MUX_PROTOCOL")
RULE_BITS, RULE_SLOT, PAGE_RULES = (contract.constant(f"XS_{name}") for name in ("RULE_BITS", "RULE_SLOT", "PAGE_RULES"))
OURS = "02:78:73:"  # how MACs begin that the plan gave


def _mac(field):
    return bytes(field).hex(":")


def _bytes(value):
    return ctypes.string_at(ctypes.addressof(value), ctypes.sizeof(value))


class _Words(dict):
    """name -> {key: value} of the maps of a node, each read when it is first asked for."""

    def __init__(self, node):
        super().__init__()
        self.node = node

    def __missing__(self, name):
        with Map(self.node, name) as one:
            self[name] = dict(one.items())
        return self[name]


def _guard_bytes(guard):
    """What a guard says: of a prefix that went, all but the length stays, and apart from each other any may be the first."""
    prefixes = sorted(one for one in zip(guard.length, guard.high, guard.low, guard.leaf) if one[0])
    return repr((prefixes, guard.outside, guard.covered)).encode()


class Tables:
    """The maps of a node, read once. names: ifindex -> device name in the node's namespace."""

    def __init__(self, node, names=None):
        self.names = names or {}
        self.words = _Words(node)
        with Map(node, "block") as one:
            self.blocks = one.view()
        with Map(node, "sieve") as one:
            self.sieves = one.view()
        self.reached, self.loose, self.own, self.shared = {}, False, False, False

    # ---- reading, and noting what was read ----

    def _note(self, name, key, raw):
        self.reached[name, key] = raw

    def _value(self, name, key, note=True):
        value = self.words[name].get(key)
        if value is not None and note:
            self._note(name, key, _bytes(value))
        return value

    def _device(self, ifindex):
        return self.names.get(ifindex, f"#{ifindex}" if ifindex else "-")

    # ---- address tables ----

    def _walk(self, root, levels, meaning):
        """[first, last, what] of every run of addresses with one answer; None is left out."""
        runs = []

        def add(first, last, entry):
            what = meaning(entry & INDEX) if entry >> KIND_SHIFT == LEAF else None
            if runs and runs[-1][2] == what and runs[-1][1] == first - 1:
                runs[-1][1] = last
            else:
                runs.append([first, last, what])

        def guarded(guard, first, last):
            """One stretch after the other: the first of the guard's prefixes that holds it decides."""
            prefixes = []
            for high, low, leaf, length in zip(guard.high, guard.low, guard.leaf, guard.length):
                if length:
                    begin = (high << 64 | low) >> 128 - 8 * levels
                    prefixes.append((begin, begin + (1 << 8 * levels - length) - 1, leaf))
            begins = {first} | {begin for begin, _, _ in prefixes} | {end + 1 for _, end, _ in prefixes}
            cuts = sorted(cut for cut in begins if first <= cut <= last) + [last + 1]
            for begin, after in zip(cuts, cuts[1:]):
                add(begin, after - 1, next((leaf for low, high, leaf in prefixes if low <= begin <= high), guard.outside))

        def step(block, base, level):
            entries = array.array("I", self.blocks[block * ENTRIES * 4 : (block + 1) * ENTRIES * 4])
            if not self.loose and not self.shared:
                self._note_block(block, entries[:])
            size = 1 << 8 * (levels - level - 1)
            for i, entry in enumerate(entries):
                kind, first = entry >> KIND_SHIFT, base + i * size
                if kind == BLOCK:
                    step(entry & INDEX, first, level + 1)
                elif kind == GUARD and (guard := self._value("guard", entry & INDEX, False)):
                    guarded(guard, first, first + size - 1)
                else:
                    add(first, first + size - 1, entry)

        if root:
            step(root, 0, 0)
        return [run for run in runs if run[2] is not None]

    def _note_block(self, block, entries):
        """A guard is told where it stands, not by its number: one that changes is another each time."""
        for i, entry in enumerate(entries):
            if entry >> KIND_SHIFT == GUARD:
                guard = self._value("guard", entry & INDEX, False)
                self._note("guard at", f"{block}/{i}", _guard_bytes(guard) if guard else b"")
                entries[i] = GUARD << KIND_SHIFT
        self._note("block", block, entries.tobytes())
        self._note("sieve", block, self.sieves[block * SIEVE : (block + 1) * SIEVE])

    def table(self, root, family, meaning):
        length = 4 if family == 0 else 16
        kind = socket.AF_INET if family == 0 else socket.AF_INET6

        def text(number):
            return socket.inet_ntop(kind, number.to_bytes(length, "big"))

        return [f"{text(first)}..{text(last)} {what}" for first, last, what in self._walk(root, length, meaning)]

    def _nexthop(self, family):
        seen = {}

        def meaning(index):
            if index not in seen:
                seen[index] = self._nexthop_text(index, family)
            return seen[index]

        return meaning

    def _nexthop_text(self, index, family):
        hop = self._value("nexthop", index, not self.loose)
        if hop is None or hop.kind == PUNT:
            return "punt"
        if hop.kind == BLACKHOLE:
            return "blackhole"
        if hop.kind == UPLINK:
            return f"uplink vport {hop.vport}"
        way = f"vport {hop.vport} by {self._device(hop.ifindex)} flags {hop.port_flags} mtu {hop.mtu}"
        if hop.kind == EDGE:
            self.shared = self.own
            users = self.table(hop.edge_root, family, self._nexthop(family))
            self.shared = False
            return f"edge {way} of {{{'; '.join(users)}}}"
        mac = _mac(hop.dmac)
        if self.loose or not mac.startswith(OURS):
            return "punt"  # a host, known by what it said: another node may not have heard it yet
        return f"to {mac} from {_mac(hop.smac)} tci {socket.ntohs(hop.tci)} {way}"

    # ---- paging ----

    def _page(self, index):
        page, rest = self._value("page", index, not self.shared), self._value("page_rest", index, not self.shared)
        if page is None:  # nothing but zeros
            return "page of slice 0 : of none that has a part here"
        change = bytes(page.change).hex() + (bytes(rest.change).hex() if rest and page.uplink & PAGE_LONG else "")
        own = bytes(rest.own).hex() if rest else "none"
        return f"page of slice {page.slice} change {change} uplink {page.uplink & ~PAGE_LONG} own {own} sum {page.sum}"

    def _pages(self, key):
        roots = self._value("slice", key, not self.shared).page_root
        return [line for family, root in enumerate(roots) for line in self.table(root, family, self._page)]

    # ---- MUX policies ----

    def _position(self, rule):
        """Which condition a rule is, by its place in the naive walk."""
        origin = self._value("mux_origin", rule >> RULE_BITS)
        return origin.position[rule & RULE_SLOT] if origin else "none"

    def _chosen(self, node, leaf):
        """The questions that begin at a node of the walk, for the rule that is the leaf."""
        asked, page = self._value("mux_node", node), self._value("mux_page", leaf >> RULE_BITS)
        if asked is None:
            return "none in force"
        slot = leaf & RULE_SLOT
        cell = asked.cell or (page.cell + slot if page else 0)
        rule = leaf + asked.rule if asked.rule < PAGE_RULES else asked.rule
        answer = f"slice {asked.slice} vport {asked.vport} condition {self._position(rule)} before {asked.before}"
        answer += f" general {self._vector(asked.vector) if asked.vector else 'none'}"
        if asked.then:
            answer = f"({self._chosen(asked.then, leaf)})"
        if not asked.named:
            return answer
        return f"cell {cell} or {asked.group} is {asked.named}? {answer}: {self._chosen(asked.other, leaf)}"

    def _rule(self, leaf):
        page = self._value("mux_page", leaf >> RULE_BITS)
        return self._chosen(page.node, leaf) if page else "none"

    def _vector(self, index):
        """A set of general conditions, by the bits of their places; 0: all of them."""
        vector = self._value("mux_vector", index) if index else None
        return "all" if vector is None else hex(sum(word << 64 * i for i, word in enumerate(vector.word)))

    def _general(self, key):
        entry = self._value("mux_general", key)
        return f"slice {entry.slice} vport {entry.vport} condition {self._position(entry.rule)}"

    def _mux(self, key):
        mux = self._value("mux", key)
        if mux is None:
            return "-"
        text = [f"mux {mux.id} without ports {' '.join(map(self._vector, mux.without_ports))}"]
        for number, root in enumerate(mux.root):
            family = number % 2 if number < MUX_NUMBERS else 0
            lines = self.table(root, family, self._rule if number < MUX_SOURCE else self._vector)
            text += [f"table {number} {line}" for line in lines]
        return "\n".join(text + [self._general(mux.general_first + i) for i in range(mux.general_count)])

    # ---- all of it ----

    def _port(self, key):
        port = self._value("port", key)
        sources = [
            line for family, root in enumerate(port.source_root) for line in self.table(root, family, lambda leaf: "allowed")
        ]
        edge = [bytes(address).hex() for address in port.edge_address]
        other = f"{self._device(port.other_ifindex)} flags {port.other_flags}"
        lines = [
            f"{self._device(port.ifindex)} flags {port.flags} untagged {port.untagged} edge {edge} other {other}",
            *sources,
        ]
        return "\n".join(lines + [self._mux(port.mux)])

    def _vport(self, key):
        value = self._value("vport", key)
        fields = []
        for name, _ in value._fields_:
            field = getattr(value, name)
            if name in ("veth", "port_ifindex"):
                field = self._device(field)
            elif name == "mac" and value.kind == WAN:
                field = "the device's"
            elif not isinstance(field, int):
                field = bytes(field).hex()
            fields.append(f"{name} {field}")
        return ", ".join(fields)

    def _slice(self, key):
        lines = []
        for family, root in enumerate(self._value("slice", key).fib_root):
            lines += self.table(root, family, self._nexthop(family))
        return "\n".join(lines + self._pages(key))

    def meaning(self, loose=()):
        taken = {}
        for name, describe in (("port", self._port), ("vport", self._vport), ("slice", self._slice)):
            for key in self.words[name]:
                self.loose = name == "slice" and key in loose
                taken[f"{name} {key}"] = describe(key)
                if self.loose:
                    self._note("table of slice", key, taken[f"{name} {key}"].encode())
        self.loose = False
        for name in ("label", "cell"):
            for key in self.words[name]:
                taken[f"{name} {key}"] = str(self._value(name, key).value)
        for name in ("port_of_ifindex", "vport_of_ifindex"):
            for key in self.words[name]:
                taken[f"{name} {self._device(key)}"] = str(self._value(name, key).value)
        return taken

    def reachable(self, loose=()):
        """(map, key) -> bytes. loose: ids of slices of which it does not count which neighbours are known: their tables are told in
        words, as blocks come and go with what is known."""
        self.reached = {}
        self.meaning(loose)
        return self.reached

    def of_slices(self, slices):
        """The same, of what packets of these slices (ids) meet: vports, labels and tables. Of an edge's table the users: for what else
        the edge answers, all slices behind it decide."""
        self.reached, self.own = {}, True
        vports = [key for key, value in self.words["vport"].items() if value.slice in slices]
        for key in vports:
            self._vport(key)
        for key, value in self.words["label"].items():
            if value.value in vports:
                self._value("label", key)
        for key, value in self.words["vport_of_ifindex"].items():
            if value.value in vports:
                self._value("vport_of_ifindex", key)
        for key in slices & self.words["slice"].keys():
            self._slice(key)
        if 0 in self.words["slice"]:
            self.shared = True  # with all slices by paging
            for line in self._pages(0):
                if int(re.search(r" of slice (\d+) ", line)[1]) in slices:
                    self._note("in the WAN", line.split()[0], line.encode())
            self.shared = False
        self.own = False
        return self.reached
