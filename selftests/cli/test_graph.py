#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`xslice graph`: every object of the definition once, with what the plan gives it; DOT that graphviz reads, SVG by graphviz."""
import collections
import os
import re
import shutil
import subprocess
import sys

import tool

BOXES = ["gateway A/GWA", "gateway P/GWP", "migration vm5", "migration vm6", "mux MD"]
BOXES += [f"vrf {slice}/{slice}{node}" for slice in "AP" for node in "123"]
CLUSTERS = {"R1": ["A1", "P1", "GWP"], "R2": ["A2", "P2", "GWA"], "R3": ["A3", "P3", "MD"]}
EMPTY = "node: [{name: R1, port: [{name: a}]}, {name: R2}]\n"


def graphviz(*words, text=None):
    if not shutil.which("dot"):
        raise tool.Skip("graphviz is not installed")
    done = subprocess.run(["dot", *words], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def each_object_once():
    text = tool.run("xslice", "graph", tool.FIGURE7).exits(0).out
    drawn = re.findall(r'^\s+"([^"]+)" \[', text, re.M)
    assert sorted(drawn) == sorted(BOXES), drawn
    lines = re.findall(r'^  "([^"]+)" -> "([^"]+)" \[label="([^"]*)"', text, re.M)
    links = {label.split("\\n")[0]: (a, b, label) for a, b, label in lines if "vlan" in label}
    assert sorted(links) == ["A12", "A13", "A23", "P12", "P13", "P23"], links
    assert len(lines) == 6 + 2 + 2 + 4, "links, gateways, lists of the MUX, ends of migrations"
    assert links["P13"][:2] == ("vrf P/P1", "vrf P/P3") and "10.1.3.0/24" in links["P13"][2], links["P13"]
    plan = tool.run("xslice", "plan", "--json", tool.FIGURE7).exits(0).json()
    for cable in plan["labels"].values():
        for name, label in cable.items():
            assert f"\\nvlan {label}\\n" in links[name.split("/")[1]][2], (name, label)
    for part in ("10.0.0.5", "group rack1", "clients 192.0.2.0/24", "1. moved-later", "2. all", "port pdc"):
        assert part in text, part


def both_families():
    with tool.Store() as store:
        text = tool.run("xslice", "graph", store.write(tool.dual_stack())).exits(0).out
    for part in ("10.1.3.0/24\\n2001:db8:1:3::/64", "10.0.0.5\\n2001:db8:0:100::5", "clients 2001:db8:0:200::/64"):
        assert part in text, part


def same_as_json():
    graph = tool.run("xslice", "graph", "--json", tool.FIGURE7).exits(0).json()
    assert sorted(box["id"] for box in graph["box"]) == sorted(BOXES)
    ids = {box["id"] for box in graph["box"]}
    assert all(line["from"] in ids and line["to"] in ids for line in graph["line"])
    assert collections.Counter(line["kind"] for line in graph["line"]) == {
        "link": 6,
        "gateway": 2,
        "mux": 2,
        "migration": 4,
    }


def graphviz_reads_it():
    text = tool.run("xslice", "graph", tool.FIGURE7).exits(0).out
    canonical = graphviz("-Tcanon", text=text)
    for box in BOXES:
        assert len(re.findall(rf'^\s*"{box}"\s+\[', canonical, re.M)) == 1, box
    for node, names in CLUSTERS.items():
        cluster = re.search(rf"subgraph cluster_{node} {{.*?\n\t}}", canonical, re.S).group(0)
        for name in names:
            assert f"/{name}\"" in cluster or f" {name}\"" in cluster, (node, name)


def svg():
    graphviz("-V") if not shutil.which("dot") else None
    drawing = tool.run("xslice", "graph", "--as", "svg", tool.FIGURE7).exits(0).out
    assert drawing.lstrip().startswith("<?xml") and drawing.rstrip().endswith("</svg>"), drawing[:80]
    assert drawing.count(">GWP</text>") == 1, "one gateway GWP"


def without_graphviz():
    with tool.Store() as store:
        folder = os.path.join(store.folder, "bin")
        os.mkdir(folder)
        tool.run("xslice", "graph", "--as", "svg", tool.FIGURE7, env={"PATH": folder}).exits(1, "graphviz", "--as dot")
        tool.run("xslice", "graph", "--as", "png", tool.FIGURE7).exits(2, "'png'")
        tool.run("xslice", "graph", store.write("nodes: []")).exits(2, "domain.yaml:1:1: error:")


def nodes_without_slices():
    with tool.Store() as store:
        canonical = graphviz("-Tcanon", text=tool.run("xslice", "graph", store.write(EMPTY)).exits(0).out)
        assert "cluster_R1" in canonical and "cluster_R2" in canonical


if __name__ == "__main__":
    cases = (each_object_once, both_families, same_as_json, graphviz_reads_it, svg, without_graphviz, nodes_without_slices)
    sys.exit(tool.run_cases([(case.__name__, case) for case in cases]))
