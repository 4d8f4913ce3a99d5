"""Who answers a request, and what that brings.

    latency = l_up + w + q + load + T(n) + (a - 1) tau + l_down       worth = u(latency) W (1 - c_q loss) - prices

    l_up, l_down  air and wires     w  wait for the prompts before it     load  weights that the accelerator lacks
    T, tau        prefill of the n prompt tokens, pace of the a answer tokens (costs/inference.py)
    deadline      TTFT target + (a - 1) TPOT target;  u = 1 up to it, falling with ln(latency) to 0 at `lateness` of them

Every server that holds the model whole is asked, in every precision that it has, and the cloud: the best worth answers;
where none is above 0, nobody does. An accelerator runs prompts one after the other, and answers side by side: an
iteration takes in turn each group of one base and precision, adapters together (S-LoRA). An answer keeps the pace that it
found, so what comes later does not slow it down: at the loads of these scenarios, a few answers at once, that errs by
some per cent (tests).
"""

from __future__ import annotations

from math import inf, log

from mei_gym.compiled import scalar
from mei_gym.costs.inference import decode_energy, decode_time, prefill_energy, prefill_time
from mei_gym.costs.storage import missing_bytes
from mei_gym.costs.transfer import transfer_time
from mei_gym.envs.edge_caching import fields as at
from mei_gym.envs.edge_caching.eviction import load, note_use

CLOUD, NOBODY = -1, -2  # in place of a server


