# SPDX-License-Identifier: GPL-2.0-or-later
"""The paper's figures 6 and 7 as namespaces and wires.

      vm5 vm6            twin5 (where asked)
         |                 |
        PDC --- R1 ------ R2 --- ADC          PDC, ADC: a bridge each
                 \\       /
                  \\     /
                    R3 --- client

Everything but what xslice makes in R1, R2 and R3. Hosts behave as if a wire were behind them (netns.host_end).
"""
import os
import re
from dataclasses import dataclass

from . import contract, maps
from .netns import Net, links, run, run_in, sysctl, until

NODES = ("R1", "R2", "R3")
VM5_MAC, VM6_MAC = "52:54:00:00:00:05", "52:54:00:00:00:06"
EXAMPLE = os.path.join(contract.TOP, "docs/examples/figure7.yaml")
DUAL = os.path.join(contract.TOP, "docs/examples/figure7-dual.yaml")


@dataclass(frozen=True)
class Addresses:
    """Who has which address, in one family."""

    number: int  # of the family: 4 or 6
    client: str
    edge: str  # users' first hop
    client_length: int
    gateway: str  # the VMs' first hop
    vm5: str
    vm6: str
    other: str  # nobody's, or a third VM's
    vm_length: int
    mux: str  # how addresses of the MUX's subnet begin
    p13_far: str  # of P1 on the link to P3
    a23_far: str  # of A2 on the link to A3
    outside: tuple  # sources that nobody declared
    inside: tuple  # ... and such that somebody else may have

    def vm(self, short):
        """A host's address by its short name; an old copy has its original's."""
        return getattr(self, short.replace("twin", "vm"))


V4 = Addresses(
    4,
    "192.0.2.10",
    "192.0.2.1",
    24,
    "10.0.0.1",
    "10.0.0.5",
    "10.0.0.6",
    "10.0.0.9",
    16,
    "10.255.0.",
    "10.1.3.1",
    "10.2.3.1",
    tuple(f"198.51.{100 + i // 250}.{1 + i % 250}" for i in range(500)),
    ("10.0.0.5", "10.255.0.2", "10.1.3.2"),
)
V6 = Addresses(
    6,
    "2001:db8:0:200::10",
    "2001:db8:0:200::1",
    64,
    "2001:db8:0:100::1",
    "2001:db8:0:100::5",
    "2001:db8:0:100::6",
    "2001:db8:0:100::9",
    64,
    "2001:db8:0:ff:",
    "2001:db8:1:3::1",
    "2001:db8:2:3::1",
    tuple(f"2001:db8:{0xbad0 + i // 250:x}::{1 + i % 250:x}" for i in range(500)),
    ("2001:db8:0:100::5", "2001:db8:0:ff::2", "2001:db8:1:3::2"),
)
CLIENT, EDGE, GATEWAY, VM5, VM6, OTHER = V4.client, V4.edge, V4.gateway, V4.vm5, V4.vm6, V4.other
WIRES = (("R1", "r2", "R2", "r1"), ("R1", "r3", "R3", "r1"), ("R2", "r3", "R3", "r2"))


