"""What a ModelDelivery scenario refuses, each in one sentence, and that all of them have what they say."""

import gymnasium
import pytest

import mei_gym  # noqa: F401 (registers the ids)
from mei_gym.envs.model_delivery import TASK
from mei_gym.heuristics import make, world
from mei_gym.scenarios.model_delivery import names, resolve

NO_FAMILIES = {"writer": None, "adviser": None, "reflex": None}
EXPLICIT = {"families": NO_FAMILIES, "blocks": {"a": 1e6}, "models": {"m": ["a"]}, "base": "Qwen2.5-0.5B"}


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"users": 0}, r"^Scenario value users: .*greater than or equal to 1 \(given: 0\)\.$"),
        (
            {"library": {**EXPLICIT, "models": {"m": ["b"]}}},
            r"^The model 'm' refers to the block 'b'; known are a\.$",
        ),
        (
            {"library": {"families": {"writer": {"base": "Qwen2.5-0.6B"}}}},
            r"Qwen2\.5-0\.6B.*did you mean",
        ),
        (
            {"applications": {"mobile_health": {"deadline_low": 0.0}}},
            r"^Scenario value applications\.mobile_health\.deadline_low: .*greater than 0 \(given: 0\.0\)\.$",
        ),
        (
            {"applications": {"mobile_health": {"deadline_low": 40.0}}},
            r"deadline_low is 40; at most deadline_high is accepted\.$",
        ),
        ({"popularity": {"shares": [0.5, 0.6]}}, r"^The popularity has 2 shares; 32, one a model, are accepted\.$"),
        (
            {"library": EXPLICIT, "popularity": {"shares": [0.7]}},
            r"^The popularity's shares add up to 0\.7; 1 is accepted\.$",
        ),
        ({"library": {"stored_bits": {3: 3.4}}}, r"^Nothing is published of Llama-3-8B at 3 bits"),
        (
            {"applications": {"mobile_health": {"share": 0.3}}},
            r"the applications' shares add up to 1\.1; 1 is needed\.$",
        ),
        ({"network": {"served": 7}}, r"^network\.served is 7; 1 is accepted, one cell without a backhaul\.$"),
        (
            {"network": {"backhaul": "star"}},
            r"^network\.backhaul is 'star'; none is accepted, the cell has its models\.$",
        ),
        ({"device_classes": {"phone": {"card": "phone-nu"}}}, r"phone-nu.*phone-npu"),
        ({"requests_at_once": {"low": 8, "high": 16}}, r"requests_at_once is the same in every episode"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(overrides, sentence):
    with pytest.raises(ValueError, match=sentence) as refused:
        gymnasium.make("mei/ModelDelivery-v0", **overrides)
    assert "\n" not in str(refused.value)


def test_bits_that_the_library_has_not_are_refused():
    with pytest.raises(ValueError, match=r"^bits is 3; 16, 8, 4 are accepted\.$"):
        make("static", world("mei/ModelDelivery-v0"), bits=3)


@pytest.mark.parametrize("name", names())
def test_a_scenarios_popularity_is_as_compressed_as_its_day(name):
    scenario = resolve(name, {})
    assert scenario.popularity.drift_tau_s == scenario.day_s
    assert scenario.day_s == pytest.approx(scenario.requests / scenario.requests_per_s, rel=0.01)


@pytest.mark.parametrize("name", names())
def test_no_request_has_a_deadline_before_its_best_download_could_end(name):
    params = TASK.parameters(resolve(name, {}))
    peak_bps = 273 * 12 * 14 * 2000 * 0.86 * 0.7 * 2 * 7.4063
    least_s = (params.model_bytes[:, -1] * 8.0 / peak_bps).max()
    for low in params.deadline_low:
        assert (low * params.model_bytes[:, 0] * 8.0 / params.reference_bps).min() > 0.0
        worst = params.model_bytes[:, -1] * 8.0 / peak_bps / (low * params.model_bytes[:, 0] * 8.0 / 1.1e9)
        assert worst.max() < 1.0
    assert least_s < 30.0
