"""The headers that a response needs for its session."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from multidict import CIMultiDict

from iron_session import HeaderJar, HeadersAlreadySentError, Session, get_iron_session
from iron_session.doors.headers import ListedHeaders, MultiDictHeaders, RawHeaders, ResponseHeaders
from iron_session.doors.responses import (
    NotedHeaders,
    ResponseJar,
    commit_early,
    header_jar,
    report_late_changes,
    sets_same_cookie,
    take_off_noted,
    vary_on_cookie,
    write_session,
)
from tests.sessions.browser import NAME, Browser, make_options, saved

Pairs = Sequence[tuple[str, str]]


def in_a_list(pairs: Pairs) -> tuple[ResponseHeaders, Callable[[], Pairs]]:
    held = list(pairs)
    return ListedHeaders(held), lambda: held


def as_bytes(pairs: Pairs) -> tuple[ResponseHeaders, Callable[[], Pairs]]:
    held = [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs]

    def read() -> Pairs:
        assert all(name == name.lower() for name, _ in held), "ASGI asks for small letters"
        return [(name.decode(), value.decode("latin-1")) for name, value in held]

    return RawHeaders(held), read


def in_a_multidict(pairs: Pairs) -> tuple[ResponseHeaders, Callable[[], Pairs]]:
    held = CIMultiDict(pairs)
    return MultiDictHeaders(held), lambda: list(held.items())


Make = Callable[[Pairs], tuple[ResponseHeaders, Callable[[], Pairs]]]


@pytest.fixture(params=[in_a_list, as_bytes, in_a_multidict])
def make(request: pytest.FixtureRequest) -> Make:
    """Give each way of keeping headers in turn."""
    kind: Make = request.param
    return kind


def headers_after(
    make: Make, use: Callable[[Session], object], *pairs: tuple[str, str], header: str | None = None
) -> Pairs:
    """Give a response's headers after a handler used its session in this way."""
    jar = HeaderJar(saved({"user": 1}) if header is None else header)
    session = get_iron_session(jar, make_options())
    use(session)
    headers, read = make(pairs)
    write_session(session, headers)
    return [(name.lower(), value) for name, value in read()]


def values(pairs: Pairs, name: str) -> list[str]:
    return [value for key, value in pairs if key == name]


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


def abandon(session: Session) -> None:
    session["user"] = 2
    session.save()
    session.abandon()


@pytest.mark.parametrize("header", ["", f"{NAME}=junk", None])
def test_a_session_that_nobody_touched_changes_no_header(make: Make, header: str | None) -> None:
    """And is not even read: the page may be cached for everybody."""
    own = [("vary", "Accept"), ("set-cookie", "theme=dark")]
    assert headers_after(make, repr, *own, header=header) == own


@pytest.mark.parametrize("header", ["", f"{NAME}=junk", None])
@pytest.mark.parametrize("use", [look, len, list, bool, Session.mark_accessed])
def test_a_session_that_was_looked_at_varies_the_response(
    make: Make, header: str | None, use: Callable[[Session], object]
) -> None:
    """Also where there was no cookie: with one the page would be another."""
    assert headers_after(make, use, header=header) == [("vary", "Cookie")]


@pytest.mark.parametrize("use", [change, clear, destroy, save, Session.mark_modified])
def test_a_session_that_was_written_is_kept_out_of_caches(
    make: Make, use: Callable[[Session], object]
) -> None:
    headers = headers_after(make, use)
    assert values(headers, "vary") == ["Cookie"]
    assert values(headers, "cache-control") == ["no-store"]
    (header,) = values(headers, "set-cookie")
    assert header.startswith(f"{NAME}=")


def test_destroying_alone_varies_the_response(make: Make) -> None:
    """Though it never reads the session."""
    assert values(headers_after(make, destroy, header=""), "vary") == ["Cookie"]


@pytest.mark.parametrize("own", ["private", "public, max-age=60", ""])
def test_what_the_application_says_of_caching_is_respected(make: Make, own: str) -> None:
    headers = headers_after(make, change, ("Cache-Control", own))
    assert values(headers, "set-cookie")
    assert values(headers, "cache-control") == [own]


def test_cookies_of_the_application_stay_but_for_one_of_the_session_s_name(make: Make) -> None:
    """One Set-Cookie for each name in a response."""
    own = [("Set-Cookie", f"{one}=1; Path=/") for one in ("a", NAME, "b", f"{NAME}2")]
    headers = values(headers_after(make, change, *own), "set-cookie")
    assert [value.partition("=")[0] for value in headers] == ["a", "b", f"{NAME}2", NAME]
    assert headers[-1].startswith(f"{NAME}=Fe26.2*")


