"""The app with the one model."""

from pathlib import Path

from django.apps import AppConfig


class NotesConfig(AppConfig):  # type: ignore[misc]  # Django has no types
    name = "tests.integrations.django_site"
    label = "notes"
    path = str(Path(__file__).parent)
