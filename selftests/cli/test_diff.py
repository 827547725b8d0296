#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`xslice diff`: what an apply would change, in the definition's words, and nothing where only the text differs."""
import os
import subprocess
import sys

import tool

SLICE_B = """  - name: B
    vrf: [{name: B1, node: R1}, {name: B3, node: R3}]
    link: [{name: B13, ends: [B1, B3], subnet: 10.7.3.0/24}]

# The paper's two rules."""
MOVED = "      - {destination: 10.0.0.5}\n      - {destination: 10.0.0.6}\n"
RACK = "{name: vm5, group: rack1,"

# What is replaced in figure 7, by what; what must be told: (change, kind, name) -> attributes old and new that must be there.
CASES = {
    "mtu": ("mtu: 1400", "mtu: 1450", {("changed", "link", "P/P13"): {"mtu": ("1400", "1450")}}),
    "label": (
        "{name: P13, ends: [P1, P3], subnet: 10.1.3.0/24, mtu: 1400}",
        "{name: P13, ends: [P1, P3], subnet: 10.1.3.0/24, mtu: 1400, label: 77}",
        {("changed", "link", "P/P13"): {"label": ("2", "77")}},
    ),
    "subnet": (
        "{name: A12, ends: [A1, A2], subnet: 10.1.2.0/24}",
        "{name: A12, ends: [A1, A2], subnet: 10.1.9.0/24}",
        {
            ("changed", "link", "A/A12"): {
                "A1 address": ("10.1.2.1/24", "10.1.9.1/24"),
                "A2 address": ("10.1.2.2/24", "10.1.9.2/24"),
            },
            ("removed", "route", "10.1.2.0/24 of A/A3 on R3"): {},
            ("added", "route", "10.1.9.0/24 of A/A3 on R3"): {"way": (None, "via 10.1.3.1 by A13")},
        },
    ),
    "family": (
        "{name: P12, ends: [P1, P2], subnet: 10.1.2.0/24}",
        '{name: P12, ends: [P1, P2], subnet: [10.1.2.0/24, "2001:db8:1:2::/64"]}',
        {
            ("changed", "link", "P/P12"): {
                "P1 address": ("10.1.2.1/24", "10.1.2.1/24 2001:db8:1:2::1/64"),
                "P2 address": ("10.1.2.2/24", "10.1.2.2/24 2001:db8:1:2::2/64"),
            },
        },
    ),
    "port": (
        "{name: pdc}",
        "{name: pdc, interface: enp3s0, mtu: 9000, stack: local, reserved-label: [5, 7-9]}",
        {
            ("changed", "port", "R1/pdc"): {
                "interface": ("pdc", "enp3s0"),
                "mtu": ("1500", "9000"),
                "stack": ("wire", "local"),
                "reserved-label": (None, ["5", "7-9"]),
            },
            ("changed", "gateway", "P/GWP"): {"mtu": ("1500", "9000")},
        },
    ),
    "slice": (
        "# The paper's two rules.",
        SLICE_B,
        {
            ("added", "slice", "B"): {"id": (None, "3")},
            ("added", "vrf", "B/B1"): {"id": (None, "3")},
            ("added", "vrf", "B/B3"): {},
            ("added", "link", "B/B13"): {"label": (None, "4")},
        },
    ),
    "gateway": (
        "name: GWP,",
        "name: GWQ,",
        {("removed", "gateway", "P/GWP"): {}, ("added", "gateway", "P/GWQ"): {"vrf": (None, "P1")}},
    ),
    "clients": (
        "clients: [192.0.2.0/24]",
        "clients: [192.0.2.0/24, {prefix: 198.51.100.0/24, via: 192.0.2.254}]",
        {("changed", "mux", "MD"): {"users": (["192.0.2.0/24"], ["192.0.2.0/24", "198.51.100.0/24"])}},
    ),
    "condition goes": (
        "      - {destination: 10.0.0.5}\n",
        "",
        {
            ("removed", "condition", "destination 10.0.0.5/32 of moved-later for P at MD"): {},
            ("removed", "migration", "vm5"): {},
            ("removed", "group", "rack1"): {},
        },
    ),
    "condition comes": (
        "      - {destination: 10.0.0.5}\n",
        "      - {protocol: tcp, destination-port: 80-90, source: 192.0.2.0/25}\n      - {destination: 10.0.0.5}\n",
        {
            (
                "added",
                "condition",
                "source 192.0.2.0/25 protocol 6 destination-port 80-90 of moved-later for P at MD",
            ): {}
        },
    ),
    "conditions change places": (
        MOVED,
        "".join(reversed(MOVED.splitlines(True))),
        {("changed", "mux", "MD"): {"order of conditions": ("as it was", "another")}},
    ),
    "group": (
        RACK,
        "{name: vm5, group: rack2,",
        {
            ("changed", "migration", "vm5"): {"group": ("rack1", "rack2")},
            ("removed", "group", "rack1"): {},
            ("added", "group", "rack2"): {},
        },
    ),
    "route": (
        "{name: P3, node: R3}",
        "{name: P3, node: R3, route: [{prefix: 10.0.0.0/16, via: 10.2.3.1}, {prefix: 10.1.2.0/24, via: 10.1.3.1}]}",
        {
            ("changed", "route", "10.0.0.0/16 of P/P3 on R3"): {
                "way": ("via 10.1.3.1 by P13", "via 10.2.3.1 by P23"),
            }
        },
    ),
}


