# SPDX-License-Identifier: GPL-2.0-or-later
"""What does not belong goes nowhere and is counted where it should be: 10 000 frames of each kind, then the same
frame without the fault, which arrives."""
import ipaddress
import time

from lib import figure7, frames, maps, netns, services, wire

from . import Outcome

COUNT, TWINS = 10000, 10
STRANGER = "02:5a:5a:5a:5a:5a"
PORT = 4100


def _mac(namespace, device):
    return netns.links(namespace)[device]["address"]


def link_end(net, node, slice_name, device):
    """(label, MAC on the wire) of a link sliver's end, found in the node's maps by its device's MAC."""
    inner = frames.mac_bytes(_mac(net.sliver(node, slice_name), device))
    with maps.Map(net.name(node), "vport") as vports:
        for _, vport in vports.items():
            if bytes(vport.sliver_mac) == inner:
                return vport.vid, frames.mac_text(bytes(vport.mac))
    raise netns.RigError(f"{node}: no vport for {device} of slice {slice_name}")


def unknown_labels(net, node, port):
    known = set()
    ifindex = netns.links(net.name(node))[port]["ifindex"]
    with maps.Map(net.name(node), "port") as ports:
        number = next(key for key, value in ports.items() if value.ifindex == ifindex)
    with maps.Map(net.name(node), "label") as labels:
        raw = labels.raw()
        base = number * 4096
        known = {vid for vid in range(4096) if any(raw[(base + vid) * 4 : (base + vid) * 4 + 4])}
    return [vid for vid in range(1, 4095) if vid not in known]


class _Sender:
    """Somebody on a wire, whose frames carry numbered datagrams from source to destination."""

    def __init__(self, net, at, device, node, mac, source, destination, sink, label=None):
        self.net, self.at, self.device, self.node = net, at, device, node
        self.mac, self.source, self.destination, self.sink = mac, source, destination, sink
        self.tags = (label,) if label else ()

    def frame(self, number, own_mac, mac=None, tags=None, source=None, destination=None):
        return frames.udp_frame(
            mac or self.mac,
            own_mac,
            source or self.source,
            destination or self.destination,
            4999,
            PORT,
            number.to_bytes(8, "big"),
            self.tags if tags is None else tags,
        )

    def attack(self, reason, vary):
        """vary(i) are the arguments of frame() that make it wrong. (counted, arrived, twins arrived)."""
        node = self.net.name(self.node)
        with services.Sink(self.net.name(self.sink), port=PORT) as sink, wire.Port(
            self.net.name(self.at), self.device
        ) as port:
            before = maps.verdicts(node)[reason]
            port.send_many([self.frame(i, port.mac, **vary(i)) for i in range(COUNT)])
            time.sleep(0.05)
            netns.until(lambda: maps.verdicts(node)[reason] - before >= COUNT, 1.0)
            counted = maps.verdicts(node)[reason] - before
            port.send_many([self.frame(COUNT + i, port.mac) for i in range(TWINS)])
            netns.until(lambda: len(sink.numbers()) >= TWINS, 1.0)
            arrived = sink.numbers()
            return counted, sum(number < COUNT for number in arrived), sum(number >= COUNT for number in arrived)


def isolation(net, at=figure7.V4):
    vm6, vm5, client = at.vm6, at.vm5, at.client
    for address in (vm6, vm5):  # neighbours are known from here on
        services.ask(net.name("client"), (address, services.WHO_PORT))
    edge = netns.first_hop_mac(net.name("client"), "eth0", at.edge)
    gateway = netns.first_hop_mac(net.name("vm6"), "eth0", at.gateway)
    if not edge or not gateway:
        return Outcome(False, 0, "kinds", f"nobody answers for the edge ({edge}) or the gateway ({gateway})")
    label_p, mac_p = link_end(net, "R1", "P", "P13")
    label_a, mac_a = link_end(net, "R2", "A", "A23")
    wire_p = _Sender(net, "R3", "r1", "R1", mac_p, client, vm6, "vm6", label_p)
    wire_a = _Sender(net, "R3", "r2", "R2", mac_a, client, vm5, "vm5", label_a)
    user = _Sender(net, "client", "eth0", "R3", edge, client, vm6, "vm6")
    centre = _Sender(net, "vm6", "eth0", "R1", gateway, vm6, client, "client")
    foreign_p, foreign_a = unknown_labels(net, "R1", "r3"), unknown_labels(net, "R2", "r3")
    outsiders = at.outside + at.inside
    kinds = [
        ("a foreign label on R3-R1", wire_p, "unknown-label", lambda i: {"tags": (foreign_p[i % len(foreign_p)],)}),
        ("a foreign label on R3-R2", wire_a, "unknown-label", lambda i: {"tags": (foreign_a[i % len(foreign_a)],)}),
        ("labels 0 and 4095", wire_p, "label-zero", lambda i: {"tags": (4095 * (i % 2),)}),
        ("a second tag", wire_p, "double-tag", lambda i: {"tags": (label_p, 1 + i % 4094)}),
        ("a foreign MAC on R3-R1", wire_p, "not-for-us", lambda i: {"mac": f"02:5a:00:00:{i >> 8:02x}:{i & 255:02x}"}),
        ("a foreign MAC at the client's port", user, "not-for-us", lambda i: {"mac": STRANGER}),
        (
            "a label at the client's port",
            user,
            "tag-on-user-port",
            lambda i: {"tags": (label_p if i % 2 else label_a,)},
        ),
        ("a label at the data centre's port", centre, "tag-on-user-port", lambda i: {"tags": (label_p,)}),
        (
            "a spoofed source at the client's port",
            user,
            "spoofed-source",
            lambda i: {"source": outsiders[i % len(outsiders)]},
        ),
        (
            "a spoofed source at the data centre's port",
            centre,
            "spoofed-source",
            lambda i: {"source": at.outside[i % len(at.outside)]},
        ),
    ]
    return _attack_all(kinds)


