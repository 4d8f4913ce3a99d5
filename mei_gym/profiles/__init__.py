"""Profiles: what was measured of a device and a model, with its provenance, and what is cited or derived."""
