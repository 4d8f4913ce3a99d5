"""A whole campaign on a tiny architecture: what it writes is what a profile must be."""

import json

import pytest

torch = pytest.importorskip("torch")

from mei_gym.architectures import ARCHITECTURES, Architecture  # noqa: E402
from mei_gym.measurements import ceilings, clock, cpu, layers, layers_campaign, loading, points, power  # noqa: E402
from mei_gym.measurements.__main__ import main  # noqa: E402
from mei_gym.measurements.floor import Ceilings  # noqa: E402
from mei_gym.measurements.layers import measure_layers  # noqa: E402
from mei_gym.profiles.load import load_profile  # noqa: E402

TINY = Architecture("Tiny-Test", 3, 64, 4, 2, 16, 96, 128, False, False, 1e4, 1e-5)
GENEROUS = Ceilings(1e18, 1e18, 1e6, "invented")


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(ARCHITECTURES, TINY.name, TINY)
    monkeypatch.setattr(ceilings, "cpu_ceilings", lambda threads=1: (GENEROUS, {}))
    monkeypatch.setattr(clock, "CPU_REPEATS", (5, 6))


def measured(tmp_path, **options):
    return measure_layers("tiny-test", "cpu", tmp_path, quick=True, progress=False, **options)


def test_a_campaign_writes_a_profile_that_the_loader_accepts(tmp_path, monkeypatch):
    path = measured(tmp_path)
    monkeypatch.setenv("MEI_GYM_PROFILES", str(tmp_path))
    profile = load_profile(path.parent.name, "Tiny-Test")
    said = json.loads(path.with_suffix(".json").read_text())
    assert said["seconds"] > 0.0
    assert said["resumed_rows"] == 0
    phases = {str(phase) for phase in profile.columns["phase"]}
    assert phases == {"prefill", "decode", "head", "embedding"}
    assert {str(role) for role in profile.columns["role"]} == {"knot", "heldout", "repeat"}


def test_memory_is_what_the_tensors_hold(tmp_path):
    path = measured(tmp_path)
    memory = json.loads(path.with_suffix(".json").read_text())["memory"]
    assert memory["activation_bytes_per_cut"] == [64 * 4.0] * (TINY.layers + 1)
    assert memory["kv_bytes_per_token_per_layer"] == TINY.kv_bytes(4.0)
    assert memory["weight_bytes"]["block"]["16"] == 2 * TINY.block_weights
    four_bits = TINY.block_matrix_weights * (0.5 + 4 / 64) + 2 * 2 * TINY.hidden_size
    assert memory["weight_bytes"]["block"]["4"] == four_bits


def test_a_killed_campaign_measures_only_what_is_left(tmp_path, monkeypatch):
    calls = []
    times = cpu.CpuEngine.times

    def counted(self, point, expected_s):
        calls.append(point)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return times(self, point, expected_s)

    monkeypatch.setattr(cpu.CpuEngine, "times", counted)
    with pytest.raises(KeyboardInterrupt):
        measured(tmp_path)
    assert not list(tmp_path.glob("*/*.csv"))
    before = list(calls)
    path = measured(tmp_path)
    assert not set(before[:3]) & set(calls[4:])
    assert len(path.read_text().splitlines()) == 1 + len(layers_campaign.cpu_points(0, True))


def test_a_spent_budget_leaves_a_usable_profile_and_goes_on_later(tmp_path):
    path = measured(tmp_path, budget_s=1e-9)
    card = json.loads(path.with_suffix(".json").read_text())
    assert (card["rows"], card["not_measured"]["left_by_budget"]) == (0, len(layers_campaign.cpu_points(0, True)))
    path = measured(tmp_path)
    assert json.loads(path.with_suffix(".json").read_text())["not_measured"]["left_by_budget"] == 0


def test_a_budget_that_ends_before_the_power_is_measured_keeps_what_is_there(tmp_path, monkeypatch):
    class Meter:
        scope = "invented"

        def idle(self):
            return 1.0

        def loaded(self, run):
            return {"power_w": 2.0, "sustained_s": 1e-3}

    monkeypatch.setattr(power, "cpu_meter", lambda: (Meter(), ""))
    measure_points = layers_campaign.LayersCampaign._measure_point
    ends = []

    def last_point_ends_the_budget(self, point):
        measure_points(self, point)
        if all(self._measured(p) for p in self.points):
            ends.append(1e9)

    monkeypatch.setattr(layers_campaign.LayersCampaign, "_measure_point", last_point_ends_the_budget)
    with monkeypatch.context() as patch:
        patch.setattr(layers.time, "monotonic", lambda: sum(ends))
        path = measured(tmp_path, budget_s=60.0)
    stopped = json.loads(path.with_suffix(".json").read_text())
    assert (stopped["rows"], stopped["power"]["points"]) == (len(layers_campaign.cpu_points(0, True)), [])
    assert stopped["not_measured"]["left_by_budget"] == 1
    measured(tmp_path)
    whole = json.loads(path.with_suffix(".json").read_text())
    assert len(whole["power"]["points"]) == 1
    assert whole["not_measured"]["left_by_budget"] == 0
    assert len(ends) == 1  # no point was measured again