class Figure7(Net):
    """prefix goes before every namespace and node: what a rig makes then collides with nothing. families: what hosts have. routers,
    wires: what joins the nodes, where that is not as in the figure."""

    def __init__(self, prefix="", families=(V4,), routers=(), wires=WIRES):
        super().__init__(prefix)
        self.routers, self.wires = routers, wires
        self.families = families
        self.example = DUAL if V6 in families else EXAMPLE
        self.vms = {}

    def host(self, *shorts):
        """How hosts treat IPv6: not at all, or by the addresses that they are given, and at once."""
        for short in shorts:
            if V6 not in self.families:
                self.quiet(short)
                continue
            for key in ("accept_dad", "accept_ra", "router_solicitations"):
                for which in ("all", "default"):
                    sysctl(self.name(short), f"net/ipv6/conf/{which}/{key}", 0)

    def give(self, short, device, own, length, first_hop):
        """Addresses of a host; own, length, first_hop: names of fields of Addresses."""
        for addresses in self.families:
            address = f"{getattr(addresses, own)}/{getattr(addresses, length)}"
            self.address(short, device, address, getattr(addresses, first_hop))

    def raise_all(self):
        self.add("client", "PDC", "ADC", *NODES, *self.routers)
        self.quiet("PDC", "ADC")
        self.host("client")
        for node in (*NODES, *self.routers):  # with IPv6, as found, but addresses and wires come to rest at once
            sysctl(self.name(node), "net/ipv6/conf/default/accept_dad", 0)
            sysctl(self.name(node), "net/ipv6/conf/default/router_solicitations", 0)
        self.bridge("PDC")
        self.bridge("ADC")
        for a, a_device, b, b_device in self.wires:
            self.join(a, a_device, b, b_device)
        self.join("R3", "client", "client", "eth0")
        self.join("R1", "pdc", "PDC", "r1")
        self.join("R2", "adc", "ADC", "r2")
        for short, device in (("client", "eth0"), ("PDC", "r1"), ("ADC", "r2")):
            self.host_end(short, device)
        self.enslave("PDC", "r1")
        self.enslave("ADC", "r2")
        self.give("client", "eth0", "client", "client_length", "edge")
        self.vm("vm5", "PDC", "vm5", VM5_MAC)
        self.vm("vm6", "PDC", "vm6", VM6_MAC)
        until(lambda: all(self.at_rest(node) for node in NODES), 5)

    def at_rest(self, node):
        """Every link of the node has its carrier, and no address is still being tried."""
        up = all("NO-CARRIER" not in link["flags"] for link in links(self.name(node)).values())
        return up and "tentative" not in run("ip", "-n", self.name(node), "-6", "address", "show")

    def vm(self, short, site, own, mac):
        """A host behind a site's bridge, with the addresses of vm5, vm6 or other (own)."""
        self.add(short)
        self.host(short)
        self.join(short, "eth0", site, short, a_mac=mac)
        self.host_end(short, "eth0")
        self.host_end(site, short)
        self.enslave(site, short)
        self.give(short, "eth0", own, "vm_length", "gateway")
        self.vms[short] = site

    def unplug(self, short):
        """The VM stops being heard: its link is taken from its site's bridge."""
        run("ip", "-n", self.name(self.vms[short]), "link", "set", short, "down", "nomaster")

    def plug(self, short, site):
        """The VM's link, unplugged before, comes up at `site`. Its sockets know nothing of it."""
        run("ip", "-n", self.name(self.vms[short]), "link", "set", short, "netns", self.name(site))
        self.vms[short] = site
        self.enslave(site, short)

    def move(self, short, site):
        self.unplug(short)
        self.plug(short, site)

    def drop_vm(self, short):
        self.vms.pop(short)
        name = self.name(short)
        run("ip", "-n", name, "link", "delete", "eth0")
        run("ip", "netns", "delete", name)
        self.made.remove(name)

    def devices(self, node):
        """Interface names of a node by ifindex."""
        return {link["ifindex"]: name for name, link in links(self.name(node)).items()}

    def port_counts(self, node):
        return maps.port_counts(self.name(node), self.devices(node))

    def sliver(self, node, slice_name):
        return f"xs.{self.name(node)}.{slice_name}"

    def definition(self, text=None, hall=0):
        """The example (or a text of its kind) with this rig's node names; hall: so many VMs more in a group `hall`."""
        if text is None:
            with open(self.example, encoding="utf-8") as file:
                text = file.read()
        if hall:
            text = add_hall(text, hall, self.families)
        return re.sub(r"\bR([123])\b", lambda found: self.name(found.group(0)), text)


def hall_addresses(number, families):
    last = f"{4 + number // 250}", f"{1 + number % 250}"
    each = {V4: f"10.0.{'.'.join(last)}", V6: f'"2001:db8:0:100::{":".join(last)}"'}
    return [each[addresses] for addresses in families]


def add_hall(text, count, families=(V4,)):
    """A definition with `count` more VMs, all of one group, each with its conditions in the first list."""
    halls = [hall_addresses(i, families) for i in range(count)]
    conditions = "".join(f"      - {{destination: {address}}}\n" for hall in halls for address in hall)
    text = text.replace("      - {destination: 10.0.0.6}\n", "      - {destination: 10.0.0.6}\n" + conditions)
    migrations = "".join(
        f"  - {{name: hall{i}, group: hall, address: [{', '.join(hall)}], from: P, to: A, "
        f"mac: \"52:54:00:01:{i // 256:02x}:{i % 256:02x}\"}}\n"
        for i, hall in enumerate(halls)
    )
    return text.rstrip("\n") + "\n" + migrations


def flush_neighbours(namespace):
    run_in(namespace, "ip", "neigh", "flush", "all")
