"""Chance: every draw is a pure function of (key, step, purpose, index), never of what was drawn before.

    key   one episode of one lane, from `env.reset(seed=)`
    step  which request, slot or arrival the draw belongs to
    purpose, index   what it is for, and which of several

So every policy that runs on a seed meets the same requests and the same fading, and a clairvoyant search can
read the future. The bits are splitmix64's finaliser over a mixed counter (Steele, Lea, Flood 2014), the
uniforms have 53 bits.
"""

from __future__ import annotations

from math import cos, log, pi, sqrt

import numpy as np

from mei_gym.compiled import scalar

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # splitmix64's increment: 2^64 / golden ratio
STEP_STRIDE = np.uint64(0xD1B54A32D192ED03)  # odd constants of good spectral quality (Vigna's table)
PURPOSE_STRIDE = np.uint64(0xABC98388FB8FAC03)
INDEX_STRIDE = np.uint64(0x8CB92BA72F3D8DD7)
MIX_1, MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
S30, S27, S31, S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
TWO_TO_MINUS_53 = 1.0 / 9007199254740992.0
GAMMA_TRIES, GAMMA_INDICES = 31, 128  # a try is taken with 95 % or more; 31 fail once in 1e40 draws
LEAST_GAMMA = 1e-300  # chosen: a gamma number of a small shape is never 0, however small


@scalar
def mixed(bits):
    """64 bits: splitmix64's finaliser."""
    bits = (bits ^ (bits >> S30)) * MIX_1
    bits = (bits ^ (bits >> S27)) * MIX_2
    return bits ^ (bits >> S31)


@scalar
def episode_key(seed, episode):
    """64 bits: the key of a lane's episode."""
    return mixed(mixed(np.uint64(seed) + GOLDEN) + np.uint64(episode) * STEP_STRIDE)


@scalar
def uniform(key, step, purpose, index):
    """A number in (0, 1): never 0, so that its logarithm is finite."""
    counter = np.uint64(step) * STEP_STRIDE + np.uint64(purpose) * PURPOSE_STRIDE + np.uint64(index) * INDEX_STRIDE
    bits = mixed(mixed(np.uint64(key) ^ counter) + GOLDEN)
    return (np.float64(bits >> S11) + 0.5) * TWO_TO_MINUS_53


@scalar
def normal(key, step, purpose, index):
    """A standard normal number, by Box and Muller's cosine."""
    radius = sqrt(-2.0 * log(uniform(key, step, purpose, 2 * index)))
    return radius * cos(2.0 * pi * uniform(key, step, purpose, 2 * index + 1))


@scalar
def exponential(key, step, purpose, index):
    """An exponential number of mean 1."""
    return -log(uniform(key, step, purpose, index))


@scalar
def gamma(key, step, purpose, index, shape):
    """A gamma number of this shape and scale 1, so of mean `shape`; takes the uniforms of GAMMA_INDICES indices.

    Marsaglia and Tsang 2000: d (1 + c z)^3 with d = shape - 1/3 and c = 1 / sqrt(9 d), tried until
    it is taken; a shape below 1 is one above, times u^(1 / shape).
    """
    first = index * GAMMA_INDICES
    boost = 1.0
    if shape < 1.0:
        boost = uniform(key, step, purpose, first + 4 * GAMMA_TRIES) ** (1.0 / shape)
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / sqrt(9.0 * d)
    cube = 1.0
    for trial in range(GAMMA_TRIES):
        place = first + 4 * trial
        z = normal(key, step, purpose, place // 2)
        root = 1.0 + c * z
        if root > 0.0:
            cube = root**3
            if log(uniform(key, step, purpose, place + 2)) < 0.5 * z * z + d - d * cube + d * log(cube):
                break
    return max(LEAST_GAMMA, d * cube * boost)


@scalar
def drawn_index(cumulative, last, draw):
    """The first index up to `last` whose cumulative share reaches the draw; by halving."""
    low, high = 0, last
    while low < high:
        middle = (low + high) // 2
        if np.float64(cumulative[middle]) < draw:
            low = middle + 1
        else:
            high = middle
    return low
