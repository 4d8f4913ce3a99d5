"""Sending and loading bytes: payloads of prompts, hidden states and layers, and how long they take.

    t = 8 s / r        s  size_bytes    r  rate_bps

A hidden state below 16 bits a value carries a 16-bit scale and a 16-bit minimum for each group of 64 channels.
"""

from __future__ import annotations

from math import inf

from mei_gym.compiled import scalar

TEXT_BYTES_PER_TOKEN = 4.0  # English under byte-pair vocabularies of 32k to 128k entries: 3.8 to 4.6; chosen
TOKEN_ID_BYTES = 4.0  # a sampled token comes back as one 32-bit number; chosen
GROUP_CHANNELS = 64.0  # channels that share a scale and a minimum; chosen, as in common 4-bit formats
GROUP_BYTES = 4.0  # a scale and a minimum in 16 bits each


@scalar
def transfer_time(size_bytes, rate_bps):
    """s; nothing takes no time, and a dead link never finishes."""
    if size_bytes <= 0.0:
        return 0.0
    return 8.0 * size_bytes / rate_bps if rate_bps > 0.0 else inf


@scalar
def activation_bytes(hidden_size, tokens, bits):
    """Bytes of the hidden states of `tokens` at a cut, sent with `bits` a value."""
    scales = 0.0 if bits >= 16 else GROUP_BYTES * hidden_size / GROUP_CHANNELS
    return tokens * (hidden_size * bits / 8.0 + scales)


@scalar
def prompt_bytes(tokens):
    """Bytes of a prompt sent as text."""
    return TEXT_BYTES_PER_TOKEN * tokens


@scalar
def token_bytes(tokens):
    """Bytes of sampled tokens sent as numbers."""
    return TOKEN_ID_BYTES * tokens


@scalar
def flash_read_time(size_bytes, flash_read_bytes_per_s):
    """s of reading from a device's own flash; without flash it never finishes."""
    if size_bytes <= 0.0:
        return 0.0
    return size_bytes / flash_read_bytes_per_s if flash_read_bytes_per_s > 0.0 else inf


@scalar
def layer_fetch_time(layers, layer_bytes, rate_bps, round_trip_s):
    """s of fetching whole layers over a link: one request, then their bytes back to back."""
    if layers <= 0:
        return 0.0
    return round_trip_s + transfer_time(layers * layer_bytes, rate_bps)
