"""What a request's choices are worth by the forecast, read off the observation: the heart of the myopic policies.

    score = forecast reward - (energy_scale - 1) * energy cost - price of what the request takes from others

The price is toll * (requests that are held up) * (seconds by which it holds them up), for each thing that is shared:

    iterations  share * (prompt's chunks + answer's part of the batch)   those that come while the prompt backlog lasts
    memory      share * (n + o) / capacity * time of the answer          those that wait, and those that come
    air         prompt and token streams at the undivided rate           those on the air, and those that come

The share of a request is (L - c) / L, n and o are its prompt and its expected answer. Forecast and costs are the
environment's own functions (`envs.split_inference.forecast`), given the observation turned back into SI units.
"""

from __future__ import annotations

from math import inf

import numpy as np

from mei_gym.chance import mixed
from mei_gym.compiled import scalar
from mei_gym.costs.compute import block_decode_time, block_mixed_time, head_time
from mei_gym.costs.serving import SERVER
from mei_gym.envs.split_inference.feasible import BITS_CHOICES, DECLINED, feasible, nearest_feasible
from mei_gym.envs.split_inference.fields import (
    ANSWER,
    APPLICATION,
    CHUNK_PACE,
    COMING,
    DEEPEST,
    DEVICE_CLASS,
    FIELDS,
    JOULE_PRICE,
    KV_USED,
    KV_WAITING,
    OWN_RATE,
    PACE,
    PIPE_BACKLOG,
    PIPE_STREAM_SHARE,
    PIPE_TRANSFERS,
    PROMPT,
    PROMPT_BACKLOG,
    RUNNING,
    STREAM_SHARE,
    UPLOAD_BACKLOG,
    UPLOADS,
    WAITING,
)
from mei_gym.envs.split_inference.forecast import (
    air_time,
    device_energy,
    expected_reward,
    expected_tpot,
    leakage_excess,
    prompt_payload,
    quality_loss,
)
from mei_gym.envs.task import meant

#: What a scorer can be told, in the order of `knobs`.
KNOBS = ("idle_server", "energy_scale", "server_toll", "memory_toll", "air_toll")
IDLE_SERVER, ENERGY_SCALE, SERVER_TOLL, MEMORY_TOLL, AIR_TOLL = range(len(KNOBS))
PRESSURE_POWER = 3.0  # chosen: memory counts little while half of it is free
NUMBER_FIELDS = len(FIELDS)
ROUNDING = 1e-9  # far below any difference that counts, far above rounding


@scalar
def read_back(params, row, sensed):
    """Turn an observation into SI; indices come back as whole numbers."""
    for field in range(row.shape[0]):
        sensed[field] = meant(params, field, np.float64(row[field]))
    sensed[APPLICATION] = round(sensed[APPLICATION])
    sensed[DEVICE_CLASS] = round(sensed[DEVICE_CLASS])


@scalar
def deepest_cut(params, row):
    """The deepest feasible cut of an observation."""
    return int(round(meant(params, DEEPEST, np.float64(row[DEEPEST])) * params.layers))


@scalar
def application_of(params, row):
    """The application of an observation."""
    return int(round(meant(params, APPLICATION, np.float64(row[APPLICATION]))))


@scalar
def imagine_idle(params, sensed):
    """Forget what is known of the server's and the air's load: both are taken as free."""
    for field in (
        STREAM_SHARE, UPLOADS, UPLOAD_BACKLOG, PIPE_TRANSFERS, PIPE_BACKLOG, PIPE_STREAM_SHARE,
        RUNNING, KV_USED, WAITING, KV_WAITING, PROMPT_BACKLOG, COMING,
    ):  # fmt: skip
        sensed[field] = 0.0
    context = sensed[PROMPT] + 0.5 * sensed[ANSWER]
    block_s = block_decode_time(params, SERVER, 1.0, context)
    sensed[PACE] = params.layers * block_s + head_time(params, SERVER, 1.0)
    sensed[CHUNK_PACE] = params.layers * block_mixed_time(params, SERVER, params.chunk_tokens, 0.0, 0.0, 0.0)


@scalar
def taken_from_others(params, sensed, knobs, cut, bits_choice):
    """Reward that others lose by this forecast: tolls times requests held up times seconds."""
    if cut == params.layers:
        return 0.0
    share = (params.layers - cut) / params.layers
    prompt_tokens, answer_tokens, rate_hz = sensed[PROMPT], sensed[ANSWER], sensed[OWN_RATE]
    running = max(1.0, sensed[RUNNING] * params.running_limit)

    backlog_s = (sensed[PROMPT_BACKLOG] + sensed[COMING]) / params.chunk_tokens * sensed[CHUNK_PACE]
    iterations_s = prompt_tokens / params.chunk_tokens * sensed[CHUNK_PACE] + answer_tokens * sensed[PACE] / running
    price = knobs[SERVER_TOLL] * rate_hz * backlog_s * share * iterations_s

    answer_s = answer_tokens * expected_tpot(params, sensed, cut, bits_choice)
    memory_s = share * (prompt_tokens + answer_tokens) / params.kv_capacity_tokens * answer_s
    pressure = sensed[KV_USED] + sensed[KV_WAITING]
    price += knobs[MEMORY_TOLL] * (sensed[WAITING] + rate_hz * pressure**PRESSURE_POWER) * memory_s

    sent_bytes = prompt_payload(params, sensed, cut, bits_choice)
    if cut > 0:
        sent_bytes += answer_tokens * params.payload_bytes_per_token[bits_choice]
    held_up = sensed[UPLOADS] + rate_hz * sensed[UPLOAD_BACKLOG]
    return price + knobs[AIR_TOLL] * held_up * air_time(sensed, sent_bytes)


