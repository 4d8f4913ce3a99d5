"""Looking at ModelDelivery: a sentence, and one picture that shows the decision and its consequence."""

from __future__ import annotations

from typing import Any

import numpy as np

from mei_gym.envs.drawing import BLUE, FAINT, GREEN, HEIGHT, INK, ORANGE, PALE, PAPER, VERMILION, WIDTH, counted
from mei_gym.envs.model_delivery import fields as at
from mei_gym.envs.model_delivery.fields import CELL_NUMBERS, REWARD_PARTS, ROW_NUMBERS, ROWS
from mei_gym.envs.model_delivery.modes import MODE_NAMES

USERS, AIR, GOOD, BAD = BLUE, ORANGE, GREEN, VERMILION
GROUP = "everybody", "the best placed", "the most urgent", "everybody, jointly"


def sentence(params: Any, state: Any, lane: int, info: dict[str, float]) -> str:
    """The last decision, what came of it, and who waits now, in words."""
    waiting = f" Now {counted(info['pending'], 'request')} and {counted(info['needed_pieces'], 'piece')} to send."
    if info["elapsed_s"] == 0.0:
        return f"{info['time_s']:7.2f} s  no decision yet.{waiting}"
    parts = ", ".join(f"{name.removeprefix('reward_')} {info[name]:+.2f}" for name in REWARD_PARTS)
    return (
        f"{info['time_s']:7.2f} s  {decision(info)}; {info['delivered']:.0f} served, {info['missed']:.0f} missed,"
        f" {info['refused']:.0f} refused. Reward: {parts}.{waiting}"
    )


def decision(info: dict[str, float]) -> str:
    """The last decision in words."""
    if info["piece"] < 0.0:
        return f"waited {info['elapsed_s']:.1f} s"
    helped = f" with {counted(info['partners'], 'neighbour')}" if info["partners"] else ""
    return (
        f"piece {info['piece']:.0f} ({info['sent_bytes'] / 1e6:.0f} MB, {info['bits']:.0f} bits) to"
        f" {GROUP[int(info['mode'])]} ({info['receivers']:.0f}){helped} in {info['air_s']:.1f} s"
    )


def picture(params: Any, state: Any, lane: int, info: dict[str, float]) -> np.ndarray:
    """One frame, uint8 [420, 720, 3]: above, what can be sent now; below, the last decision."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((16, 10), f"t = {info['time_s']:.1f} s", INK)
    draw.text((120, 10), f"{info['requests_total']:.0f} of {params.requests} requests came,", INK)
    draw.text((290, 10), f"{info['pending']:.0f} wait, {info['unreached']:.0f} of them receive nothing", INK)
    draw_rows(draw, state.sensed[lane], state.row_piece[lane])
    draw.line((16, 274, WIDTH - 16, 274), PALE, 2)
    draw_decision(draw, info)
    return np.asarray(image, np.uint8)


def draw_rows(draw: Any, sensed: np.ndarray, pieces: np.ndarray) -> None:
    """A line for each row: its piece, who lacks it, how they receive in each mode, and their nearest deadline."""
    for left, title in ((16, "piece"), (120, "lacked by"), (290, "bit/s/Hz: " + ", ".join(MODE_NAMES)), (560, "due")):
        draw.text((left, 30), title, FAINT)
    for row in range(ROWS):
        top = 48 + 18 * row
        numbers = sensed[CELL_NUMBERS + row * ROW_NUMBERS : CELL_NUMBERS + (row + 1) * ROW_NUMBERS]
        if pieces[row] < 0:
            draw.line((16, top + 6, 40, top + 6), PALE, 1)
            continue
        draw.text((16, top), f"{pieces[row]:.0f}: {numbers[at.R_BYTES] / 1e6:.0f} MB", INK)
        for user in range(min(20, int(numbers[at.R_REACHED]))):
            hears = user < numbers[at.R_REQUESTERS]
            draw.rectangle((120 + 8 * user, top + 1, 125 + 8 * user, top + 10), USERS if hears else PALE, USERS)
        for mode in range(len(MODE_NAMES)):
            left, length = 290 + 64 * mode, 4.0 * min(15.0, numbers[at.R_ALL + mode])
            draw.rectangle((left, top + 1, left + length, top + 10), AIR)
        slack_s = numbers[at.R_NEAREST_SLACK]
        draw.text((560, top), f"in {slack_s:.0f} s", BAD if slack_s < 10.0 else INK)


def draw_decision(draw: Any, info: dict[str, float]) -> None:
    """What was decided last, what came of it, and the step's reward."""
    if info["elapsed_s"] == 0.0:
        draw.text((16, 284), "no decision yet", FAINT)
        return
    draw.text((16, 284), decision(info) + (" (corrected)" if info["corrected"] else ""), AIR)
    draw.text((16, 304), f"{info['delivered']:.0f} served", GOOD)
    draw.text((90, 304), f"{info['missed'] + info['refused']:.0f} missed or refused", BAD)
    draw.text((250, 304), f"{info['station_energy_j']:.0f} J of the stations", INK)
    draw.text((420, 304), f"{info['delivered_total']:.0f} served in the episode", INK)
    draw.text((16, 326), "reward of the step", INK)
    zero = 430
    draw.line((zero, 326, zero, 326 + 15 * len(REWARD_PARTS) + 4), FAINT, 1)
    for row, name in enumerate(REWARD_PARTS):
        top, value = 328 + 15 * row, info[name] + 0.0
        draw.text((180, top - 2), f"{name.removeprefix('reward_'):<10} {value:+.2f}", INK)
        end = zero + max(-150.0, min(270.0, 90.0 * value))
        draw.rectangle((min(zero, end), top, max(zero, end), top + 9), GOOD if value >= 0 else BAD)
