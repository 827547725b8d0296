# SPDX-License-Identifier: GPL-2.0-or-later
"""The maps of a node as they stand in the kernel, read by bpf(2) at their pins. Nothing here writes to a map."""
import ctypes
import mmap
import os
import struct

from . import contract, netns

_libc = ctypes.CDLL(None, use_errno=True)
_NR_BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
_LOOKUP, _OBJ_GET, _INFO_BY_FD, _LOOKUP_BATCH = 1, 7, 15, 24
_CHUNK = 4096


def _possible_cpus():
    with open("/sys/devices/system/cpu/possible", encoding="ascii") as file:
        last = file.read().strip().split(",")[-1]
    return int(last.split("-")[-1]) + 1


CPUS = _possible_cpus()


def bpf(command, attribute):
    buffer = ctypes.create_string_buffer(attribute, 128)
    result = _libc.syscall(_NR_BPF, command, buffer, len(attribute))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), f"bpf({command})")
    return result, buffer


def pin(descriptor, path):
    name = ctypes.create_string_buffer(path.encode())
    bpf(6, struct.pack("=QII", ctypes.addressof(name), descriptor, 0))


class Map:
    """A pinned map of the contract. Keys are 0 .. entries-1: all are arrays."""

    def __init__(self, node, name):
        self.name = name
        self.kind, self.per_cpu = contract.MAPS[name]
        self.path = f"{contract.PIN_ROOT}/{node}/v{contract.VERSION}/{name}"
        self.fd = self._open(1 << 3)  # BPF_F_RDONLY
        info = ctypes.create_string_buffer(80)
        bpf(_INFO_BY_FD, struct.pack("=IIQ", self.fd, len(info), ctypes.addressof(info)))
        _, self.id, key_size, value_size, self.entries = struct.unpack_from("=IIIII", info)
        if key_size != 4 or value_size != ctypes.sizeof(self.kind):
            raise OSError(
                71, f"{self.path}: value of {value_size} bytes, contract says {ctypes.sizeof(self.kind)}"
            )
        self.step = (value_size + 7) // 8 * 8 * CPUS if self.per_cpu else value_size

    def _open(self, flags):
        path = ctypes.create_string_buffer(self.path.encode())
        return bpf(_OBJ_GET, struct.pack("=QII", ctypes.addressof(path), 0, flags))[0]

    def raw(self):
        """All values, one after the other; of a per-CPU map all CPUs' copies of each."""
        out = []
        keys = ctypes.create_string_buffer(4 * _CHUNK)
        values = ctypes.create_string_buffer(self.step * _CHUNK)
        token = ctypes.create_string_buffer(8)
        seen = 0
        while seen < self.entries:
            attribute = struct.pack(
                "=QQQQIIQQ",
                ctypes.addressof(token) if seen else 0,
                ctypes.addressof(token),
                ctypes.addressof(keys),
                ctypes.addressof(values),
                _CHUNK,
                self.fd,
                0,
                0,
            )
            buffer = ctypes.create_string_buffer(attribute, 128)
            result = _libc.syscall(_NR_BPF, _LOOKUP_BATCH, buffer, len(attribute))
            if result < 0 and ctypes.get_errno() != 2:  # ENOENT: the last batch
                error = ctypes.get_errno()
                raise OSError(error, os.strerror(error), f"{self.name}: lookup batch")
            count = struct.unpack_from("=I", buffer, 32)[0]
            out.append(values.raw[: count * self.step])
            seen += count
            if not count:
                break
        return b"".join(out)

    def view(self):
        """The values of a map that user space maps into memory, as they are from now on. Read only, though the kernel shares no
        map with who could not write it."""
        descriptor = self._open(0)
        try:
            return mmap.mmap(descriptor, self.entries * self.step, mmap.MAP_SHARED, mmap.PROT_READ)
        finally:
            os.close(descriptor)

    def get(self, key):
        """One value; of a per-CPU map a list, one per CPU."""
        index = ctypes.c_uint32(key)
        value = ctypes.create_string_buffer(self.step)
        bpf(_LOOKUP, struct.pack("=IIQQQ", self.fd, 0, ctypes.addressof(index), ctypes.addressof(value), 0))
        return self._take(value.raw)

    def _take(self, raw):
        if not self.per_cpu:
            return self.kind.from_buffer_copy(raw)
        part = self.step // CPUS
        return [self.kind.from_buffer_copy(raw, cpu * part) for cpu in range(CPUS)]

    def items(self):
        """(key, value) of every entry that is not all zero."""
        raw = self.raw()
        some = 256 * self.step  # maps are large and hardly filled
        for first in range(0, len(raw), some):
            if not raw[first : first + some].strip(b"\0"):
                continue
            for start in range(first, min(first + some, len(raw)), self.step):
                piece = raw[start : start + self.step]
                if piece.strip(b"\0"):
                    yield start // self.step, self._take(piece)

    def close(self):
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def pinned(node):
    return os.path.isdir(f"{contract.PIN_ROOT}/{node}/v{contract.VERSION}")


def verdicts(node):
    """How many frames ended in each verdict, over all slices, by name."""
    total = [0] * len(contract.VERDICTS)
    with Map(node, "slice_stats") as stats:
        for _, copies in stats.items():
            for copy in copies:
                total = [a + b for a, b in zip(total, copy.verdict)]
    return dict(zip(contract.VERDICTS, total))


def port_counts(node, devices):
    """(rx packets, rx bytes) by port name; devices: name by ifindex of the node's namespace."""
    counts = {}
    with Map(node, "port") as ports, Map(node, "port_stats") as stats:
        for key, port in ports.items():
            copies = stats.get(key)
            counts[devices.get(port.ifindex, f"port{key}")] = (
                sum(c.rx_packets for c in copies),
                sum(c.rx_bytes for c in copies),
            )
    return counts


def rx_total(node):
    with Map(node, "port_stats") as stats:
        return sum(copy.rx_packets for _, copies in stats.items() for copy in copies)


def expect_conserved(node):
    """Each frame that the node received ended in one verdict, once it is at rest."""
    same = netns.until(lambda: rx_total(node) == sum(verdicts(node).values()), 2)
    assert same, f"{node}: {rx_total(node)} received, verdicts {verdicts(node)}"


def state(node):
    """Everything that decides where a packet goes: all maps but those that the datapath writes, counters and buckets."""
    taken = {}
    for name in contract.MAPS:
        if name in contract.COUNTERS or name in contract.BUCKETS:
            continue
        with Map(node, name) as one:
            taken[name] = (one.id, one.step, one.raw())
    return taken


def differences(before, after):
    """The aligned 64-bit words in which two states differ: (map, key, word before, word after).

    A map that was replaced is one difference, too.
    """
    found = []
    for name, (ident, step, old) in before.items():
        other, _, new = after[name]
        if ident != other or len(old) != len(new):
            found.append((name, None, ident, other))
            continue
        if old == new:
            continue
        for start in range(0, len(old), 65536):
            if old[start : start + 65536] == new[start : start + 65536]:
                continue
            for at in range(start, min(start + 65536, len(old)), 8):
                if old[at : at + 8] != new[at : at + 8]:
                    found.append(
                        (
                            name,
                            at // step,
                            int.from_bytes(old[at : at + 8], "little"),
                            int.from_bytes(new[at : at + 8], "little"),
                        )
                    )
    return found
