"""What a decision will bring, told from the observation alone: the cost model with the present held still.

The environment pays a request this forecast of its latency when it is decided, and the difference to what
happened when it happens; the return is what happened. The myopic heuristics choose by the same functions, given
the observation turned back into SI units.
"""

from __future__ import annotations

from mei_gym.compiled import scalar
from mei_gym.costs.links import free_share
from mei_gym.costs.transfer import transfer_time
from mei_gym.costs.waiting import latency_utility
from mei_gym.envs.split_inference import fields as at

LONGEST_AIR_S = 3600.0  # chosen: a dead link is held to an hour, so that clocks stay finite


@scalar
def missing_layers(params, sensed, cut):
    """Layers that must be loaded first for this cut."""
    return max(0.0, cut - round(sensed[at.LOADED] * params.layers))


@scalar
def device_prompt_time(params, sensed, cut):
    """s: the device's part of the prompt, once it begins: loading layers, then running them."""
    head_s = sensed[at.DEVICE_HEAD] if cut == params.layers else 0.0
    return missing_layers(params, sensed, cut) * sensed[at.LAYER_FETCH] + cut * sensed[at.BLOCK_PREFILL] + head_s


@scalar
def device_token_time(params, sensed, cut):
    """s: the device's part of one further token."""
    head_s = sensed[at.DEVICE_HEAD] if cut == params.layers else 0.0
    return cut * sensed[at.BLOCK_DECODE] + head_s


@scalar
def prompt_payload(params, sensed, cut, bits_choice):
    """bytes: what goes up before the first token: text, activations, or nothing."""
    if cut == params.layers:
        return 0.0
    if cut == 0:
        return sensed[at.PROMPT] * params.prompt_bytes_per_token[int(sensed[at.APPLICATION])]
    return sensed[at.PROMPT] * params.payload_bytes_per_token[bits_choice]


@scalar
def air_time(sensed, size_bytes):
    """s: of undivided uplink; a dead link never finishes, but is held to an hour so that clocks stay finite."""
    return min(LONGEST_AIR_S, transfer_time(size_bytes, sensed[at.UPLINK]))


@scalar
def away_time(params, sensed, cut, bits_choice):
    """s: between two iterations, a split answer's token travels down, runs on the device, and travels up."""
    if cut == 0 or cut == params.layers:
        return 0.0
    size_bytes = params.payload_bytes_per_token[bits_choice]
    vector_s = air_time(sensed, size_bytes) / free_share(sensed[at.STREAM_SHARE])
    vector_s += size_bytes * sensed[at.PIPE_PACE] / free_share(sensed[at.PIPE_STREAM_SHARE])
    return sensed[at.ROUND_TRIP] + device_token_time(params, sensed, cut) + vector_s


@scalar
def expected_ttft(params, sensed, cut, bits_choice):
    """s: from the question to the first token, nothing else happening meanwhile."""
    device_s = device_prompt_time(params, sensed, cut)
    if cut > 0:
        device_s += sensed[at.DEVICE_WAIT]
    if cut == params.layers:
        return device_s

    payload_bytes = prompt_payload(params, sensed, cut, bits_choice)
    air_s = air_time(sensed, payload_bytes)
    shared_s = min(air_s * (sensed[at.UPLOADS] + 1.0), air_s + sensed[at.UPLOAD_BACKLOG])
    upload_s = sensed[at.HANDOVER_WAIT] + shared_s / free_share(sensed[at.STREAM_SHARE])
    pipe_s = payload_bytes * sensed[at.PIPE_PACE]
    shared_s = min(pipe_s * (sensed[at.PIPE_TRANSFERS] + 1.0), pipe_s + sensed[at.PIPE_BACKLOG])
    upload_s += shared_s / free_share(sensed[at.PIPE_STREAM_SHARE])

    share = (params.layers - cut) / params.layers
    tokens_ahead = sensed[at.PROMPT_BACKLOG] + sensed[at.COMING] + share * sensed[at.PROMPT]
    prompts_s = tokens_ahead / params.chunk_tokens * sensed[at.CHUNK_PACE]
    return (
        device_s
        + upload_s
        + sensed[at.ROUND_TRIP]
        + admission_wait(params, sensed, share)
        + prompts_s
        + sensed[at.PACE]
    )


