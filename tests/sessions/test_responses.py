"""The headers that a response needs for its session."""

from collections.abc import Callable

import pytest

from iron_session import HeaderJar, Session, get_iron_session
from iron_session.sessions.responses import (
    HeaderChanges,
    header_changes,
    sets_same_cookie,
    vary_on_cookie,
)
from tests.sessions.browser import NAME, Browser, make_options, saved


def changes_after(
    use: Callable[[Session], object],
    *,
    vary: str | None = None,
    cache_control: str | None = None,
    header: str | None = None,
) -> HeaderChanges:
    """Tell what a response needs after a handler used its session in this way."""
    jar = HeaderJar(saved({"user": 1}) if header is None else header)
    session = get_iron_session(jar, make_options())
    use(session)
    return header_changes(session, jar, vary=vary, cache_control=cache_control)


def look(session: Session) -> None:
    session.get("user")


def change(session: Session) -> None:
    session["user"] = 2


def clear(session: Session) -> None:
    session.clear()


def destroy(session: Session) -> None:
    session.destroy()


def save(session: Session) -> None:
    session.save()


@pytest.mark.parametrize("header", ["", f"{NAME}=junk", None])
def test_a_session_that_nobody_touched_changes_no_header(header: str | None) -> None:
    """And is not even read: the page may be cached for everybody."""
    assert changes_after(repr, header=header) == HeaderChanges([], None, None)


@pytest.mark.parametrize("header", ["", f"{NAME}=junk", None])
@pytest.mark.parametrize("use", [look, len, list, bool, Session.mark_accessed])
def test_a_session_that_was_looked_at_varies_the_response(
    header: str | None, use: Callable[[Session], object]
) -> None:
    """Also where there was no cookie: with one the page would be another."""
    assert changes_after(use, header=header) == HeaderChanges([], "Cookie", None)


@pytest.mark.parametrize("use", [change, clear, destroy, save, Session.mark_modified])
def test_a_session_that_was_written_is_kept_out_of_caches(
    use: Callable[[Session], object],
) -> None:
    changes = changes_after(use)
    assert changes.vary == "Cookie"
    assert changes.cache_control == "no-store"
    (header,) = changes.set_cookie
    assert header.startswith(f"{NAME}=")


def test_destroying_alone_varies_the_response() -> None:
    """Though it never reads the session."""
    assert changes_after(destroy, header="").vary == "Cookie"


@pytest.mark.parametrize("own", ["private", "public, max-age=60", ""])
def test_what_the_application_says_of_caching_is_respected(own: str) -> None:
    changes = changes_after(change, cache_control=own)
    assert changes.set_cookie
    assert changes.cache_control is None


@pytest.mark.parametrize(
    ("vary", "expected"),
    [
        (None, "Cookie"),
        ("", "Cookie"),
        ("Accept", "Accept, Cookie"),
        ("Accept, Origin", "Accept, Origin, Cookie"),
        ("Accept-Cookie", "Accept-Cookie, Cookie"),
        ("Cookies", "Cookies, Cookie"),
        ("Cookie", None),
        ("cookie", None),
        ("COOKIE", None),
        ("Accept,cookie,Origin", None),
        ("Accept , Cookie ", None),
        ("*", None),
        ("Accept, *", None),
    ],
)
def test_vary_names_the_cookie_once(vary: str | None, expected: str | None) -> None:
    assert vary_on_cookie(vary) == expected
    assert changes_after(look, vary=vary).vary == expected


@pytest.mark.parametrize(
    ("header", "other", "expected"),
    [
        ("a=1; Path=/", "a=2", True),
        ("a=1", "a=", True),
        (" a =1", "a=2", True),
        ("a=1", " a=2", True),
        ("a", "a=2", True),
        ("a=1", "b=1", False),
        ("a=1", "A=1", False),
        ("a=1", "a.0=1", False),
        ("b=a=1", "a=1", False),
    ],
)
def test_cookies_are_the_same_by_their_names(header: str, other: str, expected: bool) -> None:
    assert sets_same_cookie(header, other) is expected


def test_an_error_of_the_commit_reaches_the_integration() -> None:
    """It answers with an error, instead of a response that lost its session."""
    with pytest.raises(TypeError, match="user"):
        changes_after(lambda session: session.setdefault("user_data", []).append(object()))


def test_the_cookies_of_all_sessions_of_a_jar_are_given() -> None:
    """One Set-Cookie a name, whichever session wrote it."""
    browser = Browser()
    first = browser.request(make_options())
    second = get_iron_session(browser.jar, make_options(cookie_name="other"))
    first["user"] = 1
    second["user"] = 2
    header_changes(first, browser.jar, vary=None, cache_control=None)
    changes = header_changes(second, browser.jar, vary="Cookie", cache_control="no-store")
    assert [header.partition("=")[0] for header in changes.set_cookie] == [NAME, "other"]
    assert changes.vary is None
    assert changes.cache_control is None
