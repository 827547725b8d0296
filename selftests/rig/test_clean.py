#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""xslice clean where the agents are dead: the command itself takes everything off the nodes."""
import signal
import sys

from checks import lifecycle, paths
from lib import figure7, netns, rigtest, snapshot


def main():
    with netns.alone(), rigtest.Rig("test_clean", "tn", bare=True) as rig:
        net, domain, nodes = rig.net, rig.domain, [rig.net.name(node) for node in figure7.NODES]
        before = snapshot.take(nodes)
        domain.start()
        domain.apply(rig.definition)

        def agents_dead():
            domain.stop(signal.SIGKILL)
            rig.hold(paths.ping(net, figure7.VM5))

        def again():
            domain.start()
            domain.apply(rig.definition)
            rig.hold(paths.ping(net, figure7.VM5))

        return rigtest.run_cases(
            [
                ("forwards_without_agents", agents_dead),
                ("removed_without_trace", lambda: rig.hold(lifecycle.removed(domain, before, nodes))),
                ("applied_again", again),
                ("removed_by_the_agents", lambda: rig.hold(lifecycle.removed(domain, before, nodes))),
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
