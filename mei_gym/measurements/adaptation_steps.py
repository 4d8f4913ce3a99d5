"""What one training step costs one block: time and memory of LoRA, full and zeroth-order steps beside inference.

Weights are random: times do not depend on them. On a GPU (bf16) a chain of copies that no cache holds is run as one
CUDA graph and its time divided, as for `layers`; on a CPU (float32) it is one block, by CPU time. Attention reads whole
windows, causally. The output's gradient is given, the input's is computed as in the middle of a model. A step includes
the update of what it trains: AdamW (fused) for LoRA and full, the move along the drawn direction for zeroth order.

    forward_s    forward pass as training runs it         step_s       forward, backward, update; inference: forward
    saved_bytes  kept for the backward pass, no weights   peak_bytes   most bytes of a step beyond weights and
                                                                       optimiser's state; a CPU does not tell: 0
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mei_gym.architectures import Architecture
from mei_gym.measurements import ceilings, machine
from mei_gym.measurements.blocks import BlockWeights, random_block, rotary_tables
from mei_gym.measurements.clock import Timing, captured, event_times, lap_times, timing
from mei_gym.measurements.floor import Ceilings, violation
from mei_gym.measurements.lora import Factors, adapted_block, random_factors, set_gradients, tensors
from mei_gym.measurements.record import Campaign, slug
from mei_gym.measurements.zeroth import zeroth_step

if TYPE_CHECKING:
    from torch import Tensor

WINDOWS = ((4, 256), (1, 64), (4, 1024), (16, 64), (1, 1024), (4, 64), (1, 256))  # (B, T): llm.md, section 8
CPU_MOST_TOKENS = 1024  # chosen: a CPU thread is measured up to here
RANKS = (8, 4, 16, 32)
CHAIN_OVER_CACHE, LONGEST_CHAIN = 3, 24  # llm.md, section 8
FILL_S = 0.03  # chosen: 600 times of one model in seconds
CPU_FILL_S = 0.3
TIMED_EPSILON, TIMED_RATE = 1e-5, 1e-9  # chosen small: a timed step shall not wander off
PASSES = {"inference": 1.0, "lora": 2.0, "full": 3.0, "zeroth": 2.0}  # forward passes' FLOPs that a step has at least


class StepRow(NamedTuple):
    """One training step of one block."""

    method: str  # inference | lora | full | zeroth
    targets: str  # none | qv | all (LoRA's matrices) | weights (all the block's)
    rank: int  # 0 without LoRA
    batch: int
    tokens: int  # of each window
    forward_s: float  # median
    step_s: float  # median
    step_p10_s: float
    step_p90_s: float
    repeats: int
    saved_bytes: int
    peak_bytes: int
    mode: str  # graph, eager (no graph could be captured: launches are in the time) or cpu

    keys = 5


class Work(NamedTuple):
    """What is trained, on which windows."""

    method: str
    targets: str
    rank: int
    batch: int
    tokens: int


def step_works(device: str, quick: bool = False) -> list[Work]:
    """What is measured, the most wanted first."""
    kinds = [("inference", "none", 0), ("lora", "qv", 8), ("full", "weights", 0), ("zeroth", "weights", 0)]
    kinds += [("lora", "all", 8), ("zeroth", "qv", 8)]
    if quick:
        return [Work(*kind, 1, 32) for kind in kinds]
    kinds += [("lora", targets, rank) for rank in RANKS[1:] for targets in ("qv", "all")]
    windows = [w for w in WINDOWS if device == "cuda" or w[0] * w[1] <= CPU_MOST_TOKENS]
    return [Work(*kind, *window) for kind in kinds for window in windows]


class StepEngine:
    """A chain of blocks of one architecture that can be trained."""

    def __init__(self, card: Architecture, device: str, seed: int, cache_bytes: float) -> None:
        """bf16 and a chain larger than the cache on a GPU; one float32 block on a CPU."""
        import torch

        self.card, self.device, self.on_gpu = card, torch.device(device), device == "cuda"
        self.dtype = torch.bfloat16 if self.on_gpu else torch.float32
        self.generator = torch.Generator(self.device).manual_seed(seed)
        block_bytes = self.dtype.itemsize * card.block_matrix_weights
        copies = math.ceil(CHAIN_OVER_CACHE * cache_bytes / block_bytes) if self.on_gpu else 1
        copies = min(max(copies, 1), LONGEST_CHAIN)
        self.chain = [random_block(card, self.generator, self.dtype, self.device) for _ in range(copies)]
        cosine, sine = rotary_tables(card, max(tokens for _, tokens in WINDOWS), self.device)
        self.rotary = (cosine.to(self.dtype), sine.to(self.dtype))

    def row(self, work: Work) -> StepRow:
        """Times and bytes of one kind of step."""
        import torch

        step = self._prepared(work, len(self.chain))
        forward, whole, mode = self._timed(step.forward, step.step)
        del step
        one = self._prepared(work, 1)
        saved, peak = self._saved_bytes(one), self._peak_bytes(one)
        del one
        if self.on_gpu:
            torch.cuda.empty_cache()
        return StepRow(*work, forward.median_s, *whole, saved, peak, mode)

    def _prepared(self, work: Work, blocks: int) -> Step:
        learns = work.method == "full"
        chain = [  # leaves of their own: one that an earlier graph knows cannot be captured again
            BlockWeights._make(None if part is None else part.detach().requires_grad_(learns) for part in weights)
            for weights in self.chain[:blocks]
        ]
        factors: list[Factors] = [{} for _ in chain]
        if work.rank:
            factors = [
                random_factors(self.card, work.targets, work.rank, self.generator, 1, self.dtype, self.device)
                for _ in chain
            ]
        trained = tensors(factors) if work.rank else _parts(chain) if work.targets == "weights" else []
        for part in trained:
            part.requires_grad_(work.method in ("lora", "full"))
        return Step(self, work, chain, factors, trained)

    def hidden(self, work: Work) -> Tensor:
        """Random hidden states [1, B, T, h]."""
        import torch

        shape = (1, work.batch, work.tokens, self.card.hidden_size)
        return torch.randn(shape, dtype=self.dtype, device=self.device, generator=self.generator)

    def _timed(self, forward: Callable[[], Any], step: Callable[[], Any]) -> tuple[Timing, Timing, str]:
        if not self.on_gpu:
            laps, _ = lap_times([forward, step], CPU_FILL_S)
            return timing(laps[:, 0]), timing(laps[:, 1]), "cpu"
        try:
            runs, mode = [captured(run).replay for run in (forward, step)], "graph"
        except RuntimeError:  # a kernel that cannot be captured: launched one by one, and the row says so
            runs, mode = [forward, step], "eager"
        times = [event_times(run, lambda: None, FILL_S).divided(len(self.chain)) for run in runs]
        return times[0], times[1], mode

    def _saved_bytes(self, step: Step) -> int:
        """Bytes of the distinct storages kept for one block's backward pass; weights and tables left out."""
        from torch.autograd.graph import saved_tensors_hooks

        known = {part.untyped_storage().data_ptr() for part in (*_parts(step.chain), *self.rotary, *step.trained)}
        kept: dict[int, int] = {}
        alive = []  # a freed storage's address could be another's

        def pack(saved: Tensor) -> Tensor:
            storage = saved.untyped_storage()
            if storage.data_ptr() not in known:
                kept[storage.data_ptr()] = storage.nbytes()
            alive.append(saved)
            return saved

        with saved_tensors_hooks(pack, lambda saved: saved):
            step.forward()
        return sum(kept.values())

    def _peak_bytes(self, step: Step) -> int:
        import torch

        if not self.on_gpu:
            return 0
        step.step()
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step.step()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before


