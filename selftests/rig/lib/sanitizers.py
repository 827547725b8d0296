# SPDX-License-Identifier: GPL-2.0-or-later
"""What ASan, LeakSanitizer and UBSan report of the processes of a test, where programs have them: each report in a file, so that it
counts whoever the process was, whether or not anybody waited for its end or read what it said."""
import glob
import os
import shutil

from . import contract

_REPORTS = os.path.join(contract.BUILD, "reports")
_ran = []  # folders of this run's tests
# Strict checks ask of strndup() a NUL that it may do without, as libyang does.
_OPTIONS = "detect_stack_use_after_return=1:strict_string_checks=1:intercept_strndup=0:log_exe_name=1"


def environment(test):
    """For the processes of a test, "rig/test_x.py": what it gave before is forgotten."""
    if not contract.SANITIZED:
        return {}
    folder = os.path.join(_REPORTS, test)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    _ran.append(folder)
    log = f"log_path={folder}/report"
    return {
        "ASAN_OPTIONS": f"{_OPTIONS}:{os.environ.get('ASAN_OPTIONS', '')}:{log}",
        "UBSAN_OPTIONS": f"print_stacktrace=1:log_exe_name=1:{os.environ.get('UBSAN_OPTIONS', '')}:{log}",
    }


def reports():
    """The texts of reports that came since they were last asked for, by their paths."""
    found = [path for folder in _ran for path in sorted(glob.glob(os.path.join(folder, "report.*")))]
    texts = {}
    for path in found:
        with open(path, encoding="utf-8", errors="replace") as file:
            texts[os.path.relpath(path, contract.TOP)] = file.read().strip()
        os.rename(path, os.path.join(os.path.dirname(path), "seen." + os.path.basename(path)))
    return texts
