"""What a profile's JSON says beside its rows: where every number came from, and the device's memory."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mei_gym.measurements import machine
from mei_gym.measurements.ceilings import clock_name
from mei_gym.measurements.points import CHUNK_CONTEXT, Point

if TYPE_CHECKING:
    from mei_gym.measurements.layers_campaign import LayersCampaign

WORKING_POINTS = [Point("prefill", "knot", n) for n in (128, 512, 2048, 4096)] + [
    Point("decode", "knot", 1, b, 1024) for b in (1, 16, 64, 256)
]
GROUP = 64  # weights that share an fp16 scale and minimum at 4 bits
POINT_KEYS = ("phase", "tokens", "batch", "context_tokens")


def provenance(campaign: LayersCampaign) -> dict[str, Any]:
    """The JSON's keys, less those of the record itself (schema, origin, rows, hash)."""
    engine, record = campaign.engine, campaign.record
    gpu = campaign.meter if campaign.device == "cuda" else None
    said: dict[str, Any] = {
        "device": campaign.described,
        "model": campaign.card.name,
        "weights": campaign.weights_name,
        "architecture": campaign.card._asdict(),
        "dtype": engine.dtype_name,
        "precision": campaign.precision,
        "weight_bytes_per_value": engine.weight_bytes,
        "value_bytes": engine.value_bytes,
        "runtime": engine.runtime,
        "versions": machine.versions(),
        "command": machine.command_line(),
        "seed": campaign.seed,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - campaign.started, 1),
        "resumed_rows": record.resumed,
        "machine": {
            "cpu": machine.cpu_information(),
            "gpu": campaign.described["name"] if campaign.device == "cuda" else None,
            "driver": gpu.driver() if gpu else None,
            "clocks_mhz": gpu.clocks() if gpu else None,
            "niceness": os.nice(0),
            "load_average_before": campaign.load_before,
            "load_average": machine.load_average(),
        },
        "ceilings": {**campaign.ceilings._asdict(), "seen": campaign.seen},
        "checks": {name: float(f"{error:.3g}") for name, error in campaign.errors.items()},
        "chain": {"blocks": len(engine.chain)},
        "power": _power(campaign),
        "memory": _memory(campaign),
        "mixed": {"chunk_context_by_context_tokens": {str(k): v for k, v in CHUNK_CONTEXT.items()}},
        "refused": record.noted("refused"),
        "kernel_error": campaign.kernel_error,
        "points": campaign.point_set,
        "clock": clock_of(campaign),
        "loading": [row for note in record.noted("loading") for row in note["rows"]],
        "loading_disk": next((note.get("disk") for note in record.noted("loading")), None),
        "not_measured": {
            "too_large": [list(point) for point in engine.too_large],
            "left_by_budget": campaign.stopped_with,
        },
    }
    wall = record.noted("wall")
    if wall:
        columns = [*("phase", "role"), *POINT_KEYS[1:], "wall_s", "cpu_s"]
        medians = [[*note["point"], note["wall_s"], note["cpu_s"]] for note in wall]
        said["wall"] = {"columns": columns, "medians": medians}
    return said


def clock_of(campaign: LayersCampaign) -> str:
    """What measured the times of the rows."""
    return "CUDA events" if campaign.device == "cuda" else clock_name(campaign.threads)


def _power(campaign: LayersCampaign) -> dict[str, Any]:
    if campaign.meter is None:
        return {"idle_w": None, "reason": campaign.no_power}
    points = [{**dict(zip(POINT_KEYS, note.pop("point"))), **note} for note in campaign.record.noted("power")]
    return {"idle_w": campaign.record.noted("idle")[0]["power_w"], "scope": campaign.meter.scope, "points": points}


def _memory(campaign: LayersCampaign) -> dict[str, Any]:
    engine = campaign.engine
    working = [
        {**dict(zip(POINT_KEYS, (point.phase, *point[2:]))), "bytes": found}
        for point in (WORKING_POINTS[:1] if campaign.quick else WORKING_POINTS)
        if engine.has_room(point) and (found := engine.working_bytes(point)) is not None
    ]
    return {
        "weight_bytes": weight_bytes(engine.chain[0], engine.ends),
        "activation_bytes_per_cut": engine.activation_bytes_per_cut(),
        "kv_bytes_per_token_per_layer": engine.kv_bytes_per_token(),
        "working_bytes": working,
        "peak_bytes": engine.peak_bytes(),
    }


def weight_bytes(block: Any, ends: Any) -> dict[str, dict[str, float]]:
    """Bytes of block, embedding and head by bits a weight, counted on the tensors.

    8 bits: an fp16 scale for each output. 4 bits: an fp16 scale and minimum for each 64 weights.
    Norms and biases stay 16-bit.
    """
    matrices = [block.qkv, block.output, block.gate_up, block.down]
    vectors = [part for part in block if part is not None and all(part is not matrix for matrix in matrices)]

    def packed(parts: list[Any], whole: list[Any], bits: int) -> float:
        values = sum(part.numel() for part in parts)
        scales = {16: 0.0, 8: 2.0 * sum(part.shape[0] for part in parts), 4: 4.0 * values / GROUP}[bits]
        return values * bits / 8 + scales + 2.0 * sum(part.numel() for part in whole)

    groups = {
        "block": (matrices, vectors),
        "embedding": ([ends.embedding], []),
        "head": ([ends.head], [part for part in (ends.final_norm, ends.final_norm_bias) if part is not None]),
    }
    return {
        name: {str(bits): packed(parts, whole, bits) for bits in (16, 8, 4)} for name, (parts, whole) in groups.items()
    }
