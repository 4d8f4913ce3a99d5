"""The rules of SplitInference: one request a step, from the decision to what it brings."""

from __future__ import annotations

from math import exp, inf

import numpy as np

from mei_gym.chance import normal
from mei_gym.compiled import scalar
from mei_gym.costs.compute import block_decode_time, block_mixed_time, block_prefill_time, head_time
from mei_gym.costs.serving import (
    DROPPED,
    FIRST,
    NEWS_KINDS,
    SERVER,
    advance,
    empty_server,
    enqueue,
    fill_slot,
    give_up,
    prepare,
    take_slot,
    wake,
)  # fmt: skip
from mei_gym.envs.split_inference.device import (
    device_speed,
    joule_price,
    layers_that_fit,
    pass_time,
    place_device,
)  # fmt: skip
from mei_gym.envs.split_inference.fields import (
    ANSWER,
    APPLICATION,
    BACKGROUND_RATE,
    BATTERY,
    BLOCK_DECODE,
    BLOCK_PREFILL,
    CHUNK_PACE,
    COMING,
    DEEPEST,
    DEVICE_CLASS,
    DEVICE_HEAD,
    DEVICE_SPEED,
    DEVICE_WAIT,
    HEAT,
    I_ABANDONED,
    I_ABANDONED_TOTAL,
    I_ANSWER,
    I_ANSWERED,
    I_APPLICATION,
    I_BATTERY,
    I_BITS,
    I_BUSY,
    I_COMPUTE,
    I_CORRECTED,
    I_CORRECTED_TOTAL,
    I_CUT,
    I_DEVICE_CLASS,
    I_DOWNLINK_BYTES,
    I_ELAPSED,
    I_ENERGY,
    I_EXCESS,
    I_FETCHED,
    I_FIRST_TOKENS,
    I_FORECAST_TPOT,
    I_FORECAST_TTFT,
    I_KV_USED,
    I_LEAKAGE,
    I_PROMPT,
    I_QUALITY,
    I_QUEUE,
    I_REFUSED,
    I_REFUSED_TOTAL,
    I_REWARD_ENERGY,
    I_REWARD_LEAKAGE,
    I_REWARD_QUALITY,
    I_REWARD_TPOT,
    I_REWARD_TTFT,
    I_RUNNING,
    I_SPEED,
    I_TIME,
    I_TPOT,
    I_TPOT_MET,
    I_TTFT,
    I_TTFT_MET,
    I_UNFINISHED,
    I_UPLINK,
    I_UPLINK_BYTES,
    I_UPLOADS,
    JOULE_PRICE,
    KV_USED,
    KV_WAITING,
    LAYER_FETCH,
    LEAKAGE_BUDGET,
    LOADED,
    OWN_RATE,
    PACE,
    PARTS,
    PROMPT,
    PROMPT_BACKLOG,
    ROUND_TRIP,
    RUNNING,
    SINCE_LAST,
    STEP_NUMBERS,
    STREAM_SHARE,
    TPOT_TARGET,
    TRANSMIT_POWER,
    TTFT_TARGET,
    UPLINK,
    UPLOAD_BACKLOG,
    UPLOADS,
    USER_RATE,
    WAITING,
)  # fmt: skip
from mei_gym.envs.split_inference.forecast import (
    air_time,
    away_time,
    device_energy,
    device_prompt_time,
    device_token_time,
    expected_tpot,
    expected_ttft,
    latency_utility,
    leakage_excess,
    missing_layers,
    prompt_payload,
    quality_loss,
)  # fmt: skip
from mei_gym.envs.task import shown
from mei_gym.network.cell import (
    downlink_rate_bps,
    drift_cell,
    move_user,
    place_cell,
    place_user,
    uplink_rate_bps,
    user_link,
)  # fmt: skip
from mei_gym.workload.arrivals import BACKGROUND, OWN, begin_stream, next_arrival
from mei_gym.workload.population import asking_user, draw_activity, user_activity
from mei_gym.workload.prompts import answer_tokens as drawn_answer_tokens
from mei_gym.workload.prompts import prompt_tokens as drawn_prompt_tokens

ROUND_TRIP_DRAW = 410  # purpose
BITS_CHOICES = 3
BACKGROUND_KEY = np.uint64(0x5851F42D4C957F2D)  # sets the background's draws of lengths apart from the cell's


