"""Knots stand on both sides of each step; held-out points are never knots."""

import pytest

from mei_gym.architectures import ARCHITECTURES
from mei_gym.measurements.points import Point, core_points, cpu_points, gpu_points, quantised_points, work_amount

LLAMA = ARCHITECTURES["Llama-2-7B"]


@pytest.mark.parametrize(
    "points", [gpu_points(0, False), cpu_points(0, False), gpu_points(3, True), cpu_points(3, True)]
)
def test_no_held_out_point_is_a_knot(points):
    knots = {p._replace(role="") for p in points if p.role == "knot"}
    assert not knots & {p._replace(role="") for p in points if p.role == "heldout"}


@pytest.mark.parametrize("points", [gpu_points(0, False), cpu_points(0, False)])
def test_each_repeat_is_a_knot_again(points):
    knots = {p for p in points if p.role == "knot"}
    repeats = [p for p in points if p.role == "repeat"]
    assert len(repeats) >= 12
    assert all(p._replace(role="knot") in knots for p in repeats)


def test_no_point_is_asked_for_twice():
    for points in (gpu_points(0, False), cpu_points(0, False)):
        assert len(points) == len(set(points))


def test_knots_stand_on_both_sides_of_each_128_step():
    tokens = {p.tokens for p in gpu_points(0, False) if p.phase == "prefill" and p.role == "knot"}
    assert all({128 * j, 128 * j + 1} <= tokens for j in range(1, 32))


def test_held_out_prompts_are_spread_over_the_regimes():
    tokens = [p.tokens for p in gpu_points(0, False) if (p.phase, p.role) == ("prefill", "heldout")]
    assert [sum(lo <= n <= hi for n in tokens) for lo, hi in ((1, 64), (65, 512), (513, 4096))] == [5, 6, 6]


def test_the_seed_moves_the_held_out_points_and_nothing_else():
    one, other = gpu_points(0, False), gpu_points(1, False)
    assert one != other
    assert [p for p in one if p.role == "knot"] == [p for p in other if p.role == "knot"]


def test_the_work_of_a_mixed_pass_reads_the_weights_once():
    chunk = work_amount(LLAMA, Point("prefill", "knot", 256, 1, 512), 2)
    decodes = work_amount(LLAMA, Point("decode", "knot", 1, 8, 1024), 2)
    mixed = work_amount(LLAMA, Point("mixed", "heldout", 256, 8, 1024), 2)
    assert mixed[0] == chunk[0] + decodes[0]
    assert mixed[1] == chunk[1] + decodes[1] - 2 * LLAMA.block_matrix_weights


def test_a_decode_must_at_least_read_the_weights_and_the_cache():
    least = work_amount(LLAMA, Point("decode", "knot", 1, 4, 1000), 2)[2]
    assert least == 2 * LLAMA.block_matrix_weights + 4 * 1000 * 16384  # 16 KiB a token: costs.md, section 2


def test_core_points_are_half_of_the_full_and_hold_out_the_same():
    full, core = gpu_points(0, False), core_points(0)
    assert set(core) < set(full)
    assert 130 <= len(core) <= 170

    def held(points):
        return {p for p in points if p.role == "heldout" and p.phase != "mixed"}

    assert held(core) == held(full)


def test_a_repeat_of_the_core_is_a_knot_of_the_core():
    core = core_points(0)
    assert all(p._replace(role="knot") in core for p in core if p.role == "repeat")


def test_held_out_points_of_packed_weights_are_no_knots():
    for seed in range(5):
        points = quantised_points(seed)
        knots = {p._replace(role="") for p in points if p.role == "knot"}
        assert not knots & {p._replace(role="") for p in points if p.role == "heldout"}
        assert sum(p.role == "heldout" for p in points) == 12
        assert len(points) == len(set(points))


def test_a_trial_of_packed_weights_is_a_trial():
    points = quantised_points(0, quick=True)
    assert len(points) < 0.25 * len(quantised_points(0))
    assert {p.phase for p in points} == {"prefill", "decode"}
    assert {p.role for p in points} == {"knot", "heldout", "repeat"}
