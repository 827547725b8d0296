#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""After many changes agents hold what they held after few: descriptors by kind, watches, mappings, threads, pins, namespaces, devices,
notes and keys of the store are the same where a round ends as it began; so is the number of blocks that they have from malloc().

A round: eight changes out of all kinds, a switch to and fro, a look at everything, a change that fails, a namespace that somebody takes away,
a store that is replaced. 3 rounds count; XSLICE_CHANGES=200: as many as have that many changes."""
import json
import os
import shutil
import signal
import sys

from lib import contract, domains, figure7, held, holdings, netns, random_changes, rigtest

EACH = 8
ROUNDS = max(3, int(os.environ.get("XSLICE_CHANGES", "0")) // EACH)
WARM = 2  # rounds, in which tables find their sizes
LOOSE = 16  # blocks: who is known as a neighbour changes by itself
SEED = 11


class Growth:
    def __init__(self, rig):
        self.net, self.domain = rig.net, rig.domain
        self.heaps = {} if contract.SANITIZED else {node: holdings.Heap(rig.keep, node) for node in figure7.NODES}
        for node, heap in self.heaps.items():
            self.domain.environment[node] = heap.environment()
        self.domain.start()
        self.paths = self.walk()
        broken = json.loads(json.dumps(self.first))
        domains.named(domains.named(broken["node"], "R1")["port"], "q1")["interface"] = "nowhere"
        self.broken = self.write(broken, "broken.json")
        self.made = 0
        self.apply(self.paths[0])

    def write(self, definition, name):
        return self.domain.write(self.net.definition(json.dumps(definition, indent=1)), name)

    def walk(self):
        """Definitions of which each comes from the one before by a change; from the last the way is back to the first."""
        changes, paths = random_changes.Changes(SEED), []
        self.first = changes.domain
        while len(paths) < EACH:
            path = self.write(changes.domain, f"change-{len(paths)}.json")
            if not paths or self.domain.command("plan", path, check=False)[0] == 0:
                paths.append(path)
                valid = changes.domain
            changes.take(valid)
            changes.take(changes.try_one()[1])
        return paths

    def apply(self, path):
        code, _, said = self.domain.apply(path, check=False)
        assert code == 0, f"{path}: exit {code}: {said}"
        self.made += 1

    def look_again(self):
        for agent in self.domain.agents.values():
            agent.send_signal(signal.SIGHUP)

    def fail(self):
        code, _, said = self.domain.apply(self.broken, check=False, timeout=10)
        assert code and "nowhere" in said, f"exit {code}: {said}"

    def take_namespace_away(self):
        netns.run("ip", "netns", "delete", self.net.sliver("R3", "P"))
        self.domain.apply(self.paths[0])
        assert netns.exists(self.net.sliver("R3", "P"))

    def replace_store(self):
        former, following = self.domain.store + ".former", self.domain.store + ".next"
        shutil.copytree(self.domain.store, following)
        os.rename(self.domain.store, former)  # at once: agents write to it
        os.rename(following, self.domain.store)
        self.look_again()
        self.domain.apply(self.paths[0])
        shutil.rmtree(former)

    def round(self):
        for path in self.paths[1:] + self.paths[:1]:
            self.apply(path)
        for slice_name in ("A", "P"):
            self.domain.switch("vm5", slice_name)
        self.look_again()
        self.fail()
        self.take_namespace_away()
        self.replace_store()

    def look(self):
        return netns.settled(lambda: holdings.of_domain(self.domain), "the agents do", 0.25)

    def blocks(self):
        return {node: heap.taken() for node, heap in self.heaps.items()}

    def memory(self):
        return {node: holdings.anonymous(agent.pid) for node, agent in self.domain.agents.items()}


def main():
    with netns.alone(), rigtest.Rig("test_growth", "san", bare=True, families=(figure7.V4, figure7.V6)) as rig:
        domains.raise_more(rig.net)
        growth = Growth(rig)
        for _ in range(WARM):
            growth.round()
        before, blocks, memory, made = growth.look(), growth.blocks(), growth.memory(), growth.made
        for _ in range(ROUNDS):
            growth.round()
        changes = growth.made - made

        def all_alike():
            lines = held.differences(before, growth.look())
            assert not lines, f"after {changes} changes: " + "; ".join(lines)
            print(f"{changes} changes, {len(before)} counts alike")

        def no_block_more():
            assert all(count > 0 for count, _ in blocks.values()), f"blocks are not counted: {blocks}"

            def grown():
                return {node: (now[0] - blocks[node][0], now[1] - blocks[node][1]) for node, now in growth.blocks().items()}

            kept = netns.until(lambda: all(more <= LOOSE for more, _ in grown().values()), netns.PATIENCE)
            text = "; ".join(
                f"{node}: {blocks[node][0]} blocks{more:+d}, {bytes_more:+d} bytes, {memory[node]}{now - memory[node]:+d} KiB"
                for (node, (more, bytes_more)), now in zip(grown().items(), growth.memory().values())
            )
            assert kept, f"after {changes} changes: {text}"
            print(text)

        return rig.run_cases([("nothing_is_held_twice", all_alike)] + ([("no_block_more", no_block_more)] if growth.heaps else []))


if __name__ == "__main__":
    sys.exit(main())
