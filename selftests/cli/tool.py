# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs as a person types them, without privilege: what they print, and their exit codes. Cases run as a rig's do."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(TOP, "selftests/rig"))
from lib.contract import BUILD  # noqa: E402
from lib.rigtest import Skip, run_cases  # noqa: E402,F401

FIGURE7 = os.path.join(TOP, "docs/examples/figure7.yaml")
FOREIGN = f"cli{os.getpid()}x"  # before every node's name: no agent of this machine is meant, and no other test's node


def program(name):
    return os.path.join(BUILD, name)


class Done:
    """What came out of a program."""

    def __init__(self, words, done):
        self.words, self.code, self.out, self.err = words, done.returncode, done.stdout, done.stderr

    def exits(self, code, *said):
        """Asserts the exit code, and that every one of `said` was said on standard error."""
        where = f"{' '.join(self.words)}: exit {self.code}\n{self.out}{self.err}"
        assert self.code == code, f"{where}: not exit {code}"
        for part in said:
            assert part in self.err, f"{where}: nothing is said of {part!r}"
        return self

    def json(self):
        return json.loads(self.out)


def run(name, *words, stdin=None, stdout=subprocess.PIPE, env=None, timeout=60):
    words = [program(name), *words]
    done = subprocess.run(
        words,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=timeout,
        env={**os.environ, **(env or {})},
    )
    return Done(words, done)


class Store:
    """A store without agents, with definitions beside it. with Store() as store: ..."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="xslice-cli-")
        self.path = os.path.join(self.folder, "store")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *words, **more):
        return run("xslice", *words, "--store", self.path, **more)

    def write(self, text, name="domain.yaml"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def put(self, key, text):
        path = os.path.join(self.path, key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def revision(self):
        """The active one: {revision, id, node}."""
        with open(os.path.join(self.path, "revision"), encoding="utf-8") as file:
            return json.load(file)

    def image(self, node):
        """Key of a node's image in the active revision."""
        active = self.revision()
        return f"image/{active['revision']}.{active['id']}/{node}"

    def apply(self, text=None):
        """Puts a definition into the store; no agent takes it."""
        return self.run("apply", "--timeout", "0.01", self.write(figure7() if text is None else text)).exits(5)


def figure7(**change):
    """The example with nodes whose names nobody else uses; change: texts to replace, by the texts in their place."""
    with open(FIGURE7, encoding="utf-8") as file:
        text = file.read()
    for before, after in change.items():
        assert before in text, before
        text = text.replace(before, after)
    return rename(text)


def dual_stack():
    """The same with both families."""
    with open(FIGURE7.replace("figure7", "figure7-dual"), encoding="utf-8") as file:
        return rename(file.read())


def rename(text):
    return re.sub(r"\bR([123])\b", rf"{FOREIGN}\1", text)
