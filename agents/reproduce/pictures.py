"""Pictures of a reproduction: hit ratios with their intervals, a panel a sweep."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from agents.reports.style import BLACK, BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, SKY, VERMILLION, figure, tidy
from agents.reproduce.tables import Line
from agents.reproduce.trimcaching import (
    EVERYTHING,
    GEN,
    INDEPENDENT,
    METHODS,
    OPTIMUM,
    PER_BYTE,
    POPULAR,
    RANDOM,
    RELAXED,
    SPEC,
    Sweep,
)

COLOURS = {
    SPEC: BLUE, GEN: VERMILLION, PER_BYTE: ORANGE, INDEPENDENT: GREEN, POPULAR: PURPLE, RANDOM: SKY,
    RELAXED: GREY, EVERYTHING: PALE, OPTIMUM: BLACK,
}  # fmt: skip
BOUNDS = (RELAXED, EVERYTHING, OPTIMUM)
PANEL = 3.1, 2.7  # inches
CLAIM = 0.8  # hit ratio that the survey reports at 12 servers


def sweeps_picture(sweeps: Sequence[Sweep], lines: Sequence[Line], claim: bool = False) -> Figure:
    """A panel a sweep, methods as lines, their intervals as bands."""
    drawn = figure(PANEL[0] * len(sweeps) + 1.5, PANEL[1])
    panels = np.atleast_1d(np.asarray(drawn.subplots(1, len(sweeps), sharey=True)))
    for axes, sweep in zip(panels, sweeps):
        own = [line for line in lines if line.sweep == sweep.name]
        for name in METHODS:
            shown = [line for line in own if line.method == name]
            if shown:
                dashes = (0, (4, 2)) if name in BOUNDS else "-"
                values = [line.value for line in shown]
                low, high = np.array([line.hit_ratio[1:] for line in shown]).T
                middle = [line.hit_ratio.value for line in shown]
                axes.fill_between(values, low, high, color=COLOURS[name], alpha=0.15, linewidth=0)
                axes.plot(values, middle, color=COLOURS[name], linestyle=dashes, marker=".", markersize=4, label=name)
        if claim:
            axes.axhline(CLAIM, color=BLACK, linewidth=0.7, linestyle=":")
        axes.set_title(sweep.title)
        axes.set_xlabel(sweep.axis)
        axes.set_xticks(sweep.values, [f"{value:g}" for value in sweep.values])
        axes.set_ylim(0.0, 1.0)
        tidy(axes, "y")
    panels[0].set_ylabel("expected hit ratio")
    entries = {label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels())}
    order = [name for name in METHODS if name in entries]
    drawn.legend([entries[name] for name in order], order, loc="outside right center", fontsize=8, frameon=False)
    return drawn


def walk_picture(minutes: Sequence[float], rows: Sequence[tuple[str, np.ndarray]]) -> Figure:
    """Hit ratio over the minutes since placement; each row is a name and [minute, (mean, low, high)]."""
    drawn = figure(5.0, PANEL[1])
    axes = drawn.subplots()
    for name, values in rows:
        base = name.partition(",")[0]
        dashes = "-" if "kept" in name else (0, (4, 2))
        axes.fill_between(minutes, values[:, 1], values[:, 2], color=COLOURS[base], alpha=0.15, linewidth=0)
        axes.plot(minutes, values[:, 0], color=COLOURS[base], linestyle=dashes, marker=".", label=name)
    axes.set_xlabel("minutes since the placement")
    axes.set_ylabel("expected hit ratio")
    axes.set_ylim(0.0, 1.0)
    tidy(axes, "y")
    drawn.legend(loc="outside right center", fontsize=8, frameon=False, handlelength=3.0)
    return drawn


def pdf(drawn: Figure) -> bytes:
    """The figure as a PDF without a date, so that the same numbers are the same file."""
    data = io.BytesIO()
    drawn.savefig(data, format="pdf", metadata={"CreationDate": None})
    return data.getvalue()
