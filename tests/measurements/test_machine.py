"""A machine is named by what it tells, and no more."""

from pathlib import Path

import pytest

from mei_gym.measurements import machine, power
from mei_gym.measurements.clock import lap_times, timing


def cpuinfo(name: str, flags: str) -> dict:
    return machine.cpu_information(f"processor\t: 0\nmodel name\t: {name}\nflags\t\t: {flags}\n\nprocessor\t: 1\n")


def test_a_named_cpu_has_its_name_in_the_slug():
    assert (
        machine.cpu_slug(cpuinfo("Intel(R) Xeon(R) Platinum 8480+", "avx2 avx512f amx_tile"), 1)
        == "xeon-platinum-8480-1t"
    )
    assert machine.cpu_slug(cpuinfo("AMD EPYC 9B45", "avx2 avx512f"), 2) == "epyc-9b45-2t"


def test_a_cpu_that_a_hypervisor_hides_is_named_by_its_flags():
    assert machine.cpu_slug(cpuinfo("Intel(R) Xeon(R) Processor", "avx2 avx512f amx_tile"), 1) == "xeon-amx-1t"


def test_gpus_have_the_names_people_use():
    assert machine.gpu_slug("NVIDIA H100 80GB HBM3") == "h100-sxm"
    assert machine.gpu_slug("NVIDIA GeForce RTX 4090") == "geforce-rtx-4090"


def test_the_spread_holds_the_median():
    found = timing([3.0, 1.0, 2.0])
    assert found.p10_s <= found.median_s <= found.p90_s
    assert found.median_s == 2.0
    assert found.divided(2).median_s == 1.0


def test_laps_are_timed_apart_and_warm_up_is_left_out():
    calls = []
    cpu_s, wall_s = lap_times([lambda: calls.append(sum(range(20_000))), lambda: None], fill_s=0.0)
    assert cpu_s.shape == wall_s.shape == (5, 2)
    assert len(calls) > 5
    assert cpu_s[:, 0].sum() > cpu_s[:, 1].sum()


def test_a_cpu_without_a_counter_says_why(monkeypatch):
    monkeypatch.setattr(power, "RAPL", Path("/nowhere/energy_uj"))
    monkeypatch.setattr(power.CpuMeter.__init__, "__defaults__", (Path("/nowhere/energy_uj"),))
    meter, reason = power.cpu_meter()
    assert meter is None
    assert "no energy counter: /nowhere/energy_uj" in reason


def test_rapl_joules_over_seconds_are_watts(tmp_path, monkeypatch):
    counter = tmp_path / "energy_uj"
    counter.write_text("0")
    monkeypatch.setattr(power, "SETTLE_S", 0.0)
    monkeypatch.setattr(power, "WINDOW_S", 0.05)
    meter = power.CpuMeter(counter)
    found = meter.loaded(lambda: counter.write_text(str(int(counter.read_text()) + 1000)))  # 1 mJ a run
    assert found["power_w"] == pytest.approx(1e-3 / found["sustained_s"], rel=0.2)
