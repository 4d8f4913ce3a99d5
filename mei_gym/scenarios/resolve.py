"""From a scenario's name and a user's overrides to one validated, frozen object.

A scenario is a YAML file of values only, loaded safely. It may extend another: `extends: default`. A nested
override is a mapping and is merged: `applications={"mobile_health": {"leakage_budget": 0.5}}`. A law in place of a
number (see `laws`) is drawn anew each episode: `requests_per_s={"low": 10, "high": 25}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from mei_gym.scenarios.laws import drawn, ends, is_law, kind_of, laws_in, middle, share_of_name, with_values
from mei_gym.scenarios.schema import WorldScenario
from mei_gym.spelling import nearest

LARGEST_FILE_BYTES = 256 * 1024

Scenario = TypeVar("Scenario", bound=WorldScenario)


class ScenarioError(ValueError):
    """A scenario, key or value that is not accepted; the message is one sentence."""


def names(folder: Path) -> list[str]:
    """Scenarios of a folder, `default` first."""
    found = sorted(path.stem for path in folder.glob("*.yaml"))
    return sorted(found, key=lambda name: name != "default")


def resolve(folder: Path, schema: type[Scenario], name: str, overrides: Mapping[str, Any]) -> Scenario:
    """The scenario `name` of a folder, or a path to a YAML file, with overrides merged in and checked."""
    values = merged(loaded(folder, name), overrides, schema)
    values.setdefault("name", Path(name).stem)
    stated = overrides.get("drawn") or {}
    listed = dict(values.get("drawn") or {})
    laws = {name: law for name, law in listed.items() if name in stated or not given(name, overrides)}
    laws.update(laws_in({key: value for key, value in values.items() if key != "drawn"}))
    for name, law in laws.items():
        if not given(name, values):
            raise ScenarioError(f"There is no scenario value {name!r} to draw; write the law where the value stands.")
        try:
            kind = kind_of(law)
            if counts(schema, name) and (kind in ("lognormal", "normal") or law.get("law") == "log_uniform"):
                raise ValueError(f"the law {law} is not of whole numbers; low and high or choices are accepted")
            if counts(schema, name) and kind == "uniform":
                laws[name] = {**law, "law": "integer"}
                kind_of(laws[name])
        except (ValueError, TypeError) as error:
            raise ScenarioError(f"Scenario value {name}: {error}.") from None
    middles = {name: middle(law) for name, law in laws.items()}
    scenario = checked(schema, {**with_values(values, middles), "drawn": laws})
    for name, law in laws.items():
        for end in ends(law):
            checked(schema, with_values(scenario.model_dump(), {name: end}))
    return scenario


def checked(schema: type[Scenario], values: Mapping[str, Any]) -> Scenario:
    """The frozen scenario of these values."""
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise ScenarioError(sentence(error, schema)) from None


def given(name: str, overrides: Mapping[str, Any]) -> bool:
    """Whether an override gives the value of this dotted name."""
    first, _, rest = name.partition(".")
    if first not in overrides:
        return False
    inner = overrides[first]
    return not rest or not isinstance(inner, Mapping) or given(rest, inner)


def counts(schema: Any, name: str) -> bool:
    """Whether the value of this dotted name is a whole number."""
    for part in name.split("."):
        fields = getattr(schema, "model_fields", None)
        if fields is None:  # a mapping: its values are of one kind
            schema = getattr(schema, "__args__", (None,))[-1]
        else:
            schema = fields[part].annotation if part in fields else None
    return schema is int


def with_value(scenario: Scenario, name: str, value: Any) -> Scenario:
    """The scenario with one value, by its dotted name, replaced."""
    return type(scenario).model_validate(with_values(scenario.model_dump(), {name: value}))


def overridden(scenario: Scenario, overrides: Mapping[str, Any]) -> Scenario:
    """A resolved scenario with values merged in, as `resolve` merges them; a value that is fixed is drawn no more."""
    values = merged(scenario.model_dump(), overrides, type(scenario))
    values["drawn"] = {name: law for name, law in scenario.drawn.items() if not given(name, overrides)}
    return checked(type(scenario), values)


def of_episode(scenario: Scenario, uniform: Callable[[int], float]) -> Scenario:
    """The scenario with this episode's draws in place of its middles; `uniform` has one number in (0, 1) a name."""
    draws = {name: drawn(law, uniform(share_of_name(name))) for name, law in scenario.drawn.items()}
    return checked(type(scenario), with_values(scenario.model_dump(), draws))


