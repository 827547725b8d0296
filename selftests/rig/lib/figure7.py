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

from . import contract, maps
from .netns import Net, links, run, run_in, sysctl, until

NODES = ("R1", "R2", "R3")
CLIENT, CLIENT_LINK, EDGE = "192.0.2.10", "192.0.2.10/24", "192.0.2.1"
GATEWAY = "10.0.0.1"
VM5, VM6, OTHER = "10.0.0.5", "10.0.0.6", "10.0.0.9"
VM5_MAC, VM6_MAC = "52:54:00:00:00:05", "52:54:00:00:00:06"
EXAMPLE = os.path.join(contract.TOP, "docs/examples/figure7.yaml")
WIRES = (("R1", "r2", "R2", "r1"), ("R1", "r3", "R3", "r1"), ("R2", "r3", "R3", "r2"))


class Figure7(Net):
    """prefix goes before every namespace and node: what a rig makes then collides with nothing."""

    def __init__(self, prefix=""):
        super().__init__(prefix)
        self.vms = {}

    def raise_all(self):
        self.add("client", "PDC", "ADC", *NODES)
        self.quiet("client", "PDC", "ADC")
        for node in NODES:  # with IPv6, as found, but addresses and wires come to rest at once
            sysctl(self.name(node), "net/ipv6/conf/default/accept_dad", 0)
            sysctl(self.name(node), "net/ipv6/conf/default/router_solicitations", 0)
        self.bridge("PDC")
        self.bridge("ADC")
        for a, a_device, b, b_device in WIRES:
            self.join(a, a_device, b, b_device)
        self.join("R3", "client", "client", "eth0")
        self.join("R1", "pdc", "PDC", "r1")
        self.join("R2", "adc", "ADC", "r2")
        for short, device in (("client", "eth0"), ("PDC", "r1"), ("ADC", "r2")):
            self.host_end(short, device)
        self.enslave("PDC", "r1")
        self.enslave("ADC", "r2")
        self.address("client", "eth0", CLIENT_LINK, EDGE)
        self.vm("vm5", "PDC", VM5, VM5_MAC)
        self.vm("vm6", "PDC", VM6, VM6_MAC)
        until(lambda: all(self.at_rest(node) for node in NODES), 5)

    def at_rest(self, node):
        """Every link of the node has its carrier, and no address is still being tried."""
        up = all("NO-CARRIER" not in link["flags"] for link in links(self.name(node)).values())
        return up and "tentative" not in run("ip", "-n", self.name(node), "-6", "address", "show")

    def vm(self, short, site, address, mac):
        """A host behind a site's bridge."""
        self.add(short)
        self.quiet(short)
        self.join(short, "eth0", site, short, a_mac=mac)
        self.host_end(short, "eth0")
        self.host_end(site, short)
        self.enslave(site, short)
        self.address(short, "eth0", f"{address}/16", GATEWAY)
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
            with open(EXAMPLE, encoding="utf-8") as file:
                text = file.read()
        if hall:
            text = add_hall(text, hall)
        return re.sub(r"\bR([123])\b", lambda found: self.name(found.group(0)), text)


def hall_address(number):
    return f"10.0.{4 + number // 250}.{1 + number % 250}"


def add_hall(text, count):
    """A definition with `count` more VMs, all of one group, each with its condition in the first list."""
    conditions = "".join(f"      - {{destination: {hall_address(i)}}}\n" for i in range(count))
    text = text.replace("      - {destination: 10.0.0.6}\n", "      - {destination: 10.0.0.6}\n" + conditions)
    migrations = "".join(
        f"  - {{name: hall{i}, group: hall, address: {hall_address(i)}, from: P, to: A, "
        f"mac: \"52:54:00:01:{i // 256:02x}:{i % 256:02x}\"}}\n"
        for i in range(count)
    )
    return text.rstrip("\n") + "\n" + migrations


def flush_neighbours(namespace):
    run_in(namespace, "ip", "neigh", "flush", "all")
