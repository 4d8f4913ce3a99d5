"""Fast fading: the ergodic table against closed forms and simulation; blocks and AR(1) by their laws."""

import math

import numpy as np
import pytest
from radio_world import empty_state

from mei_gym.compiled import plain
from mei_gym.network import fading
from mei_gym.network.codes import MODULATIONS
from mei_gym.network.ergodic import rayleigh_efficiency, scaled_e1
from mei_gym.network.setup import cell_params

ergodic_efficiency = plain(fading.ergodic_efficiency)
PRINTED = {-5: 0.362, 0: 0.860, 5: 1.716, 10: 2.907, 15: 4.330, 20: 5.884, 25: 7.500}  # exp(1/g) E1(1/g) / ln 2


def ratio(decibel):
    return 10.0 ** (decibel / 10.0)


def test_rayleigh_fading_has_its_printed_ergodic_rates():
    for snr_db, expected in PRINTED.items():
        assert rayleigh_efficiency(ratio(snr_db), 1.0, 1.0, 50.0) == pytest.approx(expected, abs=1e-3)


def test_the_exponential_integral_is_its_integral():
    for x in (1e-3, 0.3, 0.999, 1.001, 4.0, 60.0):
        logs = np.linspace(-45.0, 17.0, 400_001)  # x e^t: the integral of exp(-x u) / u over u = 1 + e^t
        rises = np.exp(logs)
        values = np.exp(-x * rises) * rises / (1.0 + rises)
        assert scaled_e1(x) == pytest.approx(np.trapezoid(values, logs), rel=2e-6)


def test_the_table_holds_the_printed_rates_between_its_knots_too():
    params = cell_params({"efficiency_gap": 1.0, "efficiency_cap": 50.0})
    for snr_db, expected in PRINTED.items():
        assert ergodic_efficiency(params, ratio(snr_db), 0) == pytest.approx(expected, abs=1e-3)
    for snr_db in np.arange(-29.9, 40.0, 0.37):
        exact = rayleigh_efficiency(ratio(snr_db), 1.0, 1.0, 50.0)
        assert ergodic_efficiency(params, ratio(snr_db), 0) == pytest.approx(exact, abs=2e-4)


@pytest.mark.parametrize("modulation", MODULATIONS)
@pytest.mark.parametrize("line_of_sight", [0, 1])
def test_the_table_is_the_mean_over_simulated_fades(modulation, line_of_sight):
    params = cell_params({"modulation": modulation})
    k_factor = ratio(9.0) if line_of_sight else 0.0
    rng = np.random.default_rng(5)
    re, im = rng.standard_normal((2, 400_000)) * math.sqrt(0.5)
    gains = ((math.sqrt(k_factor) + re) ** 2 + im**2) / (k_factor + 1.0)
    for sinr_db in (-4.0, 3.1, 9.0, 17.2, 24.0):
        sinrs = ratio(sinr_db) * gains
        if MODULATIONS[modulation].codes:
            steps = np.concatenate(([0.0], params.code_efficiency))
            values = steps[np.searchsorted(params.code_sinr, sinrs, side="right")]
            below = sinrs < params.sinr_floor
            values[below] = params.code_efficiency[0] * sinrs[below] / params.sinr_floor
        else:
            shannon = params.efficiency_factor * np.log2(1.0 + sinrs / params.efficiency_gap)
            values = np.minimum(shannon, params.efficiency_cap)
        assert ergodic_efficiency(params, ratio(sinr_db), line_of_sight) == pytest.approx(values.mean(), abs=0.01)


def test_fading_never_helps_shannon_and_a_direct_path_never_harms():
    params = cell_params({"efficiency_cap": 50.0})
    for sinr_db in range(-25, 45):
        awgn = math.log2(1.0 + ratio(sinr_db) / params.efficiency_gap)
        blocked, direct = (ergodic_efficiency(params, ratio(sinr_db), each) for each in (0, 1))
        assert blocked < direct < awgn


def test_beyond_its_ends_the_table_goes_on_in_proportion_and_at_the_cap():
    params = cell_params({})
    assert ergodic_efficiency(params, ratio(-40.0), 0) == pytest.approx(ergodic_efficiency(params, 1e-3, 0) / 10.0)
    assert ergodic_efficiency(params, ratio(90.0), 1) == pytest.approx(params.efficiency_cap, rel=1e-3)
    assert ergodic_efficiency(params, 0.0, 1) == 0.0


@pytest.mark.parametrize(("blocks", "spread"), [(1, 0.45), (4, 0.23), (16, 0.11), (64, 0.06)])
def test_blocks_spread_the_rate_as_published_and_keep_its_mean(blocks, spread):
    """Coefficient of variation of the rate at 10 dB, Rayleigh."""
    params = cell_params({"fading": "block", "fading_blocks": blocks, "efficiency_gap": 1.0, "efficiency_cap": 50.0})
    state = empty_state(1, 1)
    rates = np.array([faded_at(params, state, step) for step in range(4000)])
    assert rates.std() / rates.mean() == pytest.approx(spread, abs=0.015)
    assert rates.mean() == pytest.approx(2.907, rel=0.03)


