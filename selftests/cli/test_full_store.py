#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A store whose file system is full: what could not be written is said, with the store's path, and nothing of it is in force then or later."""
import contextlib
import os
import subprocess
import sys

import tool

PAGE = os.sysconf("SC_PAGE_SIZE")
FULL = "No space left on device"


@contextlib.contextmanager
def small_store(text):
    """A store on a file system of its own, applied, and a function that leaves so many pages of it free (None: all)."""
    if os.geteuid():
        raise tool.Skip("needs root")
    with tool.Store() as store:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k,mode=700", "xslice-test", store.folder], check=True)
        try:
            ballast = os.path.join(store.folder, "ballast")

            def leave(pages):
                if os.path.exists(ballast):
                    os.unlink(ballast)
                if pages is None:
                    return
                free = os.statvfs(store.folder)
                with open(ballast, "wb") as file:
                    os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - pages * PAGE)

            store.apply(text)
            yield store, leave
        finally:
            subprocess.run(["umount", store.folder], check=True)


def names():
    """The example with nodes that are nobody's: clean would take others' down."""
    return tool.figure7().replace(tool.FOREIGN, f"k{os.getpid()}n")


def apply_writes_nothing():
    with small_store(names()) as (store, leave):
        before = store.revision()
        path = store.write(names().replace("mtu: 1400", "mtu: 1450"), "changed.yaml")
        for pages in range(5):
            leave(pages)
            store.run("apply", "--timeout", "0.01", path).exits(1, f"store {store.path}: ", FULL)
            assert store.revision() == before, "a revision that was refused is in force"
        store.run("show").exits(0)
        leave(None)
        store.run("diff", path).exits(3)
        store.run("apply", "--timeout", "0.01", path).exits(5)
        store.run("diff", path).exits(0)


def switch_is_not_made_later():
    """Neither where nothing could be written nor where the journal could: who was told that it failed does not find it made."""
    with small_store(names()) as (store, leave):
        for pages in (0, 1):
            leave(pages)
            store.run("switch", "vm5", "A").exits(1, store.path, FULL)
            assert not os.path.exists(f"{store.path}/pending"), "an unfinished switch is left to be finished"
        leave(None)
        store.apply(names())
        assert store.run("show", "--json").exits(0).json()["cell"]["vm5"]["in"] == "P"
        store.run("switch", "vm5", "A", "--timeout", "0.01").exits(5)
        assert store.run("show", "--json").exits(0).json()["cell"]["vm5"]["in"] == "A"


def clean_says_so():
    with small_store(names()) as (store, leave):
        leave(0)
        done = store.run("clean", "--timeout", "5").exits(1, store.path, FULL)
        assert not done.out, done.out
        leave(None)
        store.run("clean", "--timeout", "5").exits(0)


if __name__ == "__main__":
    cases = (apply_writes_nothing, switch_is_not_made_later, clean_says_so)
    sys.exit(tool.run_cases([(case.__name__, case) for case in cases]))
