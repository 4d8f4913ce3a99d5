"""Which choices a request of SplitInference has: cuts that fit its device, bits where activations travel, privacy.

Where an application's leakage budget is hard, a choice that leaks more is no choice. A request that has none left,
since the device has no room for a cut that deep, is declined: nothing of it is sent, and nothing is paid.
"""

from __future__ import annotations

from mei_gym.compiled import scalar

BITS_CHOICES = 3
DECLINED = -1  # no choice at all


@scalar
def feasible(params, application, deepest, cut, bits_choice):
    """Whether a choice fits the device, means something, and keeps a hard budget."""
    if cut > deepest or (bits_choice > 0 and not 0 < cut < params.layers):
        return False
    if params.leakage_hard[application] == 0.0:
        return True
    return params.leakage_of_cut[cut, bits_choice] <= params.leakage_budget[application]


@scalar
def nearest_feasible(params, application, deepest, cut, bits_choice):
    """The action of the feasible choice nearest to this one; of two cuts as near the deeper; DECLINED where none is."""
    for distance in range(params.layers + 1):
        deeper = feasible_at(params, application, deepest, cut + distance, bits_choice)
        if deeper != DECLINED:
            return deeper
        shallower = feasible_at(params, application, deepest, cut - distance, bits_choice)
        if shallower != DECLINED:
            return shallower
    return DECLINED


@scalar
def feasible_at(params, application, deepest, cut, bits_choice):
    """The action at a cut: these bits, or else the most that are feasible; DECLINED where none are."""
    if cut < 0 or cut > params.layers:
        return DECLINED
    if feasible(params, application, deepest, cut, bits_choice):
        return cut * BITS_CHOICES + bits_choice
    for other in range(BITS_CHOICES):
        if feasible(params, application, deepest, cut, other):
            return cut * BITS_CHOICES + other
    return DECLINED
