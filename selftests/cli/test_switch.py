#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`xslice switch` looks before it writes: what it refuses, in either family."""
import sys

import tool


def families_are_told_apart():
    """10.0.0.5 and a00:5:: begin with the same bytes. The one's conditions say nothing about the other's."""
    text = tool.dual_stack()
    for before, after in (
        ("2001:db8:0:100::/64", "a00::/16"),
        ('address: [10.0.0.5, "2001:db8:0:100::5"]', "address: 10.0.0.5"),
        ('address: [10.0.0.6, "2001:db8:0:100::6"]', 'address: "a00:5::"'),
        ('      - {destination: "2001:db8:0:100::5"}\n', ""),
        ('      - {destination: 10.0.0.6}\n      - {destination: "2001:db8:0:100::6"}\n', ""),
        ("{any: true}", '{destination: "a00:5::"}'),
        ('52:54:00:00:00:06", from: P, to: A', '52:54:00:00:00:06", from: A, to: P'),
    ):
        assert before in text, before
        text = text.replace(before, after)
    with tool.Store() as store:
        store.apply(text)
        refused = store.run("switch", "vm6", "P", "--timeout", "0.01").exits(1)
        assert "a00:5::/128" in refused.err and "none of slice P takes them" in refused.err, refused.err


if __name__ == "__main__":
    sys.exit(tool.run_cases([(case.__name__, case) for case in (families_are_told_apart,)]))
