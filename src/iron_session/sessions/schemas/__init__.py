"""Typed data: a type of the application's in the place of plain JSON values."""

from iron_session.sessions.schemas.schema import Misfit, Schema
from iron_session.sessions.schemas.typed import TypedData
from iron_session.sessions.schemas.types import prepare_schema

__all__ = ["Misfit", "Schema", "TypedData", "prepare_schema"]