def ours(text):
    """Names of figure 7 as the store has them."""
    return tool.rename(text)


def told(store, path):
    """{(change, kind, name): {attribute: (old, new)}}, and the nodes whose records differ."""
    result = store.run("diff", "--json", path).exits(3).json()
    assert result["different"] is True
    things = {
        (one["change"], one["kind"], one["name"]): {
            name: (values["old"], values["new"]) for name, values in one["attribute"].items()
        }
        for one in result["change"]
    }
    assert len(things) == len(result["change"]), "a thing is told twice"
    return things, {node["node"]: node for node in result["node"]}


def first_apply():
    with tool.Store() as store:
        path = store.write(tool.figure7())
        things, nodes = told(store, path)
        assert {change for change, _, _ in things} == {"added"}, things
        assert len(nodes) == 3 and all(node["added"] and not node["removed"] for node in nodes.values())
        assert not os.path.exists(store.path), "diff has made a store"


def only_text_differs():
    with tool.Store() as store:
        store.apply()
        text = tool.figure7()
        same = [
            store.write(text),
            store.write("# a comment\n" + text.replace("clients: [192.0.2.0/24]", "clients: [{prefix: 192.0.2.0/24}]")),
            store.write(text.replace("{name: pdc}", "{name: pdc, interface: pdc, mtu: 1500}")),
        ]
        for form in ("json", "xml"):
            with open(tool.FIGURE7.replace("yaml", form), encoding="utf-8") as file:
                same.append(store.write(ours(file.read()), f"domain.{form}"))
        before = subprocess.run(["find", store.path, "-printf", "%p %T@\n"], capture_output=True, check=True).stdout
        for path in same:
            done = store.run("diff", path).exits(0)
            assert done.out == "no difference to revision 1\n", done.out
            assert store.run("diff", "--json", path).exits(0).json() == {
                "change": [],
                "different": False,
                "node": [],
                "revision": 1,
            }
        after = subprocess.run(["find", store.path, "-printf", "%p %T@\n"], capture_output=True, check=True).stdout
        assert before == after, "diff has written to the store"


def one_change(name):
    before, after, expected = CASES[name]
    with tool.Store() as store:
        store.apply()
        text = store.write(tool.figure7(**{before: after}), "changed.yaml")
        things, nodes = told(store, text)
        assert nodes, "no node's records differ"
        lines = store.run("diff", text).exits(3).out.splitlines()
        assert not any("none -> none" in line for line in lines), lines
        for (change, kind, thing), attributes in expected.items():
            key = (change, kind, ours(thing))
            assert key in things, (key, sorted(things))
            for attribute, values in attributes.items():
                assert things[key].get(attribute) == values, (key, things[key])
            sign = {"added": "+", "removed": "-", "changed": "~"}[change]
            assert any(line.startswith(f"{sign} {kind} {ours(thing)}") for line in lines), lines
        kinds = {(change, kind, ours(thing)) for change, kind, thing in expected}
        alike = {(change, kind) for change, kind, _ in expected}
        # Routes follow; and what a node must have room for.
        extra = {key for key in things if key not in kinds and key[1] not in ("route", "node", "mux")}
        assert not extra, f"told besides: {extra}"
        assert name != "slice" or not any(change != "added" for change, _ in alike), "a slice that comes changes nothing"
        store.run("apply", "--timeout", "0.01", text).exits(5)
        store.run("diff", text).exits(0)


