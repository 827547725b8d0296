#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts that are told nothing but what routers advertise (RFC 4861, 4862), behind a gateway and behind a MUX's edge: their kernels take
address and default route from it, reach each other by them, and lose the route when the router goes.

        guest - R1:pg === R2:u - user"""
import json
import sys

from lib import netns, plain, probes

DEFINITION = """
node:
  - {name: R1, port: [{name: pg}, {name: r2, peer: R2/r1}]}
  - {name: R2, port: [{name: u}, {name: r1, peer: R1/r2}]}
slice:
  - name: S
    vrf: [{name: S1, node: R1}, {name: S2, node: R2}]
    link: [{name: S12, ends: [S1, S2], subnet: "2001:db8:1:2::/64"}]
    gateway: [{name: GS, vrf: S1, port: pg, subnet: "2001:db8:0:70::/64"}]
filter:
  - {name: all, condition: [{any: true}]}
mux:
  - {name: MD, node: R2, port: u, clients: ["2001:db8:0:200::/64"], subnet: "2001:db8:0:ff::/64", slice: [{name: S, filter: all}]}
"""
OF_BOTH = DEFINITION.replace('subnet: "2001:db8:0:70::/64"', 'subnet: ["2001:db8:0:70::/64", 10.7.0.0/24]')
OF_IPV4 = DEFINITION.replace('subnet: "2001:db8:0:70::/64"', "subnet: 10.7.0.0/24")
SUBNET = {"guest": "2001:db8:0:70:", "user": "2001:db8:0:200:"}
WITHIN = 10  # seconds; an answer to a solicitation may wait 0.5 s, and 3 s after the last advertisement


class Hosts:
    def __init__(self, rig):
        self.rig = rig

    def own(self, short):
        """Its address of global scope, made from the advertised prefix, or None."""
        shown = json.loads(netns.run("ip", "-n", self.rig.net.name(short), "-6", "-j", "address", "show", "dev", "eth0", "scope", "global"))
        found = [one["local"] for link in shown for one in link.get("addr_info", ()) if one.get("dynamic")]
        return found[0] if found else None

    def routers(self, short):
        """Link-local addresses of the routers that its default routes lead to. The kernel has learned all of them by itself."""
        shown = netns.run("ip", "-n", self.rig.net.name(short), "-6", "-j", "route", "show", "default")
        return [route["gateway"] for route in json.loads(shown or "[]") if route.get("protocol") == "ra"]

    def configured(self, short):
        def told():
            own = self.own(short)
            return own if own and self.routers(short) else None

        netns.run("ip", "-n", self.rig.net.name(short), "link", "set", "eth0", "down")
        netns.run("ip", "-n", self.rig.net.name(short), "link", "set", "eth0", "up")
        own = netns.until(told, WITHIN)
        assert own, f"{short} has {self.own(short)} and routers {self.routers(short)}"
        assert own.startswith(SUBNET[short]), f"{short} has {own}, not of {SUBNET[short]}"
        routers = self.routers(short)
        assert len(routers) == 1 and routers[0].startswith("fe80:"), f"{short} has routers {routers}"
        print(f"{short} is {own}, its router {routers[0]}")

    def reach_each_other(self):
        for one, other in (("guest", "user"), ("user", "guest")):
            to = self.own(other)
            netns.until(lambda s=one, t=to: probes.ping(self.rig.net.name(s), t, 1, timeout=0.5), netns.PATIENCE)
            answered = len(probes.ping(self.rig.net.name(one), to, 10))
            assert answered == 10, f"{to} answers {answered} of 10 pings of {one}"

    def router_goes(self):
        without = "\n".join(line for line in DEFINITION.splitlines() if "gateway:" not in line)
        self.rig.domain.apply(self.rig.write(without, "without.yaml"))
        assert netns.until(lambda: not self.routers("guest"), WITHIN), f"guest keeps {self.routers('guest')}"
        assert self.routers("user"), "user has lost its router, which is there"

    def router_comes_back(self):
        self.rig.domain.apply(self.rig.definition)
        assert netns.until(lambda: self.routers("guest"), WITHIN), "guest does not hear of its router, which is back"
        self.reach_each_other()

    def router_loses_ipv6(self):
        self.rig.domain.apply(self.rig.write(OF_BOTH, "both.yaml"))
        assert netns.until(lambda: self.routers("guest"), WITHIN), "guest does not hear of its router"
        self.rig.domain.apply(self.rig.write(OF_IPV4, "ipv4.yaml"))
        assert netns.until(lambda: not self.routers("guest"), WITHIN), f"guest keeps {self.routers('guest')}"


def main():
    hosts = [plain.Host("guest", "R1/pg", autoconfigured=True), plain.Host("user", "R2/u", autoconfigured=True)]
    with netns.alone(), plain.Rig("test_autoconfigured", "ta", DEFINITION, [("R1/r2", "R2/r1")], hosts) as rig:
        hosts = Hosts(rig)
        return rig.run_cases(
            [
                ("behind_a_gateway", lambda: hosts.configured("guest")),
                ("behind_an_edge", lambda: hosts.configured("user")),
                ("they_reach_each_other", hosts.reach_each_other),
                ("a_router_goes", hosts.router_goes),
                ("a_router_comes_back", hosts.router_comes_back),
                ("a_router_loses_ipv6", hosts.router_loses_ipv6),
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
