"""How far the cost model is from rows that it has not seen, by tier, device, model, phase and regime.

    error = |predicted / measured - 1|         noise = |repeat / knot - 1| on `repeat` rows

    measured point   of `repeat` rows: knots measured again later, whatever was done to the knot meanwhile
    interpolated     of `heldout` rows, which no fit has seen
    in sample        of rows that were fitted to: what earlier context adds to a chunk (one ratio fitted), power (three)
    unseen model     of all rows of a model, predicted from the device's other models alone, those with blocks of the
                     same sizes left out too; and of all such models pooled
    derived device   of published rates (tokens a second) of a class of devices, each chip or row left out

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
    costs_of,
    embedding_time,
    head_time,
)
from mei_gym.costs.energy import device_power, energy_costs
from mei_gym.profiles.fit import fit
from mei_gym.profiles.load import DATA, Profile, folder_of, load_profile, measured_devices, models
from mei_gym.profiles.power import LEAST_POINTS, shares_at
from mei_gym.profiles.processor import transferred
from mei_gym.profiles.published import derived_errors
from mei_gym.profiles.tables import (
    ALL,
    ANY,
    DERIVED,
    ERRORS_FILE,
    IN_SAMPLE,
    INTERPOLATED,
    MEASURED,
    UNSEEN,
    ErrorRow,
    errors_text,
)
from mei_gym.profiles.unseen import same_blocks

# Upper ends of the regimes, in tokens of the pass; for decode and mixed, in requests of the batch.
REGIMES = {
    "prefill": (("1-64 tokens", 64), ("65-512 tokens", 512), ("over 512 tokens", np.inf)),
    "decode": (("batch 1-8", 8), ("batch 9-32", 32), ("batch over 32", np.inf)),
}
AXIS = {"prefill": "tokens", "decode": "batch"}
PHASES = ("prefill", "prefill with context", "decode", "mixed", "head", "embedding")
UNSEEN_PHASES = ("prefill", "decode", "head")
NOTHING = np.zeros(0)


def error_rows_of(device: str, model: str) -> list[ErrorRow]:
    """Errors of one profile: each phase by regime, and over all of it."""
    profile = load_profile(device, model)
    costs = compute_costs(profile.card.model, device, ())
    rows = []
    for phase in PHASES:
        held_out, again, knots = (_rows(profile, phase, role) for role in ("heldout", "repeat", "knot"))
        tier = INTERPOLATED
        if phase == "prefill with context" and not len(held_out["time_s"]):
            held_out, tier = knots, IN_SAMPLE
        errors = np.abs(_predicted(costs, profile, phase, held_out) / held_out["time_s"] - 1.0)
        noise = _noise(again, knots)
        regimes = REGIMES.get(phase, ())
        lower = 0.0
        for name, upper in regimes:
            inside = _between(held_out[AXIS[phase]], lower, upper)
            rows.append(
                _row(
                    INTERPOLATED,
                    device,
                    profile.card.model,
                    phase,
                    name,
                    errors[inside],
                    noise[_between(again[AXIS[phase]], lower, upper)],
                )
            )
            lower = upper
        rows.append(_row(tier, device, profile.card.model, phase, ALL, errors, noise))
        at_knots = np.abs(_predicted(costs, profile, phase, again) / again["time_s"] - 1.0)
        rows.append(_row(MEASURED, device, profile.card.model, phase, ALL, at_knots, NOTHING))
    rows.append(_row(IN_SAMPLE, device, profile.card.model, "power", ALL, _power_errors(device, profile), NOTHING))
    return [row for row in rows if row.points or row.noise_points]


def unseen_rows_of(device: str) -> list[ErrorRow]:
    """Errors of each model of a device as if it had not been measured, and of all pooled; none for a lone model."""
    pooled: dict[str, list[np.ndarray]] = {phase: [] for phase in UNSEEN_PHASES}
    rows = []
    for slug in models(device):
        left_out = same_blocks(device, slug)
        if len(left_out) == len(models(device)):
            continue
        profile = load_profile(device, slug)
        costs = costs_of([transferred(device, profile.architecture, left_out)])
        for phase in UNSEEN_PHASES:
            parts = [_rows(profile, phase, role) for role in ("knot", "heldout")]
            points = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            errors = np.abs(_predicted(costs, profile, phase, points) / points["time_s"] - 1.0)
            pooled[phase].append(errors)
            rows.append(_row(UNSEEN, device, profile.card.model, phase, ALL, errors, NOTHING))
    rows += [_row(UNSEEN, device, ANY, phase, ALL, np.concatenate(e), NOTHING) for phase, e in pooled.items() if e]
    return [row for row in rows if row.points]


def derived_rows() -> list[ErrorRow]:
    """Errors of devices known by their data sheets, by class."""
    none = (0, np.nan, np.nan)
    return [
        ErrorRow(DERIVED, e.transfer_class, ANY, e.phase, ALL, e.points, e.median, e.p95, *none)
        for e in derived_errors()
    ]


def errors_of_folder(folder: Path) -> list[ErrorRow]:
    """Errors of every profile whose files lie in a folder of profiles."""
    rows = []
    for device in measured_devices():
        here = [m for m in models(device) if (folder_of(device, m) or folder / device).resolve() == folder.resolve()]
        rows += [row for model in here for row in error_rows_of(device, model)]
        rows += unseen_rows_of(device) if here else []
    return rows + (derived_rows() if folder.resolve() == DATA.resolve() else [])


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
    if profile.card.power is None or len(profile.card.power.points) < LEAST_POINTS:
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


def _row(
    tier: str, device: str, model: str, phase: str, regime: str, errors: np.ndarray, noise: np.ndarray
) -> ErrorRow:
    noise = noise[~np.isnan(noise)]
    return ErrorRow(
        tier,
        device,
        model,
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
