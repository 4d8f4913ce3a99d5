"""Computing a model's blocks: seconds of prefill, decode, head and embedding on each processor.

    R(F, B) = t0 + ((F/P)^q + (B/W)^q)^(1/q)        t = u R

    P  peak_flops   W  bandwidth_bytes_per_s   t0  launch_s   q  roofline_order   F, B  FLOPs and bytes of a pass

The utilisation u is measured at knots, where t is returned as it was measured. Between knots of a prompt's length, and
inside a cell of decoding's grid of batch and context, F, B and so R run all but linearly: t is carried linearly, so
that more work never takes less time (u interpolated over log tokens errs as much on the held-out points of seven
profiles, to 0.1 % of the median). Beyond the measured range u is held at its edge value and R carries on; a context
below the shortest measured one takes its time. A processor without knots is its roofline: u = 1.

Attention to a chunk's earlier context is a kernel of its own: it adds k (F_c/P + B_c/W), where F_c and B_c are the
FLOPs and bytes of that context alone and k, `context_share`, is fitted to chunks that were measured.

Processor 0 is the server, 1.. are the device classes. Times are of one block; a model's blocks count alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mei_gym.compiled import scalar
from mei_gym.costs.interpolation import bilinear, linear
from mei_gym.profiles.processor import Processor, processor_of


class ComputeCosts(NamedTuple):
    """What the times of this file need; the first index is the processor."""

    peak_flops: np.ndarray  # f8[processors], FLOP/s, reached
    bandwidth_bytes_per_s: np.ndarray  # f8[processors], reached
    launch_s: np.ndarray  # f8[processors]
    roofline_order: np.ndarray  # f8[processors]
    context_share: np.ndarray  # f8[processors]
    block_flops_per_token: np.ndarray  # f8[processors]: the linear layers
    block_flops_per_pair: np.ndarray  # f8[processors]: attention of one token to one other
    block_read_bytes: np.ndarray  # f8[processors]: weights, once a pass
    block_moved_bytes_per_token: np.ndarray  # f8[processors]: activations
    block_kv_bytes_per_token: np.ndarray  # f8[processors]
    head_flops_per_token: np.ndarray  # f8[processors]
    head_read_bytes: np.ndarray  # f8[processors]
    head_moved_bytes_per_token: np.ndarray  # f8[processors]
    embedding_moved_bytes_per_token: np.ndarray  # f8[processors]
    prefill_knots: np.ndarray  # i8[processors]: how many are used
    prefill_knot_tokens: np.ndarray  # f8[processors, knots]
    prefill_knot_s: np.ndarray  # f8[processors, knots]
    head_knots: np.ndarray
    head_knot_tokens: np.ndarray
    head_knot_s: np.ndarray
    embedding_knots: np.ndarray
    embedding_knot_tokens: np.ndarray
    embedding_knot_s: np.ndarray
    decode_batches: np.ndarray  # i8[processors]
    decode_contexts: np.ndarray  # i8[processors]
    decode_knot_batch: np.ndarray  # f8[processors, batches]
    decode_knot_context: np.ndarray  # f8[processors, contexts]
    decode_knot_s: np.ndarray  # f8[processors, batches, contexts]


def compute_costs(model: str, server: str, devices: Sequence[str]) -> ComputeCosts:
    """Costs of a model on a server (processor 0) and on device classes (1..), measured where a profile exists."""
    return costs_of([processor_of(slug, model) for slug in (server, *devices)])


def costs_of(processors: Sequence[Processor]) -> ComputeCosts:
    """Costs of one model on these processors."""
    card = processors[0].architecture
    per_processor = {
        "peak_flops": [p.roofline.peak_flops for p in processors],
        "bandwidth_bytes_per_s": [p.roofline.bandwidth_bytes_per_s for p in processors],
        "launch_s": [p.roofline.launch_s for p in processors],
        "roofline_order": [p.roofline.order for p in processors],
        "context_share": [p.context_share for p in processors],
        "block_flops_per_token": [2.0 * card.block_matrix_weights for _ in processors],
        "block_flops_per_pair": [4.0 * card.attention_width for _ in processors],
        "block_read_bytes": [p.read_bytes_per_weight * card.block_matrix_weights for p in processors],
        "block_moved_bytes_per_token": [p.value_bytes * card.moved_values for p in processors],
        "block_kv_bytes_per_token": [card.kv_bytes(p.value_bytes) for p in processors],
        "head_flops_per_token": [card.head_flops(1.0) for _ in processors],
        "head_read_bytes": [p.read_bytes_per_weight * card.head_weights for p in processors],
        "head_moved_bytes_per_token": [p.value_bytes * (3 * card.hidden_size + card.vocabulary) for p in processors],
        "embedding_moved_bytes_per_token": [
            card.embedding_bytes(1.0, p.value_bytes, p.value_bytes) for p in processors
        ],
    }
    arrays = {name: np.array(values, dtype=np.float64) for name, values in per_processor.items()}
    for part in ("prefill", "head", "embedding"):
        knots = [getattr(p, part) for p in processors]
        arrays[f"{part}_knots"] = np.array([len(k.tokens) for k in knots])
        arrays[f"{part}_knot_tokens"] = _padded([k.tokens for k in knots])
        arrays[f"{part}_knot_s"] = _padded([k.time_s for k in knots])
    grids = [p.decode for p in processors]
    arrays["decode_batches"] = np.array([len(g.batch) for g in grids])
    arrays["decode_contexts"] = np.array([len(g.context_tokens) for g in grids])
    arrays["decode_knot_batch"] = _padded([g.batch for g in grids])
    arrays["decode_knot_context"] = _padded([g.context_tokens for g in grids])
    arrays["decode_knot_s"] = np.full((len(grids), *_widest([g.time_s.shape for g in grids])), np.inf)
    for i, grid in enumerate(grids):
        arrays["decode_knot_s"][i, : len(grid.batch), : len(grid.context_tokens)] = grid.time_s
    return ComputeCosts(**arrays)


def _padded(rows: list[np.ndarray]) -> np.ndarray:
    """f8[processors, widest]: rows of different lengths, filled up with infinity; at least one column."""
    table = np.full((len(rows), max(1, *(len(row) for row in rows))), np.inf)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return table


def _widest(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(max(1, *(shape[axis] for shape in shapes)) for axis in range(2))


@scalar
def roofline(costs, processor, flops, moved_bytes):
    """s; R of the module's docstring."""
    compute_s = flops / costs.peak_flops[processor]
    memory_s = moved_bytes / costs.bandwidth_bytes_per_s[processor]
    longer, shorter = (compute_s, memory_s) if compute_s > memory_s else (memory_s, compute_s)
    if shorter <= 0.0:
        return costs.launch_s[processor] + longer
    order = costs.roofline_order[processor]
    return costs.launch_s[processor] + longer * (1.0 + (shorter / longer) ** order) ** (1.0 / order)