@scalar
def reset(params, state, info, lane):
    """Begin an episode: place the users, start the streams, and wait for the first request."""
    empty_server(params, state, lane)
    place_cell(params, state, lane)
    draw_activity(params, state, lane)
    for user in range(params.users):
        place_device(params, state, lane, user)
        place_user(params, state, lane, user)
    begin_stream(params, state, lane, OWN)
    begin_stream(params, state, lane, BACKGROUND)
    state.request[lane] = 0
    state.background_request[lane] = 0
    state.background_seen_s[lane] = 0.0
    state.own_rate_hz[lane] = params.arrival_base_per_s[OWN]
    state.background_rate_hz[lane] = params.arrival_base_per_s[BACKGROUND]
    state.unfinished[lane] = 0
    state.next_background_s[lane] = next_arrival(params, state, lane, BACKGROUND, 0)
    wait_for_request(params, state, info, lane)
    tell_world(params, state, info, lane)


@scalar
def step(params, state, info, lane, action):
    """Decide the request, let the world run to the next one; returns the reward and that nothing ever ends here."""
    info[lane, :STEP_NUMBERS] = 0.0
    sensed = state.sensed[lane]
    cut, bits_choice = action // BITS_CHOICES, action % BITS_CHOICES

    deepest = int(round(sensed[DEEPEST] * params.layers))
    feasible_cut = min(cut, deepest)
    feasible_bits = bits_choice if 0 < feasible_cut < params.layers else 0
    if feasible_cut != cut or feasible_bits != bits_choice:
        info[lane, I_CORRECTED] = 1.0
        info[lane, I_CORRECTED_TOTAL] += 1.0
    decide(params, state, info, lane, feasible_cut, feasible_bits)

    state.request[lane] += 1
    wait_for_request(params, state, info, lane)

    info[lane, I_TTFT] /= max(1.0, info[lane, I_FIRST_TOKENS])
    info[lane, I_TPOT] /= max(1.0, info[lane, I_ANSWERED])
    tell_world(params, state, info, lane)
    reward = 0.0
    for part in range(PARTS):
        reward += info[lane, part]
    return reward, False


@scalar
def decide(params, state, info, lane, cut, bits_choice):
    """Book the device, send the request on its way, and pay what is known of it."""
    sensed, row = state.sensed[lane], info[lane]
    user, application = state.asking_user[lane], int(sensed[APPLICATION])
    prompt_tokens, answer_tokens = state.prompt_tokens[lane], state.answer_tokens[lane]
    now_s = state.clock_s[lane]

    ttft_s = expected_ttft(params, sensed, cut, bits_choice)
    tpot_s = expected_tpot(params, sensed, cut, bits_choice)
    prompt_time_s = device_prompt_time(params, sensed, cut)
    compute_s = prompt_time_s + (answer_tokens - 1.0) * device_token_time(params, sensed, cut)
    energy_j = min(device_energy(params, sensed, cut, bits_choice, answer_tokens), state.user_battery_j[lane, user])
    payload = prompt_payload(params, sensed, cut, bits_choice)
    fetched = missing_layers(params, sensed, cut)
    split = 0 < cut < params.layers

    row[I_APPLICATION], row[I_DEVICE_CLASS] = sensed[APPLICATION], sensed[DEVICE_CLASS]
    row[I_PROMPT], row[I_ANSWER] = prompt_tokens, answer_tokens
    row[I_CUT], row[I_BITS] = cut, params.bits_choices[bits_choice]
    row[I_FORECAST_TTFT], row[I_FORECAST_TPOT] = ttft_s, tpot_s
    row[I_ENERGY], row[I_COMPUTE], row[I_FETCHED] = energy_j, compute_s, fetched
    row[I_LEAKAGE] = params.leakage_of_cut[cut]
    row[I_EXCESS] = leakage_excess(params, sensed, cut)
    row[I_QUALITY] = quality_loss(params, cut, bits_choice)
    row[I_REWARD_ENERGY] = -params.energy_weight[application] * sensed[JOULE_PRICE] * energy_j
    row[I_REWARD_LEAKAGE] = -params.leakage_weight[application] * row[I_EXCESS]
    row[I_REWARD_QUALITY] = -params.quality_weight[application] * row[I_QUALITY]
    row[I_UPLINK_BYTES] = payload
    if split:
        row[I_UPLINK_BYTES] += (answer_tokens - 1.0) * params.payload_bytes_per_token[bits_choice]
    device_class = state.user_class[lane, user]
    if cut < params.layers:
        row[I_DOWNLINK_BYTES] = answer_tokens * params.text_bytes_per_token
    if params.class_fetch_bytes_per_s[device_class] == 0.0:
        row[I_DOWNLINK_BYTES] += fetched * params.class_block_bytes[device_class]

    ready_s = now_s
    if cut > 0:
        state.user_loaded_layers[lane, user] = max(state.user_loaded_layers[lane, user], cut)
        begins_s = max(now_s, state.user_free_s[lane, user])
        ready_s = begins_s + prompt_time_s
        state.user_free_s[lane, user] = begins_s + compute_s
    state.user_battery_j[lane, user] -= energy_j

    ttft_utility = latency_utility(params, ttft_s, sensed[TTFT_TARGET])
    tpot_utility = 0.0
    if ttft_utility > 0.0:  # nobody is left to read an answer that begins too late
        tpot_utility = latency_utility(params, tpot_s, sensed[TPOT_TARGET]) if answer_tokens > 1.0 else 1.0
    if cut == params.layers:
        row[I_REWARD_TTFT] += params.ttft_weight[application] * ttft_utility
        row[I_REWARD_TPOT] += params.tpot_weight[application] * tpot_utility
        count_first_token(params, info, lane, application, ttft_s)
        count_answer(params, info, lane, application, tpot_s if answer_tokens > 1.0 else 0.0)
        return

    slot = take_slot(state, lane)
    if slot < 0:
        row[I_REFUSED] = 1.0
        row[I_REFUSED_TOTAL] += 1.0
        return
    row[I_REWARD_TTFT] += params.ttft_weight[application] * ttft_utility
    row[I_REWARD_TPOT] += params.tpot_weight[application] * tpot_utility
    away_s = away_time(params, sensed, cut, bits_choice)
    air_share = 0.0
    if split:
        air_share = air_time(sensed, params.payload_bytes_per_token[bits_choice]) / (away_s + 1.5 * sensed[PACE])
    fill_slot(
        state, lane, slot, state.request[lane], prompt_tokens, answer_tokens,
        (params.layers - cut) / params.layers, away_s, air_share, now_s + params.patience_s,
    )  # fmt: skip
    state.slot_application[lane, slot] = application
    state.slot_asked_s[lane, slot] = now_s
    state.slot_way_back_s[lane, slot] = 0.5 * sensed[ROUND_TRIP]
    state.slot_ttft_utility[lane, slot] = ttft_utility
    state.slot_tpot_utility[lane, slot] = tpot_utility
    state.unfinished[lane] += 1
    prepare(state, lane, slot, ready_s + 0.5 * sensed[ROUND_TRIP], air_time(sensed, payload))


