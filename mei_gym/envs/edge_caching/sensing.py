"""What a deciding server knows: its store and its accelerator, the wires, and the models in the order of popularity.

Rows are the models that were asked for most, at its site and, in the mean, at all: so that an action means the same
whatever the library calls its models.
"""

from __future__ import annotations

from math import inf

from mei_gym.compiled import scalar
from mei_gym.costs.storage import missing_bytes
from mei_gym.envs.edge_caching import fields as at
from mei_gym.envs.edge_caching.eviction import CHOSEN
from mei_gym.envs.edge_caching.fetching import fits, may_fetch
from mei_gym.envs.edge_caching.routing import retire_answers
from mei_gym.envs.task import shown
from mei_gym.network.backhaul import FROM_CLOUD


@scalar
def deciding_server(params, state, lane):
    """The server whose turn it is."""
    return state.decision[lane] % params.servers


@scalar
def sense(params, state, lane):
    """Write what the next decision is made on."""
    server = deciding_server(params, state, lane)
    order_models(params, state, lane, server)
    sense_server(params, state, lane, server)
    for row in range(params.rows):
        sense_row(params, state, lane, server, row)


@scalar
def order_models(params, state, lane, server):
    """The most popular models, by what is remembered at the site and the mean over sites; of equals the first."""
    rows = params.rows
    for row in range(rows):
        state.shown_model[lane, row] = -1
        state.shown_key[lane, row] = -1.0
    for model in range(params.models):
        key = state.asked[lane, server, model] + state.asked_all[lane, model] / params.servers
        if key <= state.shown_key[lane, rows - 1]:
            continue
        row = rows - 1
        while row > 0 and state.shown_key[lane, row - 1] < key:
            state.shown_key[lane, row] = state.shown_key[lane, row - 1]
            state.shown_model[lane, row] = state.shown_model[lane, row - 1]
            row -= 1
        state.shown_key[lane, row] = key
        state.shown_model[lane, row] = model


@scalar
def sense_server(params, state, lane, server):
    """The fields of the deciding server."""
    sensed, now_s = state.sensed[lane], state.clock_s[lane]
    others = 0.0
    for other in range(params.servers):
        retire_answers(state, lane, other, now_s)
        if other != server:
            others += state.running[lane, other]
    here = 0.0
    for user in range(params.users):
        if params.site_air[state.user_site[lane, user]] == server:
            here += 1.0
    asked = state.site_asked[lane, server]
    network = 0.0
    for site in range(params.servers):
        network += state.site_asked[lane, site]
    per_request = 1.0 / asked if asked > 0.0 else 0.0
    sensed[at.FREE] = 1.0 - state.stored_bytes[lane, server] / params.store_limit_bytes
    sensed[at.STORE] = params.store_limit_bytes
    sensed[at.LOADED] = state.loaded_bytes[lane, server] / params.accelerator_limit_bytes
    sensed[at.LANDING] = max(0.0, state.landing_s[lane, server] - now_s)
    sensed[at.PIPE_WAIT] = max(0.0, state.pipe_free_s[lane, FROM_CLOUD] - now_s)
    sensed[at.SITE_RATE] = asked / params.memory_s
    sensed[at.NETWORK_RATE] = network / params.memory_s
    sensed[at.RUNNING] = state.running[lane, server]
    sensed[at.RUNNING_ELSEWHERE] = others / max(1, params.servers - 1)
    sensed[at.PROMPT_WAIT] = max(0.0, state.server_free_s[lane, server] - now_s)
    sensed[at.HITS_HERE] = state.site_hits[lane, server] * per_request
    sensed[at.HITS_ELSEWHERE] = state.site_relayed[lane, server] * per_request
    sensed[at.TO_CLOUD] = state.site_cloud[lane, server] * per_request
    sensed[at.USERS_HERE] = here / params.users
    sensed[at.HELD] = state.held[lane, server]
    sensed[at.DAY] = now_s / params.day_s - now_s // params.day_s


@scalar
def sense_row(params, state, lane, server, row):
    """The fields of one row of models."""
    sensed, now_s = state.sensed[lane], state.clock_s[lane]
    model, first = state.shown_model[lane, row], at.ROWS + row * at.ROW_WIDTH
    asked = state.site_asked[lane, server]
    per_request = 1.0 / asked if asked > 0.0 else 0.0
    total = sensed[at.NETWORK_RATE] * params.memory_s
    sensed[first + at.HERE] = state.asked[lane, server, model] * per_request
    sensed[first + at.MISSED] = state.missed[lane, server, model] * per_request
    sensed[first + at.ALL] = state.asked_all[lane, model] / total if total > 0.0 else 0.0
    sensed[first + at.UNASKED] = now_s - state.asked_s[lane, server, model]
    sensed[first + at.BITS_HERE] = state.held_bits[lane, server, model]
    elsewhere = 0.0
    for other in range(params.servers):
        if other != server:
            elsewhere = max(elsewhere, state.held_bits[lane, other, model])
    sensed[first + at.BITS_ELSEWHERE] = elsewhere
    for precision in range(params.precisions):
        variant = model * params.precisions + precision
        lacking = missing_bytes(params, state.block_holders, lane, server, variant)
        sensed[first + at.MISSING + precision] = lacking if fits(params, variant) else inf


@scalar
def observe(params, state, lane, row):
    """Show what was sensed, on [0, 1]; rows without a model are 0."""
    for field in range(at.ROWS + params.rows * at.ROW_WIDTH):
        row[field] = shown(params, field, state.sensed[lane, field])


@scalar
def mask(params, state, lane, row):
    """What is feasible: nothing, and what the deciding server may fetch; a victim where the scenario has one chosen."""
    server = deciding_server(params, state, lane)
    victims = 1 + params.rows if params.eviction == CHOSEN else 1
    for choice in range(params.precisions * victims):
        row[choice] = choice == 0
    for shown_row in range(params.rows):
        model = state.shown_model[lane, shown_row]
        for precision in range(params.precisions):
            possible = may_fetch(params, state, lane, server, model * params.precisions + precision)
            choice = ((1 + shown_row) * params.precisions + precision) * victims
            row[choice] = possible
            for victim in range(1, victims):
                other = state.shown_model[lane, victim - 1]
                row[choice + victim] = possible and state.held_bits[lane, server, other] > 0.0
