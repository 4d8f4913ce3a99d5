"""The pictures of a report: learning, reward parts, decisions, and how numbers are spread over the steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from agents.contenders import LEARNED, Result
from agents.episodes import QUANTILES, Decided, Summary
from agents.measures import Axis, Description, Spread
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


def learning(about: Description, curves: Sequence[Curve], levels: dict[str, float]) -> Figure:
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
    axes.set_xlabel(f"training {about.task.step_word}s (millions)")
    axes.set_ylabel(f"reward a {about.task.step_word}, validation seeds")
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


def reward_parts(about: Description, results: Sequence[Result]) -> Figure:
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
            name = about.words.get(part, words(part)) if row == 0 else None
            axes.barh(row, value, 0.66, left=start, color=colour, label=name)
            right, left = (right + value, left) if value >= 0 else (right, left + value)
        total = sum(values.values())
        axes.plot(
            total, row, "o", color="white", markeredgecolor=BLACK, markersize=4.5, label="sum" if row == 0 else None
        )
        axes.annotate(f"{total:.3f}", (right, row), (5, 0), textcoords="offset points", va="center", fontsize=8)
    axes.axvline(0, color=BLACK, linewidth=0.8)
    axes.set_yticks(range(len(order)), [label(result) for result in order])
    bold(axes, order)
    axes.set_xlabel(f"reward a {about.task.step_word}")
    axes.margins(x=0.1)
    tidy(axes, "x")
    handles, names = axes.get_legend_handles_labels()
    drawn.legend(handles, names, loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    return drawn


def bold(axes: Any, order: Sequence[Result]) -> None:
    """Learned policies stand out among the names."""
    for tick, result in zip(axes.get_yticklabels(), order):
        tick.set_fontweight("bold" if result.kind == LEARNED else "normal")


def decisions(about: Description, results: Sequence[Result], columns: int = 3) -> Figure | None:
    """What was decided where, a panel for each policy; None where the environment has no such picture."""
    if about.decisions is None:
        return None
    across_axis, up_axis = about.decisions.across, about.decisions.up
    merged = [(label(result), decided_by(result.summaries)) for result in results[:PANELS]]
    columns = min(columns, len(merged))
    rows = -(-len(merged) // columns)
    drawn = figure(1.2 + 2.1 * columns, 0.6 + 1.9 * rows)
    every = drawn.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    most = merged[0][1].most
    seen = np.sum([decided.count for _, decided in merged], axis=0) >= FEWEST
    across, up = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    mesh: Any = None
    for axes, (name, decided) in zip(every.flat, merged):
        mean = np.where(decided.count >= FEWEST, decided.total / np.maximum(decided.count, 1), np.nan)
        mesh = axes.pcolormesh(
            drawn_edges(across_axis), drawn_edges(up_axis), np.ma.masked_invalid(mean.T),
            norm=PowerNorm(0.5, 0, most), cmap="viridis",
        )  # fmt: skip
        axes.set_title(name)
        axes.set_xscale("log")
        axes.set_yscale("log")
        if seen.any():
            axes.set_xlim(drawn_edges(across_axis)[[across[0], across[-1] + 1]])
            axes.set_ylim(drawn_edges(up_axis)[[up[0], up[-1] + 1]])
        axes.set_facecolor("#ececec")
        plain_log(axes)
        tidy(axes)
    for axes in every.flat[len(merged) :]:
        axes.set_visible(False)
    drawn.supxlabel(across_axis.label, fontsize=9)
    drawn.supylabel(up_axis.label, fontsize=9)
    bar = drawn.colorbar(mesh, ax=every, shrink=0.9, aspect=30, pad=0.02)
    bar.set_ticks([tick for tick in about.decisions.ticks if tick <= most])
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    bar.ax.minorticks_off()
    bar.set_label(about.decisions.label.format(most=most), fontsize=9)
    bar.ax.tick_params(labelsize=8)
    return drawn


def drawn_edges(axis: Axis) -> np.ndarray:
    """Where the edges of the cells are drawn, in the label's unit."""
    return np.maximum(axis.edges, axis.least) / axis.unit


def plain_log(axes: Any) -> None:
    """Tick labels 10, 30, 100 instead of powers."""
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def decided_by(summaries: Sequence[Summary]) -> Decided:
    """What all runs of a policy decided together."""
    every = [summary.decided for summary in summaries if summary.decided]
    return Decided(
        np.sum([each.count for each in every], axis=0), np.sum([each.total for each in every], axis=0), every[0].most
    )


def spreads(about: Description, results: Sequence[Result]) -> Figure | None:
    """How numbers are distributed over steps: median, quartiles, 5 and 95 %; None where there are none."""
    if not about.spreads:
        return None
    order = ranked(results)[::-1]
    drawn = figure(3.6 * len(about.spreads), 0.8 + 0.27 * len(order))
    panels = drawn.subplots(1, len(about.spreads), sharey=True, squeeze=False)[0]
    for axes, spread in zip(panels, about.spreads):
        for row, result in enumerate(order):
            own = np.mean([summary.spreads[spread.name] for summary in result.summaries], axis=0)
            p5, p25, p50, p75, p95 = (
                max(spread.least, float(np.interp(at, QUANTILES, own))) for at in (0.05, 0.25, 0.5, 0.75, 0.95)
            )
            tone = LEARNED_COLOURS[0] if result.kind == LEARNED else GREY
            axes.plot([p5, p95], [row, row], color=tone, linewidth=1.0, solid_capstyle="butt")
            axes.plot([p25, p75], [row, row], color=tone, linewidth=6, alpha=0.45, solid_capstyle="butt")
            axes.plot(p50, row, "|", color=tone, markersize=10, markeredgewidth=2)
        axes.set_xscale("log")
        axes.set_xlabel(spread.label)
        tidy(axes, "x")
    panels[0].set_yticks(range(len(order)), [label(result) for result in order])
    bold(panels[0], order)
    for axes, spread in zip(panels, about.spreads):
        plain_ticks(axes, spread)
    return drawn


def plain_ticks(axes: Any, spread: Spread) -> None:
    """Powers of ten as plain numbers; the least one with a sign where it stands for all below it."""
    if spread.least_is_marked:
        if axes.get_xlim()[0] < 2.0 * spread.least:
            axes.set_xlim(0.8 * spread.least, None)
            ticks = [tick for tick in axes.get_xticks() if spread.least <= tick <= axes.get_xlim()[1]]
            axes.set_xticks(ticks, [f"≤ {tick:g}" if tick == spread.least else f"{tick:g}" for tick in ticks])
        return
    low, high = axes.get_xlim()
    if high < 100.0 * low:  # less than two decades
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks([tick for tick in axes.get_xticks() if low <= tick <= high])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")


def decision_image(summary: Summary, about: Description, name: str) -> np.ndarray | None:
    """One policy's decision picture as uint8[height, width, 3], for TensorBoard."""
    from agents.reports.style import image

    drawn = decisions(about, [Result(name, LEARNED, ("",), (summary,))], columns=1)
    return None if drawn is None else image(drawn)
