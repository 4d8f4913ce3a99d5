"""Heuristics of SplitInference: what they do on hand-made observations, and that they do it everywhere alike."""

import inspect
import os
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from mei_gym import heuristics
from mei_gym.compiled import plain
from mei_gym.envs.lanes import Lanes
from mei_gym.envs.split_inference import forecast
from mei_gym.envs.split_inference.fields import FIELDS
from mei_gym.envs.task import shown
from mei_gym.heuristics.split_inference.rows import scores, sensed
from mei_gym.heuristics.split_inference.scores import knobs
from mei_gym.oracle.episodes import run

ID = "mei/SplitInference-v0"
LAYERS, BITS_CHOICES = 32, 3
ROBOT, ASSISTANT, HEALTH = 2, 0, 1  # applications of the default scenario
PHONE, LAPTOP, JETSON = 0, 1, 2  # device classes of the default scenario

CALM = {  # a robot asks; the server and the air are free, and every layer is loaded
    "application": ROBOT, "prompt_tokens": 200.0, "expected_answer_tokens": 30.0, "ttft_target_s": 0.1,
    "tpot_target_s": 0.05, "leakage_budget": 1.0, "device_class": JETSON, "device_wait_s": 0.0,
    "block_prefill_s": 4e-3, "block_decode_s": 1.5e-3, "device_head_s": 2e-3, "device_speed": 1.0, "heat_k": 0.0,
    "battery": 1.0, "joule_price": 1e-3, "leakage_hard": 0.0, "loaded_layers": 1.0, "deepest_cut": 1.0,
    "layer_fetch_s": 0.1, "since_last_s": 5.0, "user_rate_hz": 0.2, "uplink_bps": 5e7, "round_trip_s": 0.02,
    "handover_wait_s": 0.0, "uploads": 0.0, "upload_backlog_s": 0.0, "stream_share": 0.0, "pipe_s_per_byte": 0.0,
    "pipe_transfers": 0.0, "pipe_backlog_s": 0.0, "pipe_stream_share": 0.0, "transmit_power_w": 0.2, "running": 0.1,
    "kv_used": 0.1, "waiting": 0.0, "kv_waiting": 0.0, "prompt_backlog_tokens": 0.0, "coming_tokens": 0.0,
    "pace_s": 0.008, "chunk_pace_s": 0.02, "own_rate_hz": 15.0, "background_rate_hz": 1.0,
}  # fmt: skip


PLAIN_RUN = """
import sys, warnings
import numpy as np
from mei_gym import heuristics
warnings.filterwarnings("ignore", "overflow encountered", RuntimeWarning)
place, observations = heuristics.world(sys.argv[1]), np.load(sys.argv[2])
np.save(sys.argv[3], [heuristics.make(name, place).predict(observations)[0] for name in heuristics.names(sys.argv[1])])
"""


@pytest.fixture(scope="module")
def place():
    return heuristics.world(ID)


@pytest.fixture(scope="module")
def open_place():
    """The same world without a hard budget."""
    return heuristics.world(ID, applications={"mobile_health": {"leakage_hard": False, "leakage_weight": 1.5}})


def seen(place, **values):
    """float32[field]: the observation of a situation in SI units, calm but for `values`."""
    situation = {**CALM, **values}
    assert set(situation) == {field.name for field in FIELDS}
    show = plain(shown)
    return np.array([show(place.params, i, float(situation[f.name])) for i, f in enumerate(FIELDS)], np.float32)


def cut_of(policy, observation):
    action, _ = policy.predict(observation)
    return int(action) // BITS_CHOICES


@pytest.fixture(scope="module")
def met(place):
    """Observations and masks of four episodes under the random policy: f4[n, field], bool[n, action]."""
    lanes = Lanes(place.task, place.scenario, 4)
    lanes.reset(np.arange(4).astype(np.uint64))
    policy, rows, masks = heuristics.make("random", place), [], []
    for _ in range(64):
        rows.append(lanes.out.observation.copy())
        masks.append(lanes.out.mask.copy())
        lanes.step(policy.predict(rows[-1])[0])
    return np.concatenate(rows), np.concatenate(masks)


