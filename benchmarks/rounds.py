"""Values measured in rounds: each round measures all, one after the other.

What else the machine does only ever adds time, so the shortest round is the truest. The rounds are
interleaved, so that everything that is compared had the same chances of a quiet one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Rounds: TypeAlias = Mapping[str, Sequence[float]]
"""What was measured, by name: one value for each round."""


@dataclass(frozen=True)
class Comparison:
    """The minimum over the rounds, and its ratio to the reference's minimum."""

    value: float
    ratio: float


def compare(rounds: Rounds, reference: str) -> dict[str, Comparison]:
    """Compare the minima of all with the reference's.

    Raises:
        ValueError: the rounds were not measured for all alike.
    """
    if len({len(values) for values in rounds.values()}) != 1:
        raise ValueError("not all were measured in every round")
    least = min(rounds[reference])
    return {name: Comparison(min(values), min(values) / least) for name, values in rounds.items()}
