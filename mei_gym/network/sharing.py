"""How the users who are active in a cell share its symbols, and how one signal serves many of them.

    equal bandwidth     R_k = B SE_k / K              proportional fair to first order: equal time
    max-min             R = B / sum_k 1 / SE_k        the same rate for all; who is badly placed takes the airtime
    multicast           R = B min_k SE_k              one signal for all, at the pace of the worst
    grouping            the best j first, then the rest: their mean wait falls if  1 / SE_j < (j / K) / SE_K

    B   symbol_rate, of the direction (network/rate.py)    SE_k  efficiency[k], bit/s/Hz    K  active

Proportional fairness maximises sum log R_k; under constant SE it gives everybody the same time, so only scheduling on
fading's peaks would tell it from equal bandwidth. These are rates of an instant: who has finished leaves and the rest
go faster, which a server of shares works out between events (`costs`). Source: Kelly 1997; Kushner and Whiting 2004.
"""

from __future__ import annotations

from mei_gym.compiled import scalar


@scalar
def equal_rate_bps(symbol_rate, efficiency, active):
    """Bits per second of one of `active` users who have the same bandwidth each; also proportional fair's."""
    return symbol_rate * efficiency / active


@scalar
def max_min_rate_bps(symbol_rate, efficiency, active):
    """Bits per second of each of the first `active` users, where all get the same; 0 if one gets nothing."""
    airtime = 0.0
    for user in range(active):
        if efficiency[user] <= 0.0:
            return 0.0
        airtime += 1.0 / efficiency[user]
    return symbol_rate / airtime


@scalar
def multicast_rate_bps(symbol_rate, efficiency, active):
    """Bits per second at which all of the first `active` users receive the same signal."""
    worst = efficiency[0]
    for user in range(1, active):
        worst = min(worst, efficiency[user])
    return symbol_rate * worst


@scalar
def users_served_first(efficiency, active):
    """A count in [0, active): of the best users who get a multicast of their own first; 0: one signal for all.

    The efficiencies descend. Among two groups, one after the other, these have the least mean wait; the second signal
    serves the rest, at the pace of the worst. One group never takes more airtime than two.
    """
    worst = efficiency[active - 1]
    best_wait, first = 1.0 / worst, 0
    for users in range(1, active):
        wait = 1.0 / efficiency[users - 1] + (active - users) / active / worst
        if wait < best_wait:
            best_wait, first = wait, users
    return first
