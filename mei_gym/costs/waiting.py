"""What a time is worth to who waits for it.

    u(t) = 1                            t <= target
           1 - ln(t / target) / ln(k)   after it, 0 from k targets on        k  lateness

The logarithm is ITU-T G.1030's: opinion falls linearly with the logarithm of the waiting time.
"""

from __future__ import annotations

from math import log

from mei_gym.compiled import scalar


@scalar
def latency_utility(params, time_s, target_s):
    """In [0, 1]: 1 up to the target, then falling with the logarithm of the time to 0 at `lateness` targets."""
    if time_s <= target_s:
        return 1.0
    return max(0.0, 1.0 - log(time_s / target_s) / log(params.lateness))
