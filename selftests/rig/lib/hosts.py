# SPDX-License-Identifier: GPL-2.0-or-later
"""Two nodes with hosts behind every kind of port, and a wire between the nodes that can be listened to.

      hx1 hg1 hv1 ht1 ...  - N1 - w == W == w - N2 -  ... hx2 hg2 hv2 ht2

Kinds: x a veth with XDP, g one with generic XDP, v one with tc alone (the veth of a pod), t a TAP with a virtual machine's card behind
it (tapwire.c). W is a bridge whose ends take frames as a network card does: one by one, nothing merged, so that a sniffer
sees what was on the wire.
"""
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess

from . import contract, netns, passing
from .netns import RigError, run_in

KINDS = ("x", "g", "v", "t")
NODES = ("N1", "N2")
RTM_NEWLINK, IFLA_GSO_MAX_SIZE, IFLA_GSO_IPV4_MAX_SIZE = 16, 41, 63
PORT = 5001
PORT_LINES = {
    "x": "{name: x}",
    "g": "{name: g, mode: generic}",
    "v": "{name: v, stack: local}",
    "t": "{name: t, stack: local}",
}


def program(name):
    path = os.path.join(contract.BUILD, "selftests/rig", name)
    if not os.access(path, os.X_OK):
        raise RigError(f"{path} is not built: make tests")
    return path


