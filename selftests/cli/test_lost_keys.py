#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys of a store that are lost or are no files: what is in force is not numbered anew for it, and the key at fault is named."""
import os
import shutil
import sys

import tool

NODE, STRAY = f"{tool.FOREIGN}1", f"{tool.FOREIGN}9"
REMEDY = ("'ledger'", "copy", "xslice clean")


def take_away(path):
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)


def nothing(path):
    assert not os.path.lexists(path), path


def everything(store):
    """All that the store says, by key."""
    found = {}
    for at, _, names in os.walk(store.path):
        for name in names:
            path = os.path.join(at, name)
            if name != "ledger" and not name.startswith("."):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, store.path)] = file.read()
    return found


def ledger_is_lost():
    """A ledger that is not there is as bad as a garbled one: a VM that was switched stays where it is."""
    with tool.Store() as store:
        store.apply()
        store.run("switch", "vm5", "A", "--timeout", "0.01").exits(5)
        path, definition = os.path.join(store.path, "ledger"), store.write(tool.figure7())
        shutil.copy(path, f"{store.folder}/copy")
        before = everything(store)
        for instead in (nothing, os.mkfifo, os.mkdir):
            take_away(path)
            instead(path)
            for words in (["apply", "--timeout", "0.01", definition], ["plan", definition], ["diff", definition]):
                store.run(*words).exits(1, store.path, *REMEDY)
            assert everything(store) == before, "a refused apply has written"
        take_away(path)
        assert store.run("show", "--json").exits(0).json()["cell"]["vm5"]["in"] == "A"
        store.run("switch", "vm5", "P", "--timeout", "0.01").exits(5)
        store.run("switch", "vm5", "A", "--timeout", "0.01").exits(5)
        shutil.copy(f"{store.folder}/copy", path)
        store.apply()
        assert store.run("show", "--json").exits(0).json()["cell"]["vm5"]["in"] == "A"


def beginning_without_ledger():
    """Where nothing is in force there is nothing to lose: before the first revision, and after a clean that was cut short."""
    text = tool.figure7().replace(tool.FOREIGN, f"k{os.getpid()}n")  # cleaned: nobody else's
    with tool.Store() as store:
        os.mkdir(store.path)
        store.put("image/1.0123456789abcdef/" + NODE, "of an apply that was killed")
        store.apply(text)
        os.unlink(os.path.join(store.path, "ledger"))
        store.put("revision", '{"id": "0123456789abcdef", "node": [], "revision": 2}')
        store.apply(text)
        os.unlink(os.path.join(store.path, "ledger"))
        if os.geteuid():
            raise tool.Skip("clean needs root")
        store.run("clean", "--timeout", "5").exits(0)
        assert "revision" not in os.listdir(store.path)
        store.apply(text)


def clean_names_the_key():
    """What is no value of ours is not removed; which one it is, is said."""
    if os.geteuid():
        raise tool.Skip("clean needs root")
    with tool.Store() as store:
        store.apply(tool.figure7().replace(tool.FOREIGN, f"k{os.getpid()}n"))
        stray = os.path.join(store.path, "report", f"k{os.getpid()}x")
        os.makedirs(stray)
        store.run("clean", "--timeout", "5").exits(1, f"key report/k{os.getpid()}x: Is a directory")
        os.rmdir(stray)
        store.run("clean", "--timeout", "5").exits(0)


def garbled_revision():
    """Whether something is in force is not known then."""
    with tool.Store() as store:
        store.apply()
        os.unlink(os.path.join(store.path, "ledger"))
        store.put("revision", "seven")
        store.run("plan", store.write(tool.figure7())).exits(1, *REMEDY)


def unreadable_stray_report():
    """Of a node that no definition lists: it keeps nobody from anything."""
    with tool.Store() as store:
        store.apply()
        definition = store.write(tool.figure7())
        os.makedirs(f"{store.path}/report", exist_ok=True)
        os.symlink(STRAY, f"{store.path}/report/{STRAY}")
        os.unlink(f"{store.path}/generation")
        store.run("diff", definition).exits(0)
        store.run("switch", "vm5", "A", "--timeout", "0.01").exits(5)
        store.apply()


def unreadable_report():
    """Of a node that is listed: the message names its key."""
    with tool.Store() as store:
        store.apply()
        os.makedirs(f"{store.path}/report", exist_ok=True)
        os.symlink(NODE, f"{store.path}/report/{NODE}")
        for words in (["diff", store.write(tool.figure7())], ["switch", "vm5", "A"]):
            said = store.run(*words).exits(1, f"'report/{NODE}'", "symbolic links")
            assert "generation" not in said.err, said.err


def killed_applies():
    """What they had begun to write goes with the old revisions, and clean leaves no level behind."""
    text = tool.figure7().replace(tool.FOREIGN, f"k{os.getpid()}n")  # cleaned: nobody else's
    with tool.Store() as store:
        store.apply(text)
        for key in (f"{os.path.dirname(store.image('x'))}/.{NODE}.new", f"image/9.0123456789abcdef/.{NODE}.new"):
            store.put(key, "half an image")
        store.apply(text)
        store.apply(text)
        levels = os.listdir(f"{store.path}/image")
        assert len(levels) == 2 and all(level.startswith(("2.", "3.")) for level in levels), levels
        if os.geteuid():
            raise tool.Skip("clean needs root")
        store.put(f"report/.{NODE}.new", "half a report")
        store.put(f"image/{levels[0]}/.{NODE}.new", "half an image")
        store.run("clean", "--timeout", "5").exits(0)
        left = [name for name in os.listdir(store.path) if not name.startswith(".")]
        assert left in ([], ["cell"]), left


CASES = (ledger_is_lost, beginning_without_ledger, clean_names_the_key, garbled_revision, unreadable_stray_report, unreadable_report, killed_applies)

if __name__ == "__main__":
    sys.exit(tool.run_cases([(case.__name__, case) for case in CASES]))
