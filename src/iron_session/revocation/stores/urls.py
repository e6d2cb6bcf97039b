"""A store from the text that names it, for the command line and for settings."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from iron_session.errors import ConfigurationError
from iron_session.revocation.ledger import Store
from iron_session.revocation.stores.redis import RedisStore
from iron_session.revocation.stores.sql import SqlStore
from iron_session.revocation.stores.sqlite import SqliteStore

__all__ = ["open_store"]

_REDIS: Final = ("redis", "rediss", "unix", "valkey", "valkeys")
_SQLITE: Final = "sqlite://"


def open_store(url: str) -> Store:
    """Return the store that a URL names; does not reach for it yet.

    Args:
        url: `sqlite:///file` (in this folder) or `sqlite:////path/to/file` for `SqliteStore`;
            `redis://…`, `rediss://…`, `valkey://…` or `unix://…` for `RedisStore`; any other one
            that SQLAlchemy knows, as `postgresql+psycopg://…`, for `SqlStore`.

    Raises:
        ImportError: the store's library is not installed.
        ConfigurationError: the URL names no store; the message does not hold it.
    """
    scheme, colon, rest = url.partition("://") if isinstance(url, str) else ("", "", "")
    if not colon:
        raise ConfigurationError(
            'a store\'s URL must be as "sqlite:////path/to/file", "redis://host:6379/0" or '
            '"postgresql+psycopg://user:password@host/name"'
        )
    if scheme in _REDIS:
        return RedisStore(f"{scheme.replace('valkey', 'redis')}://{rest}")
    if url.startswith(_SQLITE):
        return SqliteStore(unquote(rest.removeprefix("/")))
    return SqlStore(url)
