"""Error bars by tier: each from its own rows, beside the goals."""

from __future__ import annotations

import re
from math import isnan
from pathlib import Path

import numpy as np
import pytest

from mei_gym.profiles.fit import fit
from mei_gym.profiles.load import ProfileError, load_profile
from mei_gym.profiles.tables import ALL, ANY, DERIVED, INTERPOLATED, MEASURED, UNSEEN, error_rows
from mei_gym.profiles.tiers import GOALS, prediction_error, tier_rows


def test_there_is_a_row_for_each_tier_and_phase() -> None:
    assert [(row.tier, row.phase) for row in tier_rows()] == [(t, p) for t in GOALS for p in ("prefill", "decode")]


def test_errors_grow_from_measured_points_to_derived_devices() -> None:
    typical = {row.tier: row.typical_median for row in tier_rows() if row.phase == "decode"}
    assert typical[MEASURED] < typical[INTERPOLATED] < typical[UNSEEN] < typical[DERIVED]


def test_a_knot_that_was_moved_is_off_by_its_move_where_it_is_measured_again() -> None:
    device, model = "xeon-amx-1t", "TinyLlama-1.1B"  # the widest moves of a prompt's knots that were repeated
    profile, known = load_profile(device, model), fit(device, model).prefill
    again = profile.rows("prefill", "repeat")
    off = [
        abs(known.time_s[known.tokens == m][0] / t - 1.0) for m, t in zip(again["tokens"], again["time_s"], strict=True)
    ]
    row = next(
        row
        for row in error_rows()
        if (row.tier, row.device, row.model, row.phase) == (MEASURED, device, model, "prefill")
    )
    assert row.points == len(off)
    assert row.p95 == pytest.approx(np.percentile(off, 95), abs=1e-5)
    assert row.p95 > 0.1


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


def readme_rows(mark: str) -> list[list[str]]:
    """The cells of the table that the README has between two marks, its head left out."""
    text = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    part = text.partition(f"<!-- {mark} -->")[2].partition(f"<!-- end of {mark} -->")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def as_printed(pair: str, *ratios: float) -> bool:
    """Whether a cell `median / 95th percentile` is these ratios in per cent, to the digits that it has."""
    printed = pair.split(" / ")
    return all(
        abs(float(text) - 100.0 * ratio) <= 0.5001 * 10.0 ** -len(text.partition(".")[2])
        for text, ratio in zip(printed, ratios, strict=True)
    )


def test_the_tiers_of_the_readme_are_those_of_the_command() -> None:
    printed, rows = readme_rows("tiers"), tier_rows()
    assert len(printed) == len(GOALS)
    for cells, prefill, decode in zip(printed, rows[::2], rows[1::2], strict=True):
        assert as_printed(cells[3], prefill.typical_median, prefill.typical_p95), cells
        assert as_printed(cells[4], decode.typical_median, decode.typical_p95), cells
        goal, reached = cells[5].split(": ")
        assert as_printed(goal, prefill.goal_median, prefill.goal_p95)
        counts = re.fullmatch(r"(\d+)(?: of (\d+))?, (\d+) of (\d+) \D+", reached)
        assert counts is not None, reached
        told = [int(count) if count else None for count in counts.groups()]
        assert told == [prefill.reached, prefill.of if told[1] is not None else None, decode.reached, decode.of]


def test_the_errors_of_the_readme_are_those_of_the_command() -> None:
    known = {(row.tier, row.device, row.model, row.phase): row for row in error_rows() if row.regime == ALL}
    printed = readme_rows("error table")
    assert len(printed) == sum(key[0] == INTERPOLATED and key[3] == "decode" for key in known)
    for device, model, *cells in printed:
        for phase, (error, twice, left_out) in (("prefill", cells[:3]), ("decode", cells[3:])):
            row, lent = (known[tier, device, model, phase] for tier in (INTERPOLATED, UNSEEN))
            assert as_printed(error, row.median, row.p95), (device, model, phase)
            assert as_printed(twice, row.noise_median, row.noise_p95), (device, model, phase)
            assert as_printed(left_out, lent.median, lent.p95), (device, model, phase)
