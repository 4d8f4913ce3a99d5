"""`mei-gym measure`: times, quality, leakage, acceptance and adaptation, measured on the user's own machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

measure = typer.Typer(help="Measure on this machine: a model's times, or what a real model loses, leaks and learns.")

Out = Annotated[Path, typer.Option(help="Folder of profiles that is written to.")]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]
Weights = Annotated[Path | None, typer.Option(help="SmolLM2-135M's GGUF file; by default its installed package.")]
Texts = Annotated[Path | None, typer.Option(help="Folder of prepared texts; by default the user's cache.")]
Quick = Annotated[bool, typer.Option("--quick", help="A small setting: a trial, nothing to publish.")]
Budget = Annotated[float | None, typer.Option(help="Seconds; the same command goes on where it stopped.")]
Seed = Annotated[int, typer.Option(help="Of all draws.")]
PROFILES = Path("profiles")


@measure.command()
def layers(
    model: Annotated[str, typer.Option(help="The model, for example SmolLM2-135M.")],
    device: Device,
    out: Out = PROFILES,
    weights: Annotated[Path | None, typer.Option(help="A GGUF file with the model's weights.")] = None,
    precision: Annotated[
        str | None, typer.Option(help="Of weights: float32 on cpu; bfloat16, int8 or int4 on cuda.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of the CPU; more than one: wall time.")] = 1,
    points: Annotated[str, typer.Option(help="full, or core: about half of them, for large models on cuda.")] = "full",
    loading: Annotated[
        bool | None, typer.Option(help="Times from disk to memory to GPU; by default once a device.")
    ] = None,
    quick: Quick = False,
    budget: Budget = None,
) -> None:
    """Time embedding, blocks and head of a model, prefill and decode; a killed campaign goes on where it was."""
    _known_device(device)
    from mei_gym.measurements.layers import measure_layers

    path = measure_layers(
        model, device, out, weights=weights, precision=precision, threads=threads, points=points, loading=loading,
        quick=quick, budget_s=budget,
    )  # fmt: skip
    typer.echo(path)


@measure.command()
def texts(folder: Annotated[Path | None, typer.Option(help="Where to; by default the user's cache.")] = None) -> None:
    """Prepare the texts that the other measurements read, from packages that hold them; nothing is downloaded."""
    from mei_gym.measurements.studies import prepare_texts

    typer.echo(prepare_texts(folder))


def _study(name: str) -> Callable[..., None]:
    """The command of a study that has no options of its own."""

    def command(
        device: Device = "cpu", out: Out = PROFILES, weights: Weights = None, texts: Texts = None,
        quick: Quick = False, budget: Budget = None, seed: Seed = 0,
    ) -> None:  # fmt: skip
        _known_device(device)
        from mei_gym.measurements.studies import run_study

        options = {"weights": weights, "text_folder": texts, "quick": quick, "budget_s": budget, "seed": seed}
        typer.echo(run_study(name, out, device=device, **options))  # type: ignore[arg-type]

    return command


measure.command("quality", help="Loss against bits, pruning, dropped blocks, early exits and noise.")(_study("quality"))
measure.command("leakage", help="How many prompt tokens an attacker reads at each cut.")(_study("leakage"))
measure.command("acceptance", help="How many drafted tokens the full model accepts.")(_study("acceptance"))


@measure.command()
def adaptation(
    device: Device = "cpu",
    out: Out = PROFILES,
    tables: Annotated[list[str], typer.Option(help="steps, rounds; again for both.")] = ["steps", "rounds"],  # noqa: B006
    model: Annotated[list[str] | None, typer.Option(help="Whose steps are timed; again for more.")] = None,
    weights: Weights = None,
    texts: Texts = None,
    quick: Quick = False,
    budget: Budget = None,
    seed: Seed = 0,
) -> None:
    """Time and memory of a training step, and loss against rounds of federated LoRA."""
    _known_device(device)
    from mei_gym.measurements.studies import run_study

    path = run_study(
        "adaptation", out, weights=weights, text_folder=texts, device=device, quick=quick, budget_s=budget, seed=seed,
        tables=tables, models=model,
    )  # fmt: skip
    typer.echo(path)


def _known_device(device: str) -> None:
    from mei_gym.catalogue import known

    known("device", device, ["cpu", "cuda"])