def _attack_all(kinds):
    wrong, right = [], 0
    for name, sender, reason, vary in kinds:
        counted, arrived, twins = sender.attack(reason, vary)
        if (counted, arrived, twins) == (COUNT, 0, TWINS):
            right += 1
        else:
            wrong.append(
                f"{name}: {reason} rose by {counted} of {COUNT}, {arrived} arrived, {twins} of {TWINS} twins arrived"
            )
    detail = (
        "; ".join(wrong)
        or f"{len(kinds)} kinds, {COUNT} frames each: none arrived, each counted exactly by its reason; twins arrived"
    )
    return Outcome(not wrong, right, f"of {len(kinds)} kinds", detail)


def _page_of(pages, slice_name, address):
    for own, there in pages[slice_name].items():
        if ipaddress.ip_address(address) in ipaddress.ip_network(own):
            return ipaddress.ip_network(own), ipaddress.ip_network(there)
    raise netns.RigError(f"slice {slice_name}: {address} is in no page")


def mapped_page(pages, slice_name, address):
    """The WAN's prefix for the slice's page that holds the address. pages: as `xslice plan` prints them."""
    return str(_page_of(pages, slice_name, address)[1])


def mapped(pages, slice_name, address):
    own, there = _page_of(pages, slice_name, address)
    return str(there[int(ipaddress.ip_address(address)) - int(own[0])])


def isolation_paged(net, pages, at=figure7.V4):
    """The same by paging: what isolates is that each address of the WAN is of one slice. R1 has a gateway of P alone, and no part in A."""
    for address in (at.vm6, at.vm5):  # neighbours are known from here on
        services.ask(net.name("client"), (address, services.WHO_PORT))
    edge = netns.first_hop_mac(net.name("client"), "eth0", at.edge)
    gateway = netns.first_hop_mac(net.name("vm6"), "eth0", at.gateway)
    if not edge or not gateway:
        return Outcome(False, 0, "kinds", f"nobody answers for the edge ({edge}) or the gateway ({gateway})")
    there = {slice_name: {of: mapped(pages, slice_name, of) for of in (at.vm5, at.vm6, at.client)} for slice_name in "PA"}
    user = _Sender(net, "client", "eth0", "R3", edge, at.client, at.vm6, "vm6")
    centre = _Sender(net, "vm6", "eth0", "R1", gateway, at.vm6, at.client, "client")
    port = _mac(net.name("R1"), "r3")
    wire_p = _Sender(net, "W13", "r1", "R1", port, there["P"][at.client], there["P"][at.vm6], "vm6")
    wire_a = _Sender(net, "W23", "r2", "R2", _mac(net.name("R2"), "r3"), there["A"][at.client], there["A"][at.vm5], "vm5")
    to_user = _Sender(net, "X13", "r3", "R3", _mac(net.name("R3"), "r1"), there["P"][at.vm6], there["P"][at.client], "client")
    of_p, of_a = [there["P"][of] for of in there["P"]], [there["A"][of] for of in there["A"]]
    kinds = [
        ("a WAN address as destination at the client's port", user, "wan-address", lambda i: {"destination": (of_p + of_a)[i % 6]}),
        ("a WAN address as destination at the data centre's port", centre, "wan-address", lambda i: {"destination": (of_p + of_a)[i % 6]}),
        ("a WAN address as source at the client's port", user, "wan-address", lambda i: {"source": (of_p + of_a)[i % 6]}),
        ("a WAN address as source at the data centre's port", centre, "wan-address", lambda i: {"source": (of_p + of_a)[i % 6]}),
        ("another slice's page as source in the WAN, to the data centre", wire_p, "foreign-page", lambda i: {"source": of_a[i % 3]}),
        ("another slice's page as source in the WAN, to the other data centre", wire_a, "foreign-page", lambda i: {"source": of_p[i % 3]}),
        ("another slice's page as source in the WAN, to the client", to_user, "foreign-page", lambda i: {"source": of_a[i % 3]}),
        ("no page's source in the WAN, to the data centre", wire_p, "foreign-page", lambda i: {"source": at.outside[i % len(at.outside)]}),
        ("no page's source in the WAN, to the client", to_user, "foreign-page", lambda i: {"source": at.outside[i % len(at.outside)]}),
        ("a spoofed source at the client's port", user, "spoofed-source", lambda i: {"source": at.outside[i % len(at.outside)]}),
        ("a foreign MAC at the client's port", user, "not-for-us", lambda i: {"mac": STRANGER}),
    ]
    return _attack_all(kinds)
