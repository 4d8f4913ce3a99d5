"""Pictures of a measured device: its roofline with measured points, and the time of a block."""

from __future__ import annotations

from typing import Any

import numpy as np

from mei_gym.profiles.drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    HEIGHT,
    MARKS,
    TWO_COLUMNS,
    VERMILLION,
    Picture,
    figure,
    legend_beside,
    plain_ticks,
    tidy,
)
from mei_gym.profiles.fit import fit
from mei_gym.profiles.load import Profile, ProfileError, load_profile, measured_devices, models


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
    for shade, mark, slug in zip(shades, MARKS, slugs):
        profile, known = load_profile(device, slug), fit(device, slug)
        panels[0].plot(known.prefill.tokens, 1e3 * known.prefill.time_s, color=shade, linewidth=1)
        rows = profile.rows("prefill", "heldout")
        panels[0].plot(rows["tokens"], 1e3 * rows["time_s"], ".", color=shade, markersize=4)
        at = int(np.argmin(np.abs(known.decode.context_tokens - 1024)))
        panels[1].plot(
            known.decode.batch, 1e3 * known.decode.time_s[:, at], mark, linestyle="-", color=shade, linewidth=1,
            markersize=3, label=profile.card.model,
        )  # fmt: skip
    panels[0].set(xlabel="prompt (tokens)", ylabel="time of one block (ms)", title="prefill")
    panels[1].set(xlabel="batch (requests)", title="decode, context of about 1,024 tokens")
    for axes in panels:
        axes.set(xscale="log", yscale="log")
        plain_ticks(axes)
        tidy(axes, "both")
    legend_beside(panels[1])
    caption = (
        f"Time of one block on {device}. Lines join measured points; dots beside the lines of prefill are held-out "
        "points, which no fit has seen. Models in the order of their blocks' size."
    )
    return Picture("latency", caption, drawn)


def layers(device: str) -> Picture:
    """Time of each block of a real model, where its blocks were timed one by one: on this device, else on the first."""
    drawn, panels = figure(TWO_COLUMNS, HEIGHT, columns=2, sharey=False)
    profile = _of_real_blocks(device)
    columns = profile.columns
    real = (columns["layer"].astype(int) >= 0) & (columns["role"] == "knot")
    for axes, (phase, axis, what) in zip(
        panels, (("prefill", "tokens", "prompt"), ("decode", "context_tokens", "context"))
    ):
        of_phase = real & (columns["phase"] == phase) & (columns["batch"] == 1)
        points, blocks = columns[axis][of_phase], columns["layer"].astype(int)
        everywhere = [p for p in np.unique(points) if (points == p).sum() == profile.architecture.layers]
        for colour, mark, point in zip((BLUE, GREEN, VERMILLION), MARKS, everywhere):
            rows = np.flatnonzero(of_phase & (columns[axis] == point))
            rows = rows[np.argsort(blocks[rows])]
            median, low, high = (1e3 * columns[name][rows] for name in ("time_s", "time_p10_s", "time_p90_s"))
            axes.errorbar(
                1 + blocks[rows], median, yerr=[median - low, high - median], color=colour, marker=mark, markersize=3,
                linewidth=1, capsize=1.5, label=f"{what} of {point:g} tokens",
            )  # fmt: skip
        axes.set(xlabel="block of the model", title=phase, ylim=(0, None))
        axes.legend(fontsize=6.5, frameon=False, loc="best")
        tidy(axes, "y")
    panels[0].set(ylabel="time of the block (ms)")
    caption = (
        f"Time of each block of {profile.card.model} on {profile.card.device.name}, its real weights: median, bars "
        "from the 10th to the 90th percentile. Blocks of the same sizes take the same time."
    )
    return Picture("layers", caption, drawn)


def _of_real_blocks(device: str) -> Profile:
    """A profile of which every block was timed, if there is one of the device, of it."""
    for slug in (device, *(other for other in measured_devices() if other != device)):
        for model in models(slug):
            profile = load_profile(slug, model)
            if (profile.columns["layer"].astype(int) >= 0).any():
                return profile
    raise ProfileError("no profile has the blocks of a real model one by one")


def _shades(count: int) -> list[Any]:
    """Colours from dark to light that stay apart in grey too."""
    from matplotlib import colormaps

    return [colormaps["viridis"](share) for share in np.linspace(0.0, 0.92, count)]
