"""The power of a device under work: fitted to a profile's power points, else what its card cites.

    P = min(P_max, P_0 + a u_flops + b u_bytes)        u = share of the roofline's peak reached while measured

a, b and the busy power P_0 (never below idle) are fitted by least squares on the relative error, none of them negative.
The form knows no difference between reading weights and reading keys and values, which draws more on an H100: decoding
large batches is predicted 15 to 25 % low there (the error table shows it).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mei_gym.profiles.fit import Fit, fit
from mei_gym.profiles.load import Profile, ProfileError, carded_devices, load_card, load_profile
from mei_gym.profiles.remembered import remembered
from mei_gym.profiles.unseen import by_nearness

LEAST_POINTS = 3  # below that the fit would be free


class DevicePower(NamedTuple):
    """W: waiting, working on nothing, more at full FLOP/s, more at full bandwidth, and the cap."""

    idle_w: float
    busy_w: float
    flops_w: float
    bytes_w: float
    max_w: float


@remembered
def power_of(device: str, model: str) -> DevicePower:
    """The power of a device running a model; energy is refused where neither a counter nor a card knows it.

    A model without power points there draws what the nearest in size draws that has some.
    """
    card = load_card(device) if device in carded_devices() else None
    for slug in by_nearness(device, model):
        profile = load_profile(device, slug)
        if profile.card.power is not None and len(profile.card.power.points) >= LEAST_POINTS:
            cap_w = card.get("max_power_w", np.inf) if card else np.inf
            return fit_power(profile, fit(device, slug), cap_w)
    if card is None or "active_power_w" not in card.numbers:
        raise ProfileError(f"nothing anchors the power of {device}: no power points and no active_power_w on a card")
    active_w = card["active_power_w"]
    return DevicePower(card.get("idle_power_w", 0.0), active_w, 0.0, 0.0, active_w)


def fit_power(profile: Profile, known: Fit, cap_w: float) -> DevicePower:
    """Fit P_0, a and b to the power points of a profile."""
    assert profile.card.power is not None
    idle_w, points = profile.card.power.idle_w, profile.card.power.points
    power_w = np.array([point.power_w for point in points])
    shares = np.array([shares_at(profile, known, point) for point in points])
    cap_w = max(float(power_w.max()), idle_w) if not np.isfinite(cap_w) else cap_w
    free = power_w < 0.97 * cap_w  # a point at the cap says nothing of the slope
    best, least = (idle_w, 0.0, 0.0), np.inf
    for busy_w in np.linspace(idle_w, max(idle_w, power_w.min()), 41):
        slopes = _slopes(shares[free], power_w[free], busy_w)
        error = np.abs(np.log(np.minimum(cap_w, busy_w + shares @ slopes) / power_w)).mean()
        if error < least:
            best, least = (float(busy_w), float(slopes[0]), float(slopes[1])), error
    return DevicePower(idle_w, *best, cap_w)


def _slopes(shares: np.ndarray, power_w: np.ndarray, busy_w: float) -> np.ndarray:
    """Non-negative least squares on relative error, of two slopes: the best of both, either and none."""
    scaled, wanted = shares / power_w[:, None], (power_w - busy_w) / power_w
    both = np.linalg.lstsq(scaled, wanted, rcond=None)[0] if len(power_w) >= 2 else np.zeros(2)
    candidates: list[np.ndarray] = [np.zeros(2)]
    if (both >= 0.0).all():
        candidates.append(both)
    for axis in range(2):
        square = float(scaled[:, axis] @ scaled[:, axis])
        only = np.zeros(2)
        only[axis] = max(0.0, float(scaled[:, axis] @ wanted) / square) if square > 0.0 else 0.0
        candidates.append(only)
    return min(candidates, key=lambda slopes: float(np.sum((scaled @ slopes - wanted) ** 2)))


def shares_at(profile: Profile, known: Fit, point) -> tuple[float, float]:
    """The shares of peak FLOP/s and bandwidth that one block reached while its power was measured."""
    card, architecture = profile.card, profile.architecture
    bytes_per = (card.weight_bytes_per_value, card.value_bytes)
    if point.phase == "decode":
        flops = architecture.decode_flops(point.batch, point.context_tokens)
        moved = architecture.decode_bytes(point.batch, point.context_tokens, *bytes_per)
    else:
        flops = architecture.prefill_flops(point.tokens, point.context_tokens)
        moved = architecture.prefill_bytes(point.tokens, point.context_tokens, *bytes_per)
    time_s = getattr(point, "sustained_s", None) or _time_near(profile, point)
    return flops / (time_s * known.roofline.peak_flops), moved / (time_s * known.roofline.bandwidth_bytes_per_s)


def _time_near(profile: Profile, point) -> float:
    """s; the measured row of a power point, or the one nearest to it in log size."""
    rows = profile.rows(point.phase, "knot")
    wanted = (point.tokens, point.batch, point.context_tokens)
    names = ("tokens", "batch", "context_tokens")
    distance = sum(np.log((rows[name] + 1.0) / (value + 1.0)) ** 2 for name, value in zip(names, wanted))
    return float(rows["time_s"][np.argmin(distance)])
