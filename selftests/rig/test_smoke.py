#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The thin way: figure 7 applied, packets through slice P, the VM moved and switched, everything taken down again."""
import sys

from checks import lifecycle, paths
from lib import figure7, netns, rigtest, services, snapshot


def main():
    with netns.alone(), rigtest.Rig("test_smoke", "ts", bare=True) as rig:
        net, nodes = rig.net, [rig.net.name(node) for node in figure7.NODES]
        before = snapshot.take(nodes)
        rig.domain.start()

        def tcp():
            session = services.Session(net.name("client"), (figure7.VM5, services.ECHO_PORT))
            netns.until(lambda: session.exchanges >= 20 or session.failure, 5)
            session.stop(25)
            assert (
                session.exchanges >= 20 and not session.wrong
            ), f"{session.exchanges} exchanges, {session.wrong} wrong; {session.failure}"

        def shown_in_force():
            shown = {node["node"]: node["text"] for node in rig.domain.command("show")[1]["node"]}
            assert shown == {node: "in force" for node in nodes}, shown

        def switch():
            net.move("vm5", "ADC")
            rig.domain.switch("vm5", "A")
            who = services.ask(net.name("client"), (figure7.VM5, services.WHO_PORT))
            assert who == "vm5", f"{who} answers after the switch"

        return rig.run_cases(
            [
                ("apply", lambda: rig.domain.apply(rig.definition)),
                ("shown_in_force", shown_in_force),
                ("ping_through_p", lambda: rig.hold(paths.ping(net, figure7.VM5))),
                ("tcp_through_p", tcp),
                ("route_through_p", lambda: rig.hold(paths.route(net, "vm5", figure7.VM5, "R1", "R2"))),
                ("second_apply_writes_nothing", lambda: rig.hold(lifecycle.writes_nothing(rig.domain, rig.definition))),
                ("move_and_switch", switch),
                ("route_through_a", lambda: rig.hold(paths.route(net, "vm5", figure7.VM5, "R2", "R1"))),
                ("removed_without_trace", lambda: rig.hold(lifecycle.removed(rig.domain, before, nodes))),
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
