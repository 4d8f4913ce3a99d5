"""Named fits of token lengths to public traces: what a scenario's applications choose from.

`ks` is the Kolmogorov-Smirnov distance of the fit to the whole sample: where it exceeds .1, take the
numbers for a shape and not for that trace. Constants fitted by this project; the traces' licences and
attributions stand with each.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np

AZURE = "Azure LLM inference trace 2023, Microsoft, CC-BY 4.0; Patel et al., Splitwise, ISCA 2024"
SERVEGEN = "ServeGen, Alibaba, Apache-2.0; arXiv 2505.09999; quantiles over clients and windows"
MOONCAKE = "Mooncake conversation trace, Apache-2.0; Mooncake, FAST 2025"
LMSYS = "LMSYS-Chat-1M by way of Vidur's README (MIT): mean, median and 90 % quantile only"


class Mixture(NamedTuple):
    """Two lognormals: weight of the first, mu and sigma of ln(tokens), limits of the sample in tokens."""

    first_weight: float
    first_mu: float
    first_sigma: float
    second_mu: float
    second_sigma: float
    minimum: float
    maximum: float
    ks: float | None  # None: not known, the fit rests on quantiles alone


class Lengths(NamedTuple):
    """Prompt and answer lengths of one workload."""

    prompt: Mixture
    answer: Mixture
    source: str
    note: str = ""


def lognormal(mu: float, sigma: float, minimum: float, maximum: float, ks: float | None) -> Mixture:
    """A mixture whose two parts are one lognormal."""
    return Mixture(1.0, mu, sigma, mu, sigma, minimum, maximum, ks)


LENGTHS: dict[str, Lengths] = {
    "azure_conv": Lengths(
        Mixture(0.879, 6.578, 1.108, 7.069, 0.058, 1, 4142, 0.096),
        Mixture(0.645, 4.526, 0.439, 6.016, 0.088, 1, 1000, 0.029),
        AZURE,
        "Refitted (least KS + .3 relative error of the mean). The prompt has spikes at 1.0-1.2 k and 4.1 k"
        " tokens, probably system prompts and a limit: two lognormals stay .096 away (one: .159), and the maximum"
        " cuts the .8 % of prompts above it. Mean 1146 (trace 1155), median 871 (1020), 5 % 124 (181).",
    ),
    "azure_code": Lengths(
        Mixture(0.695, 7.650, 0.724, 5.518, 1.307, 1, 7437, 0.030),
        Mixture(0.659, 2.365, 0.383, 3.605, 0.899, 1, 1899, 0.066),
        AZURE,
    ),
    "mooncake_conv": Lengths(
        lognormal(8.737, 1.199, 891, 126195, 0.067),
        Mixture(0.662, 6.008, 0.346, 4.024, 1.617, 1, 2000, 0.021),
        MOONCAKE,
        "Long contexts: cut the maximum to what the model can hold.",
    ),
    "servegen_m_small": Lengths(
        Mixture(0.830, 3.456, 0.473, 5.901, 0.842, 13, 4318, 0.158),
        Mixture(0.689, 0.770, 0.608, 3.189, 1.083, 1, 293, 0.137),
        SERVEGEN,
        "Lengths of 43 % of the requests were readable; the largest clients are missing. Limits: the .05 and"
        " 99.95 % quantiles.",
    ),
    "servegen_m_mid": Lengths(
        Mixture(0.714, 5.149, 0.220, 5.831, 1.169, 29, 9990, 0.102),
        lognormal(3.402, 1.071, 1, 1278, 0.055),
        SERVEGEN,
        "Lengths of 71 % of the requests were readable. Limits: the 99.95 % quantiles.",
    ),
    "servegen_m_large": Lengths(
        Mixture(0.822, 6.679, 0.790, 4.253, 0.108, 19, 14234, 0.088),
        Mixture(0.561, 5.127, 1.021, 1.712, 1.307, 1, 2262, 0.074),
        SERVEGEN,
        "Lengths of 63 % of the requests were readable. Limits: the 99.95 % quantiles.",
    ),
    "servegen_mm_image": Lengths(
        Mixture(0.610, 4.350, 0.431, 6.960, 0.741, 35, 3443, 0.115),
        lognormal(4.605, 0.724, 2, 2000, None),
        SERVEGEN,
        "Text tokens only; 1.59 images of 649 tokens a request come on top. The answer is the lognormal through"
        " the mean 130 and the median 100.",
    ),
    "deepseek_r1": Lengths(
        lognormal(5.236, 1.829, 4, 35909, 0.054),
        Mixture(0.771, 6.438, 0.700, 7.891, 0.905, 78, 22539, 0.047),
        SERVEGEN,
        "A reasoning model: 70 % of the answer is reasoning. Limits: the 99.95 % quantiles.",
    ),
    "lmsys": Lengths(
        lognormal(6.033, 1.04, 1, 4096, None),
        lognormal(4.934, 0.90, 1, 4096, None),
        LMSYS,
        "From three published numbers a direction; the maximum is Vidur's context of 4096 tokens (recalled).",
    ),
}


def named_lengths(name: str) -> Lengths:
    """The lengths of one workload of `LENGTHS`; an unknown name is refused with the nearest known one."""
    if name in LENGTHS:
        return LENGTHS[name]
    near = get_close_matches(name, LENGTHS, n=1, cutoff=0.0)[0]
    raise ValueError(f"unknown token lengths {name!r}: did you mean {near!r}? Known are {', '.join(LENGTHS)}.")


def length_arrays(
    names: Sequence[str], prompt_maximum: float = np.inf, answer_maximum: float = np.inf
) -> dict[str, np.ndarray]:
    """The fields of `prompts.PromptParams`, f8[applications], for one named workload an application.

    The maxima, in tokens, cut the samples' own (a model's context ends somewhere).
    """
    if not (prompt_maximum >= 1 and answer_maximum >= 1):
        raise ValueError(f"token maxima must be at least 1, not {prompt_maximum} and {answer_maximum}.")
    chosen = [named_lengths(name) for name in names]
    arrays: dict[str, np.ndarray] = {}
    limits = (("prompt", prompt_maximum), ("answer", answer_maximum))
    for direction, limit in limits:
        mixtures = [getattr(lengths, direction) for lengths in chosen]
        for field in Mixture._fields[:-1]:
            arrays[f"{direction}_{field}"] = np.array([getattr(mixture, field) for mixture in mixtures], dtype=float)
        for end in ("minimum", "maximum"):
            arrays[f"{direction}_{end}"] = np.minimum(arrays[f"{direction}_{end}"], limit)
    return arrays
