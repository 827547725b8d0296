# SPDX-License-Identifier: GPL-2.0-or-later
"""The WAN of a paging domain: nodes and plain routers joined by addresses of their own, with a real routing daemon (BIRD, OSPF in
both families) on each. Nothing here knows of slices: the daemon takes up routes of protocol 158 as it would anybody's.

    R1 --- W13 --- X13 --- R3          W13, X13, W23: plain Linux routers; the wire between W13 and X13 has an MTU of 1400
     \\                     |
      ------- R2 -------- W23
"""
import json
import os
import shutil
import signal
import subprocess

from . import netns
from .netns import RigError, run

BIRD = shutil.which("bird") or "/usr/sbin/bird"
PROTOCOL = "158"  # of routes that are xslice's
POOLS = tuple(f"100.{second}." for second in range(64, 128)) + ("fd78:736c:6963:",)
ROUTERS = ("W13", "X13", "W23")
NARROW, NARROW_MTU = 2, 1400  # the wire by that number
DEAR = 0  # only where all others fail
WIRES = (
    ("R1", "r2", "R2", "r1"),
    ("R1", "r3", "W13", "r1"),
    ("W13", "r3", "X13", "r1"),
    ("X13", "r3", "R3", "r1"),
    ("R2", "r3", "W23", "r2"),
    ("W23", "r3", "R3", "r2"),
)

CONFIGURATION = """
router id {identity};
log "{log}" all;
protocol device {{ scan time 1; }}
protocol kernel kernel4 {{ learn; scan time 1; ipv4 {{ import all; export where source != RTS_INHERIT; }}; }}
protocol kernel kernel6 {{ learn; scan time 1; ipv6 {{ import all; export where source != RTS_INHERIT; }}; }}
protocol ospf v2 {{
  ipv4 {{ import all; export where source = RTS_INHERIT; }};
  area 0 {{ {interfaces} }};
}}
protocol ospf v3 {{
  ipv6 {{ import all; export where source = RTS_INHERIT; }};
  area 0 {{ {interfaces} }};
}}
"""


class Wan:
    """net: namespaces and wires, raised already; wires: those whose ends get addresses and run OSPF; narrow, dear: numbers of such that are,
    if any."""

    def __init__(self, net, keep, wires=WIRES, narrow=NARROW, dear=DEAR):
        self.net, self.keep, self.wires, self.narrow, self.dear = net, keep, wires, narrow, dear
        self.members = sorted({end for a, _, b, _ in wires for end in (a, b)})
        self.daemons = {}

    def address(self, wire, end, family):
        return f"172.31.{wire}.{1 + end}" if family == 4 else f"fd00:31:0:{wire:x}::{1 + end}"

    def start(self, wait=True):
        """wait: until there are ways to each other."""
        os.makedirs(self.keep, exist_ok=True)
        for member in self.members:
            for key in ("ipv4/conf/all/forwarding", "ipv6/conf/all/forwarding"):
                netns.sysctl(self.net.name(member), f"net/{key}", 1)
        for wire, (a, a_device, b, b_device) in enumerate(self.wires):
            for end, (short, device) in enumerate(((a, a_device), (b, b_device))):
                if short in ROUTERS:  # as a wire would have it: an end that takes what XDP sends
                    self.net.host_end(short, device)
                if wire == self.narrow:
                    run("ip", "-n", self.net.name(short), "link", "set", device, "mtu", str(NARROW_MTU))
                self.net.address(short, device, f"{self.address(wire, end, 4)}/30")
                self.net.address(short, device, f"{self.address(wire, end, 6)}/64")
        for number, member in enumerate(self.members):
            self._start_daemon(number, member)
        if not wait:
            return
        own = [f"172.31.{wire}.0/30" for wire in range(len(self.wires))] + [f"fd00:31:0:{wire:x}::/64" for wire in range(len(self.wires))]
        lacking = self.lacking(own)
        if lacking:
            raise RigError(f"no way to each other: {lacking[:5]}")
        netns.until(lambda: False, 2)  # hellos go on; the shortest ways of all have come by now

    def _start_daemon(self, number, member):
        name = self.net.name(member)
        path = os.path.join(self.keep, f"bird-{name}")
        interfaces = [
            f'interface "{device}" {{ type ptp; hello 1; dead 4; cost {100 if wire == self.dear else 10}; }};'
            for wire, (a, x, b, y) in enumerate(self.wires)
            for end, device in ((a, x), (b, y))
            if end == member
        ]
        with open(f"{path}.conf", "w", encoding="ascii") as file:
            file.write(
                CONFIGURATION.format(
                    identity=f"172.31.255.{1 + number}",
                    log=f"{path}.log",
                    interfaces=" ".join(interfaces),
                )
            )
        with netns.inside(name):
            self.daemons[member] = subprocess.Popen(
                [BIRD, "-f", "-c", f"{path}.conf", "-s", f"{path}.ctl"], stdin=subprocess.DEVNULL
            )
        netns.note("process", self.daemons[member].pid)

    def knows(self, member, prefix):
        """Does the member's kernel have a route to exactly this prefix?"""
        six = ("-6",) if ":" in prefix else ()
        return bool(run("ip", "-n", self.net.name(member), *six, "route", "show", "exact", prefix, check=False).strip())

    def lacking(self, prefixes, timeout=60):
        """Waits until every member has a route to each of them; which lack one, as (member, prefix)."""

        def missing():
            return [(member, prefix) for member in self.members for prefix in prefixes if not self.knows(member, prefix)]

        netns.until(lambda: not missing(), timeout, 0.2)
        return missing()

    def _pages(self, member, own):
        """The member's routes in the default pools; own: those of xslice alone."""
        found = set()
        for family in ("-4", "-6"):
            words = (family, "-j", "route", "show") + (("proto", PROTOCOL) if own else ())
            routes = json.loads(run("ip", "-n", self.net.name(member), *words) or "[]")
            found |= {route["dst"] for route in routes if route["dst"].startswith(POOLS)}
        return found

    def unsettled(self, timeout=30):
        """Waits until every member has routes to just the pages that nodes have by now; which differ, as (member, prefix)."""

        def differing():
            pages = set().union(*(self._pages(member, True) for member in self.members))
            return [(member, page) for member in self.members for page in pages ^ self._pages(member, False)]

        netns.until(lambda: not differing(), timeout, 0.2)
        return differing()

    def stop(self):
        for daemon in self.daemons.values():
            if daemon.poll() is None:
                daemon.send_signal(signal.SIGTERM)
        for member, daemon in self.daemons.items():
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
                raise RigError(f"the routing daemon of {member} does not end") from None
        self.daemons.clear()


def between(a, b):
    """How many plain routers a packet meets from one node to another."""
    ways = {a: 0}
    todo = [a]
    while todo:
        at = todo.pop(0)
        for wire, (x, _, y, _) in enumerate(WIRES):
            for here, there in ((x, y), (y, x)):
                if here == at and there not in ways and wire != DEAR:
                    ways[there] = ways[at] + (there in ROUTERS)
                    todo.append(there)
    return ways[b]
