"""Which points a campaign measures: knots, held-out points, passes of chunk and decodes together, repeats.

Matrix products on a GPU get dearer in steps of 128 tokens, so knots stand on both sides of each step (costs.md,
section 4). Held-out points are drawn at random, spread over the regimes, and never used by a fit.

A *mixed* point is one pass of a server: linear layers over a chunk of one prompt and one token of each of `batch`
requests, attention apart for both. `context_tokens` is the decoding requests'; the chunk's own is `chunk_context`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mei_gym.architectures import Architecture

CHUNK_CONTEXT = {512: 0, 1024: 512}  # mixed rows: context of the decoding requests -> context before the chunk

CPU_SMALL = (1, 2, 3, 4, 6, 7, 9, 10, 12, 13, 15, 16)  # one thread: products get dearer in steps of 3 tokens up to 15
PREFILL_SMALL = (1, 2, 4, 8, 16, 24, 32, 40, 48, 56, 64)
DECODE_BATCHES = (1, 2, 4, 8, 16, 32, 64, 96, 128, 192, 256)
DECODE_CONTEXTS = (16, 128, 256, 512, 1024, 1536, 2048, 4096)
CORE_ABOVE_1024 = (1536, 1537, 2048, 2049, 3072, 3073, 4096)
CORE_BATCHES, CORE_CONTEXTS = (1, 4, 16, 32, 64, 128), (128, 512, 1024, 2048, 4096)
CORE_HEADS, CORE_EMBEDDINGS = (1, 4, 16, 64, 128, 256), (1, 64, 1024, 4096)


class Point(NamedTuple):
    """What is measured; every block of a chain, or layer `layer` of it."""

    phase: str
    role: str
    tokens: int
    batch: int = 1
    context_tokens: int = 0

    @property
    def chunk_context(self) -> int:
        """Tokens cached before a mixed pass's chunk, or before a prefill."""
        return CHUNK_CONTEXT[self.context_tokens] if self.phase == "mixed" else self.context_tokens

    @property
    def rows(self) -> int:
        """Tokens that the linear layers see."""
        return (
            self.tokens * self.batch
            if self.phase == "decode"
            else self.tokens + (self.batch if self.phase == "mixed" else 0)
        )


def gpu_points(seed: int, quick: bool) -> list[Point]:
    """Points of a data-centre GPU, the most wanted first."""
    if quick:
        return _quick(seed)
    steps = [128 * j + extra for j in range(1, 33) for extra in (0, 1) if 128 * j + extra <= 4096]
    fill = [65, 80, 96, 112, 192, 193, 320, 321, 448, 449, 640 + 64, 640 + 65]
    prefill = [Point("prefill", "knot", n) for n in sorted({*PREFILL_SMALL, *fill, *steps})]
    later = [Point("prefill", "knot", 512, 1, c) for c in (512, 1024, 2048)]
    decode = [Point("decode", "knot", 1, b, c) for b in DECODE_BATCHES for c in DECODE_CONTEXTS]
    head = [Point("head", "knot", n) for n in (*DECODE_BATCHES, 48, 160, 224)]
    embedding = [Point("embedding", "knot", n) for n in (1, 4, 16, 64, 128, 256, 512, 1024, 2048, 4096)]
    mixed = [Point("mixed", "heldout", t, b, c) for t in (256, 512) for b in (8, 32, 64, 128) for c in CHUNK_CONTEXT]
    rng = np.random.default_rng(seed)
    known = {p.tokens for p in prefill}
    heldout = [
        Point("prefill", "heldout", n)
        for lo, hi, k in ((2, 64, 5), (65, 512, 6), (513, 4095, 6))
        for n in _draw(rng, lo, hi, k, known)
    ]
    pairs = set()
    while len(pairs) < 18:
        b, c = (int(round(2 ** rng.uniform(0, top))) for top in (8, 12))
        if 16 <= c <= 4095 and not (b in DECODE_BATCHES and c in DECODE_CONTEXTS):
            pairs.add((b, c))
    heldout += [Point("decode", "heldout", 1, b, c) for b, c in sorted(pairs)]
    heldout += [Point("head", "heldout", n) for n in _draw(rng, 2, 255, 5, {p.tokens for p in head})]
    heldout += [Point("embedding", "heldout", n) for n in _draw(rng, 2, 4095, 3, {p.tokens for p in embedding})]
    again = [p._replace(role="repeat") for p in (prefill[::9] + decode[5::10] + head[::5])]
    return prefill + decode + head + embedding + heldout + later + mixed + again


def core_points(seed: int) -> list[Point]:
    """About half of `gpu_points`, for large models: fewer knots, the same held-out points."""

    def kept(point: Point) -> bool:
        if point.phase == "mixed":
            return point.batch in (8, 64)
        if point.role == "heldout":
            return True
        if point.phase == "prefill":
            return point.tokens <= 1025 or point.tokens in CORE_ABOVE_1024
        if point.phase == "decode":
            return point.batch in CORE_BATCHES and point.context_tokens in CORE_CONTEXTS
        return point.tokens in (CORE_HEADS if point.phase == "head" else CORE_EMBEDDINGS)

    return [point for point in gpu_points(seed, False) if kept(point)]


