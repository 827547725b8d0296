# SPDX-License-Identifier: GPL-2.0-or-later
"""Network namespaces and the wires between them.

Owns every namespace that it made: close() removes these and nothing else. A piece of code enters a namespace by
setns(2) in its own thread (inside()), so sockets and children made there stay there, and bpffs stays in sight, as it
would not under `ip netns exec`.
"""
import contextlib
import ctypes
import fcntl
import json
import os
import subprocess
import time

from . import ending, leftovers

CLONE_NEWNET = 0x40000000
RUN = leftovers.RUN
BPFFS = "/sys/fs/bpf"
LOCK, HELD = "/run/lock/xslice-rig", "XSLICE_RIG_HELD"  # a file, and the variable that tells children of it; also in selftests/bench/
_libc = ctypes.CDLL(None, use_errno=True)


class RigError(Exception):
    """The rig could not be raised, or something in it did not answer: no figure was measured."""


# Seconds for what an agent does at once, on a machine that has much else to do; less than the 30 s after which it looks by itself.
PATIENCE = 12


def until(condition, timeout, interval=0.05):
    """condition()'s first true value, or its last one when the time is over."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value or time.monotonic() >= end:
            return value
        time.sleep(interval)


def settled(look, who, interval, tries=40):
    """What look() returns once two of its answers in a row agree."""
    last = None
    for _ in range(tries):
        now = look()
        if now == last:
            return now
        last = now
        time.sleep(interval)
    raise RigError(f"{who} not come to rest")


def run(*words, check=True, timeout=60):
    """Runs a program, given as words, and returns its output; its own words are the error's."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout)
    if check and done.returncode:
        raise RigError(f"{' '.join(words)}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def _enter(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "setns")


@contextlib.contextmanager
def inside(name):
    """The calling thread is in namespace `name` until the end of the block."""
    back = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = os.open(f"{RUN}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(there)
        finally:
            os.close(there)
        try:
            yield
        finally:
            _enter(back)
    finally:
        os.close(back)


def exists(name):
    return os.path.exists(f"{RUN}/{name}")


def names():
    return sorted(os.listdir(RUN)) if os.path.isdir(RUN) else []


def run_in(name, *words, check=True, timeout=60):
    with inside(name):
        return run(*words, check=check, timeout=timeout)


def sysctl(name, key, value=None):
    """Reads (value None) or writes a sysctl of a namespace; key by slashes: interface names may hold dots."""
    with inside(name):
        with open(f"/proc/sys/{key}", "r" if value is None else "w", encoding="ascii") as file:
            if value is None:
                return file.read().strip()
            file.write(str(value))
            return None


def links(name):
    """All links of a namespace with their counters, by name."""
    return {
        link["ifname"]: link for link in json.loads(run("ip", "-n", name, "-j", "-s", "-d", "link", "show") or "[]")
    }


def device_counts(name, device):
    """The kernel's own counters of a device: (rx packets, rx bytes, tx packets, tx bytes)."""
    counts = json.loads(run("ip", "-n", name, "-j", "-s", "link", "show", "dev", device))[0]["stats64"]
    return (counts["rx"]["packets"], counts["rx"]["bytes"], counts["tx"]["packets"], counts["tx"]["bytes"])


def wire_lost(name, device):
    """How many frames the wire behind a device has lost because its other end was full: of the stack's, and redirected ones. A veth
    holds 256, so a CPU that is taken away for half a millisecond is enough where a flood goes by."""
    with inside(name), open("/proc/thread-self/net/dev", encoding="ascii") as file:
        counts = next((line.split(":")[1].split() for line in file if line.strip().startswith(f"{device}:")), None)
    return int(counts[11]) if counts else 0


def first_hop_mac(name, device, address):
    """The MAC that a host has learned for an address on its link, by ARP or ND; None if it could not."""

    def known():
        run_in(name, "ping", "-I", device, "-c", "1", "-W", "1", address, check=False)
        for neighbour in json.loads(run("ip", "-n", name, "-j", "neigh", "show", "dev", device, "to", address) or "[]"):
            if "lladdr" in neighbour:
                return neighbour["lladdr"]
        return None

    return until(known, 3)


def _lock():
    return int(os.environ[HELD]) if HELD in os.environ else None


def note(kind, name):
    """What outlives us if we are killed (leftovers.py)."""
    leftovers.note(_lock(), kind, name)


def held():
    """The descriptor of the lock that alone() holds, if it does, in a tuple: for children's pass_fds. So they keep it where we are killed."""
    return (_lock(),) if HELD in os.environ else ()


@contextlib.contextmanager
def alone():
    """One rig at a time on a machine: what is measured, and the machine's own sysctls, would be of two. Who starts a rig may hold the
    lock for it, so that no limit counts the waiting. A rig that is asked to end (SIGTERM) takes itself down; of one that was killed, whoever
    has the lock next takes away what it left."""
    ending.unwind()
    if held():
        yield
        return
    with open(LOCK, "a+b", buffering=0) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        leftovers.clear(lock.fileno())
        os.environ[HELD] = str(lock.fileno())
        try:
            yield
        finally:
            del os.environ[HELD]
            leftovers.clear(lock.fileno())


class Net:
    """The namespaces of one rig. Names that callers use are short ("client"); the kernel's bear the rig's prefix."""

    def __init__(self, prefix=""):
        self.prefix = prefix
        self.made, self.ends = [], []  # namespaces, and ends of wires where they were at first

    def name(self, short):
        return self.prefix + short

    def add(self, *shorts):
        for short in shorts:
            name = self.name(short)
            if exists(name):
                raise RigError(f"namespace {name} is there, and not of a rig")
            note("namespace", name)
            run("ip", "netns", "add", name)
            self.made.append(name)
            run("ip", "-n", name, "link", "set", "lo", "up")

    def quiet(self, *shorts):
        """No IPv6 in these namespaces: its solicitations would be frames that nobody asked for."""
        for short in shorts:
            for which in ("all", "default"):
                sysctl(self.name(short), f"net/ipv6/conf/{which}/disable_ipv6", 1)

    def join(self, a, a_device, b, b_device, a_mac=None, b_mac=None):
        """A wire: a veth pair with an end in each namespace, both up."""
        words = ["ip", "-n", self.name(a), "link", "add", "name", a_device]
        words += ["address", a_mac] if a_mac else []
        words += ["numrxqueues", "1", "numtxqueues", "1", "type", "veth", "peer", "name", b_device]
        words += ["address", b_mac] if b_mac else []
        words += ["numrxqueues", "1", "numtxqueues", "1", "netns", self.name(b)]
        run(*words)
        run("ip", "-n", self.name(a), "link", "set", "dev", a_device, "up")
        run("ip", "-n", self.name(b), "link", "set", "dev", b_device, "up")
        self.ends += [(self.name(a), a_device), (self.name(b), b_device)]

    def lost(self):
        """How many frames the wires have lost because they were full."""
        return sum(wire_lost(*end) for end in self.ends if exists(end[0]))

    def host_end(self, short, device):
        """An end as a host's network card would behave: whole checksums, tags in the frame; NAPI on (which GRO
        brings), without which a frame that XDP redirects to it is lost."""
        run_in(self.name(short), "ethtool", "-K", device, "tx", "off", "gro", "on", "txvlan", "off", "rxvlan", "off")

    def bridge(self, short, device="br0"):
        name = self.name(short)
        run(
            "ip",
            "-n",
            name,
            "link",
            "add",
            device,
            "type",
            "bridge",
            "stp_state",
            "0",
            "mcast_snooping",
            "0",
            "ageing_time",
            "30000",
        )
        run("ip", "-n", name, "link", "set", device, "up")

    def enslave(self, short, device, bridge="br0"):
        run("ip", "-n", self.name(short), "link", "set", device, "master", bridge, "up")

    def address(self, short, device, address, default=None):
        six = ("-6",) if ":" in address else ()
        run("ip", "-n", self.name(short), *six, "address", "add", address, "dev", device, *(("nodad",) if six else ()))
        if default:
            run("ip", "-n", self.name(short), *six, "route", "add", "default", "via", default, "dev", device)

    def close(self):
        for name in reversed(self.made):
            run("ip", "netns", "delete", name, check=False)
        self.made.clear()
