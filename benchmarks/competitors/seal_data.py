"""Ours: only a seal, with passwords prepared once."""

from importlib.metadata import version
from typing import Any

from benchmarks.sample import PASSWORD
from iron_session import Passwords, seal_data, unseal_data

NAME = "iron-session: seal_data"
VERSION = version("iron-session")

_passwords = Passwords(PASSWORD)


def seal(data: dict[str, Any]) -> str:
    return seal_data(data, password=_passwords)


def unseal(text: str) -> Any:
    return unseal_data(text, password=_passwords)
