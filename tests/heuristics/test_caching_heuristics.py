"""Heuristics of EdgeCaching: what they do on hand-made observations and lanes, and that they do it everywhere alike."""

import gymnasium
import numpy as np
import pytest

from mei_gym import heuristics
from mei_gym.compiled import plain
from mei_gym.envs.edge_caching import TASK
from mei_gym.envs.edge_caching.fields import FIELDS
from mei_gym.envs.lanes import Lanes
from mei_gym.envs.task import shown
from mei_gym.heuristics.edge_caching.planned import Planned
from mei_gym.heuristics.edge_caching.seen import seen
from mei_gym.heuristics.edge_caching.values import values_of
from mei_gym.heuristics.placement import used_bytes
from mei_gym.oracle.episodes import run
from mei_gym.oracle.seeds import lane_seeds

ID, EVICTION = "mei/EdgeCaching-v0", "mei/EdgeCachingEviction-v0"
NAMES = list(heuristics.families(TASK))
PLANNED = [name for name, family in heuristics.families(TASK).items() if issubclass(family, Planned)]
BITS = (16, 8, 4)
NEVER = 1e12  # bytes that never fit

IDLE = {"free_store": 0.5, "store_bytes": 20e9, "site_rate_hz": 0.2, "network_rate_hz": 1.4, "cloud_pipe_wait_s": 0.0}
#: A row that nobody asked for, of a model of eight billion weights.
ROW = {"missing_bytes_0": 16e9, "missing_bytes_1": 8.5e9, "missing_bytes_2": 4.9e9, "unasked_s": 200.0}


@pytest.fixture(scope="module")
def place():
    return heuristics.world(ID)


def observed(place, rows, **server):
    """float32[field]: the observation of a situation in SI: rows of models, each given by what it differs in."""
    values = {**dict.fromkeys((field.name for field in FIELDS), 0.0), **IDLE, **server}
    for number in range(24):
        row = {**ROW, **(rows[number] if number < len(rows) else {})}
        values |= {f"row_{number:02d}_{name}": value for name, value in row.items()}
    show = plain(shown)
    return np.array([show(place.params, i, float(values[field.name])) for i, field in enumerate(FIELDS)], np.float32)


