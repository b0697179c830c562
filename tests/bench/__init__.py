# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark: this collection beside its peers, on the same API server behind the same round trip.

``python -m bench run`` measures and writes ``build/bench.json``; ``python -m bench publish`` makes the page, the chart
and the data in ``docs`` out of it.
"""
