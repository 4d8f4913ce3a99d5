"""From SINR to bits per second: hand numbers of the NR carrier, and laws."""

import math

import pytest

from mei_gym.compiled import plain
from mei_gym.network import rate
from mei_gym.network.rate import EFFICIENCY_CAP as CAP
from mei_gym.network.rate import EFFICIENCY_GAP as GAP

spectral_efficiency = plain(rate.spectral_efficiency)
sustained_efficiency = plain(rate.sustained_efficiency)
layered_efficiency = plain(rate.layered_efficiency)
symbols_per_s = plain(rate.symbols_per_s)
uplink_power_w = plain(rate.uplink_power_w)


def test_a_100_mhz_carrier_carries_78_9_million_symbols_down_and_584_mbit_a_layer():
    symbols = symbols_per_s(273, 1, 0.14)
    assert symbols == pytest.approx(78.9e6, rel=1e-3)
    assert symbols * CAP == pytest.approx(584e6, rel=1e-3)
    assert symbols_per_s(51, 1, 0.14) == pytest.approx(14.7e6, rel=5e-3)
    assert plain(rate.carrier_bandwidth_hz)(273, 1) == pytest.approx(98.28e6)


def test_efficiency_is_shannon_less_two_db_capped_and_nothing_below_minus_seven_db():
    assert spectral_efficiency(10.0**0.2, GAP, CAP) == pytest.approx(1.0)
    assert spectral_efficiency(10.0**1.0, GAP, CAP) == pytest.approx(math.log2(1.0 + 10.0**0.8))
    assert spectral_efficiency(1e6, GAP, CAP) == CAP
    assert spectral_efficiency(10.0**-0.71, GAP, CAP) == 0.0


def test_a_bad_link_is_slow_and_not_dead():
    at_floor = spectral_efficiency(rate.SINR_FLOOR, GAP, CAP)
    assert sustained_efficiency(rate.SINR_FLOOR / 4.0, GAP, CAP) == pytest.approx(at_floor / 4.0)
    assert sustained_efficiency(rate.SINR_FLOOR * 0.999999, GAP, CAP) == pytest.approx(at_floor, rel=1e-5)
    assert sustained_efficiency(0.0, GAP, CAP) == 0.0


def test_a_second_layer_never_harms_and_doubles_only_what_is_clean():
    for decibel in range(-20, 50):
        sinr = 10.0 ** (decibel / 10.0)
        one, two = (layered_efficiency(sinr, layers, GAP, CAP) for layers in (1, 2))
        assert one <= two <= 2.0 * one + 1e-12
    assert layered_efficiency(1e6, 2, GAP, CAP) == 2.0 * CAP


def test_power_control_follows_its_formula_until_the_transmitter_is_at_its_end():
    # min(23 dBm, -85 dBm + .8 x 90 dB + 10 lg 273) = 11.36 dBm
    power_w = uplink_power_w(1e9, 273.0, 10.0**-8.5 / 1e3, 0.8, 0.2)
    assert 10.0 * math.log10(1e3 * power_w) == pytest.approx(-85.0 + 72.0 + 10.0 * math.log10(273.0))
    assert uplink_power_w(1e12, 273.0, 10.0**-8.5 / 1e3, 0.8, 0.2) == 0.2


def test_compiled_rates_equal_plain_ones():
    for decibel in (-15.0, 0.0, 12.0, 40.0):
        sinr = 10.0 ** (decibel / 10.0)
        assert rate.layered_efficiency(sinr, 2.0, GAP, CAP) == pytest.approx(
            layered_efficiency(sinr, 2.0, GAP, CAP), rel=1e-14
        )
