"""One HTML file that holds a whole report: verdict, table, pictures and how it came about. It needs no network."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from pathlib import Path

from agents.contenders import LEARNED, Result
from agents.experiment import Experiment
from agents.measures import Description, description_of
from agents.provenance import provenance
from agents.reports import pictures
from agents.reports.comparison import Comparison, compare, pair_table, remarks, table, verdict
from agents.reports.style import png
from agents.storage import write
from agents.world import World

LEARNING, PARTS, DECISIONS = "learning", "parts", "decisions"  # pictures of every environment
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
p.world { color: #555; margin-top: 0 } p.verdict { font-weight: 600 }
div.wide { overflow-x: auto } table { border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums }
th, td { padding: .28rem .45rem; text-align: right; border-bottom: 1px solid #e4e4e4; white-space: nowrap }
th { vertical-align: bottom; white-space: normal } th:first-child, td:first-child { text-align: left }
td.name { text-align: left } tr.learned td { font-weight: 600 }
figure { margin: 1.4rem 0 } figure img { max-width: 100% } figcaption { color: #555; font-size: .88rem }
details pre { background: #f6f6f6; padding: .8rem; overflow-x: auto; font-size: .78rem }
"""


def captions(about: Description) -> dict[str, str]:
    """What is said under each picture, by the picture's name."""
    step = about.task.step_word
    return {
        LEARNING: f"Learning. Mean reward a {step} on validation seeds, which training never sees, against training "
        f"{step}s. Bands: 95 % interval over training seeds. Dashed: the best heuristics on the same seeds. "
        "Compared on test seeds is the model of each run's own peak.",
        PARTS: "What the reward is made of, on the test seeds. The figure at the right is the sum.",
        DECISIONS: about.decisions.caption if about.decisions else "",
        about.spreads_name: about.spreads_caption,
    }


def drawn(
    about: Description, results: Sequence[Result], curves: Sequence[pictures.Curve], levels: dict[str, float]
) -> dict[str, bytes]:
    """Every picture of a report as PNG, by name."""
    figures = {
        LEARNING: pictures.learning(about, curves, levels) if curves else None,
        PARTS: pictures.reward_parts(about, results),
        DECISIONS: pictures.decisions(about, pictures.ranked(results)),
        about.spreads_name: pictures.spreads(about, results),
    }
    return {name: png(figure) for name, figure in figures.items() if figure is not None}


def write_report(
    folder: Path,
    world: World,
    results: Sequence[Result],
    curves: Sequence[pictures.Curve],
    levels: dict[str, float],
    experiments: Sequence[Experiment],
) -> Path:
    """Write `pictures/*.png` and `report.html`; returns the page's path."""
    images = drawn(description_of(world.environment), results, curves, levels)
    for name, data in images.items():
        write(folder / "pictures" / f"{name}.png", data)
    page = folder / "report.html"
    write(page, text(world, compare(results, world), images, experiments))
    return page


def text(world: World, comparison: Comparison, images: dict[str, bytes], experiments: Sequence[Experiment]) -> str:
    """The page."""
    about, learned = comparison.about, {row.policy for row in comparison.rows if row.kind == LEARNED}
    first, count = comparison.seeds
    body = [
        f"<h1>{html.escape(' and '.join(sorted(learned)) or 'Heuristics')} on {html.escape(world.environment)}</h1>",
        f"<p class=world>Scenario {html.escape(world.label().partition('scenario ')[2])}; "
        f"test seeds {first} to {first + count - 1}, the same for every policy.</p>",
        f"<p class=verdict>{html.escape(verdict(comparison))}</p>",
        f"<p>{html.escape(remarks(comparison))}</p>" if remarks(comparison) else "",
        "<h2>All policies</h2>",
        html_table(*table(comparison), learned),
        f"<p>Reward: mean a {about.task.step_word}. Intervals: 95 % bootstrap, over episodes drawn in common for all "
        "policies and over training seeds. IQM: mean of the middle half of the episodes. "
        f"{html.escape(about.sources)}</p>",
    ]
    for name, data in images.items():
        source = base64.b64encode(data).decode()
        caption = html.escape(captions(about)[name])
        body.append(f'<figure><img alt="{caption}" src="data:image/png;base64,{source}">')
        body.append(f"<figcaption>{caption}</figcaption></figure>")
    if comparison.pairs:
        body += ["<h2>Learned against heuristics, pair by pair</h2>", html_table(*pair_table(comparison), learned)]
    origin = {"provenance": provenance(), "experiments": [each.model_dump(mode="json") for each in experiments]}
    body.append("<h2>How it came about</h2>")
    listing = html.escape(json.dumps(origin, indent=1))
    body.append(f"<details><summary>Experiments, versions, machine</summary><pre>{listing}</pre></details>")
    head = f"<meta charset=utf-8><title>{html.escape(world.label())}</title><style>{STYLE}</style>"
    return "<!doctype html>\n<html lang=en><head>" + head + "</head><body>\n" + "\n".join(body) + "\n</body></html>\n"


def html_table(header: list[str], cells: list[list[str]], learned: set[str]) -> str:
    """A table; lines of learned policies are bold."""
    lines = ["<tr>" + "".join(f"<th>{html.escape(name)}</th>" for name in header) + "</tr>"]
    for line in cells:
        mark = " class=learned" if line[0].partition(" (")[0] in learned else ""
        lines.append(f"<tr{mark}>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>")
    return "<div class=wide><table>" + "\n".join(lines) + "</table></div>"
