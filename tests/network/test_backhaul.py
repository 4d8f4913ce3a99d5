"""Backhaul: times by hand, who shares what in a star and a mesh, and the mean against a simulated pipe."""

import math
import re
from collections import deque

import numba
import numpy as np
import pytest

from mei_gym.compiled import plain
from mei_gym.network import backhaul as rules
from mei_gym.network.backhaul import BACKHAULS, NO_PIPE, backhaul

pipe_time = plain(rules.pipe_time)
mean_pipe_time = plain(rules.mean_pipe_time)


def test_a_gigabyte_takes_eight_seconds_through_a_gigabit_pipe_and_the_latency():
    assert pipe_time(1e9, 1e9, 1, 0.005) == pytest.approx(8.005)
    assert pipe_time(1e9, 1e9, 4, 0.03) == pytest.approx(32.03)
    assert pipe_time(0.0, 1e9, 4, 0.03) == 0.03
    assert pipe_time(1.0, 0.0, 1, 0.03) == math.inf
    assert pipe_time(1e9, math.inf, 1, 0.0) == 0.0


def test_compiled_and_plain_pipes_take_the_same_time():
    @numba.njit
    def compiled(size_bytes, rate_bps, sharers, load, latency_s):
        return (
            rules.pipe_time(size_bytes, rate_bps, sharers, latency_s),
            rules.mean_pipe_time(size_bytes, rate_bps, load, latency_s),
        )

    for size_bytes, rate_bps, sharers, load in ((3e6, 5e7, 3, 0.5), (0.0, 1e9, 1, 1.0), (5.0, 0.0, 2, 0.0)):
        expected = (
            pipe_time(size_bytes, rate_bps, sharers, 0.01),
            mean_pipe_time(size_bytes, rate_bps, load, 0.01),
        )
        assert compiled(size_bytes, rate_bps, sharers, load, 0.01) == expected


def shared_pipe(arrivals_s, sizes_bits, rate_bps):
    """s of each transfer in one pipe, event by event: everybody present gets the same share."""
    left, ends, now_s = {}, {}, 0.0
    coming = deque(zip(arrivals_s, sizes_bits, range(len(sizes_bits))))
    while coming or left:
        arrival_s = coming[0][0] if coming else math.inf
        done_s = now_s + min(left.values()) * len(left) / rate_bps if left else math.inf
        until_s = min(arrival_s, done_s)
        gone = (until_s - now_s) * rate_bps / max(1, len(left))
        left = {each: bits - gone for each, bits in left.items()}
        now_s = until_s
        if arrival_s <= done_s:
            _, bits, each = coming.popleft()
            left[each] = bits
        else:
            each = min(left, key=lambda one: left[one])
            del left[each]
            ends[each] = now_s
    return np.array([ends[each] - arrivals_s[each] for each in range(len(sizes_bits))])


def test_transfers_begun_together_share_the_pipe_to_the_end():
    np.testing.assert_allclose(shared_pipe([0.0] * 5, [8e6] * 5, 1e8), pipe_time(1e6, 1e8, 5, 0.0))


def test_the_mean_in_a_loaded_pipe_is_that_of_simulated_transfers_of_any_size():
    rng = np.random.default_rng(6)
    count, load, rate_bps = 20_000, 0.6, 1e8
    sizes_bits = np.where(rng.random(count) < 0.8, 2e6, 12e6)
    arrivals_s = np.cumsum(rng.exponential(sizes_bits.mean() / rate_bps / load, count))
    times_s = shared_pipe(arrivals_s.tolist(), sizes_bits.tolist(), rate_bps)
    for bits in (2e6, 12e6):
        expected = mean_pipe_time(bits / 8.0, rate_bps, load, 0.0)
        assert times_s[sizes_bits == bits].mean() == pytest.approx(expected, rel=0.08)


def test_a_full_pipe_never_delivers():
    assert mean_pipe_time(1.0, 1e9, 1.0, 0.01) == math.inf
    assert mean_pipe_time(1e6, 1e9, 0.0, 0.01) == pipe_time(1e6, 1e9, 1, 0.01)


@pytest.mark.parametrize("layout", ["star", "mesh"])
def test_every_pair_of_nodes_has_the_wires_of_its_kind(layout):
    tables = backhaul(3, layout)
    assert tables.backhaul_rate_bps.shape == (4, 4)
    between = ~np.eye(4, dtype=bool)
    between[3] = between[:, 3] = False
    assert (tables.backhaul_latency_s[between] == 0.005).all()
    assert (tables.backhaul_latency_s[3, :3] == 0.03).all()
    assert (tables.backhaul_latency_s[:3, 3] == 0.03).all()
    assert (np.diag(tables.backhaul_latency_s) == 0.0).all()
    assert (np.diag(tables.backhaul_rate_bps) == math.inf).all()
    assert (np.diag(tables.backhaul_pipe) == NO_PIPE).all()


def test_a_star_shares_the_senders_spoke_and_a_mesh_shares_nothing_but_the_way_to_the_cloud():
    star, mesh = backhaul(3, "star").backhaul_pipe, backhaul(3, "mesh").backhaul_pipe
    assert star[0, 1] == star[0, 2] != star[1, 0]
    between = [mesh[i, j] for i in range(3) for j in range(3) if i != j]
    assert len(set(between)) == 6
    for pipe in (star, mesh):
        assert len({*pipe[:3, 3]}) == len({*pipe[3, :3]}) == 1
        assert pipe[0, 3] != pipe[3, 0]
        assert pipe[0, 3] not in pipe[:3, :3]


def test_presets_lie_in_the_ranges_of_their_source():
    assert BACKHAULS["ideal"].edge_latency_s <= 2.5e-6
    for name, slowest_bps, fastest_bps, soonest_s, latest_s in (
        ("fibre", 50e6, 10e9, 2e-3, 5e-3),
        ("shared_fibre", 0.1e9, 1e9, 5e-3, 10e-3),
        ("dsl", 10e6, 100e6, 15e-3, 60e-3),
        ("wireless", 10e6, 100e6, 5e-3, 35e-3),
    ):
        assert slowest_bps <= BACKHAULS[name].edge_rate_bps <= fastest_bps
        assert soonest_s <= BACKHAULS[name].edge_latency_s <= latest_s
    own = backhaul(2, preset="dsl", cloud_rate_bps=2e6)
    assert own.backhaul_rate_bps.tolist() == [[math.inf, 50e6, 2e6], [50e6, math.inf, 2e6], [2e6, 2e6, math.inf]]


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (lambda: backhaul(0), "servers is 0; a whole number from 1 to 512 is accepted."),
        (lambda: backhaul(2, "ring"), "There is no layout of the backhaul 'ring'; known are mesh, star."),
        (lambda: backhaul(2, preset="fiber"), "There is no backhaul 'fiber'; did you mean 'fibre'?"),
        (lambda: backhaul(2, edge_rate=3.0), "There is no backhaul value 'edge_rate'; did you mean 'edge_rate_bps'?"),
        (
            lambda: backhaul(2, edge_rate_bps=0.0),
            "edge_rate_bps is 0.0; a finite positive number is accepted.",
        ),
        (
            lambda: backhaul(2, cloud_latency_s=math.inf),
            "cloud_latency_s is inf; a finite number of 0 or more is accepted.",
        ),
    ],
)
def test_what_no_wire_is_is_refused_in_one_sentence(attempt, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        attempt()