@scalar
def count_first_token(params, info, lane, application, ttft_s):
    """Enter a first token into the step's outcomes."""
    info[lane, I_FIRST_TOKENS] += 1.0
    info[lane, I_TTFT] += ttft_s
    if ttft_s <= params.ttft_target_s[application]:
        info[lane, I_TTFT_MET] += 1.0


@scalar
def count_answer(params, info, lane, application, tpot_s):
    """Enter a finished answer into the step's outcomes."""
    info[lane, I_ANSWERED] += 1.0
    info[lane, I_TPOT] += tpot_s
    if tpot_s <= params.tpot_target_s[application]:
        info[lane, I_TPOT_MET] += 1.0


@scalar
def hear_news(params, state, info, lane):
    """Put the forecasts right of the requests whose first or last token has come, or whose user has given up."""
    for place in range(state.news_count[lane]):
        slot, kind = state.news[lane, place] // NEWS_KINDS, state.news[lane, place] % NEWS_KINDS
        application = state.slot_application[lane, slot]
        if kind == FIRST:
            ttft_s = state.slot_first_s[lane, slot] + state.slot_way_back_s[lane, slot] - state.slot_asked_s[lane, slot]
            settle_ttft(
                params, state, info, lane, slot, latency_utility(params, ttft_s, params.ttft_target_s[application])
            )
            count_first_token(params, info, lane, application, ttft_s)
        elif kind == DROPPED:
            settle_ttft(params, state, info, lane, slot, 0.0)
            info[lane, I_ABANDONED] += 1.0
            info[lane, I_ABANDONED_TOTAL] += 1.0
            state.unfinished[lane] -= 1
        else:
            further_tokens = state.slot_answer_tokens[lane, slot] - 1.0
            answered_s = state.slot_last_s[lane, slot] - state.slot_first_s[lane, slot]
            tpot_s = answered_s / further_tokens if further_tokens > 0.0 else 0.0
            if state.slot_ttft_utility[lane, slot] > 0.0:
                utility = latency_utility(params, tpot_s, params.tpot_target_s[application])
                settle_tpot(params, state, info, lane, slot, utility)
            count_answer(params, info, lane, application, tpot_s)
            state.unfinished[lane] -= 1
    state.news_count[lane] = 0


