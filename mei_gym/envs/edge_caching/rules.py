"""The rules of EdgeCaching: one server's decision a step, then the requests of all users until the next one's."""

from __future__ import annotations

from math import exp, inf

from mei_gym.chance import drawn_index, normal, uniform
from mei_gym.compiled import scalar
from mei_gym.envs.edge_caching import fields as at
from mei_gym.envs.edge_caching.eviction import CHOSEN, evict
from mei_gym.envs.edge_caching.fetching import fetch, may_fetch
from mei_gym.envs.edge_caching.routing import route
from mei_gym.envs.edge_caching.sensing import deciding_server, sense
from mei_gym.envs.persons import draw_application
from mei_gym.network.cell import (
    downlink_rate_bps,
    drift_cell,
    look_at_user,
    move_user,
    place_cell,
    place_user,
    uplink_rate_bps,
)
from mei_gym.workload.arrivals import OWN, begin_stream, next_arrival
from mei_gym.workload.popularity import begin_popularity, drift_popularity, requested_model
from mei_gym.workload.population import asking_user, draw_activity
from mei_gym.workload.replay import asked_answer_tokens, asked_prompt_tokens

# Purposes of draws, of 400-499.
USER_APPLICATION, HISTORY, ROUND_TRIP_DRAW = 420, 421, 422

NOTHING = 0  # the choice to fetch nothing; 1 + r: the model of row r


@scalar
def reset(params, state, info, lane):
    """Begin an episode: empty stores, users in their places, and the requests that the servers remember."""
    place_cell(params, state, lane)
    draw_activity(params, state, lane)
    begin_popularity(params, state, lane)
    begin_stream(params, state, lane, OWN)
    for user in range(params.users):
        place_person(params, state, lane, user)
        place_user(params, state, lane, user)
    for server in range(params.servers):
        empty_server(params, state, lane, server)
    for pipe in range(params.pipes):
        state.pipe_free_s[lane, pipe] = 0.0
    for model in range(params.models):
        state.asked_all[lane, model] = 0.0
        state.seen_version[lane, model] = 0
    remember_history(params, state, lane)
    for field in range(state.sensed.shape[1]):
        state.sensed[lane, field] = 0.0
    state.clock_s[lane] = 0.0
    state.decision[lane] = 0
    state.request[lane] = 0
    state.request_s[lane] = next_arrival(params, state, lane, OWN, 0)
    info[lane, at.I_FETCH_MODEL] = -1.0
    sense(params, state, lane)
    tell_world(params, state, info, lane)


@scalar
def place_person(params, state, lane, user):
    """Who a user is."""
    application = draw_application(params, state, lane, user, USER_APPLICATION)
    state.user_mean_speed_mps[lane, user] = params.application_speed_mps[application]
    state.user_mobility[lane, user] = params.application_mobility[application]
    state.user_seen_s[lane, user] = 0.0


@scalar
def empty_server(params, state, lane, server):
    """Nothing held, nothing loaded, nothing running."""
    for variant in range(params.variants):
        state.held_from_s[lane, server, variant] = inf
        state.loaded_used_s[lane, server, variant] = -1.0
    for block in range(params.blocks):
        state.block_holders[lane, server, block] = 0
        state.loaded_holders[lane, server, block] = 0
    for group in range(params.groups):
        state.group_running[lane, server, group] = 0
    for model in range(params.models):
        state.asked[lane, server, model] = 0.0
        state.missed[lane, server, model] = 0.0
        state.held_bits[lane, server, model] = 0.0
        state.asked_s[lane, server, model] = -params.memory_s
    state.held[lane, server] = 0
    state.inflation[lane, server] = 0.0
    state.stored_bytes[lane, server] = 0.0
    state.loaded_bytes[lane, server] = 0.0
    state.server_free_s[lane, server] = 0.0
    state.running[lane, server] = 0
    state.landing_s[lane, server] = 0.0
    state.site_asked[lane, server] = 0.0
    state.site_hits[lane, server] = 0.0
    state.site_relayed[lane, server] = 0.0
    state.site_cloud[lane, server] = 0.0


@scalar
def remember_history(params, state, lane):
    """Draw as many requests before the episode as are remembered; none of them was served."""
    for site in range(params.servers):
        for number in range(params.history_requests):
            draw = uniform(state.key[lane], number, HISTORY, site)
            model = drawn_index(state.popularity_cumulative[lane, site], params.models - 1, draw)
            state.asked[lane, site, model] += 1.0
            state.missed[lane, site, model] += 1.0
            state.asked_all[lane, model] += 1.0
            state.site_asked[lane, site] += 1.0


@scalar
def step(params, state, info, lane, action):
    """Carry the decision out, answer the requests until the next one; returns the reward, and that nothing ends."""
    info[lane, : at.STEP_NUMBERS] = 0.0
    info[lane, at.I_FETCH_MODEL] = -1.0
    decide(params, state, info, lane, action)
    until_s = state.clock_s[lane] + params.step_s
    while state.request_s[lane] <= until_s:
        answer_request(params, state, info, lane)
        state.request[lane] += 1
        state.request_s[lane] = next_arrival(params, state, lane, OWN, state.request[lane])
    state.clock_s[lane] = until_s
    state.decision[lane] += 1
    forget(params, state, lane)
    if deciding_server(params, state, lane) == 0:
        drift(params, state, info, lane)
    sense(params, state, lane)

    answered = info[lane, at.I_REQUESTS] - info[lane, at.I_LOST]
    info[lane, at.I_LATENCY] /= max(1.0, answered)
    info[lane, at.I_QUALITY] /= max(1.0, answered)
    tell_world(params, state, info, lane)
    reward = 0.0
    for part in range(at.PARTS):
        reward += info[lane, part]
    return reward, False


