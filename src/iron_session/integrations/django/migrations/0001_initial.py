"""The tables of `DjangoStore`, in databases that have what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db import migrations, models

__all__ = ["Migration"]

if TYPE_CHECKING:

    class _Migration:
        """The base class for type checkers: Django has no types."""

else:
    _Migration = migrations.Migration


class Migration(_Migration):
    """Three tables."""

    initial: bool = True

    dependencies: ClassVar[list[Any]] = []

    operations: ClassVar[list[Any]] = [
        migrations.CreateModel(
            name="Ledger",
            fields=[
                ("space", models.CharField(max_length=22, primary_key=True, serialize=False)),
                ("clock", models.BigIntegerField()),
                ("newest_all", models.BigIntegerField()),
                ("horizon", models.BigIntegerField()),
                ("longest", models.BigIntegerField()),
                ("generation", models.CharField(max_length=16)),
                ("counter", models.BigIntegerField()),
            ],
            options={
                "verbose_name": "namespace",
                "db_table": "iron_session_ledgers",
                "default_permissions": ("view",),
                "required_db_features": ("supports_update_conflicts_with_target",),
            },
        ),
        migrations.CreateModel(
            name="Ending",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("space", models.CharField(max_length=22)),
                ("kind", models.CharField(max_length=7)),
                ("key", models.BinaryField(max_length=16)),
                ("mark", models.BigIntegerField()),
                ("kept", models.BinaryField(max_length=16, null=True)),
                ("until", models.BigIntegerField()),
                ("counter", models.BigIntegerField()),
            ],
            options={
                "verbose_name": "ending",
                "db_table": "iron_session_endings",
                "default_permissions": ("view",),
                "required_db_features": ("supports_update_conflicts_with_target",),
                "indexes": [
                    models.Index(fields=["space", "counter"], name="iron_session_endings_later")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("space", "kind", "key"), name="iron_session_endings_one"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SignedIn",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("space", models.CharField(max_length=22)),
                ("key", models.BinaryField(max_length=16)),
                ("user", models.BinaryField(max_length=16)),
                ("user_id", models.CharField(max_length=256)),
                ("label", models.CharField(max_length=256, null=True)),
                ("login", models.BigIntegerField()),
                ("seen", models.BigIntegerField()),
                ("expires", models.BigIntegerField()),
                ("since", models.BigIntegerField()),
            ],
            options={
                "verbose_name": "session",
                "db_table": "iron_session_signed_in",
                "permissions": (("end_sessions", "Can end sessions"),),
                "default_permissions": ("view",),
                "required_db_features": ("supports_update_conflicts_with_target",),
                "indexes": [
                    models.Index(fields=["space", "user"], name="iron_session_signed_in_user")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("space", "key"), name="iron_session_signed_in_one"
                    )
                ],
            },
        ),
    ]
