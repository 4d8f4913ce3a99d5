"""EdgeCaching: which language models does an edge server keep, and in how many bits?

M sites of a network have a server each, with room for a few models; K users move among them and ask models of a library
for answers. The library is made of blocks: a base, the adapters (LoRA) and fine-tunes made of it, each in up to three
precisions; a store keeps a block once, whoever uses it. What is asked for drifts, differs from site to site, and
newcomers replace what nobody wants.

A step is one decision of one server, whose turn comes every `epoch_s`: one of M servers every epoch_s / M. It may fetch
one model in one precision. The missing blocks travel over the backhaul, from another server or from the cloud, and the
variant answers when all have arrived. Room is made by the scenario's rule (`eviction`): by default the blocks of the
least demand a byte go; with the id mei/EdgeCachingEviction-v0 the action names a model that goes first.

Between two decisions users ask. Every server that holds the model whole is considered, in each precision, and the
cloud; who brings most answers. A deadline binds the whole answer: air, wires, the wait for other prompts, loading
weights that the accelerator lacks, prefill and every token, by the measured cost model.

Action: Discrete((R + 1) P), action = P * choice + precision. Choice 0: fetch nothing; 1 + r: the model of row r of the
observation. Precision 0 is the most bits (16), then 8 and 4. R is 24, or the library's models where they are fewer.
With `action_form="factored"` or the id mei/EdgeCachingFactored-v0: MultiDiscrete([R + 1, P]). With eviction "chosen" a
last part v in 0..R follows, Discrete((R + 1) P (R + 1)): 0: by rule; 1 + r: the model of row r goes first.
`action_masks()` and `info["action_mask"]` say what is feasible: what is not held, fits, and while the cloud's
pipe is not promised for longer than an epoch. An infeasible action fetches nothing, and `info["corrected"]` says so.

Observation: 232 numbers in [0, 1], float32: 16 of the deciding server, then 24 rows of 9 about the models that were
asked for most, at its site and at all, in that order. The table is printed by `mei-gym describe` and stands in
`fields.py`. Popularity is what was asked for lately, fading with `memory_s`; the true one is hidden.

Reward: the sum of four named parts, each in `info`, over the step's decision and requests.

    reward_answers    worth * utility(latency) * (1 - quality_weight * rise of perplexity)
    reward_price      - cloud_price or relay_price * worth, of answers that the own site's server does not give
    reward_backhaul   - price of the bytes that the decision fetches
    reward_energy     - energy_price_per_j * joules of the edge's accelerators

utility is 1 up to the deadline and falls with the logarithm of the latency to 0 at `lateness` of them (ITU-T G.1030).
`info["ceiling"]` is the bound: the step's requests if every server held everything, was idle and had it loaded.

A variant answers once it was decided for: one whose blocks came with others costs no bytes to fetch, but a decision.
An answer keeps the pace that it found when it began; a precision's quality is a published rise of perplexity, some of
it of a stand-in (`quality_of`). The energy of the cloud and of the wires is in their prices. An episode begins with
empty stores and a memory of past requests; it never ends of itself and is truncated after 1,024 decisions.

Sources: TrimCaching (arXiv 2404.14204, 2405.03990) for stores of shared blocks; the survey 2407.18921 on caching.

Version history: v0, the first.
"""

from __future__ import annotations

from typing import Any

from mei_gym.envs.edge_caching.eviction import CHOSEN
from mei_gym.envs.edge_caching.fields import FIELDS, INFO, INFO_NAMES, REWARD_PARTS
from mei_gym.envs.edge_caching.parameters import parameters
from mei_gym.envs.edge_caching.picture import picture, sentence
from mei_gym.envs.edge_caching.rules import reset, step
from mei_gym.envs.edge_caching.sensing import mask, observe
from mei_gym.envs.edge_caching.state import SIZES, allocate
from mei_gym.envs.entry import mover_of
from mei_gym.envs.lanes import lane_mover
from mei_gym.envs.task import Task
from mei_gym.scenarios.edge_caching import resolve


def factors(params: Any) -> tuple[int, ...]:
    """Choices of a model and of its precision; of a victim, where the action names one."""
    choices = int(params.rows) + 1, int(params.precisions)
    return (*choices, int(params.rows) + 1) if params.eviction == CHOSEN else choices


__all__ = ["INFO", "TASK"]

TASK = Task(
    name="EdgeCaching",
    module=__name__,
    fields=FIELDS,
    info=INFO_NAMES,
    reward_parts=REWARD_PARTS,
    sizes=SIZES,
    resolve=resolve,
    parameters=parameters,
    allocate=allocate,
    factors=factors,
    mover=mover_of(__name__, lane_mover(reset, step, observe, mask)),
    picture=picture,
    sentence=sentence,
    step_word="decision",
)
