"""Heuristics of ModelDelivery: what they send in hand-made situations, and that all they choose is feasible."""

import numpy as np
import pytest
from delivery_world import ALL, BEST, FAMILY, ID, JOINT, URGENT, World

from mei_gym import heuristics
from mei_gym.envs.lanes import Lanes
from mei_gym.heuristics.model_delivery.seen import Reader
from mei_gym.heuristics.model_delivery.table import CELLS
from mei_gym.oracle.episodes import run
from mei_gym.oracle.seeds import lane_seeds

PRECISIONS, MODES = 3, 4


@pytest.fixture(scope="module")
def place():
    return heuristics.world(ID)


@pytest.fixture(scope="module")
def family_place():
    return heuristics.world(ID, library=FAMILY, users=8)


@pytest.fixture(scope="module")
def met(place):
    """Observations and masks of episodes under the random policy: f4[n, field], bool[n, action]."""
    lanes = Lanes(place.task, place.scenario, 4)
    lanes.reset(lane_seeds(range(4)))
    policy, rows, masks = heuristics.make("random", place), [], []
    for _ in range(64):
        rows.append(lanes.out.observation.copy())
        masks.append(lanes.out.mask.copy())
        lanes.step(policy.predict(rows[-1])[0])
    return np.concatenate(rows), np.concatenate(masks)


def crowd(world: World) -> World:
    """Four users: three lack the base and the first adapter, one the base alone; the last is badly placed."""
    for user, (model, within_s, efficiency) in enumerate(
        ((1, 90.0, 8.0), (1, 80.0, 6.0), (1, 70.0, 7.0), (0, 40.0, 0.5))
    ):
        world.ask(user, model, within_s)
        world.place(user, efficiency, 1.5 * efficiency, partner=1 + user)
    world.lay()
    world.out.observation[0] = observed(world)
    return world


def observed(world: World) -> np.ndarray:
    from mei_gym.compiled import plain
    from mei_gym.envs.model_delivery.sensing import observe

    row = np.zeros_like(world.out.observation[0])
    plain(observe)(world.params, world.state, 0, row)
    return row


def choice(place, name, world, **parameters):
    """(piece, mode, place of the bits) that a heuristic chooses; None: it waits."""
    action = int(heuristics.make(name, place, **parameters).predict(observed(world))[0])
    if action == 0:
        return None
    row, mode, bits = action // (MODES * PRECISIONS) - 1, action // PRECISIONS % MODES, action % PRECISIONS
    return int(world.state.row_piece[0, row]), mode, bits


@pytest.mark.parametrize("name", heuristics.names(ID))
def test_a_heuristic_never_chooses_what_the_mask_forbids(name, place, met):
    observations, masks = met
    actions, _ = heuristics.make(name, place).predict(observations)
    assert actions.dtype == np.int64
    assert masks[np.arange(len(actions)), actions].all()


@pytest.mark.parametrize("name", heuristics.names(ID))
def test_a_batch_is_decided_as_its_rows_are_one_by_one(name, place, met):
    policy = heuristics.make(name, place)
    together, _ = policy.predict(met[0][:24])
    assert np.array_equal(together, [policy.predict(row)[0] for row in met[0][:24]])


def test_what_is_feasible_can_be_read_off_the_observation(place, met):
    observations, masks = met
    opened = Reader(place).seen(observations).opened.reshape(len(observations), -1)
    assert np.array_equal(opened, masks[:, MODES * PRECISIONS :])
    assert masks[:, 0].all()


def test_each_order_sends_what_it_says(family_place):
    world = crowd(World(library=FAMILY))
    base, adapter = int(world.state.row_piece[0, 0]), int(world.state.row_piece[0, 1])
    world.state.slot_asked_s[0, 1] -= 30.0
    world.lay()
    assert choice(family_place, "largest_group_first", world) == (base, ALL, 0)
    assert choice(family_place, "earliest_deadline", world, bits=4) == (base, ALL, 2)
    assert choice(family_place, "unicast_only", world, bits=8) == (base, URGENT, 1)
    assert choice(family_place, "fifo", world)[1:] == (ALL, 0)
    assert choice(family_place, "weighted_by_rate", world)[:2] == (adapter, ALL)  # a few MB to three
    assert choice(family_place, "static", world, mode="joint", bits=4) == (base, JOINT, 2)


def test_a_table_looks_at_who_lacks_the_first_piece_and_how_soon_it_is_due(family_place):
    world = crowd(World(library=FAMILY))
    base = int(world.state.row_piece[0, 0])
    many_far = {"many/far": ("best", 8)}
    assert choice(family_place, "table", world, choices=many_far) == (base, BEST, 1)
    assert choice(family_place, "table", world, choices={"few/far": ("best", 8)}) == (base, ALL, 0)
    assert choice(family_place, "table", world, choices={"many/far": ("wait", 16)}) is None
    assert len(CELLS) == 9
    with pytest.raises(ValueError, match=r"^There is no cell 'many/fat'; did you mean 'many/far'\?"):
        heuristics.make("table", family_place, choices={"many/fat": ("all", 16)})


def test_air_aware_waits_for_more_where_a_second_must_bring_much_and_sends_coarsely_in_a_crowd(family_place):
    world = World(library=FAMILY)
    world.ask(0, 0, 200.0)
    world.place(0, 6.0)
    world.lay()
    base = int(world.state.row_piece[0, 0])
    assert choice(family_place, "air_aware", world, hold=1.0) is None
    calm = choice(family_place, "air_aware", world, hold=0.0, crowd=0.0)
    pressed = choice(family_place, "air_aware", world, hold=0.0, crowd=1.0)
    assert calm[0] == pressed[0] == base
    assert calm[2] < pressed[2] == PRECISIONS - 1


def test_the_myopic_policy_does_not_send_what_nobody_could_use_in_time(family_place):
    world = World(library=FAMILY)
    world.ask(0, 0, 2.0)  # 300 MB at .5 bit/s/Hz take 87 s
    world.place(0, 0.5)
    world.lay()
    assert choice(family_place, "myopic", world) is None


def test_tuned_air_aware_stands_far_above_the_orders(place):
    seeds = range(3)
    ours = run(heuristics.make("air_aware", place), seeds).reward
    for name in ("unicast_only", "fifo", "earliest_deadline", "largest_group_first", "weighted_by_rate"):
        assert np.all(ours > run(heuristics.make(name, place), seeds).reward)
