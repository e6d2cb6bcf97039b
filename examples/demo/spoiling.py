"""Four ways to spoil a session's cookie: one for each reason to refuse a seal."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from iron_session import Passwords, generate_password, seal_data
from iron_session.seals import SealOptions, seal


class Damage(StrEnum):
    CHANGED = "changed"
    EXPIRED = "expired"
    FOREIGN = "foreign"
    MISUSED = "misused"


def spoil(data: Mapping[str, Any], damage: Damage, passwords: Passwords) -> str:
    """Return a seal of a session's data that the server refuses."""
    match damage:
        case Damage.CHANGED:
            return change_one_character(seal_data(dict(data), password=passwords))
        case Damage.EXPIRED:
            an_hour_ago = SealOptions(ttl=60, localtime_offset=-3600)
            return seal(dict(data), passwords.primary, an_hour_ago)
        case Damage.FOREIGN:
            unknown_id = max(passwords.ids) + 1
            return seal_data(dict(data), password={unknown_id: generate_password()})
        case Damage.MISUSED:
            return seal_data(dict(data), password=passwords, purpose="magic-link")


def change_one_character(text: str) -> str:
    """Change the first character of the ciphertext, the fifth part of a seal."""
    parts = text.split("*")
    first, rest = parts[4][0], parts[4][1:]
    parts[4] = ("B" if first == "A" else "A") + rest
    return "*".join(parts)
