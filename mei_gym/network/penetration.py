"""Walls between a user and the street: what a building or a car takes from the signal, by 3GPP TR 38.901.

    building   5 - 10 lg(.3 10^(-L_glass / 10) + .7 10^(-L_concrete / 10)) + .5 d_in + N(0, 4.4^2)     low loss
               5 - 10 lg(.7 10^(-L_IRR / 10)   + .3 10^(-L_concrete / 10)) + .5 d_in + N(0, 6.5^2)     high loss
    L_glass = 2 + .2 f,  L_concrete = 5 + 4 f,  L_IRR = 23 + .3 f (v16.1), 25.4 + .11 f (v19.2)        dB, f in GHz
    car        N(9, 5^2)

    d_in  depth_m: from the outer wall to the user, the lesser of two uniform numbers up to 25 m
    IRR   infrared-reflecting glass, of thermally efficient buildings

A user who is indoors or in a car stays so for an episode, with one draw of the loss: chosen. Indoors the line of
sight is that of the outer wall. Source: TR 38.901 tables 7.4.3-1 and 7.4.3-2, read in Sionna 2.2.0; the depth
and the car (7.4.3.2) are recalled.
"""

from __future__ import annotations

from math import log10

from mei_gym.chance import normal, uniform
from mei_gym.compiled import scalar

V16_1, V19_2 = 0, 1
SPEC_VERSIONS = {"v16.1": V16_1, "v19.2": V19_2}

LOW_LOSS_SIGMA_DB = 4.4  # TR 38.901 table 7.4.3-2
HIGH_LOSS_SIGMA_DB = 6.5  # the same
LOSS_PER_METRE_DB = 0.5  # the same: inner walls
GREATEST_DEPTH_M = 25.0  # TR 38.901 7.4.3.1 (recalled)
CAR_LOSS_DB, CAR_SIGMA_DB = 9.0, 5.0  # TR 38.901 7.4.3.2 (recalled); metallised windows: 20 dB

# Purposes of draws, within the network's 100-199.
PLACE_INDOORS, PLACE_DEPTH, PLACE_LOSS = 106, 107, 108


@scalar
def place_walls(params, state, lane, user):
    """Begin an episode: whether the user is indoors, how deep, in a car, and what that takes from every link."""
    key = state.key[lane]
    depth_m, loss_db = 0.0, 0.0
    place, draw = uniform(key, 0, PLACE_INDOORS, 2 * user), normal(key, 0, PLACE_LOSS, user)
    if place < params.indoor_share:
        depth_m = GREATEST_DEPTH_M * min(
            uniform(key, 0, PLACE_DEPTH, 2 * user), uniform(key, 0, PLACE_DEPTH, 2 * user + 1)
        )
        high_loss = 1 if uniform(key, 0, PLACE_INDOORS, 2 * user + 1) < params.high_loss_share else 0
        loss_db = building_loss_db(params.spec_version, high_loss, params.carrier_hz, depth_m, draw)
    elif place < params.indoor_share + params.car_share:
        loss_db = car_loss_db(draw)
    state.user_depth_m[lane, user] = depth_m
    state.user_wall_db[lane, user] = loss_db


@scalar
def building_loss_db(spec_version, high_loss, carrier_hz, depth_m, draw):
    """dB >= 0; the draw is standard normal."""
    wall_db = high_loss_wall_db(spec_version, carrier_hz) if high_loss else low_loss_wall_db(carrier_hz)
    sigma_db = HIGH_LOSS_SIGMA_DB if high_loss else LOW_LOSS_SIGMA_DB
    return max(0.0, wall_db + LOSS_PER_METRE_DB * depth_m + sigma_db * draw)


@scalar
def low_loss_wall_db(carrier_hz):
    """dB: the median of an outer wall, three tenths of it plain glass."""
    glass_db = 2.0 + 0.2 * carrier_hz / 1e9
    concrete_db = 5.0 + 4.0 * carrier_hz / 1e9
    return 5.0 - 10.0 * log10(0.3 * 10.0 ** (-glass_db / 10.0) + 0.7 * 10.0 ** (-concrete_db / 10.0))


@scalar
def high_loss_wall_db(spec_version, carrier_hz):
    """dB: the median of an outer wall, seven tenths of it coated glass."""
    coated_db = 23.0 + 0.3 * carrier_hz / 1e9
    if spec_version == V19_2:
        coated_db = 25.4 + 0.11 * carrier_hz / 1e9
    concrete_db = 5.0 + 4.0 * carrier_hz / 1e9
    return 5.0 - 10.0 * log10(0.7 * 10.0 ** (-coated_db / 10.0) + 0.3 * 10.0 ** (-concrete_db / 10.0))


@scalar
def car_loss_db(draw):
    """dB >= 0; the draw is standard normal."""
    return max(0.0, CAR_LOSS_DB + CAR_SIGMA_DB * draw)
