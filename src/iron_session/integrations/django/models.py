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
    _Model: Any = models.Model


class _Options:
    """What all tables have in common: they are there only where the store can use them."""

    app_label: str = "iron_session"
    default_permissions: tuple[str, ...] = ("view",)
    required_db_features: tuple[str, ...] = ("supports_update_conflicts_with_target",)


class Ledger(_Model):
    """What is known of one namespace as a whole. All times are ms of the store's clock."""

    space: Any = models.CharField(max_length=22, primary_key=True)
    clock: Any = models.BigIntegerField()
    newest_all: Any = models.BigIntegerField()
    horizon: Any = models.BigIntegerField()
    longest: Any = models.BigIntegerField()
    generation: Any = models.CharField(max_length=16)
    counter: Any = models.BigIntegerField()

    class Meta(_Options):
        """The table."""

        db_table: str = "iron_session_ledgers"
        verbose_name: str = "namespace"

    def __str__(self) -> str:
        return str(self.space)


class Ending(_Model):
    """The newest ending of a user, or that of a session."""

    id: Any = models.BigAutoField(primary_key=True)
    space: Any = models.CharField(max_length=22)
    kind: Any = models.CharField(max_length=7)
    key: Any = models.BinaryField(max_length=16)
    mark: Any = models.BigIntegerField()
    kept: Any = models.BinaryField(max_length=16, null=True)
    until: Any = models.BigIntegerField()
    counter: Any = models.BigIntegerField()

    class Meta(_Options):
        """The table."""

        db_table: str = "iron_session_endings"
        verbose_name: str = "ending"
        constraints: Any = (
            models.UniqueConstraint(
                fields=["space", "kind", "key"], name="iron_session_endings_one"
            ),
        )
        indexes: Any = (
            models.Index(fields=["space", "counter"], name="iron_session_endings_later"),
        )

    def __str__(self) -> str:
        key: Any = self.key  # bytes, or with some drivers a memoryview
        return f"{self.kind} {bytes(key).hex()}"


class SignedIn(_Model):
    """A session of a user, with `Revocations(directory=True)`."""

    id: Any = models.BigAutoField(primary_key=True)
    space: Any = models.CharField(max_length=22)
    key: Any = models.BinaryField(max_length=16)
    user: Any = models.BinaryField(max_length=16)
    user_id: Any = models.CharField(max_length=256)
    label: Any = models.CharField(max_length=256, null=True)
    login: Any = models.BigIntegerField()
    seen: Any = models.BigIntegerField()
    expires: Any = models.BigIntegerField()
    since: Any = models.BigIntegerField()

    class Meta(_Options):
        """The table."""

        db_table: str = "iron_session_signed_in"
        verbose_name: str = "session"
        permissions: Any = (("end_sessions", "Can end sessions"),)
        constraints: Any = (
            models.UniqueConstraint(fields=["space", "key"], name="iron_session_signed_in_one"),
        )
        indexes: Any = (models.Index(fields=["space", "user"], name="iron_session_signed_in_user"),)

    def __str__(self) -> str:
        return f"{self.user_id}, {self.label or 'no label'}"
