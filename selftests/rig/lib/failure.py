# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps of an agent that are made to fail, one at a time."""
import mmap
import os
import struct

from . import contract

STEPS = os.environ.get("XSLICE_STEPS", "12")
NEVER = 0xFFFFFFFF
_SHIM = os.path.join(contract.BUILD, "selftests/rig/fault.so")


class Fault:
    """The steps of an agent, counted, and one of them failed: selftests/rig/fault.c."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "fault")
        with open(self.path, "w+b") as file:
            file.write(bytes(64))
            file.flush()
            self.shared = mmap.mmap(file.fileno(), 64)

    def environment(self):
        return {"LD_PRELOAD": _SHIM, "XSLICE_FAULT": self.path}

    def fail(self, step, changes):
        """changes: only steps that change something are counted."""
        self.shared[:64] = struct.pack("=III52s", step, 0, changes, b"")

    def rest(self):
        """How many steps there were since, and which one failed ("" where none did)."""
        _, count, _, what = struct.unpack("=III52s", self.shared[:64])
        self.shared[:4] = bytes(4)
        return count, what.rstrip(b"\0").decode()


def chosen(steps, share):
    """All, or as many as share of XSLICE_STEPS is, evenly."""
    count = steps if STEPS == "all" and share == 1 else min(steps, int(share * (100 if STEPS == "all" else int(STEPS))))
    return sorted({1 + (steps - 1) * i // max(count - 1, 1) for i in range(count)})
