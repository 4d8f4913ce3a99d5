"""Shares of a cell, one signal for many, many sites for one: hand numbers and laws."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mei_gym.compiled import plain
from mei_gym.network import cooperation, sharing

max_min = plain(sharing.max_min_rate_bps)
equal = plain(sharing.equal_rate_bps)
multicast = plain(sharing.multicast_rate_bps)
served_first = plain(sharing.users_served_first)
noncoherent, coherent = plain(cooperation.noncoherent_sinr), plain(cooperation.coherent_sinr)

SE = np.array([4.0, 2.0, 1.0])
efficiencies = st.lists(st.floats(0.01, 7.4), min_size=1, max_size=8).map(lambda each: np.array(sorted(each)[::-1]))


def test_three_users_share_a_cell_by_hand():
    assert [equal(84.0, each, 3) for each in SE] == [112.0, 56.0, 28.0]
    assert max_min(70.0, SE, 3) == pytest.approx(40.0)  # 70 / (1/4 + 1/2 + 1)
    assert multicast(70.0, SE, 3) == 70.0
    assert max_min(70.0, np.array([4.0, 0.0]), 2) == 0.0


@settings(deadline=None)
@given(efficiencies)
def test_shares_are_laws_of_airtime(efficiency):
    count = len(efficiency)
    common = max_min(1e6, efficiency, count)
    assert sum(common / each for each in efficiency) == pytest.approx(1e6)
    assert sum(equal(1e6, each, count) / each for each in efficiency) == pytest.approx(1e6)
    assert equal(1e6, efficiency[-1], count) <= common * (1 + 1e-12) <= equal(1e6, efficiency[0], count) * (1 + 1e-9)


@settings(deadline=None)
@given(efficiencies)
def test_multicast_is_never_faster_than_its_worst_member_nor_slower_than_all_apart(efficiency):
    count = len(efficiency)
    rate = multicast(1e6, efficiency, count)
    assert rate == pytest.approx(1e6 * efficiency.min())
    assert rate >= max_min(1e6, efficiency, count) * (1 - 1e-12)


def test_the_good_are_served_first_where_the_bad_are_much_worse():
    # one signal: all wait 1/1; the first two apart: 1/2 + (1/3) 1 = .83; the first alone: 1/4 + 2/3 = .92
    assert served_first(SE, 3) == 2
    assert served_first(np.array([2.0, 1.9, 1.8]), 3) == 0
    assert served_first(np.array([3.0]), 1) == 0


@settings(deadline=None)
@given(efficiencies)
def test_the_group_served_first_has_the_least_mean_wait_of_all(efficiency):
    count = len(efficiency)

    def mean_wait(first):
        if first == 0:
            return 1.0 / efficiency[-1]
        return 1.0 / efficiency[first - 1] + (count - first) / count / efficiency[-1]

    assert mean_wait(served_first(efficiency, count)) == pytest.approx(min(map(mean_wait, range(count))))


def test_two_sites_together_by_hand():
    gain, power_w, load = np.array([4.0, 1.0, 1.0]), np.ones(3), np.array([1.0, 1.0, 0.5])
    both = np.array([1, 1, 0])
    assert noncoherent(gain, power_w, load, both, 0.5) == pytest.approx(5.0)  # (4 + 1) / (.5 + .5)
    assert coherent(gain, power_w, load, both, 0.5) == pytest.approx(9.0)  # (2 + 1)^2 / 1


def test_cooperation_is_never_below_its_best_single_site():
    rng = np.random.default_rng(3)
    for _ in range(200):
        gain, load = rng.exponential(size=4), rng.random(4)
        power_w = rng.random(4) + 0.1
        alone = max(noncoherent(gain, power_w, load, np.arange(4) == site, 0.3) for site in range(4))
        every = noncoherent(gain, power_w, load, np.ones(4), 0.3)
        assert alone <= every <= coherent(gain, power_w, load, np.ones(4), 0.3)
        for some in itertools.product((0, 1), repeat=4):
            together = np.array(some)
            assert (
                noncoherent(gain, power_w, load, together, 0.3) <= coherent(gain, power_w, load, together, 0.3) + 1e-12
            )


def test_compiled_shares_equal_plain_ones():
    gain, power_w, load, both = np.array([4.0, 1.0]), np.ones(2), np.ones(2), np.array([1, 0])
    assert sharing.max_min_rate_bps(7e6, SE, 3) == max_min(7e6, SE, 3)
    assert sharing.multicast_rate_bps(7e6, SE, 3) == multicast(7e6, SE, 3)
    assert sharing.users_served_first(SE, 3) == served_first(SE, 3)
    for rule in ("noncoherent_sinr", "coherent_sinr"):
        compiled = getattr(cooperation, rule)
        assert compiled(gain, power_w, load, both, 0.3) == pytest.approx(
            plain(compiled)(gain, power_w, load, both, 0.3), rel=1e-14
        )
