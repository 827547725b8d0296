# SPDX-License-Identifier: GPL-2.0-or-later
"""A rig of any shape: nodes, cables between them, hosts behind their ports; agents and a definition in force.

    with plain.Rig("test_x", "tx", definition, cables=[("R1/r2", "R2/r1")], hosts=[Host("h", "R1/h", ["10.0.0.9/24"], ["10.0.0.1"])])
"""
import re
from dataclasses import dataclass, field

from . import netns, rigtest


@dataclass
class Host:
    """Behind a port NODE/DEVICE, by its eth0. addresses: with lengths; first_hops: default routes, one of each family at most."""

    name: str
    port: str
    addresses: list = field(default_factory=list)
    first_hops: list = field(default_factory=list)
    autoconfigured: bool = False  # by what routers advertise


class Rig(rigtest.AnyRig):
    def __init__(self, test, prefix, definition, cables, hosts, bare=False, captures=True):
        ends = [end for cable in cables for end in cable] + [host.port for host in hosts]
        super().__init__(test, netns.Net(prefix), tuple(sorted({end.split("/")[0] for end in ends})), bare)
        self.text, self.cables, self.hosts, self.with_captures = definition, cables, hosts, captures

    def raise_net(self):
        self.net.add(*self.nodes, *(host.name for host in self.hosts))
        for node in self.nodes:  # with IPv6, as found, but addresses and wires come to rest at once
            self._ipv6(node, accept_dad=0, router_solicitations=0)
        for host in self.hosts:
            self._ipv6(host.name, accept_dad=0, accept_ra=int(host.autoconfigured), router_solicitations=-int(host.autoconfigured))
        for a, b in self.cables:
            self.net.join(*a.split("/"), *b.split("/"))
        for host in self.hosts:
            self.net.join(*host.port.split("/"), host.name, "eth0")
            self.net.host_end(host.name, "eth0")
            for address in host.addresses:
                self.net.address(host.name, "eth0", address)
            for hop in host.first_hops:
                six = ("-6",) if ":" in hop else ()
                netns.run("ip", "-n", self.net.name(host.name), *six, "route", "add", "default", "via", hop, "dev", "eth0")

    def begin(self):
        self.definition = self.write(self.text)
        if self.with_captures:
            self.capture(*(host.name for host in self.hosts))

    def _ipv6(self, short, **settings):
        for key, value in settings.items():
            for which in ("all", "default"):
                netns.sysctl(self.net.name(short), f"net/ipv6/conf/{which}/{key}", value)

    def write(self, text, name="domain.yaml"):
        """A definition, with this rig's names in place of the nodes'."""
        known = "|".join(self.nodes)
        return self.domain.write(re.sub(rf"\b({known})\b", lambda found: self.net.name(found.group(0)), text), name)

    def sliver(self, node, slice_name):
        return f"xs.{self.net.name(node)}.{slice_name}"
