"""An experiment: what is run. One YAML file, checked, and resolved to one frozen object.

    python -m agents.train configs/experiments/split_inference.yaml --set algorithm=ppo --set hyperparameters.gamma=0.97

An experiment may extend another of its folder (`extends: split_inference`). Its algorithm is a file of
`configs/algorithms/`, whose values it overrides under `hyperparameters`. YAML holds values, never Python.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

CONFIGS = Path(__file__).parents[1] / "configs"
LARGEST_FILE_BYTES = 256 * 1024
LEARNERS = ("ppo", "dqn", "maskable_ppo")


class ExperimentError(ValueError):
    """A config, key or value that is not accepted; the message is one sentence."""


def _whole(value: Any) -> Any:
    """1e6 and "1e6" are a million, as YAML reads the one as text and Python the other as a fraction."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return value
    return int(number) if number.is_integer() and not isinstance(value, bool) else value


Count = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=10**12)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Part(BaseModel):
    """A frozen part of an experiment; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Network(Part):
    """The networks of a learner."""

    hidden: tuple[Count, ...] = Field(max_length=8, description="widths of the hidden layers")
    activation: Literal["tanh", "relu"]
    one_hot: bool = Field(description="show fields that hold an index as one-hot vectors")


class PolicyGradient(Part):
    """PPO and MaskablePPO; the values are in configs/algorithms."""

    learner: Literal["ppo", "maskable_ppo"]
    network: Network
    learning_rate: Positive
    learning_rate_falls: bool = Field(description="linearly to zero at the end of training")
    n_steps: Count = Field(description="steps of each lane between two updates")
    batch_size: Count
    n_epochs: Count
    gamma: Share
    gae_lambda: Share
    clip_range: Positive
    ent_coef: NotNegative
    vf_coef: NotNegative
    max_grad_norm: Positive


class ValueLearning(Part):
    """DQN; the values are in configs/algorithms."""

    learner: Literal["dqn"]
    network: Network
    learning_rate: Positive
    buffer_size: Count
    learning_starts: Count
    batch_size: Count
    gamma: Share
    train_freq: Count = Field(description="steps of each lane between two updates")
    gradient_steps: Count
    target_update_interval: Count
    exploration_fraction: Share
    exploration_final_eps: Share
    max_grad_norm: Positive


class Evaluation(Part):
    """When and on how much a run is evaluated."""

    every_steps: Count = Field(
        default=100_000, description="training steps between two evaluations on validation seeds"
    )
    validation_episodes: Count = 16
    test_episodes: Count = 32
    deterministic: bool = Field(default=True, description="the most likely action, not a drawn one")
    heuristics: Literal["all"] | tuple[str, ...] = Field(default="all", description="that the agent is compared with")


class Experiment(Part):
    """A whole experiment, frozen."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="of the run's folder")
    summary: str = ""
    environment: str = Field(default="mei/SplitInference-v0", description="a registered id")
    scenario: str = "default"
    overrides: dict[str, Any] = Field(default_factory=dict, description="scenario values to change")
    algorithm: Literal["ppo", "dqn", "maskable_ppo"] = "maskable_ppo"
    hyperparameters: Annotated[PolicyGradient | ValueLearning, Field(discriminator="learner")]
    lanes: Annotated[Count, Field(le=10_000)] = 64
    stagger: bool = Field(
        default=True, description="end the lanes' first episodes at different times, so that not all end at once"
    )
    steps: Count = Field(1_000_000, description="training steps of all lanes together")
    seed: Annotated[int, Field(ge=0, lt=100)] = 0
    evaluation: Evaluation = Evaluation()
    checkpoint_every_steps: Count = 200_000
    threads: Annotated[int, Field(ge=1, le=256)] = Field(default=1, description="of the environment; torch has one")

    @model_validator(mode="after")
    def _fits_together(self) -> Experiment:
        batch, hyper = self.lanes, self.hyperparameters
        if isinstance(hyper, PolicyGradient):
            batch = self.lanes * hyper.n_steps
            if hyper.batch_size > batch:
                raise ValueError(f"batch_size is {hyper.batch_size}, but lanes x n_steps is only {batch}")
            if batch < 2:
                raise ValueError("lanes x n_steps is 1; at least 2 are needed")
        elif hyper.buffer_size < self.lanes:
            raise ValueError(
                f"buffer_size is {hyper.buffer_size}; at least one step of all {self.lanes} lanes is needed"
            )
        return self


