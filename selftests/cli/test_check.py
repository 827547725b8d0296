#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What `check` says: advice that can be taken."""
import re
import sys

import tool


def check(store, text, *words, name="domain.yaml"):
    return tool.run("xslice", "check", *words, store.write(text, name))


def advised_pool_is_free():
    """Where a default pool clashes, the pool that is advised clashes with nothing and has room, or none is advised."""
    advice = re.compile(r"`pool: \[(\S+)\]`")
    paging = tool.figure7(**{"implementation: segmentation": "implementation: paging", "10.0.0.": "100.64.0."})
    full = paging.replace("port:\n", "port:\n      - {name: x}\n      - {name: y}\n", 1)
    for name, port, behind in (("X", "x", "10.0.0.0/9"), ("Y", "y", "172.16.0.0/12")):
        gateway = f"{{name: g, vrf: v, port: {port}, subnet: 11.0.0.0/24, behind: [{{prefix: {behind}, via: 11.0.0.9}}]}}"
        slice = f"{{name: {name}, implementation: segmentation, vrf: [{{name: v, node: {tool.FOREIGN}1}}], gateway: [{gateway}]}}"
        full = full.replace("slice:\n", f"slice:\n  - {slice}\n", 1)
    none = full.replace("prefix: 10.0.0.0/9", "prefix: 10.0.0.0/8").replace("100.64.0.0/16", "100.64.0.0/10")
    assert none != full != paging
    with tool.Store() as store:
        for text, pool in ((paging, "10.64.0.0/10"), (full, "10.128.0.0/10"), (none, None)):
            said = check(store, text).exits(2, "write one beside")
            found = advice.findall(said.err)
            assert found == ([pool] if pool else []), said.err
            if pool:
                text = text.replace("implementation: paging\n", f"implementation: paging\npool: [{pool}]\n", 1)
                check(store, text).exits(0)
                store.run("plan", store.write(text)).exits(0)


CASES = (advised_pool_is_free,)

if __name__ == "__main__":
    sys.exit(tool.run_cases([(case.__name__, case) for case in CASES]))
