#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What both programs owe who types them: versions, usage, exit codes, output that was lost, installation."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

import tool

# As an agent makes them; in a mount namespace, for it may be that none ever ran on this machine.
ROOTS_PINS = "mount -t bpf -o mode=0755 bpf /sys/fs/bpf && mkdir -m 0700 /sys/fs/bpf/xslice"


def lost_output():
    with open("/dev/full", "w", encoding="ascii") as full, tool.Store() as store:
        store.apply()
        for words in (["--help"], ["--version"], ["check", "--help"], ["check", "--json", tool.FIGURE7]):
            tool.run("xslice", *words, stdout=full).exits(1, "standard output", "No space left")
        for words in (["show"], ["show", "--json"], ["plan", tool.FIGURE7], ["stats"]):
            store.run(*words, stdout=full).exits(1, "standard output", "No space left")
        for word in ("--help", "--version"):
            tool.run("xsliced", word, stdout=full).exits(1, "standard output", "No space left")


def closed_output():
    """`>&-`: what cannot be said at all is a failure, too, and goes into no file that is open instead."""
    with tool.Store() as store:
        store.apply()
        before = {name: os.path.getsize(os.path.join(store.path, name)) for name in os.listdir(store.path)}
        for words in ("show", "show --json", f"plan {tool.FIGURE7}", "--version", "show --help"):
            name = [] if words.startswith("-") else ["--store", store.path]
            for closed in (">&-", "<&- >&-"):
                command = " ".join([tool.program("xslice"), words, *name, closed])
                done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, timeout=60)
                assert done.returncode == 1 and "standard output: Bad file descriptor" in done.stderr, (command, done)
        definition = store.write("node: []\n")
        done = subprocess.run(["sh", "-c", f"{tool.program('xslice')} check {definition} >&-"], timeout=60)
        assert done.returncode == 0, "a check that has nothing to say has lost nothing"
        assert before == {name: os.path.getsize(os.path.join(store.path, name)) for name in os.listdir(store.path)}


def one_version():
    words = [tool.run(name, "--version").exits(0).out.split() for name in ("xslice", "xsliced")]
    assert words[0][0] == "xslice" and words[1][0] == "xsliced" and words[0][1:] == words[1][1:], words
    assert len(words[0]) == 2 and words[0][1][0].isdigit(), words


def bad_files():
    for path in ("/tmp", "/nowhere/net.yaml", "/dev/null/net.yaml"):
        tool.run("xslice", "check", path).exits(2, path)
        with tool.Store() as store:
            store.run("plan", path).exits(2, path)
            store.run("apply", path).exits(2, path)


def other_systems_files():
    """Line ends and a byte order mark of Windows are read in each form; what cannot be is told once, and what to do."""
    for form in ("yaml", "json", "xml"):
        with open(tool.FIGURE7.replace("yaml", form), encoding="utf-8") as file:
            text = file.read()
        with tool.Store() as store:
            path = os.path.join(store.folder, f"net.{form}")

            def check(encoding, text=text):
                with open(path, "w", encoding=encoding, newline="\r\n") as file:
                    file.write(text)
                return tool.run("xslice", "check", path)

            check("utf-8").exits(0)
            check("utf-8-sig").exits(0)
            for encoding in ("utf-16", "utf-16-be"):
                said = check(encoding, "\ufeff" + text if encoding == "utf-16-be" else text).exits(2, f"{path}:1:1: error: this is UTF-16").err
                assert said.count("\n") == 1, said
            if form == "yaml":
                check("utf-8", text.replace("      - {name: pdc}", "\t- {name: pdc}")).exits(2, f"{path}:13:1: error: syntax: a tab")


def without_rights():
    """Counters are root's: who may read the store alone is told that, and by the exit code, too."""
    if os.geteuid():
        raise tool.Skip("needs root")
    with tool.Store() as store:
        os.chmod(store.folder, 0o777)
        command = os.path.join(store.folder, "xslice")
        shutil.copy(tool.program("xslice"), command)
        path = store.write(tool.figure7())

        def nobody(*words):
            words = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", command, *words, "--store", store.path]
            words = ["unshare", "--mount", "sh", "-c", f'{ROOTS_PINS} && exec "$@"', "sh", *words]
            return tool.Done(words, subprocess.run(words, capture_output=True, text=True, timeout=60))

        nobody("apply", "--timeout", "0.01", path).exits(5)
        nobody("stats").exits(4, f"node {tool.FOREIGN}1", "/sys/fs/bpf/xslice", "Permission denied", "root")


def bad_namespaces():
    with tool.Store() as store:
        for name in ("../..", "/run/netns/R1", ".", "..", "", ".hidden", "a/b", "x" * 64):
            tool.run("xsliced", "--node", "R1", "--store", store.path, "--netns", name).exits(2, f"'{name}'", "--netns")
        for name in ("../..", ".R1", "", "a/b", "x" * 16, "-", "-n", "_a", "\u00e9", "a b", "a\nb"):
            tool.run("xsliced", "--node", name, "--store", store.path).exits(2, f"'{name}'", "--node")


