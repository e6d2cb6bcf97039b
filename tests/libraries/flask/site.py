"""What the tests of this folder share: a site on sealed sessions, and what a browser holds of it.

Two sites made by one function share nothing but their options, as two servers do: one can be asked
what the other's visitor may do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from iron_session.integrations.flask import IronSessionInterface
from tests.sessions.browser import NAME, ReceivedCookie, make_options, session_of

OPTIONS = make_options(cookie_options={"secure": False})  # over plain HTTP too


def make_site(**settings: Any) -> Flask:
    """Make an application; the secret key is for what extensions sign by themselves."""
    app = Flask(__name__)
    app.config.update(SECRET_KEY="signs what extensions sign by themselves", **settings)
    app.session_interface = IronSessionInterface(OPTIONS)
    return app


@contextmanager
def databases(*apps: Flask) -> Iterator[None]:
    """Close what Flask-SQLAlchemy keeps open in these applications, at the end of a block."""
    try:
        yield
    finally:
        for app in apps:
            with app.app_context():
                app.extensions["sqlalchemy"].engine.dispose()


def cookie_in(client: FlaskClient) -> str:
    """Return the value of the session's cookie in a browser, "" where it has none."""
    cookie = client.get_cookie(NAME)
    return "" if cookie is None else cookie.value


def session_in(client: FlaskClient) -> dict[str, Any]:
    """Open the session's cookie in a browser, as only the site can; {} where it has none."""
    return dict(session_of(f"{NAME}={cookie_in(client)}"))


def moved_to(app: Flask, client: FlaskClient) -> FlaskClient:
    """Open another server's site in the same browser: it has what `client` has, and no more."""
    other = app.test_client()
    if cookie_in(client):
        other.set_cookie(NAME, cookie_in(client))
    return other


def is_written(response: Any) -> bool:
    """Check whether a response sets the session's cookie, or expires it."""
    return NAME in _cookies_of(response)


def is_expired(response: Any) -> bool:
    """Check whether a response has the browser throw the session's cookie away."""
    cookie = _cookies_of(response).get(NAME)
    return cookie is not None and (cookie.value, cookie.max_age) == ("", 0)


def _cookies_of(response: Any) -> dict[str, ReceivedCookie]:
    """Return the cookies of a response, of Werkzeug's or of httpx's, by their names."""
    headers = response.headers
    values = headers.get_list if hasattr(headers, "get_list") else headers.getlist
    return {cookie.name: cookie for cookie in map(ReceivedCookie.parse, values("Set-Cookie"))}
