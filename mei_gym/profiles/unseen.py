"""A model that was not measured on a measured device: the device's other models lend their utilisation.

    t(model, work) = u R(F, B)         log u = sum w_i log u_i / sum w_i         w_i = 1 / (d_i^2 + d_0^2)

    R    one roofline for the device, fitted to the knots of all its measured models together
    u_i  measured time of model i at the same tokens (batch, context), over R of its work there
    d_i  how far model i is away: the Euclidean distance in log2 of the weights of a block, of the width of its keys
         and of the hidden size; for head and embedding, of the head's weights and of the hidden size

F and B are the new model's own, so its sizes enter through the roofline; what is lent is only how far kernels of such
shapes stay behind it. With a single measured model its utilisation is lent as it is. Tested by leaving one model out
after another: `costs/errors.py` writes what that gives as the tier "unseen model". The form is AIConfigurator's
(utilisation transfer, costs.md section 3g); a roofline alone errs more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from mei_gym.architectures import Architecture
from mei_gym.profiles.fit import (
    Fit,
    Grid,
    Knots,
    Roofline,
    context_share,
    fit,
    fit_roofline,
    isotonic,
    monotone,
    roofline_time,
)
from mei_gym.profiles.load import Profile, ProfileError, architecture_of, load_profile, models, slug_of

NEAREST = 0.25  # d_0, in doublings; chosen: a model as near as this outweighs all others, without a jump


class Transfer(NamedTuple):
    """What the cost model reads for a model that was not measured, and whose measurements it rests on."""

    roofline: Roofline
    context_share: float
    prefill: Knots
    decode: Grid
    head: Knots
    embedding: Knots
    weight_bytes: float
    value_bytes: float
    anchors: tuple[str, ...]  # names of the measured models


class Anchor(NamedTuple):
    """A measured model: its profile and fit."""

    profile: Profile
    known: Fit


def transfer(device: str, architecture: Architecture, left_out: frozenset[str] = frozenset()) -> Transfer:
    """Times of an architecture on a measured device, from the models measured there.

    `left_out` has slugs of models whose profiles are not used: for tests of the transfer itself.
    """
    used = tuple(slug for slug in models(device) if slug not in left_out)
    if not used:
        raise ProfileError(f"nothing anchors {architecture.name} on {device}: no other model was measured there")
    hashes = tuple(load_profile(device, slug).card.csv_sha256 for slug in used)
    return _transfer_cached(device, architecture, used, hashes)


@lru_cache(maxsize=64)
def _transfer_cached(
    device: str, architecture: Architecture, used: tuple[str, ...], _hashes: tuple[str, ...]
) -> Transfer:
    anchors = [Anchor(load_profile(device, slug), fit(device, slug)) for slug in used]
    roofline = _common_roofline(anchors)
    weight, ends_weight = (_weights(sizes, architecture, anchors) for sizes in (_block_sizes, _end_sizes))
    nearest = anchors[int(np.argmax(weight))].profile.card
    bytes_per = (nearest.weight_bytes_per_value, nearest.value_bytes)
    lent = _Lent(anchors, weight, ends_weight, roofline, architecture, bytes_per)
    shares = [context_share(a.profile.rows("prefill", "knot"), a.known.prefill, roofline, a.profile) for a in anchors]
    return Transfer(
        roofline,
        float(np.average(shares, weights=weight)),
        lent.knots("prefill"),
        lent.grid(),
        lent.knots("head"),
        lent.knots("embedding"),
        *bytes_per,
        tuple(anchor.profile.card.model for anchor in anchors),
    )


def by_nearness(device: str, model: str) -> list[str]:
    """Slugs of the models measured on a device, the nearest in the size of its blocks first."""
    own = np.log2(_block_sizes(architecture_of(model)))

    def distance(slug: str) -> float:
        return float(((np.log2(_block_sizes(architecture_of(slug))) - own) ** 2).sum())

    return sorted(models(device), key=lambda slug: (slug != slug_of(model), distance(slug)))


def same_blocks(device: str, model: str) -> frozenset[str]:
    """Slugs of the models measured on a device whose blocks have a model's sizes, its own among them.

    Llama-3-8B and Mistral-7B are such a pair: one left out alone would be lent its twin's times.
    """
    own = _block_sizes(architecture_of(model))
    return frozenset(slug for slug in models(device) if _block_sizes(architecture_of(slug)) == own)


def _common_roofline(anchors: list[Anchor]) -> Roofline:
    """One roofline for all knots of blocks together: a model with twice the knots weighs twice."""
    parts = [anchor.profile.rows(phase, "knot") for anchor in anchors for phase in ("prefill", "decode")]
    return fit_roofline(*(np.concatenate([part[name] for part in parts]) for name in ("flops", "bytes", "time_s")))


def _weights(
    sizes: Callable[[Architecture], tuple[int, ...]], architecture: Architecture, anchors: list[Anchor]
) -> np.ndarray:
    """w of the module's docstring, one an anchor."""
    steps = np.log2([sizes(anchor.profile.architecture) for anchor in anchors]) - np.log2(sizes(architecture))
    return 1.0 / ((steps**2).sum(axis=1) + NEAREST**2)


