# SPDX-License-Identifier: GPL-2.0-or-later
"""A time chart in text, as the paper's figure 13: one bar per phase over one axis."""

WIDTH = 64


def _label(seconds):
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _column(at, begin, span):
    return min(WIDTH - 1, max(0, int((at - begin) / span * WIDTH)))


def draw(title, phases):
    """phases: (name, begin, end) in seconds. Lines of text."""
    begin = min(first for _, first, _ in phases)
    end = max(last for _, _, last in phases)
    span = max(end - begin, 1e-9)
    lines = [title, ""]
    for name, first, last in phases:
        left, right = _column(first, begin, span), _column(last, begin, span)
        bar = " " * left + "#" * (right - left + 1)
        lines.append(f"  {name:>9} |{bar:<{WIDTH}}| {_label(last - first)}")
    lines.append(f"  {'':>9} +{'-' * WIDTH}+")
    ticks = [begin + span * i / 4 for i in range(5)]
    axis = [" "] * (WIDTH + 12)
    for tick in ticks:
        text = f"{(tick - begin) * 1000:.0f}" if span < 10 else f"{tick - begin:.1f}"
        at = int((tick - begin) / span * WIDTH)
        axis[at : at + len(text)] = text
    lines.append(f"  {'':>9}  {''.join(axis).rstrip()} {'ms' if span < 10 else 's'}")
    return lines
