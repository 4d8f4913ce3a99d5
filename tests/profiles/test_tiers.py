"""Error bars by tier: each from its own rows, beside the goals."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest

from mei_gym.profiles.load import ProfileError
from mei_gym.profiles.tables import ALL, ANY, DERIVED, INTERPOLATED, UNSEEN, error_rows
from mei_gym.profiles.tiers import GOALS, MEASURED, prediction_error, tier_rows


def test_there_is_a_row_for_each_tier_and_phase() -> None:
    assert [(row.tier, row.phase) for row in tier_rows()] == [(t, p) for t in GOALS for p in ("prefill", "decode")]


def test_errors_grow_from_measured_points_to_derived_devices() -> None:
    typical = {row.tier: row.typical_median for row in tier_rows() if row.phase == "decode"}
    assert typical[MEASURED] < typical[INTERPOLATED] < typical[UNSEEN] < typical[DERIVED]


def test_a_tier_counts_the_profiles_that_reach_both_goals() -> None:
    row = next(row for row in tier_rows() if (row.tier, row.phase) == (UNSEEN, "decode"))
    alone = [e for e in error_rows() if e.tier == UNSEEN and e.phase == "decode" and e.regime == ALL and e.model != ANY]
    assert row.of == len(alone)
    assert row.reached == sum(e.median <= 0.05 and e.p95 <= 0.15 for e in alone)
    assert row.worst_median == max(e.median for e in alone)


@pytest.mark.parametrize(
    ("device", "model", "tier"),
    [
        ("h100-sxm", "llama-3-8b", INTERPOLATED),
        ("h200-sxm", "GPT-2", UNSEEN),
        ("phone", "Llama-2-7B", DERIVED),
        ("l4", "Llama-2-7B", DERIVED),
    ],
)
def test_a_prediction_has_the_error_bar_of_its_tier(device: str, model: str, tier: str) -> None:
    for phase in ("prefill", "decode"):
        found = prediction_error(device, model, phase)
        assert found.tier == tier
        assert found.points > 0
        assert 0.0 < found.median <= found.p95


def test_a_device_whose_class_was_never_tested_has_no_error_bar() -> None:
    found = prediction_error("phone-npu", "Llama-2-7B")
    assert found.points == 0
    assert isnan(found.median)


def test_a_phase_without_errors_is_refused() -> None:
    with pytest.raises(ProfileError, match="no error of phase 'chat'"):
        prediction_error("h100-sxm", "Llama-2-7B", "chat")


def test_the_pooled_error_of_a_device_lies_between_those_of_its_models() -> None:
    rows = [row for row in error_rows() if row.tier == UNSEEN and row.device == "h100-sxm" and row.phase == "prefill"]
    medians = [row.median for row in rows if row.model != ANY]
    pooled = next(row.median for row in rows if row.model == ANY)
    assert np.min(medians) < pooled < np.max(medians)
