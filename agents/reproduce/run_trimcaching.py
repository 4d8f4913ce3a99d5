"""`python -m agents.reproduce trimcaching`: ask, tabulate, draw, write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agents.provenance import provenance
from agents.reports.comparison import markdown_table
from agents.reports.style import png
from agents.reproduce import trimcaching
from agents.reproduce.answers import LEDGERS, answers, code
from agents.reproduce.earlier import rows as earlier_rows
from agents.reproduce.pictures import pdf, sweeps_picture, walk_picture
from agents.reproduce.tables import (
    agreement_markdown,
    agreements,
    csv_text,
    lines_of,
    shown,
    sweep_markdown,
    to_csv,
)
from agents.statistics import Bootstrap, Estimate
from agents.storage import write, write_json

FEWEST, QUICK = 2, 3  # topologies: of a bootstrap at all; of --quick
CLAIMED = "popularity_servers"  # the picture that shows the survey's 80 % at 12 servers
PICTURES = {
    "capacity": ("capacity_300", "capacity_99", "capacity_30"),
    "capacity_general": ("capacity_300_general", "capacity_99_general"),
    "popularity_servers": ("zipf", "servers"),
    "small": ("small",),
}


def run(topologies: int, out: Path, quick: bool, workers: int) -> list[Path]:
    """Everything; returns what was written.

    Raises:
        ValueError: too few topologies.
    """
    if topologies < FEWEST:
        raise ValueError(f"There are {topologies} topologies; {FEWEST} or more are accepted.")
    sweeps = trimcaching.sweeps(quick)
    cells = list(dict.fromkeys(cell for sweep in sweeps for cell in sweep.cells))
    asked = {cell: trimcaching.asked(cell, topologies) for cell in cells}
    walks, fades = trimcaching.asked_walks(topologies), trimcaching.asked_fading(topologies)
    everything = [*(ask for each in asked.values() for ask in each), *walks, *fades]
    known = answers(everything, LEDGERS / "trimcaching.csv", workers, f"trimcaching, {topologies} topologies")

    scores = {cell: np.array([known[ask] for ask in each]).T for cell, each in asked.items()}
    lines = {sweep.name: lines_of(sweep, scores) for sweep in sweeps}
    walked = np.array([known[ask] for ask in walks]).reshape(topologies, len(trimcaching.MINUTES), -1)
    faded = np.array([known[ask] for ask in fades]).reshape(topologies, 2, -1)
    walk_names = [*(f"{name}, kept" for name in trimcaching.WALKERS), f"{trimcaching.GEN}, placed anew"]
    walk = [(name, estimates(walked[:, :, place])) for place, name in enumerate(walk_names)]

    agreed = agreements(earlier_rows(), scores)
    text = [
        f"Expected hit ratios: means over {topologies} topologies, common to all methods and cells of a setting, with",
        "95 % bootstrap intervals over topologies. Gains are ratios of means.", "",
    ]  # fmt: skip
    for sweep in sweeps:
        text += sweep_markdown(sweep, lines[sweep.name])
    text += walk_markdown(walk) + fading_markdown(faded) + agreement_markdown(agreed, scores)

    all_lines = [line for each in lines.values() for line in each]
    pictures = {
        name: sweeps_picture([s for s in sweeps if s.name in panels], all_lines, claim=name == CLAIMED)
        for name, panels in PICTURES.items()
    }
    pictures["walking"] = walk_picture(trimcaching.MINUTES, walk)
    files: dict[str, str | bytes] = {
        "tables.md": "\n".join(text),
        "hit_ratios.csv": to_csv(all_lines),
        "walking.csv": walk_csv(walk),
        "topologies.csv": raw_csv(scores),
    }
    for name, drawn in pictures.items():
        files[f"{name}.png"], files[f"{name}.pdf"] = png(drawn), pdf(drawn)
    for name, content in files.items():
        write(out / name, content)
    settings = {"topologies": topologies, "quick": quick, "seeds": [0, topologies - 1], "code_digest": code()}
    write_json(out / "provenance.json", {**provenance(), "reproduction": "trimcaching", **settings})
    return [out / name for name in (*files, "provenance.json")]


def estimates(scores: np.ndarray) -> np.ndarray:
    """[column, (mean, low, high)] of scores [topology, column]."""
    bootstrap = Bootstrap(len(scores))
    return np.array([bootstrap.estimate(column[None]) for column in scores.T])


def walk_markdown(walk: Sequence[tuple[str, np.ndarray]]) -> list[str]:
    """What is left of the hit ratio while users walk on."""
    cell = trimcaching.WALK
    header = ["minutes", *(name for name, _ in walk)]
    rows = [
        [f"{minute:g}", *(shown(Estimate(*values[place])) for _, values in walk)]
        for place, minute in enumerate(trimcaching.MINUTES)
    ]
    title = f"### Users walk on: {cell.servers} servers, {cell.models} models, {cell.capacity_gb:g} GB"
    return [title, "", *markdown_table(header, rows), ""]


def fading_markdown(faded: np.ndarray) -> list[str]:
    """Placements that knew of no fading, under it."""
    still, fading = estimates(faded[:, 0]), estimates(faded[:, 1])
    rows = [
        [name, shown(Estimate(*one)), shown(Estimate(*two))] for name, one, two in zip(trimcaching.FADED, still, fading)
    ]
    title = f"### Rayleigh fading of each link, {trimcaching.DRAWS} draws, unknown when placing (setting as above)"
    return [title, "", *markdown_table(["method", "no fading", "fading"], rows), ""]


def walk_csv(walk: Sequence[tuple[str, np.ndarray]]) -> str:
    """One line a placement and minute."""
    rows = [[name, m, *map(float, row)] for name, values in walk for m, row in zip(trimcaching.MINUTES, values)]
    return csv_text(["placement", "minutes", "hit_ratio", "low", "high"], rows)


def raw_csv(scores: dict[trimcaching.Cell, np.ndarray]) -> str:
    """Every hit ratio: one line a cell and topology; empty where a method does not apply."""
    rows = [
        [*cell, seed, *("" if np.isnan(value) else float(value) for value in column)]
        for cell, table in scores.items()
        for seed, column in enumerate(table.T)
    ]
    return csv_text([*trimcaching.Cell._fields, "seed", *trimcaching.METHODS], rows)
