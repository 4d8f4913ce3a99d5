"""The survey's claims beside what is measured: each measure by hand, and the verdicts that follow."""

import numpy as np
import pytest

from agents.reproduce import answers as asking
from agents.reproduce.__main__ import main
from agents.reproduce.answers import Ask, answers
from agents.reproduce.claims import (
    BYTES,
    MULTICAST,
    STORAGE,
    Case,
    adapter_share,
    bytes_cases,
    efficiency_by_variants,
    storage_cases,
)
from agents.reproduce.multicast import drawn_efficiencies, gains, measured
from agents.statistics import Estimate
from mei_gym.profiles.load import architecture_of


def test_a_multicast_takes_the_air_time_of_its_worst_user():
    efficiency = np.array([[4.0, 2.0, 1.0]])
    assert gains(efficiency, 1).tolist() == [1.0]
    assert gains(efficiency, 2).tolist() == [pytest.approx(1.5)]  # 1/4 + 1/2 over 1/2
    assert gains(efficiency, 3).tolist() == [pytest.approx(1.75)]


def test_users_of_one_rate_gain_their_number_and_own_bytes_eat_it_up():
    alike = np.full((1, 10), 3.0)
    assert gains(alike, 10).tolist() == [pytest.approx(10.0)]
    assert gains(alike, 10, own_share=0.5).tolist() == [pytest.approx(10.0 / 5.5)]
    assert gains(alike, 10, own_share=1.0).tolist() == [pytest.approx(1.0)]


def test_in_the_default_cell_more_users_gain_more_and_never_more_than_their_number():
    efficiency = drawn_efficiencies(60, 20)
    assert (efficiency > 0.0).all()
    found = measured(efficiency, (0.0, 0.5))
    for own_share in (0.0, 0.5):
        means = [gain.mean.value for gain in found if gain.own_share == own_share]
        assert means == sorted(means)
        assert means[0] == pytest.approx(1.0)
    for gain in found:
        assert 1.0 - 1e-12 <= gain.low <= gain.mean.value <= gain.high <= gain.users + 1e-9


def test_models_that_share_nothing_but_a_frozen_half_store_less_than_twice_as_well_and_a_bit():
    card = architecture_of("Llama-2-7B")
    frozen = 16 * card.block_weights + card.weights - card.layers * card.block_weights  # half the layers, and the ends
    expected = 10.0 * card.weights / (card.weights + 9 * (card.weights - frozen))
    assert efficiency_by_variants("frozen to 0.5", 10) == pytest.approx(expected)
    assert expected < 2.0


def test_lora_families_store_nearly_as_many_times_better_as_they_have_models():
    card = architecture_of("Llama-2-7B")
    assert adapter_share() == pytest.approx(8_388_608 / card.weights, rel=2e-3)  # 32 layers, rank 16, two 4096 x 4096
    assert efficiency_by_variants("LoRA", 10) == pytest.approx((10 + 9 * 0.001245) / (1 + 9 * 0.001245), rel=1e-3)


def test_quantised_bytes_are_those_of_the_formats():
    cases = [case for case in bytes_cases()]
    found = {case.case.partition(":")[0]: case for case in cases}
    assert found["16 bits to q4_K_M"].value.value == pytest.approx(16 / 4.89)
    assert found["16 bits to q4_K_M"].verdict == "below"
    assert found["32 bits to q4_K_M"].verdict == "within"
    assert found["32 bits to 4 in groups of 64"].value.value == pytest.approx(32 / 4.5)
    assert found["16 bits to q8_0"].value.value == pytest.approx(16 / 8.5)
    assert "+0.91 to +4.8 %, 5 models, cited" in found["16 bits to q4_K_M"].case


def test_every_kind_of_sharing_is_measured_for_storage():
    cases = list(storage_cases())
    assert {case.verdict for case in cases} == {"below", "within", "above"}
    assert len({case.case for case in cases}) == len(cases)
    assert all(case.value.low <= case.value.value <= case.value.high for case in cases)


@pytest.mark.parametrize(
    ("claim", "interval", "verdict"),
    [
        (STORAGE, (4.0, 4.9), "below"), (STORAGE, (5.0, 10.0), "within"), (STORAGE, (10.1, 12.0), "above"),
        (BYTES, (3.9, 4.1), "across an end"), (MULTICAST, (4.8, 5.2), "across an end"),
    ],
)  # fmt: skip
def test_a_verdict_is_about_the_whole_interval(claim, interval, verdict):
    low, high = interval
    assert Case(claim, "", Estimate((low + high) / 2, low, high), "").verdict == verdict


def halves(*values: object) -> list[float]:
    """Half of each value; a question for the test below."""
    return [float(str(value)) / 2.0 for value in values]


def test_a_killed_run_asks_only_what_it_has_not_asked(tmp_path, monkeypatch):
    ledger = tmp_path / "answers.csv"
    first, second = Ask(halves, (1, 2)), Ask(halves, (3,))
    monkeypatch.setattr(asking, "ProcessPoolExecutor", Here)
    assert answers([first], ledger, 1, "") == {first: [0.5, 1.0]}
    with ledger.open("a") as file:
        file.write("0123,4")  # a line that a kill cut off
    Here.asked.clear()
    assert answers([first, second, second], ledger, 1, "") == {first: [0.5, 1.0], second: [1.5]}
    assert Here.asked == [second]
    Here.asked.clear()
    assert answers([first, second], ledger, 1, "") == {first: [0.5, 1.0], second: [1.5]}
    assert Here.asked == []


def test_fewer_than_one_worker_are_refused_in_a_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"^There are 0 workers; 1 or more are accepted\.$"):
        answers([Ask(halves, (1,))], tmp_path / "answers.csv", 0, "")


@pytest.mark.parametrize("what", ["claims", "trimcaching"])
def test_the_command_hands_its_workers_on(what, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(f"agents.reproduce.run_{what}.run", lambda *values: given.append(values[-1]) or [])
    assert main([what, "--workers", "3", "--out", str(tmp_path)]) == 0
    assert given == [3]


class Here:
    """A pool that answers in this process, and notes what it was asked."""

    asked: list[Ask] = []  # noqa: RUF012

    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def submit(self, answer):
        from concurrent.futures import Future

        future = Future()
        self.asked.append(answer.__self__)
        future.set_result(answer())
        return future
