"""Who answers a request, and what that brings.

    latency = reach + relay + w + load + T(n) + (a - 1) tau        worth = u(latency) W (1 - c_q loss) - prices

    reach, relay  air and round trip to the site, wires     w  wait for the prompts before it
    load  weights that the accelerator lacks                T, tau  prefill of n tokens, pace of a tokens (inference.py)
    deadline      TTFT target + (a - 1) TPOT target;  u = 1 up to it, falling with ln(latency) to 0 at `lateness` of it

Every server that holds the model whole is considered, in every precision that it has, and the cloud: the best worth
answers; where none is above 0, nobody does. An accelerator runs prompts one after the other, in the order of their
requests and as if all were equally long on their way, and answers side by side: an iteration takes in turn each group
of one base and precision, adapters together (S-LoRA). An answer keeps the pace that it found: what comes later does not
slow it down. Against the engine in which all slow each other (costs.replay), on the default scenario's requests for one
base at one server, latencies are 1.4 % short in the mean at .14 requests a second (19 of 20 within 6 %), 1.8 % (8 %) at
.3 and 3.4 % (13 %) at 1. Weights of an answer under way may make room for others unpaid: it happens to one in 200.

The ceiling is the most that a request could bring: the server of its own site, idle, with the model loaded. An
iteration alone is the fastest and one in a large batch takes the least energy for an answer; both at once are more than
any server gives. Another site's server is farther, and so is the cloud, whose price stands against an answer's energy.
"""

from __future__ import annotations

from math import inf

from mei_gym.compiled import scalar
from mei_gym.costs.inference import decode_energy, decode_time, prefill_energy, prefill_time, prompt_position
from mei_gym.costs.storage import missing_bytes
from mei_gym.costs.transfer import transfer_time
from mei_gym.costs.waiting import latency_utility
from mei_gym.envs.edge_caching import fields as at
from mei_gym.envs.edge_caching.eviction import load, note_use

CLOUD, NOBODY = -1, -2  # in place of a server
CLOUD_BATCH = 16  # answers that the cloud decodes at once; chosen: a data centre fills its batches


@scalar
def deadline(params, application, answer_tokens):
    """s for a whole answer."""
    return params.ttft_target_s[application] + (answer_tokens - 1.0) * params.tpot_target_s[application]


@scalar
def quality(params, application, base, precision):
    """In [0, 1]: what is left of an answer's worth by the loss of its precision."""
    return max(0.0, 1.0 - params.quality_weight[application] * params.quality_loss[base, precision])


@scalar
def retire_answers(state, lane, server, now_s):
    """Take answers that have ended out of a server's batch."""
    place = 0
    while place < state.running[lane, server]:
        if state.running_until_s[lane, server, place] <= now_s:
            state.group_running[lane, server, state.running_group[lane, server, place]] -= 1
            last = state.running[lane, server] - 1
            state.running_until_s[lane, server, place] = state.running_until_s[lane, server, last]
            state.running_group[lane, server, place] = state.running_group[lane, server, last]
            state.running[lane, server] = last
        else:
            place += 1


