"""What Flask's own session gets wrong, each as a test that it is right here."""

import base64
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, Response, render_template_string, request, session, stream_with_context
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from iron_session import ConfigurationError, CookieTooLargeError, SessionOptions
from iron_session.integrations.flask import IronSessionInterface, get_session
from tests.contract.logs import lost_changes
from tests.helpers.clock import Clock
from tests.sessions.browser import NAME, OLD, PASSWORD, TTL, make_options, saved, session_of

Act = Callable[[], Any]


def browser(act: Act, options: SessionOptions | None = None) -> FlaskClient:
    """Visit an app that does something on /, and shows its session on /session."""
    app = Flask(__name__)
    app.testing = True
    app.session_interface = IronSessionInterface(options or make_options())
    app.add_url_rule("/", "act", lambda: act() or "")
    app.add_url_rule("/session", "show", lambda: dict(session))
    return app.test_client()


def with_session(client: FlaskClient, data: dict[str, Any]) -> FlaskClient:
    """Give a client the cookie of a session with this data."""
    client.set_cookie(NAME, saved(data).partition("=")[2])
    return client


def cookies_of(response: TestResponse) -> list[str]:
    """Give the values of Set-Cookie."""
    return response.headers.getlist("Set-Cookie")


def test_a_change_inside_a_nested_value_is_not_lost() -> None:
    """flask#1983: Flask saves what was assigned to a key, and no deeper."""

    def add() -> None:
        session.setdefault("cart", {"items": []})["items"].append("tea")

    client = browser(add)
    for _ in range(3):
        client.get("/")
    assert client.get("/session").json == {"cart": {"items": ["tea"] * 3}}


def test_writing_what_is_there_already_is_no_change() -> None:
    """Flask writes the cookie again, and so undoes what another request wrote meanwhile."""
    client = with_session(browser(lambda: session.update(user=1)), {"user": 1})
    assert cookies_of(client.get("/")) == []


def streaming(late: Act) -> FlaskClient:
    """Visit an app that does something to its session once the response is on its way."""

    def parts() -> Iterator[str]:
        yield "first"
        late()

    def act() -> Response:
        session.get("user")
        return Response(stream_with_context(parts()))

    return browser(act)


def test_a_write_after_a_stream_has_started_does_not_vanish_in_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """flask#1348."""
    client = streaming(lambda: session.update(late=True))
    assert client.get("/", buffered=True).text == "first"
    assert len(lost_changes(caplog)) == 1


def test_what_was_written_before_a_stream_goes_out_with_its_headers() -> None:
    def act() -> Response:
        session["user"] = 1
        return Response(stream_with_context(iter([f"user {session['user']}"])))

    client = browser(act)
    assert client.get("/", buffered=True).text == "user 1"
    assert client.get("/session").json == {"user": 1}


