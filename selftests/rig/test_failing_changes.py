#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A change that fails, at every step, and one whose agent is killed in the midst of it.

What fails before all that is new is in force leads back, to the bit, and `xslice apply` names the node and the reason; what fails
after that is done again. The next look brings the change about. Whatever was done to the node, it ends as a fresh one, and streams
in slices that the change does not concern lose nothing.

12 changes and 6 questions of the agent to the kernel fail, 8 kills; XSLICE_STEPS=all, XSLICE_KILLS=100: all changes, 50 questions
(there are some 1500, and most of them are the same one), as many kills."""
import copy
import json
import os
import random
import signal
import subprocess
import sys
import time

from lib import changing, contract, domains, failure, held, netns, rigtest, xslice

NODE = "R3"  # it has everything: links, a gateway, MUXes and their edges
KILLS = int(os.environ.get("XSLICE_KILLS", "8"))


def former_and_next():
    """Two definitions that differ in nearly everything a definition has, but not in slices P, A and Q."""

    def churn(name, third):
        return {
            "name": name,
            "vrf": [{"name": f"{name}{node[1]}", "node": node} for node in ("R1", "R2", "R3")],
            "link": [
                {"name": f"{name}13", "ends": [f"{name}1", f"{name}3"], "subnet": f"10.50.{third}.0/24"},
                {"name": f"{name}23", "ends": [f"{name}2", f"{name}3"], "subnet": f"10.51.{third}.0/28"},
            ],
            "gateway": [{"name": f"G{name}", "vrf": f"{name}3", "port": "c3", "subnet": f"10.52.{third}.0/24"}],
        }

    former = domains.first()
    kept, goes = churn("K", 1), churn("G", 2)
    goes["gateway"] = []
    turns = churn("T", 4)  # from labels to pages
    turns["gateway"] = []
    former["slice"] += [kept, goes, turns]
    mux = domains.named(former["mux"], "MD")
    mux["subnet"] = "10.255.0.0/28"  # what G gives up, N does not get in the same change
    mux["slice"][:0] = [{"name": "G", "filter": "few"}, {"name": "T", "filter": "turns"}]
    former["filter"].append({"name": "turns", "condition": [{"destination": "10.62.0.0/24"}]})
    later = copy.deepcopy(former)
    later["slice"] = [one for one in later["slice"] if one["name"] != "G"]
    comes = churn("N", 3)
    comes["gateway"] = []
    later["slice"].insert(0, comes)
    domains.named(later["slice"], "T")["implementation"] = "paging"
    mux = domains.named(later["mux"], "MD")
    mux["slice"] = [{"name": "K", "filter": "few"}, *mux["slice"][1:-1], {"name": "N", "filter": "more"}, mux["slice"][-1]]
    mux["clients"] = [*mux["clients"], {"prefix": "198.51.100.0/24", "via": "192.0.2.10"}]
    later["filter"].insert(0, {"name": "more", "condition": [{"destination": "10.61.0.0/24"}, {"protocol": "tcp", "dscp": "12"}]})
    domains.named(later["filter"], "few")["condition"] += [{"destination": "10.60.7.7"}]
    domains.named(later["filter"], "moved-later")["condition"] += [{"destination": "10.0.9.9"}]
    later["migration"].append({"name": "vm9", "address": "10.0.9.9", "mac": "52:54:00:00:09:09", "from": "P", "to": "A"})
    changed = domains.named(later["slice"], "K")
    changed["link"][0].update({"mtu": 1300, "label": 2100})
    changed["link"][1]["subnet"] = "10.51.9.0/24"
    changed["vrf"][2]["mac"] = "02:78:73:80:00:03"
    changed["gateway"][0].update({"port": "c4", "behind": [{"prefix": "10.57.0.0/24", "via": "10.52.1.9"}]})
    ports = domains.named(later["node"], NODE)["port"]
    domains.named(ports, "c4")["mtu"] = 1400
    domains.named(ports, "r1")["reserved-label"] = ["3000-3003"]
    ports.remove(domains.named(ports, "c3"))
    return former, later


class Failing:
    def __init__(self, rig, twin):
        self.rig, self.net, self.domain = rig, rig.net, rig.domain
        self.name = self.net.name(NODE)
        self.fault = failure.Fault(rig.keep)
        former, later = former_and_next()
        self.paths = [
            self.domain.write(self.net.definition(json.dumps(one, indent=1)), f"{name}.json")
            for name, one in (("former", former), ("next", later))
        ]
        self.domain.environment[NODE] = self.fault.environment()
        self.domain.start()
        for path in (*self.paths, self.paths[0]):  # so that both have all their numbers
            self.domain.apply(path)
        ids = self.domain.command("plan", self.paths[0])[1]["slices"]
        self.loose = {number for name, number in ids.items() if name not in domains.STEADY}
        self.fresh = [twin.make(self.domain, json.dumps(one), (NODE,)) for one in (former, later)]

    def is_fresh(self, which):
        lines = held.differences(self._without_generations(self.fresh[which]), self._without_generations(changing.settled(self.net, (NODE,))))
        assert not lines, f"{len(lines)} things differ from a fresh apply: " + "; ".join(line[:400] for line in lines[:5])

    @staticmethod
    def _without_generations(taken):
        """A migration that comes again has a newer cell each time."""
        return {
            key: str(int(value) & contract.CELL_SLICE_MASK) if key.startswith("map cell ") else value for key, value in taken.items()
        }

    def exact(self):
        return netns.settled(lambda: held.exact(self.name, self.loose), "the node does", 0.1)

    def back_to_former(self):
        self.domain.apply(self.paths[0])
        changing.introduce(self.net, (NODE,))
        self.before = self.exact()

    def count_steps(self, changes):
        self.fault.fail(failure.NEVER, changes)
        self.domain.apply(self.paths[1])
        steps, _ = self.fault.rest()
        self.is_fresh(1)
        self.back_to_former()
        self.is_fresh(0)
        return steps

    def look_again(self):
        """The agent's next look, at once."""
        self.domain.agents[NODE].send_signal(signal.SIGHUP)
        assert netns.until(lambda: not self.domain.report(NODE).get("failed"), 10), self.domain.report(NODE)

    def stopped_as_before(self):
        """Stops the agent while the node is as it was before. A look of its own may have come, as every 30 s: then once more."""
        agent = self.domain.agents[NODE]
        for _ in range(10):
            agent.send_signal(signal.SIGSTOP)
            lines = held.differences(self.before, held.exact(self.name, self.loose))
            if not lines:
                return
            agent.send_signal(signal.SIGCONT)
            self.back_to_former()
        raise AssertionError(f"the node does not stay as it was: {len(lines)} things differ: " + "; ".join(line[:400] for line in lines[:4]))

    def apply_to_stopped(self):
        """The agent goes on when the next definition is in the store: its first look is at that. (exit code, what was said)"""
        apply, revision = self.begin_apply(1, "--timeout", "20")
        try:
            assert netns.until(lambda: self.domain.revision()["id"] != revision, 20, 0.001), "apply puts no revision"
        finally:
            self.domain.agents[NODE].send_signal(signal.SIGCONT)
            said = apply.communicate(timeout=60)[1]
        return apply.returncode, said.strip()

    def begin_apply(self, which, *words):
        """(the command, which runs, the id of the revision before)"""
        revision = self.domain.revision()["id"]
        command = [xslice.program("xslice"), "apply", self.paths[which], "--store", self.domain.store, *words]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True), revision

    def fail_step(self, step, changes):
        """Is the node what it was before, to the bit? If not, it has come to the new definition all the same."""
        self.stopped_as_before()
        self.fault.fail(step, changes)
        code, said = self.apply_to_stopped()
        _, what = self.fault.rest()
        where = f"step {step} ({what}; {said[:120]})"
        if code == 0:
            self.is_fresh(1)
            return False
        assert code in (1, 4), f"{where}: exit {code}"
        reason = said.partition(f"node {self.name}: ")[2]
        assert len(reason) > 10, f"{where}: no reason is told"
        agent = self.domain.agents[NODE]
        for number in range(10):  # it may be stopped in the midst of its next look, or of learning
            agent.send_signal(signal.SIGSTOP)
            try:
                failed = self.domain.report(NODE).get("failed")
                lines = held.differences(self.before, held.exact(self.name, self.loose)) if failed else []
            finally:
                agent.send_signal(signal.SIGCONT)
            if not failed:  # its next look came by itself
                self.is_fresh(1)
                return False
            if not lines:
                return True
            time.sleep(0.1 * (1 + number))  # longer each time: a look takes seconds where the machine is busy
        raise AssertionError(f"{where}: {len(lines)} things are not what they were: " + "; ".join(line[:400] for line in lines[:4]))

    def kill_once(self, after, which):
        """Kills the agent some time after an apply began, and starts another. Was it at work then?"""
        agent = self.domain.agents[NODE]
        apply, revision = self.begin_apply(which)
        try:
            netns.until(lambda: self.domain.revision()["id"] != revision, 20, 0.001)
            time.sleep(after)
            in_time = self.domain.report(NODE).get("revision_id") != self.domain.revision()["id"]
            agent.kill()
            agent.wait()
            self.domain.start(NODE)
            said = apply.communicate(timeout=60)[1]
        finally:
            if apply.poll() is None:
                apply.kill()
        assert apply.returncode == 0, f"exit {apply.returncode}: {said}"
        self.domain.wait_ready()
        self.is_fresh(which)
        return in_time


