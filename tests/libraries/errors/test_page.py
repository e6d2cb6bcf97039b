"""What the page on watching says of error trackers, with Sentry itself."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import flask
import pytest
import sentry_sdk
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient
from werkzeug.test import Client

from iron_session import SessionOptions
from iron_session.integrations import starlette
from iron_session.integrations.flask import IronSessionInterface
from iron_session.links import Links
from iron_session.testing import cookie_header
from tests.helpers.frames import MARKER, PASSWORD, SECRETS, opens
from tests.helpers.pages import read_page, run_page
from tests.libraries.errors.actions import CrashError
from tests.libraries.errors.tracker import Tracker

WATCHING = read_page("docs/how-to/watching.md").partition("## Error trackers")[2]
FIRST: SessionOptions = SessionOptions(
    password=PASSWORD, cookie_name="myapp", chunk=True, cookie_options={"secure": False}
)
SECOND: SessionOptions = replace(FIRST, cookie_name="admin", chunk=False)
LINK = Links(password=PASSWORD, purpose="login").make("/", {"secret": MARKER})
HEADERS = {
    "Cookie": f"{cookie_header(FIRST, {'a': MARKER * 150})}; {cookie_header(SECOND, {'b': MARKER})}"
}
PIECES = [part[40:80] for part in HEADERS["Cookie"].split("; ")]


@pytest.fixture(params=[False, True], ids=["default", "pii"])
def tracker(request: pytest.FixtureRequest) -> Iterator[Tracker]:
    """Sentry with what the page shows; and so where it is to send what identifies people."""
    filtered = run_page(WATCHING, "watching")["without_seals"]
    with tracking(before_send=filtered, send_default_pii=request.param) as tracker:
        yield tracker


@contextmanager
def tracking(**settings: Any) -> Iterator[Tracker]:
    """Start another Sentry for a while."""
    before, tracker = sentry_sdk.get_client(), Tracker()
    sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", transport=tracker, **settings)
    yield tracker
    sentry_sdk.get_global_scope().set_client(before)


def view(request: Request) -> Response:
    cookies = request.cookies
    raise CrashError(str(len(cookies)))


def by_starlette() -> None:
    gateways = [
        Middleware(starlette.IronSessionMiddleware, options=FIRST),
        Middleware(starlette.IronSessionMiddleware, options=SECOND, key="admin"),
    ]
    app = Starlette(routes=[Route("/", view)], middleware=gateways)
    TestClient(app, raise_server_exceptions=False).get(LINK, headers=HEADERS)


def by_flask() -> None:
    app = flask.Flask(__name__)
    app.session_interface = IronSessionInterface(FIRST, admin=SECOND)

    @app.get("/")
    def view() -> Any:
        cookies = dict(flask.request.cookies)
        raise CrashError(str(len(cookies)))

    Client(app, use_cookies=False).get(LINK, headers=HEADERS)


@pytest.mark.parametrize("ask", [by_starlette, by_flask])
def test_no_seal_is_sent_by_whatever_framework(ask: Any, tracker: Tracker) -> None:
    ask()
    assert tracker.kinds()[0] == "CrashError"
    sent = json.dumps(tracker.events)
    assert "[seal]" in sent
    assert "Fe26" not in sent
    assert not opens(sent)
    assert not [one for one in (*SECRETS, *PIECES) if one in sent]


def test_without_it_seals_are_sent() -> None:
    """Else the page would be wrong, and the test above prove nothing."""
    with tracking() as tracker:
        by_starlette()
    sent = json.dumps(tracker.events)
    assert opens(sent)
    assert [piece for piece in PIECES if piece in sent]
