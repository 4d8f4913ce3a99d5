"""How well a user hears and is heard where it is now: efficiency up and down, and the power it sends with.

    downlink SINR = P g / (N + load P (sum of other g_j + outer))     g = g_s of the site that serves
    uplink SINR   = p g / (N rise)                                    p from fractional power control

    P  base_power_w    N  the receiver's noise    g_j  path gain to site j: path loss and shadowing
    outer   outer_gain: to the sites of a lattice beyond those laid, nearly the same everywhere about the origin
    load    neighbour_load, drifting              rise  uplink_rise_db as a ratio, drifting

The wall around a user dims every site alike. Nobody is nearer to a mast than `keep_out_m`, where the path loss formulas
begin. Fast fading turns a mean SINR into an efficiency (`fading.py`). Parameters and state: `cell.py`.
"""

from __future__ import annotations

import numpy as np

from mei_gym.compiled import scalar
from mei_gym.network.channel import in_line_of_sight, noise_power_w, path_loss_db, ratio, shadowing_sigma_db
from mei_gym.network.fading import AR1, faded_efficiency, fading_gain
from mei_gym.network.handover import hand_over, interruption_left
from mei_gym.network.rate import (
    carrier_bandwidth_hz,
    cell_rate_bps,
    controlled_power_w,
    in_outage,
    signal_ratio,
    symbols_per_s,
)
from mei_gym.network.sites import site_distance_of_place_m


@scalar
def user_link(params, state, lane, user):
    """(bit/s/Hz up, bit/s/Hz down, W): the three functions below in one, for one look at the sites."""
    _, _, _, serving, direct, total = heard(params, state, lane, user)
    return link_of_gains(params, state, lane, user, serving, total, direct)


@scalar
def look_at_user(params, state, lane, user, elapsed_s, step):
    """(bit/s/Hz up, bit/s/Hz down, W, s): `user_link` after a look, at which the strongest site may take the user over.

    The last is what is left of the interruption of a handover since the look before, `elapsed_s` ago.
    """
    site, strongest, strongest_direct, serving, direct, total = heard(params, state, lane, user)
    wait_s = 0.0
    if hand_over(params, state, lane, user, site, strongest, serving, elapsed_s):
        serving, direct = strongest, strongest_direct
        wait_s = interruption_left(params, state, lane, user, elapsed_s, step)
    up, down, power_w = link_of_gains(params, state, lane, user, serving, total, direct)
    return up, down, power_w, wait_s


@scalar
def link_of_gains(params, state, lane, user, serving, total, direct):
    """(bit/s/Hz up, bit/s/Hz down, W) from the gain of the site that serves and the gains of all."""
    up_sinr, down_sinr, power_w = sinr_of_gains(params, state, lane, user, serving, total)
    up = faded_efficiency(params, state, lane, user, up_sinr, params.uplink_layers, direct)
    down = faded_efficiency(params, state, lane, user, down_sinr, params.downlink_layers, direct)
    return up, down, power_w


@scalar
def user_sinr(params, state, lane, user):
    """(ratio up, ratio down, W, 1 or 0): mean SINR over the fading, power of the user, whether a direct path serves."""
    _, _, _, serving, direct, total = heard(params, state, lane, user)
    up, down, power_w = sinr_of_gains(params, state, lane, user, serving, total)
    return up, down, power_w, direct


@scalar
def sinr_of_gains(params, state, lane, user, serving, total):
    """(ratio up, ratio down, W) behind the user's own wall."""
    others = max(0.0, total - serving) + np.float64(state.outer_gain[lane])
    wall_db = np.float64(state.user_wall_db[lane, user])
    if wall_db > 0.0:
        wall = ratio(-wall_db)
        serving, others = serving * wall, others * wall
    power_w = controlled_uplink_power_w(params, serving)
    up = uplink_sinr(params, state, lane, serving, power_w)
    return up, downlink_sinr(params, state, lane, serving, others), power_w


@scalar
def user_in_outage(params, state, lane, user):
    """1 or 0: whether no code of the downlink gets through at once, at the mean SINR or (`ar1`) at that of now."""
    up, down, power_w, direct = user_sinr(params, state, lane, user)
    if params.fading == AR1:
        down = down * fading_gain(params, state, lane, user, direct)
    return in_outage(params, down)


@scalar
def uplink_efficiency(params, state, lane, user):
    """bit/s/Hz from the user, where it is now, at its controlled power."""
    return user_link(params, state, lane, user)[0]


@scalar
def downlink_efficiency(params, state, lane, user):
    """bit/s/Hz towards the user, over all its layers, where it is now and at the neighbours' load of now."""
    return user_link(params, state, lane, user)[1]


@scalar
def uplink_power_w(params, state, lane, user):
    """W that the user's antenna radiates while it sends (in uplink slots: `uplink_share` of the time)."""
    return user_link(params, state, lane, user)[2]


