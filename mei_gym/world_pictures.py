"""Pictures of a scenario's world: the map with its sites, users and SINR; the load of a day; the lengths of requests.

Drawn from the same parameters and rules that the environment runs on: users, arrivals and lengths are those of one
episode, beside what the scenario's laws say of many. Of an environment whose world has no sites, no lengths or no
arrivals, the pictures that are left are drawn.
"""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from mei_gym.compiled import plain
from mei_gym.envs.lanes import Lanes, lane_seed
from mei_gym.envs.task import Task
from mei_gym.network.channel import los_probability, noise_power_w, path_loss_db
from mei_gym.network.rate import carrier_bandwidth_hz
from mei_gym.network.sites import outer_gain
from mei_gym.oracle.seeds import episode_steps
from mei_gym.profiles.drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    TWO_COLUMNS,
    VERMILLION,
    Picture,
    figure,
    legend_beside,
    tidy,
    written,
)
from mei_gym.workload.arrivals import OWN, day_shape

COLOURS = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, GREY, BLACK, "#8c564b")
GRID = 90  # cells of the map along its longer side
SHADES = np.arange(-10.0, 31.0, 5.0)  # dB


def draw_world(task: Task, scenario: Any, out: Path, seed: int = 0) -> list[Path]:
    """Draw a resolved scenario's pictures into a folder, PDF and PNG, with their captions; the paths."""
    lanes = Lanes(task, scenario, 1)
    lanes.reset(np.array([lane_seed(seed)], np.uint64))
    pictures = [draw(lanes) for needed, draw in PICTURES if hasattr(lanes.params, needed)]
    if not pictures:
        raise ValueError(f"The world of {task.name} has no sites, no lengths and no arrivals to draw.")
    return written(out, [picture._replace(name=f"{scenario.name}-{picture.name}") for picture in pictures])


def world_map(lanes: Lanes) -> Picture:
    """Sites, users and the SINR of the downlink."""
    params, state, scenario = lanes.params_of(0), lanes.state, lanes.scenario
    drawn, axes = figure(6.6, 4.2)
    x_m, y_m = np.array(state.user_x_m[0, : params.users]), np.array(state.user_y_m[0, : params.users])
    reach_m = 1.08 * max(np.abs(x_m).max(), np.abs(y_m).max(), 30.0)
    side = np.linspace(-reach_m, reach_m, GRID)
    shown = axes.contourf(side, side, sinr_db(params, side), SHADES, cmap="Greys_r", extend="both", alpha=0.75)
    bar = drawn.colorbar(shown, ax=axes, pad=0.015, shrink=0.9)
    bar.set_label("downlink SINR of mean path gains (dB)", size=8)
    bar.ax.tick_params(labelsize=7)
    names = list(scenario.applications)
    for number, (name, colour) in enumerate(zip(names, COLOURS)):
        mine = state.user_application[0, : params.users] == number
        axes.plot(
            x_m[mine], y_m[mine], "o", color=colour, markersize=3.5, markeredgecolor="white", markeredgewidth=0.4,
            label=name.replace("_", " "),
        )  # fmt: skip
    inside = (np.abs(params.site_x_m) <= reach_m) & (np.abs(params.site_y_m) <= reach_m)
    axes.plot(
        params.site_x_m[inside], params.site_y_m[inside], "^", color=BLACK, markersize=8, markeredgecolor="white",
        linestyle="none", label="site",
    )  # fmt: skip
    axes.set(xlabel="x (m)", ylabel="y (m)", xlim=(-reach_m, reach_m), ylim=(-reach_m, reach_m), aspect="equal")
    drawn.legend(loc="outside right center", fontsize=6.5, frameon=False, handletextpad=0.3)
    tidy(axes)
    beyond = len(params.site_x_m) - int(inside.sum())
    caption = (
        f"{scenario.name}: {params.users} users at the beginning of an episode, {len(params.site_x_m)} sites"
        f"{f', {beyond} of them beyond the map' if beyond else ''}, and the downlink's SINR of mean path gains, at the "
        f"mean load of the neighbours ({params.neighbour_load_mean:g}), outdoors, without shadowing."
    )
    return Picture("map", caption, drawn)


def sinr_db(params: Any, side_m: np.ndarray) -> np.ndarray:
    """dB [y, x]: the strongest site over noise and all others, path gains averaged over line of sight."""
    loss, seen = plain(path_loss_db), plain(los_probability)
    place_x, place_y = np.meshgrid(side_m, side_m)
    bandwidth_hz = plain(carrier_bandwidth_hz)(params.resource_blocks, params.numerology)
    noise_w = plain(noise_power_w)(bandwidth_hz, params.user_noise_figure_db)
    distances = np.geomspace(1.0, 4.0 * np.abs(side_m).max() + 2.0 * np.abs(params.site_x_m).max() + 100.0, 600)

    def gain(distance_m: float) -> float:
        distance_m = max(distance_m, params.keep_out_m)
        share = seen(params.propagation, distance_m, params.user_height_m)
        losses = [
            loss(params.propagation, distance_m, params.base_height_m, params.user_height_m, params.carrier_hz, sight)
            for sight in (0, 1)
        ]
        return (1.0 - share) * 10.0 ** (-losses[0] / 10.0) + share * 10.0 ** (-losses[1] / 10.0)

    gains = np.array([gain(float(each)) for each in distances])
    received = np.stack(
        [
            np.interp(np.hypot(place_x - site_x, place_y - site_y), distances, gains)
            for site_x, site_y in zip(params.site_x_m, params.site_y_m)
        ]
    )
    strongest = received.max(axis=0)
    far = plain(outer_gain)(params)
    others = params.neighbour_load_mean * params.base_power_w * (received.sum(axis=0) - strongest + far)
    return 10.0 * np.log10(params.base_power_w * strongest / (noise_w + others))


