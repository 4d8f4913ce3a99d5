"""From measured rows to what the cost model reads: a roofline, and knots on which it is exact.

    R = t0 + ((F/P)^q + (B/W)^q)^(1/q)          u = t / R

    F, B  FLOPs and bytes of the work      P  peak_flops    W  bandwidth_bytes_per_s
    t0    launch_s                         q  order         u  utilisation, what is measured over the roofline

P, W, t0 and q are fitted on log error with a soft L1 loss to the knots of a device and model. A row of role
`heldout` never enters. Noise, and kernels that a library picks badly for some lengths, make a longer piece of work
look faster than a shorter one. Such knots are moved as little as makes the times monotone (`isotonic`, `monotone`),
all others are kept as measured, and `Fit.repaired` says how many moved and how far.

Source of the form: shared by AIConfigurator's and Vidur's follow-ups; compared with six others on public kernel
profiles before it was chosen.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from mei_gym.profiles.load import Profile, ProfileError, load_profile

SOFT = 0.05  # relative error at which the loss turns from squared to absolute; chosen: above the repeat noise
FLOOR_S = 1e-9  # a launch shorter than this is none


class Roofline(NamedTuple):
    """The four numbers of R."""

    peak_flops: float
    bandwidth_bytes_per_s: float
    launch_s: float
    order: float


class Knots(NamedTuple):
    """Measured times over the tokens of a pass, monotone."""

    tokens: np.ndarray  # f8[knots], ascending
    time_s: np.ndarray  # f8[knots]


class Grid(NamedTuple):
    """Measured times of decoding over batch and context, monotone in both."""

    batch: np.ndarray  # f8[batches], ascending
    context_tokens: np.ndarray  # f8[contexts], ascending
    time_s: np.ndarray  # f8[batches, contexts]


class Repair(NamedTuple):
    """Knots of blocks moved to make the times monotone, and the largest move as a share of the measured time."""

    moved: int
    of: int
    largest: float


class Fit(NamedTuple):
    """What is known of one model on one device."""

    roofline: Roofline
    prefill: Knots
    context_share: float  # what earlier context adds to a chunk, measured over its FLOPs and bytes at the peaks
    decode: Grid
    head: Knots
    embedding: Knots
    repaired: Repair


@lru_cache(maxsize=64)
def _fit_cached(device: str, model: str, precision: str, csv_sha256: str) -> Fit:
    return fit_profile(load_profile(device, model, precision))


def fit(device: str, model: str, precision: str = "") -> Fit:
    """The fit of a measured device and model; computed once a process for each content of the file.

    With a `precision`, of blocks alone: embedding and head are not packed, so their knots are empty.
    """
    profile = load_profile(device, model, precision)
    return _fit_cached(profile.card.device.slug, profile.card.model, precision, profile.card.csv_sha256)


def fit_profile(profile: Profile) -> Fit:
    """Fit the roofline to the knots of prefill and decode, then lay the knots out for interpolation."""
    prefill, decode = profile.rows("prefill", "knot"), profile.rows("decode", "knot")
    for phase, rows in (("prefill", prefill), ("decode", decode)):
        if len(rows["time_s"]) == 0:
            raise ProfileError(f"{profile.path.name} has no knot of {phase}, so nothing anchors its times")
    roofline = fit_roofline(*(np.concatenate([prefill[name], decode[name]]) for name in ("flops", "bytes", "time_s")))
    alone = prefill["context_tokens"] == 0
    prompt, prompt_repair = _knots(prefill["tokens"][alone], prefill["time_s"][alone])
    grid, grid_repair = _grid(decode, roofline, profile)
    head, _ = _knots(*_of(profile, "head"))
    embedding, _ = _knots(*_of(profile, "embedding"))
    repairs = (prompt_repair, grid_repair)
    return Fit(
        roofline,
        prompt,
        context_share(prefill, prompt, roofline, profile),
        grid,
        head,
        embedding,
        Repair(sum(r.moved for r in repairs), sum(r.of for r in repairs), max(r.largest for r in repairs)),
    )


def roofline_time(roofline: Roofline, flops: np.ndarray, moved_bytes: np.ndarray) -> np.ndarray:
    """s; R of the module's docstring, for arrays."""
    compute_s, memory_s = flops / roofline.peak_flops, moved_bytes / roofline.bandwidth_bytes_per_s
    longer = np.maximum(compute_s, memory_s)
    ratio = np.minimum(compute_s, memory_s) / np.where(longer > 0.0, longer, 1.0)
    return roofline.launch_s + longer * (1.0 + ratio**roofline.order) ** (1.0 / roofline.order)


