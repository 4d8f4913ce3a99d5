"""What a campaign ran on: device, slug, versions, clocks and load, as the machine itself tells them."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from mei_gym.measurements.record import slug

GPU_SLUGS = {  # what the driver calls them: what people call them
    "NVIDIA H100 80GB HBM3": "h100-sxm",
    "NVIDIA H100 PCIe": "h100-pcie",
    "NVIDIA H200": "h200-sxm",
    "NVIDIA A100-SXM4-80GB": "a100-sxm-80gb",
    "NVIDIA A100-SXM4-40GB": "a100-sxm-40gb",
}
PACKAGES = ("torch", "numpy", "triton", "gguf", "nvidia-ml-py")
CPU_FLAGS = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_bf16",
    "amx_fp16",
    "asimd",
    "sve",
)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that measured."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def cpu_information(text: str | None = None) -> dict[str, Any]:
    """Name, numbers and telling flags of the CPU, from /proc/cpuinfo."""
    if text is None:
        path = Path("/proc/cpuinfo")
        text = path.read_text() if path.exists() else ""
    fields = {}
    for line in text.split("\n\n")[0].splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    flags = set((fields.get("flags") or fields.get("Features") or "").split())
    return {
        "name": fields.get("model name") or platform.processor() or platform.machine(),
        "family": fields.get("cpu family", ""),
        "model": fields.get("model", ""),
        "flags": [flag for flag in CPU_FLAGS if flag in flags],
        "hypervisor": "hypervisor" in flags,
        "cores": os.cpu_count(),
    }


def cpu_slug(information: dict[str, Any], threads: int) -> str:
    """A slug that says no more than the CPU tells: a hypervisor may hide which one it is."""
    name = (
        information["name"]
        .replace("(R)", "")
        .replace("(TM)", "")
        .replace("CPU", "")
        .replace("Processor", "")
        .split("@")[0]
    )
    telling = "amx" if "amx_tile" in information["flags"] else "avx512" if "avx512f" in information["flags"] else ""
    words = name.split()
    unnamed = not any(any(letter.isdigit() for letter in word) for word in words)
    parts = [word for word in words if word.lower() not in ("intel", "amd")] + (
        [telling] if unnamed and telling else []
    )
    return f"{slug(' '.join(parts)) or 'cpu'}-{threads}t"


def gpu_slug(name: str) -> str:
    """The slug of a GPU by the driver's name."""
    return GPU_SLUGS.get(name) or slug(name.replace("NVIDIA", ""))


def memory_bytes() -> int:
    """Bytes of the machine's main memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def load_average() -> list[float]:
    """Load average over 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]


def command_line() -> str:
    """The command as it was typed, without the interpreter's folder."""
    program = Path(sys.argv[0])
    name = (
        f"python -m {program.parent.parent.name}.{program.parent.name}"
        if program.name == "__main__.py"
        else program.name
    )
    return " ".join([name, *sys.argv[1:]])
