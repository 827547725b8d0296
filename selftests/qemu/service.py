#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The installed programs under systemd, on a machine that is one node: service.py installed|rebooted. Runs inside a virtual machine
(scripts/test-qemu), twice with the same store, as a service of its own; between the two the machine was shut down.

      client ---veth--- [MUX, slices P and A: R1] ---veth--- pdc, adc       both have the VM: 10.0.0.5
"""
import json
import os
import subprocess
import sys
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "selftests/rig"))

from lib import netns, probes, rigtest, services  # noqa: E402

SLOW = 120  # what takes a second elsewhere may take this here: emulation, and a machine that is starting
PATIENT = ("--timeout", str(SLOW))
UNIT, VM = "xsliced@R1", "10.0.0.5"
STORE = "/var/lib/xslice"  # where none is named
DEFINITION = STORE + "/net.yaml"  # it outlives the machine's memory there

TEXT = """
node:
  - {name: R1, port: [{name: client}, {name: pdc}, {name: adc}]}
slice:
  - name: P
    vrf: [{name: P1, node: R1}]
    gateway: [{name: GWP, vrf: P1, port: pdc, subnet: 10.0.0.0/24}]
  - name: A
    vrf: [{name: A1, node: R1}]
    gateway: [{name: GWA, vrf: A1, port: adc, subnet: 10.0.0.0/24}]
filter:
  - {name: moved-later, condition: [{destination: 10.0.0.5}]}
  - {name: all, condition: [{any: true}]}
mux:
  - name: MD
    node: R1
    port: client
    clients: [192.0.2.0/24]
    subnet: 10.255.0.0/29
    slice: [{name: P, filter: moved-later}, {name: A, filter: all}]
migration:
  - {name: vm5, address: 10.0.0.5, mac: "52:54:00:00:00:05", from: P, to: A}
"""


def systemctl(*words, check=True):
    return netns.run("systemctl", *words, check=check, timeout=SLOW)


def xslice(*words, codes=(0,)):
    """What it answers, as --json has it. codes: exit codes that will do."""
    done = subprocess.run(["xslice", *words, "--json"], capture_output=True, text=True, timeout=2 * SLOW)
    if done.returncode not in codes:
        raise netns.RigError(f"xslice {' '.join(words)}: exit {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def shown():
    """The node's state in words, and the slice in which the VM is."""
    answer = xslice("show", codes=(0, 4))  # 4: the node is not as it should be
    return answer["node"][0]["text"], answer["cell"]["vm5"]["in"]


def is_active():
    return systemctl("is-active", UNIT, check=False).strip() == "active"


def pid():
    return int(systemctl("show", "--property=MainPID", "--value", UNIT))


class Hosts:
    """The three hosts. The node's ends of their wires are in the machine's own namespace, as cards would be."""

    def __init__(self):
        self.net = netns.Net()
        for name, port, address, first_hop in (
            ("client", "client", "192.0.2.10/24", "192.0.2.1"),
            ("vmp", "pdc", VM + "/24", "10.0.0.1"),
            ("vma", "adc", VM + "/24", "10.0.0.1"),
        ):
            self.net.add(name)
            netns.run("ip", "link", "add", "name", port, "type", "veth", "peer", "name", "eth0", "netns", name)
            if name != "client":
                netns.run("ip", "-n", name, "link", "set", "dev", "eth0", "address", "52:54:00:00:00:05")
            netns.run("ip", "link", "set", "dev", port, "up")
            netns.run("ip", "-n", name, "link", "set", "dev", "eth0", "up")
            self.net.host_end(name, "eth0")
            self.net.address(name, "eth0", address, first_hop)
        self.services = [services.Who("vmp", "P"), services.Who("vma", "A")]

    @staticmethod
    def who():
        return services.ask("client", (VM, services.WHO_PORT))

    def answered_in(self, slice_name):
        found = netns.until(lambda: self.who() == slice_name, SLOW, 0.2)
        assert found, f"the VM answers in {self.who()}, and not in {slice_name}"

    @staticmethod
    def none_lost():
        answered = len(probes.ping("client", VM, 20, timeout=SLOW / 20))
        assert answered == 20, f"{answered} of 20 answered"


# ---- the first time that the machine runs --------------------------------------------------------------------------