def test_a_session_that_was_abandoned_only_varies_the_response(make: Make) -> None:
    """The request has failed: neither its changes nor what it saved by hand are written."""
    assert headers_after(make, abandon) == [("vary", "Cookie")]


@pytest.mark.parametrize(
    ("vary", "expected"),
    [
        ([], "Cookie"),
        ([""], "Cookie"),
        (["Accept"], "Accept, Cookie"),
        (["Accept, Origin"], "Accept, Origin, Cookie"),
        (["Accept", "Origin"], "Accept, Origin, Cookie"),
        (["Accept-Cookie"], "Accept-Cookie, Cookie"),
        (["Cookies"], "Cookies, Cookie"),
        (["Cookie"], None),
        (["cookie"], None),
        (["COOKIE"], None),
        (["Accept,cookie,Origin"], None),
        (["Accept , Cookie "], None),
        (["Accept", "Cookie"], None),
        (["*"], None),
        (["Accept, *"], None),
    ],
)
def test_vary_names_the_cookie_once(make: Make, vary: list[str], expected: str | None) -> None:
    assert vary_on_cookie(", ".join(vary)) == expected
    headers = headers_after(make, look, *[("Vary", value) for value in vary])
    assert values(headers, "vary") == (vary if expected is None else [expected])


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


def test_an_error_of_the_commit_reaches_the_integration_and_leaves_the_headers(
    make: Make,
) -> None:
    """It answers with an error, instead of a response that lost its session."""
    session = get_iron_session(HeaderJar(""), make_options())
    session.setdefault("user_data", []).append(object())
    headers, read = make([("Vary", "Accept")])
    with pytest.raises(TypeError, match="user"):
        write_session(session, headers)
    assert [(name.lower(), value) for name, value in read()] == [("vary", "Accept")]


def test_the_cookies_of_all_sessions_of_a_jar_are_given(make: Make) -> None:
    """One Set-Cookie a name, whichever session wrote it."""
    browser = Browser()
    first = browser.request(make_options())
    second = get_iron_session(browser.jar, make_options(cookie_name="other"))
    first["user"] = 1
    second["user"] = 2
    headers, read = make([])
    write_session(first, headers)
    write_session(second, headers)
    assert [header.partition("=")[0] for header in headers.get("Set-Cookie")] == [NAME, "other"]
    assert (headers.get("Vary"), headers.get("Cache-Control")) == (["Cookie"], ["no-store"])
    assert len(read()) == 4


def test_the_jar_of_the_explicit_form_writes_at_once(make: Make) -> None:
    """Each save in the place of the one before, beside the cookies of others."""
    headers, _ = make([("Set-Cookie", "theme=dark")])
    session = get_iron_session(ResponseJar(saved({"user": 1}), headers), make_options())
    assert headers.get("Vary") == []
    assert session["user"] == 1
    assert (headers.get("Vary"), headers.get("Cache-Control")) == (["Cookie"], [])
    for number in (2, 3):
        session["user"] = number
        session.save()
    theme, ours = headers.get("Set-Cookie")
    assert theme == "theme=dark"
    assert dict(get_iron_session(HeaderJar(ours.partition(";")[0]), make_options())) == {"user": 3}
    assert (headers.get("Vary"), headers.get("Cache-Control")) == (["Cookie"], ["no-store"])


def test_the_jar_of_the_explicit_form_takes_nothing_once_the_response_has_gone(make: Make) -> None:
    """Where the framework can be asked."""
    gone: list[bool] = []
    headers, read = make([])
    jar = ResponseJar(saved({"user": 1}), headers, lambda: bool(gone))
    session = get_iron_session(jar, make_options())
    session.save()
    before = list(read())
    gone.append(True)
    session["user"] = 2
    for write in (session.save, session.destroy):
        with pytest.raises(HeadersAlreadySentError):
            write()
    assert list(read()) == before


def test_an_early_commit_writes_no_header_yet() -> None:
    session = get_iron_session(HeaderJar(), make_options())
    session["a"] = 1
    commit_early(session)
    assert len(header_jar(session).set_cookie_headers) == 1
    header_jar(session).close()
    session["a"] = 2
    commit_early(session)  # too late, which is reported at the end
    assert session.is_unsaved