def start(namespace, name, *words):
    """A program of ours in a namespace, when it has said that it is ready."""
    with contextlib.ExitStack() as stack:
        if namespace:
            stack.enter_context(netns.inside(namespace))
        process = subprocess.Popen(
            [program(name), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
    netns.note("process", process.pid)
    if not process.stdout.readline():
        raise RigError(f"{name} {' '.join(words)} does not begin: exit {process.wait()}")
    return process


def end(process):
    """Ends it; what it said last."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        said = process.communicate(timeout=10)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        said = process.communicate()[0]
    return said


def set_gso_max(namespace, device, size):
    """The largest packet that a stack hands to a device, of either family (Debian 12's ip knows IPv6's alone)."""
    with netns.inside(namespace):
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        index = socket.if_nametoindex(device)
    attributes = b"".join(struct.pack("=HHI", 8, kind, size) for kind in (IFLA_GSO_MAX_SIZE, IFLA_GSO_IPV4_MAX_SIZE))
    body = struct.pack("=BxHiII", 0, 0, index, 0, 0) + attributes
    with sock:
        sock.send(struct.pack("=IHHII", 16 + len(body), RTM_NEWLINK, 5, 1, 0) + body)  # NLM_F_REQUEST | NLM_F_ACK
        error = struct.unpack_from("=i", sock.recv(4096), 16)[0]
    if error:
        raise OSError(-error, os.strerror(-error), f"gso_max_size of {device}")


class Sniffer:
    """with Sniffer(namespace, device, mtu) as seen: ...; afterwards `seen` has the counts of sniff.c."""

    def __init__(self, namespace, device, mtu):
        self.words = (namespace, "sniff", device, str(mtu))
        self.counts = {}

    def __enter__(self):
        self.process = start(*self.words)
        return self

    def __exit__(self, *_):
        said = end(self.process)
        self.counts = json.loads(said) if said.strip() else {}

    def __getitem__(self, name):
        return self.counts[name]

    def faults(self):
        """What no wire may carry."""
        bad = ("too_long", "unfinished", "wrong_ip", "wrong_transport")
        return {name: self.counts[name] for name in bad if self.counts[name]}


class Hosts(netns.Net):
    """kinds: of the hosts that each node gets."""

    def __init__(self, prefix="", kinds=KINDS):
        super().__init__(prefix)
        self.kinds = kinds
        self.processes, self.taps = [], []
        self.offloads_on = True

    # ---- names and addresses ----

    def place(self, host):
        """("x", "N1") of hx1."""
        return host[1], f"N{host[2]}"

    def hosts(self):
        return [f"h{kind}{node[1]}" for node in NODES for kind in self.kinds]

    def number(self, host):
        kind, node = self.place(host)
        return 10 * (1 + "xgvtu".index(kind)) + int(node[1])

    def own(self, host, family):
        return f"10.{self.number(host)}.0.2" if family == 4 else f"2001:db8:{self.number(host)}::2"

    # ---- raising ----

    def give(self, host):
        number, name = self.number(host), self.name(host)
        netns.run("ip", "-n", name, "address", "add", f"10.{number}.0.2/24", "dev", "eth0")
        netns.run("ip", "-n", name, "-6", "address", "add", f"2001:db8:{number}::2/64", "dev", "eth0", "nodad")
        netns.run("ip", "-n", name, "route", "add", "default", "via", f"10.{number}.0.1")
        netns.run("ip", "-n", name, "-6", "route", "add", "default", "via", f"2001:db8:{number}::1")

    def add_host(self, host):
        kind, node = self.place(host)
        self.add(host)
        for key in ("accept_dad", "accept_ra", "router_solicitations"):
            for which in ("all", "default"):
                netns.sysctl(self.name(host), f"net/ipv6/conf/{which}/{key}", 0)
        if kind == "t":
            tap = start(None, "tapwire", self.name(node), "t", self.name(host), "eth0")
            self.taps.append(tap)
            netns.run("ip", "-n", self.name(node), "link", "set", "dev", "t", "up")
            netns.run("ip", "-n", self.name(host), "link", "set", "eth0", "up")
        else:
            self.join(node, kind, host, "eth0")
        if kind in "xg":
            run_in(self.name(host), "ethtool", "-K", "eth0", "gro", "on", "txvlan", "off")
        self.give(host)
        self.processes.append(start(self.name(host), "transfer", "serve", str(PORT)))

    def raise_all(self):
        self.add("W", *NODES)
        self.quiet("W")
        for node in NODES:
            netns.sysctl(self.name(node), "net/ipv6/conf/default/accept_dad", 0)
            netns.sysctl(self.name(node), "net/ipv6/conf/default/router_solicitations", 0)
        self.bridge("W")
        for node in NODES:
            end_of = node.lower()
            self.join(node, "w", "W", end_of)
            run_in(self.name("W"), "ethtool", "-K", end_of, "tx", "off", "gro", "off", "txvlan", "off", "rxvlan", "off")
            passing.attach(self.name("W"), end_of)
            self.enslave("W", end_of)
        for host in self.hosts():
            self.add_host(host)
        netns.until(lambda: all("NO-CARRIER" not in str(netns.links(self.name(node))) for node in NODES), 5)

    def definition(self, mtu=None):
        """One slice with a gateway for each host. mtu: of the link between the nodes."""
        text = "node:\n"
        for node, other in (NODES, NODES[::-1]):
            ports = "".join(f"      - {PORT_LINES[kind]}\n" for kind in self.kinds)
            text += f"  - name: {self.name(node)}\n    port:\n      - {{name: w, peer: {self.name(other)}/w}}\n{ports}"
        ends = ", ".join(f"S{node[1]}" for node in NODES)
        text += "slice:\n  - name: S\n    vrf:\n"
        text += "".join(f"      - {{name: S{node[1]}, node: {self.name(node)}}}\n" for node in NODES)
        text += f'    link: [{{name: S12, ends: [{ends}], subnet: [10.99.0.0/30, "2001:db8:99::/126"]'
        text += f"{f', mtu: {mtu}' if mtu else ''}}}]\n    gateway:\n"
        for host in self.hosts():
            kind, node = self.place(host)
            text += (
                f"      - {{name: G{kind}{node[1]}, vrf: S{node[1]}, port: {kind}, "
                f'subnet: [10.{self.number(host)}.0.0/24, "2001:db8:{self.number(host)}::/64"]}}\n'
            )
        return text

    # ---- what the hosts' cards do themselves ----

    def set_offloads(self, on):
        """Of hosts, and of the nodes' ends where a local stack lies behind: checksums, segments; merging where it is not what
        makes a veth take frames from XDP."""
        state, self.offloads_on = "on" if on else "off", on
        for host in self.hosts():
            kind, node = self.place(host)
            words = ("tx", state, "sg", state, "tso", state, "gso", state, "tx-udp-segmentation", state)
            if kind == "t":
                continue
            gro = ("gro", state) if kind == "v" else ()
            run_in(self.name(host), "ethtool", "-K", "eth0", *words, *gro)
            if kind == "v":
                run_in(self.name(node), "ethtool", "-K", "v", *words, *gro)
        for tap in self.taps:
            tap.stdin.write(state + "\n")
            if tap.stdout.readline() != "set\n":
                raise RigError("tapwire does not answer")

    # ---- transfers ----

    def transfer(self, source, to, family, count, segment=None, address=None):
        """count bytes by TCP, or by UDP in datagrams of `segment` bytes: what transfer.c says of it; AssertionError where
        not all has arrived as it was. address: another one of `to`."""
        words = ("send-udp",) if segment else ("send",)
        words += (address or self.own(to, family), str(PORT), str(count)) + ((str(segment),) if segment else ())
        with netns.inside(self.name(source)):
            done = subprocess.run([program("transfer"), *words], capture_output=True, text=True, timeout=600)
        what = f"{'UDP' if segment else 'TCP'} {source} -> {to}, IPv{family}, offloads {'on' if self.offloads_on else 'off'}"
        assert done.returncode == 0, f"{what}: {done.stdout.strip()} {done.stderr.strip()}"
        return json.loads(done.stdout)

    def close(self):
        for process in self.processes + self.taps:
            end(process)
        self.processes, self.taps = [], []
        super().close()
