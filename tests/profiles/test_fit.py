"""The fit of a roofline finds what made the data, and monotone repair moves no more than it must."""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import isclose

import numpy as np

from mei_gym.architectures import ARCHITECTURES
from mei_gym.profiles.fit import Roofline, fit_roofline, isotonic, monotone, roofline_time

CARD = ARCHITECTURES["Llama-2-7B"]


def made(roofline: Roofline, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    tokens = np.array([1, 2, 4, 8, 16, 32, 64, 128, 192, 256, 384, 512, 1024, 2048, 4096])
    flops, moved = np.array([[CARD.prefill_flops(m), CARD.prefill_bytes(m)] for m in tokens]).T
    shake = np.exp(noise * np.random.default_rng(0).normal(size=len(tokens)))
    return flops, moved, shake * roofline_time(roofline, flops, moved)


def test_a_roofline_is_found_again_from_its_own_times() -> None:
    truth = Roofline(6e14, 2.5e12, 1e-5, 1.6)
    found = fit_roofline(*made(truth))
    flops, moved, time_s = made(truth)
    assert np.allclose(roofline_time(found, flops, moved), time_s, rtol=2e-3)
    assert isclose(found.peak_flops, 6e14, rel_tol=0.02)
    assert isclose(found.bandwidth_bytes_per_s, 2.5e12, rel_tol=0.03)


def test_one_wild_row_hardly_moves_the_roofline() -> None:
    flops, moved, time_s = made(Roofline(6e14, 2.5e12, 1e-5, 1.6), noise=0.01)
    wild = time_s.copy()
    wild[7] *= 3.0
    calm, shaken = fit_roofline(flops, moved, time_s), fit_roofline(flops, moved, wild)
    others = np.arange(len(time_s)) != 7
    ratio = roofline_time(shaken, flops, moved) / roofline_time(calm, flops, moved)
    assert np.all(np.abs(ratio[others] - 1.0) < 0.06)


def test_monotone_times_are_returned_as_they_are() -> None:
    times = np.array([[1.0, 2.0, 3.0], [1.0, 2.5, 4.0]])
    assert np.array_equal(monotone(times), times)


def test_a_lone_spike_moves_alone() -> None:
    assert isotonic(np.array([1.0, 2.0, 9.0, 3.0, 3.5, 4.0])).tolist() == [1.0, 2.0, 3.0, 3.0, 3.5, 4.0]


def test_of_two_times_out_of_order_the_longer_pass_keeps_its_own() -> None:
    assert isotonic(np.array([1.0, 4.0, 3.0, 9.0])).tolist() == [1.0, 3.0, 3.0, 9.0]


def test_no_other_monotone_times_are_nearer_in_sum() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        times = rng.integers(1, 5, 5).astype(float)
        best = min(
            sum(abs(a - b) for a, b in zip(times, candidate))
            for candidate in combinations_with_replacement((1.0, 2.0, 3.0, 4.0), 5)
        )
        found = isotonic(times)
        assert np.all(np.diff(found) >= 0.0)
        assert np.abs(found - times).sum() == best


def test_a_dip_in_a_grid_is_lifted_and_its_neighbour_lowered_and_nothing_else_moves() -> None:
    repaired = monotone(np.array([[1.0, 4.0, 2.25, 9.0], [1.0, 5.0, 6.0, np.nan]]))
    assert np.allclose(repaired, [[1.0, 3.0, 3.0, 9.0], [1.0, 5.0, 6.0, np.nan]], equal_nan=True)


def test_repaired_grids_never_fall_along_any_axis() -> None:
    repaired = monotone(np.random.default_rng(1).uniform(1.0, 2.0, (6, 7)))
    assert np.all(np.diff(repaired, axis=0) >= 0.0)
    assert np.all(np.diff(repaired, axis=1) >= 0.0)
