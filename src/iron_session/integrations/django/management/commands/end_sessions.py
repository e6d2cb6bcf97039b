"""`manage.py end_sessions`: end the sessions of a user, one session, or all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from iron_session.errors import ConfigurationError, SessionUnavailableError
from iron_session.integrations.django.revocations import revocations
from iron_session.revocation import Ending, Revocations

__all__ = ["Command"]

if TYPE_CHECKING:

    class _Command:
        """The base class for type checkers: Django has no types."""

else:
    _Command = BaseCommand


class Command(_Command):
    """End sessions by the `revocations` of IRON_SESSION, whatever store they have."""

    help: str = "End sessions, in all processes that follow the store of IRON_SESSION."

    def add_arguments(self, parser: Any) -> None:
        """Add what to end."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--user", metavar="ID", help="end all sessions of this user")
        what.add_argument("--session", metavar="ID", help="end the session with this id")
        what.add_argument("--all", action="store_true", help="end all sessions of the namespace")

    def handle(self, *_: Any, **given: Any) -> str:
        """End what the arguments name; return what was done.

        Raises:
            CommandError: nothing is known to have ended.
        """
        try:
            found = revocations()
            if found is None:
                raise CommandError('IRON_SESSION has no "revocations", so sessions can\'t be ended')
            return _report(_end(found, given))
        except (ConfigurationError, SessionUnavailableError) as error:
            raise CommandError(str(error)) from None


def _end(found: Revocations, given: dict[str, Any]) -> Ending:
    if given["all"]:
        return found.end_all()
    if given["user"] is not None:
        return found.end_user(given["user"])
    return found.end_session(given["session"])


def _report(ending: Ending) -> str:
    at = ending.at.isoformat(timespec="milliseconds")
    if ending.holds_by is None:
        by = "in every process that can reach the store"
    else:
        by = f"in every process by {ending.holds_by.isoformat(timespec='milliseconds')}"
    return f"Ended at {at}.\nThis holds {by}."
