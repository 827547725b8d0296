# SPDX-License-Identifier: GPL-2.0-or-later
"""Claims about a running figure 7, each of which can come out false. A check measures and returns an Outcome; it
raises only where nothing could be measured. The demo tells them as a story, the rig tests assert them."""
from dataclasses import dataclass


@dataclass
class Outcome:
    ok: bool
    figure: float
    unit: str
    detail: str = ""
