"""The application for `INSTALLED_APPS`: checks, and what `DjangoStore` needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import AppConfig

from iron_session.integrations.django.settings import ENGINE

__all__ = ["IronSessionConfig"]

if TYPE_CHECKING:

    class _Config:
        """The base class for type checkers: Django has no types."""

else:
    _Config = AppConfig


class IronSessionConfig(_Config):
    """With it, `manage.py check` checks the sessions, and `migrate` makes the store's tables."""

    name: str = ENGINE
    label: str = "iron_session"
    verbose_name: str = "iron-session"
    default_auto_field: str = "django.db.models.BigAutoField"
