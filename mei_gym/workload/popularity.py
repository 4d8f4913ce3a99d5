"""Which model a request is for: a few are popular everywhere, ranks differ between sites, and favour drifts.

    P(m at site s) ~ exp(b(rank of m at s) + x_m)
    b(r)   -a ln(r + q)                                Zipf-Mandelbrot, r = 1 the most popular
    x_m    Ornstein-Uhlenbeck: s.d. drift_sd, correlation time drift_tau_s, the same at every site

Newcomers come as a Poisson stream. One takes the place of the least popular model, enters at a rank uniform over all,
and moves those below down by one: models age, and the law of the ranks never changes. A copy of the model that left
serves nobody: `popularity_version` counts the models that a place has had.

At each site a ring of models, `ring_share` of all and drawn for the episode, passes its popularity on: each has there
the rank and the drift of the next one in the ring; the others are as popular as everywhere.

`drift_popularity` is exact for any time between two looks. Its draws are keyed by the number of the look, so looks
have to fall where no policy moves them: at slots, or at requests.

Sources, fitted by this project: pulls of the Ollama library (public counts) follow Zipf-Mandelbrot, (1.49, 3.0) in
sum, with a median of 7 new families a month among 200; ServeGen's clients (Apache-2.0, Alibaba; arXiv 2505.09999)
have exponents of 1.0 to 1.5. Pulls are downloads and clients are companies: no public trace has requests by model,
adapter or tenant.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from math import exp, inf, isfinite, sqrt
from typing import NamedTuple

import numpy as np

from mei_gym.chance import drawn_index, exponential, normal, uniform
from mei_gym.compiled import scalar

# Purposes of draws.
POPULARITY_START, POPULARITY_DRIFT, POPULARITY_RANK, POPULARITY_RING, POPULARITY_REQUEST = 250, 251, 252, 253, 254
NEWCOMER_GAP, NEWCOMER_RANK, NEWCOMER_DRIFT = 255, 256, 257

DAY_S = 86_400.0
# An Ornstein-Uhlenbeck value moves by sd sqrt(2 (1 - exp(-t / tau))) in t: .3 in a day and .9 in 30 (ServeGen, Ollama).
DRIFT_SD, DRIFT_TAU_S = 0.647, 8.8 * DAY_S  # derived from those two
NEWCOMERS_PER_S = 7.0 / (30.0 * DAY_S)  # Ollama library: median of 2 to 11 new families a month
RING_SHARE = 0.3  # chosen

#: Exponent a and offset q by name.
POPULARITIES = {
    "zipf": (1.0, 0.0),  # the customary default; ServeGen mm-image has 1.01
    "local_models": (1.4, 4.0),  # fitted, Ollama library: pulls within a month
    "tenants": (1.5, 0.0),  # fitted, ServeGen m-small and m-mid
}


class PopularityParams(NamedTuple):
    """What a scenario fixes; `popularity_params` makes it."""

    popularity_log_weight: np.ndarray  # f8[models]: b by rank, falling
    popularity_drift_sd: float
    popularity_drift_tau_s: float
    popularity_newcomers_per_s: float  # 0: none
    popularity_ring: int  # models in a site's ring; below 2: every site is alike
    popularity_shuffled: int  # 1: each episode draws the models' ranks; 0: model m has rank m


class PopularityState(NamedTuple):
    """What changes; room for N models and S sites a lane, of which an episode may have fewer."""

    key: np.ndarray  # u64[lanes]; read only
    popularity_clock_s: np.ndarray  # f8[lanes]: time of the last look
    popularity_newcomer: np.ndarray  # i8[lanes]: number of the next newcomer
    popularity_newcomer_s: np.ndarray  # f8[lanes]: when it comes
    popularity_rank: np.ndarray  # integer[lanes, N]: 0 the most popular
    popularity_drift: np.ndarray  # float[lanes, N]: x
    popularity_version: np.ndarray  # integer[lanes, N]: newcomers that have taken the place
    popularity_ring_model: np.ndarray  # integer[lanes, S, N]: the ring's models first
    popularity_cumulative: np.ndarray  # f8[lanes, S, N]: P(the requested model is <= m)


def popularity_params(
    models: int,
    law: str | tuple[float, float] = "zipf",
    drift_sd: float = DRIFT_SD,
    drift_tau_s: float = DRIFT_TAU_S,
    newcomers_per_s: float = NEWCOMERS_PER_S,
    ring_share: float = RING_SHARE,
    shares: Sequence[float] = (),
) -> PopularityParams:
    """The parameters for so many models, and a law by name or as its exponent and offset.

    With `shares`, one a model, these are what is asked for before drift and rings, and the law says nothing.

    Raises:
        ValueError: an unknown law, a number that is none of its kind, or shares that do not fit, in one sentence.
    """
    if models < 1:
        raise ValueError(f"models is {models}; at least 1 is accepted.")
    if isinstance(law, str):
        if law not in POPULARITIES:
            near = get_close_matches(law, POPULARITIES, n=1, cutoff=0.0)[0]
            raise ValueError(f"unknown popularity {law!r}: did you mean {near!r}? Known are {', '.join(POPULARITIES)}.")
        law = POPULARITIES[law]
    exponent, offset = law
    named = {"exponent": exponent, "offset": offset, "drift_sd": drift_sd, "newcomers_per_s": newcomers_per_s}
    for name, value in named.items():
        if not (isfinite(value) and value >= 0.0):
            raise ValueError(f"The popularity's {name} is {value}; a finite number of 0 or more is accepted.")
    if not 0.0 < drift_tau_s < inf:
        raise ValueError(f"The popularity's drift_tau_s is {drift_tau_s}; a finite number above 0 is accepted.")
    if not 0.0 <= ring_share <= 1.0:
        raise ValueError(f"The popularity's ring_share is {ring_share}; from 0 to 1 is accepted.")
    log_weight = -exponent * np.log(np.arange(1, models + 1) + offset)
    if len(shares) > 0:
        log_weight = np.log(checked_shares(models, shares))
    ring = int(round(ring_share * models))
    return PopularityParams(log_weight, drift_sd, drift_tau_s, newcomers_per_s, ring, int(len(shares) == 0))


def checked_shares(models: int, shares: Sequence[float]) -> np.ndarray:
    """f8[models]: shares of the requests, if they are any."""
    given = np.array(shares, np.float64)
    if given.shape != (models,):
        raise ValueError(f"The popularity has {len(shares)} shares; {models}, one a model, are accepted.")
    if not np.all(given > 0.0):
        raise ValueError(f"The popularity has the share {given.min():g}; shares above 0 are accepted.")
    if abs(given.sum() - 1.0) > 1e-6:
        raise ValueError(f"The popularity's shares add up to {given.sum():g}; 1 is accepted.")
    return given


@scalar
def begin_popularity(params, state, lane):
    """Begin an episode: ranks at random, drifts at their stationary law, a ring for each site."""
    key = state.key[lane]
    models = params.popularity_log_weight.shape[0]
    state.popularity_clock_s[lane] = 0.0
    state.popularity_newcomer[lane] = 0
    state.popularity_newcomer_s[lane] = newcomer_gap(params, state, lane, 0)
    for model in range(models):
        state.popularity_version[lane, model] = 0
        state.popularity_drift[lane, model] = params.popularity_drift_sd * normal(key, 0, POPULARITY_START, model)
        # Inside out (Durstenfeld 1964): the new rank goes to a model met so far, which hands its own to this one.
        other = place_of(uniform(key, 0, POPULARITY_RANK, model), model + 1)
        state.popularity_rank[lane, model] = state.popularity_rank[lane, other]
        state.popularity_rank[lane, other] = model
    if params.popularity_shuffled == 0:
        for model in range(models):
            state.popularity_rank[lane, model] = model
    for site in range(state.popularity_cumulative.shape[1]):
        draw_ring(params, state, lane, site)
        tell_site(params, state, lane, site)


@scalar
def drift_popularity(params, state, lane, now_s, look):
    """Bring the popularities up to `now_s`; `look` numbers the looks of an episode and keys their draws."""
    key = state.key[lane]
    models = params.popularity_log_weight.shape[0]
    sd = params.popularity_drift_sd
    kept = exp((state.popularity_clock_s[lane] - now_s) / params.popularity_drift_tau_s)
    kick = sd * sqrt(1.0 - kept * kept)
    for model in range(models):
        drift = np.float64(state.popularity_drift[lane, model])
        state.popularity_drift[lane, model] = kept * drift + kick * normal(key, look, POPULARITY_DRIFT, model)
    while state.popularity_newcomer_s[lane] <= now_s:
        admit_newcomer(params, state, lane)
    state.popularity_clock_s[lane] = now_s
    for site in range(state.popularity_cumulative.shape[1]):
        tell_site(params, state, lane, site)


@scalar
def admit_newcomer(params, state, lane):
    """The least popular model leaves, and the next newcomer enters in its place at a rank of its own."""
    key, number = state.key[lane], state.popularity_newcomer[lane]
    models = params.popularity_log_weight.shape[0]
    rank = place_of(uniform(key, number, NEWCOMER_RANK, 0), models)
    for model in range(models):
        if state.popularity_rank[lane, model] == models - 1:
            state.popularity_rank[lane, model] = rank
            state.popularity_drift[lane, model] = params.popularity_drift_sd * normal(key, number, NEWCOMER_DRIFT, 0)
            state.popularity_version[lane, model] += 1
        elif state.popularity_rank[lane, model] >= rank:
            state.popularity_rank[lane, model] += 1
    state.popularity_newcomer[lane] = number + 1
    state.popularity_newcomer_s[lane] += newcomer_gap(params, state, lane, number + 1)


@scalar
def requested_model(params, state, lane, site, request):
    """The model that request number `request` at a site is for."""
    draw = uniform(state.key[lane], request, POPULARITY_REQUEST, site)
    return drawn_index(state.popularity_cumulative[lane, site], params.popularity_log_weight.shape[0] - 1, draw)


@scalar
def model_popularity(state, lane, site, model):
    """A probability: that the next request at the site is for the model."""
    if model == 0:
        return state.popularity_cumulative[lane, site, 0]
    return state.popularity_cumulative[lane, site, model] - state.popularity_cumulative[lane, site, model - 1]


@scalar
def draw_ring(params, state, lane, site):
    """Choose a site's ring: the first places of a shuffle."""
    models = params.popularity_log_weight.shape[0]
    for model in range(models):
        state.popularity_ring_model[lane, site, model] = model
    for place in range(params.popularity_ring):
        draw = uniform(state.key[lane], site, POPULARITY_RING, place)
        other = place + place_of(draw, models - place)
        model = state.popularity_ring_model[lane, site, other]
        state.popularity_ring_model[lane, site, other] = state.popularity_ring_model[lane, site, place]
        state.popularity_ring_model[lane, site, place] = model


