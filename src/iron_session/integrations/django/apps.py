"""The application for `INSTALLED_APPS`: with it, `manage.py check` checks the sessions."""

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
    """An application without models; importing the package registers the checks."""

    name: str = ENGINE
    label: str = "iron_session"
    verbose_name: str = "iron-session"
