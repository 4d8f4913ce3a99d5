"""The `mei-gym` command: what there is, what was measured, how fast it is, and whether this machine is ready.

Whatever is heavy is imported inside the verb that needs it, so that `mei-gym --help` answers at once. A wrong
word ends with one sentence on stderr and exit code 2; MEI_GYM_TRACEBACK=1 shows where it was raised.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mei_gym.measure_command import measure
from mei_gym.terminal import show, show_json
from mei_gym.world_command import world

REFUSED = 2  # exit code of a wrong word; 1: the verb ran and what it found is not well

#: A wrong option or argument: what typer's own refusals have in common, in its releases with click and without.
WRONG_WORDS: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")

app = typer.Typer(
    help="Environments in which agents learn to run large language models at the mobile edge, on measured costs.",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(measure, name="measure")
app.add_typer(world, name="world")
profiles = typer.Typer(help="Say what is measured, cited or derived, and the errors; `plot` draws it.")
app.add_typer(profiles, name="profiles")

PICTURES = Path("pictures")
Id = Annotated[str, typer.Argument(metavar="ID", help="An environment, for example mei/SplitInference-v0.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def _show_version(asked: bool) -> None:
    if asked:
        import mei_gym

        typer.echo(f"mei-gym {mei_gym.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("list")
def list_environments(as_json: AsJson = False) -> None:
    """List the environments and their scenarios."""
    from mei_gym.catalogue import entries

    show([entry._asdict() for entry in entries()], "Environments", as_json)


@app.command()
def describe(
    id: Id, scenario: Annotated[str, typer.Option(help="The scenario whose values are printed.")] = "default"
) -> None:
    """Print an environment's page and a scenario's values."""
    from mei_gym.catalogue import known_id, known_scenario

    known_id(id)
    if not scenario.endswith((".yaml", ".yml")):
        known_scenario(id, scenario)
    from mei_gym.envs.view import page

    typer.echo(page(id, scenario))


@profiles.callback(invoke_without_command=True)
def _profiles(
    context: typer.Context,
    errors: Annotated[bool, typer.Option("--errors", help="The cost model's errors on held-out points.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is measured, cited or derived, and the errors; `plot` draws it."""
    if context.invoked_subcommand is not None:
        return
    from mei_gym.profiles.tables import error_rows, profile_rows

    if not errors:
        from mei_gym.profiles.listing import curve_rows

        rows, curves = ([row._asdict() for row in found] for found in (profile_rows(), curve_rows()))
        if as_json:
            show_json({"profiles": rows, "curves": curves})
            return
        show([_paired(row) for row in rows], "Profiles; %: median/95th percentile; moved: knots made monotone (most)")
        typer.echo()
        machines = {row["device"]: row["machine"] for row in rows}
        show([{"device": device, "machine": machine} for device, machine in machines.items()], "Machines")
        typer.echo()
        blank = [{name: "" if value != value else value for name, value in row.items()} for row in curves]
        show(blank, "Curves and cited tables; typical error: the median standard error of the rows")
    elif as_json:
        show([row._asdict() for row in error_rows()], "Errors", as_json)
    else:
        _show_errors()


@profiles.command()
def plot(
    out: Annotated[Path, typer.Option(help="Folder of the pictures, PDF and PNG.")] = PICTURES,
    device: Annotated[str, typer.Option(help="Whose profiles are drawn.")] = "h100-sxm",
    model: Annotated[str, typer.Option(help="Whose curves are drawn.")] = "SmolLM2-135M",
) -> None:
    """Draw roofline, latency, quality, leakage, acceptance and adaptation, and their captions."""
    from mei_gym.profiles.pictures import draw

    for path in draw(out, device, model):
        typer.echo(path)


def _show_errors() -> None:
    """The tiers, then one table a tier."""
    from mei_gym.profiles.tables import error_rows
    from mei_gym.profiles.tiers import tier_rows

    tiers = [_paired(row._asdict()) for row in tier_rows()]
    show(tiers, "Errors by tier; %: median/95th percentile; reached: both goals met")
    rows = [_paired(row._asdict()) for row in error_rows()]
    for tier in dict.fromkeys(row["tier"] for row in rows):
        of_tier = [
            {name: value for name, value in row.items() if name != "tier"} for row in rows if row["tier"] == tier
        ]
        empty = {name for name in of_tier[0] if all(row[name] in ("", 0, "all") for row in of_tier)}
        typer.echo()
        show([{name: value for name, value in row.items() if name not in empty} for row in of_tier], tier.capitalize())


