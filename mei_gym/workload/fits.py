"""How near the laws of the workload are to the traces that they were fitted to.

    python -m mei_gym.workload.fits FOLDER

FOLDER holds the request traces (t_s,in_tokens,out_tokens) and ServeGen's quantiles, which stand for a trace in even
steps. The laws are drawn by the rules that environments run.

    ks      largest distance between the distributions of LENGTH_DRAWS drawn lengths and of the whole trace
    error   the drawn law's exact mean over the trace's, less 1
    idc     index of dispersion: variance over mean of the counts in windows; 1 at every width: Poisson
    empty   share of seconds without a request
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np

from mei_gym.compiled import OPTIONS
from mei_gym.workload.arrival_laws import arrival_params
from mei_gym.workload.arrivals import OWN, STREAMS, ArrivalState, begin_stream, next_arrival
from mei_gym.workload.length_fit import QUANTILES, SAMPLES, columns_of, stepped
from mei_gym.workload.lengths import length_arrays
from mei_gym.workload.prompts import (
    PromptParams,
    answer_tokens,
    expected_answer_tokens,
    expected_prompt_tokens,
    prompt_tokens,
)
from mei_gym.workload.trace import Trace, read_trace

LENGTH_DRAWS = 200_000  # of either direction: a KS distance of .002 is chance
EPISODES, EPISODE_TRACES = 8, 10  # of arrivals: episodes, each so many times as long as the trace
WINDOWS_S = (1.0, 10.0, 60.0)
ARRIVAL_FILES = {"conversation": "azure_llm_2023_conv.csv", "code": "azure_llm_2023_code.csv"}


class LengthFit(NamedTuple):
    """One direction of one workload."""

    name: str
    direction: str
    ks: float
    error: float
    mean: float  # tokens, of the trace


class ArrivalFit(NamedTuple):
    """One law of arrival at the rate of its trace."""

    name: str
    per_s: float
    trace_idc: tuple[float, ...]  # by WINDOWS_S
    model_idc: tuple[float, ...]
    trace_empty: float
    model_empty: float


def main() -> None:
    """Print both tables in Markdown."""
    folder = Path(sys.argv[1])
    print("| lengths | direction | mean of the trace | KS | error of the mean |\n|---|---|---|---|---|")
    fits: list[LengthFit] = []
    for name, (file, _, _) in SAMPLES.items():
        trace = read_trace(folder / file)
        fits += length_fits(name, trace.prompt_tokens, trace.answer_tokens)
    quantiles = columns_of(folder / "servegen_length_quantiles.csv")
    for name, (*sides, _) in QUANTILES.items():
        fits += length_fits(name, *(stepped(quantiles["p"], quantiles[side]) for side in sides))
    for fit in fits:
        print(f"| {fit.name} | {fit.direction} | {fit.mean:.1f} | {fit.ks:.4f} | {100 * fit.error:+.2f} % |")
    print("\n| arrivals | 1/s | IDC at 1 / 10 / 60 s, trace | model | empty seconds, trace | model |")
    print("|---|---|---|---|---|---|")
    for name, file in ARRIVAL_FILES.items():
        fit = arrival_fit(name, read_trace(folder / file))
        idcs = [" / ".join(f"{each:.1f}" for each in side) for side in (fit.trace_idc, fit.model_idc)]
        empty = [f"{100 * each:.1f} %" for each in (fit.trace_empty, fit.model_empty)]
        print(f"| {fit.name} | {fit.per_s:.2f} | {idcs[0]} | {idcs[1]} | {empty[0]} | {empty[1]} |")


def length_fits(name: str, prompts: np.ndarray, answers: np.ndarray) -> list[LengthFit]:
    """The fits of a workload's prompts and answers."""
    params = PromptParams(**length_arrays([name]))
    drawn = drawn_lengths(params, LENGTH_DRAWS)
    sides = (
        ("prompt", drawn[0], prompts, expected_prompt_tokens(params, 0)),
        ("answer", drawn[1], answers, expected_answer_tokens(params, 0)),
    )
    return [
        LengthFit(name, direction, sample_distance(ours, theirs), mean / theirs.mean() - 1.0, float(theirs.mean()))
        for direction, ours, theirs, mean in sides
    ]


def arrival_fit(name: str, trace: Trace) -> ArrivalFit:
    """The fit of a law of arrival."""
    span_s = float(trace.time_s[-1])
    params = arrival_params(len(trace.time_s) / span_s, own=name, day_strength=0.0)
    state, until_s = arrival_state(EPISODES), EPISODE_TRACES * span_s
    model = [arrival_times(params, state, lane, OWN, until_s) for lane in range(EPISODES)]
    idcs, empties = [], []
    for times, end_s in (([trace.time_s], span_s), (model, until_s)):
        idcs.append(tuple(dispersion(counts_in(times, end_s, window_s)) for window_s in WINDOWS_S))
        empties.append(float(np.mean(counts_in(times, end_s, 1.0) == 0)))
    return ArrivalFit(name, len(trace.time_s) / span_s, *idcs, *empties)


def sample_distance(first: np.ndarray, second: np.ndarray) -> float:
    """A probability: the Kolmogorov-Smirnov distance between two samples."""
    places = np.union1d(first, second)
    shares = [np.searchsorted(np.sort(sample), places, side="right") / len(sample) for sample in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())


def counts_in(times: list[np.ndarray], end_s: float, window_s: float) -> np.ndarray:
    """How many requests fell into each whole window of each list of times."""
    edges = np.arange(0.0, end_s + 1e-9, window_s)
    return np.concatenate([np.histogram(each, edges)[0] for each in times])


def dispersion(counts: np.ndarray) -> float:
    """Variance over mean."""
    return float(counts.var() / counts.mean())


def arrival_state(episodes: int, first_key: int = 1) -> ArrivalState:
    """The state of so many episodes that have not begun."""
    pairs: dict[str, Any] = {name: np.zeros((episodes, STREAMS)) for name in ArrivalState._fields}
    for name in ("arrival_wave_second", "arrival_burst", "arrival_first_row"):
        pairs[name] = np.zeros((episodes, STREAMS), np.int64)
    pairs["key"] = np.arange(first_key, first_key + episodes).astype(np.uint64)
    pairs["arrival_phase"] = np.zeros(episodes)
    return ArrivalState(**pairs)


@numba.njit(**OPTIONS)
def arrival_times(params, state, lane, stream, until_s):
    """f8[arrivals]: s of all arrivals of an episode before `until_s`."""
    begin_stream(params, state, lane, stream)
    found = [next_arrival(params, state, lane, stream, 0)]
    while found[-1] < until_s:
        found.append(next_arrival(params, state, lane, stream, len(found)))
    return np.array(found[:-1])


@numba.njit(**OPTIONS)
def drawn_lengths(params, requests):
    """f8[2, requests]: prompts and answers of application 0."""
    drawn = np.empty((2, requests))
    key = np.uint64(1)
    for request in range(requests):
        drawn[0, request] = prompt_tokens(params, 0, key, request)
        drawn[1, request] = answer_tokens(params, 0, key, request)
    return drawn


if __name__ == "__main__":
    main()