def faded_at(params, state, step):
    fading.pass_fading(params, state, 0, 0, 1.0, step)
    return fading.block_efficiency(params, state, 0, 0, 10.0, 0)


def test_blocks_of_a_request_are_the_same_up_and_down_and_other_ones_next_time():
    params = cell_params({"fading": "block", "fading_blocks": 3})
    state = empty_state(1, 2)
    first, again, later = faded_at(params, state, 5), faded_at(params, state, 5), faded_at(params, state, 6)
    assert first == again != later
    state.user_faded_step[0, 1] = 6
    assert fading.block_efficiency(params, state, 0, 1, 10.0, 0) != later


def test_the_number_of_blocks_is_that_of_its_formula():
    # 3 km/h at 3.5 GHz: 9.7 Hz, Tc 43.5 ms; a second and 98 MHz over 2 MHz
    blocks = plain(fading.independent_blocks)(1.0, 3.0 / 3.6, 3.5e9, 98e6, 2e6)
    assert blocks == pytest.approx((1.0 + 1.0 / 0.0435) * 50.0, rel=2e-3)


@pytest.mark.parametrize(
    ("speed_kmh", "elapsed_s", "expected"),
    [(3, 0.01, 0.91), (3, 0.02, 0.66), (3, 0.1, 0.18), (30, 0.001, 0.91), (30, 0.01, 0.18), (60, 0.001, 0.66)],
)
def test_gains_remember_themselves_as_clarke_says(speed_kmh, elapsed_s, expected):
    angle = 2.0 * math.pi * plain(fading.doppler_hz)(speed_kmh / 3.6, 3.5e9) * elapsed_s
    assert plain(fading.bessel_j0)(angle) == pytest.approx(expected, abs=0.006)


def test_j0_is_its_integral():
    turns = np.linspace(0.0, math.pi, 20_001)
    for x in (0.0, 0.5, 2.9999, 3.0001, 11.0, 200.0):
        assert plain(fading.bessel_j0)(x) == pytest.approx(
            np.trapezoid(np.cos(x * np.sin(turns)), turns) / math.pi, abs=2e-7
        )


def test_a_gain_of_ar1_keeps_its_law_and_its_memory():
    params = cell_params({"fading": "ar1"})
    users, elapsed_s = 6000, 0.005
    state = empty_state(1, users, mean_speed_mps=2.0)
    for user in range(users):
        fading.start_fading(params, state, 0, user)
    before = state.user_fading_re + 1j * state.user_fading_im
    for user in range(users):
        fading.pass_fading(params, state, 0, user, elapsed_s, 1)
    after = state.user_fading_re + 1j * state.user_fading_im
    for gains in (before, after):
        assert np.mean(np.abs(gains) ** 2) == pytest.approx(1.0, abs=0.05)
    rho = plain(fading.bessel_j0)(2.0 * math.pi * 2.0 * 3.5e9 / 3.0e8 * elapsed_s)
    assert np.mean(after * before.conj()).real == pytest.approx(rho, abs=0.03)
    blocked = [plain(fading.fading_gain)(params, state, 0, user, 0) for user in range(users)]
    direct = [plain(fading.fading_gain)(params, state, 0, user, 1) for user in range(users)]
    assert np.mean(blocked) == pytest.approx(1.0, abs=0.05)
    assert np.mean(direct) == pytest.approx(1.0, abs=0.03)
    k_factor = ratio(9.0)
    assert np.var(direct) == pytest.approx((1.0 + 2.0 * k_factor) / (1.0 + k_factor) ** 2, rel=0.08)


def test_more_power_is_never_slower_under_any_fading():
    state = empty_state(1, 1)
    fading.start_fading(cell_params({}), state, 0, 0)
    for kind in fading.FADINGS:
        for modulation in MODULATIONS:
            params = cell_params({"fading": kind, "modulation": modulation, "fading_least_speed_mps": 1.0})
            for direct in (0, 1):
                rates = [
                    fading.faded_efficiency(params, state, 0, 0, ratio(db / 2.0), 2.0, direct) for db in range(-70, 90)
                ]
                assert rates == sorted(rates), (kind, modulation)
                assert rates[0] > 0.0


def test_compiled_fading_equals_plain_fading():
    state = empty_state(1, 2)
    with np.errstate(over="ignore"):
        plain(fading.start_fading)(cell_params({}), state, 0, 1)
        for kind in fading.FADINGS:
            params = cell_params({"fading": kind, "modulation": "mcs_table2"})
            for sinr_db in (-12.0, 1.3, 18.0):
                call = (params, state, 0, 1, ratio(sinr_db), 2.0, 1)
                assert fading.faded_efficiency(*call) == pytest.approx(plain(fading.faded_efficiency)(*call), rel=1e-12)
