#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A rig that is killed where it stands leaves namespaces, slivers, pins and running agents: the next one finds none of them."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lib import contract, leftovers, netns, rigtest  # noqa: E402
from lib.snapshot import RUN_ROOT  # noqa: E402

RIG = """
import sys
sys.path.insert(0, sys.argv[1])
from lib import netns, rigtest
netns.LOCK = sys.argv[2]
with netns.alone(), rigtest.Rig("test_leftovers", "tl") as rig:
    print(*(agent.pid for agent in rig.domain.agents.values()), rig.domain.store, flush=True)
    sys.stdin.read()
"""


def there():
    """What the killed rig could have left, but for its agents."""
    spaces = [name for name in netns.names() if name.startswith(("tl", "xs.tl"))]
    return spaces + [
        os.path.join(root, name)
        for root in (contract.PIN_ROOT, RUN_ROOT)
        if os.path.isdir(root)
        for name in os.listdir(root)
        if name.startswith("tl")
    ]


def next_rig_finds_nothing():
    with tempfile.TemporaryDirectory() as folder:
        lock = os.path.join(folder, "lock")
        words = [sys.executable, "-B", "-c", RIG, os.path.dirname(os.path.abspath(__file__)), lock]
        plain = {key: value for key, value in os.environ.items() if key != netns.HELD}
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=plain) as rig:
            *agents, store = rig.stdout.readline().split()
            rig.kill()
        left = there()
        assert any(name.startswith("xs.tl") for name in left) and contract.PIN_ROOT + "/tlR1" in left, left
        assert agents and all(os.path.exists(f"/proc/{pid}") for pid in agents), agents
        bystander = subprocess.Popen(["sleep", "300"])
        try:
            with open(lock, "a+b", buffering=0) as file:
                os.write(file.fileno(), f"process {bystander.pid} 1\n".encode())  # that number, of another time
                leftovers.clear(file.fileno())
                assert not there(), there()
                assert not os.path.exists(store)
                assert netns.until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in agents), netns.PATIENCE)
                assert not os.fstat(file.fileno()).st_size
            assert bystander.poll() is None
        finally:
            bystander.kill()
            bystander.wait()


def main():
    with netns.alone():
        return rigtest.run_cases([("next_rig_finds_nothing", next_rig_finds_nothing)])


if __name__ == "__main__":
    sys.exit(main())