class Step:
    """A forward pass and a training step of a chain, ready to run."""

    def __init__(
        self, engine: StepEngine, work: Work, chain: list[BlockWeights], factors: list[Factors], trained: list[Tensor]
    ) -> None:
        import torch

        self.card, self.rotary, self.work = engine.card, engine.rotary, work
        self.chain, self.factors, self.trained = chain, factors, trained
        self.learns = work.method in ("lora", "full")
        self.input, self.upstream = engine.hidden(work).requires_grad_(self.learns), engine.hidden(work)
        self.optimiser: Any = None
        if self.learns:
            self.optimiser = torch.optim.AdamW(trained, lr=1e-6, fused=True, capturable=engine.on_gpu)

    def forward(self) -> Tensor:
        """The chain's output; with what a backward pass needs where there is one."""
        import torch

        with torch.set_grad_enabled(self.learns):
            hidden = self.input
            for weights, factors in zip(self.chain, self.factors):
                hidden = adapted_block(self.card, weights, factors, self.rotary, hidden)
            return hidden

    def step(self) -> None:
        """One training step; of inference, the forward pass."""
        import torch

        if self.work.method == "zeroth":
            # no seed: a graph cannot set one; the same work, and nothing learnt
            zeroth_step(self.trained, self._loss, TIMED_EPSILON, TIMED_RATE, None)
            return
        out = self.forward()
        if self.learns:
            gradients = torch.autograd.grad(out, [self.input, *self.trained], self.upstream)
            set_gradients(self.trained, gradients[1:])
            self.optimiser.step()

    def _loss(self) -> Tensor:
        return (self.forward() * self.upstream).float().mean()


