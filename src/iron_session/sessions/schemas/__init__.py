"""Typed data: the application's own type instead of plain JSON values."""

from iron_session.sessions.schemas.schema import Misfit, Schema
from iron_session.sessions.schemas.typed import TypedData
from iron_session.sessions.schemas.types import prepare_schema

__all__ = ["Misfit", "Schema", "TypedData", "prepare_schema"]
