"""Ending sessions before their time: the engine, and the stores that it follows."""

from iron_session.revocation.directory import SignedIn
from iron_session.revocation.ledger import SessionEndedError
from iron_session.revocation.records import Ending
from iron_session.revocation.revocations import Revocations
from iron_session.revocation.stores import (
    MemoryStore,
    RedisStore,
    SqliteStore,
    SqlStore,
    open_store,
)

__all__ = [
    "Ending",
    "MemoryStore",
    "RedisStore",
    "Revocations",
    "SessionEndedError",
    "SignedIn",
    "SqlStore",
    "SqliteStore",
    "open_store",
]
