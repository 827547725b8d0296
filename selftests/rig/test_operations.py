#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What docs/operations.md and docs/limits.md say, tried: exit codes, ends and starts, and each way to look at a host that is not
reachable, with a cause made on purpose."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from checks import paths
from lib import contract, figure7, frames, netns, probes, rigtest, services, xslice
from lib.snapshot import RUN_ROOT
from lib.wire import ETH_P_ALL, Port

ABSENT = "10.0.0.77"


def main():
    with netns.alone(), rigtest.Rig("test_operations", "to") as rig:
        net, domain = rig.net, rig.domain
        name = net.name
        with open(rig.definition, encoding="utf-8") as file:
            text = file.read()

        def changed(before, after, file="changed.yaml"):
            assert before in text, before
            return domain.write(text.replace(before, after, 1), file)

        def told(node):
            return next(one for one in domain.command("show", check=False)[1]["node"] if one["node"] == name(node))

        def drops(node, slice_name=None):
            """Verdicts of a node, by name: all, or those of one slice."""
            stats = domain.command("stats", name(node))[1]["node"][0]
            if slice_name:
                stats = next(one for one in stats["slice"] if one["name"] == slice_name)
            return stats["verdict"]

        def rises(node, reason, act, least=5):
            before = drops(node).get(reason, 0)
            act()
            assert netns.until(lambda: drops(node).get(reason, 0) >= before + least, netns.PATIENCE), (reason, before, drops(node))

        def reached(address=figure7.VM5):
            return len(probes.ping(name("client"), address, 3, timeout=0.3)) == 3

        def datagrams(to, count=20, source=""):
            with services.udp_socket(name("client"), source) as sock:
                for _ in range(count):
                    sock.sendto(b"x" * 64, (to, 4100))

        # ---- exit codes ----

        def exit_codes():
            assert domain.apply(rig.definition)[0] == 0
            assert domain.apply(domain.write("nodes: []", "wrong.yaml"), check=False)[0] == 2
            code, _, said = domain.apply(changed("{name: pdc}", "{name: pdc, interface: nowhere}"), check=False)
            assert code == 4 and "nowhere" in said and name("R1") in said, (code, said)
            assert told("R1")["state"] == "failed" and "nowhere" in told("R1")["text"], told("R1")
            assert told("R2")["state"] == "in-force"
            assert reached(), "what was in force is not"
            everywhere = text.replace("{name: r3, ", "{name: r3, interface: nowhere, ").replace(
                "{name: client}", "{name: client, interface: nowhere}"
            )
            assert domain.apply(domain.write(everywhere, "everywhere.yaml"), check=False)[0] == 1
            assert domain.apply(rig.definition)[0] == 0
            domain.agents["R2"].send_signal(signal.SIGSTOP)
            try:
                code, _, said = domain.command("apply", rig.definition, "--timeout", "1", check=False)
                assert code == 5 and name("R2") in said, (code, said)
                assert told("R2")["state"] == "behind", told("R2")
            finally:
                domain.agents["R2"].send_signal(signal.SIGCONT)
            assert netns.until(lambda: told("R2")["state"] == "in-force", netns.PATIENCE), told("R2")

        def diff_and_apply():
            assert domain.command("diff", rig.definition)[0] == 0
            wider = changed("mtu: 1400", "mtu: 1450", "wider.yaml")
            assert domain.command("diff", wider, check=False)[0] == 3
            assert domain.command("diff", wider, check=False)[0] == 3, "diff has changed something"
            domain.apply(wider)
            assert domain.command("diff", wider)[0] == 0
            again = domain.apply(wider)[1]["node"]
            assert all(not node["netlink_changes"] and not node["map_writes"] for node in again), again
            domain.apply(rig.definition)

        # ---- stop and start ----

        def agent_ends():
            assert reached()
            for number in (signal.SIGTERM, signal.SIGKILL):
                agent = domain.agents.pop("R1")
                agent.send_signal(number)
                agent.wait(20)
                assert reached(), f"after signal {number} nothing is forwarded"
                assert told("R1")["state"] == "agent-gone" and "agent gone" in told("R1")["text"], told("R1")
                domain.start("R1")
                assert netns.until(lambda: told("R1")["state"] == "in-force", 10), told("R1")

        def hangup_looks_at_once():
            """A failure that was mended is seen at SIGHUP."""
            netns.run("ip", "-n", name("R1"), "link", "set", "pdc", "down")
            netns.run("ip", "-n", name("R1"), "link", "set", "pdc", "name", "pdx")
            domain.agents["R1"].send_signal(signal.SIGHUP)
            assert netns.until(lambda: told("R1")["state"] == "failed", netns.PATIENCE), told("R1")
            netns.run("ip", "-n", name("R1"), "link", "set", "pdx", "name", "pdc")
            netns.run("ip", "-n", name("R1"), "link", "set", "pdc", "up")
            domain.agents["R1"].send_signal(signal.SIGHUP)
            assert netns.until(lambda: told("R1")["state"] == "in-force", netns.PATIENCE), told("R1")
            assert netns.until(reached, netns.PATIENCE), "vm5 is not reached"

        def look_again(*nodes):
            for node in nodes:
                domain.agents[node].send_signal(signal.SIGHUP)

        def changed_by_hand():
            """What somebody takes from slivers, edges, programs and ports is put back as it was."""
            slivers = net.sliver("R1", "P"), net.sliver("R3", "P"), f"xs.{name('R3')}@client"

            def routes():
                return [netns.run("ip", "-n", space, family, "route") for space in slivers for family in ("-4", "-6")]

            def detached():
                for link in json.loads(netns.run("bpftool", "-f", "-j", "link", "show")):
                    if any(pin.startswith(f"{contract.PIN_ROOT}/{name('R3')}/") for pin in link.get("pinned", ())):
                        netns.run("bpftool", "link", "detach", "id", str(link["id"]))

            before = routes()
            for spoil in (
                lambda: netns.run("ip", "-n", slivers[1], "route", "flush", "table", "main"),
                lambda: netns.run("ip", "-n", slivers[0], "route", "delete", "10.0.0.0/16"),
                lambda: netns.run("ip", "-n", slivers[2], "address", "flush", "dev", "client"),
                lambda: netns.run("ip", "-n", slivers[1], "link", "delete", "P13"),
                lambda: netns.run("ip", "-n", name("R3"), "link", "set", "r1", "down", "mtu", "1300"),
                lambda: netns.run("ip", "netns", "delete", slivers[1]),
                detached,
            ):
                spoil()
                look_again("R1", "R3")
                assert netns.until(reached, netns.PATIENCE), "vm5 is not reached"
                assert netns.until(lambda: routes() == before, netns.PATIENCE), (before, routes())
                assert netns.until(lambda: told("R1")["state"] == told("R3")["state"] == "in-force", netns.PATIENCE)
            port = netns.links(name("R3"))["r1"]
            assert "UP" in port["flags"] and port["mtu"] == 1500, port

        def notes_removed():
            """An agent whose notes somebody removed writes them again: no second agent comes in beside it, and clean finds all."""
            folder = f"{RUN_ROOT}/{name('R1')}"
            shutil.rmtree(folder)
            look_again("R1")
            there = {"image", "journal", "lock", "owner"}
            assert netns.until(lambda: os.path.isdir(folder) and set(os.listdir(folder)) == there, netns.PATIENCE)
            assert netns.until(lambda: told("R1")["state"] == "in-force", netns.PATIENCE), told("R1")
            words = (xslice.program("xsliced"), "--node", name("R1"), "--netns", name("R1"), "--store", domain.store)
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=20)
            assert done.returncode == 1 and "has an agent already" in done.stderr, done
            domain.command("clean")
            assert not [space for space in netns.names() if space.startswith(f"xs.{name('R1')}")], netns.names()
            domain.apply(rig.definition)
            assert netns.until(reached, netns.PATIENCE), "vm5 is not reached"

        # ---- look ----

        def names_of_namespaces():
            there = netns.names()
            assert f"xs.{name('R1')}.P" in there and f"xs.{name('R3')}@client" in there, there
            assert "10.0.0.0/16" in netns.run("ip", "-n", net.sliver("R1", "P"), "route")

        def tcpdump_sees_no_forwarded_frame():
            def captured(namespace, device):
                with netns.inside(name(namespace)):
                    dump = subprocess.Popen(
                        ["tcpdump", "-n", "-U", "-i", device, "udp", "port", "4100"],
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                        text=True,
                    )
                time.sleep(1)
                datagrams(figure7.VM5, 20)
                time.sleep(1)
                dump.terminate()
                return [line for line in dump.communicate(timeout=10)[0].splitlines() if " > " in line]

            assert reached()
            seen = captured("R1", "r3")
            assert not seen, f"a port's tcpdump sees what XDP forwards: {seen}"
            assert len(captured("vm5", "eth0")) == 20, "the host's does not"

        # ---- a host that is not reachable ----

        def which_slice():
            found = domain.command("show", figure7.VM5)[1]
            assert next(one["in"] for one in found["held"] if one["as"] == "vm") == "P"
            domain.switch("vm5", "A")
            found = domain.command("show", figure7.VM5)[1]
            assert next(one["in"] for one in found["held"] if one["as"] == "vm") == "A"
            assert not reached(), "there is no vm5 behind A"
            domain.switch("vm5", "P")
            assert netns.until(reached, netns.PATIENCE)

        def reasons():
            domain.apply(changed("      - {any: true}\n", "      - {destination: 10.9.9.9}\n", "no-any.yaml"))
            rises("R3", "no-slice", lambda: datagrams("10.0.0.200"))
            domain.apply(rig.definition)
            netns.run("ip", "-n", name("client"), "address", "add", "203.0.113.9/32", "dev", "eth0")
            rises("R3", "spoofed-source", lambda: datagrams(figure7.VM5, source="203.0.113.9"))
            netns.run("ip", "-n", name("client"), "address", "delete", "203.0.113.9/32", "dev", "eth0")
            with Port(name("client"), "eth0", ETH_P_ALL) as port:
                edge = probes.arp_ask(port, port.mac, figure7.CLIENT, figure7.EDGE)[0]
                packet = frames.ipv4(
                    figure7.CLIENT, figure7.VM5, 17, frames.udp(figure7.CLIENT, figure7.VM5, 9, 4100, b"x" * 32)
                )
                wrong = frames.ethernet("02:00:00:00:99:99", port.mac, packet)
                tagged = frames.ethernet(edge, port.mac, packet, tags=(5,))
                rises("R3", "not-for-us", lambda: [port.send(wrong) for _ in range(10)])
                rises("R3", "tag-on-user-port", lambda: [port.send(tagged) for _ in range(10)])
            with Port(name("R1"), "r3", ETH_P_ALL) as port:
                foreign = frames.ethernet("02:00:00:00:99:99", port.mac, packet, tags=(4000,))
                rises("R3", "unknown-label", lambda: [port.send(foreign) for _ in range(10)])

        def what_does_not_grow_is_behind_the_break():
            """Cut between R3 and R1: R1 receives nothing more of it."""

            def received(node):
                return domain.command("stats", name(node))[1]["node"][0]["received"]

            netns.run("ip", "-n", name("R3"), "link", "set", "r1", "down")
            time.sleep(0.5)
            before = received("R1"), received("R3")
            datagrams(figure7.VM5, 50)
            time.sleep(0.3)
            grown = received("R1") - before[0], received("R3") - before[1]
            netns.run("ip", "-n", name("R3"), "link", "set", "r1", "up")
            assert grown[0] < 10 and grown[1] >= 50, grown
            assert netns.until(reached, 10), "vm5 is not reached after the cable is back"

        def from_sliver_to_sliver():
            assert len(probes.ping(net.sliver("R3", "P"), "10.1.3.1", 3)) == 3
            assert len(probes.ping(net.sliver("R1", "P"), figure7.VM5, 3)) == 3
            assert not probes.ping(net.sliver("R1", "P"), ABSENT, 1, timeout=0.5)
            shown = netns.until(
                lambda: re.search(
                    rf"{ABSENT} .*(FAILED|INCOMPLETE)", netns.run("ip", "-n", net.sliver("R1", "P"), "neigh", "show", "dev", "GWP")
                ),
                5,
            )
            assert shown, "the neighbour that is not there is not shown as such"
            edge = f"xs.{name('R3')}@client"
            assert figure7.CLIENT in netns.run("ip", "-n", edge, "neigh"), "the edge does not know its user"

        def ports_as_they_must_be():
            assert " xdp " in netns.run("ip", "-n", name("R3"), "link", "show", "r1"), "no xdp"
            features = netns.run_in(name("R3"), "ethtool", "-k", "r1")
            assert re.search(r"^rx-vlan-offload: off", features, re.M), features

        def first_hops_mac():
            mac = next(
                one["mac"] for one in told("R1")["vport"] if one["kind"] == "gateway" and one["name"] == "GWP"
            )
            probes.ping(name("vm5"), figure7.GATEWAY, 1)
            assert mac in netns.run("ip", "-n", name("vm5"), "neigh", "show", figure7.GATEWAY)
            path = rig.hold(paths.route(net, "vm5", figure7.VM5, "R1", "R2"))
            assert path is None

        # ---- limits ----

        def an_index_that_is_too_high():
            netns.run("ip", "-n", name("R1"), "link", "add", "high", "index", "70000", "type", "veth", "peer", "name", "low")
            path = changed("{name: pdc}", "{name: pdc, interface: high}", "high.yaml")
            code, _, said = domain.apply(path, check=False)
            netns.run("ip", "-n", name("R1"), "link", "delete", "high")
            assert code == 4 and "70000" in said and "65536" in said, (code, said)
            domain.apply(rig.definition)
            assert netns.until(reached, netns.PATIENCE)

        def refused_by_check():
            for wrong, part in (
                (("name: GWP,", "name: a234567890123456,"), "longer than 15"),
                (("routing: {protocol: static}", "routing: {protocol: ospf}"), "ospf"),
                (("10.255.0.0/29", "10.255.0.0/31"), "10.255.0.0/31"),
                (("- name: P\n", "- name: P\n    id: 65536\n"), "65535"),
                (("{name: P12,", "{name: P12, label: 4095,"), "4094"),
            ):
                done = subprocess.run(
                    [xslice.program("xslice"), "check", changed(*wrong, "limit.yaml")], capture_output=True, text=True, check=False
                )
                assert done.returncode == 2 and part in done.stderr, (wrong, done.stderr)

        def tables_are_one_per_machine():
            assert os.path.isdir("/sys/fs/bpf/xslice") and os.path.isdir(f"/run/xslice/{name('R1')}")
            for node in figure7.NODES:
                ours = [link for link in netns.links(name(node)) if re.fullmatch(r"xs\d+", link)]
                assert ours, f"no veth of ours on {node}"
            assert contract.PIN_ROOT == "/sys/fs/bpf/xslice"

        cases = (
            exit_codes,
            diff_and_apply,
            agent_ends,
            hangup_looks_at_once,
            changed_by_hand,
            notes_removed,
            names_of_namespaces,
            tcpdump_sees_no_forwarded_frame,
            which_slice,
            reasons,
            what_does_not_grow_is_behind_the_break,
            from_sliver_to_sliver,
            ports_as_they_must_be,
            first_hops_mac,
            an_index_that_is_too_high,
            refused_by_check,
            tables_are_one_per_machine,
        )
        return rig.run_cases([(case.__name__, case) for case in cases])


if __name__ == "__main__":
    sys.exit(main())
