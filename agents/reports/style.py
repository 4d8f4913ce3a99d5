"""How the pictures look: sizes, colours that colour-blind readers can tell apart, words for names."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe and Ito's palette
BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000",
)  # fmt: skip
LEARNED_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE)
GREY, PALE = "#5a5a5a", "#b8b8b8"
PART_COLOURS = (BLUE, SKY, ORANGE, VERMILLION, PURPLE, GREEN, GREY, PALE, BLACK)
DPI = 160


def words(name: str) -> str:
    """A name as a reader wants it."""
    return name.removeprefix("reward_").replace("_", " ")


def figure(width: float, height: float, **options: Any) -> Figure:
    """An empty figure, inches, made without pyplot: nothing stays open."""
    drawn = Figure(figsize=(width, height), dpi=DPI, layout="constrained", **options)
    FigureCanvasAgg(drawn)
    return drawn


def tidy(axes: Any, grid: str | None = None) -> None:
    """No box, small ticks, a faint grid where it helps reading."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, length=3)
    axes.xaxis.label.set_size(9)
    axes.yaxis.label.set_size(9)
    axes.title.set_size(9)
    if grid:
        axes.grid(axis=grid, color="#e6e6e6", linewidth=0.6)
        axes.set_axisbelow(True)


def png(drawn: Figure) -> bytes:
    """The figure as a PNG."""
    data = io.BytesIO()
    drawn.savefig(data, format="png", facecolor="white")
    return data.getvalue()


def image(drawn: Figure) -> np.ndarray:
    """The figure as uint8[height, width, 3]."""
    canvas = drawn.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def apart(places: list[float], distance: float) -> list[float]:
    """The places moved as little as needed to stand at least `distance` apart, in their order."""
    order = np.argsort(places)
    moved = np.array(places, float)[order]
    for _ in range(200):
        gaps = np.diff(moved)
        close = np.flatnonzero(gaps < distance - 1e-9)
        if not len(close):
            break
        for place in close:
            push = 0.5 * (distance - (moved[place + 1] - moved[place]))
            if push > 0:
                moved[place] -= push
                moved[place + 1] += push
    result = np.empty(len(places))
    result[order] = moved
    return result.tolist()
