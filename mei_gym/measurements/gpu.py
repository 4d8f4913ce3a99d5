"""Timing blocks on an NVIDIA GPU: bf16 or packed weights, one CUDA graph a point, chains that no cache holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from mei_gym.architectures import Architecture
from mei_gym.measurements.blocks import (
    BlockWeights,
    Cache,
    EndWeights,
    Kernels,
    Work,
    block_pass,
    embedding_pass,
    fused_kernels,
    head_pass,
    plain_kernels,
    random_block,
    random_ends,
    rotary_tables,
)
from mei_gym.measurements.clock import GRAPH_S, Timing, captured, event_times
from mei_gym.measurements.floor import Ceilings
from mei_gym.measurements.points import Point
from mei_gym.measurements.quantised import KERNELS, QUANTISED, WEIGHT_BYTES, packed_block

CHAIN_OVER_CACHE, LONGEST_CHAIN, SHORTEST_CHAIN = 3, 24, 2  # llm.md, section 8
LONGEST_GRAPH = 72  # blocks in one graph
ENDS_IN_GRAPH = 24  # heads or embeddings in one graph


class Prepared(NamedTuple):
    """A point ready to run: `run` executes `parts` equal blocks (heads, embeddings), `reset` restores their input."""

    run: Callable[[], Any]
    reset: Callable[[], Any]
    parts: int


def work_of(point: Point) -> Work:
    """A point as a pass of blocks."""
    chunk = 0 if point.phase == "decode" else point.tokens
    batch = 0 if point.phase == "prefill" else point.batch
    return Work(chunk, point.chunk_context if chunk else 0, batch, point.context_tokens if batch else 0)


class GpuEngine:
    """A chain of blocks of one architecture on the current GPU."""

    mode, dtype_name, value_bytes, threads = "graph", "bfloat16", 2, None

    def __init__(
        self, card: Architecture, points: list[Point], seed: int, ceilings: Ceilings, real: Any = None,
        precision: str = "bfloat16",
    ) -> None:  # fmt: skip
        """Random weights unless `real` (weights.RealWeights) is given; keys and values for the largest point."""
        import torch

        self.card, self.ceilings, self.device = card, ceilings, torch.device("cuda")
        self.dtype = torch.bfloat16
        self.generator = torch.Generator(device=self.device).manual_seed(seed)
        try:
            self.kernels: Kernels = fused_kernels()
        except ImportError:
            self.kernels = plain_kernels()
        self.precision, self.weight_bytes = precision, WEIGHT_BYTES[precision]
        block_bytes = self.weight_bytes * card.block_matrix_weights
        copies = math.ceil(CHAIN_OVER_CACHE * ceilings.last_level_cache_bytes / block_bytes)
        copies = min(max(copies, SHORTEST_CHAIN), LONGEST_CHAIN)
        self.chain = [self._moved(real.chain[i % len(real.chain)]) if real else self._random() for i in range(copies)]
        self.ends: EndWeights = (
            EndWeights._make(None if part is None else part.to(self.device, self.dtype) for part in real.ends)
            if real
            else random_ends(card, self.generator, self.dtype, self.device)
        )
        head_copies = math.ceil(CHAIN_OVER_CACHE * ceilings.last_level_cache_bytes / self.ends.head.nbytes)
        self.heads = [self.ends] + [self.ends._replace(head=self.ends.head.clone()) for _ in range(head_copies - 1)]
        self.rotary = rotary_tables(
            card, max(p.chunk_context + p.context_tokens + p.tokens for p in points) + 2, self.device
        )
        free, _ = torch.cuda.mem_get_info()
        fits = [p for p in points if self._pool_values(p) * self.value_bytes < 0.7 * free]
        self.too_large = [p for p in points if p not in fits]
        values = max(self._pool_values(p) for p in fits)
        self.pool = torch.empty(values, dtype=self.dtype, device=self.device).normal_(generator=self.generator)
        products = KERNELS.get(precision, "cuBLAS")
        self.runtime = (
            f"torch scaled_dot_product_attention (flash), {products} products, {self.kernels.name} small operations"
        )

    def _random(self) -> BlockWeights:
        return self._packed(random_block(self.card, self.generator, self.dtype, self.device))

    def _moved(self, weights: BlockWeights) -> BlockWeights:
        moved = BlockWeights._make(None if part is None else part.to(self.device, self.dtype) for part in weights)
        return self._packed(moved)

    def _packed(self, weights: BlockWeights) -> BlockWeights:
        return packed_block(weights, self.precision) if self.precision in QUANTISED else weights

    def _pool_values(self, point: Point) -> int:
        if point.phase in ("head", "embedding"):
            return 0
        return (
            len(self.chain) * sum(batch * slots for batch, slots in self._cache_shapes(point)) * 2 * self.card.kv_width
        )

    def has_room(self, point: Point) -> bool:
        """Whether the pool of keys and values, made for the campaign's points, holds this one's too."""
        return point not in self.too_large and self._pool_values(point) <= self.pool.numel()

    def _cache_shapes(self, point: Point) -> tuple[tuple[int, int], tuple[int, int]]:
        work = work_of(point)
        return (min(work.chunk_tokens, 1), work.chunk_context + work.chunk_tokens), (
            work.batch,
            work.context_tokens + 1,
        )

    def _caches(self, point: Point) -> list[tuple[Cache | None, Cache | None]]:
        """A cache for the chunk and one for the decodes, of every block of the chain, cut from the pool."""
        start, caches = 0, []
        for _ in self.chain:
            pair: list[Cache | None] = []
            for batch, slots in self._cache_shapes(point):
                parts = []
                for _ in range(2):
                    end = start + batch * slots * self.card.kv_width
                    parts.append(self.pool[start:end].view(batch, slots, self.card.kv_heads, self.card.head_size))
                    start = end
                pair.append(Cache(*parts) if batch else None)
            caches.append((pair[0], pair[1]))
        return caches

    def prepare(self, point: Point, expected_s: float) -> Prepared:
        """The point's work, repeated until a graph of it is long enough to time."""
        if point.phase == "embedding":
            return self._prepared_embedding(point)
        if point.phase == "head":
            return self._prepared_head(point)
        hidden, original = self._hidden(point.rows)
        caches, work = self._caches(point), work_of(point)
        passes = max(1, min(math.ceil(GRAPH_S / expected_s), LONGEST_GRAPH) // len(self.chain))

        def run() -> None:
            for _ in range(passes):
                for weights, (chunk, decodes) in zip(self.chain, caches):
                    block_pass(self.card, weights, hidden, work, chunk, decodes, self.rotary, self.kernels)

        return Prepared(run, lambda: hidden.copy_(original), passes * len(self.chain))

    def _prepared_head(self, point: Point) -> Prepared:
        hidden, _ = self._hidden(point.tokens)
        passes = math.ceil(8 / len(self.heads))

        def run() -> None:
            for _ in range(passes):
                for ends in self.heads:
                    head_pass(self.card, ends, hidden, self.kernels)

        return Prepared(run, lambda: None, passes * len(self.heads))

    def _prepared_embedding(self, point: Point) -> Prepared:
        import torch

        shape = (ENDS_IN_GRAPH, point.tokens)
        ids = torch.randint(self.card.vocabulary, shape, device=self.device, generator=self.generator)

        def run() -> None:
            for i in range(ENDS_IN_GRAPH):
                embedding_pass(self.ends, ids[i])

        return Prepared(run, lambda: None, ENDS_IN_GRAPH)

    def _hidden(self, rows: int) -> tuple[Any, Any]:
        import torch

        original = torch.randn(
            rows, self.card.hidden_size, device=self.device, dtype=self.dtype, generator=self.generator
        )
        return original.clone(), original

    def times(self, point: Point, expected_s: float) -> list[tuple[int, Timing]]:
        """The time of one block (head, embedding) as [(-1, timing)]."""
        ready = self.prepare(point, expected_s)
        graph = captured(ready.run)
        return [(-1, event_times(graph.replay, ready.reset).divided(ready.parts))]

    def working_bytes(self, point: Point) -> int:
        """Most bytes allocated during one pass of one block, beyond weights, caches and its input."""
        import torch

        hidden, _ = self._hidden(point.rows)
        chunk, decodes = self._caches(point)[0]
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        block_pass(self.card, self.chain[0], hidden, work_of(point), chunk, decodes, self.rotary, self.kernels)
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before

    def activation_bytes_per_cut(self) -> list[float]:
        """Bytes of one token's hidden state at every cut 0..L, read off the tensors that blocks hand on."""
        hidden, _ = self._hidden(16)
        point = Point("prefill", "knot", 16)
        seen = [hidden.nbytes / 16]
        for weights, (chunk, decodes) in zip(self.chain, self._caches(point)):
            out = block_pass(self.card, weights, hidden, work_of(point), chunk, decodes, self.rotary, self.kernels)
            seen.append(out.nbytes / 16)
        return (seen + [seen[-1]] * self.card.layers)[: self.card.layers + 1]

    def kv_bytes_per_token(self) -> float:
        """Bytes that one token leaves in one block's cache, read off the buffers."""
        cache = self._caches(Point("prefill", "knot", 16))[0][0]
        assert cache is not None
        return (cache.keys.nbytes + cache.values.nbytes) / 16

    def working_set_bytes(self, point: Point) -> float:
        """Bytes touched between two uses of the same weight."""
        if point.phase == "head":
            return float(sum(ends.head.nbytes for ends in self.heads))
        if point.phase == "embedding":
            return 0.0  # rows of the table may stay in the cache: no floor for them
        return float(sum(w.qkv.nbytes + w.output.nbytes + w.gate_up.nbytes + w.down.nbytes for w in self.chain))

    def peak_bytes(self) -> int:
        """Most bytes that this process reserved on the device."""
        import torch

        return torch.cuda.max_memory_reserved()
