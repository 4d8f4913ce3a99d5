"""How the pictures look: their size, colours that colour-blind readers can tell apart, and no pyplot."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe and Ito's palette
BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000",
)  # fmt: skip
GREY = "#5a5a5a"
TWO_COLUMNS, HEIGHT = 7.16, 2.6  # inches; the width of IEEE's two columns
DPI = 200
MARKS = "osD^v<>Pp*Xh"


class Picture(NamedTuple):
    """A drawn figure, its name, and what it shows in a sentence or two."""

    name: str
    caption: str
    figure: Figure


def figure(width: float, height: float, columns: int = 1, **options: Any) -> tuple[Figure, Any]:
    """A figure without pyplot, so that nothing stays open, and its axes."""
    drawn = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(drawn)
    return drawn, drawn.subplots(1, columns, **options)


def tidy(axes: Any, grid: str | None = None) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(which="both", labelsize=7, length=2.5)
    for text in (axes.xaxis.label, axes.yaxis.label, axes.title):
        text.set_size(8)
    if grid:
        axes.grid(axis=grid, color="#e6e6e6", linewidth=0.5)
        axes.set_axisbelow(True)


def plain_ticks(axes: Any) -> None:
    """A log axis that spans little more than a decade is labelled with plain numbers, few enough to stay apart."""
    from matplotlib.ticker import LogLocator, NullFormatter

    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        if axis.get_scale() == "log" and low > 0.0 and high < 100.0 * low:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())


def legend_beside(axes: Any) -> None:
    """The legend to the right of the panel, where it hides nothing."""
    axes.legend(fontsize=6.5, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), handletextpad=0.3)


def written(out: Path, pictures: Sequence[Picture]) -> list[Path]:
    """Write the pictures into a folder as PDF and PNG, and their captions; nothing is written before all are drawn."""
    contents = {}
    for picture in pictures:
        for ending in ("pdf", "png"):
            data = io.BytesIO()
            picture.figure.savefig(data, format=ending, facecolor="white")
            contents[f"{picture.name}.{ending}"] = data.getvalue()
    captions = "\n\n".join(f"**{picture.name}**: {picture.caption}" for picture in pictures) + "\n"
    contents["captions.md"] = captions.encode("utf-8")
    out.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (out / name).write_bytes(content)
    return [out / name for name in contents]