def bad_usage():
    tool.run("xslice").exits(2)
    tool.run("xslice", "chekc", "x").exits(2, "'chekc'")
    tool.run("xslice", "check").exits(2, "usage")
    tool.run("xslice", "check", "--timeout", "1", "x").exits(2, "--timeout")
    tool.run("xslice", "apply", "--timeout", "soon", "x").exits(2, "'soon'")
    tool.run("xslice", "check", "--format", "toml", "x").exits(2, "'toml'")
    tool.run("xslice", "check", "--colour", "x").exits(2, "'--colour'")
    tool.run("xslice", "--store", "x", "show").exits(2, "'--store'", "options come behind it")
    tool.run("xslice", "help", "aply").exits(2, "'aply'")
    assert tool.run("xslice", "help", "apply").exits(0).out == tool.run("xslice", "apply", "--help").exits(0).out
    tool.run("xsliced").exits(2, "--node")
    tool.run("xsliced", "--node").exits(2, "--node", "--help")
    tool.run("xsliced", "--node", "R1", "more").exits(2, "'more'")


def default_store():
    with tool.Store() as store:
        for program, words in (("xslice", ["show"]), ("xsliced", ["--node", tool.FOREIGN])):
            if program == "xsliced" and os.geteuid():
                continue  # only root gets as far as its store
            missing = os.path.join(store.folder, "nothing/store")
            tool.run(program, *words, timeout=10, env={"XSLICE_STORE": missing}).exits(1, f"store {missing}: ")
    text = tool.run("xsliced", "--help").exits(0).out
    assert "$XSLICE_STORE, else /var/lib/xslice" in text, text
    assert "$XSLICE_STORE, else /var/lib/xslice" in tool.run("xslice", "show", "--help").exits(0).out


def named_xsliced():
    """Under whatever name it was begun: by /proc/self/exe it would be called exe."""
    if os.geteuid():
        raise tool.Skip("needs root")
    with tool.Store() as store:
        link = os.path.join(store.folder, "exe")
        os.symlink(tool.program("xsliced"), link)
        os.mkdir(store.path)
        agent = subprocess.Popen([link, "--node", tool.FOREIGN, "--store", store.path], stderr=subprocess.PIPE, text=True)
        try:
            said = next((line for line in agent.stderr if "started" in line), "nothing")
            with open(f"/proc/{agent.pid}/comm", encoding="ascii") as file:
                name = file.read().strip()
        finally:
            agent.terminate()
            agent.communicate(timeout=20)
        assert "started" in said and name == "xsliced", (said, name)
        assert not os.path.exists(f"/run/xslice/{tool.FOREIGN}"), "an agent whose node holds nothing has left a trace"


def files_below(folder):
    return sorted(
        os.path.relpath(os.path.join(at, name), folder) for at, names, files in os.walk(folder) for name in names + files
    )


def install_and_uninstall():
    with tempfile.TemporaryDirectory(prefix="xslice-cli-") as folder:
        os.makedirs(os.path.join(folder, "usr/local/share/xslice"))
        os.makedirs(os.path.join(folder, "usr/local/bin"))
        for name in ("usr/local/share/xslice/mine", "usr/local/bin/other"):
            with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                file.write("kept\n")

        def make(target):
            env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
            subprocess.run(["make", "-s", target, f"DESTDIR={folder}"], cwd=tool.TOP, check=True, env=env, timeout=600)

        before = files_below(folder)
        make("install")
        brought = [name for name in files_below(folder) if name not in before]
        for name in ("bin/xslice", "sbin/xsliced", "share/xslice/figure7.yaml", "lib/systemd/system/xsliced@.service"):
            assert f"usr/local/{name}" in brought, brought
        make("uninstall")
        left = [name for name in files_below(folder) if name not in before and not os.path.isdir(f"{folder}/{name}")]
        assert not left, left
        assert all(os.path.exists(os.path.join(folder, name)) for name in before), "it took what it had not brought"
        os.unlink(os.path.join(folder, "usr/local/share/xslice/mine"))
        make("uninstall")
        assert not os.path.exists(os.path.join(folder, "usr/local/share/xslice"))


def every_drop_reason_is_explained():
    """docs/operations.md has a line for each; what is no drop is not a reason."""
    with open(os.path.join(tool.TOP, "maps/contract.h"), encoding="utf-8") as file:
        names = re.findall(r'^\tX\([A-Z_]+, "([a-z-]+)"', file.read(), re.M)
    drops = names[names.index("malformed") :]
    assert len(drops) >= 15 and "punted" not in drops, names
    with open(os.path.join(tool.TOP, "docs/operations.md"), encoding="utf-8") as file:
        told = set(re.findall(r"`([a-z-]+)`", file.read()))
    missing = [name for name in drops if name not in told]
    assert not missing, f"docs/operations.md does not tell what to do about {missing}"


def help_lists_targets():
    done = subprocess.run(["make", "-s", "help"], cwd=tool.TOP, capture_output=True, text=True, check=True, timeout=60)
    for target in ("test", "demo", "bench", "install", "uninstall", "clean"):
        assert f"make {target}" in done.stdout, target


if __name__ == "__main__":
    sys.exit(
        tool.run_cases(
            [
                (case.__name__, case)
                for case in (
                    lost_output,
                    closed_output,
                    one_version,
                    bad_files,
                    bad_namespaces,
                    other_systems_files,
                    without_rights,
                    bad_usage,
                    default_store,
                    named_xsliced,
                    install_and_uninstall,
                    every_drop_reason_is_explained,
                    help_lists_targets,
                )
            ]
        )
    )
