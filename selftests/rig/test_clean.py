#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""xslice clean where the agents are dead: the command itself takes everything off the nodes."""
import os
import signal
import subprocess
import sys

from checks import lifecycle, paths
from lib import figure7, netns, rigtest, snapshot, xslice


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

        def cannot_start():
            name = net.name("lost")
            words = (xslice.program("xsliced"), "--node", name, "--store", domain.store, "--netns", "no-such-namespace")
            ended = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
            assert ended.returncode == 1 and "no-such-namespace" in ended.stderr, ended
            assert not os.path.exists(f"/run/xslice/{name}"), "it left its directory behind"

        def killed_early():
            """Before its node held anything: nothing in the store tells of it, but the next clean takes what it left."""
            name = net.name("early")
            left = f"/run/xslice/{name}"
            words = (xslice.program("xsliced"), "--node", name, "--store", domain.store, "--netns", nodes[0])
            with subprocess.Popen(words, stderr=subprocess.DEVNULL) as agent:
                assert netns.until(lambda: os.path.exists(f"{left}/lock"), 10), "no lock"
                domain.command("clean")
                assert os.path.exists(f"{left}/lock"), "the lock of an agent that runs is gone"
                agent.kill()
            assert os.path.exists(f"{left}/lock"), "there is nothing to sweep"
            domain.command("clean")
            assert not os.path.exists(left), f"{left} is left"

        return rig.run_cases(
            [
                ("forwards_without_agents", agents_dead),
                ("removed_without_trace", lambda: rig.hold(lifecycle.removed(domain, before, nodes))),
                ("applied_again", again),
                ("an_agent_that_cannot_start_leaves_nothing", cannot_start),
                ("removed_by_the_agents", lambda: rig.hold(lifecycle.removed(domain, before, nodes))),
                ("an_agent_killed_early_leaves_nothing", killed_early),
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
