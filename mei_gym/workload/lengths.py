"""Named token lengths of public traces: what a scenario's applications choose from.

The quantile tables stand in `lengths.json` with source, licence and reduction; `length_fit.py` made them, `fits.py`
says how near they are. Short names stand for the trace that is meant by them. Where only a few numbers of a trace are
public, the table is a lognormal's; `Lengths` from `length_laws.py` serve likewise wherever a name does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mei_gym.workload.length_laws import lognormal

BUCKETS = 256  # of the guide into the levels: one comparison in the mean, where halving takes six
TABLES = Path(__file__).with_name("lengths.json")
WHOLE = 1e-6  # of a token: what the logarithm of a whole number loses

ALIASES = {
    "conversation": "azure_conv",
    "code": "azure_code",
    "long_context": "mooncake_conv",
    "reasoning": "deepseek_r1",
    "image": "servegen_mm_image_total",
}
LMSYS = "LMSYS-Chat-1M by way of Vidur's README (MIT): mean, median and 90 % quantile only"


class Lengths(NamedTuple):
    """Prompt and answer lengths of one workload: ln(tokens) at `length_levels`."""

    prompt: np.ndarray  # f8[levels]
    answer: np.ndarray  # f8[levels]
    source: str
    note: str = ""


@cache
def length_levels() -> np.ndarray:
    """f8[levels], from 0 to 1: the levels that all tables share."""
    return np.array(json.loads(TABLES.read_text("utf-8"))["levels"])


@cache
def named() -> dict[str, Lengths]:
    """Every workload by its full name."""
    found = {}
    for name, values in json.loads(TABLES.read_text("utf-8"))["workloads"].items():
        source = f"{values['source']}; {values['licence']}. {values['reduction']}"
        found[name] = Lengths(np.log(values["prompt"]), np.log(values["answer"]), source, values["note"])
    levels = length_levels()
    found["lmsys"] = Lengths(
        lognormal(6.033, 1.04, 1, 4096, levels),
        lognormal(4.934, 0.90, 1, 4096, levels),
        LMSYS,
        "From three published numbers a direction; the maximum is Vidur's context of 4096 tokens (recalled).",
    )
    return found


def length_names() -> list[str]:
    """Every name that `named_lengths` takes, the short ones last."""
    return [*named(), *ALIASES]


def named_lengths(name: str) -> Lengths:
    """The lengths of one workload; an unknown name is refused with the nearest known one."""
    if ALIASES.get(name, name) in named():
        return named()[ALIASES.get(name, name)]
    near = get_close_matches(name, length_names(), n=1, cutoff=0.0)[0]
    raise ValueError(f"unknown token lengths {name!r}: did you mean {near!r}? Known are {', '.join(length_names())}.")


def length_arrays(
    workloads: Sequence[str | Lengths], prompt_maximum: float = np.inf, answer_maximum: float = np.inf
) -> dict[str, np.ndarray]:
    """The fields of `prompts.PromptParams` for one workload an application, by name or as a law.

    The maxima, in tokens, cut what the tables reach up to (a model's context ends somewhere).
    """
    if not (prompt_maximum >= 1 and answer_maximum >= 1):
        raise ValueError(f"token maxima must be at least 1, not {prompt_maximum} and {answer_maximum}.")
    chosen = [named_lengths(each) if isinstance(each, str) else each for each in workloads]
    levels = length_levels()
    guide = np.searchsorted(levels, np.arange(BUCKETS) / BUCKETS, side="right") - 1
    arrays: dict[str, np.ndarray] = {"length_levels": levels, "length_guide": guide}
    for direction, limit in (("prompt", prompt_maximum), ("answer", answer_maximum)):
        table = np.stack([getattr(lengths, direction) for lengths in chosen])
        arrays[f"{direction}_log_tokens"] = table
        least = np.maximum(np.floor(np.exp(table[:, 0]) + WHOLE), 1.0)
        arrays[f"{direction}_minimum"] = np.minimum(least, np.floor(limit))
        arrays[f"{direction}_maximum"] = np.full(len(chosen), np.floor(limit))
    return arrays
