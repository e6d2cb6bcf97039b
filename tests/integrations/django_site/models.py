"""Something to change in the admin."""

from django.db import models


class Note(models.Model):  # type: ignore[misc]  # Django has no types
    text = models.CharField(max_length=200)

    class Meta:
        app_label = "notes"

    def __str__(self) -> str:
        return str(self.text)