def fit_roofline(flops: np.ndarray, moved_bytes: np.ndarray, time_s: np.ndarray) -> Roofline:
    """The roofline with the least soft-L1 log error, by Nelder and Mead from several orders q."""
    log_time = np.log(time_s)

    def unpacked(point: np.ndarray) -> Roofline:
        order = 1.0 + np.exp(np.clip(point[3], -6.0, 2.0))
        return Roofline(np.exp(point[0]), np.exp(point[1]), FLOOR_S + np.exp(np.clip(point[2], -25.0, 2.0)), order)

    def loss(point: np.ndarray) -> float:
        error = (np.log(roofline_time(unpacked(point), flops, moved_bytes)) - log_time) / SOFT
        return float(np.mean(np.sqrt(1.0 + error * error) - 1.0))

    fastest_flops, fastest_bytes = np.max(flops / time_s), np.max(moved_bytes / time_s)
    starts = [
        np.log([fastest_flops, fastest_bytes, share * time_s.min(), order - 1.0])
        for share in (0.05, 0.5)
        for order in (1.5, 3.0)
    ]
    best = min((_nelder_mead(loss, start) for start in starts), key=loss)
    return Roofline(*(float(value) for value in unpacked(best)))


def isotonic(time_s: np.ndarray) -> np.ndarray:
    """Times that never fall, with the least sum of absolute moves: neighbours out of order share their median.

    A lone outlier therefore moves alone. Of an even number the lower middle is taken: a pass can be padded to a longer
    one that is faster. Pool-adjacent-violators (Barlow et al. 1972) with medians.
    """
    pools: list[list[float]] = []
    for value in time_s:
        pools.append([float(value)])
        while len(pools) > 1 and _middle(pools[-2]) > _middle(pools[-1]):
            last = pools.pop()
            pools[-1] = pools[-1] + last
    return np.array([_middle(pool) for pool in pools for _ in pool])