@scalar
def prefill_flops(costs, processor, tokens, context_tokens):
    """FLOPs of one block over a prompt's new tokens."""
    pairs = tokens * context_tokens + 0.5 * tokens * tokens
    return tokens * costs.block_flops_per_token[processor] + pairs * costs.block_flops_per_pair[processor]


@scalar
def prefill_bytes(costs, processor, tokens, context_tokens):
    """Bytes moved by one block over a prompt's new tokens."""
    moved = costs.block_read_bytes[processor] + tokens * costs.block_moved_bytes_per_token[processor]
    return moved + (context_tokens + tokens) * costs.block_kv_bytes_per_token[processor]


@scalar
def decode_flops(costs, processor, batch, context_tokens):
    """FLOPs of one block over one token of each request."""
    pairs = (context_tokens + 1.0) * costs.block_flops_per_pair[processor]
    return batch * (costs.block_flops_per_token[processor] + pairs)


@scalar
def decode_bytes(costs, processor, batch, context_tokens):
    """Bytes moved by one block over one token of each request."""
    cached = (context_tokens + 1.0) * costs.block_kv_bytes_per_token[processor]
    return costs.block_read_bytes[processor] + batch * (costs.block_moved_bytes_per_token[processor] + cached)


@scalar
def prefill_roofline(costs, processor, tokens, context_tokens):
    """s; the roofline of one block over a prompt's new tokens."""
    flops = prefill_flops(costs, processor, tokens, context_tokens)
    return roofline(costs, processor, flops, prefill_bytes(costs, processor, tokens, context_tokens))


@scalar
def decode_roofline(costs, processor, batch, context_tokens):
    """s; the roofline of one block over one token of each request."""
    flops = decode_flops(costs, processor, batch, context_tokens)
    return roofline(costs, processor, flops, decode_bytes(costs, processor, batch, context_tokens))


@scalar
def head_roofline(costs, processor, tokens):
    """s; the roofline of the final norm and the head over a pass's tokens."""
    moved = costs.head_read_bytes[processor] + tokens * costs.head_moved_bytes_per_token[processor]
    return roofline(costs, processor, tokens * costs.head_flops_per_token[processor], moved)


@scalar
def embedding_roofline(costs, processor, tokens):
    """s; the roofline of looking up a pass's tokens."""
    return roofline(costs, processor, 0.0, tokens * costs.embedding_moved_bytes_per_token[processor])