def _block_sizes(card: Architecture) -> tuple[int, ...]:
    return card.block_matrix_weights, card.kv_width, card.hidden_size


def _end_sizes(card: Architecture) -> tuple[int, ...]:
    return card.head_weights, card.hidden_size


class _Lent:
    """Utilisations of the anchors, read at the new model's work."""

    def __init__(
        self, anchors: list[Anchor], weight: np.ndarray, ends_weight: np.ndarray, roofline: Roofline,
        architecture: Architecture, bytes_per: tuple[float, float],
    ) -> None:  # fmt: skip
        self.anchors, self.weight, self.ends_weight = anchors, weight, ends_weight
        self.roofline, self.architecture, self.bytes_per = roofline, architecture, bytes_per

    def knots(self, phase: str) -> Knots:
        """Times at every number of tokens at which an anchor was measured; none where no anchor has the phase."""
        having = [i for i, anchor in enumerate(self.anchors) if len(getattr(anchor.known, phase).tokens)]
        if not having:
            return Knots(np.zeros(0), np.zeros(0))
        tokens = np.unique(np.concatenate([getattr(self.anchors[i].known, phase).tokens for i in having]))
        logs = []
        for i in having:
            anchor = self.anchors[i]
            known: Knots = getattr(anchor.known, phase)
            bound_s = self._bound(anchor.profile.architecture, phase, known.tokens, _bytes_per(anchor))
            logs.append(np.interp(np.log(tokens), np.log(known.tokens), np.log(known.time_s / bound_s)))
        weight = self.weight if phase == "prefill" else self.ends_weight
        log_u = np.average(logs, axis=0, weights=weight[having])
        return Knots(tokens, isotonic(np.exp(log_u) * self._bound(self.architecture, phase, tokens, self.bytes_per)))

    def grid(self) -> Grid:
        """Times of decoding at every batch and context at which an anchor was measured."""
        grids = [anchor.known.decode for anchor in self.anchors]
        batch = np.unique(np.concatenate([grid.batch for grid in grids]))
        context = np.unique(np.concatenate([grid.context_tokens for grid in grids]))
        logs = []
        for anchor, grid in zip(self.anchors, grids, strict=True):
            bound_s = self._decode_bound(
                anchor.profile.architecture, grid.batch, grid.context_tokens, _bytes_per(anchor)
            )
            log_u = np.log(grid.time_s / bound_s)
            along = np.array([np.interp(np.log1p(context), np.log1p(grid.context_tokens), line) for line in log_u])
            logs.append(np.array([np.interp(np.log(batch), np.log(grid.batch), line) for line in along.T]).T)
        log_u = np.average(logs, axis=0, weights=self.weight)
        bound_s = self._decode_bound(self.architecture, batch, context, self.bytes_per)
        return Grid(batch, context, monotone(np.exp(log_u) * bound_s))

    def _bound(self, card: Architecture, phase: str, tokens: np.ndarray, bytes_per: tuple[float, float]) -> np.ndarray:
        """s; the roofline of a pass over so many tokens."""
        weight_bytes, value_bytes = bytes_per
        if phase == "prefill":
            work = [(card.prefill_flops(m), card.prefill_bytes(m, 0.0, weight_bytes, value_bytes)) for m in tokens]
        elif phase == "head":
            work = [(card.head_flops(m), card.head_bytes(m, weight_bytes, value_bytes)) for m in tokens]
        else:
            work = [(0.0, card.embedding_bytes(m, weight_bytes, value_bytes)) for m in tokens]
        flops, moved = np.array(work, dtype=float).T
        return roofline_time(self.roofline, flops, moved)

    def _decode_bound(
        self, card: Architecture, batch: np.ndarray, context: np.ndarray, bytes_per: tuple[float, float]
    ) -> np.ndarray:
        flops = card.decode_flops(batch[:, None], context[None, :])  # type: ignore[arg-type]
        moved = card.decode_bytes(batch[:, None], context[None, :], *bytes_per)  # type: ignore[arg-type]
        return roofline_time(self.roofline, np.asarray(flops), np.asarray(moved))


def _bytes_per(anchor: Anchor) -> tuple[float, float]:
    return anchor.profile.card.weight_bytes_per_value, anchor.profile.card.value_bytes
