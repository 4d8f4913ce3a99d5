"""The pictures of a report: learning, reward parts, decisions, latency and energy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from agents.contenders import LEARNED, Result
from agents.episodes import LOAD_EDGES, QUANTILES, UPLINK_EDGES_BPS, Summary
from agents.reports.style import (
    BLACK,
    GREY,
    LEARNED_COLOURS,
    PALE,
    PART_COLOURS,
    apart,
    figure,
    tidy,
    words,
)  # fmt: skip
from agents.statistics import interval_over_runs

LEADER = {"arrowstyle": "-", "alpha": 0.5, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0, "relpos": (0, 0.5)}
FEWEST = 20  # decisions that a cell of the decision picture needs to be shown
LEVELS_SHOWN = 5
PANELS = 9  # of the decision picture


class Curve(NamedTuple):
    """Validation scores of the runs of one algorithm."""

    name: str
    steps: list[np.ndarray]  # for each run: i8[evaluation]
    scores: list[np.ndarray]  # for each run: f8[evaluation]


def colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each learned policy."""
    return {name: LEARNED_COLOURS[place % len(LEARNED_COLOURS)] for place, name in enumerate(names)}


def learning(curves: Sequence[Curve], levels: dict[str, float]) -> Figure:
    """Validation score against training steps, with the heuristics' levels."""
    drawn = figure(6.4, 3.6)
    axes = drawn.add_subplot()
    shown = dict(sorted(levels.items(), key=lambda level: -level[1])[:LEVELS_SHOWN])
    colour = colours([curve.name for curve in curves])
    seen, last = list(shown.values()), 0.0
    for curve in curves:
        steps, table = common(curve)
        millions = steps / 1e6
        last = max(last, float(millions[-1]))
        middle = table.mean(0)
        seen += [float(middle.max()), float(np.quantile(middle, 0.25))]
        if len(table) > 2:
            band = np.array([interval_over_runs(column) for column in table.T])
            axes.fill_between(millions, band[:, 1], band[:, 2], color=colour[curve.name], alpha=0.2, linewidth=0)
        else:
            for run in table:
                axes.plot(millions, run, color=colour[curve.name], alpha=0.35, linewidth=0.8)
        axes.plot(millions, middle, color=colour[curve.name], linewidth=1.8)
    room = 0.12 * (max(seen) - min(seen) or 0.1)
    low, high = min(seen) - room, max(seen) + room
    axes.set_ylim(low, high)
    axes.set_xlim(0, last)
    labels = [(last, level, words(name), GREY) for name, level in shown.items()]
    for curve in curves:
        runs = f" ({len(curve.scores)} seeds)" if len(curve.scores) > 1 else ""
        steps, table = common(curve)
        labels.append((float(steps[-1]) / 1e6, float(table.mean(0)[-1]), curve.name + runs, colour[curve.name]))
    for level in shown.values():
        axes.axhline(level, color=PALE, linewidth=0.9, linestyle=(0, (4, 2)), zorder=0)
    places = apart([min(max(label[1], low), high) for label in labels], 0.055 * (high - low))
    for (end, level, text, tone), place in zip(labels, places):
        axes.annotate(
            text, (end, min(max(level, low), high)), (1.05, place), textcoords=("axes fraction", "data"),
            fontsize=8, va="center", color=tone, annotation_clip=False,
            arrowprops=LEADER | {"color": tone},
        )  # fmt: skip
    axes.set_xlabel("training requests (millions)")
    axes.set_ylabel("reward a request, validation seeds")
    tidy(axes)
    return drawn


