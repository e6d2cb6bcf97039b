"""What every competitor seals: sample.json, which Node reads too."""

import json
from pathlib import Path
from typing import Any

_sample = json.loads(Path(__file__).with_suffix(".json").read_bytes())

PASSWORD: str = _sample["password"]
TTL: int = _sample["ttl"]  # in seconds; the default of iron-session
DATA: dict[str, Any] = _sample["data"]

BODY = f"{DATA['visits']} visits"
"""What an app answers to a visitor who has this session."""