def measure_adaptation_steps(
    card: Architecture, out: Path, *, device: str = "cpu", quick: bool = False, budget_s: float | None = None,
    seed: int = 0, progress: bool = True,
) -> Path:  # fmt: skip
    """Measure one block's training steps into `out/adaptation/<device>/<model>.csv` and `.json`; the CSV's path."""
    import torch

    began = time.monotonic()
    load_before = machine.load_average()
    if device == "cuda":
        torch.set_float32_matmul_precision("highest")
        torch.backends.cuda.enable_cudnn_sdp(False)  # one attention kernel, flash, as in `layers`
        limits, _ = ceilings.gpu_ceilings()
        name = torch.cuda.get_device_properties(0).name
        folder = machine.gpu_slug(name)
    else:
        torch.set_num_threads(1)
        limits, information = Ceilings(math.inf, math.inf, ceilings.last_level_cache_bytes(), "not measured"), None
        information = machine.cpu_information()
        name, folder = f"{information['name']}, one thread", machine.cpu_slug(information, 1)
    engine = StepEngine(card, device, seed, limits.last_level_cache_bytes)
    identity = {
        "kind": "adaptation steps",
        "model": card.name,
        "weights": "random",
        "device": folder,
        "dtype": str(engine.dtype).removeprefix("torch."),
        "versions": machine.versions(),
        "seed": seed,
        "quick": quick,
    }
    record = Campaign(out / "adaptation" / folder, slug(card.name), identity, StepRow)
    refused = {tuple(note["point"]) for note in record.noted("refused")}
    works = [work for work in step_works(device, quick) if not record.has(work) and tuple(work) not in refused]
    left = len(works)
    for work in works:
        if budget_s is not None and time.monotonic() - began > budget_s:
            break
        if progress:
            print(f"{card.name} on {folder}: {left} left: {' '.join(map(str, work))}", file=sys.stderr, flush=True)
        try:
            row = engine.row(work)
            reason = _impossible(card, engine, row, limits)
        except torch.OutOfMemoryError:
            row, reason = None, "more memory than the device has"
        if reason:
            record.note("refused", point=list(work), reason=reason)
        else:
            record.add(row)
        left -= 1
    provenance = {
        **identity,
        "device": {"slug": folder, "name": name, "kind": "gpu" if device == "cuda" else "cpu"},
        "architecture": card._asdict(),
        "runtime": f"torch scaled_dot_product_attention, chain of {len(engine.chain)}, AdamW fused, update included",
        "ceilings": limits._asdict() if device == "cuda" else None,
        **machine_and_moment(load_before),
        "seconds": round(time.monotonic() - began, 1),
        "refused": record.noted("refused"),
        "left_by_budget": left,
    }
    return record.finish(provenance, keep_partial=left > 0)


def machine_and_moment(load_before: list[float]) -> dict[str, Any]:
    """What every record of this package says of where and when it was made."""
    from datetime import UTC, datetime

    return {
        "command": machine.command_line(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpu": machine.cpu_information(),
            "load_average_before": load_before,
            "load_average": machine.load_average(),
        },
    }


def _impossible(card: Architecture, engine: StepEngine, row: StepRow, limits: Ceilings) -> str | None:
    """Why a row's times are beyond the device; None when they are possible."""
    flops, weights = row.batch * card.prefill_flops(row.tokens), engine.dtype.itemsize * card.block_matrix_weights
    working_set = weights * len(engine.chain)
    # query and value alone: neither the other five products nor attention lack an input gradient, so 2 passes hold
    return violation(row.forward_s, flops, weights, working_set, limits) or violation(
        row.step_s, PASSES[row.method] * flops, weights, working_set, limits
    )


def _parts(chain: list[BlockWeights]) -> list[Tensor]:
    return [part for weights in chain for part in weights if part is not None]