@scalar
def utility(params, latency_s, deadline_s):
    """In [0, 1]: 1 up to the deadline, then falling with the logarithm to 0 at `lateness` of them (ITU-T G.1030)."""
    if latency_s <= deadline_s:
        return 1.0
    return max(0.0, 1.0 - log(latency_s / deadline_s) / log(params.lateness))


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
    total_s = decode_time(
        params, own_group // params.precisions, own_group % params.precisions,
        state.group_running[lane, server, own_group] + 1.0,
    )  # fmt: skip
    if state.running[lane, server] > 0:
        for group in range(params.groups):
            count = state.group_running[lane, server, group]
            if count > 0 and group != own_group:
                total_s += decode_time(params, group // params.precisions, group % params.precisions, float(count))
    return total_s


@scalar
def route(params, state, info, lane, site, model, application, prompt_tokens, answer_tokens, air_s, way_s):
    """Find who answers the request, and book it.

    `air_s` is the time of prompt and answer on the air, `way_s` of a round trip between the user and its site.
    """
    now_s, base = state.request_s[lane], params.model_base[model]
    worth, deadline_s = params.worth[application], deadline(params, application, answer_tokens)
    prompt_bytes = prompt_tokens * params.prompt_bytes_per_token[application]
    best, best_server, best_precision, best_latency_s = 0.0, NOBODY, 0, inf

    cloud = params.servers
    relay_s = 2.0 * params.backhaul_latency_s[site, cloud] + transfer_time(
        prompt_bytes, params.backhaul_rate_bps[site, cloud]
    )
    latency_s = (
        air_s + way_s + relay_s
        + prefill_time(params, base, 0, prompt_tokens)
        + (answer_tokens - 1.0) * decode_time(params, base, 0, params.cloud_batch)
    )  # fmt: skip
    brings = worth * (utility(params, latency_s, deadline_s) - params.cloud_price)
    if brings > best:
        best, best_server, best_latency_s = brings, CLOUD, latency_s

    for server in range(params.servers):
        retired = False
        for precision in range(params.precisions):
            variant = model * params.precisions + precision
            if state.held_from_s[lane, server, variant] > now_s:
                continue
            if not retired:
                retire_answers(state, lane, server, now_s)
                retired = True
            if state.running[lane, server] >= params.answers_at_once:
                break
            latency_s = edge_latency(
                params, state, lane, server, site, variant, prompt_tokens, answer_tokens, prompt_bytes,
                air_s, way_s, now_s,
            )  # fmt: skip
            brings = worth * utility(params, latency_s, deadline_s) * quality(params, application, base, precision)
            if server != site:
                brings -= worth * params.relay_price
            brings -= params.energy_price_per_j * answer_energy(
                params, state, lane, server, base, precision, prompt_tokens, answer_tokens
            )
            if brings > best:
                best, best_server, best_precision, best_latency_s = brings, server, precision, latency_s

    remember(params, state, lane, site, model, best_server, best_latency_s <= deadline_s)
    count_ceiling(params, info, lane, base, application, prompt_tokens, answer_tokens, air_s + way_s, deadline_s)
    book(
        params, state, info, lane, site, model, application, prompt_tokens, answer_tokens, deadline_s,
        best_server, best_precision, best_latency_s,
    )  # fmt: skip


@scalar
def edge_latency(
    params, state, lane, server, site, variant, prompt_tokens, answer_tokens, prompt_bytes, air_s, way_s, now_s
):
    """s until the last token is at the user, from a server that holds the variant."""
    base, precision = params.model_base[variant // params.precisions], variant % params.precisions
    reach_s = air_s + way_s
    if server != site:
        reach_s += 2.0 * params.backhaul_latency_s[site, server] + transfer_time(
            prompt_bytes, params.backhaul_rate_bps[site, server]
        )
    load_s = 0.0
    if state.loaded_used_s[lane, server, variant] < 0.0:
        load_s = missing_bytes(params, state.loaded_holders, lane, server, variant) / params.load_bytes_per_s
    wait_s = max(0.0, state.server_free_s[lane, server] - now_s - reach_s)
    group = base * params.precisions + precision
    prompt_s = prefill_time(params, base, precision, prompt_tokens)
    return reach_s + wait_s + load_s + prompt_s + (answer_tokens - 1.0) * pace(params, state, lane, server, group)


@scalar
def answer_energy(params, state, lane, server, base, precision, prompt_tokens, answer_tokens):
    """J of a prompt and its answer, the iterations' energy shared with the group that it joins."""
    batch = state.group_running[lane, server, base * params.precisions + precision] + 1.0
    token_j = decode_energy(params, base, precision, batch)
    return prefill_energy(params, base, precision, prompt_tokens) + (answer_tokens - 1.0) * token_j


@scalar
def book(
    params, state, info, lane, site, model, application, prompt_tokens, answer_tokens, deadline_s, server, precision,
    latency_s,
):  # fmt: skip
    """Count the answer, and take the time and the room that it needs at its server."""
    row, now_s = info[lane], state.request_s[lane]
    base, worth = params.model_base[model], params.worth[application]
    row[at.I_REQUESTS] += 1.0
    if server == NOBODY:
        row[at.I_LOST] += 1.0
        return
    in_time = latency_s <= deadline_s
    row[at.I_LATENCY] += latency_s
    if not in_time:
        row[at.I_LATE] += 1.0
    if server == CLOUD:
        row[at.I_CLOUD] += 1.0
        row[at.I_ANSWERS] += worth * utility(params, latency_s, deadline_s)
        row[at.I_PRICE] -= worth * params.cloud_price
        return
    row[at.I_HITS] += 1.0 if in_time else 0.0
    row[at.I_LOCAL if server == site else at.I_RELAYED] += 1.0
    row[at.I_ANSWERS] += worth * utility(params, latency_s, deadline_s) * quality(params, application, base, precision)
    if server != site:
        row[at.I_PRICE] -= worth * params.relay_price
    row[at.I_QUALITY] += params.quality_loss[base, precision]
    energy_j = answer_energy(params, state, lane, server, base, precision, prompt_tokens, answer_tokens)
    row[at.I_ENERGY] += energy_j
    row[at.I_ENERGY_COST] -= params.energy_price_per_j * energy_j

    variant, group = model * params.precisions + precision, base * params.precisions + precision
    load_s = load(params, state, lane, server, variant, now_s)
    note_use(params, state, lane, server, variant, now_s)
    row[at.I_LOAD] += load_s
    ends_s = now_s + latency_s
    state.server_free_s[lane, server] = (
        max(now_s, state.server_free_s[lane, server]) + load_s + prefill_time(params, base, precision, prompt_tokens)
    )
    place = state.running[lane, server]
    state.running_until_s[lane, server, place] = ends_s
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


@scalar
def count_ceiling(params, info, lane, base, application, prompt_tokens, answer_tokens, reach_s, deadline_s):
    """The most that the request could bring: its own site's server idle, with the model loaded in every precision.

    An iteration alone is the fastest, and one in the largest batch takes the least energy for an answer: both at once
    are more than any server gives. The cloud is farther and dearer, another site's server farther.
    """
    most = 0.0
    for precision in range(params.precisions):
        prompt_s, prompt_j = (
            prefill_time(params, base, precision, prompt_tokens),
            prefill_energy(params, base, precision, prompt_tokens),
        )
        latency_s = reach_s + prompt_s + (answer_tokens - 1.0) * params.least_decode_s[base, precision]
        energy_j = prompt_j + (answer_tokens - 1.0) * params.least_decode_j[base, precision]
        brings = params.worth[application] * utility(params, latency_s, deadline_s)
        brings = brings * quality(params, application, base, precision) - params.energy_price_per_j * energy_j
        most = max(most, brings)
    cloud_s = (
        reach_s + prefill_time(params, base, 0, prompt_tokens)
        + (answer_tokens - 1.0) * decode_time(params, base, 0, params.cloud_batch)
    )  # fmt: skip
    from_cloud = params.worth[application] * (utility(params, cloud_s, deadline_s) - params.cloud_price)
    info[lane, at.I_CEILING] += max(most, from_cloud)
