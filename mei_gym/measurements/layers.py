"""The campaign behind `mei-gym measure layers`: one model on one device, into one CSV and one JSON."""

from __future__ import annotations

import difflib
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mei_gym.architectures import ARCHITECTURES, Architecture
from mei_gym.measurements import machine
from mei_gym.measurements.checks import block_errors, refuse_wrong
from mei_gym.measurements.floor import Ceilings, violation
from mei_gym.measurements.points import CHUNK_CONTEXT, Point, cpu_points, gpu_points
from mei_gym.measurements.record import Campaign, Row, slug

DEVICES = ("cpu", "cuda")
POWER_POINTS = [Point("prefill", "knot", n) for n in (64, 512, 4096)] + [Point("decode", "knot", 1, b, 1024) for b in (1, 16, 64)]
WORKING_POINTS = [Point("prefill", "knot", n) for n in (128, 512, 2048, 4096)] + [
    Point("decode", "knot", 1, b, 1024) for b in (1, 16, 64, 256)
]
GROUP = 64  # weights that share an fp16 scale and minimum at 4 bits


def measure_layers(
    model: str, device: str, out: Path, *, weights: Path | None = None, quick: bool = False,
    budget_s: float | None = None, seed: int = 0, progress: bool = True,
) -> Path:  # fmt: skip
    """Measure a model's blocks, embedding and head into `out/<device-slug>/<model>.csv` and `.json`; returns the CSV's path.

    `device` is cpu (one thread) or cuda. Real weights: of SmolLM2-135M on the CPU from its package, of any model from
    `weights`, a GGUF file. `quick` measures one point of each kind. `budget_s` stops between two points; the same call
    then goes on where it stopped. Raises ValueError, RecordError or RuntimeError, each in one sentence.
    """
    card = architecture_named(model)
    if device not in DEVICES:
        raise ValueError(f"device {device!r} cannot be measured; there are {' and '.join(DEVICES)}")
    if budget_s is not None and not budget_s > 0.0:
        raise ValueError(f"a budget of {budget_s} s measures nothing; give a positive number of seconds")
    torch = _torch()
    started = time.monotonic()
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' needs an NVIDIA GPU that PyTorch sees; there is none, so measure 'cpu'")
    with torch.inference_mode():
        campaign = LayersCampaign(card, device, Path(out), weights, quick, seed, progress)
        campaign.measure(None if budget_s is None else started + budget_s)
        return campaign.finish()


def architecture_named(model: str) -> Architecture:
    """The architecture card of a name, whatever its case."""
    by_slug = {slug(name): card for name, card in ARCHITECTURES.items()}
    if slug(model) not in by_slug:
        close = difflib.get_close_matches(slug(model), list(by_slug), n=1, cutoff=0.4)
        hint = f"did you mean {by_slug[close[0]].name!r}?" if close else f"there are {', '.join(ARCHITECTURES)}"
        raise ValueError(f"no model {model!r}; {hint}")
    return by_slug[slug(model)]


