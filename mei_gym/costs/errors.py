"""How far the cost model is from rows that it has not seen, by device, model, phase and regime.

    error = |predicted / measured - 1| on `heldout` rows       noise = |repeat / knot - 1| on `repeat` rows

Two rows have no held-out points and say so in their regime: what earlier context adds to a chunk (one ratio fitted to
its knots), and power (three numbers fitted to its points).

`python -m mei_gym.costs.errors [FOLDER]` writes FOLDER/errors.csv (default: the package's own).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from mei_gym.costs.compute import (
    ComputeCosts,
    block_decode_time,
    block_mixed_time,
    block_prefill_time,
    compute_costs,
    embedding_time,
    head_time,
)
from mei_gym.costs.energy import device_power, energy_costs
from mei_gym.profiles.fit import fit
from mei_gym.profiles.load import DATA, Profile, folder_of, load_profile, measured_devices, models
from mei_gym.profiles.power import shares_at
from mei_gym.profiles.tables import ALL, ERRORS_FILE, ErrorRow, errors_text

# Upper ends of the regimes, in tokens of the pass; for decode and mixed, in requests of the batch.
REGIMES = {
    "prefill": (("1-64 tokens", 64), ("65-512 tokens", 512), ("over 512 tokens", np.inf)),
    "decode": (("batch 1-8", 8), ("batch 9-32", 32), ("batch over 32", np.inf)),
}
AXIS = {"prefill": "tokens", "decode": "batch"}
PHASES = ("prefill", "prefill with context", "decode", "mixed", "head", "embedding")
FITTED = "in sample"  # the regime of rows whose points were fitted to


def error_rows_of(device: str, model: str) -> list[ErrorRow]:
    """Errors of one profile: each phase by regime, and over all of it."""
    profile = load_profile(device, model)
    costs = compute_costs(profile.card.model, device, ())
    rows = []
    for phase in PHASES:
        held_out, again, knots = (_rows(profile, phase, role) for role in ("heldout", "repeat", "knot"))
        overall = ALL
        if phase == "prefill with context" and not len(held_out["time_s"]):
            held_out, overall = knots, FITTED
        errors = np.abs(_predicted(costs, profile, phase, held_out) / held_out["time_s"] - 1.0)
        noise = _noise(again, knots)
        regimes = REGIMES.get(phase, ())
        lower = 0.0
        for name, upper in regimes:
            inside = _between(held_out[AXIS[phase]], lower, upper)
            rows.append(
                _row(device, profile, phase, name, errors[inside], noise[_between(again[AXIS[phase]], lower, upper)])
            )
            lower = upper
        rows.append(_row(device, profile, phase, overall, errors, noise))
    rows.append(_row(device, profile, "power", FITTED, _power_errors(device, profile), np.zeros(0)))
    return [row for row in rows if row.points or row.noise_points]


def errors_of_folder(folder: Path) -> list[ErrorRow]:
    """Errors of every profile whose files lie in a folder of profiles."""
    return [
        row
        for device in measured_devices()
        for model in models(device)
        if (folder_of(device, model) or folder / device).resolve() == folder.resolve()
        for row in error_rows_of(device, model)
    ]


def write_errors(folder: Path = DATA) -> Path:
    """Write the error table of a folder of profiles beside them, whole or not at all."""
    path, unfinished = folder / ERRORS_FILE, folder / f"{ERRORS_FILE}.unfinished"
    unfinished.write_text(errors_text(errors_of_folder(folder)), encoding="utf-8")
    unfinished.replace(path)
    return path


def _rows(profile: Profile, phase: str, role: str) -> dict[str, np.ndarray]:
    rows = profile.rows(phase.split()[0], role)
    if not phase.startswith("prefill"):
        return rows
    later = rows["context_tokens"] > 0
    wanted = later if phase == "prefill with context" else ~later
    return {name: values[wanted] for name, values in rows.items()}


def _predicted(costs: ComputeCosts, profile: Profile, phase: str, rows: dict[str, np.ndarray]) -> np.ndarray:
    tokens, batch, context = rows["tokens"], rows["batch"], rows["context_tokens"]
    one = {
        "prefill": lambda m, b, s: block_prefill_time(costs, 0, m, s),
        "prefill with context": lambda m, b, s: block_prefill_time(costs, 0, m, s),
        "decode": lambda m, b, s: block_decode_time(costs, 0, b, s),
        "mixed": lambda m, b, s: block_mixed_time(costs, 0, m, profile.card.chunk_context(s), b, s),
        "head": lambda m, b, s: head_time(costs, 0, m),
        "embedding": lambda m, b, s: embedding_time(costs, 0, m),
    }[phase]
    return np.array([one(*point) for point in zip(tokens, batch, context)], dtype=np.float64)


def _power_errors(device: str, profile: Profile) -> np.ndarray:
    if profile.card.power is None:
        return np.zeros(0)
    model = profile.card.model
    power, known = energy_costs(model, device, ()), fit(device, model)
    points = profile.card.power.points
    return np.array(
        [abs(device_power(power, 0, *shares_at(profile, known, point)) / point.power_w - 1.0) for point in points]
    )


def _noise(again: dict[str, np.ndarray], knots: dict[str, np.ndarray]) -> np.ndarray:
    names = ("tokens", "batch", "context_tokens")
    first = {
        point: time_s
        for *point_list, time_s in zip(*(knots[n] for n in names), knots["time_s"])
        for point in [tuple(point_list)]
    }
    points = zip(*(again[name] for name in names), again["time_s"])
    return np.array([abs(t / first[(m, b, s)] - 1.0) if (m, b, s) in first else np.nan for m, b, s, t in points])


def _between(values: np.ndarray, lower: float, upper: float) -> np.ndarray:
    return (values > lower) & (values <= upper)


def _row(device: str, profile: Profile, phase: str, regime: str, errors: np.ndarray, noise: np.ndarray) -> ErrorRow:
    noise = noise[~np.isnan(noise)]
    return ErrorRow(
        device,
        profile.card.model,
        phase,
        regime,
        len(errors),
        *_median_and_p95(errors),
        len(noise),
        *_median_and_p95(noise),
    )


def _median_and_p95(values: np.ndarray) -> tuple[float, float]:
    if len(values) == 0:
        return float("nan"), float("nan")
    return float(np.median(values)), float(np.percentile(values, 95))


if __name__ == "__main__":
    print(write_errors(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA))
