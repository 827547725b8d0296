#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/demo as a test: each of its claims is a case, and the list of claims is complete."""
import json
import os
import subprocess
import sys

from lib import contract, ending, netns, rigtest

# The contract's list; the demo's own must be the same.
NAMES = """ping-through-P route-through-P tcp-survives-the-move udp-lost-by-switch route-through-A
shared-address-both-alive other-vm-stays-in-P isolation traceroute-shows-the-slivers pmtu proxy-arp pass-through switch-one-write
switch-survives-apply switch-survives-reboot counters-add-up second-apply-writes-nothing agent-killed-no-loss
removed-without-trace""".split()
NAMES += [f"v6.{'router-advertised' if name == 'proxy-arp' else name}" for name in NAMES]
NAMES += [f"paging.{name.replace('-shows-the-slivers', '')}" for name in NAMES]
LIMIT, GRACE = 720, 100  # seconds: for all of it, and to end in


def main():
    out = rigtest.folder("test_demo")
    os.makedirs(out, exist_ok=True)
    result = os.path.join(out, "result.json")
    if os.path.exists(result):
        os.unlink(result)
    with netns.alone():
        code, said = ending.run(
            [os.path.join(contract.TOP, "scripts/demo"), "--out", out, "--prefix", "td"],
            LIMIT,
            GRACE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=netns.held(),
        )
    print(said)
    claims, timeline = {}, []
    if os.path.exists(result):
        with open(result, encoding="utf-8") as file:
            told = json.load(file)
        claims, timeline = {one["name"]: one for one in told["checks"]}, told["timeline"]

    def held(name):
        assert name in claims, f"{name} is not in the result"
        assert claims[name]["ok"], claims[name]["detail"]

    def whole():
        assert sorted(claims) == sorted(NAMES), f"claims differ from the contract's: {sorted(set(claims) ^ set(NAMES))}"
        assert all({"name", "ok", "figure", "unit", "requirement"} <= set(one) for one in claims.values())
        assert timeline and all(set(one) == {"t_us", "event"} for one in timeline), "no timeline"
        assert code == 0, f"not done after {LIMIT} s" if code is None else f"exit {code}"

    return rigtest.run_cases(
        [(name, lambda name=name: held(name)) for name in NAMES] + [("result_and_exit_code", whole)]
    )


if __name__ == "__main__":
    sys.exit(main())
