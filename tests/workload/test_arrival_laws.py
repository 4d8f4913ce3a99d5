"""Laws of arrival by name, and every number that is refused."""

from math import inf, nan

import numpy as np
import pytest

from mei_gym.workload.arrival_laws import ARRIVALS, LIMITS, ArrivalLaw, arrival_params, at_rate, spread_over_grid
from mei_gym.workload.arrivals import BACKGROUND, OWN
from mei_gym.workload.trace import Trace


def trace_of(*times_s):
    return Trace(np.array(times_s), np.arange(1.0, len(times_s) + 1), np.full(len(times_s), 7.0))


@pytest.mark.parametrize("name", sorted(set(ARRIVALS) - {"trace"}))
def test_every_named_law_makes_parameters_within_the_limits(name):
    params = arrival_params(0.5, 0.1, own=ARRIVALS[name], background=name)
    assert params.arrival_base_per_s.tolist() == [0.5, 0.1]
    for field in LIMITS:
        column = getattr(params, f"arrival_{field}")
        assert column[OWN] == column[BACKGROUND] == getattr(ARRIVALS[name], field)
    assert params.arrival_replays.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"own_per_s": -1.0}, r"own_per_s is -1\.0"),
        ({"background_per_s": nan}, "background_per_s is nan"),
        ({"own_per_s": inf}, "finite number of requests per second"),
        ({"own": "poison"}, "unknown own arrivals 'poison': did you mean 'poisson'"),
        ({"background": "conversatoin"}, "did you mean 'conversation'"),
        ({"own": ArrivalLaw(gap_cv=0.0)}, r"gap_cv of the own arrivals is 0\.0; a finite number above 0 up to 30"),
        ({"own": ArrivalLaw(gap_cv=-2.0)}, r"gap_cv of the own arrivals is -2\.0"),
        ({"own": ArrivalLaw(gap_cv=nan)}, "gap_cv of the own arrivals is nan"),
        ({"own": ArrivalLaw(on_s=0.0)}, r"on_s of the own arrivals is 0\.0"),
        ({"own": ArrivalLaw(off_s=-1.0)}, "off_s of the own arrivals"),
        ({"own": ArrivalLaw(off_s=inf)}, "off_s of the own arrivals is inf"),
        ({"own": ArrivalLaw(burst_cv=-0.1)}, "burst_cv"),
        ({"own": ArrivalLaw(wave_sd=1.5)}, r"wave_sd of the own arrivals is 1\.5; a finite number from 0 up to 1"),
        ({"own": ArrivalLaw(wave_tau_s=0.0)}, "wave_tau_s"),
        ({"background": ArrivalLaw(slow_sd=nan)}, "slow_sd of the background arrivals"),
        ({"own": ArrivalLaw(slow_tau_s=-5.0)}, "slow_tau_s"),
        ({"day_s": 0.0}, r"day_s is 0\.0"),
        ({"day_strength": 3.0}, r"day_strength is 3\.0"),
        ({"own": "trace"}, "no trace is given"),
        ({"own": "trace", "trace": trace_of(0.0)}, "The trace has 1 requests"),
        ({"own": "trace", "trace": trace_of(0.0, 0.0)}, "two at different times"),
    ],
)
def test_what_is_no_stream_is_refused_in_one_sentence(values, words):
    with pytest.raises(ValueError, match=words) as refusal:
        arrival_params(**{"own_per_s": 1.0, **values})
    assert "\n" not in str(refusal.value)


def test_a_replaying_stream_has_the_rate_of_its_trace():
    """Four requests, 1 s apart: the round takes 4 s, its last gap being the mean one."""
    params = arrival_params(99.0, 0.5, own="trace", trace=trace_of(0.0, 1.0, 2.0, 3.0))
    assert params.trace_period_s == 4.0
    assert params.arrival_base_per_s.tolist() == [1.0, 0.5]
    slower = arrival_params(99.0, own="trace", trace=at_rate(trace_of(0.0, 1.0, 2.0, 3.0), 0.25))
    assert slower.arrival_base_per_s[OWN] == pytest.approx(0.25)
    assert slower.trace_time_s.tolist() == [0.0, 4.0, 8.0, 12.0]


def test_requests_of_a_coarse_clock_are_spread_within_their_cells_in_their_order():
    coarse = trace_of(0.0, *[3.0] * 500, *[6.0] * 500, 12.0)
    fine = spread_over_grid(coarse, 3.0, seed=4)
    assert (np.diff(fine.time_s) >= 0.0).all()
    shift = fine.time_s[1:501].min() - 3.0
    assert fine.time_s[0] == 0.0
    assert -3.0 < shift < 3.0
    for cell in (slice(1, 501), slice(501, 1001)):
        width = np.ptp(fine.time_s[cell])
        assert 2.9 < width < 3.0
        middle = np.median(fine.time_s[cell]) - fine.time_s[cell].min()
        assert middle == pytest.approx(1.5, abs=0.25)
    np.testing.assert_array_equal(fine.prompt_tokens, coarse.prompt_tokens)
    np.testing.assert_array_equal(fine.time_s, spread_over_grid(coarse, 3.0, seed=4).time_s)
    assert (fine.time_s != spread_over_grid(coarse, 3.0, seed=5).time_s).any()


@pytest.mark.parametrize("wrong", [0.0, -1.0, nan, inf])
def test_a_grid_or_a_rate_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="grid_s is"):
        spread_over_grid(trace_of(0.0, 1.0), wrong)
    with pytest.raises(ValueError, match="per_s is"):
        at_rate(trace_of(0.0, 1.0), wrong)
