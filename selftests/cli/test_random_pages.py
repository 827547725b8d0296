#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Random changes of a definition by paging (rig/lib/random_changes.py), put into a store that no agent looks at: whatever check takes is
planned and makes images that agents would take; no two pages overlap; no page moves while its slice and prefix stay; what a change
frees is nobody's in that change. Now and then the whole goes to segmentation and back.

60 changes; XSLICE_CHANGES and XSLICE_SEED: others."""
import ipaddress
import json
import os
import sys

import tool
from lib import random_changes

CHANGES = int(os.environ.get("XSLICE_CHANGES", "60"))
SEED = int(os.environ.get("XSLICE_SEED", "7"))


def pages_of(plan):
    return {(name, prefix): ipaddress.ip_network(mapped) for name, pages in plan["pages"].items() for prefix, mapped in pages.items()}


def overlap(networks):
    ordered = sorted(networks, key=lambda one: (one.version, one))
    return [(a, b) for a, b in zip(ordered, ordered[1:]) if a.version == b.version and a.overlaps(b)]


def overlaps_any(network, others):
    return any(network.version == other.version and network.overlaps(other) for other in others)


def walk():
    changes = random_changes.Changes(SEED)
    refused = given = 0
    with tool.Store() as store:
        before = {}
        for number in range(CHANGES):
            what, definition = changes.try_one() if number else ("first", changes.domain)
            definition["implementation"] = "paging"
            path = store.write(tool.rename(json.dumps(definition)), "changed.json")
            planned = store.run("plan", "--json", path)
            assert planned.code == 0 or (planned.code == 2 and planned.json()["faults"]), (what, planned.code, planned.err)
            if planned.code:
                refused += 1
                continue
            after = pages_of(planned.json())
            assert not overlap(after.values()), (what, overlap(after.values()))
            for (name, prefix), mapped in after.items():
                assert mapped.prefixlen == ipaddress.ip_network(prefix).prefixlen, (what, name, prefix, mapped)
                assert (name, prefix) not in before or before[name, prefix] == mapped, (what, name, prefix)
            freed = [mapped for key, mapped in before.items() if key not in after]
            fresh = [mapped for key, mapped in after.items() if key not in before]
            assert not [one for one in fresh if overlaps_any(one, freed)], (what, fresh, freed)
            store.run("apply", "--timeout", "0.01", path).exits(5)
            store.run("diff", path).exits(0)
            if number % 10 == 9:
                store.run("apply", "--timeout", "0.01", "--implementation", "segmentation", path).exits(5)
                store.run("apply", "--timeout", "0.01", path).exits(5)
                assert pages_of(store.run("plan", "--json", path).exits(0).json()) == after, what
            changes.take(definition)
            before = after
            given += len(fresh)
    assert given > 20 and refused < CHANGES // 2, (given, refused)


if __name__ == "__main__":
    sys.exit(tool.run_cases([("walk", walk)]))
