"""Published settings and claims, played again in this suite.

    python -m agents.reproduce trimcaching --topologies 20 --out runs/reproduce/trimcaching
    python -m agents.reproduce claims --out runs/reproduce/claims

A killed run goes on where it was (runs/reproduce keeps the answers). Writes tables (CSV, Markdown), pictures (PNG, PDF)
and where it ran.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from agents.command import answer


def main(arguments: Sequence[str]) -> int:
    """Reproduce."""
    parser = argparse.ArgumentParser(prog="agents.reproduce", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="what", required=True)
    trim = commands.add_parser("trimcaching", help="hit ratios of TrimCaching's placements in the papers' setting")
    trim.add_argument("--topologies", type=int, help="drawn places of servers and users (default: 20)")
    claims = commands.add_parser("claims", help="the survey's claims on caching and delivery, measured")
    for command in (trim, claims):
        command.add_argument("--out", type=Path, help="folder to write to (default: runs/reproduce/<what>)")
        command.add_argument("--quick", action="store_true", help="fewer values and draws: a look within a minute")
        command.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    chosen = parser.parse_args(arguments)
    out = chosen.out or Path("runs/reproduce") / chosen.what
    if chosen.what == "trimcaching":
        from agents.reproduce.run_trimcaching import QUICK, run

        topologies = chosen.topologies if chosen.topologies is not None else QUICK if chosen.quick else 20
        written = run(topologies, out, chosen.quick, chosen.workers)
    else:
        from agents.reproduce.run_claims import run as run_claims

        written = run_claims(out, chosen.quick, chosen.workers)
    print(f"Written: {', '.join(str(path) for path in written)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(answer(main, "agents.reproduce", "stopped; the same command goes on"))
