#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Random changes of a running definition (lib/random_changes.py), while numbered streams run in slices that no change concerns:
nothing is lost or doubled, what those slices hold in the maps and know of neighbours stays byte for byte, and what comes of it all
is what a fresh machine makes of the same definition. What comes and goes has IPv4, IPv6, or both.

40 changes, every eighth end state compared; XSLICE_CHANGES=200 makes that 200 and compares each tenth; XSLICE_SEED: another walk."""
import json
import os
import sys
import time

from lib import changing, domains, figure7, held, netns, random_changes, rigtest

CHANGES = int(os.environ.get("XSLICE_CHANGES", "40"))
SEED = int(os.environ.get("XSLICE_SEED", "5"))
COMPARE = 10 if CHANGES >= 200 else 8
TRIES = 20
FAMILIES = (figure7.V4, figure7.V6)


def main():
    with netns.alone(), rigtest.Rig("test_random_changes", "rc", bare=True, families=FAMILIES) as rig:
        net, domain = rig.net, rig.domain
        domains.raise_more(net)
        changes = random_changes.Changes(SEED)
        twin = changing.Twin("rt", rig.keep, FAMILIES)
        try:
            return walk(rig, net, domain, changes, twin)
        finally:
            twin.close()


def walk(rig, net, domain, changes, twin):
    made, compared, refused = [], [], 0

    def write(definition, name="changed.json"):
        return domain.write(net.definition(json.dumps(definition, indent=1)), name)

    def next_change():
        nonlocal refused
        for _ in range(TRIES):
            what, definition = changes.try_one()
            path = write(definition)
            if domain.command("plan", path, check=False)[0] == 0:
                return what, definition, path
            refused += 1
        raise netns.RigError(f"{TRIES} changes in turn were not valid")

    def unequal():
        """What differs from a fresh apply."""
        lines = held.differences(twin.make(domain, json.dumps(changes.domain)), changing.settled(net))
        compared.append(len(made))
        return [f"{len(lines)} things differ from a fresh apply: " + "; ".join(lines[:6])] if lines else []

    def first():
        domain.start()
        domain.apply(write(changes.domain, "first.json"))
        faults = unequal()
        assert not faults, faults

    def change():
        slices = changing.steady_ids(domain, write(changes.domain, "first.json"))
        streams = changing.Streams(net)
        changing.introduce(net)
        time.sleep(0.5)
        before = changing.steady_state(net, slices)
        faults = []
        for number in range(CHANGES):
            what, definition, path = next_change()
            code, _, said = domain.apply(path, check=False)
            made.append(what)
            changes.take(definition)
            assert code == 0, f"change {number} ({what}): exit {code}: {said}"
            if not streams.moving():
                faults.append(f"{what}: a stream stands still")
            now = changing.steady_state(net, slices)
            lines = held.differences(before, now)
            if lines:
                faults.append(f"change {number} ({what}) touched what it does not concern: {lines[:3]}")
                before = now
            if len(made) % COMPARE == 0 or len(made) == CHANGES:
                faults += [f"after change {number} ({what}) {fault}" for fault in unequal()]
        told = streams.missing()
        kinds = sorted({what.split()[0] for what in made})
        print(f"{len(made)} changes of {len(kinds)} kinds, {refused} more were not valid; equal to a fresh apply {len(compared)} times")
        print(streams.text(told))
        faults += streams.faults(told)
        assert not faults, f"{len(faults)} faults: " + "; ".join(faults[:6])

    return rigtest.run_cases([("fresh_equals_fresh", first), (f"{CHANGES}_random_changes", change)])


if __name__ == "__main__":
    sys.exit(main())
