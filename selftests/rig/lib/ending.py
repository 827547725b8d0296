# SPDX-License-Identifier: GPL-2.0-or-later
"""How programs that make things end: asked first, so that they take away what they made, and killed only where they do not."""
import signal
import subprocess
import sys


def unwind():
    """From here on SIGTERM leaves the main thread by way of its `finally`s; once: what cleans up is not to be cut short."""

    def leave(number, _):
        signal.signal(number, signal.SIG_IGN)
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)


def end(process, grace):
    """Ends a process; what it still said. grace: seconds that it has."""
    process.terminate()
    try:
        return process.communicate(timeout=grace)[0]
    except subprocess.TimeoutExpired:
        process.kill()
    try:
        return process.communicate(timeout=5)[0]
    except subprocess.TimeoutExpired:  # one that it left behind holds on to its output
        return ""


def run(words, limit, grace, **options):
    """(exit code, output) of a program; None in place of the code where it was not done after `limit` seconds. Then, and where we
    are to end ourselves, it is ended."""
    process = subprocess.Popen(words, text=True, errors="replace", **options)
    try:
        said = process.communicate(timeout=limit)[0]
        return process.returncode, said
    except subprocess.TimeoutExpired:
        return None, end(process, grace)
    except BaseException:
        end(process, grace)
        raise
