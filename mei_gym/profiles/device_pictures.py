"""Pictures of a measured device: its roofline with measured points, and the time of a block."""

from __future__ import annotations

from typing import Any

import numpy as np

from mei_gym.profiles.drawing import (
    BLACK,
    BLUE,
    GREY,
    MARKS,
    TWO_COLUMNS,
    VERMILLION,
    Picture,
    figure,
    legend_beside,
    tidy,
)
from mei_gym.profiles.fit import fit
from mei_gym.profiles.load import load_profile, models


def roofline(device: str) -> Picture:
    """FLOP/s that blocks reached against their arithmetic intensity, under the measured ceilings."""
    drawn, axes = figure(TWO_COLUMNS, 3.2)
    reached = []
    ceilings = None
    for mark, slug in zip(MARKS, models(device)):
        profile = load_profile(device, slug)
        ceilings = profile.card.ceilings or ceilings
        for phase, colour in (("prefill", BLUE), ("decode", VERMILLION)):
            rows = profile.rows(phase, "knot")
            intensity = rows["flops"] / rows["bytes"]
            reached.append(intensity)
            axes.plot(
                intensity, rows["flops"] / rows["time_s"], mark, color=colour, markersize=2.6, alpha=0.65,
                markeredgewidth=0, linestyle="none",
            )  # fmt: skip
        axes.plot([], [], mark, color=GREY, markersize=4, linestyle="none", label=profile.card.model)
    if ceilings is not None:
        intensity = np.geomspace(0.7 * min(map(np.min, reached)), 1.5 * max(map(np.max, reached)), 200)
        limit = np.minimum(intensity * ceilings.bandwidth_bytes_per_s, ceilings.flops)
        axes.plot(intensity, limit, color=BLACK, linewidth=1)
        said = f"{ceilings.bandwidth_bytes_per_s / 1e9:,.0f} GB/s, {ceilings.flops / 1e12:,.3g} TFLOP/s measured"
        axes.text(0.98, 0.06, said, transform=axes.transAxes, ha="right", fontsize=7, color=BLACK)
    axes.plot([], [], "s", color=BLUE, markersize=4, label="prefill")
    axes.plot([], [], "s", color=VERMILLION, markersize=4, label="decode")
    axes.set(xscale="log", yscale="log", xlabel="arithmetic intensity (FLOP/byte)", ylabel="reached (FLOP/s)")
    legend_beside(axes)
    tidy(axes)
    caption = (
        f"One transformer block on {device}: FLOP/s reached at every measured knot of {len(models(device))} models; "
        "the line is what the device reached on large products and copies. Weights that a cache holds can pass the "
        "memory line."
    )
    return Picture("roofline", caption, drawn)


def latency(device: str) -> Picture:
    """Time of one block: prefill over the prompt's tokens, decode over the batch."""
    drawn, panels = figure(TWO_COLUMNS, 2.9, columns=2)
    slugs = sorted(models(device), key=lambda slug: load_profile(device, slug).architecture.block_matrix_weights)
    shades = _shades(len(slugs))
    for shade, slug in zip(shades, slugs):
        profile, known = load_profile(device, slug), fit(device, slug)
        panels[0].plot(known.prefill.tokens, 1e3 * known.prefill.time_s, color=shade, linewidth=1)
        rows = profile.rows("prefill", "heldout")
        panels[0].plot(rows["tokens"], 1e3 * rows["time_s"], ".", color=shade, markersize=4)
        at = int(np.argmin(np.abs(known.decode.context_tokens - 1024)))
        panels[1].plot(
            known.decode.batch, 1e3 * known.decode.time_s[:, at], color=shade, linewidth=1, label=profile.card.model
        )
    panels[0].set(xlabel="prompt (tokens)", ylabel="time of one block (ms)", title="prefill")
    panels[1].set(xlabel="batch (requests)", title="decode, context of about 1,024 tokens")
    for axes in panels:
        axes.set(xscale="log", yscale="log")
        tidy(axes, "both")
    legend_beside(panels[1])
    caption = (
        f"Time of one block on {device}. Lines join measured points; dots are held-out points, which no fit has seen. "
        "Models in the order of their blocks' size."
    )
    return Picture("latency", caption, drawn)


def _shades(count: int) -> list[Any]:
    """Colours from dark to light that stay apart in grey too."""
    from matplotlib import colormaps

    return [colormaps["viridis"](share) for share in np.linspace(0.0, 0.92, count)]