@scalar
def block_prefill_time(costs, processor, tokens, context_tokens):
    """s of one block over a prompt's new tokens, `context_tokens` of it already cached; below one token, its share."""
    if tokens <= 0.0:
        return 0.0
    share, tokens = min(tokens, 1.0), max(tokens, 1.0)
    count = costs.prefill_knots[processor]
    if count == 0:
        return share * prefill_roofline(costs, processor, tokens, context_tokens)
    knots = costs.prefill_knot_tokens
    inside = min(max(tokens, knots[processor, 0]), knots[processor, count - 1])
    time_s = linear(knots, costs.prefill_knot_s, processor, count, inside)
    if inside != tokens:
        held = prefill_roofline(costs, processor, tokens, 0.0) / prefill_roofline(costs, processor, inside, 0.0)
        time_s *= held
    if context_tokens > 0.0:
        compute_s = tokens * context_tokens * costs.block_flops_per_pair[processor] / costs.peak_flops[processor]
        moved = context_tokens * costs.block_kv_bytes_per_token[processor]
        time_s += costs.context_share[processor] * (compute_s + moved / costs.bandwidth_bytes_per_s[processor])
    return share * time_s


@scalar
def block_decode_time(costs, processor, batch, context_tokens):
    """s of one block over one token of each of `batch` requests at a mean context; below one request, its share."""
    if batch <= 0.0:
        return 0.0
    share, batch = min(batch, 1.0), max(batch, 1.0)
    batches, contexts = costs.decode_batches[processor], costs.decode_contexts[processor]
    if batches == 0:
        return share * decode_roofline(costs, processor, batch, context_tokens)
    knot_batch, knot_context = costs.decode_knot_batch, costs.decode_knot_context
    inside_batch = min(max(batch, knot_batch[processor, 0]), knot_batch[processor, batches - 1])
    context_tokens = max(context_tokens, knot_context[processor, 0])  # some 16 tokens: fewer cost no less to speak of
    inside_context = min(context_tokens, knot_context[processor, contexts - 1])
    inside_s = bilinear(
        knot_batch, knot_context, costs.decode_knot_s, processor, batches, contexts, inside_batch, inside_context
    )
    if inside_batch == batch and inside_context == context_tokens:
        return share * inside_s
    edge_roofline_s = decode_roofline(costs, processor, inside_batch, inside_context)
    return share * inside_s * (decode_roofline(costs, processor, batch, context_tokens) / edge_roofline_s)


@scalar
def block_mixed_time(costs, processor, chunk_tokens, chunk_context_tokens, batch, context_tokens):
    """s of one block in a pass that holds a prompt's chunk and decodes; each alone where the other is nothing.

    The linear layers see both as one longer chunk, attention sees each apart:
    t = prefill(chunk + batch) + max(0, decode(batch, context) - prefill(batch)).
    """
    decode_s = block_decode_time(costs, processor, batch, context_tokens)
    if chunk_tokens <= 0.0:
        return decode_s
    prefill_s = block_prefill_time(costs, processor, chunk_tokens + max(0.0, batch), chunk_context_tokens)
    if batch <= 0.0:
        return prefill_s
    return prefill_s + max(0.0, decode_s - block_prefill_time(costs, processor, batch, 0.0))


@scalar
def layers_prefill_time(costs, processor, first, last, tokens, context_tokens):
    """s of the blocks first..last-1 over a prompt's new tokens."""
    return (last - first) * block_prefill_time(costs, processor, tokens, context_tokens)


@scalar
def layers_decode_time(costs, processor, first, last, batch, context_tokens):
    """s of the blocks first..last-1 over one token of each request."""
    return (last - first) * block_decode_time(costs, processor, batch, context_tokens)


@scalar
def layers_mixed_time(costs, processor, first, last, chunk_tokens, chunk_context_tokens, batch, context_tokens):
    """s of the blocks first..last-1 in a pass that holds a prompt's chunk and decodes."""
    block_s = block_mixed_time(costs, processor, chunk_tokens, chunk_context_tokens, batch, context_tokens)
    return (last - first) * block_s


@scalar
def head_time(costs, processor, tokens):
    """s of the final norm and the head over the tokens that are sampled from; below one, its share."""
    if tokens <= 0.0:
        return 0.0
    share, tokens = min(tokens, 1.0), max(tokens, 1.0)
    count = costs.head_knots[processor]
    if count == 0:
        return share * head_roofline(costs, processor, tokens)
    knots = costs.head_knot_tokens
    inside = min(max(tokens, knots[processor, 0]), knots[processor, count - 1])
    time_s = linear(knots, costs.head_knot_s, processor, count, inside)
    if inside != tokens:
        time_s *= head_roofline(costs, processor, tokens) / head_roofline(costs, processor, inside)
    return share * time_s


@scalar
def embedding_time(costs, processor, tokens):
    """s of looking up a pass's tokens; below one, its share."""
    if tokens <= 0.0:
        return 0.0
    share, tokens = min(tokens, 1.0), max(tokens, 1.0)
    count = costs.embedding_knots[processor]
    if count == 0:
        return share * embedding_roofline(costs, processor, tokens)
    knots = costs.embedding_knot_tokens
    inside = min(max(tokens, knots[processor, 0]), knots[processor, count - 1])
    time_s = linear(knots, costs.embedding_knot_s, processor, count, inside)
    if inside != tokens:
        time_s *= embedding_roofline(costs, processor, tokens) / embedding_roofline(costs, processor, inside)
    return share * time_s
