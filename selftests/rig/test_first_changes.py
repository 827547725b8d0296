#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The first change of all, an apply to nodes that hold nothing, which fails at every step on one node.

It holds nothing afterwards, as before, and `xslice apply` names the node and the reason; the other nodes have theirs. The next look
brings it about. 12 steps; XSLICE_STEPS=all: all of them."""
import signal
import sys

from checks import paths
from lib import failure, figure7, netns, rigtest, snapshot

NODE = "R3"  # it has everything: links, a gateway, a MUX and its edge


class First:
    def __init__(self, rig):
        self.rig, self.net, self.domain = rig, rig.net, rig.domain
        self.name = self.net.name(NODE)
        self.fault = failure.Fault(rig.keep)
        self.domain.environment[NODE] = self.fault.environment()
        self.domain.start()
        self.apply_and_clean(failure.NEVER)  # so that what an agent learns but once is learnt
        self.before = snapshot.take([self.name])

    def clean(self):
        self.domain.command("clean")

    def apply_and_clean(self, step):
        """The number of steps."""
        self.fault.fail(step, True)
        self.domain.apply(self.rig.definition)
        count, _ = self.fault.rest()
        self.clean()
        return count

    def differences(self):
        """Of what the node itself holds. What nodes share is the others', too; and the kernel takes offloads from a veth whose other
        end gets an XDP program."""
        others = (snapshot.SHARED, *(f"{self.name}: feature {port} " for port in ("r1", "r2")))
        return snapshot.differences(
            *({k: v for k, v in one.items() if not k.startswith(others)} for one in (self.before, snapshot.take([self.name])))
        )

    def fail_step(self, step):
        """Does the node hold nothing? If it does, its next look came by itself, and it holds all."""
        self.fault.fail(step, True)
        code, _, said = self.domain.apply(self.rig.definition, check=False, timeout=20)
        _, what = self.fault.rest()
        where = f"step {step} ({what}; {said[:120]})"
        agent = self.domain.agents[NODE]
        try:
            if code == 0:
                self.rig.hold(paths.ping(self.net, figure7.VM5))
                return False
            assert code in (1, 4), f"{where}: exit {code}"
            assert len(said.partition(f"node {self.name}: ")[2]) > 10, f"{where}: no reason is told"
            agent.send_signal(signal.SIGSTOP)
            try:
                failed, lines = self.domain.report(NODE).get("failed"), self.differences()
            finally:
                agent.send_signal(signal.SIGCONT)
            if failed and lines and netns.until(lambda: not self.domain.report(NODE).get("failed"), netns.PATIENCE):
                failed = None  # it was met in the middle of its next look, which came by itself
            if failed:
                assert not lines, f"{where}: {len(lines)} things are not what they were: " + "; ".join(line[:400] for line in lines[:4])
                agent.send_signal(signal.SIGHUP)
            assert netns.until(lambda: not self.domain.report(NODE).get("failed"), 20), self.domain.report(NODE)
            self.rig.hold(paths.ping(self.net, figure7.VM5))
            return bool(failed)
        finally:
            self.clean()


def main():
    with netns.alone(), rigtest.Rig("test_first_changes", "ff", bare=True) as rig:
        first = First(rig)

        def steps_fail():
            steps = first.apply_and_clean(failure.NEVER)
            tried = failure.chosen(steps, 1)
            back, faults = 0, []
            for step in tried:
                try:
                    back += first.fail_step(step)
                except AssertionError as fault:
                    faults.append(str(fault))
            print(f"{len(tried)} of {steps} steps failed: {back} left a node that holds nothing; after the others all was tried again at once")
            assert not faults, f"{len(faults)} faults: " + "; ".join(faults[:5])
            assert back, "no step led back"

        return rig.run_cases([("first_apply_that_fails", steps_fail)])


if __name__ == "__main__":
    sys.exit(main())
