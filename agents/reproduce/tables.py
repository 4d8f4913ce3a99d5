"""Tables of a reproduction: means over topologies with 95 % bootstrap intervals, as CSV and Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from agents.reports.comparison import markdown_table
from agents.reproduce.earlier import GAIN_BY_ZIPF, TOPOLOGIES, Before
from agents.reproduce.trimcaching import GEN, INDEPENDENT, METHODS, SPEC, Cell, Sweep
from agents.statistics import Bootstrap, Estimate

Scores = Mapping[Cell, np.ndarray]  # f8[method, topology]


class Line(NamedTuple):
    """A method in a cell."""

    sweep: str
    value: float
    method: str
    topologies: int
    hit_ratio: Estimate
    above_independent: Estimate  # paired by topology


def lines_of(sweep: Sweep, scores: Scores) -> list[Line]:
    """The lines of a sweep, without methods that do not apply."""
    found = []
    for value, cell in zip(sweep.values, sweep.cells):
        table = scores[cell]
        bootstrap = Bootstrap(table.shape[1])
        alone = table[METHODS.index(INDEPENDENT)][None]
        for name, row in zip(METHODS, table):
            if np.isnan(row).any():
                continue
            found.append(
                Line(
                    sweep.name, value, name, len(row), bootstrap.estimate(row[None]),
                    bootstrap.difference(row[None], alone, 0, 0),
                )
            )  # fmt: skip
    return found


def to_csv(lines: Sequence[Line]) -> str:
    """One line a method and cell."""
    header = ["sweep", "value", "method", "topologies", "hit_ratio", "low", "high"]
    cells = [[*line[:4], *line.hit_ratio, *line.above_independent] for line in lines]
    return csv_text([*header, "above_independent", "above_low", "above_high"], cells)


def csv_text(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """CSV, numbers to six digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([f"{value:.6g}" if isinstance(value, float) else value for value in row])
    return text.getvalue()


def sweep_markdown(sweep: Sweep, lines: Sequence[Line]) -> list[str]:
    """A table: a row a value, a column a method, and what sharing gains."""
    there = [name for name in METHODS if any(line.method == name for line in lines)]
    by = {(line.value, line.method): line.hit_ratio for line in lines}
    gainers = [name for name in (SPEC, GEN) if name in there]
    cells = []
    for value in sweep.values:
        row = [f"{value:g}", *(shown(by[value, name]) if (value, name) in by else "" for name in there)]
        alone = by[value, INDEPENDENT].value
        cells.append([*row, *(f"{100.0 * (by[value, name].value / alone - 1.0):+.0f} %" for name in gainers)])
    header = [sweep.axis, *there, *(f"{name} over Independent" for name in gainers)]
    return [f"### {sweep.title}", "", *markdown_table(header, cells), ""]


def shown(estimate: Estimate) -> str:
    """.612 [.600, .624]."""
    return " ".join([plain(estimate.value), f"[{plain(estimate.low)}, {plain(estimate.high)}]"])


def plain(value: float) -> str:
    """Three digits without a leading zero."""
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 1.0 else f"{value:.3f}"


class Agreement(NamedTuple):
    """A cell of the earlier simulation beside ours."""

    cell: Cell
    method: str
    before: float
    here: Estimate
    spread: float  # standard deviation of ours over topologies
    agrees: bool


def agreements(before: Sequence[Before], scores: Scores) -> list[Agreement]:
    """Cell by cell: whether the two means differ by less than 2 standard errors of their difference."""
    found = []
    for row in before:
        if row.cell not in scores:
            continue
        values = scores[row.cell][METHODS.index(row.method)]
        here, spread = Bootstrap(len(values)).estimate(values[None]), float(values.std(ddof=1))
        error = spread * np.sqrt(1.0 / TOPOLOGIES + 1.0 / len(values))
        found.append(
            Agreement(row.cell, row.method, row.hit_ratio, here, spread, abs(here.value - row.hit_ratio) < 2.0 * error)
        )
    return found


def agreement_markdown(rows: Sequence[Agreement], scores: Scores) -> list[str]:
    """The comparison with the earlier simulation."""
    cells = [
        [f"{row.cell.servers} / {row.cell.models}", f"{row.cell.capacity_gb:g}", row.method, plain(row.before),
         shown(row.here), plain(row.spread), "yes" if row.agrees else f"no, {row.here.value - row.before:+.3f}"]
        for row in rows
    ]  # fmt: skip
    header = ["servers / models", "GB", "method", "earlier", "here [95 %]", "s.d. over topologies", "agrees"]
    lines = ["### Against an earlier simulation of the setting, by other code", ""]
    lines += [f"{sum(row.agrees for row in rows)} of {len(rows)} means differ by less than two standard errors of the"]
    lines[-1] += f" difference ({TOPOLOGIES} topologies there; its everything-everywhere is one number a setting)."
    lines += ["", *markdown_table(header, cells), ""]
    gains = []
    for zipf, before in GAIN_BY_ZIPF.items():
        cell = Cell(12, 30, 99, 0.3, zipf)
        if cell in scores:
            gen, alone = (scores[cell][METHODS.index(name)] for name in (GEN, INDEPENDENT))
            means = Bootstrap(len(gen)).columns
            ratio = gen[means].mean(1) / alone[means].mean(1) - 1.0
            low, high = np.quantile(ratio, (0.025, 0.975))
            here = gen.mean() / alone.mean() - 1.0
            gains.append(
                [f"{zipf:g}", f"{100 * before:+.0f} %", f"{100 * here:+.0f} % [{100 * low:+.0f}, {100 * high:+.0f}]"]
            )
    return [*lines, *markdown_table(["Zipf exponent", "Gen over Independent, earlier", "here [95 %]"], gains), ""]
