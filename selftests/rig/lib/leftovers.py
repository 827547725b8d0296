# SPDX-License-Identifier: GPL-2.0-or-later
"""What a rig made that outlives it where it is killed before it can take itself down: its processes, namespaces and directories.

It stands in the file of the rig's lock while the rig has the lock, a line each, so that whoever gets the lock next can take it away:
by then nobody owns it. Nothing is touched that does not stand there.
"""
import contextlib
import os
import shutil
import signal
import subprocess

RUN = "/run/netns"


def _begun(pid):
    """When a process began, in the kernel's ticks: with its pid, what names it for ever. None: there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except OSError:
        return None


def note(lock, kind, name):
    """lock: the descriptor of the lock's file, or None. kind: namespace (by its name, and those of its slivers), directory (its path), both before they
    are made; process (its pid), right after."""
    if lock is not None:
        line = f"{kind} {name}" + (f" {_begun(name)}" if kind == "process" else "")
        os.write(lock, f"{line}\n".encode())


def _take_away(kind, name):
    if kind == "process":
        pid, begun = name.split()
        if _begun(pid) == begun:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    elif kind == "namespace":
        there = os.listdir(RUN) if os.path.isdir(RUN) else []
        for one in there:
            if one == name or one.startswith((f"xs.{name}.", f"xs.{name}@")):
                subprocess.run(["ip", "netns", "delete", one], check=False)
    elif kind == "directory":
        shutil.rmtree(name, ignore_errors=True)


def clear(lock):
    """Takes away what the file says, processes first. The lock is held by the caller."""
    os.lseek(lock, 0, os.SEEK_SET)
    text = b"".join(iter(lambda: os.read(lock, 65536), b"")).decode(errors="replace")
    lines = [line.partition(" ")[::2] for line in text.splitlines()]
    for kind, name in sorted(lines, key=lambda line: line[0] != "process"):
        _take_away(kind, name)
    os.ftruncate(lock, 0)
