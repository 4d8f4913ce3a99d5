"""Several sites that send the same bits to one user (coordinated multipoint): its SINR.

    non-coherent   SINR = sum_{b in C} P_b g_b / (N + sum_{b not in C} load_b P_b g_b)              powers add
    coherent       SINR = (sum_{b in C} sqrt(P_b g_b))^2 / (N + sum_{b not in C} load_b P_b g_b)    amplitudes add

    C  the sites with cooperates[b]    g_b  gain[b], a ratio    P_b  power_w[b]    N  noise_w

Coherent needs the phases of all channels at all sites and is a bound. A cooperating site spends its symbols on this
user, so what the user gains is airtime lost elsewhere: that is the caller's to book. Source: TR 36.819.
"""

from __future__ import annotations

from math import sqrt

from mei_gym.compiled import scalar


@scalar
def noncoherent_sinr(gain, power_w, load, cooperates, noise_w):
    """A ratio, over all sites of the arrays."""
    signal_w = 0.0
    for site in range(gain.shape[0]):
        if cooperates[site]:
            signal_w += power_w[site] * gain[site]
    return signal_w / (noise_w + others_w(gain, power_w, load, cooperates))


@scalar
def coherent_sinr(gain, power_w, load, cooperates, noise_w):
    """A ratio, over all sites of the arrays; phases aligned at the user."""
    amplitude = 0.0
    for site in range(gain.shape[0]):
        if cooperates[site]:
            amplitude += sqrt(power_w[site] * gain[site])
    return amplitude * amplitude / (noise_w + others_w(gain, power_w, load, cooperates))


@scalar
def others_w(gain, power_w, load, cooperates):
    """W received from the sites that do not cooperate."""
    total = 0.0
    for site in range(gain.shape[0]):
        if not cooperates[site]:
            total += load[site] * power_w[site] * gain[site]
    return total
