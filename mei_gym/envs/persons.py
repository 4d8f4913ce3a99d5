"""Who a user is: its application, its class of devices, and with that how it moves; drawn when an episode begins.

The purposes of the draws are the environment's own, so that each keeps its users.
"""

from __future__ import annotations

from mei_gym.chance import drawn_index, uniform
from mei_gym.compiled import scalar


@scalar
def draw_application(params, state, lane, user, purpose):
    """Draw a user's application; an index."""
    shares = params.application_share
    application = drawn_index(shares, shares.shape[0] - 1, uniform(state.key[lane], 0, purpose, user))
    state.user_application[lane, user] = application
    return application


@scalar
def draw_device_class(params, state, lane, user, application, purpose):
    """Draw the class of a user's device, which says how it moves; an index."""
    shares = params.application_class_share[application]
    device_class = drawn_index(shares, shares.shape[0] - 1, uniform(state.key[lane], 0, purpose, user))
    state.user_class[lane, user] = device_class
    state.user_mean_speed_mps[lane, user] = params.class_speed_mps[device_class]
    state.user_mobility[lane, user] = params.class_mobility[device_class]
    return device_class
