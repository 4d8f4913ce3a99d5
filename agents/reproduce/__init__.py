"""Published settings played again: `python -m agents.reproduce trimcaching`, `python -m agents.reproduce claims`."""
