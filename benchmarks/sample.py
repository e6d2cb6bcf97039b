"""What every competitor seals: sample.json, and larger sessions made of it."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

_sample = json.loads(Path(__file__).with_suffix(".json").read_bytes())

PASSWORD: str = _sample["password"]
TTL: int = _sample["ttl"]  # in seconds; the default of iron-session
DATA: dict[str, Any] = _sample["data"]

BODY = f"{DATA['visits']} visits"
"""What an app answers to a visitor who has this session."""


def json_length(data: Any) -> int:
    """Return the length of the shortest JSON."""
    return len(json.dumps(data, separators=(",", ":")))


def _sku(number: int) -> str:
    """Return what does not compress, as most of what sessions hold."""
    return sha256(f"book {number}".encode()).hexdigest()[:20]


def sized(length: int) -> dict[str, Any]:
    """Return the sample with a shopping cart, so that its JSON is just as long as this."""
    cart: list[dict[str, Any]] = []
    data = {**DATA, "cart": cart, "note": ""}
    while json_length(data) < length:
        number = len(cart) + 1
        cart.append({"id": 1000 + number, "name": f"Volume {number}", "sku": _sku(number)})
    cart.pop()
    return {**data, "note": "n" * (length - json_length(data))}


SIZES = {"100 B": DATA, "1 kB": sized(1000), "2.5 kB": sized(2500), "11 kB": sized(11000)}
"""The sessions that are sealed, by the length of their JSON."""

SMALL, LARGE = "100 B", "2.5 kB"  # the sizes that have a bound
