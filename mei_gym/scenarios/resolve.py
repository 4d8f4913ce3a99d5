"""From a scenario's name and a user's overrides to one validated, frozen object.

A scenario is a YAML file of values only, loaded safely. It may extend another: `extends: default`. A nested
override is a mapping and is merged: `applications={"mobile_health": {"leakage_budget": 0.5}}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from mei_gym.spelling import nearest

LARGEST_FILE_BYTES = 256 * 1024

Scenario = TypeVar("Scenario", bound=BaseModel)


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
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise ScenarioError(sentence(error, schema)) from None


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
        if isinstance(value, Mapping) and isinstance(below, Mapping):
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
