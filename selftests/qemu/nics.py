#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Cards of one model as the cable between two nodes: nics.py DRIVER native|generic. Runs inside a virtual machine.

native: XDP in the driver; generic: the driver has none, so native is refused in clear words first."""
import sys

from cable import SLOW, Cable, features

from lib import netns, probes, rigtest

# Names that `ethtool -k` has for what must be off while the tag of a frame has to be seen.
TAGS_ON_RECEIVING = "rx-vlan-offload"
OURS, FOREIGN = 100, 101  # tags of the machine's own VLANs: one reserved by the ports, one not


class Nics:
    def __init__(self, cable, native):
        self.cable, self.native = cable, native
        self.more = "" if native else ", mode: generic"
        self.before = []

    def vlans_of_the_machine(self):
        """Before anything of ours: 8021q devices on the cards, and they work."""
        for node, card, end in zip(("R1", "R2"), self.cable.cards, (1, 2)):
            for vid in (OURS, FOREIGN):
                name = f"vlan{vid}"
                netns.run("ip", "-n", node, "link", "add", "link", card, "name", name, "type", "vlan", "id", str(vid))
                netns.run("ip", "-n", node, "link", "set", name, "up")
                self.cable.net.address(node, name, f"198.51.{vid}.{end}/24")
        for vid in (OURS, FOREIGN):
            assert self.vlan_answers(vid) == 3, f"VLAN {vid} does not work without xslice"
        # A VLAN device alone lets the kernel turn a card's LRO off: only now is what we shall have to give back.
        self.before = [features(node, card) for node, card in zip(("R1", "R2"), self.cable.cards)]

    @staticmethod
    def vlan_answers(vid):
        netns.until(lambda: probes.ping("R1", f"198.51.{vid}.2", 1, timeout=1), 5, 0.2)
        return len(probes.ping("R1", f"198.51.{vid}.2", 3, timeout=1))

    def native_is_refused(self):
        said = self.cable.refused("port w", f"driver {self.cable.driver} has no native XDP", "mode: generic")
        print(said.splitlines()[-1])
        assert not self.cable.xdp("R1") and not self.cable.xdp("R2"), "a program stayed on a card"

    def applied(self):
        self.cable.applied(self.more)
        wanted = "native" if self.native else "generic"
        for node in ("R1", "R2"):
            there = self.cable.xdp(node)
            assert there and there[0] == wanted, f"{node}: {there}"

    def hosts_reach_each_other(self):
        assert self.cable.reached(), "h2 does not answer all"

    def full_size(self):
        """1500 bytes of IP, with the tag above."""
        assert self.cable.reached(1472), "h2 does not answer full-sized packets"

    def tags_stay_in_the_frame(self):
        for node, card in zip(("R1", "R2"), self.cable.cards):
            now = features(node, card)
            assert now.get(TAGS_ON_RECEIVING, "off").startswith("off"), f"{node}: {TAGS_ON_RECEIVING}: {now[TAGS_ON_RECEIVING]}"
            changed = {name: (was, now[name]) for name, was in self.before[node == "R2"].items() if now[name] != was}
            print(f"{node}: " + (", ".join(f"{name}: {was} -> {is_}" for name, (was, is_) in changed.items()) or "nothing changed"))

    def reserved_tag_is_the_machines(self):
        assert self.vlan_answers(OURS) == 3, f"VLAN {OURS}, which the ports reserve, does not get through"

    def other_tags_are_dropped(self):
        before = self.unknown()
        assert self.vlan_answers(FOREIGN) == 0, f"VLAN {FOREIGN}, which no port reserves, gets through"
        assert self.unknown() > before, "no unknown-label was counted"

    def unknown(self):
        return self.cable.domain.command("stats", "R2")[1]["node"][0]["verdict"].get("unknown-label", 0)

    def second_apply_changes_nothing(self):
        answer = self.cable.applied(self.more)
        for node in answer["node"]:
            assert node["netlink_changes"] == 0 and node["map_writes"] == 0, node

    def killed_agents_leave_it_forwarding(self):
        self.cable.kill()
        assert self.cable.answers(20) == 20, "an answer is missing while no agent runs"
        self.cable.domain.start()
        self.cable.domain.wait_ready(SLOW)
        assert self.cable.answers(20) == 20

    def cleaned_without_trace(self):
        self.cable.clean()
        for node, card in zip(("R1", "R2"), self.cable.cards):
            assert not self.cable.xdp(node), f"{node}: {self.cable.xdp(node)}"
            now, was = features(node, card), self.before[node == "R2"]
            assert now == was, [f"{node} {name}: {was[name]} -> {now[name]}" for name in was if now[name] != was[name]]
        for vid in (OURS, FOREIGN):
            assert self.vlan_answers(vid) == 3, f"VLAN {vid} does not work again"


def main():
    driver, mode = sys.argv[1:]
    with Cable(driver) as cable:
        nics = Nics(cable, mode == "native")
        order = [nics.vlans_of_the_machine]
        order += [] if nics.native else [nics.native_is_refused]
        order += [nics.applied, nics.hosts_reach_each_other, nics.full_size, nics.tags_stay_in_the_frame]
        order += [nics.reserved_tag_is_the_machines, nics.other_tags_are_dropped, nics.second_apply_changes_nothing]
        order += [nics.killed_agents_leave_it_forwarding, nics.cleaned_without_trace]
        return rigtest.run_cases([(f"{driver}-{mode}-{case.__name__}", case) for case in order])


if __name__ == "__main__":
    sys.exit(main())
