#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A port leads to another device: there are other hosts, maybe with the addresses that were known by the former one. They are reached at
once, not when the kernel begins to doubt, and learn at once who their first hop is. What else changes of a port leaves its neighbours known.

       asks   askt            one and two, three and four have the same addresses. So have the gateways of S and T, by
          s   t               MACs of their own, which only gateways of different subnets may have.
          R1
     e1 e2   e3 e4
    one two  three four
"""
import json
import sys

from lib import figure7, netns, plain, probes, tagging

WITHIN = 5  # seconds; the kernel's own doubts take 40 and more
FAMILIES = (4, 6)
A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
DEFINITION = f"""
node:
  - name: R1
    port: [{{name: a, interface: e1}}, {{name: b, interface: e2}}, {{name: m, interface: e3}}, {{name: s}}, {{name: t}}]
slice:
  - name: S
    vrf: [{{name: S1, node: R1}}]
    gateway:
      - {{name: GA, vrf: S1, port: a, subnet: [10.20.0.0/24, "2001:db8:20::/64"], mac: "{A}"}}
      - {{name: GS, vrf: S1, port: s, subnet: [10.30.0.0/24, "2001:db8:30::/64"]}}
  - name: T
    vrf: [{{name: T1, node: R1}}]
    gateway:
      - {{name: GB, vrf: T1, port: b, subnet: [10.20.0.0/25, "2001:db8:20::/80"], mac: "{B}"}}
      - {{name: GT, vrf: T1, port: t, subnet: [10.31.0.0/24, "2001:db8:31::/64"]}}
filter: [{{name: all, condition: [{{any: true}}]}}]
mux:
  - name: M
    node: R1
    port: m
    clients: [10.40.0.0/24, "2001:db8:40::/64"]
    subnet: [10.255.0.0/29, "2001:db8:ff::/64"]
    slice: [{{name: S, filter: all}}]
