"""Where endings are kept: in memory, in a file, in Redis or in a database."""

from iron_session.revocation.stores.memory import MemoryStore
from iron_session.revocation.stores.redis import RedisStore
from iron_session.revocation.stores.sql import SqlStore
from iron_session.revocation.stores.sqlite import SqliteStore
from iron_session.revocation.stores.urls import open_store

__all__ = ["MemoryStore", "RedisStore", "SqlStore", "SqliteStore", "open_store"]
