#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fuzzes the readers with libFuzzer: selftests/fuzz/test_fuzz.py [SECONDS]; 20 s for each by default, side by side.

Seeds: the corpus beside this file, the faulty definitions of the unit tests, the examples; images are made of those that
are sound. What is newly found stays in build/fuzz/ and is gone on from; a crash is left there, too, for a unit test."""
import concurrent.futures
import glob
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
BUILD = os.path.join(TOP, "build/fuzz")
HERE = "selftests/fuzz"
SECONDS = 20
LENGTH = {"definition": 8192, "image": 32768}
COVERED = {"definition": 1500, "image": 250}
NAMES = {"definition": "definition_reader", "image": "image_reader"}


def definitions():
    places = (f"{HERE}/definition/*", "selftests/unit/model/*", "docs/examples/*", f"{HERE}/image/*.yaml")
    found = [path for place in places for path in sorted(glob.glob(os.path.join(TOP, place)))]
    return [path for path in found if not path.endswith(".expect") and os.path.getsize(path) <= 2 * LENGTH["definition"]]


def dictionary(path):
    """The words of the schema, and what the three forms are made of."""
    words = {'"xmlns=\\"urn:xslice\\""', '"<![CDATA["', '"- {"', '": ["', '"]}"', '"0.0.0.0/0"', '"10.0.0.0/16"', '"::/0"'}
    for module in glob.glob(os.path.join(TOP, "loader/model/*.yang")):
        with open(module, encoding="utf-8") as file:
            text = file.read()
        words.update(f'"{word}"' for word in re.findall(r"^\s*(?:leaf|leaf-list|list|container|enum) ([\w-]+)", text, re.M))
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(sorted(words)) + "\n")


def image_seeds(folder):
    """An image of each node of every sound definition, by both mechanisms, as apply puts it into a store that no agent looks at."""
    os.makedirs(folder, exist_ok=True)
    ways = itertools.product(definitions(), ("segmentation", "paging"))
    for number, (path, mechanism) in enumerate(ways):
        with tempfile.TemporaryDirectory(prefix="xslice-fuzz-") as store:
            words = [os.path.join(TOP, "build/xslice"), "apply", "--timeout", "0.001", "--store", f"{store}/s"]
            words += ["--implementation", mechanism, path]
            subprocess.run(words, capture_output=True, timeout=60, check=False)
            for image in glob.glob(f"{store}/s/image/*/*"):
                if os.path.getsize(image) <= LENGTH["image"]:
                    shutil.copy(image, os.path.join(folder, f"{number}-{os.path.basename(image)}"))


def seeds(kind):
    folder = os.path.join(BUILD, f"{kind}-seeds")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    if kind == "image":
        image_seeds(folder)
        for path in glob.glob(os.path.join(TOP, HERE, "image/*.image")):
            shutil.copy(path, folder)
    else:
        for number, path in enumerate(definitions()):
            shutil.copy(path, os.path.join(folder, f"{number}-{os.path.basename(path)}"))
    return folder


def fuzz(kind, seconds):
    """(exit code, what libFuzzer said)."""
    grown = os.path.join(BUILD, f"{kind}-corpus")
    os.makedirs(grown, exist_ok=True)
    words = [
        os.path.join(BUILD, f"{kind}_fuzz"),
        f"-max_total_time={seconds}",
        f"-max_len={LENGTH[kind]}",
        "-timeout=120",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        f"-artifact_prefix={BUILD}/{kind}-",
        f"-dict={BUILD}/words.dict",
        grown,
        seeds(kind),
    ]
    if kind == "image":
        words = [word for word in words if not word.startswith("-dict")]
    done = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=seconds + 600, check=False
    )
    return done.returncode, done.stdout


def build():
    """Only who fuzzes waits for clang. A make of its own, whatever make called us for."""
    clean = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    words = ["make", "--no-print-directory", f"-j{os.cpu_count()}", "fuzzers"]
    made = subprocess.run(words, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=clean, check=False)
    if made.returncode:
        print("\n".join(made.stdout.splitlines()[-20:]))
        sys.exit(1)


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    build()
    os.makedirs(BUILD, exist_ok=True)
    dictionary(os.path.join(BUILD, "words.dict"))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor() as pool:
        running = {kind: pool.submit(fuzz, kind, seconds) for kind in NAMES}
        for kind, name in NAMES.items():
            print(f"[ RUN      ] {name}", flush=True)
            code, said = running[kind].result()
            runs = re.search(r"stat::number_of_executed_units: (\d+)", said)
            covered = re.findall(r"cov: (\d+)", said)
            # Less than this is no fuzzing: the seeds alone cover more, and a busy machine gets beyond them.
            least = len(os.listdir(os.path.join(BUILD, f"{kind}-seeds")))
            good = code == 0 and runs and int(runs.group(1)) > least and covered and int(covered[-1]) >= COVERED[kind]
            print("\n".join(said.splitlines()[-25:] if not good else []), end="")
            print(f"{runs.group(1) if runs else 'no'} inputs, {covered[-1] if covered else 'no'} edges covered", flush=True)
            print(f"[{'       OK' if good else '  FAILED '} ] {name}", flush=True)
            failed += not good
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