def main():
    with netns.alone(), rigtest.Rig("test_failing_changes", "fc", bare=True) as rig:
        domains.raise_more(rig.net)
        twin = changing.Twin("ft", rig.keep)
        try:
            return cases(Failing(rig, twin))
        finally:
            twin.close()


def cases(failing):
    def steps_fail(changes, share):
        steps = failing.count_steps(changes)
        back, done, faults = 0, 0, []
        streams = changing.Streams(failing.net)
        tried = failure.chosen(steps, share)
        for number, step in enumerate(tried):
            held_back = False
            try:
                held_back = failing.fail_step(step, changes)
                back, done = back + held_back, done + (not held_back)
                if held_back and number % 10 == 0:
                    failing.look_again()
                    failing.is_fresh(1)
                    held_back = False
                assert streams.moving(), f"step {step}: a stream does not go on"
            except AssertionError as fault:
                faults.append(str(fault))
                held_back = False
            # As it was before: from there the next one can be tried at once.
            if not held_back or not failing.domain.report(NODE).get("failed"):
                failing.back_to_former()
        told = streams.missing()
        print(f"{len(tried)} of {steps} steps failed: {back} led back, to the bit; after {done} it was tried again at once")
        print(streams.text(told))
        faults += streams.faults(told)
        assert not faults, f"{len(faults)} faults: " + "; ".join(faults[:5])
        assert back or share < 1, "no step led back"

    def kills():
        took = failing.domain.report(NODE)["duration_us"] / 1e6
        dice, hit, faults = random.Random(1), 0, []
        streams = changing.Streams(failing.net)
        for number in range(KILLS):
            after = dice.uniform(0, 1.5 * took)
            try:
                hit += failing.kill_once(after, 1 - number % 2)
                assert streams.moving(), "a stream does not go on"
            except AssertionError as fault:
                faults.append(f"kill {number} after {after * 1000:.0f} ms: {fault}")
        told = streams.missing()
        print(f"{KILLS} kills within {1.5 * took * 1000:.0f} ms of an apply, {hit} of them before it was over")
        print(streams.text(told))
        faults += streams.faults(told)
        assert not faults, f"{len(faults)} faults: " + "; ".join(faults[:5])

    return rigtest.run_cases(
        [
            ("changes_that_fail", lambda: steps_fail(True, 1)),
            ("questions_that_fail", lambda: steps_fail(False, 0.5)),
            ("agents_killed_in_a_change", kills),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