def fetched(policy, observation) -> tuple[int, int] | None:
    """(row, bits) that a policy fetches; None: nothing."""
    choice = int(policy.predict(observation)[0]) // int(np.prod(policy.world.factors[2:]))
    return (choice // 3 - 1, BITS[choice % 3]) if choice >= 3 else None


def test_the_names_are_those_of_the_issue():
    assert {"no_cache", "random", "static_popularity", "lru", "lfu", "lru_dedup", "lfu_dedup", "greedy_dual",
            "independent", "trimcaching_gen", "trimcaching_spec", "trimcaching_gen_true", "trimcaching_spec_true",
            "marginal"} <= set(NAMES)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_an_episode_of_a_heuristic_is_a_function_of_its_seeds(name, place):
    policy = heuristics.make(name, place)
    run(policy, range(2), 8)  # it keeps nothing of an episode before
    one, fresh = (run(each, range(2), 15) for each in (policy, heuristics.make(name, place)))
    assert np.array_equal(one.reward, fresh.reward)
    assert one.reward[0] != one.reward[1]


@pytest.mark.parametrize("name", NAMES)
def test_predict_through_gymnasium_decides_as_the_lanes_do(name, place):
    policy = heuristics.make(name, place)
    scenario = policy.world.scenario
    id = EVICTION if scenario.eviction == "chosen" else ID
    values = {} if id == EVICTION else {"eviction": scenario.eviction}
    env = gymnasium.make(id, library={"deduplicated": scenario.library.deduplicated}, **values)
    policy.watch(env)
    observation, _ = env.reset(seed=4)
    lanes = Lanes(TASK, scenario, 1)
    lanes.reset(lane_seeds([4]))
    corrected = TASK.info.index("corrected")
    for _ in range(15):
        action = policy.decide(lanes)
        assert policy.predict(observation)[0] == action[0]
        assert lanes.out.mask[0, action[0]]
        lanes.step(action)
        observation = env.step(action[0])[0]
        assert lanes.out.info[0, corrected] == 0.0


def test_policies_of_other_rules_run_in_a_world_of_their_own(place):
    few = [name for name in NAMES if name not in PLANNED or name in ("independent", "trimcaching_gen")]
    evictions = {name: heuristics.make(name, place).world.scenario for name in few}
    assert evictions["lru"].eviction == evictions["lru_dedup"].eviction == "lru"
    assert evictions["lfu"].eviction == "lfu"
    assert evictions["greedy_dual"].eviction == "greedy_dual"
    assert evictions["trimcaching_gen"].eviction == evictions["independent"].eviction == "chosen"
    whole = {name for name in few if not evictions[name].library.deduplicated}
    assert whole == {"lru", "lfu", "greedy_dual", "independent"}


@pytest.mark.parametrize("name", PLANNED)
def test_a_plan_fits_every_store(name, place):
    policy = heuristics.make(name, place)
    lanes = Lanes(TASK, policy.world.scenario, 2)
    lanes.reset(lane_seeds([0, 1]))
    for _ in range(20):
        lanes.step(policy.decide(lanes))
    for lane in range(2):
        plan = policy.planned(lanes, lane)
        assert plan.any()
        assert (used_bytes(policy.library, plan) <= place.params.store_limit_bytes * (1 + 1e-9)).all()
        assert (policy.more_here[plan.any(axis=0)] > 0.0).all()


def test_static_popularity_keeps_its_first_plan_and_the_others_make_new_ones(place):
    static, again = heuristics.make("static_popularity", place), heuristics.make("trimcaching_gen", place)
    lanes = Lanes(TASK, static.world.scenario, 1)
    lanes.reset(lane_seeds([3]))
    first = static.kept(lanes, 0).copy()
    assert np.array_equal(again.kept(lanes, 0), first)
    for _ in range(7 * 6):
        lanes.step(static.decide(lanes))
        assert np.array_equal(static.kept(lanes, 0), first)
    assert not np.array_equal(again.kept(lanes, 0), first)
    seldom = heuristics.make("trimcaching_gen", place, replan_epochs=3)
    lanes.reset(lane_seeds([3]))
    plans = []
    for _ in range(7 * 6):
        plans.append(seldom.kept(lanes, 0).copy())
        lanes.step(seldom.decide(lanes))
    changes = [step for step in range(1, 42) if not np.array_equal(plans[step], plans[step - 1])]
    assert set(changes) <= {21}


def test_a_plan_throws_nothing_out_while_there_is_room_and_then_what_it_does_not_want(place):
    policy = heuristics.make("trimcaching_gen", place)
    lanes = Lanes(TASK, policy.world.scenario, 1)
    lanes.reset(lane_seeds([5]))
    params, state = policy.world.params, lanes.state
    named = 0
    for _ in range(150):
        server = int(state.decision[0]) % 7
        plan = policy.kept(lanes, 0)
        action = int(policy.decide(lanes)[0])
        choice, victim = divmod(action, 25)
        if victim:
            named += 1
            model = int(state.shown_model[0, victim - 1])
            kept = plan[server, 3 * model : 3 * model + 3] & np.isfinite(state.held_from_s[0, server, 3 * model :][:3])
            assert not kept.any()
            variant = 3 * int(state.shown_model[0, choice // 3 - 1]) + choice % 3
            uses = slice(*params.variant_first_block[variant : variant + 2])
            lacking = [block for block in params.variant_block[uses] if state.block_holders[0, server, block] == 0]
            assert state.stored_bytes[0, server] + params.block_bytes[lacking].sum() > params.store_limit_bytes
        if choice >= 3:
            assert plan[server, 3 * int(state.shown_model[0, choice // 3 - 1]) + choice % 3]
        lanes.step(np.array([action]))
    assert named > 10


def test_an_observation_reads_back_as_what_it_showed(place):
    rows = [{"popularity_here": 0.2, "bits_here": 8.0, "missing_bytes_0": NEVER, "missing_bytes_2": 0.0}]
    see = seen(place, observed(place, rows, cloud_pipe_wait_s=3.0)[None])
    assert see.server[0, 5] == pytest.approx(0.2, rel=1e-4)
    assert see.rows[0, 0, 0] == pytest.approx(0.2, rel=1e-6)
    assert see.missing_bytes[0, 1] == pytest.approx([16e9, 8.5e9, 4.9e9], rel=1e-4)
    assert see.feasible[0, 0].tolist() == [False, False, False]  # never fits; held; fewer bits than are held
    assert see.feasible[0, 1].all()
    assert not seen(place, observed(place, rows, cloud_pipe_wait_s=14.1)[None]).feasible.any()


def test_static_keeps_the_first_rows_in_its_bits(place):
    rows = [{"bits_here": 16.0}, {"bits_here": 4.0}, {"missing_bytes_1": NEVER}, {}]
    assert fetched(heuristics.make("static", place, models=4, bits=8), observed(place, rows)) == (1, 8)
    assert fetched(heuristics.make("static", place, models=4, bits=4), observed(place, rows)) == (2, 4)
    assert fetched(heuristics.make("static", place, models=2, bits=4), observed(place, rows)) is None


def test_a_table_keeps_each_rank_in_the_bits_of_its_cell(place):
    table = heuristics.make("table", place, bits=(16, 8, 0, 4, 0, 0, 0, 0, 0))
    assert fetched(table, observed(place, [])) == (0, 16)
    assert fetched(table, observed(place, [{"bits_here": 16.0}])) == (1, 8)
    assert fetched(table, observed(place, [{"bits_here": 16.0}, {"bits_here": 8.0}])) == (3, 4)
    full = [{"bits_here": 16.0}, {"bits_here": 16.0}, {}, {"bits_here": 4.0}]
    assert fetched(table, observed(place, full)) is None


def test_the_classical_caches_fetch_the_latest_the_most_asked_and_the_most_asked_a_byte(place):
    rows = [
        {"popularity_here": 0.3, "unasked_s": 50.0, "missing_bytes_1": 8e9},
        {"popularity_here": 0.2, "unasked_s": 5.0, "missing_bytes_1": 8e9},
        {"popularity_here": 0.1, "unasked_s": 60.0, "missing_bytes_1": 1e8},
        {"popularity_here": 0.0, "unasked_s": 1.0},  # asked for elsewhere alone
    ]
    choices = {"lru": 1, "lfu": 0, "greedy_dual": 2}
    for name, row in choices.items():
        for made in (name, f"{name}_dedup"):
            assert fetched(heuristics.make(made, place, bits=8), observed(place, rows)) == (row, 8)
            rows_held = [{**each, "bits_here": 8.0} for each in rows]
            assert fetched(heuristics.make(made, place, bits=8), observed(place, rows_held)) is None


def test_the_myopic_score_worked_by_hand(place):
    params, values = place.params, values_of(place.params)
    policy = heuristics.make("marginal", place, horizon_s=100.0, toll=2.0)
    rows = [{"popularity_here": 0.25, "popularity_all": 0.125, "bits_elsewhere": 4.0}]
    score = policy.score(observed(place, rows)[None])[0]
    here_hz, elsewhere_hz = 0.25 * 0.2, 0.125 * 1.4 - 0.25 * 0.2
    at_edge, cloud, relay = values.at_edge.mean(axis=0), values.from_cloud.mean(), values.relay
    now = max(at_edge[2] - relay, cloud)
    for precision, missing_bytes in enumerate((16e9, 8.5e9, 4.9e9)):
        more = here_hz * max(0.0, at_edge[precision] - now)
        more += elsewhere_hz * max(0.0, at_edge[precision] - relay - now)
        by_hand = 100.0 * more - (params.backhaul_price_per_byte + 2.0 / 20e9) * missing_bytes
        assert (
            score[0, precision] == pytest.approx(by_hand, rel=2e-3) if by_hand > 0 else score[0, precision] == -np.inf
        )
    assert np.isfinite(score[0]).any()
    assert (score[1:] == -np.inf).all()  # nobody asks for the others
    assert fetched(policy, observed(place, rows))[0] == 0
    assert fetched(heuristics.make("marginal", place, toll=1e3), observed(place, rows)) is None


def test_values_put_bits_in_order_and_the_edge_above_the_cloud(place):
    values = values_of(place.params)
    assert values.at_edge.shape == (5, 3)
    assert (values.at_edge[:, 1] > values.at_edge[:, 2]).all()
    assert (values.at_edge.min(axis=1) > values.from_cloud).all()
    assert (values.from_cloud <= 0.5).all()  # the cloud keeps half of an answer's worth
    assert values.relay == pytest.approx(0.1)


@pytest.mark.parametrize("toll", [0.0, 1.0, 4.0])
def test_a_batch_is_decided_as_its_rows_are_one_by_one(place, toll):
    policy = heuristics.make("marginal", place, toll=toll)
    rng = np.random.default_rng(0)
    rows = [[{"popularity_here": share} for share in sorted(rng.random(8) / 8)[::-1]] for _ in range(6)]
    observations = np.array([observed(place, each) for each in rows])
    together, state = policy.predict(observations)
    assert state is None
    assert together.dtype == np.int64
    assert np.array_equal(together, [policy.predict(each)[0] for each in observations])


def test_in_two_parts_a_policy_says_the_same(place):
    joint, parts = heuristics.make("static", place), heuristics.make("static", "mei/EdgeCachingFactored-v0")
    observation = observed(place, [])
    action, split = joint.predict(observation)[0], parts.predict(observation)[0]
    assert split.tolist() == list(np.unravel_index(int(action), (25, 3)))


REFUSED = [
    ("static", {"models": 0}, r"^models is 0; a whole number of at least 1 is accepted\.$"),
    ("static", {"bits": 12}, r"^bits is 12; 16, 8, 4 are accepted\.$"),
    ("lru", {"bits": 3}, r"^bits is 3; 16, 8, 4 are accepted\.$"),
    ("table", {"bits": (16,) * 8}, r"^bits has 8 cells; 9 are accepted, one for each of \(1, 2, 3, 4, 6"),
    ("table", {"bits": (16,) * 8 + (2,)}, r"^bits has 2; 0, 16, 8, 4 are accepted\.$"),
    ("marginal", {"toll": -1.0}, r"^toll is -1\.0; a finite number of at least 0 is accepted\.$"),
    ("marginal", {"horizon_s": float("inf")}, r"^horizon_s is inf; a finite number of at least 0 is accepted\.$"),
    ("trimcaching_gen", {"replan_epochs": 0}, r"^replan_epochs is 0; a whole number of at least 1 is accepted\.$"),
    ("trimcaching_spec", {"epsilon": 1.0}, r"^epsilon is 1\.0; above 0 and below 1 is accepted\.$"),
    ("static_popularity", {"replan_epochs": 3}, r"static_popularity"),
    ("marginal", {"tol": 1.0}, r"^The heuristic 'marginal' has no parameter 'tol'; did you mean 'toll'\?"),
    ("trimcachin_gen", {}, r"trimcaching_gen"),
]


@pytest.mark.parametrize(("name", "parameters", "said"), REFUSED)
def test_what_a_heuristic_cannot_be_is_refused_in_one_sentence(place, name, parameters, said):
    with pytest.raises((ValueError, TypeError), match=said) as refusal:
        heuristics.make(name, place, **parameters)
    assert "\n" not in str(refusal.value)
