"""Named laws of arrival, and how a scenario's streams become the rules' parameters.

Sources. `conversation`: fitted to the Azure LLM inference trace 2023, conversation (CC-BY 4.0, Microsoft; Patel et al.,
Splitwise, ISCA 2024): index of dispersion from .1 to 120 s within 7 %. `code`: fitted to its code part: means of 96
bursts that gaps of more than 2 s part, and a spread of the bursts' rates with which the index of dispersion from 1
to 60 s and the share of empty seconds come out. `client` and its harder kin: the rate-weighted CVs of gaps of
ServeGen's clients (Apache-2.0, Alibaba; arXiv 2505.09999), 50, 75 and 90 % quantiles of m-small and m-large. `service`:
the residuals of ServeGen's 10-minute rates about their day's shape, in the middle of what its workloads have, above
`conversation`'s wave.
"""

from __future__ import annotations

from difflib import get_close_matches
from math import inf, isfinite
from typing import NamedTuple

import numpy as np

from mei_gym.chance import uniform
from mei_gym.compiled import plain
from mei_gym.workload.arrivals import BACKGROUND, OWN, STREAMS, ArrivalParams
from mei_gym.workload.trace import Trace

DAY_S = 86_400.0
STRONGEST_DAY = 2.5  # beyond it the day's shape falls below 0
TRACE_SPREAD = 216  # purpose of draws


class ArrivalLaw(NamedTuple):
    """How a stream of a given mean rate comes; what is left out is a Poisson stream's."""

    gap_cv: float = 1.0
    on_s: float = 1.0
    off_s: float = 0.0
    burst_cv: float = 0.0
    wave_sd: float = 0.0
    wave_tau_s: float = 118.0
    slow_sd: float = 0.0
    slow_tau_s: float = 3600.0
    replays: bool = False


ARRIVALS: dict[str, ArrivalLaw] = {
    "poisson": ArrivalLaw(),
    "conversation": ArrivalLaw(wave_sd=0.235, wave_tau_s=118.0),  # fitted, Azure 2023 conversation
    "service": ArrivalLaw(wave_sd=0.235, wave_tau_s=118.0, slow_sd=0.3, slow_tau_s=3600.0),  # fitted, ServeGen
    "client": ArrivalLaw(gap_cv=1.2),  # fitted, ServeGen: the median client
    "bursty_client": ArrivalLaw(gap_cv=2.2),  # fitted, ServeGen: one client in four is worse
    "extreme_client": ArrivalLaw(gap_cv=7.0),  # fitted, ServeGen: one in ten
    "code": ArrivalLaw(on_s=9.0, off_s=27.1, burst_cv=0.6),  # fitted, Azure 2023 code
    "trace": ArrivalLaw(replays=True),
}

#: What a law's numbers must be: above the first, up to the second; [: the first itself too.
LIMITS = {
    "gap_cv": ("(", 0.0, 30.0),
    "on_s": ("(", 0.0, inf),
    "off_s": ("[", 0.0, inf),
    "burst_cv": ("[", 0.0, 30.0),
    "wave_sd": ("[", 0.0, 1.0),
    "wave_tau_s": ("(", 0.0, inf),
    "slow_sd": ("[", 0.0, 2.0),
    "slow_tau_s": ("(", 0.0, inf),
}


