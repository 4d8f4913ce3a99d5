"""Workload: when requests come, who asks, and how long prompts and answers are."""
