# SPDX-License-Identifier: GPL-2.0-or-later
"""Random changes of the definition of domains.py: slices, filters, MUXes, migrations and ports come, change and go by a seeded
generator. Every change is one that a person could make; whether it is valid, `xslice check` says, and the next is tried where it
is not."""
import copy
import random

from . import families, figure7
from .domains import SPARE, STEADY, first, named

CABLES = {
    ("R1", "R2"): ("R1/r2", "R1/x2"),
    ("R1", "R3"): ("R1/r3",),
    ("R2", "R3"): ("R2/r3",),
}


class Changes:
    """A running definition (self.domain) and one random change after the other: try_one() gives the next one to check, which
    take() makes the running one."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.families = families.Families(self.random)
        self.domain = first(dual=True)
        self.serial = 0
        self.kinds = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("do_")]
        self.kinds += [self.do_slice_implementation] * 2  # it changes most

    def try_one(self):
        """(what, the changed definition)."""
        while True:
            kind = self.random.choice(self.kinds)
            self.next = copy.deepcopy(self.domain)
            what = kind()
            if what and self.next != self.domain:
                return f"{kind.__name__[3:]} {what}", self.next

    def take(self, domain):
        self.domain = domain

    # ---- what there is ----

    def fresh(self, letter):
        self.serial += 1
        return f"{letter}{self.serial}"

    def slices(self):
        return [one for one in self.next["slice"] if one["name"] not in STEADY]

    def pick(self, entries):
        entries = list(entries)
        return self.random.choice(entries) if entries else None

    def some(self, kind):
        """(slice, entry) of what is in slices that come and go."""
        return self.pick([(one, entry) for one in self.slices() for entry in one.get(kind, [])]) or (None, None)

    def port_names(self):
        """The free ports for users, by node: names of those that no gateway and no MUX uses."""
        used = {(node, gateway["port"]) for one in self.next["slice"] for node, gateway in self._gateways(one)}
        used |= {(mux["node"], mux[leaf]) for mux in self.next["mux"] for leaf in ("port", "exit") if leaf in mux}
        return [
            (node["name"], port["name"])
            for node in self.next["node"]
            for port in node["port"]
            if port.get("interface", port["name"]) in SPARE[node["name"]] and (node["name"], port["name"]) not in used
        ]

    @staticmethod
    def _gateways(one):
        nodes = {vrf["name"]: vrf["node"] for vrf in one["vrf"]}
        return [(nodes[gateway["vrf"]], gateway) for gateway in one.get("gateway", [])]

    def subnet(self, one):
        """A subnet that the slice does not have yet, in some family or in both."""
        return self.families.subnet(
            [network for kind in ("link", "gateway") for entry in one.get(kind, []) for network in families.networks(entry)]
        )

    # ---- slices and what is in them ----

    def link(self, one, ends):
        nodes = tuple(sorted(named(one["vrf"], end)["node"] for end in ends))
        link = {"name": self.fresh("l"), "ends": ends, "subnet": self.subnet(one)}
        cable = self.random.choice(CABLES[nodes])
        if cable != CABLES[nodes][0]:
            link["port"] = cable
        if self.random.random() < 0.3:
            link["mtu"] = self.mtu(link)
        if self.random.random() < 0.2:
            link["label"] = self.random.randrange(2000, 2100)
        return link

    def mtu(self, link):
        return self.random.randrange(1280 if any(network.version == 6 for network in families.networks(link)) else 576, 1500)

    def gateway(self, one):
        free = [(node, port) for node, port in self.port_names() if any(vrf["node"] == node for vrf in one["vrf"])]
        if not free:
            return None
        node, port = self.random.choice(free)
        vrf = next(vrf["name"] for vrf in one["vrf"] if vrf["node"] == node)
        return {"name": self.fresh("g"), "vrf": vrf, "port": port, "subnet": self.subnet(one)}

    def do_slice_comes(self):
        if len(self.slices()) >= 6:
            return None
        name = self.fresh("S")
        nodes = self.random.sample(figure7.NODES, self.random.randrange(1, 4))
        one = {"name": name, "vrf": [{"name": f"{name}v{node[1]}", "node": node} for node in nodes], "link": [], "gateway": []}
        for a in range(len(nodes)):
            for b in range(a + 1, len(nodes)):
                if b == a + 1 or self.random.random() < 0.6:
                    one["link"].append(self.link(one, [one["vrf"][a]["name"], one["vrf"][b]["name"]]))
        gateway = self.gateway(one)
        if gateway:
            one["gateway"].append(gateway)
        if self.random.random() < 0.4:
            one["implementation"] = "paging"
        self.next["slice"].insert(self.random.randrange(len(self.next["slice"]) + 1), one)
        return name

    def do_slice_goes(self):
        one = self.pick(self.slices())
        if not one:
            return None
        self.next["slice"].remove(one)
        self.leave_muxes(one["name"])
        return one["name"]

    def leave_muxes(self, name):
        for mux in self.next["mux"]:
            mux["slice"] = [entry for entry in mux["slice"] if entry["name"] != name]
        self.next["mux"] = [mux for mux in self.next["mux"] if mux["slice"]]

    def do_slice_renamed(self):
        one = self.pick(self.slices())
        if not one:
            return None
        former, one["name"] = one["name"], self.fresh("S")
        for mux in self.next["mux"]:
            for entry in mux["slice"]:
                if entry["name"] == former:
                    entry["name"] = one["name"]
        return f"{former} {one['name']}"

    def do_slice_implementation(self):
        """From the one mechanism to the other."""
        one = self.pick(self.slices())
        if not one:
            return None
        if one.pop("implementation", None) is None:
            one["implementation"] = "paging"
        return f"{one['name']} by {one.get('implementation', 'segmentation')}"

    def do_vrf_renamed(self):
        one, vrf = self.some("vrf")
        if not one:
            return None
        former, vrf["name"] = vrf["name"], self.fresh("v")
        for link in one["link"]:
            link["ends"] = [vrf["name"] if end == former else end for end in link["ends"]]
        for gateway in one["gateway"]:
            if gateway["vrf"] == former:
                gateway["vrf"] = vrf["name"]
        return f"{former} {vrf['name']}"

    def do_vrf_mac(self):
        _, vrf = self.some("vrf")
        if not vrf:
            return None
        if vrf.pop("mac", None) is None:
            vrf["mac"] = f"02:78:73:80:00:{self.random.randrange(256):02x}"
        return vrf["name"]

    def do_vrf_goes(self):
        one, vrf = self.some("vrf")
        if not one or len(one["vrf"]) == 1:
            return None
        one["vrf"].remove(vrf)
        one["link"] = [link for link in one["link"] if vrf["name"] not in link["ends"]]
        one["gateway"] = [gateway for gateway in one["gateway"] if gateway["vrf"] != vrf["name"]]
        if vrf["node"] == "R3":
            self.leave_muxes(one["name"])
        return vrf["name"]

    def do_link_comes(self):
        one = self.pick(one for one in self.slices() if len(one["vrf"]) > 1)
        if not one:
            return None
        ends = [vrf["name"] for vrf in self.random.sample(one["vrf"], 2)]
        one["link"].append(self.link(one, ends))
        return f"{one['name']}/{one['link'][-1]['name']}"

    def do_link_goes(self):
        one, link = self.some("link")
        if not one:
            return None
        one["link"].remove(link)
        return f"{one['name']}/{link['name']}"

    def do_link_changes(self):
        one, link = self.some("link")
        if not one:
            return None
        other = self.link(one, link["ends"])
        which = self.random.choice(("mtu", "label", "subnet", "port", "name", "ends"))
        if which == "ends":
            link["ends"] = link["ends"][::-1]
        elif other.get(which) is None:
            link.pop(which, None)
        else:
            link[which] = other[which]
        if "mtu" in link:
            link["mtu"] = max(link["mtu"], self.mtu(link))
        return f"{one['name']}/{link['name']} {which}"

    def do_gateway_comes(self):
        one = self.pick(self.slices())
        gateway = self.gateway(one) if one else None
        if not gateway:
            return None
        one["gateway"].append(gateway)
        return f"{one['name']}/{gateway['name']}"

    def do_gateway_goes(self):
        one, gateway = self.some("gateway")
        if not one:
            return None
        one["gateway"].remove(gateway)
        return f"{one['name']}/{gateway['name']}"

    def do_gateway_changes(self):
        one, gateway = self.some("gateway")
        if not one:
            return None
        which = self.random.choice(("subnet", "port", "name", "address", "behind"))
        if which == "subnet":
            gateway.pop("behind", None)
            gateway.pop("address", None)
            gateway["subnet"] = self.subnet(one)
        elif which == "address":
            gateway["address"] = families.short([str(network[2]) for network in families.networks(gateway)])
        elif which == "name":
            gateway["name"] = self.fresh("g")
        elif which == "behind":
            if not gateway.pop("behind", None):
                gateway["behind"] = self.families.behind(families.networks(gateway))
        else:
            node = next(node for node, entry in self._gateways(one) if entry is gateway)
            free = [port for there, port in self.port_names() if there == node]
            if not free:
                return None
            gateway["port"] = self.random.choice(free)
        return f"{one['name']}/{gateway['name']} {which}"

    # ---- filters, MUXes, migrations ----

    def condition(self):
        """None of these takes what the streams send."""
        condition = {}
        if self.random.random() < 0.8:
            condition["destination"] = self.families.destination()
        if not condition or self.random.random() < 0.3:
            condition.update(
                {"protocol": self.random.choice(("tcp", "udp")), "destination-port": str(self.random.randrange(20000, 30000))}
            )
        if self.random.random() < 0.2:
            condition["dscp"] = str(self.random.randrange(1, 64))
        return condition

    def filters(self):
        return [one for one in self.next["filter"] if one["name"] not in ("moved-later", "all")]

    def do_condition_comes(self):
        one = self.pick(self.filters())
        one["condition"].insert(self.random.randrange(len(one["condition"]) + 1), self.condition())
        return one["name"]

    def do_condition_goes(self):
        one = self.pick(one for one in self.filters() if len(one["condition"]) > 1)
        if not one:
            return None
        one["condition"].pop(self.random.randrange(len(one["condition"])))
        return one["name"]

    def do_conditions_change_places(self):
        one = self.pick(self.filters())
        self.random.shuffle(one["condition"])
        return one["name"]

    def do_filter_comes(self):
        if len(self.next["filter"]) >= 6:
            return None
        name = self.fresh("f")
        self.next["filter"].append({"name": name, "condition": [self.condition() for _ in range(self.random.randrange(1, 6))]})
        return name

    def do_filter_goes(self):
        used = {entry["filter"] for mux in self.next["mux"] for entry in mux["slice"]}
        one = self.pick(one for one in self.filters() if one["name"] not in used | {"few"})
        if not one:
            return None
        self.next["filter"].remove(one)
        return one["name"]

    def do_mux_takes_slice(self):
        """Into MD, or a MUX of its own on a free port of R3."""
        at_r3 = [one for one in self.slices() if any(vrf["node"] == "R3" for vrf in one["vrf"])]
        one = self.pick(at_r3)
        if not one:
            return None
        entry = {"name": one["name"], "filter": self.pick(self.filters())["name"]}
        mux = named(self.next["mux"], "MD")
        free = [port for node, port in self.port_names() if node == "R3"]
        if free and len(self.next["mux"]) < 3 and self.random.random() < 0.4:
            new = {"name": self.fresh("M"), "node": "R3", "port": self.random.choice(free), "slice": [entry]}
            number, some = self.serial % 256, self.families.some()
            new["clients"] = families.listed(self.families.of(some, f"10.58.{number}.0/24", f"2001:db8:58:{number:x}::/64"))
            new["subnet"] = self.families.of(some, f"10.59.{number}.0/28", f"2001:db8:59:{number:x}::/120")
            self.next["mux"].append(new)
            return f"{new['name']} {one['name']}"
        if any(there["name"] == one["name"] for there in mux["slice"]) or len(mux["slice"]) >= 4:
            return None
        mux["slice"].insert(self.random.randrange(len(mux["slice"])), entry)  # the last takes the rest
        return f"MD {one['name']}"

    def do_mux_leaves_slice(self):
        name = self.pick(entry["name"] for mux in self.next["mux"] for entry in mux["slice"] if entry["name"] not in STEADY)
        if not name:
            return None
        self.leave_muxes(name)
        return name

    def do_mux_order(self):
        mux = named(self.next["mux"], "MD")
        head = mux["slice"][:-1]
        self.random.shuffle(head)
        mux["slice"] = head + mux["slice"][-1:]
        return "MD"

    def do_mux_filter(self):
        mux, entry = self.pick([(mux, e) for mux in self.next["mux"] for e in mux["slice"] if e["name"] not in STEADY]) or (0, 0)
        if not mux:
            return None
        entry["filter"] = self.pick(self.filters())["name"]
        return f"{mux['name']} {entry['name']}"

    def do_exit_comes_or_goes(self):
        """Of any MUX, MD included. Its users' first hop is then beyond it, so its own address is written."""
        mux = self.pick(self.next["mux"])
        if mux.pop("exit", None):
            mux.pop("address")
            return f"{mux['name']} goes"
        free = [port for node, port in self.port_names() if node == mux["node"]]
        if not free:
            return None
        mux["exit"] = self.random.choice(free)
        mux["address"] = families.short([str(network[1]) for network in families.networks({"subnet": mux["clients"]})])
        return f"{mux['name']} by {mux['exit']} comes"

    def do_migration_comes(self):
        if len(self.next["migration"]) >= 6:
            return None
        name, number = self.fresh("vm"), self.serial % 250
        migration = {
            "name": name,
            "address": self.families.of(self.families.some(), f"10.0.9.{number}", f"2001:db8:0:100::9:{number:x}"),
            "mac": f"52:54:00:00:09:{number:02x}",
            "from": "P",
            "to": "A",
        }
        if self.random.random() < 0.5:
            migration["group"] = self.random.choice(("rack1", "rack2"))
        self.next["migration"].append(migration)
        conditions = named(self.next["filter"], "moved-later")["condition"]
        conditions += [{"destination": address} for address in families.listed(migration["address"])]
        return name

    def do_migration_goes(self):
        one = self.pick(one for one in self.next["migration"] if one["name"] not in ("vm5", "vm6"))
        if not one:
            return None
        self.next["migration"].remove(one)
        conditions = named(self.next["filter"], "moved-later")["condition"]
        for address in families.listed(one["address"]):
            conditions.remove({"destination": address})
        return one["name"]

    # ---- ports ----

    def spare_port(self):
        return self.pick(
            (node["name"], port)
            for node in self.next["node"]
            for port in node["port"]
            if port.get("interface", port["name"]) in SPARE[node["name"]]
        )

    def do_port_renamed(self):
        node, port = self.spare_port()
        former, device = port["name"], port.get("interface", port["name"])
        port["name"] = device if port["name"] != device else self.fresh("p")
        port.pop("interface", None)
        if port["name"] != device:
            port["interface"] = device
        for one in self.next["slice"]:
            for there, gateway in self._gateways(one):
                if there == node and gateway["port"] == former:
                    gateway["port"] = port["name"]
        for mux in self.next["mux"]:
            for leaf in ("port", "exit"):
                if mux["node"] == node and mux.get(leaf) == former:
                    mux[leaf] = port["name"]
        return f"{node} {former} {port['name']}"

    def do_port_mtu(self):
        node, port = self.spare_port()
        port["mtu"] = self.random.choice((1400, 1500))
        return f"{node} {port['name']} {port['mtu']}"

    def do_port_comes_or_goes(self):
        """One of the spare ports is no longer in the definition, or is there again."""
        node = self.pick(self.next["node"])
        there = {port.get("interface", port["name"]) for port in node["port"]}
        missing = [device for device in SPARE[node["name"]] if device not in there]
        if missing:
            node["port"].append({"name": missing[0]})
            return f"{node['name']} {missing[0]} is there"
        free = [port for where, port in self.port_names() if where == node["name"]]
        if not free:
            return None
        node["port"] = [port for port in node["port"] if port["name"] != free[0]]
        return f"{node['name']} {free[0]} is gone"

    def do_port_reserved(self):
        node = self.pick(self.next["node"])
        port = self.pick(port for port in node["port"] if "peer" in port)
        if not port.pop("reserved-label", None):
            low = self.random.randrange(3000, 3050)
            port["reserved-label"] = [f"{low}-{low + self.random.randrange(5)}"]
        return f"{node['name']} {port['name']}"
