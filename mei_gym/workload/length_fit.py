"""Makes `lengths.json`: the quantile tables of token lengths, reduced from the traces.

    python -m mei_gym.workload.length_fit FOLDER [OUTPUT]

FOLDER holds the request traces (t_s,in_tokens,out_tokens) and ServeGen's quantiles. All tables share their levels.
A level is added where the worst column errs most, until every column is within KS_LIMIT (Kolmogorov-Smirnov distance
of the rounded law) and MEAN_LIMIT of its sample; then what is not needed is dropped, the cheapest first. ServeGen's
columns are no samples: they are taken as QUANTILE_DRAWS even steps through their 107 quantiles, and may err more.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np

from mei_gym.workload.length_laws import table_of_quantiles, table_of_sample
from mei_gym.workload.prompts import expected_tokens

KS_LIMIT, MEAN_LIMIT = 0.007, 0.005  # chosen: half to two thirds of what the tests allow
QUANTILE_SLACK = 1.5  # chosen: times as much is allowed to ServeGen's columns
QUANTILE_DRAWS = 20_000
FIRST_LEVELS = np.array([0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0])
JUST_BELOW = 0.99  # of a token: keeps rounding from moving it up to the next
DIGITS = 5  # significant ones that a table keeps
IMAGE_DRAWS, IMAGE_SEED = 1_000_000, 0

AZURE = {
    "source": "Azure LLM inference trace 2023, Microsoft; Patel et al., Splitwise, ISCA 2024",
    "licence": "CC-BY 4.0",
}
MOONCAKE = {"source": "Mooncake conversation trace, kvcache-ai; Mooncake, FAST 2025", "licence": "Apache-2.0"}
SERVEGEN = {"source": "ServeGen, Alibaba; arXiv 2505.09999", "licence": "Apache-2.0"}
SAMPLES = {
    "azure_conv": ("azure_llm_2023_conv.csv", AZURE, ""),
    "azure_code": ("azure_llm_2023_code.csv", AZURE, ""),
    "mooncake_conv": ("mooncake_fast25_conv.csv", MOONCAKE, "Long contexts: limit them to what the model can hold."),
}
MISSING = "Lengths of {} % of the requests were readable; the largest clients are missing."
QUANTILES = {
    "servegen_m_small": ("m-small__input_tokens", "m-small__output_tokens", MISSING.format(43)),
    "servegen_m_mid": ("m-mid__input_tokens", "m-mid__output_tokens", MISSING.format(71)),
    "servegen_m_large": ("m-large__input_tokens", "m-large__output_tokens", MISSING.format(63)),
    "servegen_mm_image": ("mm-image__text_tokens", "mm-image__output_tokens", "Text only, without its images."),
    "deepseek_r1": (
        "deepseek-r1__input_tokens",
        "deepseek-r1__output_tokens",
        "A reasoning model: 70 % of the answer is reasoning.",
    ),
}


def main() -> None:
    """Write the file, and say how many levels are left."""
    folder = Path(sys.argv[1])
    output = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).with_name("lengths.json")
    samples = {name: sample(folder / file) for name, (file, _, _) in SAMPLES.items()}
    quantiles = columns_of(folder / "servegen_length_quantiles.csv")
    columns = [(column, 1.0) for pair in samples.values() for column in pair]
    for *sides, _ in QUANTILES.values():
        columns += [(stepped(quantiles["p"], quantiles[side]), QUANTILE_SLACK) for side in sides]
    levels = pruned(refined(FIRST_LEVELS, columns), columns)
    tables = {}
    for name, pair in samples.items():
        prompt, answer = (table_of_sample(column, levels) for column in pair)
        how = f"Reduced from {len(pair[0])} requests."
        tables[name] = entry(prompt, answer, how, SAMPLES[name][1], SAMPLES[name][2])
    how = "Reduced from 107 quantiles over clients and windows, weighted by rate; held beyond .0005 and .9995."
    for name, (*sides, note) in QUANTILES.items():
        prompt, answer = (table_of_quantiles(quantiles["p"], quantiles[side], levels) for side in sides)
        tables[name] = entry(prompt, answer, how, SERVEGEN, note)
    answer = table_of_quantiles(quantiles["p"], quantiles["mm-image__output_tokens"], levels)
    tables["servegen_mm_image_total"] = entry(
        table_of_sample(with_images(quantiles), levels),
        answer,
        how,
        SERVEGEN,
        "Text and 1.59 images of 649 tokens in the mean: drawn independently, images of one request alike (chosen).",
    )
    write(output, levels, tables)
    print(f"{len(levels)} levels, {len(tables)} workloads, {output.stat().st_size} bytes")


def sample(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of the prompts and of the answers of a trace."""
    rows = np.loadtxt(path, delimiter=",", skiprows=1)
    return rows[:, 1], rows[:, 2]


def columns_of(path: Path) -> dict[str, np.ndarray]:
    """The columns of a CSV of numbers, by name."""
    with path.open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    return {name: np.array([float(row[place]) for row in rows]) for place, name in enumerate(names)}


