"""Looking at SplitInference: a sentence, and one picture that shows the decision and its consequence."""

from __future__ import annotations

from typing import Any

import numpy as np

from mei_gym.envs.drawing import BLUE, FAINT, GREEN, HEIGHT, INK, ORANGE, PALE, PAPER, VERMILION, WIDTH
from mei_gym.envs.split_inference import fields as at
from mei_gym.envs.split_inference.fields import REWARD_PARTS

DEVICE, AIR, EDGE, BAD = BLUE, ORANGE, GREEN, VERMILION


def sentence(params: Any, state: Any, lane: int, info: dict[str, float]) -> str:
    """The last decision, what came of it, and who asks next, in words."""
    layers, cut = params.layers, int(info["cut"])
    sensed = state.sensed[lane]
    following = f" Next: user {int(state.asking_user[lane])} with {sensed[at.PROMPT]:.0f} tokens."
    if info["declined"]:
        return f"{info['time_s']:7.2f} s  declined: no choice keeps the privacy budget.{following}"
    if info["bits"] == 0.0:
        return f"{info['time_s']:7.2f} s  no decision yet.{following}"
    if cut == layers:
        decision = f"all {layers} layers on the device"
    elif cut == 0:
        decision = "everything at the edge"
    else:
        decision = f"{cut} of {layers} layers on the device, {info['bits']:.0f}-bit activations to the edge"
    parts = ", ".join(f"{name.removeprefix('reward_')} {info[name]:+.2f}" for name in REWARD_PARTS)
    return (
        f"{info['time_s']:7.2f} s  {decision}"
        f" (forecast: first token {info['forecast_ttft_s']:.2f} s,"
        f" then {info['forecast_tpot_s'] * 1e3:.0f} ms a token)."
        f" Reward: {parts}."
        f" Server: {info['running']:.0f} running, {info['queue']:.0f} waiting; {info['uploads']:.0f} uploads."
        f"{following}"
    )


def picture(params: Any, state: Any, lane: int, info: dict[str, float]) -> np.ndarray:
    """One frame, uint8 [420, 720, 3]: above, the world as the next request finds it; below, the last decision."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    sensed = state.sensed[lane]
    layers = int(params.layers)
    draw.text((16, 10), f"t = {info['time_s']:.1f} s", INK)

    draw.text((16, 34), f"device of user {int(state.asking_user[lane])}", DEVICE)
    loaded, deepest = round(sensed[at.LOADED] * layers), round(sensed[at.DEEPEST] * layers)
    for layer in range(layers):
        left = 16 + layer * 192 / layers
        color = DEVICE if layer < loaded else PALE
        draw.rectangle((left, 52, left + 192 / layers - 2, 76), color)
    edge = 16 + deepest * 192 / layers - 1
    draw.line((edge, 48, edge, 80), BAD, 2)
    draw.text((16, 82), f"{loaded} of {layers} layers loaded, {deepest} fit", INK)
    bar(draw, 16, 106, "battery", info["battery"], DEVICE)
    bar(draw, 16, 132, "speed", info["device_speed"], DEVICE)
    draw.text((16, 160), f"{sensed[at.HEAT]:.0f} K warm, busy for {sensed[at.DEVICE_WAIT]:.1f} s", INK)

    draw.text((264, 34), "uplink", AIR)
    draw.text((264, 56), f"{info['uplink_bps'] / 1e6:.0f} Mbit/s if alone", INK)
    for place in range(min(40, int(info["uploads"]))):
        left, top = 264 + (place % 10) * 18, 80 + (place // 10) * 14
        draw.rectangle((left, top, left + 14, top + 9), AIR)
    draw.text((264, 140), f"{info['uploads']:.0f} uploads", INK)
    draw.text((264, 160), f"{sensed[at.UPLOAD_BACKLOG]:.1f} s of air owed", INK)

    draw.text((492, 34), "edge server", EDGE)
    bar(draw, 492, 56, "batch", info["running"] / params.running_limit, EDGE)
    bar(draw, 492, 82, "memory", info["kv_used"], EDGE)
    for place in range(min(60, int(info["queue"]))):
        left, top = 492 + (place % 15) * 13, 110 + (place // 15) * 11
        draw.rectangle((left, top, left + 9, top + 7), BAD)
    draw.text((492, 160), f"{info['running']:.0f} running, {info['queue']:.0f} waiting", INK)

    draw.line((16, 188, WIDTH - 16, 188), PALE, 2)
    draw_decision(draw, params, info)
    return np.asarray(image, np.uint8)


def draw_decision(draw: Any, params: Any, info: dict[str, float]) -> None:
    """The last request: where its layers ran, its forecast against the targets, and the step's reward."""
    layers, cut = int(params.layers), int(info["cut"])
    if info["declined"]:
        draw.text((16, 200), "declined: no choice keeps the application's privacy budget", BAD)
        return
    if info["bits"] == 0.0:
        draw.text((16, 200), "no decision yet", FAINT)
        return
    application = int(info["application"])
    draw.text((16, 200), f"last request: {info['prompt_tokens']:.0f} tokens in, {info['answer_tokens']:.0f} out", INK)
    for layer in range(layers):
        left = 16 + layer * 440 / layers
        draw.rectangle((left, 222, left + 440 / layers - 2, 246), DEVICE if layer < cut else EDGE)
    if 0 < cut < layers:
        middle = 16 + cut * 440 / layers - 1
        draw.line((middle, 218, middle, 250), AIR, 3)
    where = f"cut {cut}" + (f", {info['bits']:.0f} bits" if 0 < cut < layers else "")
    draw.text((468, 228), where + (" (corrected)" if info["corrected"] else ""), AIR if 0 < cut < layers else INK)

    rows = (
        ("first token", info["forecast_ttft_s"], params.ttft_target_s[application]),
        ("per token", info["forecast_tpot_s"], params.tpot_target_s[application]),
    )
    for row, (name, time_s, target_s) in enumerate(rows):
        top = 262 + 22 * row
        late = time_s > target_s
        text = f"{name}: {time_s * 1e3:.0f} ms forecast, target {target_s * 1e3:.0f} ms"
        draw.text((16, top), text, BAD if late else INK)
    draw.text((16, 306), f"leakage {info['leakage']:.2f}, {info['device_energy_j']:.1f} J on the device", INK)

    draw.text((16, 334), "reward of the step", INK)
    zero = 430
    draw.line((zero, 334, zero, 334 + 15 * len(REWARD_PARTS) + 4), FAINT, 1)
    for row, name in enumerate(REWARD_PARTS):
        top = 336 + 15 * row
        value = info[name] + 0.0
        draw.text((180, top - 2), f"{name.removeprefix('reward_'):<8} {value:+.2f}", INK)
        end = zero + max(-150.0, min(270.0, 220.0 * value))
        draw.rectangle((min(zero, end), top, max(zero, end), top + 9), EDGE if value >= 0 else BAD)


def bar(draw: Any, left: int, top: int, name: str, share: float, color: tuple[int, int, int]) -> None:
    """A named bar filled to a share."""
    draw.text((left, top + 2), name, INK)
    draw.rectangle((left + 56, top, left + 192, top + 16), PALE)
    draw.rectangle((left + 56, top, left + 56 + 136 * min(1.0, max(0.0, share)), top + 16), color)