def loaded(folder: Path, name: str, depth: int = 0) -> dict[str, Any]:
    """The values of a scenario file, those of the scenarios that it extends underneath."""
    path = Path(name) if str(name).endswith((".yaml", ".yml")) else folder / f"{name}.yaml"
    if not path.is_file():
        raise ScenarioError(f"There is no scenario {name!r}; {nearest(name, names(folder))}")
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise ScenarioError(f"The scenario file {path.name} is larger than {LARGEST_FILE_BYTES} bytes.")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = str(error).replace("\n", " ")
        raise ScenarioError(f"The scenario file {path.name} is not YAML in UTF-8: {reason}") from None
    if not isinstance(values, dict):
        raise ScenarioError(f"The scenario file {path.name} holds a {type(values).__name__}; a mapping is needed.")
    parent = values.pop("extends", None)
    values["name"] = path.stem
    if parent is None:
        return values
    if depth > 8:
        raise ScenarioError(f"The scenario {name!r} extends itself.")
    return deep_merge(loaded(folder, parent, depth + 1), values)


def files(folder: Path, name: str) -> list[Path]:
    """The file of a scenario and those of the scenarios that it extends, the first underneath."""
    path = Path(name) if str(name).endswith((".yaml", ".yml")) else folder / f"{name}.yaml"
    parent = yaml.safe_load(path.read_text(encoding="utf-8")).get("extends")
    return [*(files(folder, parent) if parent else []), path]


def merged(values: dict[str, Any], overrides: Mapping[str, Any], schema: type[BaseModel]) -> dict[str, Any]:
    """Values with overrides on top; a key that the schema does not know is refused with the nearest it knows."""
    for key in overrides:
        if key not in schema.model_fields:
            inside = [name for name, part in parts_of(schema).items() if key.rpartition(".")[2] in part.model_fields]
            if inside:
                word = key.rpartition(".")[2]
                raise ScenarioError(f"{word!r} is a value of {inside[0]!r}; give it as {inside[0]}={{{word!r}: ...}}.")
            raise ScenarioError(f"There is no scenario value {key!r}; {nearest(key, schema.model_fields)}")
    return deep_merge(values, dict(overrides))


def parts_of(schema: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The nested parts of a schema, by name."""
    kinds = {name: field.annotation for name, field in schema.model_fields.items()}
    return {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}


def deep_merge(under: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings merged key by key, everything else replaced; None takes an entry of a mapping out."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping) and not (is_law(value) or is_law(below)):
            inner = deep_merge(dict(below), value)
            result[key] = {name: each for name, each in inner.items() if not (each is None and name in below)}
        else:
            result[key] = dict(value) if isinstance(value, Mapping) else value
    return result


def sentence(error: ValidationError, schema: type[BaseModel]) -> str:
    """The first fault of a validation, in one sentence."""
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"]) or "the scenario"
    if fault["type"] == "extra_forbidden":
        return f"There is no scenario value {where!r}; {nearest(fault['loc'][-1], known_keys(schema, fault['loc']))}"
    message = fault["msg"].removeprefix("Value error, ")
    given = "" if fault["type"] in ("missing", "value_error") else f" (given: {fault['input']!r})"
    more = len(error.errors()) - 1
    rest = f", and {more} more" if more else ""
    return f"Scenario value {where}: {message[:1].lower()}{message[1:].rstrip('.')}{given}{rest}."


def known_keys(schema: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys accepted where a fault was found."""
    model: Any = schema
    for part in location[:-1]:
        fields = getattr(model, "model_fields", {})
        if part in fields:
            model = fields[part].annotation
            inner = [each for each in getattr(model, "__args__", ()) if hasattr(each, "model_fields")]
            model = inner[0] if inner else model
    return list(getattr(model, "model_fields", schema.model_fields))
