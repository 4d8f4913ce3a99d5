"""Activations rounded to 8 bits a token, and the product brought back, as one GPU kernel each; as `fused`.

    q = round(x / s)        s = max |x| / 127 over a token's values        y = (q W^T) s t

Plain PyTorch takes eight kernels for them, which an engine that serves 8 bits does not; `quantised` has the plain ones.
"""

# pyright: reportMissingImports=false, reportIndexIssue=false
from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _round_kernel(x, rounded, step, rows, width, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, BLOCK)
    inside = column < width
    value = tl.load(x + row * width + column, mask=inside & (row < rows), other=0.0).to(tl.float32)
    size = tl.maximum(tl.max(tl.abs(value), axis=0) / 127.0, 1e-12)
    tl.store(rounded + row * width + column, tl.floor(value / size + 0.5).to(tl.int8), mask=inside)
    tl.store(step + row, size)


@triton.jit
def _scale_kernel(whole, step, scales, out, width, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < width
    value = tl.load(whole + row * width + column, mask=inside, other=0).to(tl.float32)
    scale = tl.load(scales + column, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + row * width + column, (value * tl.load(step + row) * scale).to(out.dtype.element_ty), mask=inside)


def rounded_rows(x, padded):
    """Integers [padded, inputs], zero beyond x's rows, and each row's step [padded]."""
    import torch

    rows, width = x.shape
    rounded = x.new_empty((padded, width), dtype=torch.int8)
    step = x.new_empty(padded, dtype=torch.float32)
    block = triton.next_power_of_2(width)
    _round_kernel[(padded,)](x, rounded, step, rows, width, BLOCK=block, num_warps=8 if block > 1024 else 4)
    return rounded, step


def scaled_rows(whole, step, scales, x):
    """`whole` [padded, outputs] times steps and scales, of x's rows and type."""
    rows, width = x.shape[0], whole.shape[1]
    out = x.new_empty((rows, width))
    _scale_kernel[(rows, triton.cdiv(width, 1024))](whole, step, scales, out, width, BLOCK=1024, num_warps=4)
    return out
