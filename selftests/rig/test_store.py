#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What may become of a store - emptied, set back, moved, damaged - and what the domain then does: it says so, and nothing
that it then says is untrue."""
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

from checks import lifecycle, paths
from lib import figure7, netns, rigtest, services, snapshot, xslice

TICK = 45  # an agent looks by itself every 30 s


class Store:
    """The store's directory, as somebody with a copy of it sees it."""

    def __init__(self, domain):
        self.path, self.copy = domain.store, domain.store + ".copy"

    def keep(self):
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.path, self.copy)

    def set_back(self, *only):
        """Puts the copy's files back into the same directory: all, or those whose path begins so."""
        for root, _, names in os.walk(self.copy):
            for name in names:
                there = os.path.relpath(os.path.join(root, name), self.copy)
                if name.startswith(".") or (only and not there.startswith(only)):
                    continue
                os.makedirs(os.path.dirname(os.path.join(self.path, there)), exist_ok=True)
                shutil.copy(os.path.join(root, name), os.path.join(self.path, ".copied"))
                os.replace(os.path.join(self.path, ".copied"), os.path.join(self.path, there))  # as the store itself does

    def remove(self, *keys):
        for key in keys:
            path = os.path.join(self.path, key)
            if os.path.isdir(path):
                for name in os.listdir(path):
                    os.unlink(os.path.join(path, name))
            else:
                os.unlink(path)

    def write(self, key, text):
        with open(os.path.join(self.path, key), "w", encoding="utf-8") as file:
            file.write(text)