def test_an_abandoned_session_is_neither_unsaved_nor_reported() -> None:
    session: Any = get_iron_session(HeaderJar(""), make_options())
    session["a"] = 1
    assert session.is_unsaved
    session.abandon()
    assert (session.abandoned, session.is_unsaved) == (True, False)


def test_an_abandoned_session_is_not_committed_either() -> None:
    """An integration may commit early, and learn of the failure before that."""
    session = get_iron_session(HeaderJar(saved({"a": 1})), make_options())
    session["a"] = 2
    session.abandon()
    session.commit()
    assert header_jar(session).set_cookie_headers == []


def test_a_change_is_late_only_once_the_headers_have_gone(caplog: pytest.LogCaptureFixture) -> None:
    """A connection may end before that, and then nothing was too late."""
    session = get_iron_session(HeaderJar(), make_options())
    session["a"] = 1
    report_late_changes(session)
    assert caplog.records == []
    header_jar(session).close()
    report_late_changes(session)
    assert len(caplog.records) == 1


def test_the_jar_of_a_door_takes_nothing_once_it_is_closed() -> None:
    session = get_iron_session(HeaderJar(""), make_options())
    write_session(session, ListedHeaders([]))
    assert isinstance(session.jar, HeaderJar)
    session.jar.close()
    with pytest.raises(HeadersAlreadySentError):
        session.save()


# --- a response that is kept ------------------------------------------------------------------


class Kept:
    """A response that an application sends again and again."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self.pairs = [*pairs]


def headers_of(kept: Kept) -> ListedHeaders:
    return ListedHeaders(kept.pairs)


def test_a_cookie_of_an_earlier_request_is_taken_off() -> None:
    """Vary and Cache-Control stay: whatever keeps the response, caches must hear of it."""
    kept = Kept(("Set-Cookie", "theme=dark"), ("X-Own", "1"))
    before = [*kept.pairs]
    session = Session(HeaderJar(saved({"a": 1})), make_options())
    session["a"] = 2
    write_session(session, NotedHeaders(kept, headers_of))
    assert len(headers_of(kept).get("Set-Cookie")) == 2
    take_off_noted(kept, headers_of)
    rest = [("Vary", "Cookie"), ("Cache-Control", "no-store")]
    assert sorted(kept.pairs) == sorted([*before, *rest])


def test_what_others_set_later_is_not_taken_off() -> None:
    kept = Kept()
    NotedHeaders(kept, headers_of).add("Set-Cookie", "s=1")
    take_off_noted(kept, headers_of)
    kept.pairs.append(("Set-Cookie", "s=1"))
    take_off_noted(kept, headers_of)
    assert kept.pairs == [("Set-Cookie", "s=1")]


def test_a_cookie_that_others_gave_another_attribute_is_taken_off() -> None:
    kept = Kept()
    NotedHeaders(kept, headers_of).add("Set-Cookie", "s=1; Path=/")
    headers_of(kept).set("Set-Cookie", ["s=1; Path=/; Domain=b.example"])
    take_off_noted(kept, headers_of)
    assert kept.pairs == []


def test_headers_that_are_noted_again_have_lost_what_was_noted_before() -> None:
    kept = Kept()
    for value in ("1", "2"):
        headers = NotedHeaders(kept, headers_of)
        headers.add("Set-Cookie", f"a={value}")
        headers.add("Set-Cookie", f"b={value}")
        headers.set("Vary", ["Cookie"])
        assert headers.get("Set-Cookie") == [f"a={value}", f"b={value}"]
    take_off_noted(kept, headers_of)
    assert kept.pairs == [("Vary", "Cookie")]


def test_two_doors_take_off_what_is_their_own() -> None:
    kept = Kept()
    NotedHeaders(kept, headers_of, "inner").add("Set-Cookie", "a=1")
    NotedHeaders(kept, headers_of, "outer").add("Set-Cookie", "b=1")
    take_off_noted(kept, headers_of, "inner")
    assert kept.pairs == [("Set-Cookie", "b=1")]


def test_a_response_without_a_cookie_of_ours_bears_no_note() -> None:
    """It may be pickled into a cache, with all that lies on it."""
    kept = Kept()
    write_session(_read(Session(HeaderJar(), make_options())), NotedHeaders(kept, headers_of))
    take_off_noted(kept, headers_of)
    assert vars(kept) == {"pairs": [("Vary", "Cookie")]}


def _read(session: Session) -> Session:
    session.get("a")
    return session
