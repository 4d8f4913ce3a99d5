"""The comparison of policies on common seeds: numbers, and the same as CSV, JSON, Markdown and a terminal's table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from agents.contenders import HEURISTIC, LEARNED, Result, tuned_names
from agents.measures import Description, description_of
from agents.reports.scale import Scale, scale_of
from agents.statistics import Bootstrap, Estimate, iqm, mean
from agents.world import World

WIDTH = 118  # columns of the printed table


class Row(NamedTuple):
    """A policy's line."""

    policy: str
    kind: str
    runs: int
    steps: int  # training steps of each run
    episodes: int
    mean: Estimate
    iqm: Estimate
    measures: dict[str, float]
    parts: dict[str, float]


class Pair(NamedTuple):
    """A learned policy against a heuristic."""

    policy: str
    heuristic: str
    difference: Estimate
    improvement: Estimate


class Comparison(NamedTuple):
    """All policies, best mean first, and all pairs."""

    world: str
    seeds: tuple[int, int]  # first and number
    rows: list[Row]
    pairs: list[Pair]
    scale: Scale | None  # clairvoyant search and bound
    note: str  # what a reader must know of the rivals
    about: Description


def compare(results: Sequence[Result], world: World) -> Comparison:
    """The comparison of contenders that have played the same seeds.

    Raises:
        ValueError: they have not.
    """
    seeds = results[0].summaries[0].seeds
    for result in results:
        for summary in result.summaries:
            if summary.seeds != seeds:
                raise ValueError(
                    f"{result.name} was played on other seeds than {results[0].name}; evaluate them together."
                )
    about = description_of(world.environment)
    scores = [np.stack([summary.score for summary in result.summaries]) for result in results]
    bootstrap = Bootstrap(len(seeds))
    rows = []
    for place, (result, table) in enumerate(zip(results, scores)):
        told = {m.name: float(np.mean([s.measures[m.name].mean() for s in result.summaries])) for m in about.measures}
        parts = {p: float(np.mean([s.parts[p].mean() for s in result.summaries])) for p in result.summaries[0].parts}
        middle, inner = (bootstrap.estimate(table, statistic, place) for statistic in (mean, iqm))
        rows.append(Row(result.name, result.kind, len(table), result.steps, len(seeds), middle, inner, told, parts))
    pairs = [
        Pair(
            one.name, two.name,
            bootstrap.difference(scores[i], scores[j], i, j), bootstrap.improvement(scores[i], scores[j], i, j),
        )
        for i, one in enumerate(results) if one.kind == LEARNED
        for j, two in enumerate(results) if two.kind == HEURISTIC
    ]  # fmt: skip
    rank = {row.policy: -row.mean.value for row in rows}
    return Comparison(
        world.label(), (seeds[0], len(seeds)), sorted(rows, key=lambda row: rank[row.policy]),
        sorted(pairs, key=lambda pair: (rank[pair.policy], rank[pair.heuristic])),
        scale_of(world, seeds[0], {result.name: table for result, table in zip(results, scores)}),
        note_on_rivals(results, world), about,
    )  # fmt: skip


def note_on_rivals(results: Sequence[Result], world: World) -> str:
    """A warning where the heuristics are there only as published."""
    rivals = {result.name for result in results if result.kind == HEURISTIC}
    tuned = set() if world.overrides else set(tuned_names(world))
    if not rivals or tuned & rivals:
        return ""
    return "No best static choice, best table or tuned heuristic is among the rivals here: stronger ones may exist."


def verdict(comparison: Comparison) -> str:
    """A sentence for each learned policy: does it beat the best heuristic?"""
    heuristics = [row.policy for row in comparison.rows if row.kind == HEURISTIC]
    sentences = []
    for pair in comparison.pairs:
        if pair.heuristic != heuristics[0]:
            continue
        gap = pair.difference
        outcome = "beats" if gap.low > 0 else "loses to" if gap.high < 0 else "cannot be told apart from"
        sentences.append(
            f"{pair.policy} {outcome} {pair.heuristic}, the best heuristic on these episodes: {gap.value:+.4f} "
            f"(95 % {gap.low:+.4f} to {gap.high:+.4f}), better in {100 * pair.improvement.value:.0f} % of pairs."
        )
    return " ".join(sentences)


def remarks(comparison: Comparison) -> str:
    """What else is to be said: what is out of reach, and what the rivals lack."""
    return " ".join(filter(None, (comparison.scale.sentence() if comparison.scale else "", comparison.note)))


