"""How well a user hears and is heard where it is now: efficiency up and down, and the power it sends with.

    downlink SINR = P g / (N + load P (sum of other g_j + outer))     g = max g_j: the strongest site serves
    uplink SINR   = p g / (N rise)                                    p from fractional power control

    P  base_power_w    N  the receiver's noise    g_j  path gain to site j: path loss and shadowing
    outer   outer_gain: to the 48 sites beyond the first ring together, nearly the same everywhere in the cell
    load    neighbour_load, drifting              rise  uplink_rise_db as a ratio, drifting

A user near the border may be served by a neighbour while a neighbour's user is served here; by symmetry the
users of the hexagon stand for those of the cell, and share its airtime. Parameters and state: `cell.py`.
"""

from __future__ import annotations

import numpy as np

from mei_gym.compiled import scalar
from mei_gym.network.channel import (
    noise_power_w,
    umi_line_of_sight,
    umi_path_loss_db,
    umi_shadowing_sigma_db,
)
from mei_gym.network.rate import (
    carrier_bandwidth_hz,
    cell_rate_bps,
    layered_efficiency,
    symbols_per_s,
)
from mei_gym.network.rate import sinr as signal_ratio
from mei_gym.network.rate import uplink_power_w as controlled_power_w
from mei_gym.network.sites import SITES, site_distance_of_place_m


@scalar
def user_link(params, state, lane, user):
    """(bit/s/Hz up, bit/s/Hz down, W): the three functions below in one, for one look at the seven sites."""
    serving, others = path_gains(params, state, lane, user)
    power_w = controlled_uplink_power_w(params, serving)
    up = layered_efficiency(
        uplink_sinr(params, state, lane, serving, power_w),
        params.uplink_layers,
        params.efficiency_gap,
        params.efficiency_cap,
    )
    down = layered_efficiency(
        downlink_sinr(params, state, lane, serving, others),
        params.downlink_layers,
        params.efficiency_gap,
        params.efficiency_cap,
    )
    return up, down, power_w


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
    interference_w = load * params.base_power_w * (other_gain + np.float64(state.outer_gain[lane]))
    bandwidth_hz = carrier_bandwidth_hz(params.resource_blocks, params.numerology)
    noise_w = noise_power_w(bandwidth_hz, params.user_noise_figure_db)
    return signal_ratio(params.base_power_w * serving_gain, interference_w, noise_w)


@scalar
def uplink_sinr(params, state, lane, serving_gain, power_w):
    """A ratio."""
    bandwidth_hz = carrier_bandwidth_hz(params.resource_blocks, params.numerology)
    noise_w = noise_power_w(bandwidth_hz, params.base_noise_figure_db)
    interference_w = noise_w * (10.0 ** (uplink_rise_db(params, state, lane) / 10.0) - 1.0)
    return signal_ratio(power_w * serving_gain, interference_w, noise_w)


@scalar
def path_gains(params, state, lane, user):
    """(ratio, ratio): gain to the strongest site, which serves, and sum of the gains to the other six."""
    strongest, total = 0.0, 0.0
    for site in range(SITES):
        gain = path_gain(params, state, lane, user, site)
        strongest = max(strongest, gain)
        total += gain
    return strongest, max(0.0, total - strongest)


@scalar
def path_gain(params, state, lane, user, site):
    """A ratio: power received over power sent between the user and a site, antennas omnidirectional."""
    x_m, y_m = np.float64(state.user_x_m[lane, user]), np.float64(state.user_y_m[lane, user])
    distance_m = site_distance_of_place_m(params, x_m, y_m, site)
    line_of_sight = umi_line_of_sight(distance_m, np.float64(state.user_los_normal[lane, user, site]))
    shadowing_db = umi_shadowing_sigma_db(line_of_sight) * np.float64(state.user_shadowing_normal[lane, user, site])
    median_db = umi_path_loss_db(
        distance_m, params.base_height_m, params.user_height_m, params.carrier_hz, line_of_sight
    )
    return 10.0 ** (-(median_db + shadowing_db) / 10.0)


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
    """1 or 0: whether the user sees the base station of its own hexagon."""
    return umi_line_of_sight(
        user_distance_m(params, state, lane, user), np.float64(state.user_los_normal[lane, user, 0])
    )


@scalar
def user_distance_m(params, state, lane, user):
    """m along the ground from the base station of its own hexagon."""
    return site_distance_of_place_m(
        params, np.float64(state.user_x_m[lane, user]), np.float64(state.user_y_m[lane, user]), 0
    )