def load(path: Path, settings: Sequence[str] = (), configs: Path = CONFIGS) -> Experiment:
    """The experiment of a file, with `a.b=value` settings on top, checked against the registered environments."""
    values = merge(read_with_parents(path), settings_tree(settings))
    algorithm = values.get("algorithm", Experiment.model_fields["algorithm"].default)
    if algorithm not in LEARNERS:
        raise ExperimentError(f"There is no algorithm {algorithm!r}; {nearest(algorithm, LEARNERS)}")
    values["algorithm"] = algorithm
    defaults = read(configs / "algorithms" / f"{algorithm}.yaml")
    own: Any = values.get("hyperparameters") or {}
    if not isinstance(own, Mapping):
        raise ExperimentError(f"hyperparameters is {own!r}; a mapping is needed.")
    values["hyperparameters"] = merge(defaults, own) | {"learner": algorithm}
    return checked(values)


def checked(values: Any) -> Experiment:
    """The experiment of plain values, as a run's folder holds them."""
    try:
        experiment = Experiment.model_validate(values)
    except ValidationError as error:
        raise ExperimentError(_sentence(error)) from None
    from mei_gym.catalogue import known_id, known_scenario

    known_id(experiment.environment)
    if not experiment.scenario.endswith((".yaml", ".yml")):
        known_scenario(experiment.environment, experiment.scenario)
    return experiment


def read_with_parents(path: Path, depth: int = 0) -> dict[str, Any]:
    """The values of a file, those of the file that it extends underneath."""
    values = read(path)
    parent = values.pop("extends", None)
    if parent is None:
        return values
    if depth > 8:
        raise ExperimentError(f"{path.name} extends itself.")
    above = path.parent / f"{Path(str(parent)).name}.yaml"
    return merge(read_with_parents(above, depth + 1), values)


def read(path: Path) -> dict[str, Any]:
    """The mapping of a YAML file."""
    if not path.is_file():
        found = sorted(str(each) for each in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        raise ExperimentError(f"There is no file {path}; {nearest(path, found)}")
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise ExperimentError(f"{path.name} is larger than {LARGEST_FILE_BYTES} bytes.")
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ExperimentError(f"{path.name} is not YAML in UTF-8: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise ExperimentError(f"{path.name} holds a {type(values).__name__}; a mapping is needed.")
    return values


def settings_tree(settings: Sequence[str]) -> dict[str, Any]:
    """`["a.b=1"]` as `{"a": {"b": 1}}`; values are read as YAML."""
    tree: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        names = key.strip().split(".")
        if not equals or not all(names):
            raise ExperimentError(f"The setting {setting!r} is not of the form a.b=value.")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ExperimentError(f"The value of the setting {setting!r} is not YAML.") from None
        inner: dict[str, Any] = {names[-1]: value}
        for name in reversed(names[:-1]):
            inner = {name: inner}
        tree = merge(tree, inner)
    return tree


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings merged key by key, everything else replaced."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            result[key] = merge(below, value)
        else:
            result[key] = value
    return result


def nearest(word: object, words: Iterable[object]) -> str:
    """'did you mean ...?' or the words that there are."""
    known = sorted(str(each) for each in words)
    if not known:
        return "there is none like it."
    close = difflib.get_close_matches(str(word), known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}."


def _sentence(error: ValidationError) -> str:
    """The first fault of a validation, in one sentence."""
    fault = error.errors()[0]
    names = [str(part) for part in fault["loc"] if part not in LEARNERS]  # pydantic names the branch of the union
    where = ".".join(names) or "the experiment"
    if fault["type"] == "extra_forbidden":
        return f"There is no key {where!r}; {nearest(names[-1], _keys_at(names[:-1], fault['loc']))}"
    message = fault["msg"].removeprefix("Value error, ").rstrip(".")
    given = "" if fault["type"] in ("missing", "value_error") else f" (given: {fault['input']!r})"
    return f"{where}: {message[:1].lower()}{message[1:]}{given}."


def _keys_at(names: Sequence[str], location: tuple[int | str, ...]) -> list[str]:
    """The keys accepted where a fault was found."""
    model: type[BaseModel] = Experiment
    for name in names:
        if name == "hyperparameters":
            model = ValueLearning if "dqn" in location else PolicyGradient
        elif name in model.model_fields and isinstance(model.model_fields[name].annotation, type):
            model = model.model_fields[name].annotation  # type: ignore[assignment]
    return [key for key in model.model_fields if key != "learner"]
