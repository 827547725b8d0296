#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is not ours on a node. A port that carries somebody else's XDP program: refused with the program's name, and nothing is
changed on any such node. Somebody else's links, which come and go: no reason to look at anything of ours."""
import os
import re
import sys
import time

from lib import figure7, maps, netns, passing, probes, rigtest, services, snapshot

NAME = "someone_elses"


def main():
    with netns.alone(), rigtest.Rig("test_foreign_xdp", "tx", bare=True) as rig:
        net, domain = rig.net, rig.domain
        node = net.name("R1")
        program = passing.load(NAME)
        pin = f"{netns.BPFFS}/{node}-{NAME}"
        maps.pin(program, pin)
        os.close(program)
        try:
            netns.run_in(node, "bpftool", "net", "attach", "xdp", "pinned", pin, "dev", "r3")
            before = snapshot.take([node])
            domain.start()
            heard = {}

            def refused():
                heard["code"], _, heard["error"] = domain.command("apply", rig.definition, check=False)
                assert heard["code"] in (1, 4), f"exit {heard['code']}"
                assert NAME in heard["error"] and "r3" in heard["error"], f"said: {heard['error']}"

            def unchanged():
                """But for what the kernel itself takes from a veth whose other end (R2's, R3's) now carries XDP."""
                lines = [line for line in snapshot.differences(before, snapshot.take([node])) if line.startswith(node)]
                own = [line for line in lines if not re.search(r" feature r[23] \S*(segmentation|gso)", line)]
                assert not own, "; ".join(own)

            def then_applied():
                netns.run_in(node, "bpftool", "net", "detach", "xdp", "dev", "r3")
                domain.apply(rig.definition)
                who = services.ask(net.name("client"), (figure7.VM5, services.WHO_PORT))
                assert who == "vm5", f"{who} answers once the port is free"
                assert len(probes.ping(net.name("client"), figure7.VM5, 3)) == 3

            def links_come_and_go():
                """What only a look at everything would mend stays broken; ours, when one goes, is mended at once."""
                sliver = f"xs.{node}.P"

                def route():
                    return netns.run("ip", "-n", sliver, "route", "show", "10.1.3.0/24")

                assert route(), "no route to begin with"

                def mended_for_a_foreign_link():
                    netns.run("ip", "-n", sliver, "address", "flush", "dev", "P13")
                    netns.run("ip", "-n", node, "link", "add", "pod0", "type", "veth", "peer", "name", "pod1")
                    netns.run("ip", "-n", node, "link", "del", "pod0")
                    time.sleep(1)
                    return route()

                # Once it may be the look of each 30 s, not twice.
                assert not (mended_for_a_foreign_link() and mended_for_a_foreign_link()), "all was looked at because of a link that is not ours"
                netns.run("ip", "-n", f"xs.{node}.A", "link", "del", "A12")
                assert netns.until(route, netns.PATIENCE), "not looked at, though a veth of ours went"

            return rig.run_cases(
                [
                    ("refused_by_name", refused),
                    ("nothing_changed", unchanged),
                    ("applied_once_it_is_gone", then_applied),
                    ("links_come_and_go", links_come_and_go),
                ]
            )
        finally:
            os.unlink(pin)


if __name__ == "__main__":
    sys.exit(main())