@scalar
def pace(params, state, lane, server, own_group):
    """s an iteration, with one more answer of `own_group`: each group of a base and precision in turn."""
    own = state.group_running[lane, server, own_group]
    total_s = decode_time(params, own_group // params.precisions, own_group % params.precisions, own + 1)
    if state.running[lane, server] > own:
        for group in range(params.groups):
            count = state.group_running[lane, server, group]
            if count > 0 and group != own_group:
                total_s += decode_time(params, group // params.precisions, group % params.precisions, count)
    return total_s


@scalar
def route(params, state, info, lane, site, model, application, prompt_tokens, answer_tokens, reach_s):
    """Find who answers the request, and book it; `reach_s`: air and round trip between the user and its site."""
    now_s, base = state.request_s[lane], params.model_base[model]
    worth, deadline_s = params.worth[application], deadline(params, application, answer_tokens)
    prompt_bytes = prompt_tokens * params.prompt_bytes_per_token[application]
    position = prompt_position(params, prompt_tokens)
    further = answer_tokens - 1.0

    cloud_s = reach_s + cloud_latency(params, site, base, position, further, prompt_bytes)
    brings = worth * (latency_utility(params, cloud_s, deadline_s) - params.cloud_price)
    best, best_server, best_precision, best_s = 0.0, NOBODY, 0, inf
    if brings > best:
        best, best_server, best_s = brings, CLOUD, cloud_s

    ceiling = max(0.0, brings)
    for precision in range(params.precisions):
        prompt_s = prefill_time(params, base, precision, position)
        prompt_j = prefill_energy(params, base, precision, position)
        most = worth * quality(params, application, base, precision)
        ideal_s = reach_s + prompt_s + further * params.least_decode_s[base, precision]
        ideal_j = prompt_j + further * params.least_decode_j[base, precision]
        ideal = most * latency_utility(params, ideal_s, deadline_s) - params.energy_price_per_j * ideal_j
        ceiling = max(ceiling, ideal)
        for turn in range(params.servers):
            server = (site + turn) % params.servers  # the user's own first: it is mostly the best
            relayed = params.relay_price * worth if turn > 0 else 0.0
            if ideal - relayed <= best:
                break
            if state.held_from_s[lane, server, model * params.precisions + precision] > now_s:
                continue
            retire_answers(state, lane, server, now_s)
            if state.running[lane, server] >= params.answers_at_once:
                continue
            latency_s = reach_s + edge_latency(
                params, state, lane, server, site, model, precision, prompt_s, further, prompt_bytes
            )
            token_j = token_energy(params, state, lane, server, base, precision)
            brings = most * latency_utility(params, latency_s, deadline_s) - relayed
            brings -= params.energy_price_per_j * (prompt_j + further * token_j)
            if brings > best:
                best, best_server, best_precision, best_s = brings, server, precision, latency_s
    info[lane, at.I_CEILING] += ceiling

    remember(params, state, lane, site, model, best_server, best_s <= deadline_s)
    count(params, info, lane, application, best_server, best_s, deadline_s)
    if best_server >= 0:
        book(
            params, state, info, lane, site, model, application, best_server, best_precision, position, further,
            best_s, deadline_s,
        )  # fmt: skip


@scalar
def cloud_latency(params, site, base, position, further, prompt_bytes):
    """s from the site on, of an answer from the cloud, which has everything in the most bits and is never full."""
    cloud = params.servers
    relay_s = 2.0 * params.backhaul_latency_s[site, cloud] + transfer_time(
        prompt_bytes, params.backhaul_rate_bps[site, cloud]
    )
    return relay_s + prefill_time(params, base, 0, position) + further * decode_time(params, base, 0, CLOUD_BATCH)


@scalar
def edge_latency(params, state, lane, server, site, model, precision, prompt_s, further, prompt_bytes):
    """s from the site on, of an answer from a server that holds the variant."""
    base, variant = params.model_base[model], model * params.precisions + precision
    relay_s = 0.0
    if server != site:
        relay_s = 2.0 * params.backhaul_latency_s[site, server] + transfer_time(
            prompt_bytes, params.backhaul_rate_bps[site, server]
        )
    load_s = 0.0
    if state.loaded_used_s[lane, server, variant] < 0.0:
        load_s = missing_bytes(params, state.loaded_holders, lane, server, variant) / params.load_bytes_per_s
    wait_s = max(0.0, state.server_free_s[lane, server] - state.request_s[lane])
    pace_s = pace(params, state, lane, server, base * params.precisions + precision)
    return relay_s + wait_s + load_s + prompt_s + further * pace_s


@scalar
def token_energy(params, state, lane, server, base, precision):
    """J of a token in the group that an answer would join."""
    batch = state.group_running[lane, server, base * params.precisions + precision] + 1
    return decode_energy(params, base, precision, batch)


@scalar
def count(params, info, lane, application, server, latency_s, deadline_s):
    """Count a request by who answers it."""
    row = info[lane]
    row[at.I_REQUESTS] += 1.0
    if server == NOBODY:
        row[at.I_LOST] += 1.0
        return
    row[at.I_LATENCY] += latency_s
    if latency_s > deadline_s:
        row[at.I_LATE] += 1.0
    if server == CLOUD:
        worth = params.worth[application]
        row[at.I_CLOUD] += 1.0
        row[at.I_ANSWERS] += worth * latency_utility(params, latency_s, deadline_s)
        row[at.I_PRICE] -= worth * params.cloud_price


@scalar
def book(
    params, state, info, lane, site, model, application, server, precision, position, further, latency_s, deadline_s
):
    """Pay for an answer at the edge, and take the time and the room that it needs at its server."""
    row, now_s = info[lane], state.request_s[lane]
    base, worth = params.model_base[model], params.worth[application]
    variant, group = model * params.precisions + precision, base * params.precisions + precision
    row[at.I_HITS] += 1.0 if latency_s <= deadline_s else 0.0
    row[at.I_LOCAL if server == site else at.I_RELAYED] += 1.0
    row[at.I_ANSWERS] += (
        worth * latency_utility(params, latency_s, deadline_s) * quality(params, application, base, precision)
    )
    if server != site:
        row[at.I_PRICE] -= worth * params.relay_price
    row[at.I_QUALITY] += params.quality_loss[base, precision]
    prompt_j = prefill_energy(params, base, precision, position)
    energy_j = prompt_j + further * token_energy(params, state, lane, server, base, precision)
    row[at.I_ENERGY] += energy_j
    row[at.I_ENERGY_COST] -= params.energy_price_per_j * energy_j

    load_s = load(params, state, lane, server, variant, now_s)
    note_use(params, state, lane, server, variant, now_s)
    row[at.I_LOAD] += load_s
    prompt_s = prefill_time(params, base, precision, position)
    state.server_free_s[lane, server] = max(now_s, state.server_free_s[lane, server]) + load_s + prompt_s
    place = state.running[lane, server]
    state.running_until_s[lane, server, place] = now_s + latency_s
    state.running_group[lane, server, place] = group
    state.group_running[lane, server, group] += 1
    state.running[lane, server] = place + 1


@scalar
def remember(params, state, lane, site, model, server, in_time):
    """What the user's site learns of the request."""
    state.asked[lane, site, model] += 1.0
    state.asked_all[lane, model] += 1.0
    state.asked_s[lane, site, model] = state.request_s[lane]
    state.site_asked[lane, site] += 1.0
    if server < 0:
        state.missed[lane, site, model] += 1.0
        state.site_cloud[lane, site] += 1.0 if server == CLOUD else 0.0
    elif in_time:
        if server == site:
            state.site_hits[lane, site] += 1.0
        else:
            state.site_relayed[lane, site] += 1.0
