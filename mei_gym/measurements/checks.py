"""Is the block right? What must hold on this device before its times mean anything.

continuation   prefill of T tokens then a decode of one = prefill of T + 1, at the last position
control        ... and it must not, when the cache is emptied in between
chunked        prefill of T/2 then a chunk of T/2 with that context = prefill of T
reference      the block in the measured dtype and kernels = the plain block in float32
mixed          a chunk and decodes in one pass = each of them alone
"""

from __future__ import annotations

from typing import Any

from mei_gym.architectures import Architecture
from mei_gym.measurements.blocks import (
    BlockWeights,
    Cache,
    Kernels,
    Work,
    block_pass,
    empty_cache,
    plain_kernels,
    rotary_tables,
)

TOLERANCE = 5e-2  # bf16 (llm.md, section 8); float32 lies far below
TOKENS = 48


def block_errors(card: Architecture, weights: BlockWeights, kernels: Kernels, tokens: int = TOKENS) -> dict[str, float]:
    """Relative errors of what the block adds to its input, by the names above; `control` must be large."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    device, dtype = weights.qkv.device, weights.qkv.dtype
    generator = torch.Generator(device=device).manual_seed(1)
    x = 0.1 * torch.randn(tokens + 1, card.hidden_size, generator=generator, device=device, dtype=dtype)
    rotary = rotary_tables(card, tokens + 1, device)

    def cache() -> Cache:
        return empty_cache(card, 1, tokens + 1, dtype, device)

    def prefill(rows: Any, into: Cache, context: int = 0) -> Any:
        return block_pass(card, weights, rows.clone(), Work(len(rows), context), into, None, rotary, kernels)

    def decode(row: Any, from_cache: Cache) -> Any:
        return block_pass(card, weights, row.clone(), Work(0, 0, 1, tokens), None, from_cache, rotary, kernels)

    whole = prefill(x, cache())
    kept, emptied = cache(), cache()
    first = prefill(x[:tokens], kept)
    continued = decode(x[tokens:], kept)
    forgotten = decode(x[tokens:], emptied)
    half = cache()
    prefill(x[: tokens // 2], half)
    second = prefill(x[tokens // 2 : tokens], half, tokens // 2)
    both, beside = cache(), cache()
    prefill(x[:tokens], beside)
    work = Work(tokens, 0, 1, tokens)
    together = block_pass(card, weights, torch.cat((x[:tokens], x[tokens:])), work, both, beside, rotary, kernels)
    exact = BlockWeights._make(None if part is None else part.float() for part in weights)
    room = empty_cache(card, 1, tokens + 1, torch.float32, device)
    with sdpa_kernel(SDPBackend.MATH):
        reference = block_pass(card, exact, x.float().clone(), Work(tokens + 1), room, None, rotary, plain_kernels())
    return {
        "continuation": _error(continued, whole[tokens:], x[tokens:]),
        "control": _error(forgotten, whole[tokens:], x[tokens:]),
        "chunked": _error(second, first[tokens // 2 :], x[tokens // 2 : tokens]),
        "reference": _error(whole, reference, x),
        "mixed": _error(together, torch.cat((first, continued)), x),
    }


def refuse_wrong(errors: dict[str, float]) -> None:
    """Stop a campaign whose block is wrong."""
    for name, error in errors.items():
        if name == "control" and not error > TOLERANCE:
            raise RuntimeError(f"a decode from an emptied cache differs by {error:.2g} only: the cache is not read")
        if name != "control" and not error < TOLERANCE:
            raise RuntimeError(
                f"the block is wrong here: {name} has a relative error of {error:.2g}, expected < {TOLERANCE}"
            )


def _error(found: Any, expected: Any, residual: Any) -> float:
    return float((found.float() - expected.float()).norm() / (expected.float() - residual.float()).norm())
