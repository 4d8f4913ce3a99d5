"""Scenarios: what ships is whole, what is overridden is merged, and what is wrong is refused in a sentence."""

import gymnasium
import pytest
import yaml
from pydantic import ValidationError

import mei_gym  # noqa: F401 (registers the ids)
from mei_gym.envs.split_inference.parameters import parameters
from mei_gym.network.channel import UMA
from mei_gym.network.setup import cell_params
from mei_gym.scenarios.resolve import ScenarioError, nearest
from mei_gym.scenarios.split_inference import FOLDER, names, resolve

APPLICATIONS = {"mobile_health", "humanoid_robot", "virtual_assistant", "autonomous_driving"}


def test_the_default_the_four_applications_and_three_places_ship():
    assert names()[0] == "default"
    assert set(names()) == {"default", *APPLICATIONS, "dense_urban", "sparse_rural", "trace_azure_conv"}


@pytest.mark.parametrize("name", names())
def test_each_scenario_is_whole_and_says_what_it_is(name):
    scenario = resolve(name, {})
    assert scenario.name == name
    assert 20 < len(scenario.summary) < 140
    assert scenario.leakage.origin == "measured"
    assert scenario.quality.origin == "measured"
    assert len(scenario.leakage.source) > 20


@pytest.mark.parametrize("name", sorted(APPLICATIONS))
def test_a_scenario_of_one_application_keeps_that_applications_targets(name):
    scenario, default = resolve(name, {}), resolve("default", {})
    assert list(scenario.applications) == [name]
    alone, among = scenario.applications[name], default.applications[name]
    assert alone.share == 1.0
    assert alone.model_copy(update={"share": among.share}) == among
    assert scenario.server == default.server
    assert list(scenario.device_classes) == list(default.device_classes)


def test_every_value_has_its_reason_beside_it_or_a_description():
    text = (FOLDER / "default.yaml").read_text(encoding="utf-8")
    chosen = ("round_trip_s", "fetch_share", "requests_per_s", "day_s", "activity_spread", "answer_limit", "lateness",
              "ttft_target_s", "patience_s", "pressure_time_s", "running_limit", "chunk_tokens")  # fmt: skip
    for name in chosen:
        first = next(line for line in text.splitlines() if line.strip().startswith(f"{name}:"))
        assert "#" in first, name


def test_an_override_changes_its_value_and_nothing_else():
    default, changed = resolve("default", {}), resolve("default", {"users": 7})
    assert changed.users == 7
    assert changed.model_copy(update={"users": default.users}) == default


def test_a_nested_override_is_merged_into_its_neighbours():
    scenario = resolve("default", {"applications": {"mobile_health": {"leakage_budget": 0.2}}})
    default = resolve("default", {})
    assert scenario.applications["mobile_health"].leakage_budget == 0.2
    health = scenario.applications["mobile_health"].model_copy(update={"leakage_budget": 0.5})
    assert health == default.applications["mobile_health"]
    assert scenario.applications["humanoid_robot"] == default.applications["humanoid_robot"]


def test_none_takes_an_entry_of_a_mapping_out():
    others = {name: None for name in APPLICATIONS - {"mobile_health"}}
    scenario = resolve("default", {"applications": {**others, "mobile_health": {"share": 1.0}}})
    assert list(scenario.applications) == ["mobile_health"]


def test_a_scenario_cannot_be_changed_after_it_was_resolved():
    with pytest.raises(ValidationError, match="frozen"):
        resolve("default", {}).users = 3


def test_an_override_reaches_the_rules_through_gymnasium_make():
    env = gymnasium.make("mei/SplitInference-v0", scenario="humanoid_robot", users=5, server={"chunk_tokens": 256})
    params = env.unwrapped.lanes.params
    assert (params.users, params.chunk_tokens) == (5, 256.0)
    assert len(params.ttft_target_s) == 1