@scalar
def settle_ttft(params, state, info, lane, slot, utility):
    """Pay what the first token was worth less what was forecast; an answer that begins too late is worth nothing."""
    weight = params.ttft_weight[state.slot_application[lane, slot]]
    info[lane, I_REWARD_TTFT] += weight * (utility - state.slot_ttft_utility[lane, slot])
    state.slot_ttft_utility[lane, slot] = utility
    if utility == 0.0:
        settle_tpot(params, state, info, lane, slot, 0.0)


@scalar
def settle_tpot(params, state, info, lane, slot, utility):
    """Pay what the further tokens were worth less what was forecast."""
    weight = params.tpot_weight[state.slot_application[lane, slot]]
    info[lane, I_REWARD_TPOT] += weight * (utility - state.slot_tpot_utility[lane, slot])
    state.slot_tpot_utility[lane, slot] = utility


@scalar
def wait_for_request(params, state, info, lane):
    """Let the world run until the next request, and look at who asks."""
    request = state.request[lane]
    before_s = state.clock_s[lane]
    arrival_s = next_arrival(params, state, lane, OWN, request)
    while True:
        reached_s = advance(params, state, lane, arrival_s, state.next_background_s[lane])
        hear_news(params, state, info, lane)
        if reached_s >= arrival_s:
            break
        background_arrives(params, state, lane)
    give_up(params, state, lane, arrival_s)
    hear_news(params, state, info, lane)
    elapsed_s = arrival_s - before_s
    info[lane, I_ELAPSED] = elapsed_s
    kept = exp(-elapsed_s / params.rate_memory_s)
    state.own_rate_hz[lane] = state.own_rate_hz[lane] * kept + 1.0 / params.rate_memory_s
    drift_cell(params, state, lane, elapsed_s, request)

    user = asking_user(params, state, lane, request)
    state.asking_user[lane] = user
    application = state.user_application[lane, user]
    state.prompt_tokens[lane] = drawn_prompt_tokens(params, application, state.key[lane], request)
    state.answer_tokens[lane] = drawn_answer_tokens(params, application, state.key[lane], request)
    since_last_s = arrival_s - state.user_seen_s[lane, user]
    move_user(params, state, lane, user, since_last_s, request)
    pass_time(params, state, lane, user, arrival_s, request)
    sense(params, state, lane, since_last_s)


