"""Where `cell.py` finds what it moves its users by: the walk (`gauss_markov.py`) and the border (`region.py`)."""

from __future__ import annotations

from mei_gym.network.gauss_markov import gauss_markov, velocity_sigma_mps
from mei_gym.network.region import ring_radius_m, walked

__all__ = ["gauss_markov", "ring_radius_m", "velocity_sigma_mps", "walked"]
