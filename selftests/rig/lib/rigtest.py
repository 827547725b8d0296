# SPDX-License-Identifier: GPL-2.0-or-later
"""What a rig test is made of: a rig that is raised, tried and taken down, and cases that print what selftests/run
counts.

A case that fails leaves in build/rig/<test>/ what a person needs: captures of the hosts' wires, the maps of all nodes,
the agents' logs."""
import contextlib
import os
import sys
import traceback

from . import contract, figure7, services, xslice
from .netns import RigError
from .wire import Capture


def folder(test):
    return os.path.join(contract.BUILD, "rig", test)


class Skip(Exception):
    """A case that cannot be tried here; its text is the reason."""


class AnyRig:
    """A network with a domain on it: with AnyRig(...) as rig. What kind of network, a subclass says: it raises it (raise_net), and begins
    what is to be there before the agents are (begin): the definition, captures, services. bare: no agents yet and nothing applied.
    """

    def __init__(self, test, net, nodes, bare):
        self.keep, self.net, self.nodes, self.bare = folder(test), net, nodes, bare
        self.domain, self.captures, self.services = None, [], []
        self.failed = False

    def __enter__(self):
        try:
            self.raise_net()
            self.domain = xslice.Domain(self.net, self.nodes, self.keep)
            self.begin()
            if not self.bare:
                self.domain.start()
                self.domain.apply(self.definition)
        except BaseException:
            self.failed = True
            self._close()
            raise
        return self

    def __exit__(self, kind, *_):
        self.failed = self.failed or kind is not None
        self._close()

    def _close(self):
        for service in self.services:
            with contextlib.suppress(RigError):
                service.stop()
        for capture in self.captures:
            capture.stop(keep=self.failed)
        if self.domain:
            if self.failed:
                self.domain.dump(self.keep)
            self.domain.close()
        self.net.close()

    def capture(self, *hosts):
        for short in hosts:
            self.captures.append(Capture(self.net.name(short), "eth0", os.path.join(self.keep, f"{short}.pcap")))

    def run_cases(self, cases):
        """As run_cases(); a case that fails leaves captures, maps and logs."""
        code = run_cases(cases)
        self.failed = self.failed or code != 0
        return code


class Rig(AnyRig):
    """Figure 7 with agents and the definition applied: with Rig("test_x", "tx") as rig: ...

    text: another definition of its kind; families: what hosts have; prepare: is called with the network when it is raised; net:
    another network than figure 7's.
    """

    def __init__(self, test, prefix, text=None, bare=False, families=(figure7.V4,), prepare=None, net=None):
        super().__init__(test, net or figure7.Figure7(prefix, families), figure7.NODES, bare)
        self.text, self.prepare = text, prepare

    def raise_net(self):
        self.net.raise_all()
        if self.prepare:
            self.prepare(self.net)

    def begin(self):
        self.definition = self.domain.write(self.net.definition(self.text))
        self.capture("client", "vm5", "vm6")
        for short in ("vm5", "vm6"):
            self.services.append(services.Who(self.net.name(short), short))
        self.services.append(services.Echo(self.net.name("vm5")))

    def hold(self, outcome):
        """Asserts an Outcome of checks/."""
        if not outcome.ok:
            self.failed = True
            raise AssertionError(f"{outcome.figure} {outcome.unit}: {outcome.detail}")
        print(f"{outcome.figure} {outcome.unit}: {outcome.detail}", flush=True)


def run_cases(cases):
    """cases: (name, function) in order. One that fails does not keep the next from being tried. The exit code."""
    failed = 0
    for name, case in cases:
        print(f"[ RUN      ] {name}", flush=True)
        try:
            case()
        except Skip as reason:
            print(f"{reason}\n[  SKIPPED ] {name}", flush=True)
        except (AssertionError, RigError, OSError, ValueError, KeyError, StopIteration) as error:
            traceback.print_exc(limit=4, file=sys.stdout)
            print(f"{type(error).__name__}: {error}")
            print(f"[  FAILED  ] {name}", flush=True)
            failed += 1
        else:
            print(f"[       OK ] {name}", flush=True)
    return 1 if failed else 0


def skip(reason):
    print(reason)
    sys.exit(77)
