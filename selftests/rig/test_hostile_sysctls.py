#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A host as distributions set it up: new namespaces inherit rp_filter 2, no forwarding, send_redirects 1 and more.
Nodes and slivers must work all the same, and the nodes' own values must be there again afterwards."""
import contextlib
import signal
import sys

from checks import isolation, lifecycle, paths, slowpath
from lib import figure7, netns, rigtest, services, snapshot

HOSTILE = {
    "rp_filter": "2",
    "forwarding": "0",
    "send_redirects": "1",
    "accept_redirects": "1",
    "secure_redirects": "1",
    "arp_ignore": "2",
    "arp_announce": "0",
    "proxy_arp": "0",
    "log_martians": "1",
    "accept_local": "0",
    "arp_filter": "1",
}


def _path(scope, key):
    return f"/proc/sys/net/ipv4/conf/{scope}/{key}"


@contextlib.contextmanager
def hostile():
    """What new namespaces inherit from the machine's own, for a while: `all` and `default`, no device's own."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    saved = {}
    try:
        for scope in ("all", "default"):
            for key, value in HOSTILE.items():
                if scope == "all" and key in ("forwarding", "arp_ignore", "arp_filter", "log_martians"):
                    continue  # these would reach the devices of the machine that runs the test
                with open(_path(scope, key), encoding="ascii") as file:
                    saved[scope, key] = file.read()
                with open(_path(scope, key), "w", encoding="ascii") as file:
                    file.write(value)
        yield
    finally:
        for (scope, key), value in saved.items():
            with open(_path(scope, key), "w", encoding="ascii") as file:
                file.write(value)


def main():
    with netns.alone(), hostile(), rigtest.Rig("test_hostile_sysctls", "th", bare=True) as rig:
        net, nodes = rig.net, [rig.net.name(node) for node in figure7.NODES]
        before = snapshot.take(nodes)
        rig.domain.start()

        def switch():
            net.move("vm5", "ADC")
            rig.domain.switch("vm5", "A")
            who = services.ask(net.name("client"), (figure7.VM5, services.WHO_PORT))
            assert who == "vm5", f"{who} answers after the switch"

        def inherited():
            for node in nodes:
                value = before[f"{node}: sysctl net/ipv4/conf/default/rp_filter"]
                assert value == "2", f"{node} started with rp_filter {value}: this test tests nothing"

        return rig.run_cases(
            [
                ("the_host_is_hostile", inherited),
                ("apply", lambda: rig.domain.apply(rig.definition)),
                ("ping_through_p", lambda: rig.hold(paths.ping(net, figure7.VM5))),
                ("route_through_p", lambda: rig.hold(paths.route(net, "vm5", figure7.VM5, "R1", "R2"))),
                ("traceroute_p", lambda: rig.hold(slowpath.traceroute(net, figure7.VM6, "P", "10.1.3.1"))),
                ("move_and_switch", switch),
                ("route_through_a", lambda: rig.hold(paths.route(net, "vm5", figure7.VM5, "R2", "R1"))),
                ("pmtu", lambda: rig.hold(slowpath.pmtu(net))),
                ("proxy_arp", lambda: rig.hold(slowpath.proxy_arp(net))),
                ("isolation", lambda: rig.hold(isolation.isolation(net))),
                ("counters_add_up", lambda: rig.hold(lifecycle.counters_add_up(net))),
                ("removed_without_trace", lambda: rig.hold(lifecycle.removed(rig.domain, before, nodes))),
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
