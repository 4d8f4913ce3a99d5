"""`python -m mei_gym.measurements layers --model M --device cpu|cuda`: for a machine that has torch and little else."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mei_gym.measurements.layers import measure_layers
from mei_gym.measurements.record import RecordError

DATA = Path(__file__).parent.parent / "profiles" / "data"


def main(arguments: list[str] | None = None) -> int:
    """Parse, measure, print the path; 2 and one sentence for what is refused."""
    parser = argparse.ArgumentParser(prog="python -m mei_gym.measurements", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    layers = kinds.add_parser("layers", help="times of a model's blocks, embedding and head")
    layers.add_argument("--model", required=True, help="a model of mei_gym.architectures, such as Llama-2-7B")
    layers.add_argument("--device", required=True, help="cpu or cuda")
    layers.add_argument("--out", type=Path, default=DATA, help="folder of profiles (default: the package's own)")
    layers.add_argument(
        "--weights", type=Path, help="a GGUF file; otherwise random weights (SmolLM2-135M on the CPU: its package)"
    )
    layers.add_argument("--precision", help="float32 on the CPU, bfloat16 on cuda; or weights of int8 or int4 on cuda")
    layers.add_argument("--threads", type=int, default=1, help="of the CPU; more than one: wall time")
    layers.add_argument("--points", default="full", help="full, or core: about half of them, for large models on cuda")
    layers.add_argument(
        "--loading",
        action=argparse.BooleanOptionalAction,
        help="times from disk to memory to GPU (default: where no other profile of the device has them)",
    )
    layers.add_argument("--quick", action="store_true", help="one point of each kind")
    layers.add_argument(
        "--budget", type=float, metavar="S", help="stop after this many seconds; the same command goes on"
    )
    layers.add_argument("--seed", type=int, default=0, help="of held-out points and random weights")
    layers.add_argument("--quiet", action="store_true", help="no progress")
    chosen = parser.parse_args(arguments)
    try:
        path = measure_layers(
            chosen.model, chosen.device, chosen.out, weights=chosen.weights, precision=chosen.precision,
            threads=chosen.threads, points=chosen.points, loading=chosen.loading,
            quick=chosen.quick, budget_s=chosen.budget, seed=chosen.seed, progress=not chosen.quiet,
        )  # fmt: skip
    except (ValueError, RecordError, RuntimeError, OSError, ImportError) as error:
        print(error, file=sys.stderr)
        return 2
    print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
