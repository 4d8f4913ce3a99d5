"""Timing blocks on a CPU: float32, every block of a chain in turn; CPU time of one thread, wall time of several.

A decode writes its keys and values at the same place of a preallocated cache each time, so every repetition finds the
cache as the first one did. The next block of the chain runs between two uses of a block's weights, as in a real model.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Any

import numpy as np

from mei_gym.architectures import Architecture
from mei_gym.measurements.blocks import (
    BlockWeights,
    Cache,
    EndWeights,
    block_pass,
    embedding_pass,
    empty_cache,
    head_pass,
    plain_kernels,
    random_block,
    random_ends,
    rotary_tables,
)
from mei_gym.measurements.clock import Timing, lap_times, timing
from mei_gym.measurements.floor import Ceilings
from mei_gym.measurements.gpu import work_of
from mei_gym.measurements.points import Point

RANDOM_COPIES = 4  # of a block with random weights: what a chain of a model would keep out of the nearest caches
DENSE_LAYERS = 5  # of a real model's blocks, evenly spread, are written at every point
EVERY_LAYER = {("prefill", 32), ("prefill", 128), ("prefill", 512), ("decode", 128), ("decode", 512)}
EMBEDDINGS_IN_LAP = 50  # an embedding is shorter than the clock of CPU time is fine


class CpuEngine:
    """A chain of blocks of one architecture."""

    mode, dtype_name, value_bytes, weight_bytes = "cpu", "float32", 4, 4.0

    def __init__(
        self, card: Architecture, points: list[Point], seed: int, ceilings: Ceilings, real: Any = None, threads: int = 1
    ) -> None:
        """Random weights unless `real` (weights.RealWeights) is given."""
        import torch

        torch.set_num_threads(threads)
        self.threads = threads
        self.card, self.ceilings, self.device, self.dtype = card, ceilings, torch.device("cpu"), torch.float32
        self.generator, self.real = torch.Generator().manual_seed(seed), real is not None
        self.kernels = plain_kernels()
        if real:
            self.chain: list[BlockWeights] = real.chain
            self.ends: EndWeights = real.ends
        else:
            self.chain = [random_block(card, self.generator, self.dtype, self.device) for _ in range(RANDOM_COPIES)]
            self.ends = random_ends(card, self.generator, self.dtype, self.device)
        self.rotary = rotary_tables(card, max(p.context_tokens + p.tokens for p in points) + 2, self.device)
        self.too_large: list[Point] = []
        self.wall_s: float | None = None
        self.runtime = f"torch scaled_dot_product_attention, {self.kernels.name} small operations, {threads} thread" + (
            "s" if threads > 1 else ""
        )

    def times(self, point: Point, expected_s: float) -> list[tuple[int, Timing]]:
        """CPU or wall time as [(layer, timing)]; `wall_s` is then the median wall time of one block."""
        import torch

        with torch.inference_mode():
            if point.phase in ("head", "embedding"):
                parts = EMBEDDINGS_IN_LAP if point.phase == "embedding" else 1
                cpu, wall = lap_times([self._end_lap(point, parts)])
                self.wall_s = float(np.median(wall)) / parts
                told = cpu if self.threads == 1 else wall
                return [(-1, timing(told[:, 0]).divided(parts))]
            cpu, wall = lap_times(self._block_laps(point))
        blocks = (cpu if self.threads == 1 else wall)[:, 1:]  # the first lap restores the input
        self.wall_s = float(np.median(wall[:, 1:].mean(axis=1)))
        if not self.real:
            return [(-1, timing(blocks.mean(axis=1)))]
        return [(layer, timing(blocks[:, layer])) for layer in self._layers(point)]

    def _layers(self, point: Point) -> list[int]:
        """Which of a real model's blocks are written at this point."""
        size = point.tokens if point.phase == "prefill" else point.context_tokens
        if (point.phase, size) in EVERY_LAYER and point.batch == 1 and point.role == "knot":
            return list(range(len(self.chain)))
        return sorted({round(x) for x in np.linspace(0, len(self.chain) - 1, DENSE_LAYERS)})

    def _end_lap(self, point: Point, parts: int) -> Callable[[], Any]:
        import torch

        ids = torch.randint(self.card.vocabulary, (point.tokens,), generator=self.generator)
        if point.phase == "head":
            hidden = embedding_pass(self.ends, ids)
            return lambda: head_pass(self.card, self.ends, hidden, self.kernels)

        def lap() -> None:
            for _ in range(parts):
                embedding_pass(self.ends, ids)

        return lap

    def _block_laps(self, point: Point) -> list[Callable[[], Any]]:
        import torch

        ids = torch.randint(self.card.vocabulary, (point.rows,), generator=self.generator)
        original = embedding_pass(self.ends, ids)
        hidden, work = original.clone(), work_of(point)
        laps: list[Callable[[], Any]] = [lambda: hidden.copy_(original)]
        for weights in self.chain:
            chunk, decodes = self._caches(point)

            def lap(
                weights: BlockWeights = weights, chunk: Cache | None = chunk, decodes: Cache | None = decodes
            ) -> None:
                block_pass(self.card, weights, hidden, work, chunk, decodes, self.rotary, self.kernels)

            laps.append(lap)
        return laps

    def _caches(self, point: Point) -> tuple[Cache | None, Cache | None]:
        work = work_of(point)
        found: list[Cache | None] = []
        for batch, slots in (
            (min(work.chunk_tokens, 1), work.chunk_context + work.chunk_tokens),
            (work.batch, work.context_tokens + 1),
        ):
            cache = empty_cache(self.card, batch, slots, self.dtype, self.device) if batch else None
            if cache:
                cache.keys.normal_(generator=self.generator)
                cache.values.normal_(generator=self.generator)
            found.append(cache)
        return found[0], found[1]

    def has_room(self, point: Point) -> bool:
        """Caches are made anew for each point."""
        return True

    def working_bytes(self, point: Point) -> int | None:
        """Not measured on a CPU: PyTorch keeps no account of it."""
        return None

    def activation_bytes_per_cut(self) -> list[float]:
        """Bytes of one token's hidden state at every cut 0..L, read off the tensors that blocks hand on."""
        import torch

        point = Point("prefill", "knot", 16)
        hidden = embedding_pass(self.ends, torch.randint(self.card.vocabulary, (16,), generator=self.generator))
        seen = [hidden.nbytes / 16]
        for weights in self.chain:
            chunk, decodes = self._caches(point)
            seen.append(
                block_pass(self.card, weights, hidden, work_of(point), chunk, decodes, self.rotary, self.kernels).nbytes
                / 16
            )
        return (seen + [seen[-1]] * self.card.layers)[: self.card.layers + 1]

    def kv_bytes_per_token(self) -> float:
        """Bytes that one token leaves in one block's cache, read off the buffers."""
        cache = self._caches(Point("prefill", "knot", 16))[0]
        assert cache is not None
        return (cache.keys.nbytes + cache.values.nbytes) / 16

    def working_set_bytes(self, point: Point) -> float:
        """Bytes touched between two uses of the same weight."""
        if point.phase == "head":
            return float(self.ends.head.nbytes)
        if point.phase == "embedding":
            return 0.0
        return float(sum(w.qkv.nbytes + w.output.nbytes + w.gate_up.nbytes + w.down.nbytes for w in self.chain))

    def peak_bytes(self) -> int:
        """Most bytes that this process has held in memory."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
