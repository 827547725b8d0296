#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`xslice show ADDRESS`: who has it, in which slice it lives, and the way there, hop by hop, from MUXes and gateways."""
import sys

import tool

R1, R2, R3 = (f"{tool.FOREIGN}{number}" for number in "123")
WAY_P = [(R3, "P3", "10.0.0.0/16", "10.1.3.1", "P13"), (R1, "P1", "10.0.0.0/16", None, "GWP")]
WAY_A = [(R3, "A3", "10.0.0.0/16", "10.2.3.1", "A23"), (R2, "A2", "10.0.0.0/16", None, "GWA")]
LATER = "      - {destination: 10.0.0.5}\n      - {destination: 10.0.0.6}\n"
WEB = "      - {protocol: tcp, destination-port: 80, destination: 10.0.0.0/24}\n"


def look(store, address):
    """(what has it, ways by (kind, slice)); the text says as much as the JSON."""
    shown = store.run("show", "--json", address).exits(0).json()
    text = store.run("show", address).exits(0).out
    assert text.splitlines()[0] == shown["address"] == address, text
    for way in shown["way"]:
        assert f"  -> {way['end']}\n" in text, text
        for hop in way["hop"]:
            assert hop["vrf"] in text and hop["route"] in text and hop["device"] in text, text
    return shown["held"], {(way["from"]["kind"], way["slice"]): way for way in shown["way"]}


def hops(way):
    return [(hop["node"], hop["vrf"], hop["route"], hop["via"], hop["device"]) for hop in way["hop"]]


def lives_in(store, slice_name, generation=None):
    held, ways = look(store, "10.0.0.5")
    machine = next(one for one in held if one["as"] == "vm")
    assert machine["migration"] == "vm5" and machine["group"] == "rack1", machine
    assert machine["in"] == slice_name and (generation is None or machine["generation"] == generation), machine
    chosen = [way["slice"] for way in ways.values() if way["by"]]
    assert chosen == [slice_name], chosen
    assert hops(ways["mux", "P"]) == WAY_P and hops(ways["mux", "A"]) == WAY_A, ways
    assert ways["mux", "P"]["arrives"] and ways["mux", "P"]["end"] == f"gateway GWP, port pdc of {R1}"
    return ways


def migrated():
    """A VM's switch, its group's after it, and its own again: the later one tells where it lives."""
    with tool.Store() as store:
        store.apply()
        ways = lives_in(store, "P")
        assert ways["mux", "P"]["by"] == {"condition": "destination 10.0.0.5/32", "filter": "moved-later"}
        store.run("switch", "vm5", "A", "--timeout", "0.01").exits(5)
        ways = lives_in(store, "A")
        assert ways["mux", "A"]["by"] == {"condition": "any", "filter": "all"}
        store.run("switch", "rack1", "P", "--timeout", "0.01").exits(5)
        lives_in(store, "P")
        store.run("switch", "vm5", "A", "--timeout", "0.01").exits(5)
        lives_in(store, "A", generation=int(open(f"{store.path}/generation", encoding="ascii").read()))


def both_families():
    """A VM's two addresses live in one slice and go one way."""
    with tool.Store() as store:
        store.apply(tool.dual_stack())
        for switched in ("P", "A"):
            if switched == "A":
                store.run("switch", "vm5", "A", "--timeout", "0.01").exits(5)
            for address in ("10.0.0.5", "2001:db8:0:100::5"):
                held, ways = look(store, address)
                machine = next(one for one in held if one["as"] == "vm")
                assert (machine["migration"], machine["in"]) == ("vm5", switched), machine
                assert [way["slice"] for way in ways.values() if way["by"]] == [switched], ways
                assert [hop["device"] for hop in ways["mux", "P"]["hop"]] == ["P13", "GWP"], ways
                assert [hop["device"] for hop in ways["mux", "A"]["hop"]] == ["A23", "GWA"], ways
        _, ways = look(store, "2001:db8:0:100::5")
        assert ways["mux", "P"]["hop"][0]["via"] == "2001:db8:1:3::1", ways
        held, ways = look(store, "2001:db8:0:200::77")
        assert [(one["as"], one["name"]) for one in held] == [("users", "MD")], held
        assert ways["gateway", "A"]["end"] == f"users of MUX MD on port client of {R3}", ways


def labels_are_the_plans():
    with tool.Store() as store:
        store.apply()
        plan = store.run("plan", "--json", store.write(tool.figure7())).exits(0).json()["labels"]
        _, ways = look(store, "10.0.0.5")
        for way in ways.values():
            for hop in way["hop"]:
                label = next(
                    (
                        cable[f"{hop['slice']}/{hop['device']}"]
                        for name, cable in plan.items()
                        if f"{hop['slice']}/{hop['device']}" in cable and f"{hop['node']}/{hop['port']}" in name
                    ),
                    0,
                )
                assert hop["label"] == label and (label > 0) == (hop["kind"] == "link"), (hop, label)