def arrival_params(
    own_per_s: float,
    background_per_s: float = 0.0,
    own: str | ArrivalLaw = "conversation",
    background: str | ArrivalLaw = "conversation",
    day_s: float = DAY_S,
    day_strength: float = 1.0,
    trace: Trace | None = None,
) -> ArrivalParams:
    """The parameters of the two streams: mean rates, and laws by name or by their numbers.

    A stream that replays a trace has the trace's own rate; the rate given for it is not read.

    Raises:
        ValueError: an unknown law or a number that is none of its kind, in one sentence.
    """
    laws = [arrival_law("own", own), arrival_law("background", background)]
    rates = [rate_per_s("own_per_s", own_per_s), rate_per_s("background_per_s", background_per_s)]
    if not 0.0 < day_s < inf:
        raise ValueError(f"day_s is {day_s}; a finite number of seconds above 0 is accepted.")
    if not 0.0 <= day_strength <= STRONGEST_DAY:
        raise ValueError(f"day_strength is {day_strength}; from 0 to {STRONGEST_DAY} is accepted.")
    replayed, period_s = Trace(np.zeros(1), np.ones(1), np.ones(1)), 1.0
    if any(law.replays for law in laws):
        if trace is None:
            raise ValueError("Arrivals are said to replay a trace, and no trace is given.")
        replayed, period_s = trace, trace_period_s(trace)
        rates = [len(trace.time_s) / period_s if law.replays else rate for law, rate in zip(laws, rates)]

    def of_law(name: str, kind: type = np.float64) -> np.ndarray:
        values = np.zeros(STREAMS, kind)
        for stream, law in zip((OWN, BACKGROUND), laws):
            values[stream] = getattr(law, name)
        return values

    return ArrivalParams(
        arrival_base_per_s=np.array(rates, np.float64),
        arrival_gap_cv=of_law("gap_cv"),
        arrival_on_s=of_law("on_s"),
        arrival_off_s=of_law("off_s"),
        arrival_burst_cv=of_law("burst_cv"),
        arrival_wave_sd=of_law("wave_sd"),
        arrival_wave_tau_s=of_law("wave_tau_s"),
        arrival_slow_sd=of_law("slow_sd"),
        arrival_slow_tau_s=of_law("slow_tau_s"),
        arrival_replays=of_law("replays", np.int64),
        arrival_day_s=float(day_s),
        arrival_day_strength=float(day_strength),
        trace_time_s=replayed.time_s,
        trace_prompt_tokens=replayed.prompt_tokens,
        trace_answer_tokens=replayed.answer_tokens,
        trace_period_s=period_s,
    )


def arrival_law(stream: str, law: str | ArrivalLaw) -> ArrivalLaw:
    """The law itself, by its name if it has one."""
    if isinstance(law, str):
        if law not in ARRIVALS:
            near = get_close_matches(law, ARRIVALS, n=1, cutoff=0.0)[0]
            raise ValueError(
                f"unknown {stream} arrivals {law!r}: did you mean {near!r}? Known are {', '.join(ARRIVALS)}."
            )
        return ARRIVALS[law]
    for name, (bracket, low, high) in LIMITS.items():
        value = getattr(law, name)
        if not (low <= value <= high and isfinite(value)) or (bracket == "(" and value == low):
            accepted = f"a finite number {'above' if bracket == '(' else 'from'} {low:g}"
            end = "" if high == inf else f" up to {high:g}"
            raise ValueError(f"{name} of the {stream} arrivals is {value}; {accepted}{end} is accepted.")
    return law


def rate_per_s(name: str, value: float) -> float:
    """The rate itself, if it is one."""
    if not 0.0 <= value < inf:
        raise ValueError(f"{name} is {value}; a finite number of requests per second, 0 or more, is accepted.")
    return float(value)


def trace_period_s(trace: Trace) -> float:
    """s that a round of a replayed trace takes: from its first row to its last, and one mean gap."""
    rows, span_s = len(trace.time_s), float(trace.time_s[-1])
    if rows < 2 or span_s <= 0.0:
        raise ValueError(f"The trace has {rows} requests within {span_s:g} s; two at different times are needed.")
    return span_s * rows / (rows - 1)


def spread_over_grid(trace: Trace, grid_s: float, seed: int = 0) -> Trace:
    """A trace whose times are rounded down to a grid, with its requests uniform within their cells, in their order.

    Mooncake's are whole multiples of 3 s, with ten requests at a time; what happened within a cell nobody knows.
    """
    if not 0.0 < grid_s < inf:
        raise ValueError(f"grid_s is {grid_s}; a finite number of seconds above 0 is accepted.")
    cells = np.floor(trace.time_s / grid_s + 1e-9)
    draw = plain(uniform)
    with np.errstate(over="ignore"):  # the counter of chance wraps, and is meant to
        within = np.array([draw(np.uint64(seed), row, TRACE_SPREAD, 0) for row in range(len(cells))])
    time_s = np.sort(cells + within) * grid_s
    return trace._replace(time_s=time_s - time_s[0])


def at_rate(trace: Trace, per_s: float) -> Trace:
    """The trace played so fast or slowly that a replay has this mean rate."""
    if not 0.0 < per_s < inf:
        raise ValueError(f"per_s is {per_s}; a finite number of requests per second above 0 is accepted.")
    rate = len(trace.time_s) / trace_period_s(trace)
    return trace._replace(time_s=trace.time_s * (rate / per_s))