def from_labels_to_pages():
    """And back: each slice that changes says so, and what its VRFs get."""
    one = "  - name: P\n"
    forth = ("~ slice P: implementation segmentation -> paging", ours("~ vrf P/P3: addresses on links +10.1.3.2/32 +10.2.3.2/32"))
    back = ("~ slice P: implementation paging -> segmentation", ours("~ vrf P/P3: addresses on links -10.1.3.2/32 -10.2.3.2/32"))
    with tool.Store() as store:
        store.apply()
        for text, expected in ((tool.figure7(**{one: one + "    implementation: paging\n"}), forth), (tool.figure7(), back)):
            path = store.write(text, "changed.yaml")
            lines = store.run("diff", path).exits(3).out.splitlines()
            assert all(line in lines for line in expected), lines
            assert not any(line.startswith("~ slice A") or "none -> none" in line for line in lines), lines
            store.run("apply", "--timeout", "0.01", path).exits(5)


def pools():
    """Those that pages are out of; a page that is written is no pool where its slice is not, either."""
    paging = {"implementation: segmentation": "implementation: paging\npool: [100.96.0.0/11]"}
    pages = ("10.0.0.0/8, mapped: 44.0.0.0/8", "192.0.2.0/24, mapped: 45.0.2.0/24")
    written = {"  - name: A\n": "  - name: A\n    page: [" + ", ".join(f"{{prefix: {page}}}" for page in pages) + "]\n"}
    with tool.Store() as store:
        store.apply(tool.figure7(**{"implementation: segmentation": "implementation: paging"}))
        path = store.write(tool.figure7(**paging, **written), "changed.yaml")
        lines = store.run("diff", path).exits(3).out.splitlines()
        told = [line for line in lines if line[2:].startswith("pool ")]
        assert told == ["- pool 100.64.0.0/10", "+ pool 100.96.0.0/11"], lines
        assert any(line.startswith("+ page 10.0.0.0/8 of A: mapped 44.0.0.0/8") for line in lines), lines
        store.run("apply", "--timeout", "0.01", path).exits(5)
        text = store.write(tool.figure7(**paging, **written, **{"44.0.0.0/8": "46.0.0.0/8"}), "again.yaml")
        assert "pool" not in store.run("diff", text).exits(3).out


def nodes_come_and_go():
    with tool.Store() as store:
        former, new = f"{tool.FOREIGN}8", f"{tool.FOREIGN}9"
        store.apply(f"node: [{{name: {former}, port: [{{name: a}}]}}]\n")
        things, nodes = told(store, store.write(f"node: [{{name: {new}}}]\n"))
        assert things.keys() == {("removed", "node", former), ("added", "node", new)}, things
        assert nodes[former]["removed"] and nodes[new]["added"]


def faulty():
    with tool.Store() as store:
        store.run("diff", store.write("nodes: []")).exits(2, "domain.yaml:1:1: error:")
        store.run("diff", "/nowhere/net.yaml").exits(2, "/nowhere/net.yaml")
        store.apply()
        image = store.image(f"{tool.FOREIGN}1")
        store.put(image, "no image")
        store.run("diff", store.write(tool.figure7())).exits(1, store.path, image)


if __name__ == "__main__":
    cases = [(case.__name__, case) for case in (first_apply, only_text_differs, from_labels_to_pages, pools, nodes_come_and_go, faulty)]
    cases += [(f"change_{name.replace(' ', '_')}", lambda name=name: one_change(name)) for name in CASES]
    sys.exit(tool.run_cases(cases))
