"""Learners: networks, model files, checkpoints, and what follows a training run."""