@scalar
def tell_site(params, state, lane, site):
    """Sum a site's weights up, from model 0 to the last, to exactly 1."""
    models = params.popularity_log_weight.shape[0]
    ring = params.popularity_ring
    for model in range(models):
        state.popularity_cumulative[lane, site, model] = weight(params, state, lane, model)
    if ring > 1:
        for place in range(ring):
            model = state.popularity_ring_model[lane, site, place]
            following = state.popularity_ring_model[lane, site, (place + 1) % ring]
            state.popularity_cumulative[lane, site, model] = weight(params, state, lane, following)
    total = 0.0
    for model in range(models):
        total += state.popularity_cumulative[lane, site, model]
        state.popularity_cumulative[lane, site, model] = total
    for model in range(models):
        state.popularity_cumulative[lane, site, model] /= total


@scalar
def weight(params, state, lane, model):
    """How much a model is asked for where no ring moves it, up to a common factor."""
    drift = np.float64(state.popularity_drift[lane, model])
    return exp(params.popularity_log_weight[state.popularity_rank[lane, model]] + drift)


@scalar
def newcomer_gap(params, state, lane, number):
    """s between newcomer `number` and the one before; inf where none come."""
    if params.popularity_newcomers_per_s <= 0.0:
        return inf
    return exponential(state.key[lane], number, NEWCOMER_GAP, 0) / params.popularity_newcomers_per_s


@scalar
def place_of(draw, places):
    """0 .. places - 1: a uniform draw's place."""
    return min(int(draw * places), places - 1)
