"""Neurosurgeon that pays for what it takes from others: the requests behind it, in the queue and still to come.

A toll is the reward that others lose for each second that one of them is held up. Of the latency utility
w (1 - ln(t / target) / ln(lateness)) a second at t = target = .3 s costs w / (.3 ln 10) = 1.4 w, so a toll of
1 per second is the natural first value; `tuned` values are chosen on validation seeds.
"""

from __future__ import annotations

from mei_gym.heuristics.split_inference.neurosurgeon import Scorer


class QueueAware(Scorer):
    """The myopic optimum less tolls for the server's iterations, its memory, and the air; joules may be dearer too."""

    name = "queue_aware"
    defaults = {"server_toll": 1.0, "memory_toll": 1.0, "air_toll": 1.0, "energy_scale": 1.0}  # noqa: RUF012
