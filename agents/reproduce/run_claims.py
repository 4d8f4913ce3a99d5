"""`python -m agents.reproduce claims`: measure, tabulate, draw, write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from agents.provenance import provenance
from agents.reports.comparison import markdown_table
from agents.reports.style import BLUE, GREEN, ORANGE, PALE, PURPLE, VERMILLION, figure, png, tidy
from agents.reproduce import claims, trimcaching
from agents.reproduce.answers import LEDGERS, answers
from agents.reproduce.claims import BYTES, CLAIMS, HITS, KINDS, MULTICAST, STORAGE, VARIANTS, Case
from agents.reproduce.multicast import Gain, drawn_efficiencies, measured
from agents.reproduce.pictures import pdf
from agents.reproduce.tables import csv_text
from agents.storage import write, write_json

OWN_SHARES = (0.0, claims.adapter_share(), 0.25, 0.5)  # of the bytes: none, an adapter's, a quarter, half a model
HIT_CELLS = ((12, 0.4), (12, 0.3), (6, 0.4))  # servers and GB
GROUPS, TOPOLOGIES = 400, 40
TITLES = {
    STORAGE: "5 to 10 times the storage efficiency",
    BYTES: "4 to 8 times fewer bytes by quantised transmission",
    HITS: "80 % hit ratio at 12 servers",
    MULTICAST: "3 to 5 times the multicast efficiency",
}
COLOURS = (BLUE, ORANGE, VERMILLION, GREEN, PURPLE)


def run(out: Path, quick: bool, workers: int = 1) -> list[Path]:
    """Everything; returns what was written."""
    groups, topologies = (GROUPS // 4, TOPOLOGIES // 4) if quick else (GROUPS, TOPOLOGIES)
    gains = measured(drawn_efficiencies(groups, 50), OWN_SHARES)
    cases = [
        *claims.storage_cases(), *claims.bytes_cases(),
        *claims.hit_cases(hits(topologies, workers)), *claims.multicast_cases(gains, groups),
    ]  # fmt: skip
    drawn = picture(gains)
    files: dict[str, str | bytes] = {
        "claims.md": markdown(cases), "claims.csv": to_csv(cases),
        "claims.png": png(drawn), "claims.pdf": pdf(drawn),
    }  # fmt: skip
    for name, content in files.items():
        write(out / name, content)
    settings = {"reproduction": "claims", "groups": groups, "topologies": topologies, "quick": quick}
    write_json(out / "provenance.json", {**provenance(), **settings})
    return [out / name for name in (*files, "provenance.json")]


def hits(topologies: int, workers: int) -> dict[tuple[trimcaching.Cell, str], np.ndarray]:
    """Hit ratios on topologies, by cell and method."""
    cells = [trimcaching.Cell(servers, 30, 99, capacity_gb) for servers, capacity_gb in HIT_CELLS]
    asked = {cell: trimcaching.asked(cell, topologies) for cell in cells}
    known = answers([ask for each in asked.values() for ask in each], LEDGERS / "trimcaching.csv", workers, "hits")
    return {
        (cell, method): np.array([known[ask][trimcaching.METHODS.index(method)] for ask in asked[cell]])
        for cell in cells
        for method in (trimcaching.SPEC, trimcaching.GEN, trimcaching.INDEPENDENT)
    }


def markdown(cases: Sequence[Case]) -> str:
    """A table a claim, with how many of its cases lie where."""
    lines = [
        "The survey's claims on caching and delivery, and what this suite measures. An interval is a 95 % bootstrap",
        "over what was drawn. `below`, `within`, `above`: of the claim's range.", "",
    ]  # fmt: skip
    for claim, title in TITLES.items():
        own = [case for case in cases if case.claim == claim]
        cells = [[case.case, value_of(case), case.verdict, case.stands_on] for case in own]
        lines += [f"### {title}", "", *markdown_table(["case", "measured", "verdict", "stands on"], cells), ""]
    return "\n".join(lines)


def value_of(case: Case) -> str:
    """The number, with its interval where it has one."""
    form = ".3f" if case.claim == HITS else ".2f"
    value, low, high = case.value
    return f"{value:{form}}" if low == high else f"{value:{form}} [{low:{form}}, {high:{form}}]"


def to_csv(cases: Sequence[Case]) -> str:
    """One line a case."""
    rows = [[case.claim, *CLAIMS[case.claim], case.case, *case.value, case.verdict, case.stands_on] for case in cases]
    header = ["claim", "claim_low", "claim_high", "case", "value", "low", "high", "verdict", "stands_on"]
    return csv_text(header, rows)


def picture(gains: Sequence[Gain]) -> Figure:
    """Storage efficiency by models of a base, and multicast's gain by users, with what the survey claims."""
    drawn = figure(9.0, 3.4)
    left, right = drawn.subplots(1, 2)
    for kind, colour in zip(KINDS, COLOURS):
        values = [claims.efficiency_by_variants(kind, variants) for variants in VARIANTS]
        left.plot(VARIANTS, values, color=colour, marker=".", label=kind)
    left.set_xlabel("models of one base, itself among them")
    left.set_ylabel("storage efficiency")
    for own_share, colour in zip(OWN_SHARES, COLOURS):
        own = [gain for gain in gains if gain.own_share == own_share]
        users = [gain.users for gain in own]
        right.fill_between(users, *np.array([gain.mean[1:] for gain in own]).T, color=colour, alpha=0.2, linewidth=0)
        label = f"{100.0 * own_share:.2g} % of the bytes each user's own"
        right.plot(users, [gain.mean.value for gain in own], color=colour, marker=".", label=label)
    right.set_xlabel("users of a multicast")
    right.set_ylabel("unicast over multicast, air time")
    for axes, claim in ((left, STORAGE), (right, MULTICAST)):
        axes.axhspan(*CLAIMS[claim], color=PALE, alpha=0.35, linewidth=0, zorder=0)
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter("")
        axes.set_xticks([1, 2, 5, 10, 20, 50])
        axes.set_yticks([1, 2, 3, 5, 10, 20, 50])
        tidy(axes, "y")
        axes.legend(fontsize=7, frameon=False, loc="upper left")
    return drawn
