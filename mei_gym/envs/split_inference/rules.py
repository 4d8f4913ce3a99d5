"""The rules of SplitInference: one request a step, from the decision to what it brings."""

from __future__ import annotations

from math import exp, inf

import numpy as np

from mei_gym.compiled import scalar
from mei_gym.costs.links import prepare
from mei_gym.costs.serving import advance, give_up, wake
from mei_gym.costs.slots import empty_server, enqueue, fill_slot, take_slot
from mei_gym.costs.waiting import latency_utility
from mei_gym.envs.laying import MAX_MIN
from mei_gym.envs.split_inference import fields as at
from mei_gym.envs.split_inference.device import pass_time, place_device
from mei_gym.envs.split_inference.feasible import BITS_CHOICES, DECLINED, nearest_feasible
from mei_gym.envs.split_inference.forecast import (
    air_time,
    away_time,
    device_energy,
    device_prompt_time,
    device_token_time,
    expected_tpot,
    expected_ttft,
    leakage_excess,
    missing_layers,
    prompt_payload,
    quality_loss,
)
from mei_gym.envs.split_inference.outcomes import count_answer, count_first_token, hear_news, tell_world
from mei_gym.envs.split_inference.sensing import sense
from mei_gym.network.cell import drift_cell, move_user, place_cell, place_user
from mei_gym.workload.arrivals import BACKGROUND, OWN, begin_stream, next_arrival
from mei_gym.workload.population import asking_user, draw_activity
from mei_gym.workload.prompts import answer_tokens as drawn_answer_tokens
from mei_gym.workload.prompts import prompt_tokens as drawn_prompt_tokens
from mei_gym.workload.replay import asked_answer_tokens, asked_prompt_tokens

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
    info[lane, : at.STEP_NUMBERS] = 0.0
    sensed = state.sensed[lane]
    cut, bits_choice = action // BITS_CHOICES, action % BITS_CHOICES

    application, deepest = int(sensed[at.APPLICATION]), int(round(sensed[at.DEEPEST] * params.layers))
    taken = nearest_feasible(params, application, deepest, cut, bits_choice)
    if taken != action and (taken != DECLINED or action != 0):
        info[lane, at.I_CORRECTED] = 1.0
        info[lane, at.I_CORRECTED_TOTAL] += 1.0
    if taken == DECLINED:
        decline(state, info, lane)
    else:
        decide(params, state, info, lane, taken // BITS_CHOICES, taken % BITS_CHOICES)

    state.request[lane] += 1
    wait_for_request(params, state, info, lane)

    info[lane, at.I_TTFT] /= max(1.0, info[lane, at.I_FIRST_TOKENS])
    info[lane, at.I_TPOT] /= max(1.0, info[lane, at.I_ANSWERED])
    tell_world(params, state, info, lane)
    reward = 0.0
    for part in range(at.PARTS):
        reward += info[lane, part]
    return reward, False


@scalar
def decline(state, info, lane):
    """Send nothing: no choice keeps the application's budget."""
    sensed, row = state.sensed[lane], info[lane]
    row[at.I_APPLICATION], row[at.I_DEVICE_CLASS] = sensed[at.APPLICATION], sensed[at.DEVICE_CLASS]
    row[at.I_PROMPT], row[at.I_ANSWER] = state.prompt_tokens[lane], state.answer_tokens[lane]
    row[at.I_DECLINED] = 1.0
    row[at.I_DECLINED_TOTAL] += 1.0


@scalar
def decide(params, state, info, lane, cut, bits_choice):
    """Book the device, send the request on its way, and pay what is known of it."""
    sensed, row = state.sensed[lane], info[lane]
    user, application = state.asking_user[lane], int(sensed[at.APPLICATION])
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

    row[at.I_APPLICATION], row[at.I_DEVICE_CLASS] = sensed[at.APPLICATION], sensed[at.DEVICE_CLASS]
    row[at.I_PROMPT], row[at.I_ANSWER] = prompt_tokens, answer_tokens
    row[at.I_CUT], row[at.I_BITS] = cut, params.bits_choices[bits_choice]
    row[at.I_FORECAST_TTFT], row[at.I_FORECAST_TPOT] = ttft_s, tpot_s
    row[at.I_ENERGY], row[at.I_COMPUTE], row[at.I_FETCHED] = energy_j, compute_s, fetched
    row[at.I_LEAKAGE] = params.leakage_of_cut[cut, bits_choice]
    row[at.I_EXCESS] = leakage_excess(params, sensed, cut, bits_choice)
    row[at.I_QUALITY] = quality_loss(params, cut, bits_choice)
    row[at.I_REWARD_ENERGY] = -params.energy_weight[application] * sensed[at.JOULE_PRICE] * energy_j
    row[at.I_REWARD_LEAKAGE] = -params.leakage_weight[application] * row[at.I_EXCESS]
    row[at.I_REWARD_QUALITY] = -params.quality_weight[application] * row[at.I_QUALITY]
    row[at.I_UPLINK_BYTES] = payload
    if split:
        row[at.I_UPLINK_BYTES] += (answer_tokens - 1.0) * params.payload_bytes_per_token[bits_choice]
    device_class = state.user_class[lane, user]
    if cut < params.layers:
        row[at.I_DOWNLINK_BYTES] = answer_tokens * params.text_bytes_per_token
    if params.class_fetch_bytes_per_s[device_class] == 0.0:
        row[at.I_DOWNLINK_BYTES] += fetched * params.class_block_bytes[device_class]

    ready_s = now_s
    if cut > 0:
        state.user_loaded_layers[lane, user] = max(state.user_loaded_layers[lane, user], cut)
        begins_s = max(now_s, state.user_free_s[lane, user])
        ready_s = begins_s + prompt_time_s
        state.user_free_s[lane, user] = begins_s + compute_s
    state.user_battery_j[lane, user] -= energy_j

    ttft_utility = latency_utility(params, ttft_s, sensed[at.TTFT_TARGET])
    tpot_utility = 0.0
    if ttft_utility > 0.0:  # nobody is left to read an answer that begins too late
        tpot_utility = latency_utility(params, tpot_s, sensed[at.TPOT_TARGET]) if answer_tokens > 1.0 else 1.0
    if cut == params.layers:
        row[at.I_REWARD_TTFT] += params.ttft_weight[application] * ttft_utility
        row[at.I_REWARD_TPOT] += params.tpot_weight[application] * tpot_utility
        count_first_token(params, info, lane, application, ttft_s)
        count_answer(params, info, lane, application, tpot_s if answer_tokens > 1.0 else 0.0)
        return

    slot = take_slot(state, lane)
    if slot < 0:
        row[at.I_REFUSED] = 1.0
        row[at.I_REFUSED_TOTAL] += 1.0
        return
    row[at.I_REWARD_TTFT] += params.ttft_weight[application] * ttft_utility
    row[at.I_REWARD_TPOT] += params.tpot_weight[application] * tpot_utility
    away_s = away_time(params, sensed, cut, bits_choice)
    air = params.site_air[state.user_site[lane, user]]
    air_share, pipe_share = 0.0, 0.0
    if split:
        token_s = away_s + 1.5 * sensed[at.PACE]
        token_bytes = params.payload_bytes_per_token[bits_choice]
        air_share = air_time(sensed, token_bytes) / token_s
        pipe_share = token_bytes * params.air_pipe_s_per_byte[air] / token_s
    fill_slot(
        state, lane, slot, state.request[lane], prompt_tokens, answer_tokens,
        (params.layers - cut) / params.layers, away_s, air_share, now_s + params.patience_s,
    )  # fmt: skip
    state.slot_pipe_share[lane, slot] = pipe_share
    state.slot_application[lane, slot] = application
    state.slot_asked_s[lane, slot] = now_s
    state.slot_way_back_s[lane, slot] = 0.5 * sensed[at.ROUND_TRIP]
    state.slot_ttft_utility[lane, slot] = ttft_utility
    state.slot_tpot_utility[lane, slot] = tpot_utility
    state.unfinished[lane] += 1
    sent_s = ready_s + 0.5 * sensed[at.ROUND_TRIP] + sensed[at.HANDOVER_WAIT]
    work, weight = air_time(sensed, payload), 1.0
    if params.air_sharing == MAX_MIN and payload > 0.0:
        work, weight = payload, work / payload
    pipe_s = payload * params.air_pipe_s_per_byte[air]
    prepare(state, lane, slot, sent_s, air, work, weight, params.air_pipe[air], pipe_s, 1.0)


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
    info[lane, at.I_ELAPSED] = elapsed_s
    kept = exp(-elapsed_s / params.rate_memory_s)
    state.own_rate_hz[lane] = state.own_rate_hz[lane] * kept + 1.0 / params.rate_memory_s
    drift_cell(params, state, lane, elapsed_s, request)

    user = asking_user(params, state, lane, request)
    state.asking_user[lane] = user
    application = state.user_application[lane, user]
    state.prompt_tokens[lane] = asked_prompt_tokens(params, state, lane, OWN, application, request)
    state.answer_tokens[lane] = asked_answer_tokens(params, state, lane, OWN, application, request)
    since_last_s = arrival_s - state.user_seen_s[lane, user]
    move_user(params, state, lane, user, since_last_s, request)
    pass_time(params, state, lane, user, arrival_s, request)
    site = state.user_site[lane, user]
    sense(params, state, lane, since_last_s)
    if state.user_site[lane, user] != site:
        info[lane, at.I_HANDOVERS_TOTAL] += 1.0


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
        enqueue(params, state, lane, slot)
        wake(state, lane, now_s)
    state.background_request[lane] = number + 1
    state.next_background_s[lane] = next_arrival(params, state, lane, BACKGROUND, number + 1)
