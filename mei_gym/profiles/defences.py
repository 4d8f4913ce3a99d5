"""Two ways to hide a prompt at a cut, at equal cost in quality: activations with fewer bits, or with noise added.

    bits     rounded in groups of 64 channels        noise    a share of each token's rms, times a normal draw

Both were measured: what they cost (quality, nats a token) and what a linear attacker, who retrains on defended
activations, still reads (leakage). Small noise costs with its square, so between measured shares leakage is read on a
line in the root of the cost; no noise costs nothing and leaks all that the cut does. Beyond the most noise whose cost
was measured nothing is said.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mei_gym.profiles.curves import best_trained, load_curves
from mei_gym.profiles.load import ProfileError

BITS, NOISE = "bits", "noise"
IN_LEAKAGE = {BITS: "bits_group64", NOISE: "noise"}
IN_QUALITY = {BITS: {"curve": "activation", "setting": "group 64"}, NOISE: {"curve": "noise"}}


class Defended(NamedTuple):
    """One defence at one cut on one text, in the order of its cost; the first row is of activations as they are."""

    amount: np.ndarray  # bits, or noise over rms
    cost: np.ndarray  # rise of the loss, nats a token; 0 where it was measured to be a gain
    cost_se: np.ndarray
    leakage: np.ndarray  # share of the prompt's tokens
    leakage_se: np.ndarray


def defence(model: str, kind: str, cut: int, corpus: str = "wiki", seen: str = "all") -> Defended:
    """What a defence, `bits` or `noise`, costs and leaves at a cut, at every amount that was measured of both."""
    if kind not in IN_LEAKAGE:
        raise ProfileError(f"no defence {kind!r}; there are {' and '.join(IN_LEAKAGE)}")
    leakage, quality = load_curves("leakage", model), load_curves("quality", model)
    where: dict[str, Any] = {"cut": float(cut), "corpus": corpus}
    read = best_trained(leakage, defence=IN_LEAKAGE[kind], seen=seen, **where)
    plain = best_trained(leakage, defence="none", seen=seen, **where)
    lost = quality.rows(**IN_QUALITY[kind], **where)
    rows = [(plain["amount"][0], 0.0, 0.0, plain["top1"][0], plain["top1_se"][0])]
    for amount, nats, nats_se in zip(lost["amount"], lost["dnll"], lost["dnll_se"]):
        at = np.flatnonzero(read["amount"] == amount)
        if len(at):
            rows.append((amount, max(0.0, nats), nats_se, read["top1"][at[0]], read["top1_se"][at[0]]))
    rows.sort(key=lambda row: row[1])
    return Defended(*np.array(rows).T)


def noise_at_the_cost_of_bits(model: str, bits: int, cut: int, corpus: str = "wiki", seen: str = "all") -> float:
    """Share of the prompt's tokens that leak under the noise that costs as much quality as rounding to so many bits."""
    rounded = defence(model, BITS, cut, corpus, seen)
    at = np.flatnonzero(rounded.amount == bits)
    if not len(at):
        there = ", ".join(f"{amount:g}" for amount in rounded.amount[1:])
        raise ProfileError(f"cut {cut} of {model} was not measured with {bits} bits; there are {there}")
    noisy, cost = defence(model, NOISE, cut, corpus, seen), rounded.cost[at[0]]
    if cost > noisy.cost[-1]:
        raise ProfileError(
            f"{bits} bits at cut {cut} cost {cost:.3g} nats, more than the most noise that was measured: "
            f"{noisy.cost[-1]:.3g}"
        )
    return float(np.interp(np.sqrt(cost), np.sqrt(noisy.cost), noisy.leakage))


def defended_cuts(model: str, corpus: str = "wiki") -> list[int]:
    """The cuts at which noise was measured on a text, both what it costs and what it leaves."""
    tables = (
        load_curves("leakage", model).rows(defence="noise", corpus=corpus),
        load_curves("quality", model).rows(curve="noise", corpus=corpus),
    )
    return sorted({int(cut) for cut in tables[0]["cut"]} & {int(cut) for cut in tables[1]["cut"]})
