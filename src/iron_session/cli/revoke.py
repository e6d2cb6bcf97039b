"""`iron-session revoke`: end sessions from the command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, Final

from iron_session.cli import terminal
from iron_session.cli.output import complain, put
from iron_session.errors import ConfigurationError, SessionUnavailableError
from iron_session.revocation import Ending, Revocations, open_store
from iron_session.revocation.files import is_there
from iron_session.revocation.ledger import Ledger, Store, file_of, find_obstacle

__all__ = ["add_revoke"]

_VARIABLE: Final = "IRON_SESSION_STORE"
_DESCRIPTION: Final = (
    "End sessions, in all processes that follow the store. Exit status 1: nothing is known to have "
    "ended."
)
_LIKELY_WRONG: Final = (
    "no application has followed this namespace of this store yet, so this has probably ended "
    "nothing: check the store and the namespace. The ending was written there all the same"
)


def add_revoke(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` has returned them."""
    parser = commands.add_parser(
        "revoke", help="end the sessions of a user, one session, or all", description=_DESCRIPTION
    )
    parser.add_argument(
        "--store",
        metavar="URL",
        help=f"the store's URL; better in the environment variable {_VARIABLE} if it has a "
        "password, since other users of the machine can see arguments",
    )
    parser.add_argument(
        "--namespace", metavar="NAME", required=True, help="the namespace of the application"
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--user", metavar="ID", help="end all sessions of this user")
    what.add_argument("--session", metavar="ID", help="end the session with this id")
    what.add_argument("--all", action="store_true", help="end all sessions of the namespace")
    parser.add_argument(
        "--max-stale",
        metavar="SECONDS",
        type=terminal.seconds,
        default=120,
        help="max_stale of the application, to compute when the ending holds everywhere; 120",
    )
    parser.set_defaults(run=lambda given: _run(parser, given))


def _run(parser: argparse.ArgumentParser, given: argparse.Namespace) -> int:
    url = given.store or os.environ.get(_VARIABLE)
    if not url:
        parser.error(f"--store is required, or the environment variable {_VARIABLE}")
    try:
        return _end(url, given)
    except (ConfigurationError, SessionUnavailableError, ImportError) as error:
        return complain(str(error), 1)
    except KeyboardInterrupt:
        text = "interrupted: it is not known whether anything was ended, so try again"
        return complain(text, terminal.INTERRUPTED)


def _end(url: str, given: argparse.Namespace) -> int:
    store = open_store(url)
    revocations = Revocations(store, namespace=given.namespace, max_stale=given.max_stale)
    _check_file(store, revocations.ledger)
    reaching = partial(_reaching, store, revocations.ledger)
    with reaching("nothing was ended"), closing(revocations.ledger.feed()) as feed:
        longest = feed.beat(0, 0).meta.longest  # 0 if no application has ever said it
    with reaching("it is not known whether anything was ended, so try again"):
        ending = _ask(revocations, given)
    if not longest:
        return complain(_LIKELY_WRONG, 1)
    return put(_report(given, ending))


@contextmanager
def _reaching(store: Store, ledger: Ledger, effect: str) -> Iterator[None]:
    """Turn what a store's client raises into one line; its own message may hold a password."""
    try:
        yield
    except ConfigurationError:
        raise
    except Exception as error:
        kind = type(error.__cause__ or error).__name__
        obstacle = find_obstacle(ledger)
        why = f"; {obstacle}" if obstacle else ""
        raise SessionUnavailableError(
            f"{store!r} can't be reached ({kind}): {effect}{why}"
        ) from None


def _check_file(store: Store, ledger: Ledger) -> None:
    """Refuse a file that is not there: making it would end nothing, and belong to who did it."""
    file = file_of(ledger)
    if file is not None and not is_there(file.path):
        raise ConfigurationError(f"{store!r} is not there: check the path")


def _ask(revocations: Revocations, given: argparse.Namespace) -> Ending:
    if given.all:
        return revocations.end_all()
    if given.user is not None:
        return revocations.end_user(given.user)
    return revocations.end_session(given.session)


def _report(given: argparse.Namespace, ending: Ending) -> str:
    at, by = (
        each and each.isoformat(timespec="milliseconds") for each in (ending.at, ending.holds_by)
    )
    if given.session is not None:
        done = f"The session was ended at {at}"
    elif given.all:
        done = f"All sessions that began up to {at} were ended"
    else:
        done = f"All sessions of user {given.user!r} that began up to {at} were ended"
    return (
        f"{done}.\nThis holds in every process by {by}, if max_stale is {given.max_stale:g} there."
    )
