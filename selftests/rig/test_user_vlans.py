#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Users' VLANs as ports of their own: on a cable that carries slices' labels, beside each other and beside users without a tag;
gateways' and a MUX's; real stacks behind them, in both families. Then the same by paging, where the cable is the WAN besides.

      h30 h31 h50 -+            +- h60 (no tag)
        N1 eth0 ---+ W      X --+- h61
        N2 eth0 ---+            +- N2 dc
            h40 ---+
"""
import subprocess
import sys

from checks import lifecycle
from lib import hosts, maps, netns, passing, probes, rigtest, snapshot, xslice
from lib.tagging import speak

NODES = ("N1", "N2")
VLANS = {"h30": 30, "h31": 31, "h50": 50, "h40": 40, "h60": 0, "h61": 61}
BYTES = 8 << 20
FAMILIES = (4, 6)
DEFINITION = """
implementation: {mechanism}
node:
  - name: {N1}
    port: [{{name: eth0, peer: {N2}/eth0}}, {{name: v30, on: eth0, vlan: 30}}, {{name: v31, on: eth0, vlan: {other}}}, {{name: v50, on: eth0, vlan: 50}}]
  - name: {N2}
    port: [{{name: eth0, peer: {N1}/eth0}}, {{name: v40, on: eth0, vlan: 40, mtu: 1400}}, {{name: dc}}, {{name: v61, on: dc, vlan: 61}}]
slice:
  - name: A
    vrf: [{{name: A1, node: {N1}}}, {{name: A2, node: {N2}}}]
    link: [{{name: A12, ends: [A1, A2], subnet: [10.99.0.0/30, "2001:db8:99::/126"]}}]
    gateway:
      - {{name: G30, vrf: A1, port: v30, subnet: [10.30.0.0/24, "2001:db8:30::/64"]}}
      - {{name: G40, vrf: A2, port: v40, subnet: [10.40.0.0/24, "2001:db8:40::/64"]}}
      - {{name: G60, vrf: A2, port: dc, subnet: [10.60.0.0/24, "2001:db8:60::/64"]}}
  - name: B
    vrf: [{{name: B1, node: {N1}}}, {{name: B2, node: {N2}}}]
    link: [{{name: B12, ends: [B1, B2], subnet: [10.98.0.0/30, "2001:db8:98::/126"]}}]
    gateway:
      - {{name: G31, vrf: B1, port: v31, subnet: [10.31.0.0/24, "2001:db8:31::/64"]}}
      - {{name: G61, vrf: B2, port: v61, subnet: [10.61.0.0/24, "2001:db8:61::/64"]}}
filter: [{{name: all, condition: [{{any: true}}]}}]
mux:
  - name: M
    node: {N1}
    port: v50
    clients: [10.50.0.0/24, "2001:db8:50::/64"]
    subnet: [10.255.0.0/29, "2001:db8:ff::/64"]
    slice: [{{name: A, filter: all}}]
