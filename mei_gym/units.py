"""Conversions into SI, used where data enters; inside, everything is SI already."""

from __future__ import annotations

KIB, MIB, GIB = 1024, 1024**2, 1024**3
KB, MB, GB = 10**3, 10**6, 10**9


def watts_of_dbm(power_dbm: float) -> float:
    """W; 0 dBm is one milliwatt."""
    return 10.0 ** (power_dbm / 10.0) / 1e3


def ratio_of_db(gain_db: float) -> float:
    """A power ratio."""
    return 10.0 ** (gain_db / 10.0)


def seconds_of_ms(time_ms: float) -> float:
    """s."""
    return time_ms / 1e3
