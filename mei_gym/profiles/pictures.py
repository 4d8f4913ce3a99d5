"""All pictures of what was measured, as PDF and PNG, with their captions.

Made for two columns of a paper: no titles beyond the panels', units on every axis, Okabe and Ito's colours. What a
picture shows and with what error stands in its `Picture.caption`.
"""

from __future__ import annotations

from pathlib import Path

from mei_gym.profiles.curve_pictures import acceptance_by_position, adaptation, defences, leakage, quality
from mei_gym.profiles.curves import load_curves
from mei_gym.profiles.device_pictures import latency, layers, roofline
from mei_gym.profiles.drawing import written
from mei_gym.profiles.load import ProfileError, measured_devices, nearest

REAL = "SmolLM2-135M"


def draw(out: Path, device: str = "h100-sxm", model: str = REAL) -> list[Path]:
    """Draw every picture into a folder, `<name>.pdf` and `<name>.png`, and `captions.md`; the paths.

    `device` is one with measured profiles, `model` one whose curves were measured.
    """
    if device not in measured_devices():
        raise ProfileError(f"no profile was measured on {device!r}{nearest(device, measured_devices())}")
    load_curves("leakage", model)  # refused here, before anything is written
    pictures = [
        roofline(device), latency(device), layers(device), quality(model), leakage(model), defences(model),
        acceptance_by_position(model), adaptation(model),
    ]  # fmt: skip
    return written(out, pictures)
