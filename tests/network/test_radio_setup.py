"""A scenario's values of a cell: what they become, and the one sentence that refuses the others."""

import numpy as np
import pytest

from mei_gym.network.channel import INH_OPEN, UMA
from mei_gym.network.fading import AR1
from mei_gym.network.setup import cell_params
from mei_gym.packed import Pack


def test_names_become_numbers_and_the_propagation_brings_its_city():
    params = cell_params({"propagation": "uma", "fading": "ar1", "modulation": "mcs_table2", "spec_version": "v19.2"})
    assert (params.propagation, params.fading, params.spec_version) == (UMA, AR1, 1)
    assert (params.site_distance_m, params.base_height_m, params.keep_out_m) == (500.0, 25.0, 35.0)
    assert (len(params.code_sinr), params.code_efficiency[-1]) == (27, 7.1602)
    office = cell_params({"propagation": "inh_open", "site_distance_m": 30})
    assert (office.propagation, office.site_distance_m, office.base_height_m) == (INH_OPEN, 30.0, 3.0)


def test_a_number_of_the_scenario_stands_before_that_of_its_modulation():
    assert cell_params({"modulation": "tr36942", "efficiency_cap": 5}).efficiency_cap == 5.0
    assert cell_params({"carrier_hz": "2.1e9"}).carrier_hz == 2.1e9  # YAML reads 2.1e9 as text


@pytest.mark.parametrize("values", [{}, {"modulation": "mcs_table1"}, {"fading": "block", "fading_blocks": 4}])
def test_parameters_can_be_packed_and_every_number_is_of_one_kind(values):
    params = cell_params(values)
    assert Pack(params).layout == Pack(cell_params({"propagation": "uma"})).layout
    for array in (params.code_sinr, params.code_efficiency, params.efficiency_of_knot):
        assert array.dtype == np.float64


def test_blocks_that_were_not_counted_follow_from_the_band():
    wide, narrow = (cell_params({"fading": "block", "resource_blocks": each}).fading_blocks for each in (273, 11))
    assert wide == 165
    assert 1 < narrow < 12


WRONG = [
    ({"carier_hz": 1e9}, r"no cell value 'carier_hz'; did you mean 'carrier_hz'\?"),
    ({"efficiency_of_knot": 1.0}, r"no cell value 'efficiency_of_knot'"),
    ({"propagation": "uni"}, r"no propagation 'uni'; did you mean 'umi'\?"),
    ({"propagation": 1}, r"no propagation 1; known are inh_mixed, inh_open, uma, umi\."),
    ({"fading": "blok"}, r"no fading 'blok'; did you mean 'block'\?"),
    ({"fading": ["block"]}, r"no fading \['block'\]"),
    ({"modulation": "mcs_table3"}, r"no modulation 'mcs_table3'; did you mean 'mcs_table"),
    ({"spec_version": "v17"}, r"no spec_version 'v17'; did you mean 'v1"),
    ({"resource_blocks": -273}, r"resource_blocks is -273; a finite positive number is accepted"),
    ({"carrier_hz": float("nan")}, r"carrier_hz is nan; a number from 5e\+08 to 1e\+11 is accepted"),
    ({"carrier_hz": 3.5}, r"carrier_hz is 3\.5; a number from 5e\+08"),
    ({"carrier_hz": None}, r"carrier_hz is None; a number from"),
    ({"base_power_w": "loud"}, r"base_power_w is 'loud'; a finite positive number"),
    ({"uplink_rise_sd_db": -1}, r"uplink_rise_sd_db is -1; a finite number of 0 or more"),
    ({"downlink_layers": 0.5}, r"downlink_layers is 0\.5; a number from 1 to 8"),
    ({"indoor_share": 1.2}, r"indoor_share is 1\.2; a number from 0 to 1"),
    ({"indoor_share": 0.8, "car_share": 0.3}, r"add up to 1\.1; at most 1"),
    ({"propagation": "inh_mixed", "indoor_share": 0.5}, r"users of inh_mixed are inside .*0 are accepted"),
    ({"propagation": "uma", "user_height_m": 20}, r"user_height_m is 20\.0; uma holds from 1\.5 to 13"),
    ({"keep_out_m": 3.0}, r"keep_out_m is 3\.0; umi holds from 10"),
    ({"downlink_share": 0.7, "uplink_share": 0.5}, r"add up to 1\.2; at most 1"),
    ({"modulation": "mcs_table1", "efficiency_gap": 1.5}, r"efficiency_gap says nothing of the codes of mcs_table1"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "said"), WRONG)
def test_what_cannot_be_is_refused_in_one_sentence(values, said):
    with pytest.raises(ValueError, match=said) as refusal:
        cell_params(values)
    assert "\n" not in str(refusal.value)
    assert str(refusal.value)[-1] in ".?"
