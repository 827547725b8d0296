#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What `check` says: advice that can be taken, and no more than somebody reads."""
import re
import resource
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


def many_faults_are_bounded():
    """Long names stand above many elements, each with its fault: neither memory nor what is said grows with the product."""
    slice, gateway = "N" * 4096, "G" * 4096
    behind = "<behind/>" * 50000
    text = f'<domain xmlns="urn:xslice"><slice><name>{slice}</name><gateway><name>{gateway}</name>{behind}</gateway></slice></domain>'
    with tool.Store() as store:
        said = check(store, text, name="domain.xml").exits(2, f"/domain/slice[name='{'N' * 80}...']/gateway[name='{'G' * 80}...']/behind: ")
        lines = said.err.splitlines()
        more = re.fullmatch(r"\S+: error: (\d+) more errors were found: no more than 1000 are told", lines[-1])
        assert len(lines) == 1001 and more and int(more[1]) > 49000, lines[-1]
        assert len(said.err) < 1 << 20, len(said.err)
        faults = check(store, text, "--json", name="domain.xml").exits(2).json()["faults"]
        assert len(faults) == 1001 and faults[-1]["message"] == lines[-1].split("error: ", 1)[1], faults[-1]
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    assert most < 500, f"{most} MiB"


CASES = (advised_pool_is_free, many_faults_are_bounded)

if __name__ == "__main__":
    sys.exit(tool.run_cases([(case.__name__, case) for case in CASES]))
