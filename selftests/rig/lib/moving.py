# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual machines that two slices by paging hold at once, with users and machines behind every kind of port, over the WAN of lib/wan.py.

      vmx vmv vmt: e0 - R1:x,v,t  slice P  R1 --- W13 --- X13 --- R3:x,v,t - eth0 of clx clv clt: a MUX for each
                   e1 - R2:x,v,t  slice A  R2 ------- W23 ------- R3

Kinds are those of lib/hosts.py: x a veth with XDP, v one with tc alone, t a TAP with a machine's card behind it. All leave checksums
and segments to their cards, and merge what comes. A machine has one address and MAC, on a bridge between its two cards, which
hand nothing to each other. So it hears both slices, and answers where it was last spoken to."""
import contextlib
import json
import subprocess
import time

from . import hosts, netns, wan
from .netns import run, run_in, sysctl

KINDS = ("x", "v", "t")
USERS = {"x": "192.0.2", "v": "198.51.100", "t": "203.0.113"}
NODES = ("R1", "R2", "R3")
SIDES = {"P": ("R1", "e0"), "A": ("R2", "e1")}
STATE = {True: "3", False: "0"}  # of a bridge's port: it forwards, or it does not


class Moving(netns.Net):
    def __init__(self, prefix=""):
        super().__init__(prefix)
        self.processes = []

    # ---- names and addresses ----

    @staticmethod
    def number(kind):
        return 1 + KINDS.index(kind)

    def machine(self, kind, family):
        return f"10.1.{self.number(kind)}.5" if family == 4 else f"2001:db8:1:{self.number(kind)}::5"

    def user(self, kind, family):
        return f"{USERS[kind]}.10" if family == 4 else f"2001:db8:2:{self.number(kind)}::10"

    def mac(self, kind):
        return f"52:54:00:00:07:{self.number(kind):02x}"

    @staticmethod
    def network(address):
        """Of a host's address, with its length."""
        return f"{address.rpartition('.')[0]}.0/24" if "." in address else f"{address.rpartition('::')[0]}::/64"

    @staticmethod
    def first_hop(address):
        return address.rpartition(":" if ":" in address else ".")[0] + (":1" if ":" in address else ".1")

    # ---- raising ----

    def raise_all(self):
        self.add(*NODES, *wan.ROUTERS)
        for short in (*NODES, *wan.ROUTERS):
            sysctl(self.name(short), "net/ipv6/conf/default/accept_dad", 0)
            sysctl(self.name(short), "net/ipv6/conf/default/router_solicitations", 0)
        for wire in wan.WIRES:
            self.join(*wire)
        for kind in KINDS:
            self._add_host(f"cl{kind}")
            self._wire("R3", kind, f"cl{kind}", "eth0")
            self._give(f"cl{kind}", "eth0", [self.user(kind, family) for family in (4, 6)])
            self._add_machine(kind)
        netns.until(lambda: all("NO-CARRIER" not in str(netns.links(self.name(node))) for node in NODES), 5)

    def _add_host(self, short):
        self.add(short)
        for key in ("accept_dad", "accept_ra", "router_solicitations"):
            for which in ("all", "default"):
                sysctl(self.name(short), f"net/ipv6/conf/{which}/{key}", 0)
        self.processes.append(hosts.start(self.name(short), "transfer", "serve", str(hosts.PORT)))

    def _wire(self, node, kind, short, device):
        """A host's card at a node's port."""
        if kind == "t":
            self.processes.append(hosts.start(None, "tapwire", self.name(node), kind, self.name(short), device))
            run("ip", "-n", self.name(node), "link", "set", "dev", kind, "up")
            run("ip", "-n", self.name(short), "link", "set", "dev", device, "up")
            return
        self.join(node, kind, short, device)
        run_in(self.name(short), "ethtool", "-K", device, "gro", "on", "txvlan", "off")
        if kind == "v":
            run_in(self.name(node), "ethtool", "-K", kind, "gro", "on")

    def _give(self, short, device, addresses):
        for address in addresses:
            self.address(short, device, address + ("/64" if ":" in address else "/24"), self.first_hop(address))

    def _add_machine(self, kind):
        short = f"vm{kind}"
        self._add_host(short)
        self.bridge(short)
        run("ip", "-n", self.name(short), "link", "set", "dev", "br0", "address", self.mac(kind))
        for node, device in SIDES.values():
            self._wire(node, kind, short, device)
            self.enslave(short, device)
            run_in(self.name(short), "bridge", "link", "set", "dev", device, "isolated", "on")
        self._give(short, "br0", [self.machine(kind, family) for family in (4, 6)])

    def holds(self, kind, *slices):
        """In which slices the machine is. Where it is no more it does not look for its first hop."""
        name = self.name(f"vm{kind}")
        for one, (_, device) in SIDES.items():
            run_in(name, "bridge", "link", "set", "dev", device, "state", STATE[one in slices])
            if one not in slices:
                run("ip", "-n", name, "link", "set", "dev", device, "type", "bridge_slave", "fdb_flush")

    def forget_ways(self, user, machine):
        """What both ends have learned of the path's MTU."""
        for short in (f"cl{user}", f"vm{machine}"):
            for family in ("-4", "-6"):
                run("ip", "-n", self.name(short), family, "route", "flush", "cache")

    # ---- the definition ----

    def definition(self):
        ports = {kind: hosts.PORT_LINES[kind] for kind in KINDS}
        cables = {"R1": "r2 R2/r1 r3 R3/r1", "R2": "r1 R1/r2 r3 R3/r2", "R3": "r1 R1/r3 r2 R2/r3"}
        lines = ["implementation: paging", "node:"]
        for node, words in cables.items():
            lines += [f"  - name: {self.name(node)}", "    port:"] + [f"      - {port}" for port in ports.values()]
            words = words.split()
            lines += [f"      - {{name: {a}, peer: {self.name(b)}}}" for a, b in zip(words[::2], words[1::2])]
        lines += ["slice:"]
        for number, (name, (node, _)) in enumerate(SIDES.items(), 1):
            vrf = f"{name}{node[1]}"
            lines += [f"  - name: {name}", "    vrf:"]
            lines += [f"      - {{name: {name}{at[1]}, node: {self.name(at)}}}" for at in (node, "R3")]
            subnet = f'[10.9.{number}.0/30, "2001:db8:9:{number}::/126"]'
            lines += [f"    link: [{{name: {name}l, ends: [{vrf}, {name}3], subnet: {subnet}}}]", "    gateway:"]
            for kind in KINDS:
                subnet = ", ".join(f'"{self.network(self.machine(kind, family))}"' for family in (4, 6))
                lines += [f"      - {{name: G{name}{kind}, vrf: {vrf}, port: {kind}, subnet: [{subnet}]}}"]
        lines += ["filter:", "  - name: moved-later", "    condition:"]
        lines += [f'      - {{destination: "{self.machine(kind, family)}"}}' for kind in KINDS for family in (4, 6)]
        lines += ["  - {name: all, condition: [{any: true}]}", "mux:"]
        for kind in KINDS:
            clients = ", ".join(f'"{self.network(self.user(kind, family))}"' for family in (4, 6))
            subnet = f'[10.255.{self.number(kind)}.0/29, "2001:db8:ff:{self.number(kind)}::/64"]'
            lines += [f"  - {{name: M{kind}, node: {self.name('R3')}, port: {kind}, clients: [{clients}], subnet: {subnet},"]
            lines += ["     slice: [{name: P, filter: moved-later}, {name: A, filter: all}]}"]
        lines += ["migration:"]
        for kind in KINDS:
            own = ", ".join(f'"{self.machine(kind, family)}"' for family in (4, 6))
            lines += [f'  - {{name: vm{kind}, address: [{own}], mac: "{self.mac(kind)}", from: P, to: A}}']
        return "\n".join(lines) + "\n"

    # ---- transfers ----

    def arrived(self, kind):
        """(bytes, packets) that came to the machine, by the slice they came by."""
        counts = {name: netns.device_counts(self.name(f"vm{kind}"), device) for name, (_, device) in SIDES.items()}
        return {name: (size, packets) for name, (packets, size, _, _) in counts.items()}

    def transfer(self, source, to, family, count, in_the_middle):
        """count bytes by TCP from host to host, and when half of them are sent, in_the_middle(): what transfer.c says of it, with
        `begun` and `done`, the seconds between which that was. AssertionError where not all has arrived as it was."""
        address = self.machine(to[2], family) if to.startswith("vm") else self.user(to[2], family)
        words = [hosts.program("transfer"), "send", address, str(hosts.PORT), str(count), "wait"]
        what = f"TCP {source} -> {to}, IPv{family}"
        with contextlib.ExitStack() as stack:
            with netns.inside(self.name(source)):
                process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            stack.callback(lambda: process.poll() is None and process.kill())
            begin = time.monotonic()
            heard = process.stdout.readline()
            assert heard == "half\n", f"{what}: {heard.strip()} {process.communicate(timeout=30)[1].strip()}"
            begun = time.monotonic() - begin
            in_the_middle()
            done = time.monotonic() - begin
            said, error = process.communicate("on\n", timeout=900)
            assert process.returncode == 0, f"{what}: {said.strip()} {error.strip()}"
        return {**json.loads(said), "begun": begun, "done": done}

    def close(self):
        for process in self.processes:
            hosts.end(process)
        self.processes = []
        super().close()
