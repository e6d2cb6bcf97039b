"""The admin's pages: what was ended, and who is signed in. Nothing can be changed there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.contrib import admin, messages
from django.db import transaction

from iron_session import _time
from iron_session.errors import ConfigurationError, SessionUnavailableError
from iron_session.integrations.django.models import Ending, Ledger, SignedIn
from iron_session.integrations.django.revocations import (
    DjangoLedger,
    followed_ledger,
    revocations,
)
from iron_session.revocation import Revocations
from iron_session.revocation.names import session_text

__all__ = ["EndingAdmin", "LedgerAdmin", "SignedInAdmin"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

if TYPE_CHECKING:

    class _Admin:
        """The base class for type checkers: Django has no types."""

        model: Any
        opts: Any

        def message_user(self, request: Any, message: str, level: int = 0) -> None: ...
        def log_change(self, request: Any, instance: Any, message: Any) -> Any: ...

else:
    _Admin = admin.ModelAdmin


F = TypeVar("F", bound=Callable[..., Any])


def _column(description: str, ordering: str | None = None) -> Callable[[F], F]:
    decorator: Callable[[F], F] = admin.display(description=description, ordering=ordering)
    return decorator


def _action(description: str, permission: str) -> Callable[[F], F]:
    decorator: Callable[[F], F] = admin.action(description=description, permissions=[permission])
    return decorator


def _time_of(ms: int) -> datetime | None:
    return _EPOCH + timedelta(milliseconds=ms) if ms else None


def _ledger() -> DjangoLedger | None:
    """Return the ledger of the project's sessions; None if it is not in the database."""
    try:
        return followed_ledger(revocations())
    except ConfigurationError:  # the checks report it
        return None


class _ReadOnly(_Admin):
    """Rows of the project's namespace; a page that is there only if `DjangoStore` is used."""

    list_display: tuple[Any, ...] = ()
    list_display_links: None = None

    def get_queryset(self, request: Any) -> Any:
        """Return the rows of the namespace."""
        ledger = _ledger()
        rows = self.model._default_manager
        return (
            rows.none() if ledger is None else rows.using(ledger.using).filter(space=ledger.space)
        )

    def get_fields(self, request: Any, obj: Any = None) -> tuple[Any, ...]:
        """Return the columns, which are the fields of one row too."""
        return self.list_display

    def get_readonly_fields(self, request: Any, obj: Any = None) -> tuple[Any, ...]:
        """Return all fields."""
        return self.list_display

    def has_module_permission(self, request: Any) -> bool:
        """Return whether the page is there."""
        return _ledger() is not None and self.has_view_permission(request)

    def has_view_permission(self, request: Any, obj: Any = None) -> bool:
        """Return whether somebody may look."""
        return bool(request.user.has_perm(f"iron_session.view_{self.opts.model_name}"))

    def has_add_permission(self, request: Any) -> bool:
        """Return False."""
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        """Return False."""
        return False

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        """Return False: a row that is gone ends nothing, or forgets an ending."""
        return False


class LedgerAdmin(_ReadOnly):
    """The namespace as a whole: when all its sessions were ended."""

    list_display: tuple[Any, ...] = ("space", "all_ended_at", "longest_life")

    @_column("all sessions ended")
    def all_ended_at(self, row: Any) -> datetime | None:
        """Return when all sessions were ended last."""
        return _time_of(row.newest_all)

    @_column("longest life of a session")
    def longest_life(self, row: Any) -> timedelta:
        """Return how long a session can live."""
        return timedelta(milliseconds=row.longest)


class EndingAdmin(_ReadOnly):
    """What was ended: users and sessions. Users are there by fingerprint only."""

    list_display: tuple[Any, ...] = ("kind", "name", "ended_at", "kept_session", "forgotten_after")
    list_filter: tuple[Any, ...] = ("kind",)
    ordering: tuple[Any, ...] = ("-counter",)

    @_column("session or user's fingerprint")
    def name(self, row: Any) -> str:
        """Return the id of a session, or the fingerprint of a user."""
        return _text(row.key)

    @_column("began up to")
    def ended_at(self, row: Any) -> datetime | None:
        """Return up to when sessions of the user have ended."""
        return _time_of(row.mark)

    @_column("but the session")
    def kept_session(self, row: Any) -> str | None:
        """Return the id of the session that was left alone."""
        return None if row.kept is None else _text(row.kept)

    @_column("remembered until")
    def forgotten_after(self, row: Any) -> datetime | None:
        """Return until when an ended session is remembered."""
        return _time_of(row.until)


def _text(key: bytes) -> str:
    return session_text(bytes(key))


class SignedInAdmin(_ReadOnly):
    """Who is signed in, with `Revocations(directory=True)`, and the action that ends sessions."""

    list_display: tuple[Any, ...] = ("user_id", "label", "logged_in_at", "seen_at", "expires_at")
    search_fields: tuple[Any, ...] = ("=user_id", "label")
    ordering: tuple[Any, ...] = ("-login",)
    actions: tuple[Any, ...] = ("end",)

    def get_queryset(self, request: Any) -> Any:
        """Return the rows of sessions that have not expired."""
        return super().get_queryset(request).filter(expires__gt=_time.now_ms())

    def has_end_permission(self, request: Any) -> bool:
        """Return whether somebody may end sessions."""
        return bool(request.user.has_perm("iron_session.end_sessions"))

    @_column("logged in", ordering="login")
    def logged_in_at(self, row: Any) -> datetime | None:
        """Return when the user logged in."""
        return _time_of(row.login)

    @_column("last seen", ordering="seen")
    def seen_at(self, row: Any) -> datetime | None:
        """Return when the session was last written."""
        return _time_of(row.seen)

    @_column("expires", ordering="expires")
    def expires_at(self, row: Any) -> datetime | None:
        """Return when the session expires."""
        return _time_of(row.expires)

    @_action("End these sessions", "end")
    def end(self, request: Any, queryset: Any) -> None:
        """End sessions, once a transaction that the request may be in is over."""
        found = revocations()
        if found is not None:
            transaction.on_commit(
                partial(self._end, request, found, list(queryset)), using=queryset.db
            )

    def _end(self, request: Any, found: Revocations, rows: Iterable[Any]) -> None:
        count = 0
        try:
            for row in rows:
                found.end_session(_text(row.key))
                self.log_change(request, row, "Ended the session.")
                count += 1
        except (ConfigurationError, SessionUnavailableError) as error:
            self.message_user(
                request, f"{count} sessions were ended; then: {error}", messages.ERROR
            )
            return
        self.message_user(request, f"Sessions ended: {count}.", messages.SUCCESS)


admin.site.register(Ledger, LedgerAdmin)
admin.site.register(Ending, EndingAdmin)
admin.site.register(SignedIn, SignedInAdmin)
