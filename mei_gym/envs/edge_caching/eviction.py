"""What leaves a store when room is needed.

    value           the block of the least demand a byte, sum of m_v over the held variants v that use it / D_j, and
                    those variants with it; m_v: remembered requests for v's model, 0 where it is held in more bits
    lru             the variant that answered least lately
    lfu             the variant that answered least often since it was decided for, the decision counted as one
    greedy_dual     the variant of the least H = L + uses / bytes; L rises to the H of what left (GDS with frequency,
                    Cao and Irani 1997, Cherkasova 1998)
    chosen          the models of the action's row first, then as `value`

The incoming variant's blocks are in the store before anything leaves: what it shares with those that leave stays, and
is no victim of `value`.
"""

from __future__ import annotations

from math import inf

from mei_gym.compiled import scalar
from mei_gym.costs.storage import hold, release

VALUE, LRU, LFU, GREEDY_DUAL, CHOSEN = 0, 1, 2, 3, 4
#: As a scenario file calls them.
EVICTIONS = {"value": VALUE, "lru": LRU, "lfu": LFU, "greedy_dual": GREEDY_DUAL, "chosen": CHOSEN}

GIGABYTE = 1e9  # bytes that a use is set against in greedy_dual, so that numbers stay near 1


@scalar
def make_room(params, state, lane, server, variant):
    """A count: variants that left until the incoming one fits, whose blocks are held; what never could is refused."""
    evicted = 0
    while state.stored_bytes[lane, server] > params.store_limit_bytes:
        if params.eviction == VALUE or params.eviction == CHOSEN:
            evicted += evict_block(params, state, lane, server, variant)
        else:
            evicted += evict_variant(params, state, lane, server)
    return evicted


@scalar
def evict(params, state, lane, server, variant):
    """Take a held variant out of the store, and out of the accelerator."""
    state.stored_bytes[lane, server] -= release(params, state.block_holders, lane, server, variant)
    state.held_from_s[lane, server, variant] = inf
    state.held[lane, server] -= 1
    model = variant // params.precisions
    state.held_bits[lane, server, model] = 0.0
    for precision in range(params.precisions - 1, -1, -1):
        if state.held_from_s[lane, server, model * params.precisions + precision] < inf:
            state.held_bits[lane, server, model] = params.library_bits[precision]
    unload(params, state, lane, server, variant)


@scalar
def unload(params, state, lane, server, variant):
    """Take a variant out of the accelerator, if it is there."""
    if state.loaded_used_s[lane, server, variant] >= 0.0:
        state.loaded_used_s[lane, server, variant] = -1.0
        state.loaded_bytes[lane, server] -= release(params, state.loaded_holders, lane, server, variant)


@scalar
def load(params, state, lane, server, variant, now_s):
    """s: bring a variant's missing blocks into the accelerator; those that answered least lately make room."""
    if state.loaded_used_s[lane, server, variant] >= 0.0:
        state.loaded_used_s[lane, server, variant] = now_s
        return 0.0
    lacking = hold(params, state.loaded_holders, lane, server, variant)  # first: what it shares with others stays
    state.loaded_bytes[lane, server] += lacking
    while state.loaded_bytes[lane, server] > params.accelerator_limit_bytes:
        oldest, oldest_s = -1, inf
        for other in range(params.variants):
            used_s = state.loaded_used_s[lane, server, other]
            if 0.0 <= used_s < oldest_s:
                oldest, oldest_s = other, used_s
        unload(params, state, lane, server, oldest)
    state.loaded_used_s[lane, server, variant] = now_s
    return lacking / params.load_bytes_per_s


@scalar
def evict_variant(params, state, lane, server):
    """A count, 1: the least variant by the rule's score leaves."""
    victim, least = -1, inf
    for variant in range(params.variants):
        if state.held_from_s[lane, server, variant] == inf:
            continue
        score = state.used_s[lane, server, variant]
        if params.eviction == LFU:
            score = state.uses[lane, server, variant]
        elif params.eviction == GREEDY_DUAL:
            score = state.priority[lane, server, variant]
        if victim < 0 or score < least:
            victim, least = variant, score
    if params.eviction == GREEDY_DUAL:
        state.inflation[lane, server] = least
    evict(params, state, lane, server, victim)
    return 1


@scalar
def evict_block(params, state, lane, server, incoming):
    """A count of variants that leave: those that use the block of the least demand a byte."""
    count_demand(params, state, lane, server)
    for use in range(params.variant_first_block[incoming], params.variant_first_block[incoming + 1]):
        state.block_demand[lane, params.variant_block[use]] = inf
    victim, least = -1, inf
    for block in range(params.blocks):
        if state.block_holders[lane, server, block] > 0:
            worth = state.block_demand[lane, block] / params.block_bytes[block]
            if worth < least:
                victim, least = block, worth
    evicted = 0
    for variant in range(params.variants):
        if state.held_from_s[lane, server, variant] < inf and uses_block(params, variant, victim):
            evict(params, state, lane, server, variant)
            evicted += 1
    return evicted


@scalar
def count_demand(params, state, lane, server):
    """Add up, block by block, the remembered requests for the held variants that use it."""
    for block in range(params.blocks):
        state.block_demand[lane, block] = 0.0
    for model in range(params.models):
        demand = state.asked[lane, server, model]
        for variant in range(model * params.precisions, (model + 1) * params.precisions):
            if state.held_from_s[lane, server, variant] < inf:
                for use in range(params.variant_first_block[variant], params.variant_first_block[variant + 1]):
                    state.block_demand[lane, params.variant_block[use]] += demand
                demand = 0.0  # fewer bits of what is there in more are asked for by nobody


@scalar
def uses_block(params, variant, block):
    """Whether a variant has a block."""
    for use in range(params.variant_first_block[variant], params.variant_first_block[variant + 1]):
        if params.variant_block[use] == block:
            return True
    return False


@scalar
def note_use(params, state, lane, server, variant, now_s):
    """What the rules remember of an answer, or of the decision for a variant."""
    state.used_s[lane, server, variant] = now_s
    state.uses[lane, server, variant] += 1.0
    state.priority[lane, server, variant] = (
        state.inflation[lane, server] + state.uses[lane, server, variant] * GIGABYTE / params.variant_bytes[variant]
    )