def cpu_points(seed: int, quick: bool, contexts: tuple[int, ...] = (16, 64, 128, 256, 512, 1024, 2048)) -> list[Point]:
    """Points of one CPU thread: shorter prompts, small batches; in random order, repeats last."""
    if quick:
        return [p for p in _quick(seed) if p.tokens <= 64 and p.batch <= 2 and p.phase != "mixed"]
    long = (20, 24, 32, 33, 40, 48, 49, 56, 64, 80, 96, 128, 160, 192, 256, 384, 512, 768, 1024)
    knots = (*CPU_SMALL, *long)
    prefill = [Point("prefill", "knot", n) for n in knots]
    decode = [Point("decode", "knot", 1, b, c) for b in (1, 2, 3, 4) for c in contexts]
    head = [Point("head", "knot", n) for n in (1, 2, 3, 4, 6, 7, 9, 12, 16)]
    embedding = [Point("embedding", "knot", n) for n in (1, 4, 16, 64, 256, 1024)]
    rng = np.random.default_rng(seed)
    heldout = [
        Point("prefill", "heldout", n)
        for lo, hi, k in ((3, 64, 4), (65, 512, 4), (513, 1023, 2))
        for n in _draw(rng, lo, hi, k, set(knots))
    ]
    pairs = set()
    while len(pairs) < 8:
        b, c = int(rng.integers(1, 5)), int(round(2 ** rng.uniform(4, 11)))
        if c not in contexts:
            pairs.add((b, c))
    heldout += [Point("decode", "heldout", 1, b, c) for b, c in sorted(pairs)]
    heldout += [Point("head", "heldout", n) for n in (5, 8)] + [Point("embedding", "heldout", n) for n in (10, 100)]
    again = [p._replace(role="repeat") for p in (prefill[3::4] + decode[1::4] + head[:1])]
    first = prefill + decode + head + embedding + heldout
    return [first[i] for i in rng.permutation(len(first))] + again  # a load that drifts favours no kind of point


def within_positions(points: list[Point], card: Architecture) -> list[Point]:
    """The points that a model has positions for; only learned positions come to an end."""
    most = card.learned_positions
    ends = ("head", "embedding")
    return [p for p in points if not most or p.phase in ends or p.chunk_context + p.context_tokens + p.tokens <= most]


def quantised_points(seed: int, longest: int = 1024, quick: bool = False) -> list[Point]:
    """Points of a block with packed weights: what differs from 16 bits, not all of it again."""
    if quick:
        return [p for p in _quick(seed) if p.phase in ("prefill", "decode") and not (p.tokens > 1 and p.context_tokens)]
    tokens = tuple(n for n in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096) if n <= longest)
    prefill = [Point("prefill", "knot", n) for n in tokens]
    decode = [Point("decode", "knot", 1, b, c) for b in (1, 2, 4, 8, 16, 32, 64) for c in (256, 1024, 4096)]
    rng = np.random.default_rng(seed)
    heldout = [Point("prefill", "heldout", n) for n in _draw(rng, 2, longest - 1, 6, set(tokens))]
    pairs = {(int(round(2 ** rng.uniform(0, 6))), int(round(2 ** rng.uniform(8, 12)))) for _ in range(6)}
    heldout += [Point("decode", "heldout", 1, b, c) for b, c in sorted(pairs)]
    return prefill + decode + heldout + [p._replace(role="repeat") for p in prefill[::3] + decode[4::7]]


def work_amount(
    card: Architecture, point: Point, value_bytes: float, weight_bytes: float | None = None
) -> tuple[float, float, float]:
    """FLOPs and bytes of a point by the architecture's formulas, and the fewest bytes that must move."""
    v = float(value_bytes)
    w = v if weight_bytes is None else weight_bytes
    tokens, batch, context = point.tokens, point.batch, point.context_tokens
    matrices, kv = w * card.block_matrix_weights, 2.0 * v * card.kv_width
    if point.phase == "embedding":
        return 0.0, card.embedding_bytes(tokens, w, v), 0.0
    if point.phase == "head":
        return card.head_flops(tokens), card.head_bytes(tokens, w, v), w * card.head_weights
    if point.phase == "prefill":
        return card.prefill_flops(tokens, context), card.prefill_bytes(tokens, context, w, v), matrices + kv * context
    decode = card.decode_flops(batch, context), card.decode_bytes(batch, context, w, v)
    if point.phase == "decode":
        return *decode, matrices + kv * batch * context
    before = point.chunk_context
    flops = card.prefill_flops(tokens, before) + decode[0]
    moved = card.prefill_bytes(tokens, before, w, v) + decode[1] - matrices
    return flops, moved, matrices + kv * (before + batch * context)


def _quick(seed: int) -> list[Point]:
    """One point or two of each kind: does everything run?"""
    return [
        *(Point("prefill", "knot", n) for n in (1, 16, 64, 128)),
        *(Point("decode", "knot", 1, b, c) for b in (1, 4) for c in (16, 128)),
        Point("head", "knot", 1),
        Point("embedding", "knot", 16),
        Point("prefill", "heldout", 33),
        Point("decode", "heldout", 1, 2, 40),
        Point("prefill", "knot", 128, 1, 128),
        Point("mixed", "heldout", 256, 8, 512),
        Point("prefill", "repeat", 16),
    ]


def _draw(rng: np.random.Generator, low: int, high: int, count: int, known: set[int]) -> list[int]:
    """Distinct integers of [low, high], even in the logarithm, none of them known."""
    found: set[int] = set()
    while len(found) < count:
        n = int(round(np.exp(rng.uniform(np.log(low), np.log(high)))))
        if n not in known:
            found.add(n)
    return sorted(found)