def to_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain values."""
    return {
        "world": comparison.world,
        "seeds": list(comparison.seeds),
        "verdict": verdict(comparison),
        "scale": comparison.scale._asdict() if comparison.scale else None,
        "note": comparison.note,
        "policies": [row._asdict() | {"mean": row.mean._asdict(), "iqm": row.iqm._asdict()} for row in comparison.rows],
        "pairs": [
            pair._asdict() | {"difference": pair.difference._asdict(), "improvement": pair.improvement._asdict()}
            for pair in comparison.pairs
        ],
    }


def to_csv(comparison: Comparison) -> str:
    """One line a policy."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    first = comparison.rows[0]
    header = [
        "policy",
        "kind",
        "runs",
        "steps",
        "episodes",
        "mean",
        "mean_low",
        "mean_high",
        "iqm",
        "iqm_low",
        "iqm_high",
    ]
    writer.writerow([*header, *first.parts, *first.measures])
    for row in comparison.rows:
        numbers = [*row.mean, *row.iqm, *row.parts.values(), *row.measures.values()]
        writer.writerow(
            [row.policy, row.kind, row.runs, row.steps, row.episodes, *(f"{number:.6g}" for number in numbers)]
        )
    return text.getvalue()


def pairs_to_csv(comparison: Comparison) -> str:
    """One line a pair."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["policy", "heuristic", "difference", "difference_low", "difference_high",
                     "improvement", "improvement_low", "improvement_high"])  # fmt: skip
    for pair in comparison.pairs:
        numbers = (*pair.difference, *pair.improvement)
        writer.writerow([pair.policy, pair.heuristic, *(f"{number:.6g}" for number in numbers)])
    return text.getvalue()


def table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Header and cells of the short table."""
    step = comparison.about.task.step_word
    shown = [measure for measure in comparison.about.measures if measure.name in comparison.about.shown]
    header = ["policy", "mean reward [95 %]", "IQM [95 %]", *(heading(measure) for measure in shown)]
    cells = []
    for row in comparison.rows:
        budget = f"{row.steps / 1e6:.3g}M {step}s" if row.steps >= 1e5 else f"{row.steps:,} {step}s"
        seeds = f"{row.runs} x " if row.runs > 1 else ""
        name = f"{row.policy} ({seeds}{budget})" if row.steps else row.policy
        values = [number(row.measures[measure.name], measure.unit) for measure in shown]
        cells.append([name, bracketed(row.mean), bracketed(row.iqm), *values])
    return header, cells


def pair_table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Header and cells of the pairs."""
    header = ["policy", "against", "paired difference [95 %]", "probability of improvement [95 %]"]
    cells = [
        [pair.policy, pair.heuristic, bracketed(pair.difference, "+.3f"), bracketed(pair.improvement, ".2f")]
        for pair in comparison.pairs
    ]
    return header, cells


def heading(measure: Any) -> str:
    """A measure's column heading."""
    return f"{measure.label} (%)" if measure.unit == "share" else f"{measure.label} ({measure.unit})"


def number(value: float, unit: str) -> str:
    """A measure's value, shares in per cent."""
    if unit == "share":
        return f"{100 * value:.1f}"
    return f"{value:.3g}" if value >= 0.01 or value == 0.0 else "< 0.01"


def bracketed(estimate: Estimate, form: str = ".3f") -> str:
    """0.631 [0.620, 0.642]."""
    return f"{estimate.value:{form}} [{estimate.low:{form}}, {estimate.high:{form}}]"


def to_markdown(comparison: Comparison) -> str:
    """Both tables and the verdict."""
    first, count = comparison.seeds
    lines = [
        f"Reward a {comparison.about.task.step_word} in {comparison.world}, test seeds {first} to {first + count - 1},"
        " common to all policies.",
        "Intervals: 95 % bootstrap over episodes, in common for all policies, and over training seeds (five are few).",
        "", f"{verdict(comparison)} {remarks(comparison)}".strip(), "", *markdown_table(*table(comparison)),
    ]  # fmt: skip
    if comparison.pairs:
        lines += ["", *markdown_table(*pair_table(comparison))]
    return "\n".join(lines) + "\n"


def markdown_table(header: list[str], cells: list[list[str]]) -> list[str]:
    """Lines of a Markdown table, numbers to the right."""
    rule = ["---", *("---:" for _ in header[1:])]
    return ["| " + " | ".join(line) + " |" for line in (header, rule, *cells)]


def show(comparison: Comparison) -> None:
    """Print the short table, the verdict and the remarks."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    about = comparison.about
    measures = {measure.name: measure for measure in about.measures}
    title = f"{comparison.world}: {comparison.seeds[1]} test episodes; shares in % of {about.shares_of}"
    printed = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    printed.add_column("policy", no_wrap=True)
    for name in ("mean reward [95 %]", "IQM [95 %]", *about.printed.values()):
        printed.add_column(name, justify="right", no_wrap=True)
    for row in comparison.rows:
        values = [number(row.measures[name], measures[name].unit) for name in about.printed]
        name = f"{row.policy} ({row.runs} seeds)" if row.runs > 1 else row.policy
        style = "bold" if row.kind == LEARNED else None
        printed.add_row(name, bracketed(row.mean), bracketed(row.iqm), *values, style=style)
    console = Console(width=WIDTH, markup=False, highlight=False, emoji=False)
    console.print(printed)
    console.print(f"{verdict(comparison)} {remarks(comparison)}".strip(), soft_wrap=True)
