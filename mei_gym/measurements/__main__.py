"""`python -m mei_gym.measurements KIND ...`: the measurements, for a machine that has torch and little else."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mei_gym.measurements import studies
from mei_gym.measurements.layers import measure_layers
from mei_gym.measurements.record import RecordError

DATA = Path(__file__).parent.parent / "profiles" / "data"


def main(arguments: list[str] | None = None) -> int:
    """Parse, measure, print the path; 2 and one sentence for what is refused."""
    chosen = _parser().parse_args(arguments)
    try:
        path = _measured(chosen)
    except (ValueError, RecordError, RuntimeError, OSError, ImportError) as error:
        print(error, file=sys.stderr)
        return 2
    print(path)
    return 0


def _measured(chosen: argparse.Namespace) -> Path:
    if chosen.kind == "texts":
        return studies.prepare_texts(chosen.texts, not chosen.quiet)
    common = {"weights": chosen.weights, "quick": chosen.quick, "budget_s": chosen.budget, "seed": chosen.seed}
    common["progress"] = not chosen.quiet
    if chosen.kind == "layers":
        return measure_layers(
            chosen.model, chosen.device, chosen.out, precision=chosen.precision, threads=chosen.threads,
            points=chosen.points, loading=chosen.loading, **common,
        )  # fmt: skip
    more = {"tables": chosen.tables, "models": chosen.models} if chosen.kind == "adaptation" else {}
    return studies.run_study(chosen.kind, chosen.out, text_folder=chosen.texts, device=chosen.device, **common, **more)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mei_gym.measurements", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    layers = kinds.add_parser("layers", help="times of a model's blocks, embedding and head")
    layers.add_argument("--model", required=True, help="a model of mei_gym.architectures, such as Llama-2-7B")
    layers.add_argument("--device", required=True, help="cpu or cuda")
    layers.add_argument("--precision", help="float32 on the CPU, bfloat16 on cuda; or weights of int8 or int4 on cuda")
    layers.add_argument("--threads", type=int, default=1, help="of the CPU; more than one: wall time")
    layers.add_argument("--points", default="full", help="full, or core: about half of them, for large models on cuda")
    layers.add_argument(
        "--loading",
        action=argparse.BooleanOptionalAction,
        help="times from disk to memory to GPU (default: where no other profile of the device has them)",
    )
    _common(layers, "a GGUF file; otherwise random weights (SmolLM2-135M on the CPU: its package)")
    for name, about in studies.STUDIES.items():
        study = kinds.add_parser(name, help=about.lower().removesuffix("."))
        study.add_argument("--device", default="cpu", help="cpu or cuda")
        study.add_argument("--texts", type=Path, help="folder of prepared texts (default: the user's cache)")
        _common(study, "SmolLM2-135M's GGUF file (default: its package)")
        if name == "adaptation":
            tables = {"nargs": "+", "default": ("steps", "rounds"), "choices": ("steps", "rounds")}
            study.add_argument("--tables", help="training steps, or rounds of federated LoRA", **tables)
            study.add_argument(
                "--models", nargs="+", help="whose steps are timed (default: what the device is good for)"
            )
    texts = kinds.add_parser("texts", help="prepare the texts that the studies read")
    texts.add_argument("--texts", type=Path, help="their folder (default: the user's cache)")
    texts.add_argument("--quiet", action="store_true", help="no progress")
    return parser


def _common(parser: argparse.ArgumentParser, weights: str) -> None:
    """Options that every measurement has."""
    parser.add_argument("--out", type=Path, default=DATA, help="folder of profiles (default: the package's own)")
    parser.add_argument("--weights", type=Path, help=weights)
    parser.add_argument("--quick", action="store_true", help="a small setting: a trial, nothing to publish")
    parser.add_argument(
        "--budget", type=float, metavar="S", help="stop after so many seconds; the same command goes on"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all draws")
    parser.add_argument("--quiet", action="store_true", help="no progress")


if __name__ == "__main__":
    raise SystemExit(main())
