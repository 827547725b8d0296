# SPDX-License-Identifier: GPL-2.0-or-later
"""Two nodes whose cable are two network cards of one model, and a host behind each. Runs inside a virtual machine (scripts/test-qemu).

      h1 ---veth--- R1 ===[card]===[card]=== R2 ---veth--- h2        R1/w, R2/w: the cable, tagged; R1/u, R2/u: users
"""
import contextlib
import glob
import os
import signal
import sys

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "selftests/rig"))

from lib import netns, probes, rigtest, xslice  # noqa: E402

SLOW = 30  # what takes a second elsewhere may take this here: emulation
H1, H2 = "10.0.1.10", "10.0.2.10"

DEFINITION = """
node:
  - {{name: R1, port: [{{name: u}}, {{name: w, interface: {a}, peer: R2/w, reserved-label: [100]{more}}}]{node}}}
  - {{name: R2, port: [{{name: u}}, {{name: w, interface: {b}, peer: R1/w, reserved-label: [100]{more_b}}}]}}
slice:
  - name: S
    vrf: [{{name: S1, node: R1}}, {{name: S2, node: R2}}]
    link: [{{name: S12, ends: [S1, S2], subnet: 10.1.2.0/30}}]
    gateway:
      - {{name: G1, vrf: S1, port: u, subnet: 10.0.1.0/24, address: 10.0.1.1}}
      - {{name: G2, vrf: S2, port: u, subnet: 10.0.2.0/24, address: 10.0.2.1}}
"""


def cards(driver):
    """Names of the machine's cards of a driver, in the order of their slots."""
    found = []
    for path in glob.glob("/sys/class/net/*/device"):
        with contextlib.suppress(OSError):
            # A virtio card's driver is its transport's child's.
            if os.path.basename(os.readlink(os.path.join(path, "driver"))) == driver:
                found.append((os.path.realpath(path), path.split("/")[4]))
    return [name for _, name in sorted(found)]


def features(namespace, device):
    text = netns.run_in(namespace, "ethtool", "-k", device)
    return dict(line.strip().split(": ", 1) for line in text.splitlines()[1:])


class Cable:
    """with Cable("e1000") as cable: the namespaces, and agents that hold nothing yet."""

    def __init__(self, driver):
        self.driver = driver
        for module in (driver, "8021q"):
            netns.run("modprobe", module)
        self.cards = netns.until(lambda: cards(driver)[1:2] and cards(driver)[:2], 10) or cards(driver)
        if len(self.cards) < 2:
            raise netns.RigError(f"the machine has no two cards of {driver}: {self.cards}")
        self.net, self.domain = netns.Net(), None

    def __enter__(self):
        net = self.net
        net.add("R1", "R2", "h1", "h2")
        net.quiet("h1", "h2", "R1", "R2")
        for node, host, card, number in (("R1", "h1", self.cards[0], 1), ("R2", "h2", self.cards[1], 2)):
            netns.run("ip", "link", "set", card, "netns", node)
            netns.run("ip", "-n", node, "link", "set", card, "up")
            net.join(node, "u", host, "eth0")
            net.host_end(host, "eth0")
            net.address(host, "eth0", f"10.0.{number}.10/24", f"10.0.{number}.1")
        self.domain = xslice.Domain(net, ("R1", "R2"), rigtest.folder(f"qemu-{self.driver}"))
        self.domain.start()
        return self

    def __exit__(self, *_):
        self.domain.close()
        for node, card in zip(("R1", "R2"), self.cards):
            netns.run("ip", "-n", node, "link", "set", card, "netns", "1", check=False)
        self.net.close()

    def definition(self, more="", more_b=None, node=""):
        """more: what the port w says besides, at R1 (and at R2, where more_b does not say otherwise); node: what R1 does."""
        a, b = self.cards
        text = DEFINITION.format(a=a, b=b, more=more, more_b=more if more_b is None else more_b, node=node)
        return self.domain.write(text)

    def apply(self, *words, **more):
        code, answer, said = self.domain.command(
            "apply", self.definition(*words, **more), "--timeout", "120", check=False, timeout=180
        )
        return code, answer, said

    def applied(self, *words, **more):
        code, answer, said = self.apply(*words, **more)
        assert code == 0, f"apply: exit {code}: {said}"
        return answer

    def refused(self, *parts, **more):
        """The definition is refused with these words, and nobody's packet has felt it."""
        code, _, said = self.apply(**more)
        assert code in (1, 4), f"apply: exit {code}: {said}"
        for part in parts:
            assert part in said, f"no {part!r} in: {said}"
        return said

    def answers(self, count=5, size=56, timeout=2):
        return len(probes.ping("h1", H2, count, timeout=timeout, size=size))

    def reached(self, size=56):
        """Whether all is answered, within the time that neighbours take to be learned."""
        return netns.until(lambda: self.answers(3, size) == 3, SLOW, 0.2) and self.answers(10, size) == 10

    def xdp(self, node):
        """("native" or "generic", program id) of the node's card, None if it has none."""
        link = netns.links(node)[self.cards[node == "R2"]]
        attached = link.get("xdp")
        if not attached or not attached.get("prog"):
            return None
        return {1: "native", 2: "generic"}.get(attached["mode"], "?"), attached["prog"]["id"]

    def kill(self):
        self.domain.stop(signal.SIGKILL)

    def clean(self):
        code, _, said = self.domain.command("clean", "--timeout", "60", check=False, timeout=120)
        assert code == 0, f"clean: exit {code}: {said}"
