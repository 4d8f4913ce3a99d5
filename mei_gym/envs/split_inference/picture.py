"""Looking at SplitInference: a sentence, and one picture that shows the decision and its consequence."""

from __future__ import annotations

from typing import Any

import numpy as np


def sentence(params: Any, state: Any, lane: int, info: dict[str, float]) -> str:
    """The last decision and what came of it, in words."""
    where = "on the device" if info["cut"] == params.layers else "at the edge" if info["cut"] == 0 else "split"
    return f"{info['time_s']:.1f} s: cut {info['cut']:.0f} of {params.layers} ({where})"


def picture(params: Any, state: Any, lane: int, info: dict[str, float]) -> np.ndarray:
    """One frame, uint8 [height, width, 3]."""
    return np.zeros((360, 640, 3), np.uint8)
