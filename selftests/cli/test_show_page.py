#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Paging in what `xslice` tells: whose a mapped address is, the ways there, what a change would do, from a store without agents."""
import sys

import tool

R1, R2, R3 = (f"{tool.FOREIGN}{number}" for number in "123")
PAGED = {"implementation: segmentation": "implementation: paging"}
SLICE_B = """  - name: B
    vrf: [{name: B1, node: R1}]
    page: [{prefix: 10.7.0.0/16, mapped: 11.7.0.0/16}, {prefix: 10.8.0.0/16, mapped: 11.8.0.0/16}]
    gateway: [{name: GB, vrf: B1, port: b, subnet: 10.7.0.0/24}]

# The paper's two rules."""


def page(store, address):
    """What is told of a mapped address; the text says as much as the JSON."""
    shown = store.run("show", "page", "--json", address).exits(0).json()
    text = store.run("show", "page", address).exits(0).out
    for value in shown.values():
        assert value is None or value in text, (shown, text)
    return tuple(shown[key] for key in ("slice", "page", "mapped", "virtual", "node", "vrf"))


def whose_it_is():
    with tool.Store() as store:
        store.apply(tool.figure7(**PAGED))
        assert page(store, "100.64.0.5") == ("P", "10.0.0.0/16", "100.64.0.0/16", "10.0.0.5", R1, "P1")
        assert page(store, "100.65.0.5") == ("A", "10.0.0.0/16", "100.65.0.0/16", "10.0.0.5", R2, "A2")
        assert page(store, "100.66.7.9") == ("A", "192.0.2.0/24", "100.66.7.0/24", "192.0.2.9", R3, "A3")
        # An address on a link: of the sliver, of a node without one, and of nobody.
        assert page(store, "100.66.0.1") == ("P", "10.1.2.0/24", "100.66.0.0/24", "10.1.2.1", R1, "P1")
        assert page(store, "100.66.0.2") == ("P", "10.1.2.0/24", "100.66.0.0/24", "10.1.2.2", R2, None)
        assert page(store, "100.66.0.77") == ("P", "10.1.2.0/24", "100.66.0.0/24", "10.1.2.77", None, None)
        # Behind a MUX: the slice's own end.
        assert page(store, "100.66.8.2") == ("P", "10.255.0.0/29", "100.66.8.0/29", "10.255.0.2", R3, "P3")


def both_families():
    with tool.Store() as store:
        store.apply(tool.dual_stack().replace(*next(iter(PAGED.items()))))
        assert page(store, "fd78:736c:6963:1::5") == (
            "P",
            "2001:db8:0:100::/64",
            "fd78:736c:6963:1::/64",
            "2001:db8:0:100::5",
            R1,
            "P1",
        )
        assert page(store, "100.64.0.5")[0] == "P"


def whose_it_is_not():
    with tool.Store() as store:
        store.apply(tool.figure7(**PAGED))
        store.run("show", "page", "192.0.2.1").exits(1, "192.0.2.1 is in no page")
        store.run("show", "page", "fd78:736c:6963::1").exits(1, "in no page")
        store.run("show", "page", "somewhere").exits(2, "'page somewhere' is not 'page ADDRESS'")
        store.run("show", "pages", "100.64.0.5").exits(2, "is not 'page ADDRESS'")
        store.run("show", "page", "100.64.0.5", "more").exits(2, "usage")
        # No command, but the name that a node may have.
        store.run("show", "page").exits(2, "no node is called so")
        store.apply(tool.figure7())
        store.run("show", "page", "100.64.0.5").exits(1, "in no page")


def ways():
    """A hop by an uplink, then the sliver where the page's hosts are."""
    with tool.Store() as store:
        store.apply(tool.figure7(**PAGED))
        shown = store.run("show", "--json", "10.0.0.5").exits(0).json()
        hops = {
            (way["from"]["kind"], way["slice"]): [(hop["node"], hop["kind"], hop["device"]) for hop in way["hop"]]
            for way in shown["way"]
        }
        assert hops["mux", "P"] == [(R3, "uplink", "wan"), (R1, "gateway", "GWP")], hops
        assert hops["mux", "A"] == [(R3, "uplink", "wan"), (R2, "gateway", "GWA")], hops
        shown = store.run("show", "--json", "10.1.2.2").exits(0).json()
        ends = {(way["from"]["kind"], way["slice"]): way["end"] for way in shown["way"]}
        assert ends["gateway", "P"] == f"node {R2} itself holds it, mapped", ends
        assert ends["gateway", "A"] == f"VRF A2 on {R2} itself holds it", ends
        assert ("own", "vrf", "A2") in [(one["as"], one["kind"], one["name"]) for one in shown["held"]], shown["held"]
        nodes = {one["node"]: one for one in store.run("show", "--json").exits(0).json()["node"]}
        kinds = sorted((vport["kind"], vport["name"], vport["port"]) for vport in nodes[R1]["vport"])
        assert kinds == [("gateway", "GWP", "pdc"), ("uplink", "wan", None), ("wan", "r2", "r2"), ("wan", "r3", "r3")], kinds
        assert "uplink   wan" in store.run("show").exits(0).out


def change_in_words():
    with tool.Store() as store:
        before = tool.figure7(**PAGED)
        store.apply(before)
        assert store.run("diff", store.write(before)).exits(0).out == "no difference to revision 1\n"
        after = tool.figure7(**PAGED, **{"# The paper's two rules.": SLICE_B, "- {name: pdc}": "- {name: pdc}\n      - {name: b}"})
        told = store.run("diff", "--json", store.write(after, "after.yaml")).exits(3).json()
        pages = {one["name"]: one["attribute"] for one in told["change"] if one["kind"] == "page"}
        assert pages["10.7.0.0/16 of B"]["mapped"] == {"old": None, "new": "11.7.0.0/16"}, pages
        assert pages["10.7.0.0/24 of B"]["hosts on"] == {"old": None, "new": R1}, pages
        # Nobody else's page moves.
        assert all(name.endswith(" of B") for name in pages), pages
        assert {one["change"] for one in told["change"] if one["kind"] == "uplink"} == {"added"}
        # The other mechanism: links and labels in the place of pages and uplinks.
        told = store.run("diff", "--json", "--implementation", "segmentation", store.write(before)).exits(3).json()
        kinds = {(one["change"], one["kind"]) for one in told["change"]}
        assert {("removed", "page"), ("removed", "uplink"), ("added", "link"), ("changed", "port")} <= kinds, kinds
        assert not [one for one in told["change"] if one["kind"] in ("gateway", "migration", "group")], told["change"]


def there_and_back():
    """Changing the mechanism and changing it back is no change."""
    with tool.Store() as store:
        store.apply(tool.figure7(**PAGED))
        store.apply(tool.figure7())
        store.apply(tool.figure7(**PAGED))
        assert page(store, "100.64.0.5")[0] == "P"
        assert page(store, "100.66.7.9")[3] == "192.0.2.9"


if __name__ == "__main__":
    cases = (whose_it_is, both_families, whose_it_is_not, ways, change_in_words, there_and_back)
    sys.exit(tool.run_cases([(case.__name__, case) for case in cases]))
