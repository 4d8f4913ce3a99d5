"""Who asks, where they are, and what they receive: reports on a grid of time that no policy moves.

    tick n  the neighbours' load drifts, and every user of a pending request reports its place and its efficiencies
            at time n look_s

A user is looked at when it asks, and at each tick while its request is pending. Where it is when it asks again follows
from where it last asked, not from the reports between: how many there were is a policy's doing. So nothing of where
users are depends on what was sent, and each request's way has the right law; what two requests of one user have in
common is the way between their questions alone. For this the network's arrays have two rows a user: row `users + k`
keeps user k as it last asked. Between two reports the station goes by the last one.
"""

from __future__ import annotations

from mei_gym.compiled import scalar
from mei_gym.envs.persons import draw_application, draw_device_class
from mei_gym.network.cell import drift_cell, move_user, place_user
from mei_gym.network.joint import look_at_receiver

# Purposes of draws, of 300-399.
USER_APPLICATION, USER_CLASS = 300, 301


@scalar
def tick_step(tick):
    """The step that keys a tick's draws; a request's are even."""
    return 2 * tick + 1


@scalar
def request_step(request):
    """The step that keys the draws of the look at who asks."""
    return 2 * request + 2


@scalar
def place_asker(params, state, lane, user):
    """Begin an episode: who the user is, and where."""
    application = draw_application(params, state, lane, user, USER_APPLICATION)
    draw_device_class(params, state, lane, user, application, USER_CLASS)
    state.user_seen_s[lane, user] = 0.0
    state.user_asked_s[lane, user] = 0.0
    state.user_tick[lane, user] = 0
    place_user(params, state, lane, user)
    copy_user(state, lane, user, user + params.users)


@scalar
def pass_tick(params, state, lane):
    """Let the next tick come: the load drifts, and the users of pending requests report."""
    tick = state.tick[lane] + 1
    state.tick[lane] = tick
    drift_cell(params, state, lane, params.look_s, tick_step(tick))
    for slot in range(state.slot_missing.shape[1]):
        if state.slot_missing[lane, slot] == 0:
            continue
        user = state.slot_user[lane, slot]
        if state.user_tick[lane, user] < tick:
            look(params, state, lane, user, tick * params.look_s, tick_step(tick))
            state.user_tick[lane, user] = tick


@scalar
def ask(params, state, lane, user, now_s, request):
    """Look at a user who asks: where its way since it last asked has led it, whatever it reported meanwhile."""
    copy_user(state, lane, user + params.users, user)
    state.user_seen_s[lane, user] = state.user_asked_s[lane, user]
    look(params, state, lane, user, now_s, request_step(request))
    state.user_asked_s[lane, user] = now_s
    state.user_tick[lane, user] = state.tick[lane]
    copy_user(state, lane, user, user + params.users)


@scalar
def look(params, state, lane, user, at_s, step):
    """Move the user up to a time, and note what it receives there."""
    elapsed_s = at_s - state.user_seen_s[lane, user]
    move_user(params, state, lane, user, elapsed_s, step)
    alone, together, partner = look_at_receiver(params, state, lane, user, elapsed_s)
    state.user_alone[lane, user], state.user_together[lane, user] = alone, together
    state.user_partner[lane, user] = partner
    state.user_seen_s[lane, user] = at_s


@scalar
def copy_user(state, lane, source, target):
    """Put a user's place, way, shadows, walls, fading and site from one row of the network's arrays into another."""
    for site in range(state.user_los_normal.shape[2]):
        state.user_los_normal[lane, target, site] = state.user_los_normal[lane, source, site]
        state.user_shadowing_normal[lane, target, site] = state.user_shadowing_normal[lane, source, site]
    state.user_depth_m[lane, target] = state.user_depth_m[lane, source]
    state.user_wall_db[lane, target] = state.user_wall_db[lane, source]
    state.user_fading_re[lane, target] = state.user_fading_re[lane, source]
    state.user_fading_im[lane, target] = state.user_fading_im[lane, source]
    state.user_faded_step[lane, target] = state.user_faded_step[lane, source]
    state.user_mobility[lane, target] = state.user_mobility[lane, source]
    state.user_mean_speed_mps[lane, target] = state.user_mean_speed_mps[lane, source]
    state.user_x_m[lane, target] = state.user_x_m[lane, source]
    state.user_y_m[lane, target] = state.user_y_m[lane, source]
    state.user_velocity_x_mps[lane, target] = state.user_velocity_x_mps[lane, source]
    state.user_velocity_y_mps[lane, target] = state.user_velocity_y_mps[lane, source]
    state.user_goal_x_m[lane, target] = state.user_goal_x_m[lane, source]
    state.user_goal_y_m[lane, target] = state.user_goal_y_m[lane, source]
    state.user_travel_s[lane, target] = state.user_travel_s[lane, source]
    state.user_pause_s[lane, target] = state.user_pause_s[lane, source]
    state.user_leg[lane, target] = state.user_leg[lane, source]
    state.user_site[lane, target] = state.user_site[lane, source]
    state.user_triggered_s[lane, target] = state.user_triggered_s[lane, source]