def test_names_of_the_radio_reach_the_rules_through_gymnasium_make():
    radio = {"cell": {"propagation": "uma", "fading": "block", "fading_blocks": 8, "modulation": "mcs_table2"}}
    env = gymnasium.make("mei/SplitInference-v0", radio=radio)
    env.reset(seed=0)
    _, reward, _, _, info = env.step(0)
    params = env.unwrapped.lanes.params
    assert (params.propagation, params.fading_blocks, params.site_distance_m) == (UMA, 8, 500.0)
    assert len(params.code_sinr) == 27
    assert reward == pytest.approx(sum(value for name, value in info.items() if name.startswith("reward_")))


def test_a_scenario_comes_from_the_path_of_a_yaml_file(tmp_path):
    file = tmp_path / "harbour.yaml"
    file.write_text("extends: mobile_health\nsummary: A harbour.\nusers: 9\n", encoding="utf-8")
    scenario = resolve(str(file), {"requests_per_s": 2.0})
    assert (scenario.name, scenario.users, scenario.requests_per_s) == ("harbour", 9, 2.0)
    assert list(scenario.applications) == ["mobile_health"]
    env = gymnasium.make("mei/SplitInference-v0", scenario=str(file))
    assert env.unwrapped.lanes.params.users == 9


def test_a_scenario_that_was_written_out_whole_reads_back_the_same(tmp_path):
    scenario = resolve("autonomous_driving", {"users": 11})
    file = tmp_path / "whole.yaml"
    file.write_text(yaml.safe_dump(scenario.model_dump()), encoding="utf-8")
    again = resolve(str(file), {})
    assert again.model_copy(update={"name": scenario.name}) == scenario


WRONG_NAMES = [
    ({"scenario": "mobile_helth"}, r"no scenario 'mobile_helth'; did you mean 'mobile_health'\?"),
    ({"scenario": "moon"}, r"no scenario 'moon'; .*default"),
    ({"scenario": "/nowhere/mobile_health.yaml"}, r"no scenario"),
    ({"request_per_s": 3.0}, r"no scenario value 'request_per_s'; did you mean 'requests_per_s'\?"),
    ({"server": {"devise": "h100-sxm"}}, r"no scenario value 'server\.devise'; did you mean 'device'\?"),
    ({"applications": {"mobile_health": {"ttft_target": 1.0}}}, r"did you mean 'ttft_target_s'\?"),
    ({"radio": {"cell": {"carier_hz": 1e9}}}, r"no cell value 'carier_hz'; did you mean 'carrier_hz'\?"),
    ({"radio": {"cell": {"fading": "ergodig"}}}, r"no fading 'ergodig'; did you mean 'ergodic'\?"),
    ({"model": "Llama-2-7C"}, r"did you mean 'Llama-2-7B'"),
    ({"server": {"device": "h100-sxn"}}, r"did you mean 'h100-sxm'"),
    ({"device_classes": {"phone": {"card": "phon"}}}, r"did you mean 'phone'"),
    ({"background_lengths": "azure_con"}, r"did you mean 'azure_conv'"),
    ({"applications": {"mobile_health": {"classes": {"phon": 0.0}}}}, r"'phon', which is no device class"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "said"), WRONG_NAMES)
def test_a_wrong_name_is_refused_with_the_nearest_right_one(wrong, said):
    overrides = dict(wrong)
    with pytest.raises(ValueError, match=said) as refusal:
        parameters(resolve(overrides.pop("scenario", "default"), overrides))
    assert "\n" not in str(refusal.value)


