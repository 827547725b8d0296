#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A change disturbs only what it changes: a slice comes and goes, a list changes, an agent stops, while a stream
runs through slice P and loses nothing."""
import json
import sys
import time

from checks import lifecycle, paths
from lib import figure7, maps, netns, probes, rigtest, services

PORT = 4400
SLICE_B = """  - name: B
    vrf:
      - {name: B1, node: R1}
      - {name: B3, node: R3}
    link:
      - {name: B13, ends: [B1, B3], subnet: 10.7.3.0/24}

# The paper's two rules."""


def with_slice_b(text):
    changed = text.replace("# The paper's two rules.", SLICE_B, 1)
    assert changed != text
    return changed


def labels(net):
    """Every label of every node: (node, port key and VLAN id) -> vport."""
    taken = {}
    for node in figure7.NODES:
        with maps.Map(net.name(node), "label") as table:
            raw = table.raw()
            for at in range(0, len(raw), 4):
                if any(raw[at : at + 4]):
                    taken[node, at // 4] = int.from_bytes(raw[at : at + 4], "little")
    return taken


def undisturbed(net, during, rate=4000):
    """Runs `during` under a stream to vm5 and asserts that nothing was lost or doubled."""
    with services.Sink(net.name("vm5")) as sink:
        stream = services.Stream(net.name("client"), (figure7.VM5, services.SINK_PORT), rate)
        time.sleep(0.2)
        try:
            during()
            time.sleep(0.2)
        finally:
            stream.stop()
        netns.until(lambda: len(sink.numbers()) >= stream.sent, 1.0)
        got = sink.numbers()
    assert (
        len(got) == len(set(got)) == stream.sent
    ), f"{stream.sent} sent, {len(got)} received, {len(set(got))} different"
    print(f"{stream.sent} packets, none lost")


def main():
    with netns.alone(), rigtest.Rig("test_changes", "tc") as rig:
        net, domain = rig.net, rig.domain
        with open(rig.definition, encoding="utf-8") as file:
            text = file.read()
        wider = domain.write(net.definition(with_slice_b(text)), "with-b.yaml")
        moved = domain.write(text.replace("      - {destination: 10.0.0.6}\n", "", 1), "without-vm6.yaml")
        services.ask(net.name("client"), (figure7.VM5, services.WHO_PORT))
        first = labels(net)

        def add():
            undisturbed(net, lambda: domain.apply(wider))
            now = labels(net)
            assert all(now.get(key) == value for key, value in first.items()), "labels of P or A have changed"
            assert (
                len(now) == len(first) + 2
            ), f"{len(now) - len(first)} labels are new instead of 2 (one link, two ends)"
            told = netns.run("ip", "-n", net.sliver("R3", "B"), "-j", "-4", "address", "show", "dev", "B13")
            address = json.loads(told)[0]["addr_info"][0]["local"]
            assert address == "10.7.3.2", f"B3 has {address} on B13"
            assert len(probes.ping(net.sliver("R3", "B"), "10.7.3.1", 3)) == 3, "slice B carries nothing"

        def apart():
            """Even where somebody gives B a route of his own to an address of P: B1 has none."""
            netns.run("ip", "-n", net.sliver("R3", "B"), "route", "add", "10.1.3.0/24", "via", "10.7.3.1")
            assert not probes.ping(net.sliver("R3", "B"), "10.1.3.1", 2, timeout=0.3), "slice B reaches slice P"

        def remove():
            undisturbed(net, lambda: domain.apply(rig.definition))
            assert labels(net) == first, "labels are not what they were"
            assert not netns.exists(net.sliver("R3", "B")), "the sliver of B on R3 is still there"

        def edit_list():
            """R19: the content of a list changes, nothing else; vm6 then falls to the list of A."""
            undisturbed(net, lambda: domain.apply(moved))
            before = netns.device_counts(net.name("R2"), "r3")[0]
            with services.udp_socket(net.name("client")) as sock:
                sock.connect((figure7.VM6, PORT))
                services.send_many(sock, [b"x" * 64] * 200)
            time.sleep(0.1)
            seen = netns.device_counts(net.name("R2"), "r3")[0] - before
            assert seen >= 200, f"{seen} of 200 packets to vm6 went to R2"
            undisturbed(net, lambda: domain.apply(rig.definition))
            rig.hold(paths.route(net, "vm6", figure7.VM6, "R1", "R2"))

        def reached():
            return len(probes.ping(net.name("client"), figure7.VM5, 3, timeout=0.2)) == 3

        def gateway_moves():
            """Behind the other port is another host with the same address: the former one's MAC is no longer known."""
            net.add("other")
            net.join("R1", "pdc2", "other", "eth0")
            net.host_end("other", "eth0")
            net.address("other", "eth0", f"{figure7.VM5}/16", "10.0.0.1")
            assert netns.until(reached, 4), "vm5 is not reached before"
            two = text.replace("- {name: pdc}\n", "- {name: pdc}\n      - {name: pdc2}\n", 1)
            domain.apply(domain.write(two.replace("port: pdc,", "port: pdc2,", 1), "other-port.yaml"))
            assert netns.until(reached, 4), "10.0.0.5 is not reached behind the other port"
            domain.apply(rig.definition)
            assert netns.until(reached, 4), "vm5 is not reached afterwards"

        def port_is_renamed():
            """Another name for a port is another id over the same device: the device stays open, and is so when apply returns."""
            for old, new in (("name: pdc}", "name: dc, interface: pdc}"), ("name: client}", "name: users, interface: client}")):
                port = old[len("name: ") : -1]
                name = new.split(",")[0][len("name: ") :]
                changed = text.replace(old, new, 1).replace(f"port: {port}", f"port: {name}", 1)
                assert f"port: {name}" in changed and new in changed, "the example has changed"
                for path in (domain.write(changed, "renamed.yaml"), rig.definition):
                    domain.apply(path)
                    # A MUX port of another name has another edge, and that another MAC: it announces itself.
                    assert netns.until(reached, 4), f"nothing comes in at {port} after {path}"

        def ports_exchange_devices():
            """Gateway and device stay together; only the ports' names change places."""
            if not netns.links(net.name("R1")).get("pdc2"):
                net.join("R1", "pdc2", "other", "eth1")
            two = text.replace("- {name: pdc}\n", "- {name: pdc}\n      - {name: pdc2}\n", 1)
            exchanged = two.replace("{name: pdc}", "{name: pdc, interface: pdc2}", 1)
            exchanged = exchanged.replace("{name: pdc2}", "{name: pdc2, interface: pdc}", 1)
            exchanged = exchanged.replace("port: pdc,", "port: pdc2,", 1)
            for path in (domain.write(two, "two.yaml"), domain.write(exchanged, "exchanged.yaml"), rig.definition):
                domain.apply(path)
                assert netns.until(reached, 4), f"vm5 is not reached after {path}"

        def stop_agents():
            def during():
                codes = domain.stop()
                assert set(codes.values()) == {0}, f"exit codes {codes}"
                time.sleep(0.5)
                domain.start()
                domain.wait_ready()

            undisturbed(net, during)

        def bad_definition():
            wrong = domain.write(text.replace("10.1.3.0/24", "10.1.2.0/24", 1), "wrong.yaml")
            code, _, said = domain.command("apply", wrong, check=False)
            assert code == 2, f"exit {code}: {said}"
            rig.hold(lifecycle.writes_nothing(domain, rig.definition))

        return rig.run_cases(
            [
                ("a_slice_comes", add),
                ("slices_are_apart", apart),
                ("a_slice_goes", remove),
                ("a_list_changes", edit_list),
                ("a_gateway_moves", gateway_moves),
                ("a_port_is_renamed", port_is_renamed),
                ("ports_exchange_devices", ports_exchange_devices),
                ("agents_stop_and_start", stop_agents),
                ("a_bad_definition_changes_nothing", bad_definition),
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
