"""The tables of `DjangoStore`: for migrations and the admin; the store itself reads no models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

__all__ = ["Ending", "Ledger", "SignedIn"]

if TYPE_CHECKING:

    class _Model:
        """The base class for type checkers: Django has no types."""

        def __getattr__(self, name: str) -> Any: ...

else:
    _Model = models.Model


class _Options:
    """What all tables have in common: they are there only where the store can use them."""

    app_label = "iron_session"
    default_permissions = ("view",)
    required_db_features = ("supports_update_conflicts_with_target",)


class Ledger(_Model):
    """What is known of one namespace as a whole. All times are ms of the store's clock."""

    space = models.CharField(max_length=22, primary_key=True)
    clock = models.BigIntegerField()
    newest_all = models.BigIntegerField()
    horizon = models.BigIntegerField()
    longest = models.BigIntegerField()
    generation = models.CharField(max_length=16)
    counter = models.BigIntegerField()

    class Meta(_Options):
        """The table."""

        db_table = "iron_session_ledgers"
        verbose_name = "namespace"

    def __str__(self) -> str:
        return str(self.space)


class Ending(_Model):
    """The newest ending of a user, or that of a session."""

    id = models.BigAutoField(primary_key=True)
    space = models.CharField(max_length=22)
    kind = models.CharField(max_length=7)
    key = models.BinaryField(max_length=16)
    mark = models.BigIntegerField()
    kept = models.BinaryField(max_length=16, null=True)
    until = models.BigIntegerField()
    counter = models.BigIntegerField()

    class Meta(_Options):
        """The table."""

        db_table = "iron_session_endings"
        verbose_name = "ending"
        constraints = (
            models.UniqueConstraint(
                fields=["space", "kind", "key"], name="iron_session_endings_one"
            ),
        )
        indexes = (models.Index(fields=["space", "counter"], name="iron_session_endings_later"),)

    def __str__(self) -> str:
        key: Any = self.key  # bytes, or with some drivers a memoryview
        return f"{self.kind} {bytes(key).hex()}"


class SignedIn(_Model):
    """A session of a user, with `Revocations(directory=True)`."""

    id = models.BigAutoField(primary_key=True)
    space = models.CharField(max_length=22)
    key = models.BinaryField(max_length=16)
    user = models.BinaryField(max_length=16)
    user_id = models.CharField(max_length=256)
    label = models.CharField(max_length=256, null=True)
    login = models.BigIntegerField()
    seen = models.BigIntegerField()
    expires = models.BigIntegerField()
    since = models.BigIntegerField()

    class Meta(_Options):
        """The table."""

        db_table = "iron_session_signed_in"
        verbose_name = "session"
        permissions = (("end_sessions", "Can end sessions"),)
        constraints = (
            models.UniqueConstraint(fields=["space", "key"], name="iron_session_signed_in_one"),
        )
        indexes = (models.Index(fields=["space", "user"], name="iron_session_signed_in_user"),)

    def __str__(self) -> str:
        return f"{self.user_id}, {self.label or 'no label'}"
