"""Electric power while idle and under steady load, from the counter the device has.

NVIDIA GPUs: NVML's total-energy counter over a window after a time of settling (clocks, temperature and the sampled
power's own averaging filter need it), with power, SM clock and temperature sampled every 20 ms beside it; scope: board.
CPUs: the package's RAPL counter where Linux shows it. Where there is neither, the profile says so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SETTLE_S, WINDOW_S, SAMPLE_S, IDLE_S = 0.6, 1.8, 0.02, 1.5  # llm.md, section 8
RAPL = Path("/sys/class/powercap/intel-rapl:0/energy_uj")


class GpuMeter:
    """NVML's view of the GPU that torch calls device 0."""

    scope = "GPU board, NVML energy counter"

    def __init__(self) -> None:
        """Raises when there is no NVML."""
        import pynvml
        import torch

        pynvml.nvmlInit()
        self.nvml = pynvml
        uuid = str(getattr(torch.cuda.get_device_properties(0), "uuid", ""))
        try:
            self.handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
        except pynvml.NVMLError:
            self.handle = pynvml.nvmlDeviceGetHandleByIndex(0)

    def driver(self) -> str:
        """The driver's version."""
        version = self.nvml.nvmlSystemGetDriverVersion()
        return version.decode() if isinstance(version, bytes) else version

    def clocks(self) -> dict[str, float]:
        """SM and memory clock in MHz, temperature in degrees Celsius, power limit in W."""
        nvml, handle = self.nvml, self.handle
        return {
            "sm": nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM),
            "memory": nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM),
            "sm_most": nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_SM),
            "temperature_c": nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
            "power_limit_w": nvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1e3,
        }

    def idle(self) -> float:
        """W with nothing running."""
        time.sleep(0.5)
        start_j, start = self._joules(), time.perf_counter()
        time.sleep(IDLE_S)
        return (self._joules() - start_j) / (time.perf_counter() - start)

    def loaded(self, enqueue: Callable[[], None], expected_s: float) -> dict[str, float]:
        """Mean W, clock and temperature while `enqueue` (which takes about `expected_s` of GPU time) repeats."""
        import torch

        burst = max(1, round(0.03 / max(expected_s, 1e-6)))
        pending: list[Any] = []

        def keep_busy(seconds: float) -> int:
            count, end = 0, time.perf_counter() + seconds
            while time.perf_counter() < end:
                for _ in range(burst):
                    enqueue()
                count += burst
                event = torch.cuda.Event()
                event.record()
                pending.append(event)
                if len(pending) > 2:
                    pending.pop(0).synchronize()
            return count

        keep_busy(SETTLE_S)
        samples: list[tuple[float, float, float]] = []
        stop = threading.Event()
        sampler = threading.Thread(target=self._sample, args=(samples, stop))
        pending[-1].synchronize()
        sampler.start()
        start_j, start = self._joules(), time.perf_counter()
        count = keep_busy(WINDOW_S)
        pending[-1].synchronize()
        elapsed, joules = time.perf_counter() - start, self._joules() - start_j
        stop.set()
        sampler.join()
        watts, clock, celsius = np.mean(samples, axis=0) if samples else (float("nan"),) * 3
        return {
            "power_w": round(joules / elapsed, 2),
            "sm_clock_mhz": round(float(clock), 1),
            "temperature_c": round(float(celsius), 1),
            "sampled_power_w": round(float(watts), 2),
            "window_s": round(elapsed, 3),
            "sustained_s": elapsed / count,
        }

    def _joules(self) -> float:
        return self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.handle) / 1e3

    def _sample(self, samples: list, stop: threading.Event) -> None:
        nvml, handle = self.nvml, self.handle
        while not stop.wait(SAMPLE_S):
            samples.append(
                (
                    nvml.nvmlDeviceGetPowerUsage(handle) / 1e3,
                    nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM),
                    nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
                )
            )


class CpuMeter:
    """The CPU package's RAPL counter."""

    scope = "CPU package, RAPL"

    def __init__(self, counter: Path = RAPL) -> None:
        """Raises OSError when the counter is missing or unreadable."""
        self.counter = counter
        self._joules()

    def idle(self) -> float:
        """W of the package with this process asleep."""
        start_j, start = self._joules(), time.perf_counter()
        time.sleep(IDLE_S)
        return (self._joules() - start_j) / (time.perf_counter() - start)

    def loaded(self, run: Callable[[], None]) -> dict[str, float]:
        """Mean W while `run` repeats."""
        end = time.perf_counter() + SETTLE_S
        while time.perf_counter() < end:
            run()
        start_j, start, count = self._joules(), time.perf_counter(), 0
        while time.perf_counter() < start + WINDOW_S:
            run()
            count += 1
        elapsed = time.perf_counter() - start
        return {"power_w": round((self._joules() - start_j) / elapsed, 3), "sustained_s": elapsed / count}

    def _joules(self) -> float:
        return int(self.counter.read_text()) / 1e6


def cpu_meter() -> tuple[CpuMeter | None, str]:
    """The CPU's meter, or None and the reason."""
    try:
        return CpuMeter(), ""
    except OSError as error:
        return (
            None,
            f"no energy counter: {RAPL} {error.strerror or 'is unreadable'}; the machine is virtual or forbids it",
        )