def _middle(values: list[float]) -> float:
    return sorted(values)[(len(values) - 1) // 2]


def monotone(time_s: np.ndarray) -> np.ndarray:
    """Times on a grid that never fall along any axis: the geometric mean of the highest before and the lowest after.

    A time that breaks no order with any other is returned as it is. Where a value is missing (NaN) it stays missing.
    """
    missing = np.isnan(time_s)
    highest_before, lowest_after = np.where(missing, -np.inf, time_s), np.where(missing, np.inf, time_s)
    for axis in range(time_s.ndim):
        highest_before = np.maximum.accumulate(highest_before, axis)
        lowest_after = np.flip(np.minimum.accumulate(np.flip(lowest_after, axis), axis), axis)
    in_order = missing | (highest_before == lowest_after)
    return np.where(in_order, time_s, np.sqrt(np.where(in_order, 1.0, highest_before * np.abs(lowest_after))))


def _of(profile: Profile, phase: str) -> tuple[np.ndarray, np.ndarray]:
    rows = profile.rows(phase, "knot")
    return rows["tokens"], rows["time_s"]


def _knots(tokens: np.ndarray, time_s: np.ndarray) -> tuple[Knots, Repair]:
    order = np.argsort(tokens)
    if len(tokens) == 0:
        return Knots(np.zeros(0), np.zeros(0)), Repair(0, 0, 0.0)
    repaired = isotonic(time_s[order])
    return Knots(tokens[order], repaired), _repair(time_s[order], repaired)


def _repair(measured: np.ndarray, repaired: np.ndarray) -> Repair:
    shift = np.abs(repaired / measured - 1.0)
    return Repair(int((shift > 0.0).sum()), measured.size, float(shift.max(initial=0.0)))


def _grid(rows: dict[str, np.ndarray], roofline: Roofline, profile: Profile) -> tuple[Grid, Repair]:
    """Lay the decode knots on a grid; a cell that was not measured holds the utilisation of the nearest that was."""
    batch, at_batch = np.unique(rows["batch"], return_inverse=True)
    context, at_context = np.unique(rows["context_tokens"], return_inverse=True)
    time_s = np.full((len(batch), len(context)), np.nan)
    time_s[at_batch, at_context] = rows["time_s"]
    measured = ~np.isnan(time_s)
    architecture, card = profile.architecture, profile.card
    flops = architecture.decode_flops(batch[:, None], context[None, :])  # type: ignore[arg-type]
    moved = architecture.decode_bytes(batch[:, None], context[None, :], card.weight_bytes_per_value, card.value_bytes)  # type: ignore[arg-type]
    bound_s = roofline_time(roofline, np.asarray(flops), np.asarray(moved))
    repaired = monotone(time_s)
    repair = _repair(time_s[measured], repaired[measured])
    log_batch, log_context = np.log(batch), np.log(context + 1.0)
    known = np.argwhere(measured)
    for i, j in np.argwhere(~measured):
        distance = (log_batch[known[:, 0]] - log_batch[i]) ** 2 + (log_context[known[:, 1]] - log_context[j]) ** 2
        k, m = known[np.argmin(distance)]
        below = repaired[: i + 1, : j + 1][measured[: i + 1, : j + 1]]
        above = repaired[i:, j:][measured[i:, j:]]
        held = repaired[k, m] / bound_s[k, m] * bound_s[i, j]
        repaired[i, j] = min(max(held, below.max(initial=0.0)), above.min(initial=np.inf))
    return Grid(batch, context, monotone(repaired)), repair


def context_share(rows: dict[str, np.ndarray], prompt: Knots, roofline: Roofline, profile: Profile) -> float:
    """What earlier context adds to a chunk, measured over F_c/P + B_c/W; 1 where no such chunk was measured."""
    later = rows["context_tokens"] > 0
    if not later.any():
        return 1.0
    tokens, context, time_s = rows["tokens"][later], rows["context_tokens"][later], rows["time_s"][later]
    alone_s = np.interp(tokens, prompt.tokens, prompt.time_s)
    pairs_flops = 4.0 * profile.architecture.attention_width * tokens * context
    cached = profile.architecture.kv_bytes(profile.card.value_bytes) * context
    added_s = pairs_flops / roofline.peak_flops + cached / roofline.bandwidth_bytes_per_s
    shares = np.linspace(0.0, 4.0, 401)
    errors = np.abs(np.log((alone_s + shares[:, None] * added_s) / time_s)).mean(axis=1)
    return float(shares[np.argmin(errors)])


def _nelder_mead(loss, start: np.ndarray, iterations: int = 600, tolerance: float = 1e-9) -> np.ndarray:
    """The lowest point of a simplex that walks downhill (Nelder and Mead 1965, standard coefficients)."""
    simplex = np.vstack([start, start + 0.3 * np.eye(len(start))])
    values = np.array([loss(point) for point in simplex])
    for _ in range(iterations):
        order = np.argsort(values)
        simplex, values = simplex[order], values[order]
        if values[-1] - values[0] < tolerance:
            break
        centre = simplex[:-1].mean(axis=0)
        reflected = 2.0 * centre - simplex[-1]
        value = loss(reflected)
        if value < values[0]:
            stretched = 3.0 * centre - 2.0 * simplex[-1]
            stretched_value = loss(stretched)
            better = (stretched, stretched_value) if stretched_value < value else (reflected, value)
            simplex[-1], values[-1] = better
        elif value < values[-2]:
            simplex[-1], values[-1] = reflected, value
        else:
            towards = reflected if value < values[-1] else simplex[-1]
            contracted = 0.5 * (centre + towards)
            contracted_value = loss(contracted)
            if contracted_value < min(value, values[-1]):
                simplex[-1], values[-1] = contracted, contracted_value
            else:
                simplex[1:] = 0.5 * (simplex[1:] + simplex[0])
                values[1:] = [loss(point) for point in simplex[1:]]
    return simplex[np.argmin(values)]
