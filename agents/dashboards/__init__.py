"""Dashboards: what TensorBoard shows of a run."""
