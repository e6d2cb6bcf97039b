"""The page "Large sessions": its numbers are those of real sessions, and its code is run."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    HeaderJar,
    Session,
    get_iron_session,
)
from tests.helpers.pages import blocks, one_line, read_page, run_page, tables
from tests.sessions.browser import PASSWORD, make_options

PAGE = read_page("docs/how-to/large-sessions.md")
HTTPS = "https://shop.example"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """All Python of the page, run in a folder of its own."""
    monkeypatch.setenv("SESSION_PASSWORD", PASSWORD)
    monkeypatch.chdir(tmp_path)
    return run_page(PAGE, "large_sessions_page")


def begin(cookie: str = "", **changes: Any) -> Session:
    return get_iron_session(HeaderJar(cookie), make_options(**changes))


def sent(session: Session) -> list[str]:
    """Save a session, and return the cookies that it sets."""
    session.save()
    headers = session.jar.set_cookie_headers  # type: ignore[attr-defined]  # this jar has them
    return [one.partition(";")[0] for one in headers if "Max-Age=0" not in one]


def test_a_session_is_as_large_as_the_table_says() -> None:
    """And one byte more than the most of a number of cookies needs another one, or is refused."""
    (table,) = tables(PAGE)
    for row in table[1:]:
        data, seal, count, field = (int(one.split(", ")[0].replace(",", "")) for one in row)
        session = begin(chunk=True)
        session["x"] = "x" * (data - len('{"x":""}'))
        cookies = sent(session)
        assert (len(session.seal or ""), len(cookies), len("; ".join(cookies))) == (
            seal,
            count,
            field,
        )
        assert seal == 222 + -(-(data // 16 + 1) * 64 // 3)
        if "the most" in row[0]:
            more = begin(chunk=True)
            more["x"] = session["x"] + "x"
            if count == 4:
                with pytest.raises(CookieTooLargeError):
                    more.save()
            else:
                assert len(sent(more)) == count + 1


def test_letters_have_the_bytes_that_the_page_says() -> None:
    for letter, count in (("é", 2), ("😀", 4), ('"', 2)):
        one, other = begin(), begin()
        one["x"], other["x"] = letter * 48, "x" * 48 * count
        sent(one)
        sent(other)
        assert len(one.seal or "") == len(other.seal or "x")


def test_the_page_prints_the_sizes_that_it_says(
    page: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    run_page(PAGE, "large_sessions_page")
    said = [line.partition("  # ")[2] for line in PAGE.splitlines() if line.startswith("print(")]
    assert capsys.readouterr().out.splitlines() == said
    assert page["size_of"]({"x": "x" * 2839}) == 4020


def test_the_hook_warns_of_large_sessions_only(
    page: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    for length, warnings in ((1000, 0), (2500, 1)):
        caplog.clear()
        (cookie,) = sent(begin_with("x" * length))
        assert get_iron_session(HeaderJar(cookie), page["watched"])["x"]
        assert sum(one.levelno == logging.WARNING for one in caplog.records) == warnings


def begin_with(text: str, **changes: Any) -> Session:
    session = begin(**changes)
    session["x"] = text
    return session


def test_the_page_s_list_stops_growing(page: dict[str, Any]) -> None:
    session = begin()
    for product in [*range(30), 25]:
        page["remember_viewed"](session, product)
    assert session["viewed"] == [25, 29, 28, 27, 26, 24, 23, 22, 21, 20]


def test_a_small_session_names_five_cookies_with_the_option_and_one_without() -> None:
    lengths = []
    for chunk in (True, False):
        session = begin(chunk=chunk)
        session["x"] = 1
        session.save()
        lengths.append([len(one) for one in session.jar.set_cookie_headers])  # type: ignore[attr-defined]  # this jar has them
    assert list(map(len, lengths)) == [5, 1]
    more = sum(length + len("Set-Cookie: \r\n") for length in lengths[0][1:])
    assert f"That is {more} bytes more" in one_line(PAGE)


def test_chunks_are_read_without_the_option_and_not_written() -> None:
    cookies = sent(begin_with("x" * 5000, chunk=True))
    session = begin("; ".join(cookies))
    assert len(session["x"]) == 5000
    session["y"] = 1
    with pytest.raises(CookieTooLargeError):
        session.save()
    session["x"] = ""
    assert len(sent(session)) == 1


def test_the_error_says_what_the_page_shows() -> None:
    (text,) = blocks("text", PAGE)
    session = begin()
    session["user"] = 7
    session["note"] = "a" * 2000
    session["cart"] = [{"id": 1, "name": "abc", "price": 12}] * 30
    with pytest.raises(CookieTooLargeError) as caught:
        session.save()
    assert str(caught.value) == one_line(text)
    with pytest.raises(CookieTooLargeError, match="needs 5 cookies and the most is 4"):
        begin_with("x" * 12_200, chunk=True).save()


@pytest.mark.parametrize("length", [2900, 1_000_000])
def test_nothing_is_encrypted_before_its_size_is_known(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iron_session.sessions.sealed.seal_json", None)
    with pytest.raises(CookieTooLargeError):
        begin_with("x" * length).save()


def test_drafts_are_kept_apart_and_deleted_with_the_logout(page: dict[str, Any]) -> None:
    ada, bob = (TestClient(page["app"], base_url=HTTPS) for _ in range(2))
    text = "x" * 100_000
    assert ada.put("/draft", json={"text": text}).json() == {"saved": True}
    assert ada.put("/draft", json={"text": text + "!"}).json() == {"saved": True}
    assert ada.get("/draft").json() == {"text": text + "!"}
    assert bob.get("/draft").json() is None
    assert len(ada.cookies["myapp"]) < 400
    before = ada.cookies["myapp"]
    ada.post("/logout")
    assert "myapp" not in ada.cookies
    ada.cookies.set("myapp", before)
    assert ada.get("/draft").json() is None


def test_old_drafts_are_deleted(page: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    drafts, old, new = page["drafts"], begin(), begin()
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: 1000.0)
        drafts.save(old, {"text": 1})
    drafts.save(new, {"text": 2})
    drafts.delete_old(3600)
    assert [drafts.load(one) for one in (old, new)] == [None, {"text": 2}]


def test_sanic_refuses_to_start_if_its_limit_is_too_low(page: dict[str, Any]) -> None:
    from sanic import Sanic

    from iron_session.integrations.sanic import setup

    app: Sanic[Any, Any] = Sanic("too-low")
    try:
        with pytest.raises(ConfigurationError, match="REQUEST_MAX_HEADER_SIZE"):
            setup(app, page["chunked"])
    finally:
        Sanic.unregister_app(app)
