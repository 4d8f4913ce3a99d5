"""Values that are drawn anew for each episode: domain randomisation, in a scenario's own words.

Wherever a scenario has a number, it may have a law instead:

    {low: 10, high: 25}                       uniform; of a value that counts: a whole number, both ends included
    {low: 1, high: 3, law: integer}           whole numbers; to be said inside `sites`, `cell` and other mappings
    {low: 1e5, high: 1e8, law: log_uniform}   uniform in the logarithm
    {median: .02, spread: .3}                 lognormal; `spread` is the standard deviation of the logarithm
    {mean: .5, sd: .1}                        normal
    {choices: [h100-sxm, h200-sxm]}           one of these, numbers or words, equally likely

Lognormal and normal values are cut at three standard deviations, and where `low` and `high` are given with them, so
every law has two ends, and both are checked when the scenario is resolved. The scenario itself holds each law's middle:
what a policy that was told of the nominal world knows. A draw is a function of the episode's key and of the value's
name, so every policy meets the same worlds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import exp, inf, log
from statistics import NormalDist
from typing import Any
from zlib import crc32

CUT = 3.0  # standard deviations at which the unbounded laws end: chosen
CUT_BELOW = NormalDist().cdf(-CUT)

#: The keys of each law: those that it needs, and those that it may have.
KINDS: dict[str, tuple[set[str], set[str]]] = {
    "uniform": ({"low", "high"}, {"law"}),
    "lognormal": ({"median", "spread"}, {"low", "high"}),
    "normal": ({"mean", "sd"}, {"low", "high"}),
    "choices": ({"choices"}, set()),
}
WORDS = {word for needed, allowed in KINDS.values() for word in needed | allowed}


def is_law(value: object) -> bool:
    """Whether a value of a scenario file is a law and no part of a scenario; `law` alone is a part's own value."""
    return isinstance(value, Mapping) and bool(set(value) - {"law"}) and set(value) <= WORDS


def kind_of(law: Mapping[str, Any]) -> str:
    """Which law it is.

    Raises:
        ValueError: a law that misses a key, or whose numbers do not fit together.
    """
    for kind, (needed, allowed) in KINDS.items():
        if needed <= set(law) <= needed | allowed:
            fault = fault_of(law, kind)
            if fault:
                raise ValueError(f"the law {dict(law)} {fault}")
            return kind
    laws = "; ".join("{" + ", ".join(sorted(needed)) + "}" for needed, _ in KINDS.values())
    raise ValueError(f"the law {dict(law)} is none of {laws}")


def fault_of(law: Mapping[str, Any], kind: str) -> str:
    """What is wrong with a law's values, or nothing."""
    if kind == "choices":
        values = law["choices"]
        plain = isinstance(values, list | tuple) and all(isinstance(each, int | float | str) for each in values)
        return "" if plain and values else "needs a list of numbers or words"
    if law.get("law", "uniform") not in ("uniform", "log_uniform", "integer"):
        return f"has the law {law['law']!r}; uniform, log_uniform and integer are accepted"
    for name in set(law) - {"law"}:
        if isinstance(law[name], bool) or not isinstance(law[name], int | float):
            return f"has {name} {law[name]!r}; a number is accepted"
    if "low" in law and "high" in law and law["low"] > law["high"]:
        return "has a low above its high"
    if law.get("law") == "integer" and not (law["low"] == int(law["low"]) and law["high"] == int(law["high"])):
        return "has ends that are not whole, which an integer law needs"
    if law.get("law") == "log_uniform" and law["low"] <= 0:
        return "has a low that is not positive, which a log_uniform law needs"
    if kind == "lognormal" and law["median"] <= 0:
        return "has a median that is not positive"
    if min(law.get("spread", 0.0), law.get("sd", 0.0)) < 0:
        return "has a negative spread"
    return ""


def drawn(law: Mapping[str, Any], uniform: float) -> Any:
    """The law's value at a uniform number in [0, 1]: its quantile, and its ends at 0 and 1."""
    kind = kind_of(law)
    if kind == "choices":
        values = law["choices"]
        return values[min(int(uniform * len(values)), len(values) - 1)]
    if kind == "uniform":
        low, high = law["low"], law["high"]
        if law.get("law") == "log_uniform":
            return low if low == high else min(high, max(low, exp(log(low) + uniform * (log(high) - log(low)))))
        if law.get("law") == "integer":
            return min(int(high), int(low) + int(uniform * (high - low + 1)))
        return low + uniform * (high - low)
    normal = NormalDist().inv_cdf(CUT_BELOW + uniform * (1.0 - 2.0 * CUT_BELOW))
    value = law["median"] * exp(law["spread"] * normal) if kind == "lognormal" else law["mean"] + law["sd"] * normal
    return min(law.get("high", inf), max(law.get("low", -inf), value))


def middle(law: Mapping[str, Any]) -> Any:
    """The law's median; of choices, the first."""
    return law["choices"][0] if kind_of(law) == "choices" else drawn(law, 0.5)


def ends(law: Mapping[str, Any]) -> tuple[Any, ...]:
    """The least and the largest value; of choices, all."""
    return tuple(law["choices"]) if kind_of(law) == "choices" else (drawn(law, 0.0), drawn(law, 1.0))


def share_of_name(name: str) -> int:
    """A number for the draws of a value: the same wherever and whenever its name is the same."""
    return crc32(name.encode())


def laws_in(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Dotted name and law of every law in the values of a scenario."""
    for key, value in values.items():
        if is_law(value):
            yield f"{above}{key}", value
        elif isinstance(value, Mapping):
            yield from laws_in(value, f"{above}{key}.")


def with_values(values: Mapping[str, Any], given: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """The values of a scenario with those given, by dotted name, in their place."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{above}{key}"
        if name in given:
            result[key] = given[name]
        elif isinstance(value, Mapping) and not is_law(value):
            result[key] = with_values(value, given, f"{name}.")
        else:
            result[key] = value
    return result


def in_words(law: Mapping[str, Any]) -> str:
    """A law as the page of a scenario shows it."""
    kind = kind_of(law)
    if kind == "choices":
        return "one of " + ", ".join(str(each) for each in law["choices"])
    if kind == "uniform":
        return f"{law.get('law', 'uniform')} {law['low']:g} .. {law['high']:g}"
    low, high = drawn(law, 0.0), drawn(law, 1.0)
    middle, spread = (law["median"], law["spread"]) if kind == "lognormal" else (law["mean"], law["sd"])
    return f"{kind} {middle:g}, {spread:g}, within {low:.3g} .. {high:.3g}"