def test_rows_below_the_physical_floor_are_reported_and_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(
        ceilings, "cpu_ceilings", lambda threads=1: (Ceilings(1.0, 1e18, 1e6, "a device that computes nothing"), {})
    )
    path = measured(tmp_path)
    assert {line.split(",")[0] for line in path.read_text().splitlines()[1:]} == {"embedding"}
    refused = json.loads(path.with_suffix(".json").read_text())["refused"]
    assert len(refused) == len(layers_campaign.cpu_points(0, True)) - 1
    assert "more than the 1 of the best matrix product" in refused[0]["reason"]


@pytest.mark.parametrize(
    ("model", "device", "budget", "sentence"),
    [
        ("lama-2-7b", "cpu", None, "did you mean 'Llama-2-7B'?"),
        ("tiny-test", "gpu", None, "there are cpu and cuda"),
        ("tiny-test", "cpu", -1.0, "a budget of -1.0 s measures nothing"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(tmp_path, model, device, budget, sentence):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as refused:
        measure_layers(model, device, tmp_path, budget_s=budget)
    assert sentence in str(refused.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_without_a_gpu_is_refused(tmp_path, capsys):
    assert main(["layers", "--model", "tiny-test", "--device", "cuda", "--out", str(tmp_path)]) == 2
    assert "needs an NVIDIA GPU" in capsys.readouterr().err


def test_a_ceiling_taken_while_the_machine_was_busy_is_taken_again_before_a_row_is_refused(tmp_path, monkeypatch):
    seen = iter([(Ceilings(1.0, 1e18, 1e6, "busy"), {"matmul_flops": 1.0}), (GENEROUS, {"matmul_flops": 1e18})])
    monkeypatch.setattr(ceilings, "cpu_ceilings", lambda threads=1: next(seen))
    card = json.loads(measured(tmp_path).with_suffix(".json").read_text())
    assert card["refused"] == []
    assert card["ceilings"]["flops"] == card["ceilings"]["seen"]["matmul_flops"] == 1e18


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"precision": "int4"}, "precision 'int4' cannot be measured on 'cpu'; there is float32"),
        ({"threads": 0}, "0 threads cannot be measured"),
        ({"points": "half"}, "no points 'half'; there are full and core"),
        ({"points": "core"}, "points 'core' are for 'cuda' in bfloat16"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_sentence(tmp_path, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        measured(tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_two_threads_are_a_device_of_their_own_timed_by_the_wall(tmp_path, monkeypatch):
    monkeypatch.setattr(layers.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)
    one, two = (measured(tmp_path, threads=threads) for threads in (1, 2))
    assert one.parent.name.removesuffix("1t") == two.parent.name.removesuffix("2t")
    said = [json.loads(path.with_suffix(".json").read_text()) for path in (one, two)]
    assert [card["clock"] for card in said] == ["CPU time", "wall time"]
    assert said[1]["device"]["name"].endswith("two threads")
    assert said[1]["device"]["threads"] == 2
    assert said[1]["runtime"].endswith("2 threads")


def test_loading_is_timed_once_a_device(tmp_path, monkeypatch):
    calls = []

    def load_times(size, cuda):
        calls.append(size)
        return [{"path": "a"}], {"what": "b"}

    monkeypatch.setattr(loading, "load_times", load_times)
    path = measured(tmp_path, loading=True)
    assert json.loads(path.with_suffix(".json").read_text())["loading"] == [{"path": "a"}]
    assert calls == [4.0 * TINY.block_matrix_weights]
    other = TINY._replace(name="Tiny-Other")
    monkeypatch.setitem(ARCHITECTURES, other.name, other)
    monkeypatch.setattr(layers_campaign, "cpu_points", lambda seed, quick: points.cpu_points(seed, True))
    measure_layers("tiny-other", "cpu", tmp_path, progress=False)
    assert len(calls) == 1
