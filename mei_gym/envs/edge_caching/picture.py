"""Looking at EdgeCaching: a sentence, and one picture of what every server holds and what the last decision brought."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from mei_gym.envs.drawing import (
    BLUE,
    FAINT,
    GREEN,
    HEIGHT,
    INK,
    ORANGE,
    PALE,
    PAPER,
    PURPLE,
    SKY,
    VERMILION,
    WIDTH,
    counted,
)
from mei_gym.envs.edge_caching.fields import REWARD_PARTS

GOOD, BAD = GREEN, VERMILION
BASES = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, (160, 150, 60), (120, 94, 160))
TOP, FLOOR = 54, 258  # of the stores
COLUMNS = 16  # servers that find room side by side


def sentence(params: Any, state: Any, lane: int, info: dict[str, float]) -> str:
    """The last decision, what its step brought, and who decides next, in words."""
    if info["time_s"] == 0.0:
        return f"{0.0:7.1f} s  no decision yet. Server {info['server']:.0f} decides first."
    decision = "nothing fetched"
    if info["fetch_model"] >= 0:
        size = (info["fetched_cloud_bytes"] + info["fetched_edge_bytes"]) / 1e9
        decision = f"model {info['fetch_model']:.0f} fetched at {info['fetch_bits']:.0f} bits ({size:.2f} GB)"
        if info["evicted"]:
            decision += f", {counted(info['evicted'], 'variant')} made room"
    if info["corrected"]:
        decision += " (the action was infeasible)"
    parts = ", ".join(f"{name.removeprefix('reward_')} {info[name]:+.2f}" for name in REWARD_PARTS)
    return (
        f"{info['time_s']:7.1f} s  {decision}. {counted(info['requests'], 'request')}: {info['local']:.0f} answered at"
        f" their site, {info['relayed']:.0f} elsewhere, {info['cloud']:.0f} by the cloud, {info['lost']:.0f} by nobody."
        f" Reward: {parts}. Server {info['server']:.0f} decides next."
    )


def picture(params: Any, state: Any, lane: int, info: dict[str, float]) -> np.ndarray:
    """One frame, uint8 [420, 720, 3]: above, the servers' stores by base and bits; below, the last step."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    servers = int(params.servers)
    there = f"{servers} servers" if servers <= COLUMNS else f"{COLUMNS} of {servers} servers"
    draw.text((16, 10), f"t = {info['time_s']:.0f} s   what {there} hold, by base; paler: fewer bits", INK)
    draw_legend(draw, int(params.quality_loss.shape[0]))
    width = (WIDTH - 32) / min(servers, COLUMNS)
    for server in range(min(servers, COLUMNS)):
        draw_store(draw, params, state, lane, server, 16 + server * width, width - 8)
        name = f"{server}" + (" decides" if server == int(info["server"]) and width > 60 else "")
        color = BAD if server == int(info["server"]) else INK
        draw.text((16 + server * width, FLOOR + 4), name, color)
        draw.text(
            (16 + server * width, FLOOR + 16), f"{int(state.held[lane, server])} variants"[: int(width // 6)], FAINT
        )
    draw.line((16, 294, WIDTH - 16, 294), PALE, 2)
    draw_step(draw, info)
    return np.asarray(image, np.uint8)


def draw_legend(draw: Any, bases: int) -> None:
    """The colours of the bases, by number."""
    for base in range(min(bases, len(BASES))):
        left = WIDTH - 16 - 56 * (min(bases, len(BASES)) - base)
        draw.rectangle((left, 32, left + 9, 41), BASES[base])
        draw.text((left + 13, 30), f"base {base}", INK)


def draw_store(draw: Any, params: Any, state: Any, lane: int, server: int, left: float, width: float) -> None:
    """A column: the store's bytes by base and precision from the floor up, hatched what has not arrived."""
    draw.rectangle((left, TOP, left + width, FLOOR), outline=FAINT)
    scale = (FLOOR - TOP) / params.store_limit_bytes
    now_s, bottom = state.clock_s[lane], float(FLOOR)
    for (base, precision), (size, coming) in sorted(bytes_by_group(params, state, lane, server, now_s).items()):
        top = bottom - size * scale
        color = paler(BASES[base % len(BASES)], precision)
        draw.rectangle((left + 1, top, left + width - 1, bottom), color)
        if coming:
            for line in range(int(top), int(bottom), 4):
                draw.line((left + 1, line, left + width - 1, line), PAPER)
        bottom = top


def bytes_by_group(params: Any, state: Any, lane: int, server: int, now_s: float) -> dict[Any, tuple[float, bool]]:
    """Bytes of a store by (base, precision) of the first variant that uses a block, and whether one is on its way."""
    drawn: set[int] = set()
    groups: dict[Any, tuple[float, bool]] = {}
    for variant in range(int(params.variants)):
        if state.held_from_s[lane, server, variant] == inf:
            continue
        group = int(params.model_base[variant // params.precisions]), variant % int(params.precisions)
        size, coming = groups.get(group, (0.0, False))
        for use in range(int(params.variant_first_block[variant]), int(params.variant_first_block[variant + 1])):
            block = int(params.variant_block[use])
            if block not in drawn:
                drawn.add(block)
                size += float(params.block_bytes[block])
                coming = coming or state.block_from_s[lane, server, block] > now_s
        groups[group] = size, coming
    return groups


def paler(color: tuple[int, int, int], steps: int) -> tuple[int, int, int]:
    """The colour, so many steps towards white."""
    return tuple(255 - round((255 - part) * 0.62**steps) for part in color)  # pyright: ignore[reportReturnType]


def draw_step(draw: Any, info: dict[str, float]) -> None:
    """The last decision, the requests that came, and the step's reward part by part."""
    if info["time_s"] == 0.0:
        draw.text((16, 304), "no decision yet", FAINT)
        return
    if info["fetch_model"] >= 0:
        size = (info["fetched_cloud_bytes"] + info["fetched_edge_bytes"]) / 1e9
        text = f"fetched model {info['fetch_model']:.0f} at {info['fetch_bits']:.0f} bits: {size:.2f} GB"
        draw.text((16, 304), text, INK)
        draw.text(
            (16, 320),
            f"{counted(info['evicted'], 'variant')} made room; all is there in {info['landing_s']:.1f} s",
            INK,
        )
    else:
        draw.text((16, 304), "fetched nothing" + (" (infeasible)" if info["corrected"] else ""), FAINT)
    draw.text((16, 344), counted(info["requests"], "request"), INK)
    rows = (("at their site", "local", GOOD), ("elsewhere", "relayed", BASES[0]), ("cloud", "cloud", BASES[1]))
    for place, (name, key, color) in enumerate((*rows, ("nobody", "lost", BAD))):
        left, top = 16 + place * 84, 362
        draw.text((left, top), name, INK)
        for one in range(min(14, int(info[key]))):
            x, y = left + (one % 7) * 10, top + 16 + (one // 7) * 12
            draw.rectangle((x, y, x + 7, y + 8), color)
    draw.text((400, 304), "reward of the step", INK)
    zero = 560
    draw.line((zero, 320, zero, 320 + 20 * len(REWARD_PARTS)), FAINT, 1)
    for row, name in enumerate(REWARD_PARTS):
        top, value = 324 + 20 * row, info[name] + 0.0
        draw.text((400, top - 2), f"{name.removeprefix('reward_'):<9} {value:+.2f}", INK)
        end = zero + max(-60.0, min(140.0, 28.0 * value))
        draw.rectangle((min(zero, end), top, max(zero, end), top + 9), GOOD if value >= 0 else BAD)
