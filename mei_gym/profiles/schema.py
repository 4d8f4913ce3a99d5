"""The shape of a profile's provenance and of a device card: what a file must say, checked when it is read.

A *profile* is two files, `<device>/<model>.csv` (one measured row a line) and `<device>/<model>.json` (how, when
and on what it was measured). A *device card*, `devices/<device>.json`, holds what is cited, derived or chosen about
a device; each of its numbers says which, and where it is from. All values are SI.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, field_validator, model_validator

SCHEMA = 1  # of profiles and cards; a file of another schema is refused

PHASES = ("embedding", "prefill", "decode", "head", "mixed")
ROLES = ("knot", "heldout", "repeat")
PACKED = ("int8", "int4")  # precisions of weights below 16 bits, each in a file of its own
COLUMNS = (
    "phase",  # one of PHASES
    "layer",  # index of a real model's block; -1: one architecture-shaped block, or not a block
    "role",  # knot: interpolated from; heldout: never; repeat: a knot measured again later in the campaign
    "tokens",  # new tokens of one request (head, embedding: of the pass; mixed: of the chunk)
    "batch",  # requests in the pass (mixed: decoding requests beside the chunk)
    "context_tokens",  # tokens cached before, a request
    "time_s",  # median time of one block, or of one head or embedding
    "time_p10_s",
    "time_p90_s",
    "repeats",
    "mode",  # cpu, graph or eager
    "flops",
    "bytes",
)
FLOAT_COLUMNS = ("tokens", "batch", "context_tokens", "time_s", "time_p10_s", "time_p90_s", "flops", "bytes")


class Provenance(BaseModel):
    """Parts of a profile's JSON; keys that this version does not know are kept, not refused."""

    model_config = ConfigDict(extra="allow")


class MeasuredDevice(Provenance):
    """The device a profile was measured on."""

    slug: str
    name: str
    kind: Literal["cpu", "gpu"]
    memory_bytes: PositiveFloat | None = None
    threads: int | None = None


class Ceilings(Provenance):
    """What no row may beat: FLOP/s and bytes/s, and how they were found."""

    flops: PositiveFloat
    bandwidth_bytes_per_s: PositiveFloat


class PowerPoint(Provenance):
    """Mean power over one steady window of one kind of work."""

    phase: str
    tokens: float = 1
    batch: float = 1
    context_tokens: float = 0
    power_w: PositiveFloat


class Power(Provenance):
    """What a counter said: its scope, the idle power, and points under load."""

    idle_w: PositiveFloat
    scope: str
    points: list[PowerPoint] = []


class ProfileCard(Provenance):
    """The JSON beside a profile's CSV."""

    schema_version: int = Field(alias="schema")
    origin: Literal["measured"]
    device: MeasuredDevice
    model: str
    weights: str
    dtype: str  # of activations; of weights too unless `precision` says otherwise
    precision: str = ""  # int8 or int4: packed weights; else that of dtype, or not said
    weight_bytes_per_value: PositiveFloat
    value_bytes: PositiveFloat
    date: str
    machine: dict[str, Any]
    ceilings: Ceilings | None = None
    power: Power | None = None
    mixed: dict[str, dict[str, float]] = {}
    rows: int
    csv_sha256: str

    def chunk_context(self, context_tokens: float) -> float:
        """Tokens before a mixed row's chunk, by the context of the requests that decode beside it."""
        return self.mixed.get("chunk_context_by_context_tokens", {}).get(str(int(context_tokens)), 0.0)

    @field_validator("power", mode="before")
    @classmethod
    def _no_counter_is_no_power(cls, value: Any) -> Any:
        """A profile without a power counter says why (a sentence, or a reason beside null values)."""
        return value if isinstance(value, dict) and value.get("idle_w") is not None else None


UNITS = {  # the unit of every number that a card may hold
    "memory_bytes": "B",
    "system_bytes": "B",
    "spec_flops": "FLOP/s",
    "spec_bandwidth_bytes_per_s": "B/s",
    "bandwidth_share": "1",
    "peak_flops": "FLOP/s",
    "bandwidth_bytes_per_s": "B/s",
    "launch_s": "s",
    "roofline_order": "1",
    "stored_bits_per_weight": "bit",
    "active_power_w": "W",
    "idle_power_w": "W",
    "max_power_w": "W",
    "flash_read_bytes_per_s": "B/s",
    "battery_j": "J",
    "thermal_time_constant_s": "s",
    "thermal_resistance_k_per_w": "K/W",
    "throttle_rise_k": "K",
    "throttled_speed": "1",
}
DERIVED_NEEDS = ("peak_flops", "bandwidth_bytes_per_s", "launch_s", "roofline_order", "stored_bits_per_weight")


class Quantity(BaseModel):
    """A number, its unit, and whether it was cited, derived from cited numbers, or chosen."""

    model_config = ConfigDict(extra="forbid")

    value: float
    unit: str
    origin: Literal["cited", "derived", "chosen"]
    source: str = Field(min_length=8)


class DeviceCard(BaseModel):
    """A device class: its numbers by name; `card["memory_bytes"]` is the value."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = Field(alias="schema")
    slug: str
    name: str
    kind: Literal["server", "phone", "laptop", "board", "cpu", "gpu"]
    origin: Literal["cited", "derived"]
    date: str
    power_scope: str
    transfer_class: str = ""  # of a derived device: the class of published rates that its error is taken from
    numbers: dict[str, Quantity]

    @model_validator(mode="after")
    def _numbers_are_known_and_have_their_unit(self) -> DeviceCard:
        for name, quantity in self.numbers.items():
            if name not in UNITS:
                raise ValueError(f"device card {self.slug}: unknown number {name!r}; known are {', '.join(UNITS)}")
            if quantity.unit != UNITS[name]:
                raise ValueError(f"device card {self.slug}: {name} is in {quantity.unit!r}, expected {UNITS[name]!r}")
            if not quantity.value >= 0.0:
                raise ValueError(f"device card {self.slug}: {name} is {quantity.value}, expected zero or more")
        missing = [name for name in DERIVED_NEEDS if name not in self.numbers]
        if self.origin == "derived" and missing:
            raise ValueError(f"device card {self.slug}: a derived device needs {', '.join(missing)}")
        return self

    def __getitem__(self, name: str) -> float:
        """The value of a number, in SI units."""
        if name not in self.numbers:
            raise KeyError(f"device card {self.slug} has no {name}; it has {', '.join(self.numbers)}")
        return self.numbers[name].value

    def get(self, name: str, otherwise: float) -> float:
        """The value of a number, or another where the card has none."""
        return self.numbers[name].value if name in self.numbers else otherwise
