"""Which site serves a user that moves: the strongest, but not at once, and every change costs a moment of silence.

    a neighbour takes over when   g_n > g_s 10^(H / 10)   has held for the time to trigger        (event A3)

    g_n, g_s  gains to the strongest site and to the one that serves    H  handover_hysteresis_db

A user is looked at when it asks, seconds or minutes apart; the standard's clock ticks in milliseconds. Between two
looks the condition is taken to have held since the earlier one if it holds at the later one. So after more than the
time to trigger the user is handed over at the look, and closer looks have to add up to it; which neighbour was
strongest in between is not remembered. How often a user passed to and fro unseen does not matter to its request.

A handover seen at a look fell uniformly within the time since the look before, and the request waits for what is left
of the interruption: nearly always nothing, as in the network, where a fraction interruption / (time between two
handovers) of the time is silent. Where a step stands for a slot of time, that fraction of the slot is lost.

Source: TS 38.331 5.5.4.4 (event A3), TS 36.133 (recalled): hysteresis 3 dB, time to trigger 160 ms, interruption 30 to
50 ms.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mei_gym.chance import uniform
from mei_gym.compiled import scalar
from mei_gym.network.accepted import known, not_negative

HANDOVER_MOMENT = 147  # purpose of draws


class HandoverParams(NamedTuple):
    """What a scenario fixes about handovers."""

    handover_hysteresis_db: float = 3.0  # recalled
    handover_trigger_s: float = 0.16  # recalled: time to trigger
    handover_interruption_s: float = 0.04  # recalled: 30 to 50 ms


#: The most that is accepted.
LIMITS = {
    "handover_hysteresis_db": 15.0,  # TS 38.331 (recalled)
    "handover_trigger_s": 5.12,  # TS 38.331 (recalled)
    "handover_interruption_s": 10.0,  # chosen
}


class HandoverState(NamedTuple):
    """What changes: K users a lane."""

    key: np.ndarray  # u8[lanes]; read only
    user_site: np.ndarray  # i8[lanes, K]: the site that serves
    user_triggered_s: np.ndarray  # f8[lanes, K]: how long a neighbour has been better by the hysteresis


@scalar
def attach(state, lane, user, strongest_site):
    """Begin an episode: the strongest site serves."""
    state.user_site[lane, user] = strongest_site
    state.user_triggered_s[lane, user] = 0.0


@scalar
def hand_over(params, state, lane, user, strongest_site, strongest_gain, serving_gain, elapsed_s):
    """Look at the user `elapsed_s` after the last look; 1 if another site serves it from now on, else 0."""
    site, triggered_s = serving_after(
        state.user_site[lane, user], serving_gain, strongest_site, strongest_gain,
        10.0 ** (params.handover_hysteresis_db / 10.0), params.handover_trigger_s,
        state.user_triggered_s[lane, user] + elapsed_s,
    )  # fmt: skip
    changed = 1 if site != state.user_site[lane, user] else 0
    state.user_site[lane, user] = site
    state.user_triggered_s[lane, user] = triggered_s
    return changed


@scalar
def serving_after(site, serving_gain, strongest_site, strongest_gain, hysteresis, trigger_s, triggered_s):
    """(index, s): who serves after a look, and for how long a neighbour has been better by the ratio `hysteresis`.

    `triggered_s` is that time if the neighbour is better now; gains and `hysteresis` are ratios of powers.
    """
    if strongest_site == site or strongest_gain <= hysteresis * serving_gain:
        return site, 0.0
    if triggered_s < trigger_s:
        return site, triggered_s
    return strongest_site, 0.0


@scalar
def interruption_left(params, state, lane, user, elapsed_s, step):
    """s that a request waits for a handover that was found when its user was looked at, `elapsed_s` after last time."""
    ago_s = elapsed_s * uniform(state.key[lane], step, HANDOVER_MOMENT, user)
    return max(0.0, params.handover_interruption_s - ago_s)


@scalar
def outage_share(handovers, interruption_s, slot_s):
    """A ratio: the part of a slot that is lost to handovers in it."""
    return min(1.0, handovers * interruption_s / slot_s)


def handover_params(**values: float) -> HandoverParams:
    """The parameters of handovers, the defaults where `values` says nothing.

    Raises:
        ValueError: an unknown name, or a number that no network would be set to.
    """
    for name, value in values.items():
        values[name] = not_negative(name, value, LIMITS[known("handover value", name, LIMITS)])
    return HandoverParams(**values)
