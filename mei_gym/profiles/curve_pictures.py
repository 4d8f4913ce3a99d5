"""Pictures of what was measured on a real model: quality, leakage, acceptance and adaptation."""

from __future__ import annotations

from typing import Any

import numpy as np

from mei_gym.profiles.cited import cited_acceptance, cited_quality
from mei_gym.profiles.curves import (
    WHOLE_BITS,
    acceptance,
    leakage_by_cut,
    leakage_error_by_cut,
    load_curves,
    loss_by_round,
)
from mei_gym.profiles.defences import BITS, NOISE, defence, defended_cuts
from mei_gym.profiles.drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    HEIGHT,
    MARKS,
    ORANGE,
    PURPLE,
    SKY,
    TWO_COLUMNS,
    VERMILLION,
    Picture,
    figure,
    legend_beside,
    tidy,
)


def quality(model: str) -> Picture:
    """Perplexity over that of the model as it is, by bits of weights and of activations at a cut."""
    drawn, axes = figure(TWO_COLUMNS, HEIGHT + 0.3)
    table = load_curves("quality", model)
    for curve, setting, cut, label, colour in (
        ("weights", "group 64, asymmetric", -1, "weights, rounded", BLUE),
        ("weights_gptq", None, -1, "weights, GPTQ", SKY),
        ("activation", "group 64", None, "activations at the middle cut", VERMILLION),
    ):
        wanted: dict[str, Any] = {"curve": curve, "corpus": "wiki"}
        if setting:
            wanted["setting"] = setting
        rows = table.rows(**wanted)
        if cut is None:
            middle = rows["cut"] == _nearest_cut(rows["cut"], int(table.card["architecture"]["layers"]) // 2)
            rows = {name: column[middle] for name, column in rows.items()}
        order = np.argsort(rows["amount"])
        bits, nats, error = (rows[name][order] for name in ("amount", "dnll", "dnll_se"))
        seen = nats > error  # what lies within its error of nothing has no place on a log scale
        low = np.expm1(np.maximum(nats - 1.96 * error, 0.2 * nats))
        rise = np.expm1(nats)
        axes.errorbar(
            bits[seen], rise[seen], yerr=[(rise - low)[seen], (np.expm1(nats + 1.96 * error) - rise)[seen]],
            color=colour, marker="o", markersize=3.5, linewidth=1.2, capsize=2, label=f"{model}: {label}",
        )  # fmt: skip
    cited = [row for row in cited_quality() if row.curve == "weights" and row.perplexity_ratio > 1.0]
    for mark, (name, method) in zip(
        MARKS, (("Llama-2-7B", "llama.cpp"), ("Llama-3-8B", "llama.cpp"), ("Llama-3-70B", "llama.cpp"))
    ):
        rows = sorted(
            (row.amount, row.perplexity_ratio - 1.0) for row in cited if (row.model, row.method) == (name, method)
        )
        axes.plot(*zip(*rows), mark, linestyle=":", color=GREY, markersize=4, linewidth=0.8, label=f"{name}, cited")
    axes.set(yscale="log", xlabel="bits a value", ylabel="rise of perplexity (ratio less 1)")
    legend_beside(axes)
    tidy(axes, "y")
    caption = (
        f"Rise of perplexity by rounding, measured on {model} (wiki text, groups of 64, bars 95 %), and as others "
        "published it of larger models (llama.cpp's formats, whose bits are nominal). Points within their error of no "
        "rise are left out."
    )
    return Picture("quality", caption, drawn)


def leakage(model: str) -> Picture:
    """Share of a prompt's tokens that a linear attacker names, by cut, bits and how often it has seen the token."""
    drawn, panels = figure(TWO_COLUMNS, HEIGHT, columns=2)
    layers = int(load_curves("leakage", model).card["architecture"]["layers"])
    for bits, colour in ((16, BLUE), (8, ORANGE), (4, VERMILLION)):
        label = f"{bits} bits" if bits < 16 else "as they are, 16 bits"
        style = "-" if bits != 8 else "--"
        _leakage_line(panels[0], model, bits, "all", label, style=style, color=colour)
    for seen, label, colour in (
        ("often", "seen 100 times and more", GREEN), ("rare", "seen 1-5 times", PURPLE), ("never", "never seen", BLACK)
    ):  # fmt: skip
        _leakage_line(panels[1], model, WHOLE_BITS, seen, label, color=colour)
    panels[0].set(title="bits of the activations", ylabel="prompt tokens recovered")
    panels[1].set(title="tokens, by the attacker's training text")
    for axes in panels:
        axes.set(xlabel="cut (blocks on the device)", ylim=(0, 1.02), xlim=(0, layers))
        axes.legend(fontsize=6.5, frameon=False, loc="center right", bbox_to_anchor=(1.0, 0.72))
        tidy(axes, "y")
    caption = (
        f"Share of prompt tokens that a ridge regression, trained on other text, names at first guess from the "
        f"activations of {model} at each cut; bands are 95 %, tokens taken as independent. A lower bound: no "
        "language model helps it."
    )
    return Picture("leakage", caption, drawn)


def defences(model: str) -> Picture:
    """Leakage against what a defence costs in quality: fewer bits, or noise, at three cuts."""
    drawn, panels = figure(TWO_COLUMNS, HEIGHT, columns=2)
    known = defended_cuts(model)
    chosen = dict.fromkeys(min(known, key=lambda cut: abs(cut - share * max(known))) for share in (0.2, 0.4, 0.8))
    titles = ("all tokens", "tokens that the attacker has seen 1-5 times")
    for axes, seen, title in zip(panels, ("all", "rare"), titles):
        for cut, colour in zip(chosen, (BLUE, GREEN, VERMILLION)):
            for kind, mark, style in ((NOISE, "o", "-"), (BITS, "s", "none")):
                found = defence(model, kind, cut, seen=seen)
                drawable = found.cost > 0.0
                axes.errorbar(
                    np.expm1(found.cost[drawable]), found.leakage[drawable], yerr=1.96 * found.leakage_se[drawable],
                    color=colour, marker=mark, linestyle=style, markersize=3.5, linewidth=1, capsize=2,
                    label=f"cut {cut}, {'noise' if kind == NOISE else 'rounding'}",
                )  # fmt: skip
                for bits, cost, share in zip(found.amount, found.cost, found.leakage):
                    if kind == BITS and cost > 0.0:
                        axes.annotate(
                            f"{bits:g}", (np.expm1(cost), share), (3, 3), textcoords="offset points", fontsize=6,
                            color=colour,
                        )  # fmt: skip
            axes.axhline(found.leakage[0], color=colour, linewidth=0.8, linestyle=":")
        axes.set(xscale="log", xlabel="rise of perplexity (ratio less 1)", ylim=(0, 1.02), title=title)
        tidy(axes, "y")
    panels[0].set_ylabel("prompt tokens recovered", fontsize=8)
    legend_beside(panels[1])
    caption = (
        f"Two defences at equal cost in quality, {model}: leakage against the rise of perplexity, activations rounded "
        "in groups of 64 channels (squares, with their bits) or with Gaussian noise added (circles); the attacker "
        "retrains on what it sees. Dotted: activations as they are. Bars 95 %, wiki text."
    )
    return Picture("defences", caption, drawn)


def acceptance_by_position(model: str) -> Picture:
    """Share of drafts accepted up to each position."""
    drawn, axes = figure(TWO_COLUMNS, HEIGHT)
    kinds = (
        ("weights", "group 64", 8, "itself, 8-bit weights", BLUE),
        ("weights", "group 64", 4, "itself, 4-bit weights", SKY),
        ("exit_tuned", "tuned lens", 24, "exit after 24 of 30, tuned", GREEN),
        ("exit_logit", "logit lens", 24, "exit after 24 of 30, as it is", ORANGE),
        ("drop_layers", "least important", 6, "6 blocks dropped", VERMILLION),
    )  # fmt: skip
    table = load_curves("acceptance", model)
    for draft, setting, amount, label, colour in kinds:
        survival = acceptance(model, draft, setting, amount)
        rows = table.rows(draft=draft, setting=setting, amount=float(amount), corpus="wiki")
        error = 1.96 * np.sqrt(survival * (1.0 - survival) / rows["drafts"][0])
        position = np.arange(1, len(survival) + 1)
        axes.errorbar(
            position,
            survival,
            yerr=error,
            color=colour,
            marker="o",
            markersize=3,
            linewidth=1.2,
            capsize=2,
            label=label,
        )
    for task, mark in (("HumanEval", "s"), ("question", "^")):
        rows = [row for row in cited_acceptance() if row.kind == "survival" and row.task == task]
        axes.plot(
            [row.position for row in rows], [row.acceptance for row in rows], mark, linestyle=":", color=GREY,
            markersize=3.5, linewidth=0.8, label=f"{rows[0].target}, {task}, cited",
        )  # fmt: skip
    axes.set(xlabel="position in the draft", ylabel="drafts accepted up to there", ylim=(0, 1.02))
    legend_beside(axes)
    tidy(axes, "y")
    caption = (
        f"Drafts of which at least so many tokens are what {model} itself would write (greedy, wiki text; bars 95 %, "
        "rounds of a prompt taken as independent). Cited: a trained draft head of another model."
    )
    return Picture("acceptance", caption, drawn)


def adaptation(model: str) -> Picture:
    """Held-out loss against rounds of federated LoRA."""
    drawn, panels = figure(TWO_COLUMNS, HEIGHT, columns=2, sharey=False)
    kinds: tuple[tuple[dict[str, Any], str, str, str], ...] = (
        ({"arrangement": "centralised"}, "centralised", BLACK, "-"),
        ({"arrangement": "iid"}, "4 clients, mixed text", BLUE, "-"),
        ({"arrangement": "by_text"}, "4 clients, each its own text", VERMILLION, "-"),
        ({"arrangement": "iid", "noisy_share": 0.5}, "mixed, half of them noisy", BLUE, ":"),
        ({"arrangement": "by_text", "noisy_share": 0.5}, "own text, half of them noisy", VERMILLION, ":"),
        ({"run": "zeroth", "arrangement": "centralised"}, "centralised, forward passes alone", GREY, "--"),
    )
    for axes, corpus in zip(panels, ("wiki", "pydoc")):
        for options, label, colour, style in kinds:
            mean, spread = loss_by_round(model, corpus=corpus, **options)
            rounds = np.arange(len(mean))
            axes.plot(rounds, mean, style, color=colour, linewidth=1.2, label=label)
            axes.fill_between(rounds, mean - spread / 2, mean + spread / 2, color=colour, alpha=0.15, linewidth=0)
        axes.set(xlabel="round of 8 steps a client", title=f"held-out text: {corpus}")
        tidy(axes, "y")
    panels[0].set(ylabel="loss (nats a token)")
    legend_beside(panels[1])
    caption = (
        f"Federated LoRA (rank 16, query and value) on {model}: held-out loss against rounds. Bands are the range over "
        "three seeds where there are three; noisy clients train on shuffled tokens."
    )
    return Picture("adaptation", caption, drawn)


def _leakage_line(axes: Any, model: str, bits: int, seen: str, label: str, color: str, style: str = "-") -> None:
    """Leakage by cut with its 95 % band; the last cut, where nothing is sent, left out."""
    share, error = (of(model, bits, seen=seen)[:-1] for of in (leakage_by_cut, leakage_error_by_cut))
    cuts = np.arange(len(share))
    axes.plot(cuts, share, style, color=color, linewidth=1.3, label=label)
    axes.fill_between(cuts, share - 1.96 * error, share + 1.96 * error, color=color, alpha=0.2, linewidth=0)


def _nearest_cut(cuts: np.ndarray, wanted: int) -> float:
    return float(cuts[np.argmin(np.abs(cuts - wanted))])
