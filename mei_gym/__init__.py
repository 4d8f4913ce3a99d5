"""Gymnasium environments in which agents learn to run large language models at the mobile edge."""

from mei_gym.registration import register_environments

__version__ = "0.1.0"

register_environments()