WRONG_VALUES = [
    ({"users": 0}, r"users: .*greater than or equal to 1 \(given: 0\)\."),
    ({"users": 2.5}, r"users: .*integer.*\(given: 2\.5\)"),
    ({"users": "many"}, r"users: .*\(given: 'many'\)"),
    ({"requests_per_s": 0.0}, r"requests_per_s: .*greater than 0"),
    ({"requests_per_s": float("inf")}, r"requests_per_s: .*finite"),
    ({"background_per_s": -1.0}, r"background_per_s: .*\(given: -1\.0\)"),
    ({"day_strength": float("nan")}, r"day_strength: .*\(given: nan\)"),
    ({"lateness": 1.0}, r"lateness: .*greater than 1"),
    ({"lateness": float("inf")}, r"lateness: .*finite"),
    ({"activity_spread": 1000.0}, r"activity_spread: .*less than or equal to 3"),
    ({"server": {"running_limit": 0}}, r"server\.running_limit: "),
    ({"server": {"memory_share": 1.5}}, r"server\.memory_share: "),
    ({"server": {"memory_share": 0.2}}, r"leaves room for \d+ tokens of keys and values on h100-sxm"),
    ({"server": None}, r"server: .*\(given: None\)"),
    ({"device_classes": {"phone": {"layers_from": "moon"}}}, r"device_classes\.phone\.layers_from: .*'flash' or 'air'"),
    ({"applications": {"mobile_health": {"share": 0.9}}}, r"shares add up to 1\.7; 1 is needed"),
    ({"applications": {"mobile_health": {"classes": {"phone": 0.1}}}}, r"shares of application mobile_health add up"),
    ({"device_classes": {"phone": {"card": "rtx-4090"}}}, r"card 'rtx-4090' has no battery_j, which a device"),
    ({"battery_low": 0.9, "battery_high": 0.5}, r"battery_low is 0\.9; at most battery_high, 0\.5"),
    ({"radio": {"cell": {"carrier_hz": float("nan")}}}, r"cell value carrier_hz is nan"),
    ({"radio": {"cell": {"resource_blocks": 0.0}}}, r"cell value resource_blocks is 0\.0; a finite positive number"),
    ({"radio": {"cell": {"carrier_hz": "fast"}}}, r"cell value carrier_hz is 'fast'; a number from 5e\+08"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "said"), WRONG_VALUES)
def test_a_value_out_of_its_range_is_refused_in_a_sentence_that_names_both(wrong, said):
    with pytest.raises(ScenarioError, match=said) as refusal:
        parameters(resolve("default", wrong))
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("users: [1, 2", "is not YAML"),
        ("- users", "holds a list; a mapping is needed"),
        ("", "holds a NoneType"),
        ("extends: deflt", "did you mean 'default'"),
        ("extends: default\nuser: 3", "did you mean 'users'"),
        ("extends: default\nusers: !!python/object/apply:os.getcwd []", "is not YAML"),
        ("users: 3", "field required"),
        ("\xff", "given|holds a str"),
    ],
)
def test_a_scenario_file_that_is_none_is_refused(tmp_path, text, said):
    file = tmp_path / "odd.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError, match=said):
        resolve(str(file), {})


def test_a_file_that_is_not_text_or_too_large_is_refused(tmp_path):
    file = tmp_path / "odd.yaml"
    file.write_bytes(b"\xff\xfe\x00users")
    with pytest.raises(ScenarioError, match="is not YAML in UTF-8"):
        resolve(str(file), {})
    file.write_text("# " + "x" * 300_000, encoding="utf-8")
    with pytest.raises(ScenarioError, match="larger than"):
        resolve(str(file), {})


def test_a_scenario_that_extends_itself_is_refused(tmp_path):
    file = tmp_path / "loop.yaml"
    file.write_text(f"extends: {file}\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match="extends itself"):
        resolve(str(file), {})


def test_the_nearest_word_is_offered_or_all_of_them():
    assert nearest("usrs", ["users", "model"]) == "did you mean 'users'?"
    assert nearest("zzz", ["users", "model"]) == "known are model, users."


def test_every_device_class_and_application_of_the_default_reaches_the_rules():
    scenario = resolve("default", {})
    params = parameters(scenario)
    assert len(params.class_memory_bytes) == len(scenario.device_classes)
    assert len(params.ttft_target_s) == len(scenario.applications)
    assert len(params.prompt_log_tokens) == len(scenario.applications) + 1
    assert params.application_share[-1] == pytest.approx(1.0)
    assert params.application_class_share[:, -1] == pytest.approx(1.0)
    assert params.uplink_share == scenario.radio.cell["uplink_share"]
    assert params.carrier_hz == cell_params({}).carrier_hz
    assert (params.class_block_bytes > 0.0).all()
    assert params.layers == 32
    assert params.kv_capacity_tokens * 32 * 2 * 4096 * 2 == pytest.approx(0.9 * 80e9 - 2 * 6.738e9, rel=0.15)