def main():
    with netns.alone(), rigtest.Rig("test_store", "tb", bare=True) as rig:
        net, domain = rig.net, rig.domain
        nodes = [net.name(node) for node in figure7.NODES]
        store = Store(domain)
        before = snapshot.take(nodes)
        with open(rig.definition, encoding="utf-8") as file:
            text = file.read()

        def through(vm, address, to, beside):
            rig.hold(paths.route(net, vm, address, to, beside))

        def vm6_in(slice_name):
            """Packets to vm6 leave R3 for the router where the slice leads; the first ones may wait for neighbours, and be lost."""
            to = "R1" if slice_name == "P" else "R2"
            first = netns.device_counts(net.name(to), "r3")[0]

            def seen():
                with contextlib.suppress(ConnectionRefusedError):  # nobody listens there
                    services.send_many(sock, [b"x" * 64] * 50)
                return netns.device_counts(net.name(to), "r3")[0] - first >= 200

            with services.udp_socket(net.name("client")) as sock:
                sock.connect((figure7.VM6, 4500))
                assert netns.until(seen, netns.PATIENCE), f"packets to vm6 do not go to {to}"

        without_vm6 = text.replace("      - {destination: 10.0.0.6}\n", "", 1)
        assert without_vm6 != text
        changed = domain.write(without_vm6, "without-vm6.yaml")

        def in_force():
            if not domain.agents:
                domain.start()
            domain.apply(rig.definition)

        def emptied():
            """Agents that live through it take on what a new life of the store says, whose revisions begin at 1 again."""
            domain.start()
            for _ in range(3):
                domain.apply(rig.definition)
                domain.command("clean")
                code, answer, said = domain.command("clean")
                assert code == 0 and answer == {"node": []}, f"a second clean: {answer} {said}"
                domain.apply(changed, check=True)
                vm6_in("A")
                domain.command("clean")
            domain.apply(rig.definition)
            vm6_in("P")

        def set_back():
            """Reports of a later revision, or of another one with the same number, are no answer."""
            store.keep()
            domain.apply(changed)
            vm6_in("A")
            store.set_back()
            domain.apply(changed)
            report, active = domain.report("R3"), domain.revision()
            assert report["revision_id"] == active["id"], f"{report} is taken for an answer to {active}"
            vm6_in("A")
            domain.apply(rig.definition)
            vm6_in("P")

        def switches_set_back():
            """What the nodes know of later switches counts, and a switch that is said to be made is made."""
            store.keep()
            for slice_name in "APAPA":
                domain.switch("vm5", slice_name)
            store.set_back("generation", "cell", "report")
            domain.switch("vm5", "P")
            through("vm5", figure7.VM5, "R1", "R2")
            held = domain.command("show")[1]["cell"]["vm5"]
            assert held["in"] == "P", held
            store.remove("generation")
            domain.switch("vm5", "A")
            assert domain.command("show")[1]["cell"]["vm5"]["in"] == "A"
            domain.switch("vm5", "P")
            through("vm5", figure7.VM5, "R1", "R2")

        @contextlib.contextmanager
        def looking(agent):
            """It looks at everything again and again."""
            over = threading.Event()

            def look_again_and_again():
                while not over.wait(0.01):
                    agent.send_signal(signal.SIGHUP)

            thread = threading.Thread(target=look_again_and_again)
            thread.start()
            try:
                yield
            finally:
                over.set()
                thread.join()

        def switched_while_looking():
            """An agent that takes a switch on in the midst of looking at everything reports it, too."""
            with looking(domain.agents["R3"]):
                for slice_name in "AP" * 20:
                    domain.command("switch", "vm5", slice_name, "--timeout", "10")

        def changed_while_looking():
            """A change does not wait for a look to end, which begins anew then: what is broken meanwhile is mended."""
            route = ("ip", "-n", f"xs.{net.name('R3')}.P", "route", "show", "10.1.3.0/24")
            with looking(domain.agents["R3"]):
                for definition in (changed, rig.definition) * 5:
                    domain.apply(definition)
                netns.run("ip", "-n", f"xs.{net.name('R3')}.P", "address", "flush", "dev", "P13")
                for definition in (changed, rig.definition):
                    domain.apply(definition)
            assert netns.until(lambda: netns.run(*route), netns.PATIENCE), "an address that went is not there again"
            assert not domain.report("R3")["failed"], domain.report("R3")

        def not_a_number():
            store.keep()
            for text_of in ("-1\n", "18446744073709551615\n", "4711"):
                store.write("generation", text_of)
                code, _, said = domain.command("switch", "vm5", "A", check=False)
                assert code == 1 and "generation" in said and "delete it" in said, f"exit {code}: {said}"
            domain.agents["R3"].send_signal(signal.SIGHUP)
            assert netns.until(lambda: domain.report("R3")["failed"], netns.PATIENCE), "R3 says nothing of it"
            assert "generation" in domain.report("R3")["error"], domain.report("R3")
            store.set_back("generation")
            # A switch to where the VM is already waits for nothing new: what the agent said last is its answer.
            assert netns.until(lambda: not domain.report("R3")["failed"], netns.PATIENCE), domain.report("R3")
            domain.switch("vm5", "P")

        def replaced():
            """The agents go by the directory that the path leads to."""
            os.rename(store.path, store.path + ".old")
            shutil.copytree(store.path + ".old", store.path, dirs_exist_ok=True)  # reports come in between
            code, _, said = domain.command("apply", changed, "--timeout", str(TICK), check=False, timeout=90)
            assert code == 0, said
            vm6_in("A")
            shutil.rmtree(store.path + ".old")
            # Gone for a while: the nodes go on.
            os.rename(store.path, store.path + ".away")
            time.sleep(0.5)
            vm6_in("A")
            os.rename(store.path + ".away", store.path)
            code, _, said = domain.command("apply", rig.definition, "--timeout", str(TICK), check=False, timeout=90)
            assert code == 0, said
            vm6_in("P")

        def image_lost():
            """It is not the same as a node that has nothing to hold."""
            active = domain.revision()
            store.remove(f"image/{active['revision']}.{active['id']}/{net.name('R3')}")
            domain.agents["R3"].send_signal(signal.SIGHUP)
            assert netns.until(lambda: domain.report("R3")["failed"], 10), "R3 says nothing of it"
            assert "lost image/" in domain.report("R3")["error"], domain.report("R3")
            vm6_in("P")
            for words, wanted in ((("show",), 4), (("stats",), 4), (("switch", "vm5", "A"), 1)):
                code, _, said = domain.command(*words, check=False)
                assert code == wanted and net.name("R3") in said and "lost" in said, f"{words}: exit {code}: {said}"
            domain.apply(rig.definition)
            assert not domain.report("R3")["failed"]

        def slice_renamed():
            """A VM that was switched to a slice that is no more begins where its migration comes from, and apply says so."""
            domain.switch("vm5", "A")
            renamed = text.replace("name: A\n", "name: B\n", 1).replace("name: A,", "name: B,", 1).replace("to: A", "to: B")
            path = domain.write(renamed, "renamed-slice.yaml")
            _, _, said = domain.apply(path)
            assert "warning" in said and "vm5" in said and "no more" in said, said
            through("vm5", figure7.VM5, "R1", "R2")
            domain.switch("vm5", "B")
            gone = domain.write(renamed.replace("  - {name: vm5,", "  - {name: vm5b,", 1), "vm5-gone.yaml")
            _, _, said = domain.apply(gone)
            assert "migration vm5 was switched and is no more" in said, said
            domain.apply(rig.definition)
            through("vm5", figure7.VM5, "R1", "R2")

        def removed(alive):
            def case():
                in_force()
                if not alive:
                    domain.stop(signal.SIGKILL)
                gone = f"{domain.store}.gone"
                os.rename(domain.store, gone)  # at once: agents write to it
                # An agent that has not looked yet may be writing a report into it.
                assert netns.until(lambda: shutil.rmtree(gone, ignore_errors=True) or not os.path.exists(gone), 10), gone
                rig.hold(lifecycle.removed(domain, before, nodes))

            return case

        def two_stores():
            """A node is one store's at a time: the other's commands say whose, and wait for nothing there."""
            in_force()
            first, domain.store = domain.store, domain.store + ".second"
            try:
                begin = time.monotonic()
                code, answer, said = domain.apply(changed, check=False)
                assert code == 1 and f"held by store {first}" in said, f"exit {code}: {said}"
                assert {one["state"] for one in answer["node"]} == {"held-elsewhere"}, answer
                assert time.monotonic() - begin < 5, "it waited all the same"
                begin = time.monotonic()
                code, answer, said = domain.command("clean", check=False)
                assert code == 0 and time.monotonic() - begin < 5, f"exit {code}: {said}"
                held = [{"node": name, "state": "held-elsewhere", "store": first} for name in nodes]
                assert answer["node"] == held, answer
                vm6_in("P")
                # Agents of the second store take the nodes over, and say so.
                domain.stop()
                domain.apply(changed, check=False, timeout=0.01)
                domain.start()
                domain.wait_ready()
                vm6_in("A")
                for node in figure7.NODES:
                    with open(os.path.join(domain.keep, f"agent-{net.name(node)}.log"), encoding="utf-8") as log:
                        assert f"store {first} held this node" in log.read(), f"{node} does not say that it was taken over"
                second, domain.store = domain.store, first
                for one in domain.command("show")[1]["node"]:
                    assert one["state"] == "held-elsewhere" and second in one["text"], one
                # An agent whose node holds nothing that was there before gives its note back.
                domain.stop(signal.SIGKILL)
                domain.store = second
                rig.hold(lifecycle.removed(domain, before, nodes))
                domain.store = first
                domain.command("clean")
            finally:
                domain.store = first
                domain.stop()
                shutil.rmtree(first + ".second", ignore_errors=True)

        def two_stores_and_nothing_held():
            """Agents that hold nothing yet are their store's all the same: another one waits for none of them."""
            in_force()
            domain.command("clean")
            first, domain.store = domain.store, domain.store + ".second"
            held = [{"node": name, "state": "held-elsewhere", "store": first} for name in nodes]
            try:
                for words in (("apply", changed), ("clean",)):
                    begin = time.monotonic()
                    code, answer, said = domain.command(*words, check=False)
                    assert time.monotonic() - begin < 5, f"{words}: waited: {said}"
                    if words[0] == "apply":
                        assert code == 1 and f"held by store {first}" in said, f"exit {code}: {said}"
                    else:
                        assert code == 0 and answer["node"] == held, f"exit {code}: {answer} {said}"
            finally:
                domain.store = first
                shutil.rmtree(first + ".second", ignore_errors=True)
            domain.apply(changed)

        def moved_behind_a_link():
            """The same store by the same path, though it lies elsewhere: it is not taken for another."""
            in_force()

            def look():
                for agent in domain.agents.values():
                    agent.send_signal(signal.SIGHUP)
                states = lambda: {one["state"] for one in domain.command("show", check=False)[1]["node"]}
                assert netns.until(lambda: states() == {"in-force"}, 10), states()

            moved = store.path + ".moved"
            os.rename(store.path, moved)
            os.symlink(moved, store.path)
            try:
                look()
                domain.apply(changed)
            finally:
                os.unlink(store.path)
                os.rename(moved, store.path)
            look()

        def mistyped_node():
            """Its agent's report stays; as it holds nothing, an apply does not wait for it, whatever the store has lost."""
            in_force()
            name = net.name("typo")
            words = (xslice.program("xsliced"), "--node", name, "--store", domain.store, "--netns", nodes[0])
            agent = subprocess.Popen(words, stderr=subprocess.DEVNULL)
            try:
                assert netns.until(lambda: os.path.exists(f"{domain.store}/report/{name}"), 10), "no report"
            finally:
                agent.terminate()
                agent.wait(20)
            domain.apply(changed)
            assert name not in [one["node"] for one in domain.command("show")[1]["node"]]
            store.remove("revision")
            answer = domain.apply(changed)[1]
            assert name not in [one["node"] for one in answer["node"]], answer
            rig.hold(lifecycle.removed(domain, before, nodes))

        def forgotten(*keys, garbage=None, alive=True):
            def case():
                in_force()
                if not alive:
                    domain.stop(signal.SIGKILL)
                store.remove(*keys)
                if garbage:
                    store.write("revision", garbage)
                    code, _, said = domain.command("apply", rig.definition, check=False)
                    assert code == 1 and "xslice clean" in said, f"exit {code}: {said}"
                rig.hold(lifecycle.removed(domain, before, nodes))

            return case

        return rig.run_cases(
            [
                ("emptied_and_filled_again", emptied),
                ("set_back", set_back),
                ("switches_set_back", switches_set_back),
                ("switched_while_the_agent_looks", switched_while_looking),
                ("changed_while_the_agent_looks", changed_while_looking),
                ("a_generation_that_is_none", not_a_number),
                ("replaced_and_away", replaced),
                ("an_image_is_lost", image_lost),
                ("a_slice_is_renamed", slice_renamed),
                ("revision_lost_then_clean", forgotten("revision")),
                ("revision_and_reports_lost_then_clean", forgotten("revision", "report")),
                ("the_same_with_dead_agents", forgotten("revision", "report", alive=False)),
                ("revision_is_garbage_then_clean", forgotten(garbage="x\n")),
                ("another_store_holds_the_nodes", two_stores),
                ("another_stores_agents_hold_nothing", two_stores_and_nothing_held),
                ("moved_behind_a_link", moved_behind_a_link),
                ("a_mistyped_node", mistyped_node),
                ("the_directory_is_removed_then_clean", removed(True)),
                ("the_same_with_dead_agents_then_clean", removed(False)),
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
