"""Fetching a variant: its missing blocks are booked on the wires, room is made, and it serves when all have arrived.

A block comes from another server that has it whole, over the pipe that is free the soonest, else from the cloud. A pipe
carries one block after the other, in the order of the decisions: what is fetched later waits. Prompts and answers that
are relayed pass by these transfers: they have priority and are small.
"""

from __future__ import annotations

from math import inf

from mei_gym.compiled import scalar
from mei_gym.costs.storage import hold
from mei_gym.costs.transfer import transfer_time
from mei_gym.envs.edge_caching import fields as at
from mei_gym.envs.edge_caching.eviction import CHOSEN, evict, make_room, note_use
from mei_gym.network.backhaul import FROM_CLOUD


@scalar
def fits(params, variant):
    """Whether a server could ever hold a variant and run it."""
    return params.variant_bytes[variant] <= min(params.store_limit_bytes, params.accelerator_limit_bytes)


@scalar
def may_fetch(params, state, lane, server, variant):
    """Whether a variant can be fetched: not held, small enough, and the cloud's pipe not promised beyond an epoch."""
    if state.held_from_s[lane, server, variant] < inf:
        return False
    if not fits(params, variant):
        return False
    return state.pipe_free_s[lane, FROM_CLOUD] - state.clock_s[lane] <= params.epoch_s


@scalar
def fetch(params, state, info, lane, server, variant, victim_model):
    """Book the wires, make room, and pay for the bytes."""
    row, now_s = info[lane], state.clock_s[lane]
    whole_s = now_s
    for use in range(params.variant_first_block[variant], params.variant_first_block[variant + 1]):
        block = params.variant_block[use]
        if state.block_holders[lane, server, block] == 0:
            book_block(params, state, info, lane, server, block)
        whole_s = max(whole_s, state.block_from_s[lane, server, block])
    state.stored_bytes[lane, server] += hold(params, state.block_holders, lane, server, variant)
    if params.eviction == CHOSEN and victim_model >= 0:
        for victim in range(victim_model * params.precisions, (victim_model + 1) * params.precisions):
            if state.held_from_s[lane, server, victim] < inf:
                evict(params, state, lane, server, victim)
                row[at.I_EVICTED] += 1.0
    row[at.I_EVICTED] += make_room(params, state, lane, server, variant)
    state.held_from_s[lane, server, variant] = whole_s
    state.held[lane, server] += 1
    model, bits = variant // params.precisions, params.library_bits[variant % params.precisions]
    state.held_bits[lane, server, model] = max(bits, state.held_bits[lane, server, model])
    state.landing_s[lane, server] = max(whole_s, state.landing_s[lane, server])
    state.uses[lane, server, variant] = 0.0
    note_use(params, state, lane, server, variant, now_s)
    row[at.I_FETCH_MODEL], row[at.I_FETCH_BITS] = model, bits
    row[at.I_BACKHAUL] = -(
        params.backhaul_price_per_byte * row[at.I_CLOUD_BYTES] + params.edge_price_per_byte * row[at.I_EDGE_BYTES]
    )


@scalar
def book_block(params, state, info, lane, server, block):
    """Send a block on its way from where it is to be had."""
    now_s, cloud = state.clock_s[lane], params.servers
    source, free_s = cloud, inf
    for other in range(params.servers):
        if state.block_holders[lane, other, block] > 0 and state.block_from_s[lane, other, block] <= now_s:
            other_s = state.pipe_free_s[lane, params.backhaul_pipe[other, server]]
            if other_s < free_s:
                source, free_s = other, other_s
    pipe = params.backhaul_pipe[source, server]
    size_bytes = params.block_bytes[block]
    sent_s = max(now_s, state.pipe_free_s[lane, pipe]) + transfer_time(
        size_bytes, params.backhaul_rate_bps[source, server]
    )
    state.pipe_free_s[lane, pipe] = sent_s
    state.block_from_s[lane, server, block] = sent_s + params.backhaul_latency_s[source, server]
    info[lane, at.I_CLOUD_BYTES if source == cloud else at.I_EDGE_BYTES] += size_bytes