def no_hosts():
    """A subnet's network and broadcast address: no way leads there."""
    with tool.Store() as store:
        store.apply(tool.dual_stack())
        for address, kind, names in (
            ("10.0.0.0", "network", {"GWP", "GWA"}),
            ("10.0.255.255", "broadcast", {"GWP", "GWA"}),
            ("10.1.3.255", "broadcast", {"P13", "A13"}),
            ("192.0.2.0", "network", {"MD"}),
            ("192.0.2.255", "broadcast", {"MD"}),
        ):
            held, ways = look(store, address)
            assert {one["name"] for one in held} == names and {one["as"] for one in held} == {kind}, held
            assert not ways, ways
            assert f"no host's: the {kind} address of" in store.run("show", address).out
        for address in ("10.0.0.255", "10.0.1.0", "2001:db8:0:100::", "2001:db8:0:100:ffff:ffff:ffff:ffff"):
            held, ways = look(store, address)
            assert not {one["as"] for one in held} & {"network", "broadcast"}, (address, held)
            assert any(way["arrives"] for way in ways.values()), (address, ways)


def others():
    with tool.Store() as store:
        store.apply()
        held, ways = look(store, "10.0.0.9")
        assert {(one["as"], one["name"], one["node"], one["subnet"]) for one in held} == {
            ("subnet", "GWP", R1, "10.0.0.0/16"),
            ("subnet", "GWA", R2, "10.0.0.0/16"),
        }, held
        assert ways["mux", "A"]["by"]["condition"] == "any" and not ways["mux", "P"]["by"]
        held, ways = look(store, "192.0.2.10")
        assert [(one["as"], one["name"]) for one in held] == [("users", "MD")], held
        assert ways.keys() == {("gateway", "P"), ("gateway", "A")}
        assert ways["gateway", "P"]["end"] == f"users of MUX MD on port client of {R3}"
        assert [hop["vrf"] for hop in ways["gateway", "A"]["hop"]] == ["A2", "A3"]
        held, ways = look(store, "10.1.3.2")
        own = {(one["slice"], one["name"]) for one in held if one["as"] == "own"}
        assert own == {("P", "P13"), ("A", "A13")}, held
        assert ways["gateway", "A"]["end"] == f"VRF A3 on {R3} itself holds it, on A13"
        held, ways = look(store, "10.255.0.1")
        assert [one["as"] for one in held] == ["own"] and "edge of MUX MD" in ways["mux", "P"]["end"], (held, ways)
        for address in ("203.0.113.7", "2001:db8::7"):
            held, ways = look(store, address)
            assert not held and not any(way["arrives"] for way in ways.values()), (held, ways)
        store.run("show", "10.0.0.256").exits(2, "'10.0.0.256'")


def conditions_that_test_more():
    """They come before the one that the destination alone chooses, so they may take the packet."""
    with tool.Store() as store:
        store.apply(tool.figure7(**{LATER: WEB + LATER}))
        _, ways = look(store, "10.0.0.9")
        assert ways["mux", "A"]["by"]["filter"] == "all"
        assert [(one["slice"], one["condition"]) for one in ways["mux", "A"]["unless"]] == [
            ("P", "destination 10.0.0.0/24 protocol 6 destination-port 80")
        ], ways
        _, ways = look(store, "10.0.1.9")
        assert not ways["mux", "A"]["unless"], ways


def no_list_takes_it():
    with tool.Store() as store:
        store.apply(tool.figure7(**{"{any: true}": "{source: 192.0.2.0/25}"}))
        _, ways = look(store, "10.0.0.9")
        left = ways["mux", None]
        assert left["end"] == "it is dropped (no-slice)" and not left["hop"] and not left["by"], left
        assert [one["condition"] for one in left["unless"]] == ["source 192.0.2.0/25"], left
        assert not any(way["by"] for way in ways.values()), ways
        assert ("mux", None) not in look(store, "10.0.0.5")[1]


def behind_routers():
    with tool.Store() as store:
        store.apply(
            tool.figure7(
                **{
                    "port: pdc, subnet: 10.0.0.0/16": "port: pdc, subnet: 10.0.0.0/16, "
                    "behind: [{prefix: 172.31.0.0/16, via: 10.0.0.9}]",
                    "clients: [192.0.2.0/24]": "clients: [192.0.2.0/24, {prefix: 198.51.100.0/24, via: 192.0.2.254}]",
                }
            )
        )
        held, ways = look(store, "172.31.4.5")
        assert [(one["as"], one["slice"], one["name"]) for one in held] == [("behind", "P", "GWP")], held
        assert ways["mux", "P"]["end"] == f"gateway GWP, port pdc of {R1}, behind 10.0.0.9"
        held, ways = look(store, "198.51.100.9")
        assert [(one["as"], one["name"]) for one in held] == [("users", "MD")], held
        assert ways["gateway", "P"]["end"].endswith(f"port client of {R3}, behind 192.0.2.254")


def circles_end():
    with tool.Store() as store:
        ring = "{name: %s, node: %s, route: [{prefix: 10.0.0.0/16, via: %s}]}"
        done = store.run(
            "apply",
            "--timeout",
            "0.01",
            store.write(
                tool.figure7(
                    **{
                        "{name: A1, node: R1}": ring % ("A1", "R1", "10.1.3.2"),
                        "{name: A3, node: R3}": ring % ("A3", "R3", "10.1.3.1"),
                    }
                )
            ),
        )
        if done.code == 2:
            return  # refused before it comes to this
        _, ways = look(store, "10.0.0.9")
        assert ways["mux", "A"]["end"] == "it goes round in a circle", ways["mux", "A"]["end"]


if __name__ == "__main__":
    cases = (migrated, both_families, labels_are_the_plans, no_hosts, others, conditions_that_test_more, no_list_takes_it, behind_routers, circles_end)
    sys.exit(tool.run_cases([(case.__name__, case) for case in cases]))
