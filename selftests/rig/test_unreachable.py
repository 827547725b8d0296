#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A user that does not resolve at the edge: the sliver of the slice that asked says host unreachable, as any router of
its own would, and only for as long as nobody has the address."""
import json
import select
import signal
import sys

from lib import figure7, frames, netns, probes, rigtest, services

PORT = 4301
ABSENT, EXPIRING, LEFT = "192.0.2.77", "192.0.2.78", "192.0.2.79"
OTHER_MAC = "52:54:00:00:00:09"
SLIVER = "10.1.3.2"  # P3's address on the link by which vm5's packets come
UNREACHABLE = (3, 1)
LIMIT = 20  # seconds for what takes a few


def errors_about(sock, to, wait=0.2):
    """(type, code, source) of the ICMP errors about `to` that a raw socket has, or gets within `wait`."""
    told = set()
    while select.select([sock], [], [], wait)[0]:
        message = frames.Icmp(sock.recv(2048))
        if message.about(to, PORT):
            told.add((message.type, message.code, message.source))
    return told


def ask(namespace, to):
    """Sends until somebody says that it went wrong. What was said, by whom."""
    with probes.icmp_socket(namespace) as errors, services.udp_socket(namespace) as sock:

        def asked():
            sock.sendto(b"?", (to, PORT))
            return errors_about(errors, to)

        return netns.until(asked, LIMIT)


def reached(namespace, to):
    return netns.until(lambda: probes.ping(namespace, to, 1, timeout=0.5), LIMIT)


def unreachables(namespace):
    """ICMP destination unreachables that a namespace's kernel has sent."""
    with netns.inside(namespace), open("/proc/thread-self/net/snmp", encoding="ascii") as file:
        names, values = [line.split() for line in file if line.startswith("Icmp:")]
    return int(values[names.index("OutDestUnreachs")])


def routes(net, slice_name):
    """The prefixes that a sliver of R3 calls unreachable."""
    shown = netns.run("ip", "-n", net.sliver("R3", slice_name), "-j", "route", "show", "type", "unreachable")
    return {route["dst"] for route in json.loads(shown or "[]")}


def only_who_asked(net):
    """Slice P asks and is told; slice A, behind the same edge, is told nothing."""
    with probes.icmp_socket(net.name("other")) as bystander:
        before = unreachables(net.sliver("R3", "A"))
        told = ask(net.name("vm5"), ABSENT)
        assert told == {(*UNREACHABLE, SLIVER)}, f"ICMP {told} instead of {UNREACHABLE} from {SLIVER}"
        told = errors_about(bystander, ABSENT, 0)
        assert not told, f"a host of the other slice is told {told}"
        after = unreachables(net.sliver("R3", "A"))
        assert after == before, f"the other slice's sliver says {after - before} times unreachable"
    assert reached(net.name("other"), figure7.CLIENT), "the other slice does not reach its user"


def somebody_comes(net):
    """Whoever takes the address is reached, from both slices."""
    assert not probes.ping(net.name("vm5"), ABSENT, 1, timeout=0.5), f"{ABSENT} answers, though nobody has it"
    net.address("client", "eth0", f"{ABSENT}/24")
    for host in ("vm5", "other"):
        assert reached(net.name(host), ABSENT), f"{host} does not reach him who came up with {ABSENT}"
    for one in ("P", "A"):
        assert f"{ABSENT}" not in routes(net, one), f"slice {one} still calls him unreachable"


def not_for_long(rig):
    """What nobody asks for any more leaves no trace; meanwhile applying again finds nothing to change."""
    net = rig.net
    told = ask(net.name("vm5"), EXPIRING)
    assert told == {(*UNREACHABLE, SLIVER)}, f"ICMP {told} instead of {UNREACHABLE} from {SLIVER}"
    assert EXPIRING in routes(net, "A"), "the user resolves in the same edge, but not for the other slice"
    answer = rig.domain.apply(rig.definition)[1]
    changes = {node["node"]: node["netlink_changes"] for node in answer["node"]}
    assert not any(changes.values()), f"the second apply changes {changes}"
    for one in ("P", "A"):
        assert netns.until(lambda where=one: not routes(net, where), LIMIT), f"slice {one} keeps {routes(net, one)}"


def forgotten(net):
    """A user that the edge's kernel is made to forget is asked for anew, not called unreachable."""
    assert reached(net.name("vm5"), figure7.CLIENT), "the client is not reached to begin with"
    netns.run("ip", "-n", f"xs.{net.name('R3')}@client", "neigh", "flush", "to", figure7.CLIENT)
    answered = len(probes.ping(net.name("vm5"), figure7.CLIENT, 3, timeout=0.5))
    assert answered == 3, f"the client answers {answered} of 3 pings after the edge forgot it"


def after_a_kill(rig):
    """What an agent left when it was killed, the next one takes away."""
    net = rig.net
    told = ask(net.name("vm5"), LEFT)
    assert told == {(*UNREACHABLE, SLIVER)}, f"ICMP {told} instead of {UNREACHABLE} from {SLIVER}"
    rig.domain.stop(signal.SIGKILL)
    assert routes(net, "P") == {LEFT}, f"the killed agent left {routes(net, 'P')}: nothing is tried here"
    rig.domain.start()
    rig.domain.wait_ready()
    for one in ("P", "A"):
        assert netns.until(lambda where=one: not routes(net, where), LIMIT), f"slice {one} keeps {routes(net, one)}"


def main():
    with netns.alone(), rigtest.Rig("test_unreachable", "tv") as rig:
        net = rig.net
        net.vm("other", "ADC", "other", OTHER_MAC)
        return rig.run_cases(
            [
                ("only_who_asked", lambda: only_who_asked(net)),
                ("somebody_comes", lambda: somebody_comes(net)),
                ("not_for_long", lambda: not_for_long(rig)),
                ("forgotten_is_not_unreachable", lambda: forgotten(net)),
                ("after_a_kill", lambda: after_a_kill(rig)),
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
