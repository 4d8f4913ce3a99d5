"""How far an answer that keeps the pace which it found is from an engine in which all answers slow each other."""

import numpy as np
import pytest
from caching_world import SHIPPED, World

from mei_gym.compiled import plain
from mei_gym.costs.replay import serve, server_params
from mei_gym.workload.prompts import answer_tokens, prompt_tokens

REQUESTS = 2500
PATIENT = {"ttft_target_s": 1e6}  # no answer is late, so that all are given at the edge
#: One server of one base, which is always there; the requests of the default scenario's four applications.
ALONE = {
    "library": {"families": SHIPPED, "blocks": {"base": 16e9}, "models": {"Base": ["base"]}, "base": "Llama-3-8B"},
    "servers": {"store_bytes": 16e9, "accelerator_bytes": 16e9, "answers_at_once": 64},
    "applications": {
        "mobile_health": PATIENT,
        "humanoid_robot": PATIENT,
        "autonomous_driving": PATIENT,
        "virtual_assistant": {**PATIENT, "share": 0.4},
    },
    "cloud_price": 1.0,
    "energy_price_per_j": 0.0,
    "popularity": {"newcomers_per_s": 0.0, "ring_share": 0.0},
}


def latencies_s(rate_per_s: float) -> tuple[np.ndarray, np.ndarray]:
    """f8[request] of Poisson requests: by the environment, and by the engine."""
    world, rng = World(**ALONE), np.random.default_rng(1)
    world.arrived(0, 0)
    world.load(0, 0)
    at_s = np.cumsum(rng.exponential(1.0 / rate_per_s, REQUESTS))
    applications = np.searchsorted(world.params.application_share, rng.random(REQUESTS))
    lengths = []
    with np.errstate(over="ignore"):  # of the key's 64 bits
        for law in (prompt_tokens, answer_tokens):
            draw = plain(law)
            lengths.append([draw(world.params, int(each), np.uint64(7), k) for k, each in enumerate(applications)])
    prompts, answers = np.array(lengths, np.float64)
    own_s = [
        world.ask(0, 0, float(when), prompt, answer, reach_s=0.0)["latency_s"]
        for when, prompt, answer in zip(at_s, prompts, answers)
    ]
    served = serve(server_params("Llama-3-8B", "h100-sxm"), at_s, prompts, answers)
    return np.array(own_s), served.last_s - at_s


@pytest.mark.parametrize(
    ("rate_per_s", "mean", "most"), [(0.14, -0.014, 0.06), (0.3, -0.018, 0.08), (1.0, -0.034, 0.13)]
)
def test_latencies_are_as_near_to_the_engines_as_routing_says(rate_per_s, mean, most):
    own_s, engine_s = latencies_s(rate_per_s)
    error = own_s / engine_s - 1.0
    assert error.mean() == pytest.approx(mean, abs=0.004)
    assert np.quantile(np.abs(error), 0.95) == pytest.approx(most, abs=0.012)
    assert np.corrcoef(own_s, engine_s)[0, 1] > 0.99