def lengths(lanes: Lanes) -> Picture:
    """How long prompts and answers are, application by application."""
    params, scenario = lanes.params_of(0), lanes.scenario
    drawn, panels = figure(TWO_COLUMNS, 2.6, 2, sharey=True)
    rows = [*scenario.applications, "background"][: len(params.prompt_log_tokens)]
    for axes, direction in zip(panels, ("prompt", "answer")):
        tokens = np.exp(getattr(params, f"{direction}_log_tokens"))
        for row, (name, colour) in enumerate(zip(rows, COLOURS)):
            least, most = (getattr(params, f"{direction}_{end}")[row] for end in ("minimum", "maximum"))
            style = ":" if name == "background" else ("-", "--")[row % 2]
            axes.plot(
                np.clip(tokens[row], least, most), params.length_levels, style, color=colour, linewidth=1.2,
                label=name.replace("_", " "), zorder=2.0 + 0.1 * (row % 2),  # two may have the same: dashes above
            )  # fmt: skip
        axes.set(xscale="log", xlabel=f"{direction} (tokens)", ylim=(0, 1))
        tidy(axes, "y")
    panels[0].set_ylabel("share of requests")
    legend_beside(panels[1])
    caption = f"{scenario.name}: lengths of prompts and answers, as the environment draws them, cut at its limits."
    return Picture("lengths", caption, drawn)


def load(lanes: Lanes) -> Picture:
    """The scenario's day, and the requests of one episode in it."""
    scenario, params = lanes.scenario, lanes.params_of(0)
    drawn, (day, episode) = figure(TWO_COLUMNS, 2.4, 2, width_ratios=(1.0, 1.4))
    days = np.linspace(0.0, 1.0, 241)
    shape = np.array([plain(day_shape)(each, params.arrival_day_strength) for each in days])
    base_per_s = float(params.arrival_base_per_s[OWN])
    day.plot(24.0 * days, base_per_s * shape, color=BLUE, linewidth=1.2)
    day.set(xlabel="hour of the scenario's day", ylabel="requests (1/s)", xlim=(0, 24), xticks=range(0, 25, 6))
    day.set_ylim(0.0, 1.15 * base_per_s * shape.max())
    times_s, requests = arrivals(lanes)
    width_s = max(1.0, ceil(times_s[-1] / 120.0))
    edges = np.arange(0.0, times_s[-1] + width_s, width_s)
    episode.stairs(np.histogram(times_s, edges, weights=requests)[0] / width_s, edges, color=VERMILLION, linewidth=0.9)
    episode.axhline(requests.sum() / times_s[-1], color=GREY, linewidth=0.8, linestyle="--")
    episode.set(xlabel="time in the episode (s)", ylabel="requests (1/s)", xlim=(0, times_s[-1]), ylim=(0, None))
    for axes in (day, episode):
        tidy(axes, "y")
    caption = (
        f"{scenario.name}: left, the mean rate over a day, which takes {params.arrival_day_s:g} s here; right, the "
        f"{requests.sum():.0f} requests of one episode, in bins of {width_s:g} s (dashed: their mean; it differs from "
        "the left, because the rate drifts within minutes). The episode begins at a random time of the day."
    )
    return Picture("load", caption, drawn)


def arrivals(lanes: Lanes) -> tuple[np.ndarray, np.ndarray]:
    """s and count [step]: when the requests of an episode come, by steps, until the last; no policy changes them.

    Where a step is not a request, `info` says how many came during it ("requests") or so far ("requests_total").
    """
    names, action = lanes.task.info, np.zeros(1, np.int64)
    told = next((name for name in ("requests", "requests_total") if name in names), None)
    times, numbers = [float(lanes.state.clock_s[0])], [lanes.out.info[0].copy()]
    for _ in range(episode_steps(lanes.task) - 1):
        lanes.step(action)
        times.append(float(lanes.state.clock_s[0]))
        numbers.append(lanes.out.info[0].copy())
        if lanes.out.terminated[0]:
            break
    counts = np.array(numbers)[:, names.index(told)] if told else np.ones(len(times))
    if told == "requests_total":
        counts = np.diff(counts, prepend=0.0)
    end = np.flatnonzero(counts)[-1] + 1
    return np.array(times)[:end], counts[:end]


#: Each picture with a name of params that its world has.
PICTURES = (("site_x_m", world_map), ("prompt_log_tokens", lengths), ("arrival_day_strength", load))