"""


def with_ports(*changes):
    text = DEFINITION
    for old, new in changes:
        assert old in text, f"{old} is not in the definition"
        text = text.replace(old, new)
    return text


EXCHANGED = with_ports(("a, interface: e1", "a, interface: e2"), ("b, interface: e2", "b, interface: e1"))
MOVED_MUX = with_ports(("m, interface: e3", "m, interface: e4"))
VLANS = with_ports(
    ("{name: s}", "{name: s}, {name: v, on: a, vlan: 30}, {name: w, on: b, vlan: 30}"), ("port: a,", "port: v,"), ("port: b,", "port: w,")
)
EXCHANGED_VLANS = VLANS.replace("on: a,", "on: -,").replace("on: b,", "on: a,").replace("on: -,", "on: b,")


def own(net, family, last=5):
    return f"10.{net}.0.{last}" if family == 4 else f"2001:db8:{net}::{last}"


def host(name, device, net):
    addresses = [own(net, 4) + "/24", own(net, 6) + "/64"]
    return plain.Host(name, f"R1/{device}", addresses, [own(net, 4, 1), own(net, 6, 1)])


HOSTS = [
    *(host("one", "e1", 20), host("two", "e2", 20), host("three", "e3", 40), host("four", "e4", 40)),
    *(host("asks", "s", 30), host("askt", "t", 31)),
]


class Devices:
    def __init__(self, rig):
        self.rig, self.net = rig, rig.net
        self.spaces = [rig.sliver("R1", "S"), rig.sliver("R1", "T"), f"xs.{self.net.name('R1')}@m"]

    def apply(self, text):
        self.rig.domain.apply(self.rig.write(text))

    def begin(self, text):
        """In force, and nobody knows anybody: nothing is left of the case before."""
        self.apply(text)
        for namespace in (*self.spaces, *(self.net.name(one.name) for one in HOSTS)):
            figure7.flush_neighbours(namespace)

    def reached(self, asker, net, who, within=netns.PATIENCE):
        """`who` answers, of those that have the address."""
        name, mac = self.net.name(asker), netns.links(self.net.name(who))["eth0"]["address"]

        def answers(to):
            return probes.ping(name, to, 1, timeout=0.5) and mac in self.known(to)

        for family in FAMILIES:
            assert netns.until(lambda f=family: answers(own(net, f)), within), f"{who} does not answer {asker} by IPv{family}"

    def neighbours(self, namespace, *which):
        told = json.loads(netns.run("ip", "-n", namespace, "-j", "neigh", "show", *which) or "[]")
        return {(one["dst"], one["dev"]): one["lladdr"] for one in told if "lladdr" in one and not one["dst"].startswith("ff")}

    def known(self, to):
        """The MACs by which the slivers and the edge know an address."""
        return {mac for namespace in self.spaces for mac in self.neighbours(namespace, "to", to).values()}

    def all_known(self):
        return {(namespace, *key): mac for namespace in self.spaces for key, mac in self.neighbours(namespace).items()}

    def exchange(self, before, after):
        """Slices' hosts at first, then the others'. Who is behind ports that do not change stays known meanwhile."""
        self.begin(before)
        self.reached("asks", 20, "one")
        self.reached("askt", 20, "two")
        stay = {key: mac for key, mac in self.all_known().items() if key[2] in ("GS", "GT")}
        assert len(stay) >= 4, stay
        self.apply(after)
        now = self.all_known()
        assert all(now.get(key) == mac for key, mac in stay.items()), f"of {stay} is left {now}"
        self.reached("asks", 20, "two", WITHIN)
        self.reached("askt", 20, "one", WITHIN)

    def announced(self, before, after):
        """Nobody asks the hosts anything that would tell them."""
        self.begin(before)
        for short in ("one", "two"):
            for family in FAMILIES:
                assert probes.ping(self.net.name(short), own(20, family, 1), 1), f"{short}'s gateway does not answer by IPv{family}"
        self.apply(after)
        for short, mac in (("one", B), ("two", A)):
            for family in FAMILIES:
                which, name = own(20, family, 1), self.net.name(short)
                told = netns.until(lambda n=name, w=which, m=mac: m in self.neighbours(n, "to", w).values(), WITHIN)
                assert told, f"{short} knows {which} as {self.neighbours(name, 'to', which)} instead of {mac}"

    def routers(self, short):
        told = json.loads(netns.run("ip", "-n", self.net.name(short), "-6", "-j", "route", "show", "default", "proto", "ra") or "[]")
        return {hop["gateway"] for route in told for hop in route.get("nexthops", [route])}

    def advertised(self, before, after):
        """IPv6: the router of the new wire says so at once. (The former cannot say there any more that it has gone.) Its link-local
        address ends as its MAC does."""
        self.begin(before)
        for short in ("one", "two"):
            for key, value in (("autoconf", 0), ("accept_ra", 1)):
                netns.sysctl(self.net.name(short), f"net/ipv6/conf/eth0/{key}", value)
        self.apply(after)
        for short, router in (("one", "fe80::ff:fe00:b"), ("two", "fe80::ff:fe00:a")):
            told = netns.until(lambda s=short, r=router: r in self.routers(s), WITHIN)
            netns.sysctl(self.net.name(short), "net/ipv6/conf/eth0/accept_ra", 0)
            netns.run("ip", "-n", self.net.name(short), "-6", "route", "flush", "default", "proto", "ra")
            assert told, f"{short} does not hear of {router}"

    def edge(self):
        self.begin(DEFINITION)
        self.reached("asks", 40, "three")
        self.apply(MOVED_MUX)
        self.reached("asks", 40, "four", WITHIN)
        self.apply(DEFINITION)
        self.reached("asks", 40, "three", WITHIN)

    def kept(self, *changes):
        """Nothing is sent meanwhile, so what were forgotten would not be known again."""
        self.begin(DEFINITION)
        self.reached("asks", 20, "one")
        self.reached("askt", 20, "two")
        self.reached("asks", 40, "three")
        before = self.all_known()
        self.apply(with_ports(*changes))
        now = self.all_known()
        assert all(now.get(key) == mac for key, mac in before.items()), f"of {before} is left {now}"
        self.reached("asks", 20, "one", WITHIN)
        self.reached("asks", 40, "three", WITHIN)

    def users_vlans(self):
        self.apply(VLANS)
        for short in ("one", "two"):
            tagging.speak(self.net.name(short), "eth0", 30)


def main():
    with netns.alone(), plain.Rig("test_port_devices", "pd", DEFINITION, [], HOSTS) as rig:
        devices = Devices(rig)

        def attribute(text):
            return lambda: devices.kept(*((device, device + text) for device in ("interface: e1", "interface: e3")))

        return rig.run_cases(
            [
                ("ports_exchange_devices", lambda: devices.exchange(DEFINITION, EXCHANGED)),
                ("gateways_are_announced", lambda: devices.announced(DEFINITION, EXCHANGED)),
                ("routers_are_advertised", lambda: devices.advertised(DEFINITION, EXCHANGED)),
                ("a_mux_port_gets_another_device", devices.edge),
                ("another_mtu_forgets_nobody", attribute(", mtu: 1400")),
                ("another_mode_forgets_nobody", attribute(", mode: generic")),
                ("another_stack_forgets_nobody", attribute(", stack: local")),
                ("another_name_forgets_nobody", lambda: devices.kept(("name: a,", "name: c,"), ("port: a,", "port: c,"))),
                ("users_speak_a_vlan", devices.users_vlans),
                ("users_vlans_exchange_cables", lambda: devices.exchange(VLANS, EXCHANGED_VLANS)),
                ("their_gateways_are_announced", lambda: devices.announced(VLANS, EXCHANGED_VLANS)),
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
