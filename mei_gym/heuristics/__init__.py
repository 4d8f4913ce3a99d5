"""Policies that need no learning, with the `predict` of Stable-Baselines3."""