@pytest.mark.parametrize("name", heuristics.names(ID))
def test_a_heuristic_never_chooses_what_the_mask_forbids(name, place, met):
    observations, masks = met
    actions, state = heuristics.make(name, place).predict(observations)
    assert actions.dtype == np.int64
    assert actions.shape == (len(observations),)
    assert state is None
    assert masks[np.arange(len(actions)), actions].all()


@pytest.mark.parametrize("name", heuristics.names(ID))
def test_no_action_of_an_episode_has_to_be_corrected(name, place):
    corrected = place.task.info.index("corrected")
    assert run(heuristics.make(name, place), range(2), steps=96).info[:, corrected].sum() == 0.0


@pytest.mark.parametrize("name", heuristics.names(ID))
def test_a_batch_is_decided_as_its_rows_are_one_by_one(name, place, met):
    observations = met[0][:24]
    policy = heuristics.make(name, place)
    together, _ = policy.predict(observations)
    alone = [policy.predict(row)[0] for row in observations]
    assert all(action.shape == () for action in alone)
    assert np.array_equal(together, alone)
    assert np.array_equal(together, heuristics.make(name, place).predict(observations)[0])


def test_plain_python_chooses_as_compiled_code_does(place, met, tmp_path):
    observations = met[0][::32]
    np.save(tmp_path / "seen.npy", observations)
    command = [sys.executable, "-c", PLAIN_RUN, ID, str(tmp_path / "seen.npy"), str(tmp_path / "chosen.npy")]
    subprocess.run(command, check=True, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, timeout=120)
    compiled = [heuristics.make(name, place).predict(observations)[0] for name in heuristics.names(ID)]
    assert np.array_equal(np.load(tmp_path / "chosen.npy"), compiled)


def test_predict_has_the_signature_of_stable_baselines3(place):
    base_class = pytest.importorskip("stable_baselines3.common.base_class")
    theirs = inspect.signature(base_class.BaseAlgorithm.predict).parameters
    ours = inspect.signature(heuristics.make("random", place).predict).parameters
    assert list(ours) == list(theirs)[1:]
    assert all(ours[name].kind == theirs[name].kind for name in ours)


def test_the_single_environment_takes_what_predict_returns(place):
    for id in (ID, "mei/SplitInferenceFactored-v0"):
        env = gymnasium.make(id)
        policy = heuristics.make("neurosurgeon", id)
        observation, _ = env.reset(seed=3)
        for _ in range(8):
            action, _ = policy.predict(observation)
            assert env.action_space.contains(action) or env.action_space.contains(int(action))
            observation, _, _, _, info = env.step(action)
            assert info["corrected"] == 0.0


def test_every_feasible_action_comes_up_at_random_and_no_other(place):
    observations = np.stack([seen(place, deepest_cut=2 / LAYERS, since_last_s=1.0 + 0.01 * i) for i in range(700)])
    actions, _ = heuristics.make("random", place).predict(observations)
    counts = np.bincount(actions, minlength=99)
    assert set(np.flatnonzero(counts)) == {0, 3, 4, 5, 6, 7, 8}
    assert counts[counts > 0].min() > 60  # of 100 expected; five standard deviations
    other, _ = heuristics.make("random", place, seed=1).predict(observations)
    assert 0.05 < np.mean(other == actions) < 0.25  # of 1/7


