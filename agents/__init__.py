"""Agents: train policies on the environments of mei_gym, compare them with heuristics, and show what they do.

Run from the checkout; not part of the wheel.

    python -m agents.train CONFIG        train, compare, report
    python -m agents.evaluate RUN...     any policies on common seeds
    python -m agents.report RUN...       pictures and one HTML page
    python -m agents.campaign CONFIG     many experiments, several seeds each
"""
