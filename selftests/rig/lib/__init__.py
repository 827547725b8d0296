# SPDX-License-Identifier: GPL-2.0-or-later
"""Parts of which rigs are made: namespaces and wires, frames, services, probes, maps as they stand, xslice."""