class Installed:
    def __init__(self):
        self.hosts = Hosts()

    def unit_is_sound(self):
        said = netns.run("systemd-analyze", "verify", UNIT + ".service", timeout=SLOW)
        assert UNIT not in said and "xslice" not in said, said

    def enabled_and_started(self):
        systemctl("enable", "--now", UNIT)
        assert netns.until(is_active, SLOW, 0.2), systemctl("status", UNIT, check=False)

    def applied(self):
        with open(DEFINITION, "w", encoding="utf-8") as file:
            file.write(TEXT)
        xslice("apply", DEFINITION, *PATIENT)
        assert shown() == ("in force", "P"), shown()
        self.hosts.answered_in("P")

    def stopped_and_forwarding(self):
        systemctl("stop", UNIT)
        self.hosts.none_lost()
        assert "agent gone" in shown()[0], shown()
        systemctl("start", UNIT)
        assert netns.until(lambda: shown()[0] == "in force", SLOW, 0.2), shown()

    def killed_and_started_again(self):
        before = pid()
        systemctl("kill", "--signal=KILL", UNIT)
        self.hosts.none_lost()
        assert netns.until(lambda: pid() not in (0, before) and is_active(), SLOW, 0.2), "systemd does not start it again"
        assert netns.until(lambda: shown()[0] == "in force", SLOW, 0.2), shown()
        for node in xslice("apply", DEFINITION, *PATIENT)["node"]:
            assert node["netlink_changes"] == 0 and node["map_writes"] == 0, node

    def reloaded(self):
        """The same agent puts right what somebody changed."""
        before = pid()
        netns.run("ip", "-n", "xs.R1.P", "route", "flush", "10.0.0.0/24")
        systemctl("reload", UNIT)
        assert netns.until(lambda: netns.run("ip", "-n", "xs.R1.P", "route", "show", "10.0.0.0/24"), SLOW, 0.2)
        self.hosts.answered_in("P")
        assert pid() == before and is_active()

    def switched(self):
        xslice("switch", "vm5", "A", *PATIENT)
        self.hosts.answered_in("A")
        assert shown()[1] == "A"

    def the_clock_jumps(self):
        """A year on, two back, and to where it was: nothing waits longer for it, and nothing is forgotten."""
        for seconds in (365 * 86400, -2 * 365 * 86400, 365 * 86400):
            time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)
            self.hosts.none_lost()
            for slice_name in ("P", "A"):
                xslice("switch", "vm5", slice_name, *PATIENT)
                self.hosts.answered_in(slice_name)
            for node in xslice("apply", DEFINITION, *PATIENT)["node"]:
                assert node["netlink_changes"] == 0 and node["map_writes"] == 0, node
            assert is_active() and shown() == ("in force", "A"), shown()

    def it_writes_a_journal(self):
        said = netns.run("journalctl", "--unit", UNIT, "--no-pager", timeout=SLOW)
        assert "revision 1" in said, said[-400:]


# ---- the second --------------------------------------------------------------------------------------------------------


class Rebooted:
    def __init__(self):
        self.hosts = None

    def started_by_itself(self):
        assert netns.until(is_active, SLOW, 0.2), systemctl("status", UNIT, check=False)
        # The wires are not there yet. It says so, and goes on by itself when they come.
        assert netns.until(lambda: "client" in shown()[0], SLOW, 0.2), shown()
        self.hosts = Hosts()

    def all_is_there_again(self):
        self.hosts.answered_in("A")
        assert netns.until(lambda: shown() == ("in force", "A"), SLOW, 0.2), shown()
        for node in xslice("apply", DEFINITION, *PATIENT)["node"]:
            assert node["netlink_changes"] == 0 and node["map_writes"] == 0, node
        self.hosts.none_lost()

    def cleaned_and_uninstalled(self):
        xslice("clean", *PATIENT)
        assert not [name for name in netns.names() if name.startswith("xs.")], netns.names()
        assert not os.path.exists("/sys/fs/bpf/xslice"), os.listdir("/sys/fs/bpf/xslice")
        systemctl("disable", "--now", UNIT)
        netns.run("make", "-C", TOP, "uninstall", timeout=SLOW)
        systemctl("daemon-reload")
        assert not systemctl("cat", UNIT, check=False), f"{UNIT} is still there"


PHASES = {
    "installed": (
        Installed,
        "unit_is_sound enabled_and_started applied stopped_and_forwarding killed_and_started_again reloaded switched the_clock_jumps"
        " it_writes_a_journal",
    ),
    "rebooted": (Rebooted, "started_by_itself all_is_there_again cleaned_and_uninstalled"),
}


def main():
    phase, order = PHASES[sys.argv[1]]
    tried = phase()
    return rigtest.run_cases([(f"service-{sys.argv[1]}-{name}", getattr(tried, name)) for name in order.split()])


if __name__ == "__main__":
    sys.exit(main())