"""


def own(host, family, last=2):
    number = host[1:]
    return f"10.{number}.0.{last}" if family == 4 else f"2001:db8:{number}::{last}"


class Rig:
    def __init__(self):
        self.net = netns.Net("uv")
        self.processes = []
        self.domain = None

    def __enter__(self):
        try:
            self.raise_all()
            self.domain = xslice.Domain(self.net, NODES, rigtest.folder("test_user_vlans"))
            self.nodes = [self.net.name(node) for node in NODES]
            self.before = snapshot.take(self.nodes)
            self.domain.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.processes:
            hosts.end(process)
        if self.domain:
            self.domain.close()
        self.net.close()

    def wire(self, bridge, short, device, end):
        """The bridge's end takes frames as a network card does."""
        self.net.join(short, device, bridge, end)
        netns.run_in(self.net.name(bridge), "ethtool", "-K", end, "tx", "off", "gro", "off", "txvlan", "off", "rxvlan", "off")
        passing.attach(self.net.name(bridge), end)
        self.net.enslave(bridge, end)

    def raise_all(self):
        net = self.net
        net.add("W", "X", *NODES, *VLANS)
        net.quiet("W", "X")
        for short in (*NODES, *VLANS):
            for key in ("accept_dad", "accept_ra", "router_solicitations"):
                netns.sysctl(net.name(short), f"net/ipv6/conf/default/{key}", 0)
        net.bridge("W")
        net.bridge("X")
        for node in NODES:
            self.wire("W", node, "eth0", node.lower())
        self.wire("X", "N2", "dc", "n2")
        for host, vid in VLANS.items():
            self.wire("X" if host in ("h60", "h61") else "W", host, "eth0", host)
            speak(net.name(host), "eth0", vid)
            for family in FAMILIES:
                net.address(host, "eth0", own(host, family) + ("/24" if family == 4 else "/64"), own(host, family, 1))
            self.processes.append(hosts.start(net.name(host), "transfer", "serve", str(hosts.PORT)))
        self.raise_wan()

    def raise_wan(self):
        """The nodes are each other's routers, without a tag, on the cable where users have their VLANs."""
        for node, own, other in (("N1", 1, 2), ("N2", 2, 1)):
            name = self.net.name(node)
            for key in ("ipv4/conf/all/forwarding", "ipv6/conf/all/forwarding"):
                netns.sysctl(name, f"net/{key}", 1)
            self.net.address(node, "eth0", f"172.31.0.{own}/24")
            self.net.address(node, "eth0", f"fd00:31::{own}/64")
            netns.run("ip", "-n", name, "route", "add", "100.64.0.0/10", "via", f"172.31.0.{other}")
            netns.run("ip", "-n", name, "-6", "route", "add", "fd78:736c:6963::/48", "via", f"fd00:31::{other}")

    # ---- what is tried ----

    def apply(self, other=31, mechanism="segmentation"):
        text = DEFINITION.format(other=other, mechanism=mechanism, **{node: self.net.name(node) for node in NODES})
        self.path = self.domain.write(text)
        return self.domain.apply(self.path)

    def heard(self, source, to, family, count=3, last=2):
        return len(probes.ping(self.net.name(source), own(to, family, last), count, timeout=0.5))

    def reaches(self, *pairs):
        for source, to in pairs:
            for family in FAMILIES:
                heard = netns.until(lambda: self.heard(source, to, family) == 3, 5)
                assert heard, f"{to} does not answer {source} by IPv{family}"

    def isolated(self):
        """Slices and VLANs are apart: who speaks another VLAN is not even that VLAN's neighbour."""
        for source, to in (("h30", "h31"), ("h31", "h30"), ("h31", "h40"), ("h61", "h60"), ("h50", "h61")):
            for family in FAMILIES:
                assert not self.heard(source, to, family, 2), f"{source} reaches {to} by IPv{family}"
        for family in FAMILIES:
            assert self.heard("h31", "h31", family, last=1) == 3, f"the gateway of h31 does not answer by IPv{family}"

    def transfers(self):
        for source, to in (("h30", "h40"), ("h40", "h30"), ("h61", "h31"), ("h50", "h60")):
            for family in FAMILIES:
                words = ("send", own(to, family), str(hosts.PORT), str(BYTES))
                with netns.inside(self.net.name(source)):
                    done = subprocess.run([hosts.program("transfer"), *words], capture_output=True, text=True, timeout=120)
                assert done.returncode == 0, f"{source} to {to}, IPv{family}: {done.stdout.strip()} {done.stderr.strip()}"

    def smaller_mtu(self):
        """A VLAN's MTU is its own: from without it says what fits, as any router does."""
        for family in FAMILIES:
            said = probes.too_big(self.net.name("h30"), own("h40", family), 1500)
            assert said and said[1] == 1400, f"IPv{family}: {said} instead of 1400"

    def traced(self):
        name = self.net.name("N1")
        words = ("trace", "--node", name, "--port", "v30", "--from", own("h30", 4), "--to", own("h40", 4))
        packet = self.domain.command(*words)[1]["packet"][0]
        ports = [hop["port"] for hop in packet["hop"]]
        assert ports == ["v30", "eth0"] and packet["end"]["how"] == "delivered", packet
        assert "v40" in packet["end"]["text"], packet["end"]

    def conserved(self):
        for node in NODES:
            maps.expect_conserved(self.net.name(node))

    def renumbered(self):
        """Another id for a VLAN: what spoke the old one is out, what speaks the new one is in; the others notice nothing."""
        self.apply(other=35)
        for family in FAMILIES:
            assert not self.heard("h31", "h61", family, 2), f"VLAN 31 is still served, IPv{family}"
        speak(self.net.name("h31"), "eth0", 35)
        self.reaches(("h31", "h61"), ("h30", "h40"))

    def paged(self):
        """The users and their VLANs stay who they are."""
        self.apply(other=35, mechanism="paging")
        self.reaches(("h30", "h40"), ("h40", "h30"), ("h31", "h61"), ("h60", "h30"), ("h50", "h40"), ("h50", "h60"))

    def hold(self, outcome):
        assert outcome.ok, outcome.detail


def main():
    with netns.alone(), Rig() as rig:
        cases = [
            ("apply", rig.apply),
            ("second_apply_writes_nothing", lambda: rig.hold(lifecycle.writes_nothing(rig.domain, rig.path))),
            ("gateways", lambda: rig.reaches(("h30", "h40"), ("h40", "h30"), ("h31", "h61"), ("h60", "h30"))),
            ("mux", lambda: rig.reaches(("h50", "h40"), ("h50", "h60"))),
            ("isolated", rig.isolated),
            ("transfers", rig.transfers),
            ("smaller_mtu", rig.smaller_mtu),
            ("traced", rig.traced),
            ("conserved", rig.conserved),
            ("renumbered", rig.renumbered),
            ("conserved_after_all", rig.conserved),
            ("paging", rig.paged),
            ("paging_isolated", rig.isolated),
            ("paging_transfers", rig.transfers),
            ("paging_smaller_mtu", rig.smaller_mtu),
            ("paging_second_apply_writes_nothing", lambda: rig.hold(lifecycle.writes_nothing(rig.domain, rig.path))),
            ("conserved_at_last", rig.conserved),
            ("removed_without_trace", lambda: rig.hold(lifecycle.removed(rig.domain, rig.before, rig.nodes))),
        ]
        return rigtest.run_cases(cases)


if __name__ == "__main__":
    sys.exit(main())