LOOKS: dict[str, Act] = {
    "in": lambda: str("user" in session),
    "len": lambda: str(len(session)),
    "truth": lambda: str(bool(session)),
    "iteration": lambda: " ".join(session),
    "get": lambda: str(session.get("user")),
    "keys": lambda: " ".join(session.keys()),
    "a template": lambda: render_template_string("{% if 'user' in session %}x{% endif %}"),
    "permanent": lambda: str(session.permanent),
    "the session itself": lambda: str("user" in get_session()),
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("there", [{}, {"user": 1}])
def test_however_the_session_is_looked_at_the_response_varies(
    look: str, there: dict[str, int]
) -> None:
    """CVE-2026-27205: Flask left `Vary` out where only the keys were looked at."""
    client = browser(LOOKS[look])
    if there:
        with_session(client, there)
    response = client.get("/")
    assert response.headers["Vary"] == "Cookie"
    assert cookies_of(response) == []


def test_a_session_that_is_written_again_is_kept_out_of_caches(clock: Clock) -> None:
    """CVE-2023-30861: a refreshed session went into the cache of a proxy, and to everybody."""
    options = make_options(renew_after=3600)
    client = with_session(browser(lambda: str(session.get("user")), options), {"user": 1})
    clock.advance(TTL / 2)
    response = client.get("/")
    assert len(cookies_of(response)) == 1
    assert response.headers["Vary"] == "Cookie"
    assert response.headers["Cache-Control"] == "no-store"


def test_a_page_that_does_not_use_the_session_does_not_refresh_it(clock: Clock) -> None:
    """The same: Flask refreshed permanent sessions on pages that anybody may cache."""
    client = with_session(browser(lambda: "hello"), {"_permanent": True, "user": 1})
    clock.advance(TTL / 2)
    response = client.get("/")
    assert not {"Set-Cookie", "Vary", "Cache-Control"} & set(dict(response.headers))


def test_one_old_password_given_as_text_is_not_taken_for_a_list_of_letters() -> None:
    """Flask splits `SECRET_KEY_FALLBACKS` given as text, and each letter opens sessions."""
    with pytest.raises(ConfigurationError):
        make_options(password=list(PASSWORD))
    assert len(make_options(password=PASSWORD).passwords.ids) == 1


def test_a_rotated_password_still_opens_and_is_replaced() -> None:
    app = browser(lambda: str(session["user"]), make_options(password={1: OLD, 2: PASSWORD}))
    app.set_cookie(NAME, saved({"user": 1}, password={1: OLD}).partition("=")[2])
    response = app.get("/")
    assert response.text == "1"
    assert f"{NAME}=Fe26.2*2*" in cookies_of(response)[0]


def test_nobody_reads_the_cookie() -> None:
    """flask#4490: Flask's is signed only, so that everybody can read what is in it."""
    client = browser(lambda: session.update(secret="the price that we pay"))
    value = client.get("/").headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    for part in re.findall(r"[A-Za-z0-9_-]{4,}", value):
        raw = base64.urlsafe_b64decode(part[: len(part) // 4 * 4])
        assert b"secret" not in raw
        assert b"secret" not in decompressed(raw)
    assert dict(session_of(f"{NAME}={value}")) == {"secret": "the price that we pay"}


def decompressed(raw: bytes) -> bytes:
    """Undo what Flask does to larger sessions."""
    try:
        return zlib.decompress(raw)
    except zlib.error:
        return b""


@pytest.mark.parametrize("size", [3100, 8000])
def test_a_cookie_that_browsers_would_drop_is_not_sent(size: int) -> None:
    """Flask warns at 4093 bytes, and sends it; the visitor is logged out."""
    client = with_session(browser(lambda: session.update(large="x" * size)), {"user": 1})
    with pytest.raises(CookieTooLargeError, match=r"browsers accept 4096.*\[\"large\"\]"):
        client.get("/")
    assert client.get("/session").json == {"user": 1}


def test_a_failed_request_leaves_the_session_as_it_was() -> None:
    """Flask saves the half-done work of a request that failed."""

    def fail() -> None:
        session["step"] = 2
        raise ZeroDivisionError

    client = with_session(browser(fail), {"step": 1})
    client.application.testing = False
    response = client.get("/")
    assert (response.status_code, cookies_of(response)) == (500, [])
    assert client.get("/session").json == {"step": 1}


def test_a_cookie_tossed_in_by_a_sibling_does_not_shadow_the_real_one() -> None:
    """Flask takes the first of one name."""
    client = browser(lambda: "").application.test_client(use_cookies=False)
    header = f"{NAME}=x; {saved({'user': 1})}"
    assert client.get("/session", headers={"Cookie": header}).json == {"user": 1}


def test_the_session_is_there_before_the_request_is_routed() -> None:
    """As Flask promises to converters of addresses."""
    client = with_session(browser(lambda: ""), {"user": 1})
    seen: list[Any] = []
    client.application.url_value_preprocessor(lambda endpoint, values: seen.append(session["user"]))
    client.application.before_request(lambda: seen.append(request.endpoint))
    client.get("/")
    assert seen == [1, "act"]
