#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`attach: shared`: a port's XDP beside a firewall's, by libxdp's dispatcher. sharing.py DRIVER native|generic. Runs inside a virtual
machine, as it needs a kernel that replaces functions of XDP programs. The firewall is xdp-filter of xdp-tools."""
import os
import re
import sys
import threading
import time

from cable import H2, SLOW, Cable

from lib import netns, probes, rigtest


class Sharing:
    def __init__(self, cable, mode):
        self.cable, self.mode = cable, mode
        self.generic = ", mode: generic" if mode == "generic" else ""
        self.shared = f", attach: shared{self.generic}"
        self.card = cable.cards[0]

    # ---- what is there ----

    def filter(self, *words, check=True):
        return netns.run_in("R1", "xdp-filter", *words, check=check)

    def load_filter(self):
        self.filter("load", self.card, "--mode", "skb" if self.generic else "native", "--features", "ipv4")

    def behind(self):
        """Names behind the card's dispatcher, in the order in which they run, by xdp-loader."""
        text = netns.run_in("R1", "xdp-loader", "status", self.card)
        return re.findall(r"^\s*=>\s+\d+\s+(\S+)", text, re.M)

    def apply(self, **more):
        return self.cable.applied(self.shared, self.generic, **more)

    def blocks(self, address):
        """While the firewall denies an address none of its packets arrives, and all do afterwards."""
        self.filter("ip", address, "-m", "src")
        assert self.cable.answers(5, timeout=0.5) == 0, f"{address} gets through the firewall"
        self.filter("ip", address, "-m", "src", "-r")
        assert self.cable.reached(), f"{address} does not get through, though the firewall allows it"

    # ---- cases ----

    def beside_a_firewall(self):
        self.load_filter()
        self.apply()
        names = self.behind()
        assert len(names) == 2 and names[0].startswith("xdpfilt") and names[1] == "xdp_port", names
        there = self.cable.xdp("R1")
        assert there and there[0] == self.mode, there
        assert self.cable.reached(), "h2 does not answer all"

    def the_firewall_runs_first(self):
        self.blocks(H2)

    def second_apply_changes_nothing(self):
        before = self.cable.xdp("R1")
        for node in self.apply()["node"]:
            assert node["netlink_changes"] == 0 and node["map_writes"] == 0, node
        assert self.cable.xdp("R1") == before, "the dispatcher was exchanged for nothing"

    def killed_agents_leave_it_forwarding(self):
        self.cable.kill()
        assert self.cable.answers(20) == 20, "an answer is missing while no agent runs"
        before = self.cable.xdp("R1")
        self.cable.domain.start()
        self.cable.domain.wait_ready(SLOW)
        assert self.cable.answers(20) == 20 and self.cable.xdp("R1") == before

    def exclusive_is_refused_by_name(self):
        before = self.cable.xdp("R1")
        print(self.cable.refused("port w", "xdpfilt", more=self.generic).splitlines()[-1])
        assert self.cable.xdp("R1") == before and self.cable.answers(10) == 10
        self.apply()

    def other_mode_is_refused(self):
        before = self.cable.xdp("R1")
        other = ", attach: shared" + ("" if self.generic else ", mode: generic")
        print(self.cable.refused("port w", "xdpfilt", "mode", more=other, more_b=self.generic).splitlines()[-1])
        assert self.cable.xdp("R1") == before and self.cable.answers(10) == 10
        self.apply()

    def replaced_without_loss(self):
        """Larger maps need another program: it takes the former one's place while packets flow."""
        before, lost, stop = self.behind(), [], threading.Event()

        def stream():
            while not stop.is_set():
                lost.append(not probes.ping("h1", H2, 1, interval=0.005, timeout=5))

        former = self.program()
        thread = threading.Thread(target=stream)
        thread.start()
        try:
            self.apply(node=", address-blocks: 65536")
            time.sleep(0.5)
        finally:
            stop.set()
            thread.join()
        assert self.behind() == before, self.behind()
        assert self.program() != former, "it was not replaced: nothing was tried"
        assert len(lost) > 5 and not any(lost), f"{sum(lost)} of {len(lost)} lost"
        print(f"{len(lost)} sent while it was replaced, none lost")

    def program(self):
        text = netns.run_in("R1", "xdp-loader", "status", self.card)
        return re.search(r"xdp_port\s+(\d+)", text)[1]

    def cleaned_beside_the_firewall(self):
        self.cable.clean()
        assert [name[:7] for name in self.behind()] == ["xdpfilt"], self.behind()
        assert self.card in self.filter("status"), "the firewall does not know its card any more"

    def first_and_then_a_firewall(self):
        """Ours alone behind a dispatcher; who comes later runs before it, and goes again."""
        self.filter("unload", self.card)
        assert not self.cable.xdp("R1")
        self.apply()
        assert self.behind() == ["xdp_port"], self.behind()
        assert self.cable.reached()
        if checks_what_changes_packets():
            # The dispatcher that xdp-filter 1.3 brings cannot take ours along, so it has to stay outside, without harm.
            try:
                self.load_filter()
            except netns.RigError as error:
                print(error)
            assert self.behind() == ["xdp_port"] and self.cable.answers(10) == 10
            return
        self.load_filter()
        assert [name[:7] for name in self.behind()] == ["xdpfilt", "xdp_por"], self.behind()
        self.blocks(H2)
        self.filter("unload", self.card)
        assert self.behind() == ["xdp_port"] and self.cable.answers(10) == 10

    def exclusive_and_back(self):
        self.cable.applied(self.generic)
        assert "xdp_dispatcher" not in netns.run_in("R1", "xdp-loader", "status", self.card)
        assert self.cable.reached()
        self.apply()
        assert self.behind() == ["xdp_port"] and self.cable.reached()

    def cleaned_without_trace(self):
        self.cable.clean()
        assert not self.cable.xdp("R1"), self.cable.xdp("R1")

    def foreign_program_alone(self):
        """One that stands there without a dispatcher cannot be joined."""
        netns.run_in("R1", "ip", "link", "set", self.card, "xdpgeneric" if self.generic else "xdpdrv", "object",
                     "/usr/lib/x86_64-linux-gnu/bpf/xdpdump_xdp.o", "section", "xdp")
        before = self.cable.xdp("R1")
        assert before, "the foreign program is not there"
        print(self.cable.refused("port w", "xdpdump", more=self.shared, more_b=self.generic).splitlines()[-1])
        assert self.cable.xdp("R1") == before
        netns.run_in("R1", "ip", "link", "set", self.card, "xdpgeneric" if self.generic else "xdpdrv", "off")


def checks_what_changes_packets():
    """From 6.13 on, and Debian's 6.12: a function is not replaced by one that changes packets unless it might have done so, too."""
    return tuple(int(part) for part in os.uname().release.split("-")[0].split("+")[0].split(".")[:2]) >= (6, 12)


def main():
    driver, mode = sys.argv[1:]
    with Cable(driver) as cable:
        sharing = Sharing(cable, mode)
        order = (
            sharing.beside_a_firewall,
            sharing.the_firewall_runs_first,
            sharing.second_apply_changes_nothing,
            sharing.killed_agents_leave_it_forwarding,
            sharing.exclusive_is_refused_by_name,
            sharing.other_mode_is_refused,
            sharing.replaced_without_loss,
            sharing.cleaned_beside_the_firewall,
            sharing.first_and_then_a_firewall,
            sharing.exclusive_and_back,
            sharing.cleaned_without_trace,
            sharing.foreign_program_alone,
        )
        return rigtest.run_cases([(f"sharing-{driver}-{mode}-{case.__name__}", case) for case in order])


if __name__ == "__main__":
    sys.exit(main())
