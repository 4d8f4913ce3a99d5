"""TrimCaching played again: hit ratios against capacity, Zipf exponent and servers, and what walking and fading do.

A *cell* is a setting with one value of what a sweep varies; it is answered for each of some topologies, which all
cells of a setting and all algorithms have in common. Small cells are solved exactly besides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from agents.reproduce.answers import Ask
from agents.reproduce.resnet import tuned_library
from agents.reproduce.setting import drawn_topology, faded, problem_of, problem_on, walked
from mei_gym.heuristics.placement import (
    Instance,
    everything,
    greedy,
    hit_ratio,
    independent,
    popular,
    random_placement,
    spec,
)
from mei_gym.workload.library import library_params

GB, GB_A_SERVER = 1e9, "capacity of a server (GB)"
NAN = float("nan")
SPEC, GEN, PER_BYTE, INDEPENDENT, POPULAR, RANDOM = "Spec", "Gen", "Gen per byte", "Independent", "popular", "random"
RELAXED, EVERYTHING, OPTIMUM = "relaxed bound", "everything everywhere", "optimum"
PLACERS: dict[str, Callable[[Instance], np.ndarray]] = {
    SPEC: spec,
    GEN: greedy,
    PER_BYTE: lambda problem: greedy(problem, per_byte=True),
    INDEPENDENT: independent,
    POPULAR: popular,
    RANDOM: lambda problem: random_placement(problem, seed=0),
}
METHODS = (*PLACERS, RELAXED, EVERYTHING, OPTIMUM)
WALKERS = (SPEC, GEN, INDEPENDENT)  # placements that are kept while users walk; Gen is also placed anew
MINUTES = (0.0, 20.0, 40.0, 60.0, 80.0, 100.0, 120.0)
FADED = (SPEC, GEN, INDEPENDENT, EVERYTHING)
DRAWS = 100  # of the fading


class Cell(NamedTuple):
    """One setting."""

    servers: int
    users: int
    models: int
    capacity_gb: float
    zipf: float = 0.8
    general: bool = False  # the library's second round of tuning: Spec's unions are too many
    exact: bool = False  # the optimum too


class Sweep(NamedTuple):
    """Cells that differ in one value."""

    name: str
    title: str
    axis: str
    values: tuple[float, ...]
    cells: list[Cell]


def sweeps(quick: bool) -> list[Sweep]:
    """What is run; `quick` takes a third of each."""
    large, middle = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0), (0.1, 0.2, 0.3, 0.4, 0.5, 0.75)
    few, tiny = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0), (0.05, 0.1, 0.15, 0.2)
    zipf, servers = (0.0, 0.4, 0.8, 1.2, 1.6), (3.0, 6.0, 9.0, 12.0, 15.0, 18.0)
    special_300, general_300 = ([Cell(10, 30, 300, q, general=general) for q in large] for general in (False, True))
    special_99, general_99 = ([Cell(12, 30, 99, q, general=general) for q in middle] for general in (False, True))
    exact = [Cell(4, 10, 15, q, exact=True) for q in tiny]
    made = [
        Sweep("capacity_300", "10 servers, 300 models, special case", GB_A_SERVER, large, special_300),
        Sweep("capacity_99", "12 servers, 99 models, special case", GB_A_SERVER, middle, special_99),
        Sweep("capacity_300_general", "10 servers, 300 models, general case", GB_A_SERVER, large, general_300),
        Sweep("capacity_99_general", "12 servers, 99 models, general case", GB_A_SERVER, middle, general_99),
        Sweep("capacity_30", "10 servers, 30 models", GB_A_SERVER, few, [Cell(10, 30, 30, q) for q in few]),
        Sweep("zipf", "12 servers, 99 models, 0.3 GB", "Zipf exponent", zipf, [Cell(12, 30, 99, 0.3, s) for s in zipf]),
        Sweep("servers", "99 models, 0.4 GB", "servers", servers, [Cell(int(m), 30, 99, 0.4) for m in servers]),
        Sweep("small", "4 servers, 10 users, 15 models", GB_A_SERVER, tiny, exact),
    ]
    step = 3 if quick else 1
    return [sweep._replace(values=sweep.values[::step], cells=sweep.cells[::step]) for sweep in made]


WALK = Cell(12, 30, 99, 0.3)


def asked(cell: Cell, topologies: int) -> list[Ask]:
    """The questions of a cell, one a topology."""
    return [Ask(hit_ratios, (*cell, seed)) for seed in range(topologies)]


def asked_walks(topologies: int) -> list[Ask]:
    """The questions of users who walk."""
    return [Ask(walked_hit_ratios, (*WALK, seed)) for seed in range(topologies)]


def asked_fading(topologies: int) -> list[Ask]:
    """The questions of fading."""
    return [Ask(faded_hit_ratios, (*WALK, seed)) for seed in range(topologies)]


def problem_at(cell: Cell, seed: int) -> Instance:
    """The problem of a cell on a topology."""
    library = library_params(tuned_library(cell.models, np.random.default_rng((seed, 5)), cell.general))
    topology = drawn_topology(cell.servers, cell.users, cell.models, seed)
    return problem_of(library, topology, cell.capacity_gb * GB, cell.zipf)


def hit_ratios(*values) -> list[float]:
    """Hit ratios by METHODS on one topology; nan where a method does not apply."""
    from mei_gym.oracle.placement import optimal, relaxed_bound

    cell, seed = Cell(*values[:-1]), int(values[-1])
    problem = problem_at(cell, seed)
    found = [NAN if name == SPEC and cell.general else hit_ratio(problem, PLACERS[name](problem)) for name in PLACERS]
    best = NAN
    if cell.exact:
        answer = optimal(problem)
        best = answer.hit_ratio if answer.proven else NAN
    return [*found, relaxed_bound(problem), everything(problem), best]


def walked_hit_ratios(*values) -> list[float]:
    """By MINUTES: hit ratios of WALKERS' placements of minute 0, and of Gen placed anew."""
    cell, seed = Cell(*values[:-1]), int(values[-1])
    problem = problem_at(cell, seed)
    placed = [PLACERS[name](problem) for name in WALKERS]
    topology = drawn_topology(cell.servers, cell.users, cell.models, seed)
    found = []
    for there in walked(topology, 60.0 * np.array(MINUTES), seed):
        now = problem_of(problem.library, there, cell.capacity_gb * GB, cell.zipf)
        found += [hit_ratio(now, each) for each in placed] + [hit_ratio(now, greedy(now))]
    return found


def faded_hit_ratios(*values) -> list[float]:
    """By FADED: hit ratio without fading, then the mean over draws of Rayleigh fading of every link."""
    cell, seed = Cell(*values[:-1]), int(values[-1])
    problem = problem_at(cell, seed)
    topology = drawn_topology(cell.servers, cell.users, cell.models, seed)
    everywhere = np.ones((cell.servers, problem.library.variants), bool)
    placed = [everywhere if name == EVERYTHING else PLACERS[name](problem) for name in FADED]
    shares = np.zeros(len(placed))
    for utility in faded(topology, problem.library.variant_bytes, DRAWS, seed):
        now = problem_on(problem.library, topology, cell.capacity_gb * GB, cell.zipf, utility)
        shares += [hit_ratio(now, each) / DRAWS for each in placed]
    return [*(hit_ratio(problem, each) for each in placed), *shares]
