#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What `xslice show` says of nodes: never "in force" of one that is behind, whose agent is gone, or whose report is none."""
import contextlib
import fcntl
import json
import os
import shutil
import sys

import tool

NODE, OTHER = f"{tool.FOREIGN}1", f"{tool.FOREIGN}3"


def report(store, **change):
    """An agent's report of the active revision, but for what changes."""
    active = store.revision()
    whole = {
        "revision": active["revision"],
        "revision_id": active["id"],
        "generation": 2,
        "netlink_changes": 0,
        "map_writes": 0,
        "duration_us": 5,
        "failed": False,
        "holds": True,
        "pid": 4711,
        "netns": "",
        "error": "",
        "warning": "",
    }
    return json.dumps({**whole, **change})


@contextlib.contextmanager
def held(node, store):
    """An agent has noted that the node holds something, for the store of that path."""
    if os.geteuid():
        raise tool.Skip("needs root")
    folder = f"/run/xslice/{node}"
    os.makedirs(folder, mode=0o700)
    try:
        with open(f"{folder}/owner", "w", encoding="ascii") as owner:
            owner.write(f"{store}\n\n")
        yield folder
    finally:
        shutil.rmtree(folder)
        with contextlib.suppress(OSError):
            os.rmdir("/run/xslice")


@contextlib.contextmanager
def agent(node, store):
    """And somebody holds the lock of its agent, as a running agent does."""
    with held(node, store.path) as folder, open(f"{folder}/lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def said(store, node=NODE):
    """(state, sentence) of a node, which must be the same with and without --json."""
    shown = next(one for one in store.run("show", "--json").exits(0).json()["node"] if one["node"] == node)
    line = next(line for line in store.run("show").exits(0).out.splitlines() if line.startswith(node))
    assert line.split(None, 1)[1] == shown["text"], (line, shown["text"])
    return shown["state"], shown["text"]


def expect(store, state, *parts, node=NODE):
    found, text = said(store, node)
    assert found == state, (found, text)
    for part in parts:
        assert part in text, text
    assert state == "in-force" or not text.startswith("in force;") or state == "agent-gone", text


def without_agent():
    with tool.Store() as store:
        store.apply()
        expect(store, "never-reported", "never reported", f"xsliced --node {NODE}")
        for text in ("", "{", "[]", '{"revision": 1}', report(store, revision=-1)):
            store.put(f"report/{NODE}", text)
            expect(store, "report-unreadable", "report unreadable", f"report/{NODE}")
        store.put(f"report/{NODE}", report(store))
        with held(NODE, store.path):
            expect(store, "agent-gone", "agent gone (pid 4711)", "in force")
            store.put(f"report/{NODE}", report(store, revision=0, revision_id="0000000000000000"))
            expect(store, "agent-gone", "agent gone", "behind (holds revision 0)")


def after_a_reboot():
    """What an agent held is gone, and the agent too."""
    with tool.Store() as store:
        store.apply()
        store.put(f"report/{NODE}", report(store))
        state, text = said(store)
        assert state == "lost" and "in force" not in text and "pid 4711" in text and f"xsliced --node {NODE}" in text, text


def held_elsewhere():
    """Whatever was reported here, and whether an agent runs: what is on the node is another store's."""
    with tool.Store() as store, tool.Store() as other:
        store.apply()
        other.apply()
        with held(NODE, other.path):
            expect(store, "held-elsewhere", f"held by another store, {other.path}")
            told = store.apply().err
            assert f"node {NODE}: held by store {other.path}" in told, told
            for change in ({}, {"failed": True, "error": "x"}, {"revision": 0}):
                store.put(f"report/{NODE}", report(store, **change))
                state, text = said(store)
                assert state == "held-elsewhere" and "in force;" not in text and not text.startswith("in force"), text


def nothing_held():
    """A node that no definition lists and that holds nothing is not shown, nor waited for."""
    with tool.Store() as store:
        store.apply()
        stray = f"{tool.FOREIGN}9"
        for holds in (True, False):
            store.put(f"report/{stray}", report(store, holds=holds))
            store.apply()
            assert (stray in store.run("show").exits(0).out) == holds
            os.unlink(f"{store.path}/revision")
            assert (stray in store.apply().out) == holds
        os.unlink(f"{store.path}/report/{stray}")
        os.symlink(stray, f"{store.path}/report/{stray}")
        os.unlink(f"{store.path}/revision")
        told = store.apply()
        assert stray not in told.out + told.err, told.out + told.err


def with_agent():
    with tool.Store() as store, agent(NODE, store):
        store.apply()
        store.put(f"report/{NODE}", report(store))
        assert said(store) == ("in-force", "in force")
        store.put(f"report/{NODE}", report(store, revision=0, revision_id="0000000000000000"))
        assert said(store) == ("behind", "behind (holds revision 0)")
        store.put(f"report/{NODE}", report(store, failed=True, error="port pdc: not there"))
        assert said(store) == ("failed", "failed: port pdc: not there")
        store.put(f"report/{NODE}", report(store, revision_id="0000000000000000"))
        assert said(store) == ("behind", "behind (holds revision 1 of an earlier life of the store)")
        store.put(f"report/{NODE}", report(store, failed=True, revision=0, revision_id="0000000000000000", error="x"))
        assert said(store) == ("failed", "failed: x; behind (holds revision 0)")


def behind_a_switch():
    """Only a node that holds the cell has to know of its switch."""
    with tool.Store() as store, agent(OTHER, store), agent(NODE, store):
        store.apply()
        generation = int(open(f"{store.path}/generation", encoding="ascii").read())
        for node in (NODE, OTHER):
            store.put(f"report/{node}", report(store, generation=generation))
        expect(store, "in-force", node=OTHER)
        store.run("switch", "vm5", "A", "--timeout", "0.01").exits(5)
        expect(store, "behind", f"generation {generation} of {generation + 1}", node=OTHER)
        expect(store, "in-force", node=NODE)


def removed_node():
    """A node that the definition has no more is shown until it has given up what it held."""
    with tool.Store() as store, agent(NODE, store):
        store.apply()
        store.put(f"report/{NODE}", report(store))
        store.apply("node: [{name: %s}]\n" % OTHER)
        assert said(store) == ("behind", "behind (holds revision 1)")
        store.put(f"report/{NODE}", report(store))
        assert [one["node"] for one in store.run("show", "--json").exits(0).json()["node"]] == [OTHER]
        store.run("show", NODE).exits(2, f"'{NODE}'")


def faults_have_a_place():
    """What is wrong with the store is said with its path and key, and what to do where there is something to do."""
    with tool.Store() as store:
        store.run("show").exits(1, store.path, "--store")
        store.apply()
        store.run("show", "R9").exits(2, "'R9'", "xslice show")
        store.run("stats", "R9").exits(2, "'R9'", "xslice show")
        for words in (["show"], ["plan", store.write(tool.figure7())]):
            key = "cell/1" if words[0] == "show" else "ledger"
            kept = os.path.exists(f"{store.path}/{key}") and open(f"{store.path}/{key}", encoding="utf-8").read()
            store.put(key, "?")
            store.run(*words).exits(1, store.path, key)
            store.put(key, kept or "0 0\n")
        image = store.image(NODE)
        store.put(image, "no image")
        for word in ("show", "stats"):
            store.run(word).exits(4, image)
        os.unlink(f"{store.path}/{image}")
        for word in ("show", "stats"):
            store.run(word).exits(4, image, "lost")
        store.put("revision", "seven")
        for word in ("show", "stats"):
            store.run(word).exits(1, store.path, "revision")


def waiting_says_for_what():
    """apply: another's lock, a node without an agent, one whose report is none, one whose agent has died."""
    with tool.Store() as store:
        said = store.apply().err
        assert f"node {NODE}: no agent has ever reported (xsliced --node {NODE})" in said, said
        store.put(f"report/{NODE}", "?")
        store.put(f"report/{OTHER}", report(store, revision=0, revision_id="0000000000000000"))
        said = store.apply().err
        assert f"report/{NODE}" in said and "not a report" in said, said
        assert f"node {OTHER}: its agent (pid 4711) is gone" in said and f"xsliced --node {OTHER}" in said, said
        lock = next(name for name in os.listdir(store.path) if "lock" in name)
        with open(os.path.join(store.path, lock), "r+", encoding="ascii") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            path = store.write(tool.figure7())
            store.run("apply", "--timeout", "0.2", path).exits(5, store.path, "another xslice", "0.2 s", "--timeout")


if __name__ == "__main__":
    sys.exit(
        tool.run_cases(
            [(case.__name__, case) for case in (without_agent, after_a_reboot, held_elsewhere, nothing_held, with_agent, behind_a_switch, removed_node, faults_have_a_place, waiting_says_for_what)]
        )
    )
