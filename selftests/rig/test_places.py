#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who has which address changes, and everybody learns it: a link's ends, two links' subnets, two slices' names change places; a VRF
has another MAC; a host has another MAC and tells nobody. In both families."""
import re
import signal
import sys

from lib import figure7, netns, probes, rigtest

FAMILIES = (figure7.V4, figure7.V6)
NEW_MAC = "52:54:00:00:00:55"
SOON, LATE = 10, 150  # seconds: for what takes a moment, and for what waits until a kernel has given up on somebody


def exchanged(text, *pairs):
    """Each pair's two strings change places, all at once."""
    places = {a: b for pair in pairs for a, b in (pair, pair[::-1])}
    pattern = "|".join(map(re.escape, sorted(places, key=len, reverse=True)))
    changed = re.sub(pattern, lambda found: places[found.group(0)], text)
    assert changed != text, "the example has changed"
    return changed


class Places:
    def __init__(self, rig):
        self.rig, self.net, self.domain = rig, rig.net, rig.domain
        with open(figure7.DUAL, encoding="utf-8") as file:
            self.text = file.read()

    def reached(self, limit=SOON, during=None):
        """The client reaches vm5, and vm5 knows the way back."""
        for at in FAMILIES:

            def once(address=at.vm5):
                if during:
                    during()
                return probes.ping(self.net.name("client"), address, 1, timeout=0.5)

            assert netns.until(once, limit), f"{at.vm5} is not reached within {limit} s"

    def there_and_back(self, changed, through=True):
        """through: vm5 is where it can be reached then, too."""
        self.reached()
        path = self.domain.write(self.net.definition(changed), "changed.yaml")
        self.domain.apply(path)
        if through:
            self.reached()
        self.domain.apply(self.rig.definition)
        self.reached()


def ends(places):
    places.there_and_back(places.text.replace("ends: [P1, P3]", "ends: [P3, P1]").replace("ends: [P1, P2]", "ends: [P2, P1]"))


def subnets(places):
    """Of two links of a VRF; and of the two that a third node knows by routes only."""
    links = [line for line in places.text.splitlines() if re.search(r"name: P\d\d,", line)]
    subnet = [re.search(r"subnet: \[[^]]*\]", line).group(0) for line in links]
    for one, other in ((0, 1), (1, 2)):
        lines = places.text.splitlines(keepends=True)
        lines = [exchanged(line, (subnet[one], subnet[other])) if re.search(r"name: P\d\d,", line) and
                 (subnet[one] in line or subnet[other] in line) else line for line in lines]
        places.there_and_back("".join(lines))


def names(places):
    """Each slice's slivers have what was the other's."""
    changed = exchanged(places.text, ("- name: P\n", "- name: A\n"), ("{name: P, filter", "{name: A, filter"), ("from: P, to: A", "from: A, to: P"))
    places.there_and_back(changed, through=False)


def vrf(places):
    """On its links the other ends hear of it at once."""
    for name, node in (("P1", "R1"), ("P3", "R3")):
        places.there_and_back(places.text.replace(f"{{name: {name}, node: {node}}}", f'{{name: {name}, node: {node}, mac: "02:00:00:00:99:01"}}'))


def host(places):
    """It goes on knowing its gateway, so it asks for nothing; and what the datapath sends to it the kernel does not see."""
    net, vm = places.net, places.net.name("vm5")
    sliver, agent = net.sliver("R1", "P"), places.domain.agents["R1"]
    places.reached()
    for at in FAMILIES:
        gateway = next(iter(netns.run("ip", "-n", vm, "neigh", "show", "to", at.gateway).splitlines()))
        mac = re.search(r"lladdr (\S+)", gateway).group(1)
        netns.run("ip", "-n", vm, "neigh", "replace", at.gateway, "lladdr", mac, "dev", "eth0", "nud", "permanent")
    netns.run("ip", "-n", vm, "link", "set", "eth0", "address", NEW_MAC)
    try:
        for at in FAMILIES:  # as the kernel does by itself, some time after it last heard of the host
            netns.run("ip", "-n", sliver, "neigh", "change", at.vm5, "dev", "GWP", "nud", "stale")
        places.reached(LATE, lambda: agent.send_signal(signal.SIGHUP))  # its next look, which comes every 30 s, now
        shown = netns.run("ip", "-n", sliver, "neigh", "show", "dev", "GWP")
        assert shown.count(NEW_MAC) >= 2, shown
    finally:
        netns.run("ip", "-n", vm, "link", "set", "eth0", "address", figure7.VM5_MAC)


def main():
    with netns.alone(), rigtest.Rig("test_places", "tp", families=FAMILIES) as rig:
        places = Places(rig)
        return rig.run_cases(
            [
                ("ends_of_a_link", lambda: ends(places)),
                ("subnets_of_two_links", lambda: subnets(places)),
                ("names_of_two_slices", lambda: names(places)),
                ("the_mac_of_a_vrf", lambda: vrf(places)),
                ("the_mac_of_a_host_that_says_nothing", lambda: host(places)),
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
