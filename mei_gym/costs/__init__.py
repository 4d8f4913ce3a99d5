"""Costs: seconds, joules and bytes of every piece of work, as scalar functions over flat parameters."""