class LayersCampaign:
    """Everything one campaign holds between its first ceiling and its last row."""

    def __init__(
        self, card: Architecture, device: str, out: Path, weights: Path | None, quick: bool, seed: int, progress: bool
    ) -> None:
        """Measure ceilings, build the chain, check the block, open or resume the record."""
        from mei_gym.measurements import ceilings, cpu, gpu

        self.card, self.device, self.progress, self.seed, self.quick = card, device, progress, seed, quick
        self.load_before = machine.load_average()
        self.refused: list[str] = []
        self.stopped_with = 0
        real = _real_weights(card, device, weights)
        self.weights_name = f"real: {real.sha256}" if real else "random"
        if device == "cuda":
            self._quiet_attention()
            self.ceilings, self.seen = ceilings.gpu_ceilings()
            self.points = gpu_points(seed, quick)
            self.engine: Any = gpu.GpuEngine(card, self.points, seed, self.ceilings, real)
        else:
            _torch().set_num_threads(1)
            self.ceilings, self.seen = ceilings.cpu_ceilings()
            self.points = cpu_points(seed, quick)
            self.engine = cpu.CpuEngine(card, self.points, seed, self.ceilings, real)
        self.points = [p for p in self.points if p not in self.engine.too_large]
        self.errors = block_errors(card, self.engine.chain[0], self.engine.kernels)
        refuse_wrong(self.errors)
        self.described = self._describe_device()
        self.record = Campaign(out / self.described["slug"], slug(card.name), self._identity())
        if progress and self.record.resumed:
            print(f"resumed after {self.record.resumed} rows", file=sys.stderr)

    def _quiet_attention(self) -> None:
        """Flash attention only, so that a profile names one kernel."""
        import torch

        torch.backends.cuda.enable_cudnn_sdp(False)
        torch.backends.cuda.enable_mem_efficient_sdp(False)
        torch.backends.cuda.enable_math_sdp(False)
        torch.set_float32_matmul_precision("highest")

    def _describe_device(self) -> dict[str, Any]:
        if self.device == "cuda":
            import torch

            found = torch.cuda.get_device_properties(0)
            return {
                "slug": machine.gpu_slug(found.name), "name": found.name, "kind": "gpu", "memory_bytes": found.total_memory, "threads": None,
                "multiprocessors": found.multi_processor_count,
            }  # fmt: skip
        information = machine.cpu_information()
        name = information["name"] + (", one thread" if self.engine.threads == 1 else "")
        return {
            "slug": machine.cpu_slug(information, self.engine.threads), "name": name, "kind": "cpu",
            "memory_bytes": machine.memory_bytes(), "threads": self.engine.threads,
        }  # fmt: skip

    def _identity(self) -> dict[str, Any]:
        return {
            "model": self.card.name, "device": self.described["slug"], "dtype": self.engine.dtype_name, "weights": self.weights_name,
            "runtime": self.engine.runtime, "versions": machine.versions(), "seed": self.seed, "quick": self.quick,
        }  # fmt: skip

    def measure(self, deadline: float | None) -> None:
        """Every point that is not in the record yet, then power; stops cleanly at the deadline."""
        begun = time.monotonic()
        for i, point in enumerate(self.points):
            if self._measured(point):
                continue
            if deadline is not None and time.monotonic() > deadline:
                self.stopped_with = sum(not self._measured(p) for p in self.points)
                self._say(f"the budget is spent; {self.stopped_with} points are left", end="\n")
                break
            self._say(f"{self.card.name} on {self.described['slug']}: {i + 1}/{len(self.points)} {point.phase} "
                      f"{point.tokens} x {point.batch} at {point.context_tokens}, {time.monotonic() - begun:.0f} s")  # fmt: skip
            self._measure_point(point)
        else:
            self._say("", end="\n")
        self._measure_power(deadline)

    def _measured(self, point: Point) -> bool:
        key = (point.role, point.tokens, point.batch, point.context_tokens)
        done = any((k[0], *k[2:]) == (point.phase, *key) for k in self.record.done)
        return done or any(note["point"] == [point.phase, *key] for note in self.record.noted("refused"))

    def _measure_point(self, point: Point) -> None:
        flops, moved, least = work_amount(self.card, point, self.engine.value_bytes)
        expected_s = flops / (0.6 * self.ceilings.flops) + moved / (0.8 * self.ceilings.bandwidth_bytes_per_s) + 1.5e-5
        times = self.engine.times(point, expected_s)
        for layer, spread in times:
            reason = violation(spread.median_s, flops, least, self.engine.working_set_bytes(point), self.ceilings)
            if reason:
                key = [point.phase, point.role, point.tokens, point.batch, point.context_tokens]
                self.record.note("refused", point=key, layer=layer, time_s=spread.median_s, reason=reason)
                self._say(f"refused {key}: {reason}", end="\n")
                continue
            self.record.add(
                Row(point.phase, layer, point.role, point.tokens, point.batch, point.context_tokens, spread.median_s, spread.p10_s,
                    spread.p90_s, spread.repeats, self.engine.mode, float(flops), float(moved))
            )  # fmt: skip
        wall_s = getattr(self.engine, "wall_s", None)
        if wall_s is not None:
            cpu_s = sum(spread.median_s for _, spread in times) / len(times)
            self.record.note("wall", point=list(point), wall_s=float(f"{wall_s:.4g}"), cpu_s=float(f"{cpu_s:.4g}"))

    def _measure_power(self, deadline: float | None) -> None:
        from mei_gym.measurements import power

        if self.device == "cpu":
            self.meter, self.no_power = power.cpu_meter()
        else:
            try:
                self.meter, self.no_power = power.GpuMeter(), ""
            except Exception as error:  # NVML's errors derive from Exception; without a counter there is no power
                self.meter, self.no_power = None, f"NVML is not available: {error}"
        if self.meter is None:
            return
        if not self.record.noted("idle"):
            self.record.note("idle", power_w=round(self.meter.idle(), 2))
        done = [note["point"] for note in self.record.noted("power")]
        for point in POWER_POINTS[:1] if self.quick else POWER_POINTS:
            key = [point.phase, point.tokens, point.batch, point.context_tokens]
            if key in done or (deadline is not None and time.monotonic() > deadline):
                continue
            self._say(f"power {key}")
            self.record.note("power", point=key, **self._loaded(point))
        self._say("", end="\n")

    def _loaded(self, point: Point) -> dict[str, float]:
        if self.device == "cpu":
            laps = self.engine._block_laps(point)
            found = self.meter.loaded(lambda: [lap() for lap in laps])
            return {**found, "sustained_s": found["sustained_s"] / (len(laps) - 1)}
        from mei_gym.measurements.clock import captured

        flops, moved, _ = work_amount(self.card, point, self.engine.value_bytes)
        expected_s = flops / (0.6 * self.ceilings.flops) + moved / (0.8 * self.ceilings.bandwidth_bytes_per_s)
        ready = self.engine.prepare(point, expected_s)
        graph = captured(ready.run)

        def enqueue() -> None:
            ready.reset()
            graph.replay()

        found = self.meter.loaded(enqueue, expected_s * ready.parts)
        return {**found, "sustained_s": found["sustained_s"] / ready.parts}

    def finish(self) -> Path:
        """Write CSV and JSON; after a budget's end the partial files stay, so that the same call goes on."""
        notes = self.record
        keys = ("phase", "tokens", "batch", "context_tokens")
        power: dict[str, Any] = {"idle_w": None, "reason": self.no_power}
        if self.meter is not None:
            points = [{**dict(zip(keys, n.pop("point"))), **n} for n in notes.noted("power")]
            power = {"idle_w": notes.noted("idle")[0]["power_w"], "scope": self.meter.scope, "points": points}
        driver = self.meter.driver() if self.device == "cuda" and self.meter is not None else None
        clocks = self.meter.clocks() if self.device == "cuda" and self.meter is not None else None
        provenance = {
            "device": self.described,
            "model": self.card.name,
            "weights": self.weights_name,
            "architecture": self.card._asdict(),
            "dtype": self.engine.dtype_name,
            "weight_bytes_per_value": self.engine.value_bytes,
            "value_bytes": self.engine.value_bytes,
            "runtime": self.engine.runtime,
            "versions": machine.versions(),
            "command": machine.command_line(),
            "seed": self.seed,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": {
                "cpu": machine.cpu_information(), "gpu": self.described["name"] if self.device == "cuda" else None, "driver": driver,
                "clocks_mhz": clocks, "load_average_before": self.load_before, "load_average": machine.load_average(),
            },
            "ceilings": {**self.ceilings._asdict(), "seen": self.seen},
            "checks": {name: float(f"{error:.3g}") for name, error in self.errors.items()},
            "chain": {"blocks": len(self.engine.chain)},
            "power": power,
            "memory": self._memory(),
            "mixed": {"chunk_context_by_context_tokens": {str(k): v for k, v in CHUNK_CONTEXT.items()}},
            "refused": notes.noted("refused"),
            "not_measured": {"too_large": [list(p) for p in self.engine.too_large], "left_by_budget": self.stopped_with},
        }  # fmt: skip
        wall = notes.noted("wall")
        if wall:
            provenance["wall"] = {"columns": ["phase", "role", "tokens", "batch", "context_tokens", "wall_s", "cpu_s"],
                                  "medians": [[*n["point"], n["wall_s"], n["cpu_s"]] for n in wall]}  # fmt: skip
        return notes.finish(provenance, keep_partial=self.stopped_with > 0)

    def _memory(self) -> dict[str, Any]:
        points = WORKING_POINTS[:1] if self.quick else WORKING_POINTS
        working = [
            {**dict(zip(("phase", "tokens", "batch", "context_tokens"), (p.phase, *p[2:]))), "bytes": found}
            for p in points
            if p not in self.engine.too_large and (found := self.engine.working_bytes(p)) is not None
        ]
        return {
            "weight_bytes": weight_bytes(self.engine.chain[0], self.engine.ends),
            "activation_bytes_per_cut": self.engine.activation_bytes_per_cut(),
            "kv_bytes_per_token_per_layer": self.engine.kv_bytes_per_token(),
            "working_bytes": working,
            "peak_bytes": self.engine.peak_bytes(),
        }

    def _say(self, text: str, end: str = "") -> None:
        if self.progress:
            start = "\r\033[K" if sys.stderr.isatty() else ""
            print(f"{start}{text}", end=end if start else "\n" if text else "", file=sys.stderr, flush=True)