@scalar
def downlink_rate_bps(params, efficiency):
    """Bits per second of one user who has the cell's downlink alone; K active users get a K-th each."""
    symbol_rate = symbols_per_s(params.resource_blocks, params.numerology, params.downlink_overhead)
    return cell_rate_bps(symbol_rate, params.downlink_share, efficiency)


@scalar
def uplink_rate_bps(params, efficiency):
    """Bits per second of one user who has the cell's uplink alone."""
    symbol_rate = symbols_per_s(params.resource_blocks, params.numerology, params.uplink_overhead)
    return cell_rate_bps(symbol_rate, params.uplink_share, efficiency)


@scalar
def controlled_uplink_power_w(params, serving_gain):
    """W, by fractional power control over the whole carrier."""
    return controlled_power_w(
        1.0 / serving_gain,
        params.resource_blocks,
        params.uplink_target_w,
        params.path_loss_compensation,
        params.user_power_maximum_w,
    )


@scalar
def downlink_sinr(params, state, lane, serving_gain, other_gain):
    """A ratio, of all layers together."""
    load = neighbour_load(params, state, lane)
    interference_w = load * params.base_power_w * other_gain
    bandwidth_hz = carrier_bandwidth_hz(params.resource_blocks, params.numerology)
    noise_w = noise_power_w(bandwidth_hz, params.user_noise_figure_db)
    return signal_ratio(params.base_power_w * serving_gain, interference_w, noise_w)


@scalar
def uplink_sinr(params, state, lane, serving_gain, power_w):
    """A ratio."""
    bandwidth_hz = carrier_bandwidth_hz(params.resource_blocks, params.numerology)
    noise_w = noise_power_w(bandwidth_hz, params.base_noise_figure_db)
    interference_w = noise_w * (ratio(uplink_rise_db(params, state, lane)) - 1.0)
    return signal_ratio(power_w * serving_gain, interference_w, noise_w)


@scalar
def heard(params, state, lane, user):
    """(index, ratio, 1 or 0, ratio, 1 or 0, ratio): the strongest site, its gain to the user's wall and whether that is
    direct, the same two of the site that serves, and the gains of all sites together."""
    serving_site = state.user_site[lane, user]
    strongest_site, strongest, strongest_direct = 0, 0.0, 0
    serving, serving_direct, total = 0.0, 0, 0.0
    for site in range(params.sites):
        gain, direct = path(params, state, lane, user, site)
        if gain > strongest:
            strongest_site, strongest, strongest_direct = site, gain, direct
        if site == serving_site:
            serving, serving_direct = gain, direct
        total += gain
    return strongest_site, strongest, strongest_direct, serving, serving_direct, total


@scalar
def path_gain(params, state, lane, user, site):
    """A ratio: power at the user's wall over power sent from a site, antennas omnidirectional."""
    return path(params, state, lane, user, site)[0]


@scalar
def path(params, state, lane, user, site):
    """(ratio, 1 or 0): the gain from a site to the user's wall, and whether it comes on a direct path.

    What comes through a wall is scattered: TR 38.901 has no K factor for it.
    """
    distance_m = distance_to_site_m(params, state, lane, user, site)
    depth_m = np.float64(state.user_depth_m[lane, user])
    los_normal = np.float64(state.user_los_normal[lane, user, site])
    seen = in_line_of_sight(params.propagation, max(0.0, distance_m - depth_m), params.user_height_m, los_normal)
    indoors = 1 if depth_m > 0.0 else 0
    sigma_db = shadowing_sigma_db(params.propagation, seen, indoors)
    shadowing_db = sigma_db * np.float64(state.user_shadowing_normal[lane, user, site])
    median_db = path_loss_db(
        params.propagation, distance_m, params.base_height_m, params.user_height_m, params.carrier_hz, seen
    )
    return ratio(-median_db - shadowing_db), (0 if indoors else seen)


@scalar
def distance_to_site_m(params, state, lane, user, site):
    """m along the ground, at least `keep_out_m`."""
    distance_m = site_distance_of_place_m(
        params, np.float64(state.user_x_m[lane, user]), np.float64(state.user_y_m[lane, user]), site
    )
    return max(params.keep_out_m, distance_m)


@scalar
def neighbour_load(params, state, lane):
    """The part in [0, 1] of the neighbours' downlink that is in use."""
    load = params.neighbour_load_mean + params.neighbour_load_sd * np.float64(state.neighbour_load_normal[lane])
    return min(max(load, 0.0), 1.0)


@scalar
def uplink_rise_db(params, state, lane):
    """dB >= 0 by which the neighbours' users raise the base station's noise."""
    return max(
        0.0,
        params.uplink_rise_mean_db + params.uplink_rise_sd_db * np.float64(state.uplink_rise_normal[lane]),
    )


@scalar
def user_in_line_of_sight(params, state, lane, user):
    """1 or 0: whether a direct path leads from the site that serves to the user."""
    return path(params, state, lane, user, state.user_site[lane, user])[1]


@scalar
def user_distance_m(params, state, lane, user):
    """m along the ground from the site that serves."""
    return distance_to_site_m(params, state, lane, user, state.user_site[lane, user])