def test_edge_only_always_cuts_at_zero_and_device_only_as_deep_as_fits(place, met):
    """Where a hard budget forbids cut 0, as shallow as it allows."""
    observations, masks = met
    cuts = masks.reshape(len(masks), -1, BITS_CHOICES).any(axis=2)
    actions, _ = heuristics.make("edge_only", place).predict(observations)
    assert np.array_equal(actions // BITS_CHOICES, cuts.argmax(axis=1))
    actions, _ = heuristics.make("device_only", place).predict(observations)
    assert np.array_equal(actions // BITS_CHOICES, LAYERS - cuts[:, ::-1].argmax(axis=1))


def test_where_a_hard_budget_leaves_nothing_every_heuristic_takes_the_one_action_that_declines(place):
    observation = seen(place, application=HEALTH, leakage_budget=0.5, leakage_hard=1.0, deepest_cut=4 / LAYERS)
    for name in heuristics.names(ID):
        assert heuristics.make(name, place).predict(observation)[0] == 0


def test_a_static_choice_too_deep_becomes_the_deepest_that_fits(place):
    policy = heuristics.make("static", place, cut=20, bits=4)
    assert policy.predict(seen(place))[0] == 20 * BITS_CHOICES + 2
    assert policy.predict(seen(place, deepest_cut=5 / LAYERS))[0] == 5 * BITS_CHOICES + 2
    assert policy.predict(seen(place, deepest_cut=0.0))[0] == 0


def test_a_table_looks_at_who_asks_and_at_nothing_else(open_place):
    place = open_place
    policy = heuristics.make("table", place, choices={"mobile_health/phone": (3, 8), "humanoid_robot/robot": (32, 16)})
    asks = {(HEALTH, PHONE): 3 * BITS_CHOICES + 1, (ROBOT, JETSON): 96, (ASSISTANT, PHONE): 0}
    for (application, device), action in asks.items():
        for load in (0.0, 1.0):
            observation = seen(place, application=application, device_class=device, running=load, battery=1 - load)
            assert policy.predict(observation)[0] == action


def test_a_dead_uplink_is_never_given_activations(place):
    # a secret that the device cannot keep alone is a case apart: what never arrives leaks less at a deeper cut
    for application in (ASSISTANT, HEALTH, ROBOT):
        for deepest, budget in ((0.3, 1.0), (1.0, 1.0), (1.0, 0.5)):
            observation = seen(
                place, application=application, uplink_bps=0.0, deepest_cut=deepest, leakage_budget=budget
            )
            for name in ("neurosurgeon", "neurosurgeon_idle", "queue_aware", "energy_aware"):
                assert cut_of(heuristics.make(name, place), observation) in (0, LAYERS), name


def test_neurosurgeon_finds_the_best_forecast_there_is(place, met):
    observations, masks = met
    policy = heuristics.make("neurosurgeon", place)
    reward = plain(forecast.expected_reward)
    for row, mask in zip(observations[::16], masks[::16]):
        values = sensed(place, row[None])[0]
        worth = [reward(place.params, values, a // 3, a % 3) if mask[a] else -np.inf for a in range(len(mask))]
        assert worth[policy.predict(row)[0]] >= max(worth) - 1e-9


@pytest.mark.parametrize("name", ["neurosurgeon", "neurosurgeon_idle", "energy_aware", "queue_aware"])
def test_the_choice_is_the_first_of_the_highest_scores(name, place, met):
    policy = heuristics.make(name, place)
    assert np.array_equal(policy.choose(met[0]), policy.scores(met[0]).argmax(axis=1))


def test_an_observation_turned_back_is_what_was_sensed(place):
    lanes = Lanes(place.task, place.scenario, 2)
    lanes.reset(np.arange(2).astype(np.uint64))
    for _ in range(16):
        lanes.step(np.zeros(2, np.int64))
    back = sensed(place, lanes.out.observation)
    inside = (lanes.out.observation > 0.0) & (lanes.out.observation < 1.0)
    assert np.allclose(back[inside], lanes.state.sensed[inside], rtol=1e-5)


def test_the_idle_neurosurgeon_does_not_see_load(place):
    policy = heuristics.make("neurosurgeon_idle", place)
    busy = {"prompt_backlog_tokens": 1e5, "kv_used": 1.0, "waiting": 100.0, "uploads": 20.0, "upload_backlog_s": 30.0,
            "stream_share": 0.8, "pace_s": 0.1, "chunk_pace_s": 0.2}  # fmt: skip
    for application, budget in ((HEALTH, 0.5), (ROBOT, 1.0)):
        calm = seen(place, application=application, leakage_budget=budget)
        rushed = seen(place, application=application, leakage_budget=budget, **busy)
        assert policy.predict(calm)[0] == policy.predict(rushed)[0]
    assert cut_of(policy, rushed) != cut_of(heuristics.make("neurosurgeon", place), rushed)


def first_left(policy, place, situations):
    """The first of the situations in which something runs on the device."""
    cuts = [cut_of(policy, seen(place, **situation)) for situation in situations]
    assert cuts[0] == 0, "everything goes to a free server"
    assert cuts[-1] > 0, "not everything goes to a full one"
    return next(i for i, cut in enumerate(cuts) if cut > 0)


def test_the_queue_aware_leaves_a_filling_server_before_neurosurgeon_does(place):
    fast = {"block_prefill_s": 8e-3, "block_decode_s": 1e-3, "joule_price": 1e-4}
    backlogs = [{**fast, "prompt_backlog_tokens": 250.0 * i} for i in range(200)]
    greedy = first_left(heuristics.make("neurosurgeon", place), place, backlogs)
    caring = first_left(heuristics.make("queue_aware", place), place, backlogs)
    assert 0 < caring < greedy


def test_the_queue_aware_sends_fewer_bytes_where_others_upload(open_place):
    place = open_place
    secret = {"application": HEALTH, "leakage_budget": 0.5, "ttft_target_s": 1.0, "tpot_target_s": 0.2,
              "device_class": PHONE, "joule_price": 1e-3, "block_prefill_s": 0.05}  # fmt: skip
    rows = np.stack([seen(place, **secret, uploads=float(n), upload_backlog_s=0.05 * n) for n in range(12)])
    greedy = scores(place, rows, knobs())
    caring = scores(place, rows, knobs(air_toll=1.0))
    price = np.where(np.isfinite(greedy), greedy, 0.0) - np.where(np.isfinite(caring), caring, 0.0)
    half, bits_8 = 16 * BITS_CHOICES, 16 * BITS_CHOICES + 1
    assert np.all(np.diff(price[:, half]) > 0.0)
    assert np.all(price[1:, bits_8] < price[1:, half])
    assert np.all(price[:, -BITS_CHOICES] == 0.0)  # nothing is sent, nothing is owed


def test_without_its_tolls_the_queue_aware_is_neurosurgeon(place, met):
    mine = heuristics.make("queue_aware", place, server_toll=0, memory_toll=0, air_toll=0)
    same = heuristics.make("energy_aware", place, energy_scale=1)
    for policy in (mine, same):
        assert np.array_equal(policy.predict(met[0])[0], heuristics.make("neurosurgeon", place).predict(met[0])[0])


def test_dearer_joules_never_lead_to_more_of_them(place, met):
    observations, _ = met
    spent = []
    device_energy = plain(forecast.device_energy)
    for scale in (1.0, 4.0, 64.0):
        actions, _ = heuristics.make("energy_aware", place, energy_scale=scale).predict(observations)
        values = sensed(place, observations)
        spent.append([device_energy(place.params, v, a // 3, a % 3, v[2]) for v, a in zip(values, actions)])
    assert np.all(np.array(spent[1]) <= np.array(spent[0]) + 1e-9)
    assert np.all(np.array(spent[2]) <= np.array(spent[1]) + 1e-9)


@pytest.mark.parametrize(
    ("name", "parameters", "sentence"),
    [
        ("neurosurgon", {}, "did you mean 'neurosurgeon'"),
        ("queue_aware", {"server_tol": 1.0}, "did you mean 'server_toll'"),
        ("edge_only", {"cut": 3}, "it has none"),
        ("static", {"cut": 33}, r"a whole number in \[0, 32\]"),
        ("static", {"cut": 3, "bits": 5}, "16, 8, 4 are accepted"),
        ("table", {"choices": {"mobile_healt/phone": (1, 8)}}, "did you mean 'mobile_health/phone'"),
        ("energy_aware", {"energy_scale": float("nan")}, "a finite number of at least 0"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_sentence(name, parameters, sentence, place):
    with pytest.raises(ValueError, match=sentence):
        heuristics.make(name, place, **parameters)


def test_an_unknown_environment_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'mei/SplitInference-v0'"):
        heuristics.make("random", "mei/SplitInferenc-v0")


@pytest.mark.parametrize("shape", [(5,), (2, 5), (1, 2, len(FIELDS))])
def test_an_observation_of_another_shape_is_refused(shape, place):
    with pytest.raises(ValueError, match=rf"\(n, {len(FIELDS)}\) is accepted"):
        heuristics.make("edge_only", place).predict(np.zeros(shape, np.float32))


@pytest.mark.parametrize("scenario", ["default"])
def test_what_was_tuned_for_a_shipped_scenario_can_be_made_by_name(scenario, place):
    names = heuristics.names(ID, scenario)[len(heuristics.names(ID)) :]
    for name in names:
        policy = heuristics.make(name, place)
        assert policy.name == name
        assert 0 <= policy.predict(seen(place))[0] < 99
