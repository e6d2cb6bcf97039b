"""Values measured in rounds: each round measures all, one after the other.

A machine that slows down does it to all of a round alike, so ratios are taken within a round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

Rounds: TypeAlias = Mapping[str, Sequence[float]]
"""What was measured, by name: one value for each round."""


@dataclass(frozen=True)
class Comparison:
    """Medians over the rounds: of the values, and of their ratios to the reference's."""

    value: float
    ratio: float


def compare(rounds: Rounds, reference: str) -> dict[str, Comparison]:
    return {
        name: Comparison(median(values), median_ratio(values, rounds[reference]))
        for name, values in rounds.items()
    }


def median_ratio(values: Sequence[float], reference: Sequence[float]) -> float:
    return median(value / other for value, other in zip(values, reference, strict=True))
