"""What a user receives when the strongest neighbour sends along with its own site: non-coherent joint transmission.

    own site alone      SINR = P g_s / (N + load P (sum of other g + outer))                        as in `link.py`
    the two together    SINR = P (g_s + g_n) / (N + load P (sum of the remaining g + outer))        powers add

    g_s, g_n  gains of the site that serves and of the strongest other one      P  base_power_w      N  noise

In a group of users the neighbours that join are those of its members; what another member's neighbour adds to a user
is left out, so the efficiency is a lower bound. Where no code gets through at once (`rate.in_outage`), nothing is
received: who serves many at one pace cannot repeat for one. Source: `cooperation.py`.
"""

from __future__ import annotations

import numpy as np

from mei_gym.compiled import scalar
from mei_gym.network.channel import ratio
from mei_gym.network.fading import AR1, faded_efficiency, fading_gain
from mei_gym.network.handover import hand_over
from mei_gym.network.link import downlink_sinr, path
from mei_gym.network.rate import in_outage

NOBODY = -1  # no neighbour that could join


@scalar
def look_at_receiver(params, state, lane, user, elapsed_s):
    """(bit/s/Hz, bit/s/Hz, index): alone, with the neighbour, and which neighbour; a look, as `look_at_user` is."""
    site, serving, direct, partner, partner_gain, total = two_sites(params, state, lane, user, elapsed_s)
    wall_db = np.float64(state.user_wall_db[lane, user])
    wall = ratio(-wall_db) if wall_db > 0.0 else 1.0
    outer = np.float64(state.outer_gain[lane])
    alone = received_efficiency(
        params, state, lane, user, wall * serving, wall * (max(0.0, total - serving) + outer), direct
    )
    together = alone
    if partner != NOBODY:
        rest = max(0.0, total - serving - partner_gain) + outer
        together = received_efficiency(params, state, lane, user, wall * (serving + partner_gain), wall * rest, direct)
    return alone, together, partner


@scalar
def two_sites(params, state, lane, user, elapsed_s):
    """(index, ratio, 1 or 0, index, ratio, ratio): the site that serves after the look with its gain and whether that
    is direct, the strongest other one with its gain, and the gains of all together."""
    old_site = state.user_site[lane, user]
    first_site, first, first_direct = NOBODY, 0.0, 0
    second_site, second = NOBODY, 0.0
    serving, serving_direct, total = 0.0, 0, 0.0
    for site in range(params.sites):
        gain, direct = path(params, state, lane, user, site)
        if gain > first:
            second_site, second = first_site, first
            first_site, first, first_direct = site, gain, direct
        elif gain > second:
            second_site, second = site, gain
        if site == old_site:
            serving, serving_direct = gain, direct
        total += gain
    if hand_over(params, state, lane, user, first_site, first, serving, elapsed_s):
        return first_site, first, first_direct, second_site, second, total
    if first_site == old_site:
        return old_site, serving, serving_direct, second_site, second, total
    return old_site, serving, serving_direct, first_site, first, total


@scalar
def received_efficiency(params, state, lane, user, signal_gain, other_gain, direct):
    """bit/s/Hz over all layers; 0 where no code gets through at once."""
    sinr = downlink_sinr(params, state, lane, signal_gain, other_gain)
    heard = sinr
    if params.fading == AR1:
        heard = sinr * fading_gain(params, state, lane, user, direct)
    if in_outage(params, heard):
        return 0.0
    return faded_efficiency(params, state, lane, user, sinr, params.downlink_layers, direct)
