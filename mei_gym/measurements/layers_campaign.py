"""One model on one device, point by point: what a campaign of layers holds from its first ceiling to its last row."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from mei_gym.architectures import Architecture
from mei_gym.measurements import machine, quantised
from mei_gym.measurements.ceilings import threads_in_words
from mei_gym.measurements.checks import block_errors, refuse_wrong
from mei_gym.measurements.floor import violation
from mei_gym.measurements.points import (
    Point,
    core_points,
    cpu_points,
    gpu_points,
    quantised_points,
    within_positions,
    work_amount,
)
from mei_gym.measurements.provenance import provenance
from mei_gym.measurements.record import Campaign, Row, slug

CEILINGS_AGAIN = 3  # how often a campaign measures a shared CPU's ceilings again
POWER_POINTS = [Point("prefill", "knot", n) for n in (64, 512, 4096)] + [
    Point("decode", "knot", 1, b, 1024) for b in (1, 16, 64)
]
CORE_POWER_POINTS = [POWER_POINTS[i] for i in (1, 2, 3, 5)]
QUANTISED_POWER_POINTS = [
    Point("prefill", "knot", 512),
    Point("decode", "knot", 1, 1, 1024),
    Point("decode", "knot", 1, 16, 1024),
]
LONGEST_QUANTISED = {"int8": 4096, "int4": 1024}  # tokens; tinygemm is made for few


class LayersCampaign:
    """Everything one campaign holds between its first ceiling and its last row."""

    def __init__(
        self, card: Architecture, device: str, out: Path, weights: Path | None, precision: str, threads: int,
        points: str, quick: bool, seed: int, progress: bool,
    ) -> None:  # fmt: skip
        """Measure ceilings, build the chain, check the block, open or resume the record."""
        import torch

        from mei_gym.measurements import ceilings, cpu, gpu

        self.precision, self.threads, self.point_set = precision, threads, points
        self.kernel_error = (
            quantised.refuse_without_kernel(precision, "cuda") if precision in quantised.QUANTISED else None
        )

        self.card, self.device, self.progress, self.seed, self.quick = card, device, progress, seed, quick
        self.started, self.load_before = time.monotonic(), machine.load_average()
        self.stopped_with, self.ceilings_left = 0, CEILINGS_AGAIN
        real = _real_weights(card, device, weights)
        self.weights_name = f"real: {real.sha256}" if real else "random"
        if device == "cuda":
            self._quiet_attention()
            self.ceilings, self.seen = ceilings.gpu_ceilings()
            self.points = within_positions(self._gpu_points(), card)
            self.engine: Any = gpu.GpuEngine(card, self.points, seed, self.ceilings, real, precision)
        else:
            torch.set_num_threads(threads)
            self.ceilings, self.seen = ceilings.cpu_ceilings(threads)
            self.points = within_positions(cpu_points(seed, quick), card)
            self.engine = cpu.CpuEngine(card, self.points, seed, self.ceilings, real, threads)
        self.points = [p for p in self.points if p not in self.engine.too_large]
        self.meter: Any = None
        self.no_power = "not asked for"
        self.errors = block_errors(card, self.engine.chain[0], self.engine.kernels)
        refuse_wrong(self.errors)
        self.described = self._describe_device()
        file = slug(card.name) + (f".{precision}" if precision in quantised.QUANTISED else "")
        self.record = Campaign(out / self.described["slug"], file, self._identity())
        if progress and self.record.resumed:
            print(f"resumed after {self.record.resumed} rows", file=sys.stderr)

    def _gpu_points(self) -> list[Point]:
        if self.precision in quantised.QUANTISED:
            return quantised_points(self.seed, LONGEST_QUANTISED[self.precision], self.quick)
        if self.point_set == "core" and not self.quick:
            return core_points(self.seed)
        return gpu_points(self.seed, self.quick)

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
                "slug": machine.gpu_slug(found.name),
                "name": found.name,
                "kind": "gpu",
                "memory_bytes": found.total_memory,
                "threads": None,
                "multiprocessors": found.multi_processor_count,
            }
        information = machine.cpu_information()
        name = f"{information['name']}, {threads_in_words(self.threads)}"
        return {
            "slug": machine.cpu_slug(information, self.engine.threads),
            "name": name,
            "kind": "cpu",
            "memory_bytes": machine.memory_bytes(),
            "threads": self.engine.threads,
        }

    def _identity(self) -> dict[str, Any]:
        return {
            "model": self.card.name,
            "device": self.described["slug"],
            "dtype": self.engine.dtype_name,
            "precision": self.precision,
            "weights": self.weights_name,
            "runtime": self.engine.runtime,
            "versions": machine.versions(),
            "seed": self.seed,
            "quick": self.quick,
        }

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
            where = f"{point.phase} {point.tokens} x {point.batch} at {point.context_tokens}"
            done = f"{i + 1}/{len(self.points)}, {time.monotonic() - begun:.0f} s"
            self._say(f"{self.card.name} on {self.described['slug']}: {done}: {where}")
            self._measure_point(point)
        else:
            self._say("", end="\n")
        self._measure_power(deadline)

    def _measured(self, point: Point) -> bool:
        key = (point.role, point.tokens, point.batch, point.context_tokens)
        done = any((k[0], *k[2:]) == (point.phase, *key) for k in self.record.done)
        return done or any(note["point"] == [point.phase, *key] for note in self.record.noted("refused"))

    def _measure_point(self, point: Point) -> None:
        flops, moved, least = work_amount(self.card, point, self.engine.value_bytes, self.engine.weight_bytes)
        expected_s = flops / (0.6 * self.ceilings.flops) + moved / (0.8 * self.ceilings.bandwidth_bytes_per_s) + 1.5e-5
        times, rows = self.engine.times(point, expected_s), []
        for layer, spread in times:
            working_set = self.engine.working_set_bytes(point)
            reason = violation(spread.median_s, flops, least, working_set, self.ceilings)
            if reason and self._raised_ceilings():
                reason = violation(spread.median_s, flops, least, working_set, self.ceilings)
            if reason:
                key = [point.phase, point.role, point.tokens, point.batch, point.context_tokens]
                self.record.note("refused", point=key, layer=layer, time_s=spread.median_s, reason=reason)
                self._say(f"refused {key}: {reason}", end="\n")
                continue
            key = (point.phase, layer, *point[1:])
            rows.append(Row._make((*key, *spread, self.engine.mode, float(flops), float(moved))))
        self.record.add(*rows)
        wall_s = getattr(self.engine, "wall_s", None)
        if wall_s is not None:
            cpu_s = sum(spread.median_s for _, spread in times) / len(times)
            self.record.note("wall", point=list(point), wall_s=float(f"{wall_s:.4g}"), cpu_s=float(f"{cpu_s:.4g}"))

    def _raised_ceilings(self) -> bool:
        """Measure a shared CPU's ceilings again before a row is refused: the machine may have been busy then."""
        from mei_gym.measurements import ceilings

        if self.device != "cpu" or self.ceilings_left == 0:
            return False
        self.ceilings_left -= 1
        again, seen = ceilings.cpu_ceilings(self.threads)
        self.seen = {name: max(value, self.seen[name]) for name, value in seen.items()}
        self.ceilings = self.ceilings._replace(
            flops=max(self.ceilings.flops, again.flops),
            bandwidth_bytes_per_s=max(self.ceilings.bandwidth_bytes_per_s, again.bandwidth_bytes_per_s),
        )
        return True

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
        for point in within_positions(self._power_points(), self.card):
            key = [point.phase, point.tokens, point.batch, point.context_tokens]
            if key in done:
                continue
            if deadline is not None and time.monotonic() > deadline:
                self.stopped_with += 1
                continue
            self._say(f"power {key}")
            self.record.note("power", point=key, **self._loaded(point))
        self._say("", end="\n")

    def _power_points(self) -> list[Point]:
        if self.quick:
            return POWER_POINTS[:1]
        if self.precision in quantised.QUANTISED:
            return QUANTISED_POWER_POINTS
        return CORE_POWER_POINTS if self.point_set == "core" else POWER_POINTS

    def _loaded(self, point: Point) -> dict[str, float]:
        if self.device == "cpu":
            laps = self.engine._block_laps(point)
            found = self.meter.loaded(lambda: [lap() for lap in laps])
            return {**found, "sustained_s": found["sustained_s"] / (len(laps) - 1)}
        from mei_gym.measurements.clock import captured

        flops, moved, _ = work_amount(self.card, point, self.engine.value_bytes, self.engine.weight_bytes)
        expected_s = flops / (0.6 * self.ceilings.flops) + moved / (0.8 * self.ceilings.bandwidth_bytes_per_s)
        ready = self.engine.prepare(point, expected_s)
        graph = captured(ready.run)

        def enqueue() -> None:
            ready.reset()
            graph.replay()

        found = self.meter.loaded(enqueue, expected_s * ready.parts)
        return {**found, "sustained_s": found["sustained_s"] / ready.parts}

    def loading_is_known(self) -> bool:
        """Whether another profile of this device, in the same folder, has times of loading."""
        others = set(self.record.csv_path.parent.glob("*.json")) - {self.record.json_path}
        return any(json.loads(path.read_text(encoding="utf-8")).get("loading") for path in others)

    def measure_loading(self) -> None:
        """Times of a block's bytes from disk to memory to the GPU, once a campaign."""
        if not self.record.noted("loading"):
            from mei_gym.measurements.loading import load_times

            self._say("loading", end="\n")
            block = self.engine.weight_bytes * self.card.block_matrix_weights
            rows, disk = load_times(block, self.device == "cuda")
            self.record.note("loading", rows=rows, disk=disk)

    def finish(self) -> Path:
        """Write CSV and JSON; after a budget's end the partial files stay, so that the same call goes on."""
        return self.record.finish(provenance(self), keep_partial=self.stopped_with > 0)

    def _say(self, text: str, end: str = "") -> None:
        if self.progress:
            start = "\r\033[K" if sys.stderr.isatty() else ""
            print(f"{start}{text}", end=end if start else "\n" if text else "", file=sys.stderr, flush=True)


def _real_weights(card: Architecture, device: str, weights: Path | None) -> Any:
    from mei_gym.measurements import weights as loader

    path = weights
    if path is None and card.name == loader.MODEL and device == "cpu":
        path = loader.packaged_file()
        if path is None:
            raise ValueError(f"{card.name} on the CPU is measured with its real weights; {loader.HOW_TO_GET}")
    return None if path is None else loader.load_gguf(card, Path(path))
