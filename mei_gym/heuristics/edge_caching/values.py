"""What an answer of a base in a precision brings at its own site, and what it brings from the cloud, on average.

By the environment's own cost model, for each application's median request on an idle, loaded server, weighted with the
applications' shares: what any controller of the scenario knows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mei_gym.compiled import plain
from mei_gym.costs.inference import decode_energy, prefill_energy, prefill_time, prompt_position
from mei_gym.costs.waiting import latency_utility
from mei_gym.envs.edge_caching.routing import cloud_latency, deadline, quality
from mei_gym.workload.prompts import expected_answer_tokens


class Values(NamedTuple):
    """Mean reward of an answer; what it costs to relay it is apart."""

    at_edge: np.ndarray  # f8[bases, precisions]
    from_cloud: np.ndarray  # f8[bases]
    relay: float  # what another site's server costs more


def values_of(params: Any) -> Values:
    """The values of a world."""
    shares = np.diff(params.application_share, prepend=0.0)
    bases, precisions = params.quality_loss.shape
    at_edge, from_cloud = np.zeros((bases, precisions)), np.zeros(bases)
    for application, share in enumerate(shares):
        middle = len(params.length_levels) // 2
        prompt_tokens = float(np.exp(params.prompt_log_tokens[application, middle]))
        answer_tokens = max(1.0, expected_answer_tokens(params, application))
        position = plain(prompt_position)(params, prompt_tokens)
        further, worth = answer_tokens - 1.0, float(params.worth[application])
        deadline_s = plain(deadline)(params, application, answer_tokens)
        prompt_bytes = prompt_tokens * params.prompt_bytes_per_token[application]
        for base in range(bases):
            far_s = params.round_trip_s + plain(cloud_latency)(params, 0, base, position, further, prompt_bytes)
            far = plain(latency_utility)(params, far_s, deadline_s) - params.cloud_price
            from_cloud[base] += share * worth * max(0.0, far)
            for precision in range(precisions):
                prompt_s = plain(prefill_time)(params, base, precision, position)
                near_s = params.round_trip_s + prompt_s + further * params.least_decode_s[base, precision]
                near = plain(latency_utility)(params, near_s, deadline_s)
                prompt_j = plain(prefill_energy)(params, base, precision, position)
                energy_j = prompt_j + further * plain(decode_energy)(params, base, precision, 1)
                at_edge[base, precision] += share * (
                    worth * near * plain(quality)(params, application, base, precision)
                    - params.energy_price_per_j * energy_j
                )
    return Values(at_edge, from_cloud, float(params.relay_price * (shares * params.worth).sum()))
