"""What a scenario may say about the network: known names and possible numbers, or a refusal in one sentence."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mei_gym.spelling import nearest

LARGEST = 1e300  # stands for "finite"
SMALLEST = 1e-300  # stands for "positive"


def known(what: str, name: object, names: Iterable[str]) -> str:
    """The name, if it is one of `names`.

    Raises:
        ValueError: an unknown name, with the nearest right one or all that there are.
    """
    if isinstance(name, str) and name in names:
        return name
    raise ValueError(f"There is no {what} {name!r}; {nearest(name, names)}")


def positive(name: str, value: object, most: float = LARGEST) -> float:
    """The number, if it is finite, above 0 and not above `most`.

    Raises:
        ValueError: any other value.
    """
    limit = f" up to {most:g}" if most < LARGEST else ""
    return within(name, value, SMALLEST, most, f"a finite positive number{limit}")


def not_negative(name: str, value: object, most: float = LARGEST) -> float:
    """The number, if it is finite, 0 or more and not above `most`.

    Raises:
        ValueError: any other value.
    """
    limit = f"a number from 0 to {most:g}" if most < LARGEST else "a finite number of 0 or more"
    return within(name, value, 0.0, most, limit)


def whole(name: str, value: object, least: int, most: int) -> int:
    """The number, if it is whole and within the limits.

    Raises:
        ValueError: any other value.
    """
    accepted = f"a whole number from {least} to {most}"
    number = within(name, value, least, most, accepted)
    if number != int(number):
        raise ValueError(f"{name} is {value!r}; {accepted} is accepted.")
    return int(number)


def within(name: str, value: object, least: float, most: float, accepted: str = "") -> float:
    """The number, if it is one and within the limits; `accepted` says them in words.

    Raises:
        ValueError: any other value.
    """
    if (
        isinstance(value, (int, float, np.integer, np.floating))
        and not isinstance(value, bool)
        and least <= value <= most
    ):
        return float(value)
    raise ValueError(f"{name} is {value!r}; {accepted or f'a number from {least:g} to {most:g}'} is accepted.")
