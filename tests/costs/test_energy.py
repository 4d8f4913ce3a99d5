"""Power and joules: a fitted counter, a cited constant, the cap."""

from __future__ import annotations

from math import isclose
from typing import NamedTuple

import numpy as np
import pytest

from mei_gym.compiled import plain
from mei_gym.costs.compute import block_decode_time, block_prefill_time, compute_costs
from mei_gym.costs.energy import (
    EnergyCosts,
    block_decode_energy,
    block_prefill_energy,
    device_power,
    energy_costs,
    idle_energy,
    work_energy,
)
from mei_gym.profiles.load import ProfileError, load_profile, measured_devices, models
from mei_gym.profiles.power import power_of


def joined(*parts: NamedTuple) -> NamedTuple:
    """One flat NamedTuple of several, as an environment's parameters are."""
    fields = {name: value for part in parts for name, value in part._asdict().items()}
    return NamedTuple("JoinedCosts", [(name, np.ndarray) for name in fields])(**fields)  # type: ignore[misc]


@pytest.fixture(scope="module")
def costs() -> NamedTuple:
    names = ("Llama-2-7B", "jetson-agx-orin", ["phone"])
    return joined(compute_costs(*names), energy_costs(*names))


POWER = EnergyCosts(*(np.array([value]) for value in (70.0, 200.0, 400.0, 150.0, 700.0)))


def test_power_worked_by_hand() -> None:
    assert device_power(POWER, 0, 0.0, 0.0) == 200.0
    assert device_power(POWER, 0, 0.5, 0.2) == 200.0 + 200.0 + 30.0
    assert idle_energy(POWER, 0, 10.0) == 700.0


def test_power_never_passes_its_cap() -> None:
    assert device_power(POWER, 0, 1.0, 1.0) == 700.0


def test_a_cited_constant_power_is_that_power_while_any_work_runs(costs) -> None:
    time_s = block_decode_time(costs, 0, 1.0, 300.0)
    assert isclose(block_decode_energy(costs, 0, 1.0, 300.0), 30.8 * time_s)
    time_s = block_prefill_time(costs, 1, 100.0, 0.0)
    assert isclose(block_prefill_energy(costs, 1, 100.0, 0.0), 6.0 * time_s)


def test_a_token_of_llama_2_on_agx_orin_takes_about_a_joule(costs) -> None:
    # 30.8 W over 28 ms; T-MAC measured 1.54 J with the slower 2-bit kernels of llama.cpp
    assert 0.6 < 32 * block_decode_energy(costs, 0, 1.0, 100.0) < 1.6


def test_no_work_takes_no_energy_and_more_work_never_less(costs) -> None:
    assert block_prefill_energy(costs, 0, 0.0, 0.0) == block_decode_energy(costs, 0, 0.0, 0.0) == 0.0
    assert work_energy(costs, 0, 0.0, 0.0, 0.0) == 0.0
    energies = [block_prefill_energy(costs, 1, m, 0.0) for m in np.linspace(0.0, 2000.0, 200)]
    assert np.all(np.diff(energies) >= 0.0)


def test_compiled_equals_plain_python(costs) -> None:
    for processor in (0, 1):
        assert isclose(
            block_prefill_energy(costs, processor, 77.0, 5.0), plain(block_prefill_energy)(costs, processor, 77.0, 5.0)
        )
        assert isclose(
            block_decode_energy(costs, processor, 0.4, 5.0), plain(block_decode_energy)(costs, processor, 0.4, 5.0)
        )


METERED = [
    (device, model)
    for device in measured_devices()
    for model in models(device)
    if load_profile(device, model).card.power is not None
]


@pytest.mark.parametrize(("device", "model"), METERED)
def test_fitted_power_is_near_its_points_and_orders_idle_busy_and_cap(device: str, model: str) -> None:
    power = power_of(device, model)
    assert power.idle_w <= power.busy_w <= power.max_w
    assert min(power.flops_w, power.bytes_w) >= 0.0


def test_a_device_without_counter_or_cited_power_is_refused() -> None:
    for device in measured_devices():
        for model in models(device):
            if load_profile(device, model).card.power is None:
                with pytest.raises(ProfileError, match=f"nothing anchors the power of {device}"):
                    power_of(device, model)
