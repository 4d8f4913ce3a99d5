"""What the device can do at best, measured first: a large matrix product and a large stream of bytes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from mei_gym.measurements.clock import event_times
from mei_gym.measurements.floor import Ceilings

SIDE, STREAM_BYTES = 8192, 2 * 10**9  # of the GPU's product and stream
CPU_SIDE = 2048
CPU_STREAMS = 8  # repeats of a stream, of which the fastest counts: others use the memory too
CEILING_FILL_S = 0.2  # chosen: long enough that the clocks have settled


def gpu_ceilings() -> tuple[Ceilings, dict[str, Any]]:
    """Ceilings of the current GPU in bf16, and what was seen of each."""
    import torch

    product_s = _gpu_product_s()
    copy_s, read_s = _gpu_stream_s()
    torch.cuda.empty_cache()
    seen = {
        "matmul_flops": 2 * SIDE**3 / product_s,
        "copy_bytes_per_s": 2 * STREAM_BYTES / copy_s,
        "read_bytes_per_s": STREAM_BYTES / read_s,
    }
    cache = torch.cuda.get_device_properties(0).L2_cache_size
    how = (
        "flops: 8192^3 bf16 product on random data; bandwidth: the better of a 2 GB device copy (read and written "
        "bytes) and a 2 GB read (row maxima of float32); the fastest tenth of the repeats"
    )
    best = max(seen["copy_bytes_per_s"], seen["read_bytes_per_s"])
    return Ceilings(seen["matmul_flops"], best, float(cache), how), seen


def _gpu_product_s() -> float:
    import torch

    a, b = (torch.randn(SIDE, SIDE, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    out = torch.empty_like(a)
    return event_times(lambda: torch.mm(a, b, out=out), lambda: None, CEILING_FILL_S).p10_s


def _gpu_stream_s() -> tuple[float, float]:
    import torch

    source = torch.randint(0, 255, (STREAM_BYTES // 8,), device="cuda", dtype=torch.int64)
    target, rows = torch.empty_like(source), source.view(torch.float32).view(-1, 1000)
    copy = event_times(lambda: target.copy_(source), lambda: None, CEILING_FILL_S)
    return copy.p10_s, event_times(lambda: rows.amax(dim=1), lambda: None, CEILING_FILL_S).p10_s


def cpu_ceilings(threads: int = 1) -> tuple[Ceilings, dict[str, Any]]:
    """Ceilings of a CPU in float32, by CPU time for one thread, else by wall time; and what was seen of each."""
    import torch

    clock = time.process_time if threads == 1 else time.perf_counter

    def best_s(run: Any, repeats: int) -> float:
        times = []
        for _ in range(repeats):
            start = clock()
            run()
            times.append(clock() - start)
        return min(times)

    side = CPU_SIDE
    a, b = torch.randn(side, side), torch.randn(side, side)
    out = torch.empty_like(a)
    product_s = best_s(lambda: torch.mm(a, b, out=out), 12)
    source = torch.ones(STREAM_BYTES // 4)
    target, rows, ones = torch.zeros_like(source), source.view(-1, 4000), torch.ones(4000)
    copy_s = best_s(lambda: target.copy_(source), CPU_STREAMS)
    read_s = min(best_s(lambda: source.sum(), CPU_STREAMS), best_s(lambda: torch.mv(rows, ones), CPU_STREAMS))
    seen = {
        "matmul_flops": 2 * side**3 / product_s,
        "copy_bytes_per_s": 2 * STREAM_BYTES / copy_s,
        "read_bytes_per_s": STREAM_BYTES / read_s,
    }
    how = (
        f"{threads_in_words(threads)}, {clock_name(threads)}, the fastest repeat; flops: 2048^3 float32 product; "
        "bandwidth: the better of a 2 GB copy (read and written bytes) and a 2 GB read (sum, matrix times vector)"
    )
    best = max(seen["copy_bytes_per_s"], seen["read_bytes_per_s"])
    return Ceilings(seen["matmul_flops"], best, last_level_cache_bytes(), how), seen


def threads_in_words(threads: int) -> str:
    """How a device's name tells its threads."""
    return {1: "one thread", 2: "two threads"}.get(threads, f"{threads} threads")


def clock_name(threads: int) -> str:
    """CPU time of one thread, which others do not lengthen; of several only wall time says how long a user waits."""
    return "CPU time" if threads == 1 else "wall time"


def last_level_cache_bytes() -> float:
    """Bytes of the largest CPU cache that Linux reports; 32 MiB where it reports none."""
    units = {"K": 1024, "M": 1024**2, "G": 1024**3}
    sizes = [32 * 1024**2]
    found = []
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = path.read_text().strip()
        found.append(int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text))
    return float(max(found or sizes))