def stepped(probabilities: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Tokens at even steps through a column of quantiles."""
    even = (np.arange(QUANTILE_DRAWS) + 0.5) / QUANTILE_DRAWS
    return np.floor(np.exp(table_of_quantiles(probabilities, tokens, even)))


def with_images(quantiles: dict[str, np.ndarray]) -> np.ndarray:
    """Tokens of prompts with their images: the three published quantile columns drawn independently."""
    draws = np.random.default_rng(IMAGE_SEED).random((3, IMAGE_DRAWS))
    names = ("mm-image__text_tokens", "mm-image__image_count", "mm-image__image_tokens")
    text, images, size = (np.interp(draw, quantiles["p"], quantiles[name]) for draw, name in zip(draws, names))
    return np.round(text) + np.round(images) * np.round(size)


def refined(levels: np.ndarray, columns: list[tuple[np.ndarray, float]]) -> np.ndarray:
    """The levels, and as many more as the columns need."""
    while True:
        costs = [cost(levels, *column) for column in columns]
        if max(map(max, costs)) <= 1.0:
            return levels
        worst = int(np.argmax([max(each) for each in costs]))
        distance, mean = costs[worst]
        level = (farthest_level if distance >= mean else heaviest_level)(levels, columns[worst][0])
        levels = np.union1d(levels, round(level, 5))


def pruned(levels: np.ndarray, columns: list[tuple[np.ndarray, float]]) -> np.ndarray:
    """The levels that are left when those that no column needs are gone; the two ends stay."""
    while True:
        fewer = [np.delete(levels, place) for place in range(1, len(levels) - 1)]
        costs = [max(max(cost(each, *column)) for column in columns) for each in fewer]
        if min(costs) > 1.0:
            return levels
        levels = fewer[int(np.argmin(costs))]


def cost(levels: np.ndarray, tokens: np.ndarray, slack: float) -> tuple[float, float]:
    """The errors of a table of a sample, in distance and in mean; 1 at the limits."""
    table = table_of_sample(tokens, levels)
    mean = expected_tokens(levels, table, tokens.min(), tokens.max())
    error = abs(mean / tokens.mean() - 1.0)
    return law_distance(levels, table, tokens) / (slack * KS_LIMIT), error / (slack * MEAN_LIMIT)


def farthest_level(levels: np.ndarray, tokens: np.ndarray) -> float:
    """Where the table's law and the sample's are farthest apart."""
    values, counts = np.unique(tokens, return_counts=True)
    upto = np.cumsum(counts) / len(tokens)
    law = np.interp(np.log(values + 1.0), table_of_sample(tokens, levels), levels)
    return float(upto[np.argmax(np.abs(upto - law))])


def heaviest_level(levels: np.ndarray, tokens: np.ndarray) -> float:
    """The middle of the two levels between which the table's mean errs most."""
    ordered = np.sort(tokens)
    at = (np.arange(len(ordered)) + 0.5) / len(ordered)
    surplus = np.exp(np.interp(at, levels, table_of_sample(tokens, levels))) - ordered - 0.5
    between = np.searchsorted(levels, at, side="right") - 1
    heaviest = int(np.argmax(np.abs(np.bincount(between, surplus, len(levels)))))
    return float(0.5 * (levels[heaviest] + levels[heaviest + 1]))


def law_distance(levels: np.ndarray, table: np.ndarray, tokens: np.ndarray) -> float:
    """A probability: Kolmogorov-Smirnov distance between a table, rounded down, and a sample of whole numbers."""
    values, counts = np.unique(tokens, return_counts=True)
    upto = np.cumsum(counts) / len(tokens)
    below = np.concatenate([[0.0], upto[:-1]])
    law_upto, law_below = (np.interp(np.log(values + more), table, levels) for more in (1.0, 0.0))
    return float(max(np.abs(upto - law_upto).max(), np.abs(below - law_below).max()))


def entry(prompt: np.ndarray, answer: np.ndarray, how: str, origin: dict[str, str], note: str) -> dict[str, object]:
    """One workload as it stands in the file; tables in tokens."""
    tables = {"prompt": in_tokens(prompt), "answer": in_tokens(answer)}
    return {**origin, "reduction": how, "note": note, **tables}


def in_tokens(log_tokens: np.ndarray) -> list[float]:
    """Tokens with a few digits; what rounds up to the next whole number is kept below it."""
    tokens = np.exp(log_tokens)
    rounded = np.array([float(f"{each:.{DIGITS}g}") for each in tokens])
    over = np.floor(rounded + 1e-9) > np.floor(tokens + 1e-9)
    return np.where(over, np.floor(tokens) + JUST_BELOW, rounded).tolist()


def write(path: Path, levels: np.ndarray, tables: dict[str, dict[str, object]]) -> None:
    """The file, one line a list."""
    about = "Quantile tables of token lengths: tokens at the levels, made by mei_gym.workload.length_fit."
    lines = ["{", f' "about": {json.dumps(about)},', f' "levels": {json.dumps(levels.tolist())},', ' "workloads": {']
    for place, (name, values) in enumerate(tables.items()):
        inner = ",\n".join(f"   {json.dumps(key)}: {json.dumps(value)}" for key, value in values.items())
        lines.append(f"  {json.dumps(name)}: {{\n{inner}\n  }}" + ("," if place < len(tables) - 1 else ""))
    path.write_text("\n".join([*lines, " }", "}", ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
