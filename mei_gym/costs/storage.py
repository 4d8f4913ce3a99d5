"""A store of variants of models, each block of theirs once: what is there, what is missing, what comes and goes.

    held bytes = sum_j D_j [h_j > 0]        h_j  block_holders[j]: variants in the store that use block j

h counts users, so that a variant is added and taken out in the time of its own blocks, whatever else is held; the first
user of a block brings its bytes, the last takes them along. Bytes are a coverage function of the set: submodular.

A store is a place (lane, store) of arrays; `params` has the fields of `workload.library.LibraryParams`. The same rules
serve a server's disk and the memory of its accelerator.
"""

from __future__ import annotations

from mei_gym.compiled import scalar


@scalar
def missing_bytes(params, block_holders, lane, store, variant):
    """Bytes of the variant's blocks that the store lacks: its specific bytes, where all that is shared is there."""
    total = 0.0
    for use in range(params.variant_first_block[variant], params.variant_first_block[variant + 1]):
        block = params.variant_block[use]
        if block_holders[lane, store, block] == 0:
            total += params.block_bytes[block]
    return total


@scalar
def hold(params, block_holders, lane, store, variant):
    """Bytes by which the store grows: the variant's blocks get one more holder."""
    grown = 0.0
    for use in range(params.variant_first_block[variant], params.variant_first_block[variant + 1]):
        block = params.variant_block[use]
        if block_holders[lane, store, block] == 0:
            grown += params.block_bytes[block]
        block_holders[lane, store, block] += 1
    return grown


@scalar
def release(params, block_holders, lane, store, variant):
    """Bytes that are freed: the variant's blocks lose a holder."""
    freed = 0.0
    for use in range(params.variant_first_block[variant], params.variant_first_block[variant + 1]):
        block = params.variant_block[use]
        block_holders[lane, store, block] -= 1
        if block_holders[lane, store, block] == 0:
            freed += params.block_bytes[block]
    return freed
