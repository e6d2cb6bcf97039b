"""The pytest plugin of iron-session: `iron_session.testing` as fixtures.

It is a module of its own because pytest imports plugins before pytest-cov begins to measure. To
import a module of `iron_session` is to import that package, whose first lines would then count as
never run; and a test suite that does not use the fixtures would load cryptography. So each fixture
imports what it needs. `pytest -p no:iron_session` leaves the plugin out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from iron_session import SessionOptions
    from iron_session.testing import FrozenClock, ReadSession


@pytest.fixture(scope="session")
def iron_password() -> str:
    """The password of `iron_options`, which is published with iron-session: never deploy it."""
    from iron_session.seals.passwords import TESTING_PASSWORD

    return TESTING_PASSWORD


@pytest.fixture(scope="session")
def iron_options(iron_password: str) -> SessionOptions[Any]:
    """Options for tests, as `make_options()` returns them; the fixtures below use them.

    To use your application's own options, define a fixture of this name in your conftest.py.
    """
    from iron_session.testing import make_options

    return make_options(password=iron_password)


@pytest.fixture
def iron_clock() -> Iterator[FrozenClock]:
    """Stop iron-session's clock for the test, at 2026-01-01T00:00:00Z; `tick` moves it."""
    from iron_session.testing import frozen_clock

    with frozen_clock() as clock:
        yield clock


@pytest.fixture
def iron_log_in(iron_options: SessionOptions[Any]) -> Callable[..., None]:
    """Call `iron_log_in(client, data)` to put a session into a test client."""
    from iron_session.testing import log_in

    def bound(client: object, data: Any, **terms: Any) -> None:
        log_in(client, iron_options, data, **terms)

    return bound


@pytest.fixture
def iron_read_session(
    iron_options: SessionOptions[Any],
) -> Callable[..., ReadSession[Any] | None]:
    """Call `iron_read_session(response)` for the session that a response set, or a client holds."""
    from iron_session.testing import read_session

    def bound(source: object, *, url: str | None = None) -> ReadSession[Any] | None:
        return read_session(source, iron_options, url=url)

    return bound


@pytest.fixture
def iron_session_cookie(iron_options: SessionOptions[Any]) -> Callable[..., dict[str, str]]:
    """Call `iron_session_cookie(data)` for a session as a dict of cookies by name."""
    from iron_session.testing import session_cookie

    def bound(data: Any, **terms: Any) -> dict[str, str]:
        return session_cookie(iron_options, data, **terms)

    return bound


@pytest.fixture
def iron_cookie_header(iron_options: SessionOptions[Any]) -> Callable[..., str]:
    """Call `iron_cookie_header(data)` for a session as the text of a `Cookie` header."""
    from iron_session.testing import cookie_header

    def bound(data: Any, **terms: Any) -> str:
        return cookie_header(iron_options, data, **terms)

    return bound
