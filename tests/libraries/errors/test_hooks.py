"""Sentry called by the application's own hooks, in the middle of reading a session."""

import logging
from dataclasses import replace
from typing import Any

import pytest
import sentry_sdk

from iron_session import HeaderJar, UnsealFailure, get_iron_session
from iron_session.testing import cookie_header
from tests.libraries.errors.actions import DATA, HEADERS, OPTIONS, CrashError
from tests.libraries.errors.tracker import Tracker


def capture_error(told: Any) -> None:
    sentry_sdk.capture_exception(told.error if isinstance(told, UnsealFailure) else CrashError())


def capture_message(told: Any) -> None:
    sentry_sdk.capture_message(f"told of {told}")


def log(told: Any) -> None:
    logging.getLogger("site").error("told of %r", told, extra={"told": told})


def fail(told: Any) -> None:
    raise CrashError


HOOKS = [capture_error, capture_message, log, fail]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_for_sessions_that_were_read(hook: Any, tracker: Tracker) -> None:
    options = replace(OPTIONS, on_unseal=hook)
    session = get_iron_session(HeaderJar(HEADERS["Cookie"]), options)
    assert dict(session) == DATA
    assert len(tracker.events) == 1
    assert tracker.leaks() == []


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_for_sessions_that_could_not_be_read(hook: Any, tracker: Tracker) -> None:
    """Here another server's: it opens there."""
    unknown = replace(
        OPTIONS, password={3: "one that this server has, and no other"}, on_unseal_error=hook
    )
    session = get_iron_session(HeaderJar(cookie_header(OPTIONS, DATA)), unknown)
    assert dict(session) == {}
    assert len(tracker.events) == 1
    assert tracker.leaks() == []