def common(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Steps at which every run was evaluated, and scores [run, evaluation] there."""
    steps = curve.steps[0]
    for other in curve.steps[1:]:
        steps = np.intersect1d(steps, other)
    rows = [scores[np.isin(own, steps)] for own, scores in zip(curve.steps, curve.scores)]
    return steps, np.array(rows)


def pooled(result: Result, values: str) -> Any:
    """Means over a contender's runs of a dictionary of episode means."""
    tables = [getattr(summary, values) for summary in result.summaries]
    return {name: float(np.mean([table[name].mean() for table in tables])) for name in tables[0]}


def ranked(results: Sequence[Result]) -> list[Result]:
    """Best mean score first."""
    return sorted(results, key=lambda result: -np.mean([summary.score.mean() for summary in result.summaries]))


def label(result: Result) -> str:
    """A contender's name on an axis."""
    return result.name if result.kind == LEARNED else words(result.name)


def reward_parts(results: Sequence[Result]) -> Figure:
    """What each policy's reward is made of."""
    order = ranked(results)[::-1]
    drawn = figure(6.4, 0.75 + 0.3 * len(order))
    axes = drawn.add_subplot()
    parts = list(order[0].summaries[0].parts)
    for row, result in enumerate(order):
        values, left, right = pooled(result, "parts"), 0.0, 0.0
        for part, colour in zip(parts, PART_COLOURS):
            value = values[part]
            start = right if value >= 0 else left
            axes.barh(row, value, 0.66, left=start, color=colour, label=words(part) if row == 0 else None)
            right, left = (right + value, left) if value >= 0 else (right, left + value)
        total = sum(values.values())
        axes.plot(
            total, row, "o", color="white", markeredgecolor=BLACK, markersize=4.5, label="sum" if row == 0 else None
        )
        axes.annotate(f"{total:.3f}", (right, row), (5, 0), textcoords="offset points", va="center", fontsize=8)
    axes.axvline(0, color=BLACK, linewidth=0.8)
    axes.set_yticks(range(len(order)), [label(result) for result in order])
    bold(axes, order)
    axes.set_xlabel("reward a request")
    axes.margins(x=0.1)
    tidy(axes, "x")
    handles, names = axes.get_legend_handles_labels()
    drawn.legend(handles, names, loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    return drawn


def bold(axes: Any, order: Sequence[Result]) -> None:
    """Learned policies stand out among the names."""
    for tick, result in zip(axes.get_yticklabels(), order):
        tick.set_fontweight("bold" if result.kind == LEARNED else "normal")


def decisions(results: Sequence[Result], columns: int = 3) -> Figure:
    """The mean cut where it was chosen, over uplink rate and requests at the server, a panel for each policy."""
    merged = [(label(result), *cells(result.summaries)) for result in results[:PANELS]]
    columns = min(columns, len(merged))
    rows = -(-len(merged) // columns)
    drawn = figure(1.2 + 2.1 * columns, 0.6 + 1.9 * rows)
    every = drawn.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    layers = results[0].summaries[0].layers
    seen = np.sum([count for _, count, _ in merged], axis=0) >= FEWEST
    across, up = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    mesh: Any = None
    for axes, (name, count, cut) in zip(every.flat, merged):
        mean = np.where(count >= FEWEST, cut / np.maximum(count, 1), np.nan)
        mesh = axes.pcolormesh(
            UPLINK_EDGES_BPS / 1e6, np.maximum(LOAD_EDGES, 1), np.ma.masked_invalid(mean.T),
            norm=PowerNorm(0.5, 0, layers), cmap="viridis",
        )  # fmt: skip
        axes.set_title(name)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(UPLINK_EDGES_BPS[across[0]] / 1e6, UPLINK_EDGES_BPS[across[-1] + 1] / 1e6)
        axes.set_ylim(max(LOAD_EDGES[up[0]], 1), LOAD_EDGES[up[-1] + 1])
        axes.set_facecolor("#ececec")
        plain_log(axes)
        tidy(axes)
    for axes in every.flat[len(merged) :]:
        axes.set_visible(False)
    drawn.supxlabel("uplink of the asking user (Mbit/s)", fontsize=9)
    drawn.supylabel("requests at the server", fontsize=9)
    bar = drawn.colorbar(mesh, ax=every, shrink=0.9, aspect=30, pad=0.02)
    bar.set_ticks([tick for tick in (0, 1, 2, 4, 8, 16, 32, 64) if tick <= layers])
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    bar.ax.minorticks_off()
    bar.set_label(f"mean cut (layers, of {layers})", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    return drawn


def plain_log(axes: Any) -> None:
    """Tick labels 10, 30, 100 instead of powers."""
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def cells(summaries: Sequence[Summary]) -> tuple[np.ndarray, np.ndarray]:
    """Counts and sums of cuts over all runs."""
    return np.sum([each.decisions for each in summaries], axis=0), np.sum([each.cuts for each in summaries], axis=0)


def latency_and_energy(results: Sequence[Result]) -> Figure:
    """How TTFT and device energy are distributed over requests: median, quartiles, 5 and 95 %."""
    order = ranked(results)[::-1]
    drawn = figure(7.2, 0.8 + 0.27 * len(order))
    left, right = drawn.subplots(1, 2, sharey=True)
    for axes, values, floor, text in (
        (left, "ttft_s", 0.003, "time to the first token (s)"),
        (right, "energy_j", 0.01, "device energy of a request (J)"),
    ):
        for row, result in enumerate(order):
            own = np.mean([getattr(summary, values) for summary in result.summaries], axis=0)
            p5, p25, p50, p75, p95 = (
                max(floor, float(np.interp(at, QUANTILES, own))) for at in (0.05, 0.25, 0.5, 0.75, 0.95)
            )
            tone = LEARNED_COLOURS[0] if result.kind == LEARNED else GREY
            axes.plot([p5, p95], [row, row], color=tone, linewidth=1.0, solid_capstyle="butt")
            axes.plot([p25, p75], [row, row], color=tone, linewidth=6, alpha=0.45, solid_capstyle="butt")
            axes.plot(p50, row, "|", color=tone, markersize=10, markeredgewidth=2)
        axes.set_xscale("log")
        axes.set_xlabel(text)
        tidy(axes, "x")
    left.set_yticks(range(len(order)), [label(result) for result in order])
    bold(left, order)
    low = right.get_xlim()[0]
    if low < 0.02:
        right.set_xlim(0.008, None)
        ticks = [tick for tick in right.get_xticks() if 0.01 <= tick <= right.get_xlim()[1]]
        right.set_xticks(ticks, [f"≤ {tick:g}" if tick == 0.01 else f"{tick:g}" for tick in ticks])
    left.set_xticks([t for t in left.get_xticks() if left.get_xlim()[0] <= t <= left.get_xlim()[1]])
    left.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    return drawn


def decision_image(summary: Summary, name: str) -> np.ndarray:
    """One policy's decision picture as uint8[height, width, 3], for TensorBoard."""
    from agents.reports.style import image

    return image(decisions([Result(name, LEARNED, ("",), (summary,))], columns=1))
