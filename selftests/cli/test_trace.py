#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How `xslice trace` takes what a person writes: every bad word is named, and what cannot be traced here is said to be so."""
import os
import struct
import sys

import tool

NODE = f"{tool.FOREIGN}3"
AT = ("trace", "--node", NODE, "--port", "client")
PACKET = (*AT, "--from", "192.0.2.10", "--to", "10.0.0.5")
FRAME = "0200000000020200000000010800" + "00" * 46


def bad_usage():
    with tool.Store() as store:
        store.apply()
        for words, said in (
            (("trace",), "--node and --port"),
            (("trace", "--node", NODE), "--node and --port"),
            (AT, "--from and --to"),
            ((*AT, "--from", "192.0.2.10"), "--from and --to"),
            ((*AT, "--from", "192.0.2.10", "--to", "10.0.0.500"), "'10.0.0.500'"),
            ((*AT, "--from", "192.0.2.10", "--to", "2001:db8::1"), "different families"),
            ((*PACKET, "--protocol", "upd"), "'upd'"),
            ((*PACKET, "--protocol", "256"), "'256'"),
            ((*PACKET, "--protocol", "icmp", "--source-port", "1"), "has no ports"),
            ((*PACKET, "--destination-port", "65536"), "'65536'"),
            ((*PACKET, "--destination-port", "-1"), "'-1'"),
            ((*PACKET, "--ttl", "256"), "'256'"),
            ((*PACKET, "--dscp", "64"), "'64'"),
            ((*PACKET, "--length", "27"), "'27'"),
            ((*PACKET, "--length", "9000"), "'9000'"),
            ((*PACKET, "--label", "0"), "'0'"),
            ((*PACKET, "--mac", "here"), "'here'"),
            ((*PACKET, "--hex", FRAME), "described twice"),
            ((*PACKET, "--count", "3"), "--pcap"),
            ((*AT, "--hex", FRAME, "--ttl", "3"), "described twice"),
            ((*AT, "--hex", FRAME + "0"), "hex digits"),
            ((*AT, "--hex", "00112233"), "hex digits"),
            ((*AT, "--hex", "00" * 4000), "more than"),
            ((*AT, "--hex", "no/such/file"), "no/such/file"),
            (("trace", "--node", "R9", "--port", "client", *PACKET[5:]), "'R9'"),
            (("trace", "--node", NODE, "--port", "clinet", *PACKET[5:]), "'clinet'"),
            ((*PACKET, "more"), "usage"),
            (("show", "--ttl", "3"), "--ttl"),
        ):
            store.run(*words).exits(2, said)


def header(magic=0xA1B2C3D4, link=1, order="<"):
    return struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, link)


def packet(captured, length=None):
    return struct.pack("<IIII", 0, 0, len(captured), len(captured) if length is None else length) + captured


def bad_captures():
    frame = bytes.fromhex(FRAME)
    with tool.Store() as store:
        store.apply()
        path = os.path.join(store.folder, "capture")
        store.run(*AT, "--pcap", path).exits(2, path)
        for content, said in (
            (b"", "shorter"),
            (b"\x0a\x0d\x0d\x0a" + bytes(60), "pcapng"),
            (b"definition: no capture, but long enough for one", "no capture"),
            (header()[:20], "no capture"),
            (header(link=113), "link type 113"),
            (header(), "no packet"),
            (header() + packet(frame)[:10], "damaged"),
            (header() + packet(frame)[:-1], "cut off"),
            (header() + packet(frame, 10), "damaged"),
            (header() + packet(frame, 70000), "70000 bytes"),
            (header() + packet(frame[:13]), "13 bytes"),
        ):
            with open(path, "wb") as file:
                file.write(content)
            store.run(*AT, "--pcap", path).exits(2, said)


def not_here():
    """A node that no agent has made on this machine cannot be traced, and nothing is printed as if it had been."""
    with tool.Store() as store:
        store.run(*PACKET).exits(1, store.path)
        store.apply()
        assert not store.run(*PACKET).exits(1, NODE, "never reported").out


if __name__ == "__main__":
    sys.exit(tool.run_cases([(case.__name__, case) for case in (bad_usage, bad_captures, not_here)]))
