import numpy as np
import pytest

from agents.statistics import Bootstrap, interval_over_runs, iqm, mean, quantiles, wins


def test_the_interquartile_mean_leaves_out_a_quarter_at_either_end():
    assert iqm(np.array([[100.0, 2, 3, 4, 5, 6, 7, -50]])) == pytest.approx((3 + 4 + 5 + 6) / 4)
    assert iqm(np.array([[1.0, 9.0], [3.0, 5.0]])) == pytest.approx(4.0)


def test_wins_count_pairs_on_the_same_episode_and_ties_half():
    scores = np.array([[1.0, 5.0], [3.0, 2.0]])
    other = np.array([[2.0, 2.0]])
    assert wins(scores, other) == pytest.approx((0 + 1 + 1 + 0.5) / 4)
    assert wins(other, scores) == pytest.approx(1 - wins(scores, other))


def test_a_constant_advantage_has_an_interval_of_no_width_however_noisy_the_episodes():
    noise = np.random.default_rng(0).normal(0, 10, (1, 32))
    gap = Bootstrap(32).difference(noise + 0.25, noise)
    assert gap == pytest.approx((0.25, 0.25, 0.25))
    assert Bootstrap(32).improvement(noise + 0.25, noise) == (1.0, 1.0, 1.0)


def test_the_interval_of_a_mean_is_that_of_the_normal_law():
    scores = np.random.default_rng(1).normal(0, 1, (1, 400))
    estimate = Bootstrap(400, replicates=8000).estimate(scores)
    half_width = 1.96 * scores.std() / 20
    assert estimate.value == pytest.approx(scores.mean())
    assert estimate.high - estimate.value == pytest.approx(half_width, rel=0.1)
    assert estimate.value - estimate.low == pytest.approx(half_width, rel=0.1)


def test_runs_are_drawn_whole():
    runs = np.repeat([[0.0], [1.0], [2.0], [3.0], [4.0]], 1000, axis=1)  # no noise between episodes, all between runs
    estimate = Bootstrap(1000, replicates=500).estimate(runs)
    assert estimate.low < 1.2
    assert estimate.high > 2.8


def test_the_interval_is_the_one_that_drawing_by_hand_gives():
    scores = np.array([[1.0, 2.0, 4.0]])
    bootstrap = Bootstrap(3, replicates=5, seed=3)
    by_hand = [scores[0, columns].mean() for columns in bootstrap.columns]
    assert bootstrap.estimate(scores, mean) == pytest.approx((7 / 3, *np.quantile(by_hand, [0.025, 0.975])))


def test_policies_on_different_numbers_of_episodes_are_refused():
    with pytest.raises(ValueError, match="5 episodes; 4 are needed"):
        Bootstrap(4).estimate(np.zeros((1, 5)))


def test_one_run_has_no_spread():
    assert interval_over_runs(np.array([0.5])) == (0.5, 0.5, 0.5)


def test_weighted_quantiles_are_those_of_the_repeated_values():
    values, weights = np.array([5.0, 1.0, 3.0, 99.0]), np.array([2, 1, 1, 0])
    at = np.array([0.25, 0.5, 0.75, 1.0])
    assert quantiles(values, weights, at).tolist() == [1.0, 3.0, 5.0, 5.0]
    assert quantiles(values, np.zeros(4), at).tolist() == [0, 0, 0, 0]
