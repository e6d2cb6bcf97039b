"""Databases of Django's for a test: names in DATABASES that come and go."""

import importlib.util
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from tests.integrations.django_site import project  # noqa: F401 - it sets Django up

LABEL = "iron_session"

_handler: Any = connections
_numbers = count()


def add_sqlite(path: Path, **settings: Any) -> str:
    """Name a file, and make the tables there."""
    return add({"ENGINE": "django.db.backends.sqlite3", "NAME": str(path), **settings})


def add_postgresql(url: str, **settings: Any) -> str:
    """Name a database of PostgreSQL, and make the tables there."""
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed")
    parts = urlsplit(url)
    place = {"NAME": parts.path[1:], "USER": parts.username}
    place |= {"HOST": parts.hostname, "PORT": str(parts.port)}
    return add({"ENGINE": "django.db.backends.postgresql", **place, **settings})


def add(settings: dict[str, Any], *, migrates: bool = True) -> str:
    """Name a database, and make the tables there; return the name."""
    using = name(settings)
    if migrates:
        migrate(using)
    return using


def name(settings: dict[str, Any]) -> str:
    """Name a database, which may not be usable; return the name."""
    using = f"endings_{next(_numbers)}"
    filled = _handler.configure_settings({"default": {}, using: settings})
    _handler.settings[using] = filled[using]
    return using


def migrate(using: str) -> None:
    """Make our tables alone: the command would go on to those of all other applications."""
    executor = MigrationExecutor(_handler[using])
    executor.migrate([each for each in executor.loader.graph.leaf_nodes() if each[0] == LABEL])
    _handler[using].close()


def remove(using: str) -> None:
    """Forget it, and close what is open."""
    _handler[using].close()
    del _handler[using]
    forget(using)


def forget(using: str) -> None:
    """Forget one that was never opened."""
    del _handler.settings[using]
