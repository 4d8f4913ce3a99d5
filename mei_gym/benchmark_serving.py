"""How fast the serving engine is: requests a second of one core, with jumps over like iterations and without.

A load is the rate of Poisson arrivals over the rate at which the same server answers the same requests when all are
there at the beginning. Lengths are drawn from the fit to a conversation trace, cut to the model's context. Each row's
two speeds are taken in turns, in one process; a speed is the median of the repeats.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from mei_gym.costs.replay import serve, server_params
from mei_gym.workload.lengths import length_levels, named_lengths

MODEL, DEVICE, LENGTHS = "Llama-2-7B", "h100-sxm", "azure_conv"
PROMPT_LIMIT, ANSWER_LIMIT = 3072, 1024  # tokens: together Llama-2's context
LOADS = (0.5, 0.8)
SATURATING = 5_000  # requests from which the server's own rate is taken
SEED = 0


def serving_speeds(requests: int, repeats: int) -> list[dict[str, Any]]:
    """One row a load: how many requests a second of processor time, jumping and stepping."""
    chance = np.random.default_rng(SEED)
    lengths = named_lengths(LENGTHS)
    count = max(requests, SATURATING)
    prompts = drawn(lengths.prompt, PROMPT_LIMIT, count, chance)
    answers = drawn(lengths.answer, ANSWER_LIMIT, count, chance)
    params = server_params(MODEL, DEVICE)
    at_once = slice(SATURATING)
    flat_out = serve(params, np.zeros(SATURATING), prompts[at_once], answers[at_once])
    capacity_per_s = SATURATING / float(flat_out.last_s.max())
    prompts, answers = prompts[:requests], answers[:requests]
    rows = []
    for load in LOADS:
        arrival_s = np.cumsum(chance.exponential(1.0 / (load * capacity_per_s), requests))
        jumping, stepping = [], []
        for _ in range(repeats):
            for speeds, own in ((jumping, params), (stepping, params._replace(jumps=0))):
                began_s = time.process_time()
                served = serve(own, arrival_s, prompts, answers)
                speeds.append(requests / (time.process_time() - began_s))
                if own is params:
                    jumped = served
        rows.append(
            {
                "load": load,
                "arrivals_per_s": load * capacity_per_s,
                "requests_per_core_s": statistics.median(jumping),
                "slowest": min(jumping),
                "fastest": max(jumping),
                "stepping": statistics.median(stepping),
                "ratio": statistics.median(jumping) / statistics.median(stepping),
                "iterations_per_request": jumped.iterations / requests,
                "iterations_per_event": jumped.iterations / jumped.stops,
            }
        )
    return rows


def drawn(log_tokens: np.ndarray, limit: float, count: int, chance: np.random.Generator) -> np.ndarray:
    """Whole tokens, f8[count], from a quantile table."""
    return np.floor(np.clip(np.exp(np.interp(chance.random(count), length_levels(), log_tokens)), 1.0, limit))