@scalar
def background_arrives(params, state, lane):
    """Another cell's user asks the server for a whole answer."""
    now_s = state.next_background_s[lane]
    number = state.background_request[lane]
    kept = exp(-(now_s - state.background_seen_s[lane]) / params.rate_memory_s)
    state.background_rate_hz[lane] = state.background_rate_hz[lane] * kept + 1.0 / params.rate_memory_s
    state.background_seen_s[lane] = now_s
    slot = take_slot(state, lane)
    if slot >= 0:
        background, key = params.ttft_target_s.shape[0], state.key[lane] ^ BACKGROUND_KEY
        prompt_tokens = drawn_prompt_tokens(params, background, key, number)
        fill_slot(
            state, lane, slot, -1, prompt_tokens, drawn_answer_tokens(params, background, key, number), 1.0, 0.0, 0.0,
            inf,
        )  # fmt: skip
        enqueue(state, lane, slot)
        wake(params, state, lane, now_s)
    state.background_request[lane] = number + 1
    state.next_background_s[lane] = next_arrival(params, state, lane, BACKGROUND, number + 1)


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

    sensed[APPLICATION], sensed[DEVICE_CLASS] = application, device_class
    sensed[PROMPT], sensed[ANSWER] = prompt_tokens, expected_tokens
    sensed[TTFT_TARGET], sensed[TPOT_TARGET] = params.ttft_target_s[application], params.tpot_target_s[application]
    sensed[LEAKAGE_BUDGET] = params.leakage_budget[application]

    speed = device_speed(params, state, lane, user)
    half_way_tokens = prompt_tokens + 0.5 * expected_tokens
    sensed[DEVICE_WAIT] = max(0.0, state.user_free_s[lane, user] - now_s)
    sensed[BLOCK_PREFILL] = block_prefill_time(params, processor, prompt_tokens, 0.0) / speed
    sensed[BLOCK_DECODE] = block_decode_time(params, processor, 1.0, half_way_tokens) / speed
    sensed[DEVICE_HEAD] = head_time(params, processor, 1.0) / speed
    sensed[DEVICE_SPEED], sensed[HEAT] = speed, state.user_heat_k[lane, user]
    charge = state.user_battery_j[lane, user] / params.class_battery_j[device_class]
    sensed[BATTERY] = charge
    sensed[JOULE_PRICE] = joule_price(params, state, lane, user)
    deepest = layers_that_fit(params, state, lane, user, prompt_tokens + expected_tokens)
    if charge < params.battery_reserve:
        deepest = 0
    sensed[DEEPEST] = deepest / params.layers
    sensed[LOADED] = state.user_loaded_layers[lane, user] / params.layers
    up, down, transmit_power_w = user_link(params, state, lane, user)
    fetch_bytes_per_s = params.class_fetch_bytes_per_s[device_class]
    if fetch_bytes_per_s == 0.0:
        fetch_bytes_per_s = max(1.0, params.fetch_share * downlink_rate_bps(params, down) / 8.0)
    sensed[LAYER_FETCH] = params.class_block_bytes[device_class] / fetch_bytes_per_s
    sensed[SINCE_LAST] = since_last_s
    sensed[USER_RATE] = params.arrival_base_per_s[OWN] * user_activity(params, state, lane, user)

    sensed[UPLINK] = uplink_rate_bps(params, up)
    jitter = normal(state.key[lane], state.request[lane], ROUND_TRIP_DRAW, 0)
    sensed[ROUND_TRIP] = params.round_trip_s * exp(params.round_trip_spread * jitter)
    sensed[UPLOADS] = state.uploading_count[lane]
    backlog_s = 0.0
    for place in range(state.uploading_count[lane]):
        backlog_s += max(0.0, state.slot_air_s[lane, state.uploading[lane, place]] - state.air_clock_s[lane])
    sensed[UPLOAD_BACKLOG] = backlog_s
    sensed[STREAM_SHARE] = state.stream_share[lane]
    sensed[TRANSMIT_POWER] = transmit_power_w

    batch = float(state.resident_count[lane])
    context = state.resident_context_tokens[lane]
    for place in range(state.split_count[lane]):
        slot = state.split[lane, place]
        share = state.slot_share[lane, slot]
        batch += share
        context += share * state.slot_context_tokens[lane, slot]
    running = state.prefilling_count[lane] + state.resident_count[lane] + state.split_count[lane]
    sensed[RUNNING] = running / params.running_limit
    sensed[KV_USED] = state.kv_tokens[lane] / params.kv_capacity_tokens
    sensed[WAITING] = state.waiting_count[lane]
    sensed[KV_WAITING] = state.kv_waiting_tokens[lane] / params.kv_capacity_tokens
    sensed[PROMPT_BACKLOG] = state.prompt_backlog_tokens[lane]
    sensed[COMING] = state.coming_tokens[lane]
    alone_s = params.layers * block_decode_time(params, SERVER, 1.0, half_way_tokens) + head_time(params, SERVER, 1.0)
    sensed[PACE] = max(alone_s, state.pace_s[lane] if running > 0 else 0.0)
    mean_context = context / batch if batch > 0.0 else 0.0
    sensed[CHUNK_PACE] = params.layers * block_mixed_time(params, SERVER, params.chunk_tokens, 0.0, batch, mean_context)
    sensed[OWN_RATE] = state.own_rate_hz[lane]
    sensed[BACKGROUND_RATE] = state.background_rate_hz[lane] * exp(
        -(now_s - state.background_seen_s[lane]) / params.rate_memory_s
    )


@scalar
def tell_world(params, state, info, lane):
    """Write how the world stands now into info."""
    row, sensed = info[lane], state.sensed[lane]
    row[I_TIME] = state.clock_s[lane]
    row[I_QUEUE] = state.waiting_count[lane]
    row[I_RUNNING] = state.prefilling_count[lane] + state.resident_count[lane] + state.split_count[lane]
    row[I_UNFINISHED] = state.unfinished[lane]
    row[I_KV_USED] = sensed[KV_USED]
    row[I_BUSY] = state.busy_s[lane]
    row[I_UPLOADS] = sensed[UPLOADS]
    row[I_UPLINK] = sensed[UPLINK]
    row[I_BATTERY] = sensed[BATTERY]
    row[I_SPEED] = sensed[DEVICE_SPEED]


@scalar
def observe(params, state, lane, row):
    """Show what was sensed, on [0, 1]."""
    for field in range(row.shape[0]):
        row[field] = shown(params, field, state.sensed[lane, field])


@scalar
def mask(params, state, lane, row):
    """Cuts that fit the device; bits only where activations are sent."""
    deepest = int(round(state.sensed[lane, DEEPEST] * params.layers))
    for cut in range(params.layers + 1):
        for bits_choice in range(BITS_CHOICES):
            sends = 0 < cut < params.layers
            row[cut * BITS_CHOICES + bits_choice] = cut <= deepest and (bits_choice == 0 or sends)