def _paired(row: dict[str, Any]) -> dict[str, Any]:
    """The row for a terminal: each median and 95th percentile as one cell, in per cent, and the machine left out."""
    shown: dict[str, Any] = {}
    for name, value in row.items():
        if name.endswith("median"):
            p95 = row[name.replace("median", "p95")]
            kind = name.removesuffix("median").strip("_") or "error"
            shown[f"{kind} %"] = "" if value != value else f"{100 * value:.1f}/{100 * p95:.1f}"
        elif name == "moved_knots":
            moved = f"{value} ({100 * row['largest_move']:.0f}%)"
            shown["moved"] = moved if row["knots"] else ""
        elif name == "rows":
            shown[name] = value or ""
        elif not name.endswith("p95") and name not in ("machine", "knots", "largest_move"):
            shown[name] = value[:10] if name == "date" else value
    return shown


@app.command()
def headroom(
    id: Id,
    scenario: Annotated[str, typer.Option(help="A scenario, or all of them.")] = "all",
    episodes: Annotated[int, typer.Option(min=1, help="Test episodes of each policy, on common seeds.")] = 16,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    write: Annotated[bool, typer.Option("--write", help="Also write the tables and tuned settings that ship.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a learner can win, from random to the bound; some minutes a scenario, resumable."""
    from mei_gym.catalogue import known_id, known_scenario, scenarios

    known_id(id)
    chosen = scenarios(id) if scenario == "all" else (known_scenario(id, scenario),)
    from mei_gym.oracle.headroom import headroom, printed_rows
    from mei_gym.oracle.results import write as write_tables

    tables = {}
    for name in chosen:
        result = headroom(id, name, episodes, workers)
        if write:
            write_tables(result)
        tables[name] = printed_rows(result)
        if not as_json:
            show(tables[name], f"Headroom of {id}, {name}")
    if as_json:
        show_json(tables)


@app.command()
def bench(
    id: Annotated[str, typer.Argument(metavar="[ID]", help="The environment.")] = "mei/SplitInference-v0",
    quick: Annotated[bool, typer.Option("--quick", help="Short repeats: a look, not numbers to publish.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure steps per second, start-up, the serving engine and the share of training."""
    from mei_gym.benchmark import benchmark, tables
    from mei_gym.catalogue import known_id

    result = benchmark(known_id(id), quick, say=lambda line: typer.echo(line, err=True))
    if as_json:
        show_json(result)
        return
    for title, rows in tables(result):
        show(rows, title)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check packages, compiler and profiles; exit code 1: not well."""
    from mei_gym.doctor import examine

    checks = examine()
    show([check._asdict() for check in checks], "This machine", as_json)
    if any(check.state == "wrong" for check in checks):
        raise typer.Exit(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit."""
    sys.exit(run(app, arguments))


def run(program: typer.Typer, arguments: Sequence[str] | None = None) -> int:
    """Run a program and return its exit code; what it refuses becomes one sentence on stderr."""
    verb: Callable[..., Any] = typer.main.get_command(program)
    try:
        return verb(args=arguments, prog_name="mei-gym", standalone_mode=False) or 0
    except (BrokenPipeError, KeyboardInterrupt, typer.Abort):
        return 130
    except Exception as error:
        sentence = _refusal(error)
        if sentence is None or os.environ.get("MEI_GYM_TRACEBACK"):
            raise
        if sentence:
            typer.echo(f"mei-gym: {sentence}", err=True)
        return REFUSED


def _refusal(error: Exception) -> str | None:
    """One sentence for the user, or None where the error is the program's own."""
    if isinstance(error, WRONG_WORDS):
        refused: Any = error
        return " ".join(refused.format_message().split())
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("mei_gym"):
        extras = {name: "measure" for name in ("transformers", "gguf", "pynvml", "gensim")} | {"matplotlib": "plot"}
        return f"this needs the package {error.name}: pip install 'mei-gym[{extras.get(error.name, 'train')}]'"
    if isinstance(error, ImportError) and error.name is None:
        return " ".join(str(error).split())
    if isinstance(error, KeyError) and error.args:
        return str(error.args[0])
    if isinstance(error, ValueError | LookupError | OSError | RuntimeError):
        return " ".join(str(error).split())
    return None


if __name__ == "__main__":
    main()
