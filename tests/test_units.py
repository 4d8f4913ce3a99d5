"""Units: numbers worked by hand."""

import pytest

from mei_gym.units import GB, GIB, KB, KIB, MB, MIB, ratio_of_db, seconds_of_ms, watts_of_dbm


@pytest.mark.parametrize(("power_dbm", "power_w"), [(0.0, 1e-3), (23.0, 0.199526), (30.0, 1.0), (-174.0, 3.98107e-21)])
def test_power_in_dbm_is_counted_from_a_milliwatt(power_dbm, power_w):
    assert watts_of_dbm(power_dbm) == pytest.approx(power_w, rel=1e-5)


@pytest.mark.parametrize(("gain_db", "ratio"), [(0.0, 1.0), (10.0, 10.0), (-3.0, 0.501187), (3.0, 1.995262)])
def test_ten_decibels_are_a_factor_of_ten(gain_db, ratio):
    assert ratio_of_db(gain_db) == pytest.approx(ratio, rel=1e-5)


def test_a_thousand_milliseconds_are_a_second():
    assert seconds_of_ms(1000.0) == 1.0


def test_binary_prefixes_are_powers_of_1024_and_decimal_ones_of_1000():
    assert (KIB, MIB, GIB) == (2**10, 2**20, 2**30)
    assert (KB, MB, GB) == (1e3, 1e6, 1e9)