@scalar
def admission_wait(params, sensed, share):
    """s: until answers that end have freed the keys and values that are wanted before this request's own."""
    needed = share * (sensed[at.PROMPT] + sensed[at.ANSWER]) / params.kv_capacity_tokens
    excess = sensed[at.KV_USED] + sensed[at.KV_WAITING] + needed - 1.0
    if excess <= 0.0 or sensed[at.KV_USED] <= 0.0:
        return 0.0
    answer_s = params.expected_answer_tokens[-1] * sensed[at.PACE]
    return excess / sensed[at.KV_USED] * answer_s


@scalar
def expected_tpot(params, sensed, cut, bits_choice):
    """s: per further token; a split answer that is back waits half an iteration for the next to start."""
    if cut == params.layers:
        return device_token_time(params, sensed, cut)
    if cut == 0:
        return sensed[at.PACE]
    return away_time(params, sensed, cut, bits_choice) + 1.5 * sensed[at.PACE]


@scalar
def device_energy(params, sensed, cut, bits_choice, answer_tokens):
    """J: computing, loading layers and sending (in uplink slots only), over the whole answer."""
    device_class = int(sensed[at.DEVICE_CLASS])
    fetch_s = missing_layers(params, sensed, cut) * sensed[at.LAYER_FETCH]
    compute_s = device_prompt_time(params, sensed, cut) - fetch_s
    compute_s += max(0.0, answer_tokens - 1.0) * device_token_time(params, sensed, cut)
    sent_bytes = prompt_payload(params, sensed, cut, bits_choice)
    if 0 < cut < params.layers:
        sent_bytes += max(0.0, answer_tokens - 1.0) * params.payload_bytes_per_token[bits_choice]
    air_s = air_time(sensed, sent_bytes) if sent_bytes > 0.0 else 0.0
    return (
        params.class_active_w[device_class] * compute_s
        + params.class_fetch_w[device_class] * fetch_s
        + sensed[at.TRANSMIT_POWER] * params.uplink_share * air_s
    )


@scalar
def leakage_excess(params, sensed, cut, bits_choice):
    """In [0, 1]: leakage over the budget, as a share of what there is over it."""
    budget = sensed[at.LEAKAGE_BUDGET]
    if budget >= 1.0:
        return 0.0
    return max(0.0, params.leakage_of_cut[cut, bits_choice] - budget) / (1.0 - budget)


@scalar
def quality_loss(params, cut, bits_choice):
    """Relative rise of perplexity; nothing is lost where no activations are sent."""
    return params.quality_loss_of_cut[cut, bits_choice] if 0 < cut < params.layers else 0.0


@scalar
def expected_reward(params, sensed, cut, bits_choice):
    """What the request will bring by this forecast: the myopic policy's objective."""
    application = int(sensed[at.APPLICATION])
    ttft_s = expected_ttft(params, sensed, cut, bits_choice)
    tpot_s = expected_tpot(params, sensed, cut, bits_choice)
    energy_j = device_energy(params, sensed, cut, bits_choice, sensed[at.ANSWER])
    ttft_utility = latency_utility(params, ttft_s, sensed[at.TTFT_TARGET])
    tpot_utility = latency_utility(params, tpot_s, sensed[at.TPOT_TARGET]) if ttft_utility > 0.0 else 0.0
    return (
        params.ttft_weight[application] * ttft_utility
        + params.tpot_weight[application] * tpot_utility
        - params.energy_weight[application] * sensed[at.JOULE_PRICE] * energy_j
        - params.leakage_weight[application] * leakage_excess(params, sensed, cut, bits_choice)
        - params.quality_weight[application] * quality_loss(params, cut, bits_choice)
    )
