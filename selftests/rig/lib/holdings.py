# SPDX-License-Identifier: GPL-2.0-or-later
"""What agents hold of the kernel, and what lies of them on the machine, counted: to see that it does not grow."""
import contextlib
import mmap
import os
import re
import struct
from collections import Counter

from . import contract, netns
from .snapshot import RUN_ROOT

_SHIM = os.path.join(contract.BUILD, "selftests/rig/heap.so")


class Heap:
    """The blocks that an agent has from malloc(): selftests/rig/heap.c."""

    def __init__(self, folder, node):
        self.path = os.path.join(folder, f"heap-{node}")
        with open(self.path, "w+b") as file:
            file.write(bytes(16))
            file.flush()
            self.shared = mmap.mmap(file.fileno(), 16)

    def environment(self):
        return {"LD_PRELOAD": _SHIM, "XSLICE_HEAP": self.path}

    def taken(self):
        """(blocks, bytes)"""
        return struct.unpack("=qq", self.shared[:16])


def anonymous(pid):
    """KiB of memory that is the process's own."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))


def _lines(path):
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return file.read().splitlines()
    return []


def of_process(pid):
    """Descriptors by what they are, watches of inotify and epoll, mapped maps, threads, children."""
    count = Counter()
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            count["descriptor " + re.sub(r"\d+", "*", os.readlink(f"/proc/{pid}/fd/{number}"))] += 1
        for line in _lines(f"/proc/{pid}/fdinfo/{number}"):
            if line.startswith(("inotify ", "tfd:")):
                count[f"watch {line.split(':')[0].split()[0]}"] += 1
    for line in _lines(f"/proc/{pid}/maps"):
        if "bpf-map" in line:
            count["mapped maps"] += 1
    for thread in os.listdir(f"/proc/{pid}/task"):
        count["threads"] += 1
        for line in _lines(f"/proc/{pid}/task/{thread}/children"):
            count["children"] += len(line.split())
    return {key: str(value) for key, value in count.items()}


def _below(root):
    return sorted(os.path.relpath(os.path.join(at, name), root) for at, folders, files in os.walk(root) for name in folders + files)


def of_domain(domain):
    """What its agents hold; pins, notes, namespaces and devices of its nodes; keys of its store."""
    taken = {}
    for node, agent in domain.agents.items():
        name = domain.net.name(node)
        taken.update({f"agent of {node}: {key}": value for key, value in of_process(agent.pid).items()})
        taken[f"pins of {node}"] = "\n".join(_below(f"{contract.PIN_ROOT}/{name}"))
        taken[f"notes of {node}"] = "\n".join(_below(f"{RUN_ROOT}/{name}"))
        taken[f"devices of {node}"] = "\n".join(sorted(netns.links(name)))
    taken["namespaces"] = "\n".join(domain.slivers())
    taken["store"] = "\n".join(re.sub(r"^image/[^/]+", "image/*", key) for key in _below(domain.store))
    taken["beside the store"] = "\n".join(sorted(name for name in os.listdir("/run") if name.startswith("xslice-")))
    return taken
