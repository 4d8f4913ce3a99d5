"""SplitInference: request by request, after which layer does a device hand a language model over to the edge?

One cell, one edge server with a measured GPU, and users whose phones, laptops, robots and vehicles
can run the first layers of the model themselves. A step is one request of one user. The policy
chooses

* the cut c in 0..L: the device runs layers 0..c-1, the server the rest. 0: everything at the edge (the prompt
  travels as text), L: everything on the device;
* the bits of the activations that are sent at a cut in between: 16, 8 or 4.

Steps hang together: what is sent to the edge shares the server's batch and its memory with what was
sent before and comes after; uploads share the air; a deeper cut first loads the missing layers, which
pays only if later requests use them; computing heats the device and drains its battery; other apps
press on its memory.

Action: Discrete((L + 1) * 3), action = 3 * cut + (0: 16 bits, 1: 8 bits, 2: 4 bits); with
`action_form="factored"` or the id mei/SplitInferenceFactored-v0: MultiDiscrete([L + 1, 3]).
`action_masks()` and `info["action_mask"]` say which are feasible: cuts that fit the device's memory,
bits only where activations are sent, and, where an application's privacy budget is hard, only what
leaks no more. An infeasible action becomes the nearest feasible one, and `info["corrected"]` says so.
Where nothing is feasible the request is declined, whatever the action: nothing is sent or paid.

Observation: 42 numbers in [0, 1], float32; the table is printed by `mei-gym describe` and stands in
`fields.py`. It holds what a controller at the edge knows. The length of this answer is hidden; of
requests under way, what the server and the device have set aside for them (memory, work, charge)
counts their true lengths, as an engine that reserves memory for whole answers would know them.

Reward: the sum of five named parts, each in `info`.

    reward_ttft      ttft_weight * utility(TTFT)
    reward_tpot      tpot_weight * utility(TPOT)
    reward_energy    - energy_weight * joules / allowance, dearer as the battery empties
    reward_leakage   - leakage_weight * leakage over the application's budget
    reward_quality   - quality_weight * relative rise of perplexity

utility(t) is 1 up to the application's target and falls with the logarithm of t to 0 at `lateness`
targets (the form of ITU-T G.1030). What a request's latency will be is not known when it is decided:
it is paid the forecast of the cost model then, and the difference to what happened when its first and
last tokens come. So an episode's return is made of what happened; only requests under way at its end
keep their forecast (`info["unfinished"]`). An answer that begins `lateness` targets after the question
is worth nothing; a user whose prompt has not begun to run after `patience_s` gives up
(`info["abandoned"]`). The energy of a request is paid whole when it is decided, also where its user
gives up later or the server refuses it; a request kept on its device runs to the end, however late.

Times at the server are of measured blocks; those of phones, laptops and boards are derived from data
sheets and published measurements (`mei-gym profiles` says which). Leakage is what a linear
attacker reads of the prompt, a lower bound, and quality the rise of perplexity by rounding; both were
measured on SmolLM2-135M, by cut and bits, and stand in for the larger model's at the same relative depth.

An episode never ends of itself; it is truncated after 1,024 requests.

Version history: v0, the first.
"""

from __future__ import annotations

from typing import Any

from mei_gym.envs.entry import mover_of
from mei_gym.envs.lanes import lane_mover
from mei_gym.envs.split_inference.feasible import BITS_CHOICES
from mei_gym.envs.split_inference.fields import FIELDS, INFO, INFO_NAMES, REWARD_PARTS
from mei_gym.envs.split_inference.parameters import parameters
from mei_gym.envs.split_inference.picture import picture, sentence
from mei_gym.envs.split_inference.rules import reset, step
from mei_gym.envs.split_inference.sensing import mask, observe
from mei_gym.envs.split_inference.state import allocate
from mei_gym.envs.task import Task
from mei_gym.scenarios.split_inference import resolve


def factors(params: Any) -> tuple[int, int]:
    """Choices of cut and of bits."""
    return int(params.layers) + 1, BITS_CHOICES


__all__ = ["INFO", "TASK"]

TASK = Task(
    name="SplitInference",
    module=__name__,
    fields=FIELDS,
    info=INFO_NAMES,
    reward_parts=REWARD_PARTS,
    sizes=("users", "sites", "slots", "running_limit", "links"),
    resolve=resolve,
    parameters=parameters,
    allocate=allocate,
    factors=factors,
    mover=mover_of(__name__, lane_mover(reset, step, observe, mask)),
    picture=picture,
    sentence=sentence,
    step_word="request",
)
