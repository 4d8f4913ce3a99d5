"""Steps per second against the size of the world: servers, users and models.

    python -m mei_gym.benchmark_sizes [mei/EdgeCaching-v0 | mei/ModelDelivery-v0]

Time is that of the rules alone (`Lanes.step`), by processor time, with actions that a mask allows, drawn before the
clock runs. Requests grow with the servers, so that a step of EdgeCaching answers as many. A step of ModelDelivery lasts
as long as a transmission: with drawn actions, many seconds of the world, in which all users move.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from mei_gym.envs.lanes import SAME_STEP, Lanes
from mei_gym.envs.view import task_of

LANES = (1, 64)
WARM_STEPS, LEAST_S, STEPS = 200, 0.5, 20  # chosen
ROUNDS = 3
CACHING, DELIVERY = "mei/EdgeCaching-v0", "mei/ModelDelivery-v0"
BASES = {CACHING: "Llama-2-7B", DELIVERY: "Qwen2.5-0.5B"}  # of the libraries with more models; as in `default`


def worlds(id: str) -> Iterator[dict[str, Any]]:
    """Overrides of the default scenario, from its own size to the largest."""

    def of_models(models: int) -> dict[str, Any]:
        tuned = 10
        big = {"base": BASES[id], "quality_of": "Llama-2-7B", "adapters": models - tuned - 1, "tuned": tuned}
        families = task_of(id).resolve("default", {}).library.families
        return {"families": {**dict.fromkeys(families), "big": big}}

    yield {}
    for models in (100, 300, 1000):
        yield {"library": of_models(models)}
    if id == DELIVERY:
        for users in (100, 500):
            yield {"users": users, "library": of_models(1000)}
        return
    for servers, rings, users, models in ((19, 2, 228, 0), (50, 4, 500, 0), (50, 4, 500, 1000)):
        network = {"sites": {"rings": rings}, "served": servers}
        library = {"library": of_models(models)} if models else {}
        yield {"network": network, "users": users, "requests_per_s": servers / 7.0, **library}


def steps_per_s(id: str, overrides: dict[str, Any], count: int) -> tuple[float, Lanes]:
    """The median over rounds of lane steps a second of processor time."""
    task = task_of(id)
    lanes = Lanes(task, task.resolve("default", overrides), count)
    lanes.reset(np.arange(count, dtype=np.uint64))
    chance = np.random.default_rng(0)
    for _ in range(WARM_STEPS // (1 if count > 1 else 4)):
        lanes.step(allowed(lanes, chance), 1024, SAME_STEP)
    rates = []
    for _ in range(ROUNDS):
        spent_s, steps = 0.0, 0
        while spent_s < LEAST_S / ROUNDS:
            actions = allowed(lanes, chance)
            began_s = time.process_time()
            lanes.step(actions, 1024, SAME_STEP)
            spent_s += time.process_time() - began_s
            steps += count
        rates.append(steps / spent_s)
    return float(np.median(rates)), lanes


def allowed(lanes: Lanes, chance: np.random.Generator) -> np.ndarray:
    """int64[lane]: an action of each lane's mask, each as likely."""
    drawn = chance.random(lanes.out.mask.shape)
    return np.where(lanes.out.mask, drawn, -1.0).argmax(axis=1)


def main(id: str) -> None:
    """Print the table."""
    print("| servers | users | models | blocks | steps/s of one | of 64 lanes | state, MB a lane |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for overrides in worlds(id):
        (one, _), (many, lanes) = (steps_per_s(id, overrides, count) for count in LANES)
        params, state_mb = lanes.params, sum(array.nbytes for array in lanes.state) / LANES[-1] / 1e6
        sizes = (getattr(params, "servers", 1), params.users, params.models, getattr(params, "blocks", params.models))
        cells = " | ".join(f"{size:,}" for size in sizes)
        print(f"| {cells} | {one:,.0f} | {many:,.0f} | {state_mb:.2f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else CACHING)
