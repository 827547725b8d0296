# SPDX-License-Identifier: GPL-2.0-or-later
"""An XDP program that passes everything: with it a veth takes what XDP sends to it, without merging any of it as GRO would."""
import ctypes
import os
import struct

from . import maps, netns

NAME = "passes_all"


def load(name=NAME):
    """A descriptor of a program of two instructions."""
    code = struct.pack("=BBhi", 0xB7, 0, 0, 2) + struct.pack("=BBhi", 0x95, 0, 0, 0)  # r0 = XDP_PASS; exit
    code, licence = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"GPL")
    attribute = struct.pack(
        "=IIQQIIQII16s",
        *(6, 2, ctypes.addressof(code), ctypes.addressof(licence), 0, 0, 0, 0, 0, name.encode()),  # BPF_PROG_TYPE_XDP
    )
    return maps.bpf(5, attribute)[0]


def attach(namespace, device):
    """Goes with the device."""
    pin = f"{netns.BPFFS}/{namespace}-{NAME}"
    program = load()
    try:
        maps.pin(program, pin)
        netns.run_in(namespace, "bpftool", "net", "attach", "xdp", "pinned", pin, "dev", device)
    finally:
        os.close(program)
        if os.path.exists(pin):
            os.unlink(pin)