def work_amount(card: Architecture, point: Point, value_bytes: int) -> tuple[float, float, float]:
    """FLOPs and bytes of a point by the architecture's formulas, and the fewest bytes that must move."""
    w = v = float(value_bytes)
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


def weight_bytes(block: Any, ends: Any) -> dict[str, dict[str, float]]:
    """Bytes of block, embedding and head by bits a weight, counted on the tensors.

    8 bits: an fp16 scale for each output. 4 bits: an fp16 scale and minimum for each 64 weights. Norms and biases stay 16-bit.
    """
    matrices = [block.qkv, block.output, block.gate_up, block.down]
    vectors = [part for part in (block.input_norm, block.mlp_norm, block.qkv_bias) if part is not None]

    def packed(parts: list[Any], whole: list[Any], bits: int) -> float:
        values = sum(part.numel() for part in parts)
        scales = {16: 0.0, 8: 2.0 * sum(part.shape[0] for part in parts), 4: 4.0 * values / GROUP}[bits]
        return values * bits / 8 + scales + 2.0 * sum(part.numel() for part in whole)

    groups = {"block": (matrices, vectors), "embedding": ([ends.embedding], []), "head": ([ends.head], [ends.final_norm])}
    return {name: {str(bits): packed(*parts, bits) for bits in (16, 8, 4)} for name, parts in groups.items()}


def _real_weights(card: Architecture, device: str, weights: Path | None) -> Any:
    from mei_gym.measurements import weights as loader

    path = weights
    if path is None and card.name == loader.MODEL and device == "cpu":
        path = loader.packaged_file()
        if path is None:
            raise ValueError(f"{card.name} on the CPU is measured with its real weights; {loader.HOW_TO_GET}")
    return None if path is None else loader.load_gguf(card, Path(path))


def _torch() -> Any:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        import torch
    except ImportError:
        raise ImportError("measuring needs PyTorch: pip install 'mei-gym[measure]'") from None
    return torch
