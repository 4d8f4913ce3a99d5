"""Noise and rounding at equal cost in quality: read from what was measured, and refused beyond it."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from mei_gym.profiles import defences
from mei_gym.profiles.curves import leakage_by_cut, leakage_error_by_cut
from mei_gym.profiles.defences import BITS, NOISE, Defended, defence, defended_cuts, noise_at_the_cost_of_bits
from mei_gym.profiles.load import ProfileError

MODEL = "SmolLM2-135M"


def test_a_defence_begins_with_activations_as_they_are_and_hides_more_the_more_it_costs() -> None:
    for cut in defended_cuts(MODEL):
        for seen in ("all", "rare"):
            found = defence(MODEL, NOISE, cut, seen=seen)
            assert found.amount.tolist() == [16, 0.05, 0.1, 0.25, 0.5, 1]
            assert found.leakage[0] == leakage_by_cut(MODEL, seen=seen)[cut]
            assert (np.diff(found.cost) > 0.0).all()
            assert (np.diff(found.leakage) <= 0.0).all()


def test_bits_here_are_the_bits_of_the_privacy_budget() -> None:
    found = defence(MODEL, BITS, 12)
    at = found.amount.tolist().index(4)
    assert found.leakage[at] == leakage_by_cut(MODEL, 4)[12]
    assert found.leakage_se[at] == leakage_error_by_cut(MODEL, 4)[12]


def test_noise_at_the_cost_of_bits_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        kind: Defended(np.array(amount), np.array(cost), np.zeros(3), np.array(leakage), np.zeros(3))
        for kind, amount, cost, leakage in (
            (BITS, [16, 8, 4], [0.0, 0.04, 0.0625], [0.9, 0.8, 0.7]),
            (NOISE, [16, 0.1, 0.2], [0.0, 0.01, 0.09], [0.9, 0.8, 0.4]),
        )
    }
    monkeypatch.setattr(defences, "defence", lambda model, kind, cut, corpus, seen: known[kind])
    assert noise_at_the_cost_of_bits(MODEL, 8, 12) == pytest.approx(0.6)  # roots .1, .2, .3: half way
    share = (sqrt(0.0625) - 0.1) / 0.2
    assert noise_at_the_cost_of_bits(MODEL, 4, 12) == pytest.approx(0.8 - 0.4 * share)


def test_at_the_cost_of_four_bits_noise_hides_as_little_as_rounding() -> None:
    for cut in defended_cuts(MODEL):
        assert abs(noise_at_the_cost_of_bits(MODEL, 4, cut) - leakage_by_cut(MODEL, 4)[cut]) < 0.02


def test_what_was_not_measured_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProfileError, match="no defence 'hope'; there are bits and noise"):
        defence(MODEL, "hope", 12)
    with pytest.raises(ProfileError, match=r"was not measured with cut 2\.0; there are .*3\.0"):
        defence(MODEL, NOISE, 2)
    with pytest.raises(ProfileError, match="cut 12 of SmolLM2-135M was not measured with 5 bits; there are 8, 4, 2"):
        noise_at_the_cost_of_bits(MODEL, 5, 12)
    whole = defences.defence
    monkeypatch.setattr(
        defences,
        "defence",
        lambda model, kind, cut, *more: Defended(
            *(column[: None if kind == BITS else 2] for column in whole(model, kind, cut, *more))
        ),
    )
    with pytest.raises(ProfileError, match=r"2 bits at cut 12 cost 1\.89 nats, more than the most noise"):
        noise_at_the_cost_of_bits(MODEL, 2, 12)