@scalar
def decide(params, state, info, lane, action):
    """Fetch what the action says, if it is feasible."""
    victims = 1 + params.rows if params.eviction == CHOSEN else 1
    victim, precision = action % victims, (action // victims) % params.precisions
    choice = action // (victims * params.precisions)
    if choice == NOTHING:
        return
    server = deciding_server(params, state, lane)
    model = state.shown_model[lane, choice - 1]
    variant = model * params.precisions + precision
    possible = may_fetch(params, state, lane, server, variant)
    victim_model = -1
    if victim > 0:
        victim_model = state.shown_model[lane, victim - 1]
        possible = possible and state.held_bits[lane, server, victim_model] > 0.0
    if possible:
        fetch(params, state, info, lane, server, variant, victim_model)
    else:
        info[lane, at.I_CORRECTED] = 1.0


@scalar
def answer_request(params, state, info, lane):
    """Who asks for what, from where; and who answers."""
    request, now_s = state.request[lane], state.request_s[lane]
    user = asking_user(params, state, lane, request)
    application = state.user_application[lane, user]
    prompt_tokens = asked_prompt_tokens(params, state, lane, OWN, application, request)
    answer_tokens = asked_answer_tokens(params, state, lane, OWN, application, request)
    since_last_s = now_s - state.user_seen_s[lane, user]
    state.user_seen_s[lane, user] = now_s
    before = state.user_site[lane, user]
    move_user(params, state, lane, user, since_last_s, request)
    up, down, power_w, interruption_s = look_at_user(params, state, lane, user, since_last_s, request)
    if state.user_site[lane, user] != before:
        info[lane, at.I_HANDOVERS] += 1.0
    site = params.site_air[state.user_site[lane, user]]
    model = requested_model(params, state, lane, site, request)
    up_bps = params.air_share * uplink_rate_bps(params, up)
    down_bps = params.air_share * downlink_rate_bps(params, down)
    sent_s = 8.0 * prompt_tokens * params.prompt_bytes_per_token[application] / up_bps if up_bps > 0.0 else inf
    told_s = 8.0 * answer_tokens * params.text_bytes_per_token / down_bps if down_bps > 0.0 else inf
    jitter = normal(state.key[lane], request, ROUND_TRIP_DRAW, 0)
    way_s = interruption_s + params.round_trip_s * exp(params.round_trip_spread * jitter)
    route(
        params, state, info, lane, site, model, application, prompt_tokens, answer_tokens, sent_s + told_s + way_s
    )  # fmt: skip


@scalar
def forget(params, state, lane):
    """Let what is remembered fade: of all sites after each step, of a server's own before its decision."""
    server = deciding_server(params, state, lane)
    kept = params.kept_of_epoch
    for model in range(params.models):
        state.asked_all[lane, model] *= params.kept_of_step
        state.asked[lane, server, model] *= kept
        state.missed[lane, server, model] *= kept
    state.site_asked[lane, server] *= kept
    state.site_hits[lane, server] *= kept
    state.site_relayed[lane, server] *= kept
    state.site_cloud[lane, server] *= kept


@scalar
def drift(params, state, info, lane):
    """Once a round of decisions: the air's load and the models' popularity move on, and newcomers replace models."""
    look = state.decision[lane] // params.servers
    drift_cell(params, state, lane, params.epoch_s, look)
    drift_popularity(params, state, lane, state.clock_s[lane], look)
    for model in range(params.models):
        if state.popularity_version[lane, model] != state.seen_version[lane, model]:
            state.seen_version[lane, model] = state.popularity_version[lane, model]
            retire_model(params, state, lane, model)
            info[lane, at.I_RETIRED] += 1.0


@scalar
def retire_model(params, state, lane, model):
    """A newcomer has the model's place: copies of what stood there serve nobody, and nobody has asked for it yet."""
    state.asked_all[lane, model] = 0.0
    for server in range(params.servers):
        state.asked[lane, server, model] = 0.0
        state.missed[lane, server, model] = 0.0
        state.asked_s[lane, server, model] = state.clock_s[lane] - params.memory_s
        for variant in range(model * params.precisions, (model + 1) * params.precisions):
            if state.held_from_s[lane, server, variant] < inf:
                evict(params, state, lane, server, variant)


@scalar
def tell_world(params, state, info, lane):
    """What info says of the world as the next decision finds it."""
    now_s = state.clock_s[lane]
    stored, held, landing_s = 0.0, 0.0, 0.0
    for server in range(params.servers):
        stored += state.stored_bytes[lane, server]
        held += state.held[lane, server]
        landing_s = max(landing_s, state.landing_s[lane, server] - now_s)
    row = info[lane]
    row[at.I_SERVER] = deciding_server(params, state, lane)
    row[at.I_TIME] = now_s
    row[at.I_STORED] = stored / (params.servers * params.store_limit_bytes)
    row[at.I_HELD] = held
    row[at.I_LANDING] = landing_s
