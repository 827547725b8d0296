#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A VLAN of users as a port of its own, as `check`, `plan`, `diff`, `show`, `graph` and `trace` tell of it, by both mechanisms."""
import sys

import tool

R1, R3 = (f"{tool.FOREIGN}{number}" for number in "13")
PAGING = {"implementation: segmentation": "implementation: paging"}
VLANS = {
    "      - {name: pdc}\n": "      - {name: pdc}\n      - {name: lab, on: pdc, vlan: 30, mtu: 1400}\n",
    "{name: GWP, vrf: P1, port: pdc,": "{name: GWP, vrf: P1, port: lab,",
    "      - {name: client}\n": "      - {name: client}\n      - {name: users, on: client, vlan: 31}\n",
    "    port: client\n": "    port: users\n",
}


def text_with(**more):
    return tool.figure7(**VLANS, **more)


def changed(store, path):
    """{(change, kind, name): {attribute: (old, new)}}"""
    told = store.run("diff", "--json", path).exits(3).json()["change"]
    return {
        (one["change"], one["kind"], one["name"]): {
            name: (values["old"], values["new"]) for name, values in one["attribute"].items()
        }
        for one in told
    }


def differs():
    """From users without a tag to users of a VLAN, and to another id."""
    with tool.Store() as store:
        store.apply()
        path = store.write(text_with(), "vlans.yaml")
        things = changed(store, path)
        lab = things["added", "port", f"{R1}/lab"]
        assert (lab["on"], lab["vlan"], lab["mtu"], lab["interface"]) == ((None, "pdc"), (None, "30"), (None, "1400"), (None, "pdc")), lab
        assert things["changed", "port", f"{R1}/pdc"] == {"used by": ("users", "VLANs of users")}, things
        assert things["changed", "gateway", "P/GWP"]["port"] == (f"{R1}/pdc", f"{R1}/lab"), things
        assert things["changed", "mux", "MD"]["port"] == (f"{R3}/client", f"{R3}/users"), things
        store.run("apply", "--timeout", "0.01", path).exits(5)
        things = changed(store, store.write(text_with(**{"vlan: 30": "vlan: 33"})))
        assert things == {("changed", "port", f"{R1}/lab"): {"vlan": ("30", "33")}}, things


def shown():
    """Where an address lives: by which port, and with which tag."""
    for more in ({}, PAGING):
        with tool.Store() as store:
            store.apply(text_with(**more))
            ways = store.run("show", "--json", "10.0.0.5").exits(0).json()["way"]
            way = next(way for way in ways if way["by"])
            assert way["end"] == f"gateway GWP, port lab of {R1}", way
            text = store.run("show", "10.0.0.5").exits(0).out
            assert "by gateway GWP, port lab, vlan 30\n" in text, text


def planned():
    """The id is the vport's, and no link's; a trunk stays the WAN's port, and its VLANs are none of the WAN's."""
    for more, wan in (({}, None), (PAGING, ["pdc", "r2", "r3"])):
        with tool.Store() as store:
            plan = store.run("plan", "--json", store.write(text_with(**more))).exits(0).json()
        node = plan["nodes"][R1]
        gateway = next(vport for sliver in node["slivers"].values() for name, vport in sliver["devices"].items() if name == "GWP")
        assert (gateway["vlan"], gateway["mtu"], gateway["port"]) == (30, 1400, "lab") and "label" not in gateway, gateway
        assert node.get("wan") == wan, node.get("wan")


def drawn():
    with tool.Store() as store:
        text = store.run("graph", store.write(text_with())).exits(0).out
    for part in ("GWP\\nport lab\\nvlan 30 on pdc\\n", "MD\\nport users\\nvlan 31 on client\\n"):
        assert part in text, text


def traced():
    """Frames that come in by a VLAN are asked for by its name; the bare port is another one."""
    with tool.Store() as store:
        store.apply(text_with())
        words = ("trace", "--node", R3, "--from", "192.0.2.10", "--to", "10.0.0.5", "--port")
        store.run(*words, "lab").exits(2, "'lab'")
        for port in ("users", "client"):
            store.run(*words, port).exits(1, R3)


def refused():
    """What is wrong is told at its place, and what is said of the wrong port."""
    cases = (
        ("vlan: 30", "vlan: 0", '14:36: error: vlan: "0" is not a number from 1 to 4094'),
        ("vlan: 30", "vlan: 4095", '"4095" is not a number from 1 to 4094'),
        ("{name: pdc}", "{name: pdc, reserved-label: [30]}", 'vlan: 30 is reserved by port "pdc" for the host'),
        ("{name: pdc}", "{name: pdc}\n      - {name: more, on: pdc, vlan: 30}", 'vlan: 30 of port "pdc" is already that of port "more"'),
        ("on: pdc", "on: r2", 'label: 30 is the users\' VLAN "lab" on port'),
    )
    label = {"{name: P12, ends: [P1, P2], subnet: 10.1.2.0/24}": "{name: P12, ends: [P1, P2], subnet: 10.1.2.0/24, label: 30}"}
    for before, after, said in cases:
        text = text_with(**label)
        assert before in text, before
        with tool.Store() as store:
            tool.run("xslice", "check", store.write(text.replace(before, after))).exits(2, said)


if __name__ == "__main__":
    sys.exit(tool.run_cases([(case.__name__, case) for case in (differs, shown, planned, drawn, traced, refused)]))
