# SPDX-License-Identifier: GPL-2.0-or-later
"""The contract between datapath and user space, read from maps/contract.h, so that it is stated nowhere else."""
import ctypes
import os
import re

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
SANITIZED = bool(os.environ.get("SAN"))  # as the Makefile has it: programs are those with sanitizers
BUILD = os.path.join(TOP, "build/san" if SANITIZED else "build")
_TYPES = {
    "__u8": ctypes.c_uint8,
    "__u16": ctypes.c_uint16,
    "__u32": ctypes.c_uint32,
    "__u64": ctypes.c_uint64,
    "__be16": ctypes.c_uint16,
    "__be32": ctypes.c_uint32,
    "union xs_wire_address": ctypes.c_uint8 * 16,
}


def _read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.S)


_text = _read("maps/contract.h")


def constant(name):
    found = re.search(rf"^#define\s+{name}\s+(\w+|\"[^\"]*\")\s*$", _text, re.M)
    if not found:
        raise KeyError(name)
    value = found.group(1)
    return value[1:-1] if value[0] == '"' else int(value.rstrip("ul"), 0)


def _length(word):
    if word == "XS_VERDICT_COUNT":
        return len(VERDICTS)
    if word == "XS_PUNT_CLASS_COUNT":
        return len(PUNT_CLASSES)
    return int(word) if word.isdigit() else constant(word)


def _names(list_of):
    body = re.search(rf"^#define {list_of}\(X\)(.*?[^\\])$", _text, re.M | re.S).group(1)
    return re.findall(r"X\(\w+,\s*\"([a-z-]+)\",", body)


VERDICTS = _names("XS_VERDICTS")
PUNT_CLASSES = _names("XS_PUNT_CLASSES")
DROPS = VERDICTS[VERDICTS.index("malformed") :]
VERSION = constant("XS_CONTRACT_VERSION")
PIN_ROOT = constant("XS_PIN_ROOT")
CELL_SLICE_MASK = constant("XS_CELL_SLICE_MASK")


def _structs():
    made = {}
    for name, body in re.findall(r"^struct (xs_\w+) \{(.*?)^\};", _text, re.S | re.M):
        fields = []
        for kind, members in re.findall(r"(__\w+|union xs_wire_address)\s+([^;]+);", body):
            for member in members.split(","):
                field, length = re.match(r"\s*(\w+)(?:\[(\w+)\])?\s*$", member).groups()
                fields.append((field, _TYPES[kind] * _length(length) if length else _TYPES[kind]))
        made[name] = type(name, (ctypes.Structure,), {"_fields_": fields})
    return made


STRUCT = _structs()


def _maps():
    rows = re.findall(
        r"X\((\w+),\s*(struct (xs_\w+)|__u\d+),\s*(true|false),\s*(true|false)\)", _read("maps/node_maps.h")
    )
    return {
        name: (STRUCT[struct] if struct else _TYPES[kind], per_cpu == "true") for name, kind, struct, _, per_cpu in rows
    }


MAPS = _maps()  # name -> (value type, per CPU)
COUNTERS = [name for name in MAPS if name.endswith("_stats")]
BUCKETS = ("policer", "unresolved")  # written by the datapath alone, as counters are
