"""Measuring models on devices; what it writes, `mei_gym.profiles` reads. Nothing here is needed to simulate."""
