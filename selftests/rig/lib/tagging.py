# SPDX-License-Identifier: GPL-2.0-or-later
"""A host that speaks one VLAN, where the kernel has no VLAN devices: all that its stack sends gets the tag, and of what comes it takes
what has it, without. Two programs on its device, in clsact; they go with it."""
import ctypes
import os
import struct

from . import maps, netns

VLAN_PRESENT, VLAN_TCI = 20, 24  # struct __sk_buff
PUSH, POP = 18, 19  # bpf_skb_vlan_push, bpf_skb_vlan_pop
SHOT = 2


def _code(*instructions):
    return b"".join(struct.pack("=BBhi", *one) for one in instructions)


def _tag(vid):
    return _code(
        (0xB7, 2, 0, 0x0081),  # r2 = 802.1Q, as on the wire
        (0xB7, 3, 0, vid),
        (0x85, 0, 0, PUSH),
        (0xB7, 0, 0, 0),
        (0x95, 0, 0, 0),
    )


def _untag(vid):
    """vid 0: takes what has no tag."""
    drop = ((0xB7, 0, 0, SHOT), (0x95, 0, 0, 0))
    if not vid:
        return _code((0x61, 0x12, VLAN_PRESENT, 0), (0x55, 2, 2, 0), (0xB7, 0, 0, 0), (0x95, 0, 0, 0), *drop)
    return _code(
        (0xBF, 0x16, 0, 0),
        (0x61, 0x12, VLAN_PRESENT, 0),
        (0x15, 2, 7, 0),
        (0x61, 0x12, VLAN_TCI, 0),
        (0x57, 2, 0, 0xFFF),
        (0x55, 2, 4, vid),
        (0xBF, 0x61, 0, 0),
        (0x85, 0, 0, POP),
        (0xB7, 0, 0, 0),
        (0x95, 0, 0, 0),
        *drop,
    )


def _attach(namespace, device, hook, code):
    pin = f"{netns.BPFFS}/{namespace}-{hook}"
    text, licence = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"GPL")
    attribute = struct.pack(
        "=IIQQIIQII16s",
        *(3, len(code) // 8, ctypes.addressof(text), ctypes.addressof(licence), 0, 0, 0, 0, 0, b"vlan"),  # SCHED_CLS
    )
    program = maps.bpf(5, attribute)[0]
    try:
        maps.pin(program, pin)
        where = ("dev", device, hook)
        netns.run_in(namespace, "tc", "filter", "delete", *where, check=False)
        netns.run_in(namespace, "tc", "filter", "add", *where, "bpf", "direct-action", "object-pinned", pin)
    finally:
        os.close(program)
        if os.path.exists(pin):
            os.unlink(pin)


def speak(namespace, device, vid):
    """vid 0: no VLAN, and nothing that has a tag."""
    netns.run_in(namespace, "tc", "qdisc", "replace", "dev", device, "clsact", check=False)
    _attach(namespace, device, "ingress", _untag(vid))
    if vid:
        _attach(namespace, device, "egress", _tag(vid))
