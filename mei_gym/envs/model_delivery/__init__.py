"""ModelDelivery: which piece of which language model does a cell send next, to whom, and in how many bits?

One base station, and users who ask for language models with a deadline. Models share pieces: the base of many adapters,
the lower layers of fine-tunes. A piece that several pending requests lack can be sent to all of them at once, at the
pace of the worst placed. A step is one decision, taken whenever the air is free and somebody waits:

* wait, until the next request or for `wait_s` at most: more may come who lack the same;
* or send one piece, in 16, 8 or 4 bits, in one of four modes (`modes.py`):
  all      to everybody who lacks it
  best     to the best placed of them, those who serve the group's mean wait
  urgent   to the one whose deadline is nearest, alone
  joint    to everybody, each user's strongest neighbour sending along: faster, and the neighbours' air is taken too

The air is then taken for as long as the piece takes; requests come meanwhile, and deadlines pass. Rates are those of
the users' last reports (every `look_s`) when the sending begins. Nothing is received in outage. When the last
receiver's deadline has passed, the station breaks off. A device stores what it receives while more comes, and expands
weights of fewer bits than it computes with; a request is served if all is ready by its deadline, and leaves unserved
otherwise.

Action: Discrete((rows + 1) * 4 * precisions), action = (row * 4 + mode) * precisions + place of the bits; row 0 waits,
row r sends the piece of row r - 1. With `action_form="factored"` or the id mei/ModelDeliveryFactored-v0: MultiDiscrete.
Rows are the twelve pieces that most requests lack (of as many, the nearest deadline first). `action_masks()` and
`info["action_mask"]` say what is feasible; of waiting only action 0 is. An infeasible action becomes a feasible one of
its row, else waiting, and `info["corrected"]` says so.

Observation: 214 numbers in [0, 1], float32; the table is printed by `mei-gym describe` and stands in `fields.py`: ten
of the cell and seventeen of each row. It holds what a base station knows: what is pending, deadlines, reports, and how
often each piece was asked for lately. What comes is hidden.

Reward: the sum of five named parts, each in `info`, of requests that left in the step and of what was sent in it.

    reward_delivered   worth of each model ready in time
    reward_quality     - worth * quality_weight * relative rise of perplexity, by weights and the bits they came in
    reward_energy      - energy_weight * (sending power * air * stations + devices' storing) / allowance
    reward_air         - air_weight * air * stations / allowance: taken from other users here, and from the neighbours'
    reward_late        - late_weight of each request missed or refused

An episode is the story of 256 requests (`requests`): it ends when the last of them has left, and is truncated after
1,024 decisions, which no sensible policy needs. So every policy meets the same requests, however long its decisions
take, and the returns of episodes compare; rewards a step do not. After the end, a further step brings nothing.

Who asks when for what, where they walk and how the neighbours' load drifts is the same whatever a policy does.
Loss by bits is published for whole models and taken as linear in the share of weights; bases of which nothing is
published take that of the model that the scenario names. A user keeps nothing between two requests.

Version history: v0, the first.
"""

from __future__ import annotations

from typing import Any

from mei_gym.envs.entry import mover_of
from mei_gym.envs.lanes import lane_mover
from mei_gym.envs.model_delivery.fields import FIELDS, INFO, INFO_NAMES, REWARD_PARTS, ROWS
from mei_gym.envs.model_delivery.modes import MODES
from mei_gym.envs.model_delivery.parameters import parameters
from mei_gym.envs.model_delivery.picture import picture, sentence
from mei_gym.envs.model_delivery.rules import reset, step
from mei_gym.envs.model_delivery.sensing import mask, observe
from mei_gym.envs.model_delivery.state import allocate
from mei_gym.envs.task import Task
from mei_gym.scenarios.model_delivery import resolve


def factors(params: Any) -> tuple[int, int, int]:
    """Choices of row, the first of which waits, of mode and of bits."""
    return ROWS + 1, MODES, int(params.precisions)


__all__ = ["INFO", "TASK"]

TASK = Task(
    name="ModelDelivery",
    module=__name__,
    fields=FIELDS,
    info=INFO_NAMES,
    reward_parts=REWARD_PARTS,
    sizes=("users", "sites", "slots", "models", "pieces", "most_pieces"),
    resolve=resolve,
    parameters=parameters,
    allocate=allocate,
    factors=factors,
    mover=mover_of(__name__, lane_mover(reset, step, observe, mask)),
    picture=picture,
    sentence=sentence,
    step_word="decision",
)
