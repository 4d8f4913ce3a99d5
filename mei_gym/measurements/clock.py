"""How long something takes: repeated, and told as median, 10th and 90th percentile.

On a CPU the time is the process's own CPU time (the machine may be shared), with wall time beside it. On a GPU it is
the time between two events around the replay of a CUDA graph, so that launch gaps of the host are not in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

FILL_S = 0.07  # repeat a GPU point until so much is measured; costs.md and llm.md, section 8: about 80 ms
GRAPH_S = 1.5e-3  # chosen: a graph this long hides the microseconds between an event and the first kernel
GPU_REPEATS = (10, 200)
CPU_REPEATS = (5, 25)
CPU_FILL_S = 1.0


class Timing(NamedTuple):
    """Seconds of one repetition."""

    median_s: float
    p10_s: float
    p90_s: float
    repeats: int

    def divided(self, count: int) -> Timing:
        """The time of one of `count` equal parts."""
        return Timing(self.median_s / count, self.p10_s / count, self.p90_s / count, self.repeats)


def timing(times_s: Sequence[float] | np.ndarray) -> Timing:
    """Median and spread of repeated times."""
    low, middle, high = np.percentile(np.asarray(times_s, dtype=np.float64), (10, 50, 90))
    return Timing(float(middle), float(low), float(high), len(times_s))


def lap_times(laps: Sequence[Callable[[], Any]], fill_s: float = CPU_FILL_S) -> tuple[np.ndarray, np.ndarray]:
    """CPU and wall seconds [repeats, laps] of functions called in turn, round after round; warm-up rounds left out."""
    cpu, wall = [], []
    fewest, most = CPU_REPEATS
    warm = 2
    while len(cpu) < warm + fewest or (len(cpu) < warm + most and sum(sum(r) for r in cpu[warm:]) < fill_s):
        cpu_marks, wall_marks = [time.process_time()], [time.perf_counter()]
        for lap in laps:
            lap()
            cpu_marks.append(time.process_time())
            wall_marks.append(time.perf_counter())
        cpu.append(np.diff(cpu_marks))
        wall.append(np.diff(wall_marks))
        if len(cpu) == 1 and cpu[0].sum() > fill_s:
            warm = 1
    return np.array(cpu[warm:]), np.array(wall[warm:])


def captured(run: Callable[[], Any]) -> Any:
    """A CUDA graph of `run`, after two runs on a side stream that load kernels and workspaces."""
    import torch

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        run()
        run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph


def event_times(run: Callable[[], Any], reset: Callable[[], Any], fill_s: float = FILL_S) -> Timing:
    """Seconds between events around `run`, `reset` called before each outside of the time; three warm-up runs."""
    import torch

    def once() -> tuple[Any, Any]:
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        reset()
        start.record()
        run()
        end.record()
        return start, end

    trial = [once() for _ in range(3)]
    torch.cuda.synchronize()
    fewest, most = GPU_REPEATS
    expected_s = max(trial[-1][0].elapsed_time(trial[-1][1]) / 1e3, 1e-6)
    pairs = [once() for _ in range(min(most, max(fewest, round(fill_s / expected_s))))]
    torch.cuda.synchronize()
    return timing([start.elapsed_time(end) / 1e3 for start, end in pairs])
