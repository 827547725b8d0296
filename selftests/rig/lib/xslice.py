# SPDX-License-Identifier: GPL-2.0-or-later
"""xslice and its agents, as a person would run them: the command, one xsliced per node, the store between them."""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from . import contract, maps, netns
from .netns import BPFFS, RigError, run
from .snapshot import RUN_ROOT


def program(name):
    path = os.path.join(contract.BUILD, name)
    if not os.access(path, os.X_OK):
        raise RigError(f"{path} is not built: make")
    return path


def mount_bpffs():
    """Mounts bpffs where it is not. True if it did."""
    with open("/proc/mounts", encoding="ascii") as file:
        if any(line.split()[1:3] == [BPFFS, "bpf"] for line in file):
            return False
    run("mount", "-t", "bpf", "bpf", BPFFS)
    return True


class Domain:
    """A store, the agents of its nodes, the command.

    net: the Net whose namespaces the nodes are; keep: a folder for definitions and the agents' logs, which stays.
    """

    def __init__(self, net, nodes, keep):
        self.net, self.nodes, self.keep = net, nodes, keep
        os.makedirs(keep, exist_ok=True)
        self.folder = tempfile.mkdtemp(prefix="xslice-store-")  # of the store, and what a test puts beside it
        self.store = os.path.join(self.folder, "store")
        os.mkdir(self.store, 0o700)
        for directory in (self.folder, *(f"{root}/{net.name(node)}" for node in nodes for root in (contract.PIN_ROOT, RUN_ROOT))):
            netns.note("directory", directory)
        self.agents = {}
        self.environment = {}  # that agents get besides
        self.options = ()  # of what reads a definition
        self.mounted = mount_bpffs()

    # ---- the command ----

    def command(self, *words, check=True, timeout=60):
        """(exit code, the JSON it printed or None, what it said on standard error)."""
        done = subprocess.run(
            [program("xslice"), *words, "--store", self.store, "--json"],
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, "XSLICE_STORE": self.store},
        )
        if check and done.returncode:
            raise RigError(f"xslice {' '.join(words)}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}")
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            answer = None
        return done.returncode, answer, done.stderr.strip()

    def write(self, text, name="domain.yaml"):
        path = os.path.join(self.keep, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def apply(self, path, check=True, timeout=None):
        """timeout: of the command's own waiting, in seconds."""
        return self.command("apply", path, *self.options, *(("--timeout", str(timeout)) if timeout else ()), check=check)

    def plan(self, path):
        return self.command("plan", path, *self.options)[1]

    def switch(self, what, slice_name):
        return self.command("switch", what, slice_name)

    def revision(self):
        """The active one: {revision, id, node}."""
        with open(os.path.join(self.store, "revision"), encoding="utf-8") as file:
            return json.load(file)

    def report(self, node):
        with open(os.path.join(self.store, "report", self.net.name(node)), encoding="utf-8") as file:
            return json.load(file)

    # ---- the agents ----

    def start(self, *nodes):
        for node in nodes or self.nodes:
            name = self.net.name(node)
            with open(os.path.join(self.keep, f"agent-{name}.log"), "ab") as log:
                self.agents[node] = subprocess.Popen(
                    [program("xsliced"), "--node", name, "--store", self.store, "--netns", name],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **self.environment.get(node, {})},
                )
            netns.note("process", self.agents[node].pid)

    def alive(self):
        return [node for node, agent in self.agents.items() if agent.poll() is None]

    def stop(self, number=signal.SIGTERM, timeout=20):
        """Ends our agents, each by its own pid, and returns their exit codes by node."""
        for agent in self.agents.values():
            if agent.poll() is None:
                agent.send_signal(number)
        codes = {}
        for node, agent in self.agents.items():
            try:
                codes[node] = agent.wait(timeout)
            except subprocess.TimeoutExpired:
                agent.kill()
                codes[node] = agent.wait()
        self.agents.clear()
        return codes

    def wait_ready(self, timeout=30):
        """Waits until the agents that now run have each reported the active revision."""
        end = time.monotonic() + timeout
        active = self.revision()
        waiting = set(self.agents)
        while waiting:
            for node in list(waiting):
                agent = self.agents[node]
                if agent.poll() is not None:
                    raise RigError(f"agent of {node} ended with {agent.returncode}: {self.log_tail(node)}")
                try:
                    report = self.report(node)
                except (OSError, ValueError):
                    continue
                if report.get("pid") == agent.pid and report.get("revision_id") == active["id"]:
                    if report.get("failed"):
                        raise RigError(f"agent of {node}: {report.get('error')}")
                    waiting.discard(node)
            if time.monotonic() > end:
                raise RigError(
                    f"no report of {', '.join(sorted(waiting))} within {timeout} s: {self.log_tail(min(waiting))}"
                )
            time.sleep(0.01)

    def log_tail(self, node):
        try:
            with open(
                os.path.join(self.keep, f"agent-{self.net.name(node)}.log"), encoding="utf-8", errors="replace"
            ) as file:
                return " | ".join(file.read().strip().splitlines()[-3:])
        except OSError:
            return "no log"

    # ---- taking it down ----

    def slivers(self):
        """Namespaces of slivers and edges of our nodes."""
        ours = tuple(f"xs.{self.net.name(node)}{mark}" for node in self.nodes for mark in ".@")
        return [name for name in netns.names() if name.startswith(ours)]

    def wipe(self):
        """What a power failure takes: the slivers' namespaces, the veths, the pins, what is attached to ports.

        The agents must be dead.
        """
        for name in self.slivers():
            run("ip", "netns", "delete", name)
        for node in self.nodes:
            name = self.net.name(node)
            for device in netns.links(name) if netns.exists(name) else ():
                if device.startswith("xs") and device[2:].isdigit():
                    run("ip", "-n", name, "link", "delete", device, check=False)
                else:
                    run("tc", "-n", name, "qdisc", "delete", "dev", device, "clsact", check=False)
            shutil.rmtree(f"{contract.PIN_ROOT}/{name}", ignore_errors=True)
            if netns.exists(name):  # the kernel detaches a moment after the last pin is gone
                netns.until(lambda node=name: not any("xdp" in link for link in netns.links(node).values()), 3)

    def dump(self, directory):
        """The nodes' maps as bpftool prints them, for a person who looks for a fault."""
        for node in self.nodes:
            name = self.net.name(node)
            if not maps.pinned(name):
                continue
            os.makedirs(directory, exist_ok=True)
            for one in contract.MAPS:
                if one == "label":
                    continue  # 4096 lines a port, nearly all zero
                text = run(
                    "bpftool",
                    "map",
                    "dump",
                    "pinned",
                    f"{contract.PIN_ROOT}/{name}/v{contract.VERSION}/{one}",
                    check=False,
                )
                with open(os.path.join(directory, f"map-{name}-{one}.txt"), "w", encoding="utf-8") as file:
                    file.write(text)

    def close(self):
        """After a failure too: nothing of ours stays. By xslice clean where it can, then by hand."""
        if os.path.isdir(self.store):
            with contextlib.suppress(RigError, subprocess.TimeoutExpired):
                self.command("clean", "--timeout", "10", check=False)
        self.stop()
        self.wipe()
        for node in self.nodes:
            shutil.rmtree(os.path.join(RUN_ROOT, self.net.name(node)), ignore_errors=True)
        for root in (contract.PIN_ROOT, RUN_ROOT):
            if os.path.isdir(root) and not os.listdir(root):
                os.rmdir(root)
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.mounted and not os.listdir(BPFFS):
            run("umount", BPFFS, check=False)
