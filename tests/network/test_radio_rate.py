"""From SINR to bits per second: hand numbers of the NR carrier, and laws."""

import csv
import math

import pytest

from mei_gym.compiled import plain
from mei_gym.network import rate
from mei_gym.network.codes import EFFICIENCY_CAP as CAP
from mei_gym.network.codes import MCS_TABLE_1, MCS_TABLE_2
from mei_gym.network.fading import faded_efficiency
from mei_gym.network.setup import cell_params

spectral_efficiency = plain(rate.spectral_efficiency)
sustained_efficiency = plain(rate.sustained_efficiency)
symbols_per_s = plain(rate.symbols_per_s)
controlled_power_w = plain(rate.controlled_power_w)
STILL = cell_params({"fading": "none"})
CODED = cell_params({"fading": "none", "modulation": "mcs_table2"})


def ratio(decibel):
    return 10.0 ** (decibel / 10.0)


def layered_efficiency(sinr, layers):
    return plain(faded_efficiency)(STILL, None, 0, 0, sinr, layers, 0)


def test_a_100_mhz_carrier_carries_78_9_million_symbols_down_and_584_mbit_a_layer():
    symbols = symbols_per_s(273, 1, 0.14)
    assert symbols == pytest.approx(78.9e6, rel=1e-3)
    assert symbols * CAP == pytest.approx(584e6, rel=1e-3)
    assert symbols_per_s(51, 1, 0.14) == pytest.approx(14.7e6, rel=5e-3)
    assert plain(rate.carrier_bandwidth_hz)(273, 1) == pytest.approx(98.28e6)


def test_efficiency_is_shannon_less_two_db_capped_and_nothing_below_minus_seven_db():
    assert spectral_efficiency(STILL, ratio(2.0)) == pytest.approx(1.0)
    assert spectral_efficiency(STILL, ratio(10.0)) == pytest.approx(math.log2(1.0 + 10.0**0.8))
    assert spectral_efficiency(STILL, 1e6) == CAP
    assert spectral_efficiency(STILL, ratio(-7.1)) == 0.0


def test_tr_36942_is_six_tenths_of_shannon_up_to_4_4():
    params = cell_params({"modulation": "tr36942"})
    assert spectral_efficiency(params, ratio(10.0)) == pytest.approx(0.6 * math.log2(11.0))
    assert spectral_efficiency(params, ratio(30.0)) == 4.4
    assert spectral_efficiency(params, ratio(-9.9)) > 0.0 == spectral_efficiency(params, ratio(-10.1))


@pytest.mark.parametrize(
    ("sinr_db", "expected"), [(-6.9, 0.0), (-6.7, 0.234), (-1.7, 0.6016), (6.2, 1.9141), (12.0, 3.3223), (40.0, 7.1602)]
)
def test_a_code_carries_its_bits_from_its_threshold_on(sinr_db, expected):
    assert spectral_efficiency(CODED, ratio(sinr_db)) == expected


def test_the_codes_are_those_of_the_block_error_tables(traces):
    table = traces / "mcs_sinr_thresholds.csv"
    if not table.is_file():
        pytest.skip("the table of thresholds is not beside this checkout")
    with table.open(encoding="utf-8") as file:
        rows = [(row["mcs_table"], float(row["sinr_dB_bler10_cbs2000"]), float(row["spectral_efficiency"])) for row in
                csv.DictReader(file)]  # fmt: skip
    for name, codes in (("1", MCS_TABLE_1), ("2", MCS_TABLE_2)):
        theirs = [(least_db, efficiency) for table_name, least_db, efficiency in rows if table_name == name]
        best = [each for each in theirs if not any(e >= each[1] and d < each[0] for d, e in theirs)]
        assert list(codes[2:]) == best


def test_codes_ascend_and_stay_below_shannon_by_half_a_db_to_three():
    for codes in (MCS_TABLE_1, MCS_TABLE_2):
        assert list(codes) == sorted(codes)
        assert [each for _, each in codes] == sorted(each for _, each in codes)
        for least_db, efficiency in codes:
            assert 0.3 < least_db - 10.0 * math.log10(2.0**efficiency - 1.0) < 2.7


def test_a_bad_link_is_slow_and_not_dead():
    for params in (STILL, CODED):
        at_floor = spectral_efficiency(params, params.sinr_floor)
        assert sustained_efficiency(params, params.sinr_floor / 4.0) == pytest.approx(at_floor / 4.0)
        assert sustained_efficiency(params, params.sinr_floor * 0.999999) == pytest.approx(at_floor, rel=1e-5)
        assert sustained_efficiency(params, 0.0) == 0.0
        assert plain(rate.in_outage)(params, params.sinr_floor * 0.99) == 1
        assert plain(rate.in_outage)(params, params.sinr_floor) == 0


def test_a_second_layer_never_harms_and_doubles_only_what_is_clean():
    for decibel in range(-20, 50):
        one, two = (layered_efficiency(ratio(decibel), layers) for layers in (1.0, 2.0))
        assert one <= two <= 2.0 * one + 1e-12
    assert layered_efficiency(1e6, 2.0) == 2.0 * CAP


def test_power_control_follows_its_formula_until_the_transmitter_is_at_its_end():
    # min(23 dBm, -85 dBm + .8 x 90 dB + 10 lg 273) = 11.36 dBm
    power_w = controlled_power_w(1e9, 273.0, 10.0**-8.5 / 1e3, 0.8, 0.2)
    assert 10.0 * math.log10(1e3 * power_w) == pytest.approx(-85.0 + 72.0 + 10.0 * math.log10(273.0))
    assert controlled_power_w(1e12, 273.0, 10.0**-8.5 / 1e3, 0.8, 0.2) == 0.2


def test_compiled_rates_equal_plain_ones():
    for params in (STILL, CODED):
        for decibel in (-15.0, 0.0, 12.0, 40.0):
            assert rate.sustained_efficiency(params, ratio(decibel)) == pytest.approx(
                sustained_efficiency(params, ratio(decibel)), rel=1e-14
            )
