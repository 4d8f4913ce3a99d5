"""The device of a user: its memory, its heat and its battery, brought up to date when the user asks.

Heat is a first-order state: dh/dt = (power * resistance - h) / time constant, solved exactly over the stretch in
which the device worked and the one in which it rested. Speed falls linearly from `throttle_start` to
`throttle_full` kelvin above ambient, down to a floor. Other apps take a share of the memory that drifts as an
Ornstein-Uhlenbeck chain; what no longer fits of the loaded layers is dropped from the top.
"""

from __future__ import annotations

from math import exp, floor

from mei_gym.chance import normal, uniform
from mei_gym.compiled import scalar
from mei_gym.envs.persons import draw_application, draw_device_class
from mei_gym.network.channel import correlated

# Purposes of draws, 400-499.
USER_APPLICATION, USER_CLASS, USER_BATTERY, USER_PRESSURE, USER_LOADED, PRESSURE_DRIFT, USER_HEAT = (
    400, 401, 402, 403, 404, 405, 406,
)  # fmt: skip


@scalar
def place_device(params, state, lane, user):
    """Begin an episode: who the user is, and the state its device is found in."""
    key = state.key[lane]
    application = draw_application(params, state, lane, user, USER_APPLICATION)
    device_class = draw_device_class(params, state, lane, user, application, USER_CLASS)
    charge = params.battery_low + (params.battery_high - params.battery_low) * uniform(key, 0, USER_BATTERY, user)
    state.user_battery_j[lane, user] = charge * params.class_battery_j[device_class]
    warm = uniform(key, 0, USER_HEAT, user)
    state.user_heat_k[lane, user] = warm * params.class_throttle_start_k[device_class]
    state.user_seen_s[lane, user] = 0.0
    state.user_free_s[lane, user] = 0.0
    state.user_pressure_normal[lane, user] = normal(key, 0, USER_PRESSURE, user)
    room = layers_that_fit(params, state, lane, user, 0.0)
    state.user_loaded_layers[lane, user] = floor(room * uniform(key, 0, USER_LOADED, user))


@scalar
def pass_time(params, state, lane, user, now_s, step):
    """Bring heat and memory pressure from when the device was last seen up to now."""
    seen_s = state.user_seen_s[lane, user]
    elapsed_s = now_s - seen_s
    device_class = state.user_class[lane, user]
    worked_s = min(elapsed_s, max(0.0, state.user_free_s[lane, user] - seen_s))
    rise_k = params.class_active_w[device_class] * params.class_heat_resistance_k_per_w[device_class]
    kept = exp(-worked_s / params.class_heat_time_s[device_class])
    heat_k = rise_k + (state.user_heat_k[lane, user] - rise_k) * kept
    state.user_heat_k[lane, user] = heat_k * exp(-(elapsed_s - worked_s) / params.class_heat_time_s[device_class])
    draw = normal(state.key[lane], step, PRESSURE_DRIFT, user)
    state.user_pressure_normal[lane, user] = correlated(
        state.user_pressure_normal[lane, user], elapsed_s, params.pressure_time_s, draw
    )
    state.user_seen_s[lane, user] = now_s
    room = layers_that_fit(params, state, lane, user, 0.0)
    state.user_loaded_layers[lane, user] = min(state.user_loaded_layers[lane, user], room)


@scalar
def layers_that_fit(params, state, lane, user, tokens):
    """The deepest cut: layers, with keys and values of `tokens`, that fit beside the other apps."""
    device_class = state.user_class[lane, user]
    spread = params.class_pressure_spread[device_class] * state.user_pressure_normal[lane, user]
    pressure = min(0.95, max(0.0, params.class_pressure_share[device_class] + spread))
    free_bytes = params.class_memory_bytes[device_class] * (1.0 - pressure) - params.class_fixed_bytes[device_class]
    layer_bytes = params.class_block_bytes[device_class] + tokens * params.class_kv_bytes[device_class]
    return int(min(params.layers, max(0.0, floor(free_bytes / layer_bytes))))


@scalar
def device_speed(params, state, lane, user):
    """A share of full speed: what the heat leaves."""
    device_class = state.user_class[lane, user]
    start_k, full_k = params.class_throttle_start_k[device_class], params.class_throttle_full_k[device_class]
    hot = min(1.0, max(0.0, (state.user_heat_k[lane, user] - start_k) / (full_k - start_k)))
    return 1.0 - hot * (1.0 - params.class_throttle_floor[device_class])


@scalar
def joule_price(params, state, lane, user):
    """1/J: one over the energy allowance of a request, doubled by the time the battery is empty."""
    device_class = state.user_class[lane, user]
    charge = state.user_battery_j[lane, user] / params.class_battery_j[device_class]
    return (2.0 - charge) / params.class_energy_allowance_j[device_class]
