"""The headers that a response needs for its session."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from multidict import CIMultiDict
from werkzeug.datastructures import Headers

from iron_session import (
    CookieTooLargeError,
    HeaderJar,
    HeadersAlreadySentError,
    Session,
    get_iron_session,
)
from iron_session.http.headers import (
    AnyHeaders,
    ListedHeaders,
    MultiDictHeaders,
    RawHeaders,
    ResponseHeaders,
)
from iron_session.http.heads import EnvironHead
from iron_session.http.request import RequestSessions
from iron_session.http.response import (
    NOTE,
    ResponseJar,
    end_session,
    header_jar,
    note_cookies,
    take_off_noted,
    vary_on_cookie,
    write_session,
)
from iron_session.sessions.cookie_text import scope_in_header
from tests.contract.logs import errors_in
from tests.sessions.browser import NAME, OLD, PASSWORD, Browser, make_options, saved

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


def by_functions(pairs: Pairs) -> tuple[ResponseHeaders, Callable[[], Pairs]]:
    held = Headers(list(pairs))
    return AnyHeaders(held.getlist, held.remove, held.add), lambda: list(held)


Make = Callable[[Pairs], tuple[ResponseHeaders, Callable[[], Pairs]]]


@pytest.fixture(params=[in_a_list, as_bytes, in_a_multidict, by_functions])
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


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (["private"], ["private"]),
        (["no-store"], ["no-store"]),
        (["No-Store, max-age=0"], ["No-Store, max-age=0"]),
        (["PRIVATE , max-age=60"], ["PRIVATE , max-age=60"]),
        (["max-age=60", "private"], ["max-age=60", "private"]),
        (["public, max-age=600"], ["private, max-age=600"]),
        (["max-age=5, S-MaxAge=600, Public"], ["private, max-age=5"]),
        (["s-maxage=600"], ["private"]),
        (["public", "max-age=600"], ["private, max-age=600"]),
        (["no-cache"], ["private, no-cache"]),
        ([""], ["private"]),
        ([",, ,"], ["private"]),
        # Named headers alone are kept from shared caches: what is meant here is the response.
        (['private="Set-Cookie", max-age=60'], ["private, max-age=60"]),
        (['no-cache="a, private", public'], ['private, no-cache="a, private"']),
        (['max-age=60, ext="unfinished, public'], ['private, max-age=60, ext="unfinished']),
        (['ext="\\", public'], ['private, ext="\\"']),
        (
            ["must-understand, no-store, max-age=9"],
            ["private, must-understand, no-store, max-age=9"],
        ),
        (["xprivate, no-storex"], ["private, xprivate, no-storex"]),
    ],
)
def test_no_shared_cache_keeps_a_response_that_sets_the_session(
    make: Make, own: list[str], expected: list[str]
) -> None:
    """What else the application says of caches stays."""
    headers = headers_after(make, change, *[("Cache-Control", value) for value in own])
    assert values(headers, "set-cookie")
    assert values(headers, "cache-control") == expected


@pytest.mark.parametrize("own", ["public, max-age=60", ""])
def test_a_session_that_is_only_read_leaves_caching_alone(make: Make, own: str) -> None:
    assert values(headers_after(make, look, ("Cache-Control", own)), "cache-control") == [own]


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


def head_of(cookies: str) -> EnvironHead:
    return EnvironHead({"HTTP_COOKIE": cookies})


def test_the_jar_of_the_explicit_form_writes_at_once(make: Make) -> None:
    """Each save in the place of the one before, beside the cookies of others."""
    headers, _ = make([("Set-Cookie", "theme=dark")])
    session = get_iron_session(ResponseJar(head_of(saved({"user": 1})), headers), make_options())
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
    jar = ResponseJar(head_of(saved({"user": 1})), headers, lambda: bool(gone))
    session = get_iron_session(jar, make_options())
    session.save()
    before = list(read())
    gone.append(True)
    session["user"] = 2
    for write in (session.save, session.destroy):
        with pytest.raises(HeadersAlreadySentError):
            write()
    assert list(read()) == before


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


@pytest.mark.parametrize(("gone", "lost"), [(False, 0), (True, 1)])
def test_a_change_is_late_only_once_the_headers_have_gone(
    caplog: pytest.LogCaptureFixture, gone: bool, lost: int
) -> None:
    """A connection may end before that, and then nothing was too late."""
    session = get_iron_session(HeaderJar(), make_options())
    session["a"] = 1
    if gone:
        header_jar(session).close()
    end_session(session)
    assert len(caplog.records) == lost
    end_session(session)  # a framework may say so twice
    assert len(caplog.records) == lost


SCOPED = {
    "a=1; Path=/": ("a", "", "/", False),
    "a=1": ("a", "", "", False),
    " a = 1 ; PATH=/x ;domain=.Example.com; Partitioned": ("a", "example.com", "/x", True),
    "a=Path=/; Max-Age=0": ("a", "", "", False),
    "a": ("a", "", "", False),
}


@pytest.mark.parametrize("header", SCOPED)
def test_a_cookie_is_known_by_its_name_and_scope(header: str) -> None:
    """RFC 6265bis, 5.7: others live beside it in a browser."""
    assert scope_in_header(header) == SCOPED[header]


def test_cookies_of_one_name_and_several_scopes_are_all_sent(make: Make) -> None:
    others = [("Set-Cookie", f"{NAME}=1{path}") for path in ("; Path=/", "; Path=/x", "")]
    headers = headers_after(make, change, *others)
    first, last = values(headers, "set-cookie")
    assert (first, last[: len(NAME) + 8]) == (f"{NAME}=1; Path=/x", f"{NAME}=Fe26.2*")


OF_OTHERS = f"{NAME}=other; Path=/"
DELETED = f'{NAME}=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/'


@pytest.mark.parametrize(
    ("use", "other", "errors"),
    [
        (change, OF_OTHERS, 1),
        (change, DELETED, 1),
        (change, "unrelated=1; Path=/", 0),
        (clear, OF_OTHERS, 1),
        (clear, DELETED, 0),
        (clear, f"{NAME}=; expires=Thu, 01-Jan-1970 00:00:00 GMT; Path=/", 0),
        (look, OF_OTHERS, 0),
        (look, DELETED, 0),
    ],
)
def test_a_second_writer_of_the_cookie_is_logged(
    make: Make,
    caplog: pytest.LogCaptureFixture,
    use: Callable[[Session], object],
    other: str,
    errors: int,
) -> None:
    """One that stands alone is sent; of two the session, unless both only expire the cookie."""
    headers = values(headers_after(make, use, ("Set-Cookie", other)), "set-cookie")
    assert len(errors_in(caplog)) == errors
    assert (other in headers) is (use is look or "unrelated" in other)
    assert len(headers) == (2 if "unrelated" in other else 1)


def test_a_deletion_beside_a_session_that_began_anew_is_no_second_writer(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """The application has logged out in two ways, and then left a message."""

    def log_out(session: Session) -> None:
        session.clear()
        session["message"] = "Goodbye"

    (value,) = values(headers_after(make, log_out, ("Set-Cookie", DELETED)), "set-cookie")
    assert value.startswith(f"{NAME}=Fe26.2*")
    assert errors_in(caplog) == []


def test_a_session_that_is_only_renewed_leaves_the_cookie_to_another_writer(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """The application has written it, and the session has not been changed."""
    options = make_options(password={1: OLD, 2: PASSWORD})
    jar = HeaderJar(saved({"a": 1}, password={1: OLD}))
    headers, _ = make([("Set-Cookie", DELETED)])
    session = get_iron_session(jar, options)
    session.get("a")
    write_session(session, headers)
    assert session.renewed
    assert headers.get("Set-Cookie") == [DELETED]
    assert errors_in(caplog) == []


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


def sessions_of(*sessions: Session) -> RequestSessions:
    of_the_request = RequestSessions()
    of_the_request.by_key = {one.options.cookie_name: one for one in sessions}
    return of_the_request


def changed(name: str, value: str) -> Session:
    session = Session(HeaderJar(), make_options(cookie_name=name))
    session["value"] = value
    return session


def set_noted(kept: Kept, value: str, note: str = NOTE) -> None:
    headers_of(kept).add("Set-Cookie", value)
    note_cookies(kept, [value], note)


def test_a_cookie_of_an_earlier_request_is_taken_off() -> None:
    """Vary and Cache-Control stay: whatever keeps the response, caches must hear of it."""
    kept = Kept(("Set-Cookie", "theme=dark"), ("X-Own", "1"))
    before = [*kept.pairs]
    session = Session(HeaderJar(saved({"a": 1})), make_options())
    session["a"] = 2
    sessions_of(session).write_noted(kept, headers_of(kept))
    assert len(headers_of(kept).get("Set-Cookie")) == 2
    take_off_noted(kept, headers_of)
    rest = [("Vary", "Cookie"), ("Cache-Control", "no-store")]
    assert sorted(kept.pairs) == sorted([*before, *rest])


def test_what_others_set_later_is_not_taken_off() -> None:
    kept = Kept()
    set_noted(kept, "s=1")
    take_off_noted(kept, headers_of)
    kept.pairs.append(("Set-Cookie", "s=1"))
    take_off_noted(kept, headers_of)
    assert kept.pairs == [("Set-Cookie", "s=1")]


def test_a_cookie_that_others_gave_another_attribute_is_taken_off() -> None:
    kept = Kept()
    set_noted(kept, "s=1; Path=/")
    headers_of(kept).set("Set-Cookie", ["s=1; Path=/; Domain=b.example"])
    take_off_noted(kept, headers_of)
    assert kept.pairs == []


def test_headers_that_are_noted_again_have_lost_what_was_noted_before() -> None:
    kept = Kept()
    for value in ("1", "2"):
        sessions = sessions_of(*(changed(name, value) for name in "ab"))
        sessions.write_noted(kept, headers_of(kept))
        names = [one.partition("=")[0] for one in headers_of(kept).get("Set-Cookie")]
        assert names == ["a", "b"]
    take_off_noted(kept, headers_of)
    assert headers_of(kept).get("Set-Cookie") == []


def test_what_was_written_before_a_failure_is_taken_off_too() -> None:
    """The first of two sessions has its cookie on the response when the second is too large."""
    kept = Kept()
    with pytest.raises(CookieTooLargeError):
        sessions_of(changed("a", "1"), changed("b", "2" * 5000)).write_noted(kept, headers_of(kept))
    assert len(headers_of(kept).get("Set-Cookie")) == 1
    take_off_noted(kept, headers_of)
    assert headers_of(kept).get("Set-Cookie") == []


def test_two_doors_take_off_what_is_their_own() -> None:
    kept = Kept()
    set_noted(kept, "a=1", "inner")
    set_noted(kept, "b=1", "outer")
    take_off_noted(kept, headers_of, "inner")
    assert kept.pairs == [("Set-Cookie", "b=1")]


def test_a_response_without_a_cookie_of_ours_bears_no_note() -> None:
    """It may be pickled into a cache, with all that lies on it."""
    kept = Kept()
    sessions_of(_read(Session(HeaderJar(), make_options()))).write_noted(kept, headers_of(kept))
    take_off_noted(kept, headers_of)
    assert vars(kept) == {"pairs": [("Vary", "Cookie")]}


def _read(session: Session) -> Session:
    session.get("a")
    return session
