"""What the controller knows when a request comes: in SI, as the observation shows it, and as a mask."""

from __future__ import annotations

from math import exp

from mei_gym.chance import normal
from mei_gym.compiled import scalar
from mei_gym.costs.compute import block_decode_time, block_mixed_time, block_prefill_time, head_time
from mei_gym.costs.links import NO_LINK, link_backlog
from mei_gym.costs.server import SERVER
from mei_gym.costs.transfer import flash_read_time
from mei_gym.envs.split_inference import fields as at
from mei_gym.envs.split_inference.device import device_speed, joule_price, layers_that_fit
from mei_gym.envs.split_inference.feasible import BITS_CHOICES, feasible
from mei_gym.envs.task import shown
from mei_gym.network.cell import downlink_rate_bps, look_at_user, uplink_rate_bps
from mei_gym.workload.arrivals import OWN
from mei_gym.workload.population import user_activity

ROUND_TRIP_DRAW = 410  # purpose of a draw


@scalar
def sense(params, state, lane, since_last_s):
    """Gather what the controller knows of the request, its device, the radio and the server, in SI."""
    sensed = state.sensed[lane]
    user = state.asking_user[lane]
    application, device_class = state.user_application[lane, user], state.user_class[lane, user]
    processor = device_class + 1
    now_s = state.clock_s[lane]
    prompt_tokens = state.prompt_tokens[lane]
    expected_tokens = params.expected_answer_tokens[application]

    sensed[at.APPLICATION], sensed[at.DEVICE_CLASS] = application, device_class
    sensed[at.PROMPT], sensed[at.ANSWER] = prompt_tokens, expected_tokens
    sensed[at.TTFT_TARGET], sensed[at.TPOT_TARGET] = (
        params.ttft_target_s[application],
        params.tpot_target_s[application],
    )
    sensed[at.LEAKAGE_BUDGET] = params.leakage_budget[application]
    sensed[at.LEAKAGE_HARD] = params.leakage_hard[application]

    speed = device_speed(params, state, lane, user)
    half_way_tokens = prompt_tokens + 0.5 * expected_tokens
    sensed[at.DEVICE_WAIT] = max(0.0, state.user_free_s[lane, user] - now_s)
    sensed[at.BLOCK_PREFILL] = block_prefill_time(params, processor, prompt_tokens, 0.0) / speed
    sensed[at.BLOCK_DECODE] = block_decode_time(params, processor, 1.0, half_way_tokens) / speed
    sensed[at.DEVICE_HEAD] = head_time(params, processor, 1.0) / speed
    sensed[at.DEVICE_SPEED], sensed[at.HEAT] = speed, state.user_heat_k[lane, user]
    charge = state.user_battery_j[lane, user] / params.class_battery_j[device_class]
    sensed[at.BATTERY] = charge
    sensed[at.JOULE_PRICE] = joule_price(params, state, lane, user)
    deepest = layers_that_fit(params, state, lane, user, prompt_tokens + expected_tokens)
    if charge < params.battery_reserve:
        deepest = 0
    sensed[at.DEEPEST] = deepest / params.layers
    sensed[at.LOADED] = state.user_loaded_layers[lane, user] / params.layers
    up, down, transmit_power_w, handover_wait_s = look_at_user(
        params, state, lane, user, since_last_s, state.request[lane]
    )
    air = params.site_air[state.user_site[lane, user]]
    fetch_bytes_per_s = params.class_fetch_bytes_per_s[device_class]
    if fetch_bytes_per_s == 0.0:
        fetch_bytes_per_s = max(1.0, params.fetch_share * downlink_rate_bps(params, down) / 8.0)
    sensed[at.LAYER_FETCH] = flash_read_time(params.class_block_bytes[device_class], fetch_bytes_per_s)
    sensed[at.SINCE_LAST] = since_last_s
    sensed[at.USER_RATE] = params.arrival_base_per_s[OWN] * user_activity(params, state, lane, user)

    sensed[at.UPLINK] = uplink_rate_bps(params, up)
    jitter = normal(state.key[lane], state.request[lane], ROUND_TRIP_DRAW, 0)
    own_way_s = params.round_trip_s * exp(params.round_trip_spread * jitter)
    sensed[at.ROUND_TRIP] = own_way_s + 2.0 * params.air_backhaul_s[air]
    sensed[at.HANDOVER_WAIT] = handover_wait_s
    sensed[at.UPLOADS] = state.link_transfers[lane, air]
    sensed[at.UPLOAD_BACKLOG] = link_backlog(state, lane, air, now_s)
    sensed[at.STREAM_SHARE] = state.link_stream_share[lane, air]
    sensed[at.TRANSMIT_POWER] = transmit_power_w
    pipe = params.air_pipe[air]
    sensed[at.PIPE_PACE] = params.air_pipe_s_per_byte[air]
    sensed[at.PIPE_TRANSFERS], sensed[at.PIPE_BACKLOG], sensed[at.PIPE_STREAM_SHARE] = 0.0, 0.0, 0.0
    if pipe != NO_LINK:
        sensed[at.PIPE_TRANSFERS] = state.link_transfers[lane, pipe]
        sensed[at.PIPE_BACKLOG] = link_backlog(state, lane, pipe, now_s)
        sensed[at.PIPE_STREAM_SHARE] = state.link_stream_share[lane, pipe]

    batch = float(state.resident_count[lane])
    context = state.resident_context_tokens[lane]
    for place in range(state.split_count[lane]):
        slot = state.split[lane, place]
        share = state.slot_share[lane, slot]
        batch += share
        context += share * state.slot_context_tokens[lane, slot]
    running = state.prefilling_count[lane] + state.resident_count[lane] + state.split_count[lane]
    sensed[at.RUNNING] = running / params.running_limit
    sensed[at.KV_USED] = state.kv_tokens[lane] / params.kv_capacity_tokens
    sensed[at.WAITING] = state.waiting_count[lane]
    sensed[at.KV_WAITING] = state.kv_waiting_tokens[lane] / params.kv_capacity_tokens
    sensed[at.PROMPT_BACKLOG] = state.prompt_backlog_tokens[lane]
    sensed[at.COMING] = state.coming_tokens[lane]
    alone_s = params.layers * block_decode_time(params, SERVER, 1.0, half_way_tokens) + head_time(params, SERVER, 1.0)
    sensed[at.PACE] = max(alone_s, state.pace_s[lane] if running > 0 else 0.0)
    mean_context = context / batch if batch > 0.0 else 0.0
    sensed[at.CHUNK_PACE] = params.layers * block_mixed_time(
        params, SERVER, params.chunk_tokens, 0.0, batch, mean_context
    )
    sensed[at.OWN_RATE] = state.own_rate_hz[lane]
    sensed[at.BACKGROUND_RATE] = state.background_rate_hz[lane] * exp(
        -(now_s - state.background_seen_s[lane]) / params.rate_memory_s
    )


@scalar
def observe(params, state, lane, row):
    """Show what was sensed, on [0, 1]."""
    for field in range(row.shape[0]):
        row[field] = shown(params, field, state.sensed[lane, field])


@scalar
def mask(params, state, lane, row):
    """What is feasible; where nothing is, the first action stands for declining."""
    sensed = state.sensed[lane]
    application, deepest = int(sensed[at.APPLICATION]), int(round(sensed[at.DEEPEST] * params.layers))
    choices = 0
    for cut in range(params.layers + 1):
        for bits_choice in range(BITS_CHOICES):
            possible = feasible(params, application, deepest, cut, bits_choice)
            row[cut * BITS_CHOICES + bits_choice] = possible
            choices += 1 if possible else 0
    if choices == 0:
        row[0] = True
