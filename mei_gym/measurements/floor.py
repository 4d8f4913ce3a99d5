"""The physical floor: no row may be faster than the device's measured ceilings allow.

    refused when   bytes / t > 1.05 W   and the working set exceeds the last-level cache
              or   flops / t > P

P and W are the best matrix product and the best stream seen on the same device in the same campaign; `bytes` are the
fewest that must move (weights, keys and values), since activations may stay in a cache. Source: costs.md, section 5.
"""

from __future__ import annotations

from typing import NamedTuple

BANDWIDTH_MARGIN = 1.05  # costs.md, section 5: a stream as good as the ceiling's, and the noise of both


class Ceilings(NamedTuple):
    """The best that was seen of a device."""

    flops: float  # FLOP/s
    bandwidth_bytes_per_s: float
    last_level_cache_bytes: float
    how: str


def violation(
    time_s: float, flops: float, least_bytes: float, working_set_bytes: float, ceilings: Ceilings
) -> str | None:
    """Why a time is impossible, in one sentence; None when it is possible."""
    if not time_s > 0.0:
        return f"a time of {time_s} s is not positive"
    if flops / time_s > ceilings.flops:
        return f"{flops / time_s:.4g} FLOP/s is more than the {ceilings.flops:.4g} of the best matrix product"
    bandwidth = least_bytes / time_s
    beyond_cache = working_set_bytes > ceilings.last_level_cache_bytes
    if beyond_cache and bandwidth > BANDWIDTH_MARGIN * ceilings.bandwidth_bytes_per_s:
        most = f"{BANDWIDTH_MARGIN} times the {ceilings.bandwidth_bytes_per_s:.4g} of the best stream"
        return f"{bandwidth:.4g} bytes/s is more than {most}"
    return None