@scalar
def score(params, sensed, knobs, cut, bits_choice):
    """What a feasible choice is worth."""
    worth = expected_reward(params, sensed, cut, bits_choice)
    if knobs[ENERGY_SCALE] != 1.0:
        joule_weight = params.energy_weight[int(sensed[APPLICATION])] * sensed[JOULE_PRICE]
        energy_j = device_energy(params, sensed, cut, bits_choice, sensed[ANSWER])
        worth -= (knobs[ENERGY_SCALE] - 1.0) * joule_weight * energy_j
    if knobs[SERVER_TOLL] > 0.0 or knobs[MEMORY_TOLL] > 0.0 or knobs[AIR_TOLL] > 0.0:
        worth -= taken_from_others(params, sensed, knobs, cut, bits_choice)
    return worth


@scalar
def highest_score(params, sensed, knobs, cut, bits_choice):
    """At least the score, at a fraction of its price: both utilities taken as 1, and no toll."""
    application = int(sensed[APPLICATION])
    energy_j = device_energy(params, sensed, cut, bits_choice, sensed[ANSWER])
    return (
        params.ttft_weight[application]
        + params.tpot_weight[application]
        - knobs[ENERGY_SCALE] * params.energy_weight[application] * sensed[JOULE_PRICE] * energy_j
        - params.leakage_weight[application] * leakage_excess(params, sensed, cut, bits_choice)
        - params.quality_weight[application] * quality_loss(params, cut, bits_choice)
    )


@scalar
def read_as_told(params, row, knobs, sensed):
    """Turn an observation into SI as the knobs want it seen; returns the deepest feasible cut."""
    read_back(params, row, sensed)
    if knobs[IDLE_SERVER] > 0.0:
        imagine_idle(params, sensed)
    return deepest_cut(params, row)


@scalar
def score_row(params, row, knobs, sensed, scores):
    """Write the score of every action; what is infeasible scores minus infinity."""
    deepest = read_as_told(params, row, knobs, sensed)
    application = int(sensed[APPLICATION])
    for action in range(scores.shape[0]):
        scores[action] = -inf
    for cut in range(deepest + 1):
        for bits_choice in range(BITS_CHOICES):
            if feasible(params, application, deepest, cut, bits_choice):
                scores[cut * BITS_CHOICES + bits_choice] = score(params, sensed, knobs, cut, bits_choice)


@scalar
def best_of_row(params, row, knobs, sensed):
    """The action of the highest score, the first of equals; what cannot be it is not scored."""
    deepest = read_as_told(params, row, knobs, sensed)
    application = int(sensed[APPLICATION])
    best, most = 0, -inf
    for cut in range(deepest + 1):
        for bits_choice in range(BITS_CHOICES):
            if not feasible(params, application, deepest, cut, bits_choice):
                continue
            if highest_score(params, sensed, knobs, cut, bits_choice) < most - ROUNDING:
                continue
            worth = score(params, sensed, knobs, cut, bits_choice)
            if worth > most:
                best, most = cut * BITS_CHOICES + bits_choice, worth
    return best


@scalar
def draw_row(params, row, seed):
    """One of the feasible actions, each as likely: the draw is a hash of the seed and the observation's bits."""
    bits = mixed(np.uint64(seed))
    for field in range(row.shape[0]):
        bits = mixed(bits ^ np.uint64(row[field] * 16777216.0))
    application, deepest = application_of(params, row), deepest_cut(params, row)
    count = 0
    for cut in range(deepest + 1):
        for bits_choice in range(BITS_CHOICES):
            count += 1 if feasible(params, application, deepest, cut, bits_choice) else 0
    if count == 0:
        return 0
    place = int(bits % np.uint64(count))
    for cut in range(deepest + 1):
        for bits_choice in range(BITS_CHOICES):
            if feasible(params, application, deepest, cut, bits_choice):
                if place == 0:
                    return cut * BITS_CHOICES + bits_choice
                place -= 1
    return 0


@scalar
def put_right(params, row, action):
    """The feasible action nearest to this one; the first, which declines, where none is feasible."""
    taken = nearest_feasible(
        params, application_of(params, row), deepest_cut(params, row), action // BITS_CHOICES, action % BITS_CHOICES
    )
    return 0 if taken == DECLINED else taken


def knobs(**values: float) -> np.ndarray:
    """float64[knob]: a myopic policy that takes nothing into account but its own request, with some knobs turned."""
    result = np.zeros(len(KNOBS))
    result[ENERGY_SCALE] = 1.0
    for name, value in values.items():
        result[KNOBS.index(name)] = value
    return result
