#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A host behind a veth without NAPI: what XDP redirects to it is lost, and counted as forwarded. Nobody may have to find that out alone."""
import signal
import sys

from lib import figure7, netns, probes, rigtest

ADVICE = ("port pdc", "gro on", "stack: local")


def main():
    with netns.alone(), rigtest.Rig("test_no_napi", "tz", bare=True) as rig:
        net, domain = rig.net, rig.domain
        host, node = net.name("PDC"), net.name("R1")

        def gro(state):
            netns.run_in(host, "ethtool", "-K", "r1", "gro", state)
            if "R1" in domain.agents:
                domain.agents["R1"].send_signal(signal.SIGHUP)

        def told():
            return next(one["text"] for one in domain.command("show")[1]["node"] if one["node"] == node)

        def reached():
            return answers() == 5

        def answers():
            return len(probes.ping(net.name("client"), figure7.VM5, 5, timeout=0.2))

        gro("off")
        domain.start()

        def applied_with_a_warning():
            _, _, said = domain.command("apply", rig.definition)
            if "WARNING" not in said and not kernel_tells():
                raise rigtest.Skip("this kernel does not tell whether a device takes redirected frames (before 6.3)")
            for part in ADVICE:
                assert part in said and f"node {node}" in said, said
                assert part in told(), told()
            with open(f"{domain.keep}/agent-{node}.log", encoding="utf-8") as file:
                assert "WARNING: port pdc" in file.read()
            others = [one["text"] for one in domain.command("show")[1]["node"] if one["node"] != node]
            assert others == ["in force"] * 2, others

        def it_was_right():
            """The slow path still gets there, so the first packet may arrive, until the neighbour is known."""
            answers()
            assert answers() == 0, "frames arrive at a veth without NAPI"

        def gone_with_gro():
            gro("on")
            assert netns.until(lambda: told() == "in force", 5), told()
            assert netns.until(reached, 5), "vm5 is not reached with GRO on"

        def or_with_the_tc_front_end():
            gro("off")
            with open(rig.definition, encoding="utf-8") as file:
                text = file.read()
            local = domain.write(text.replace("- {name: pdc}", "- {name: pdc, stack: local}", 1), "local.yaml")
            _, _, said = domain.command("apply", local)
            assert "WARNING" not in said and told() == "in force", (said, told())
            assert netns.until(reached, 5), "vm5 is not reached by tc"

        return rig.run_cases(
            [(case.__name__, case) for case in (applied_with_a_warning, it_was_right, gone_with_gro, or_with_the_tc_front_end)]
        )


def kernel_tells():
    with open("/proc/sys/kernel/osrelease", encoding="ascii") as file:
        return tuple(int(part) for part in file.read().split("-")[0].split(".")[:2]) >= (6, 3)


if __name__ == "__main__":
    sys.exit(main())
