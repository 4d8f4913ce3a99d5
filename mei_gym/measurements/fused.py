"""A block's small operations as one GPU kernel each: norm, rotation with the KV write, and the gated activation.

An engine that serves a model fuses these; eager PyTorch needs about five times as long for them (costs.md, section 5).
Imported only on a machine with Triton; `blocks.py` has the same operations in plain PyTorch, and every campaign on a
GPU compares the two before it measures.
"""

# pyright: reportMissingImports=false, reportIndexIssue=false
from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _norm_kernel(x, weight, out, width, epsilon, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, BLOCK)
    inside = column < width
    value = tl.load(x + row * width + column, mask=inside, other=0.0).to(tl.float32)
    scale = 1.0 / tl.sqrt(tl.sum(value * value, axis=0) / width + epsilon)
    gain = tl.load(weight + column, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + row * width + column, (value * scale * gain).to(out.dtype.element_ty), mask=inside)


@triton.jit
def _gate_kernel(gate_up, out, width, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < width
    gate = tl.load(gate_up + row * 2 * width + column, mask=inside, other=0.0).to(tl.float32)
    up = tl.load(gate_up + row * 2 * width + width + column, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + row * width + column, (gate * tl.sigmoid(gate) * up).to(out.dtype.element_ty), mask=inside)


@triton.jit
def _rotate_kernel(
    qkv, cosine, sine, query, keys, values, first_position, position_step, key_stride, value_stride,
    HEADS: tl.constexpr, KV_HEADS: tl.constexpr, HALF: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1) * GROUP + tl.arange(0, GROUP)[:, None]
    column = tl.arange(0, HALF)[None, :]
    is_query, is_key = head < HEADS, (head >= HEADS) & (head < HEADS + KV_HEADS)
    is_value = (head >= HEADS + KV_HEADS) & (head < HEADS + 2 * KV_HEADS)
    source = qkv + row * (HEADS + 2 * KV_HEADS) * 2 * HALF + head * 2 * HALF + column
    inside = (head < HEADS + 2 * KV_HEADS) & (column < HALF)
    left = tl.load(source, mask=inside, other=0.0).to(tl.float32)
    right = tl.load(source + HALF, mask=inside, other=0.0).to(tl.float32)
    angle = (first_position + position_step * row) * HALF + column
    c, s = tl.load(cosine + angle), tl.load(sine + angle)
    rotated_left, rotated_right = left * c - right * s, right * c + left * s
    kind = query.dtype.element_ty
    place = query + row * HEADS * 2 * HALF + head * 2 * HALF + column
    tl.store(place, rotated_left.to(kind), mask=is_query & inside)
    tl.store(place + HALF, rotated_right.to(kind), mask=is_query & inside)
    place = keys + row * key_stride + (head - HEADS) * 2 * HALF + column
    tl.store(place, rotated_left.to(kind), mask=is_key & inside)
    tl.store(place + HALF, rotated_right.to(kind), mask=is_key & inside)
    place = values + row * value_stride + (head - HEADS - KV_HEADS) * 2 * HALF + column
    tl.store(place, left.to(kind), mask=is_value & inside)
    tl.store(place + HALF, right.to(kind), mask=is_value & inside)


def norm(x, weight, epsilon):
    """RMS norm of rows [m, h]."""
    out = x.new_empty(x.shape)
    block = triton.next_power_of_2(x.shape[1])
    _norm_kernel[(x.shape[0],)](x, weight, out, x.shape[1], epsilon, BLOCK=block, num_warps=8 if block > 1024 else 4)
    return out


def gated(gate_up):
    """SiLU of the left half [m, f] times the right half."""
    rows, width = gate_up.shape[0], gate_up.shape[1] // 2
    out = gate_up.new_empty((rows, width))
    _gate_kernel[(rows, triton.cdiv(width, 1024))](gate_up, out, width, BLOCK=1024, num_warps=4)
    return out


def rotate_and_store(card, qkv, rotary, first_position, position_step, keys, values):
    """Rotated queries [m, H, d]; rotated keys and plain values go to their rows [m, G, d] of the cache."""
    half, heads = card.head_size // 2, card.heads + 2 * card.kv_heads
    query = qkv.new_empty((qkv.shape[0], card.heads, card.head_size))
    _rotate_kernel[(qkv.shape[0], triton.cdiv(heads, 8))](
        qkv, rotary[0], rotary[1], query, keys, values, first_position, position_step, keys.stride(0), values.stride(0),
        HEADS=card.heads, KV_HEADS=card.kv_heads, HALF=half, GROUP=8, num_warps=4,
    )  # fmt: skip
    return query
