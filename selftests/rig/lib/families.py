# SPDX-License-Identifier: GPL-2.0-or-later
"""Definitions in both families: figure 7's as figure7-dual.yaml has it, and addresses of one family or both for what comes at random."""
import ipaddress

# Of figure7.json and lib/domains.py: what has one of these has the other besides.
_TWINS = {
    "10.1.2.0/24": "2001:db8:1:2::/64",
    "10.1.3.0/24": "2001:db8:1:3::/64",
    "10.2.3.0/24": "2001:db8:2:3::/64",
    "10.0.0.0/16": "2001:db8:0:100::/64",
    "10.0.0.5": "2001:db8:0:100::5",
    "10.0.0.6": "2001:db8:0:100::6",
    "192.0.2.0/24": "2001:db8:0:200::/64",
    "10.255.0.0/29": "2001:db8:0:ff::/64",
    "10.40.1.0/24": "2001:db8:40:1::/64",
    "10.40.2.0/24": "2001:db8:40:2::/64",
    "10.41.0.0/30": "2001:db8:41::/126",
}
_CARRIERS = ("subnet", "address", "clients")


def listed(value):
    """A definition's value, or list of values, as a list."""
    return value if isinstance(value, list) else [value]


def short(values):
    """The reverse: one value stands for itself."""
    return values[0] if len(values) == 1 else values


def networks(entry):
    """The subnets of a link, gateway or MUX."""
    return [ipaddress.ip_network(one) for one in listed(entry["subnet"])]


def add_twins(value):
    """Gives a definition, or a part of it, the second family."""
    if isinstance(value, list):
        twins = [
            (at, {"destination": _TWINS[one["destination"]]})
            for at, one in enumerate(value)
            if isinstance(one, dict) and one.get("destination") in _TWINS
        ]
        for at, twin in reversed(twins):
            value.insert(at + 1, twin)
        for one in value:
            add_twins(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key in _CARRIERS:
                value[key] = short(listed(one) + [_TWINS[other] for other in listed(one) if other in _TWINS])
            else:
                add_twins(one)


class Families:
    """Draws families, and addresses in them; as many in IPv6 as in IPv4."""

    def __init__(self, random):
        self.random = random

    def some(self):
        """Both families, or one."""
        return self.random.choice(((4,), (6,), (4, 6), (4, 6)))

    def one(self):
        return self.random.choice((4, 6))

    def of(self, families, four, six):
        """What a definition says: four and six are what it says in each."""
        return short([four if family == 4 else six for family in families])

    def subnet(self, used):
        """One of each of some families, which lies in none of `used`."""
        return short([self._free(family, used) for family in self.some()])

    def _free(self, family, used):
        while True:
            low, high = self.random.randrange(50, 56), self.random.randrange(256)
            if family == 4:
                text = f"10.{low}.{high}.0/{self.random.choice((24, 26, 28, 30))}"
            else:
                text = f"2001:db8:{low}:{high:x}::/{self.random.choice((64, 112, 120, 126))}"
            network = ipaddress.ip_network(text)
            if not any(network.version == other.version and network.overlaps(other) for other in used):
                return text

    def behind(self, subnets):
        """What a gateway of these subnets reaches by a router in each of them."""
        number = self.random.randrange(256)
        prefix = {4: f"10.57.{number}.0/24", 6: f"2001:db8:57:{number:x}::/64"}
        return [{"prefix": prefix[subnet.version], "via": str(subnet[-2])} for subnet in subnets]

    def destination(self):
        """Where no stream goes."""
        low, high = self.random.randrange(4), self.random.randrange(256)
        if self.one() == 4:
            text = f"10.60.{low}.{high}/{self.random.choice((16, 24, 28, 32))}"
        else:
            text = f"2001:db8:60:{low}::{high:x}/{self.random.choice((48, 64, 120, 128))}"
        return str(ipaddress.ip_network(text, strict=False))
