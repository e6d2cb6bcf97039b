"""Which requests are taken for forged, and the token: no framework takes part."""

import base64
import hmac
import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, dataclass
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iron_session import ConfigurationError, HeaderJar, Session, get_iron_session, unseal_data
from iron_session.csrf import (
    CsrfError,
    CsrfOptions,
    CsrfRefusal,
    CsrfRequest,
    asks_for_websocket,
    check_csrf_options,
    check_csrf_token,
    check_request,
    csrf_token,
    refuse,
    rotate_csrf_token,
)
from tests.sessions.browser import PASSWORD, make_options

PASSES = None
HOST = ("Host", "app.example")
OWN = "https://app.example"
TRUSTED = "https://trusted.example"
EVIL = "https://evil.example"
SECRET = base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"=").decode()


def from_site(value: str) -> tuple[str, str]:
    return ("Sec-Fetch-Site", value)


def from_origin(value: str) -> tuple[str, str]:
    return ("Origin", value)


def no_session() -> Session:
    pytest.fail("the session was asked for")


def make_request(*headers: tuple[str, str], **changes: Any) -> CsrfRequest:
    """Make a POST with these headers."""

    def values(name: str) -> list[str]:
        return [value for key, value in headers if key.lower() == name.lower()]

    return CsrfRequest(**{"method": "POST", "path": "/pay", "headers": values, **changes})


def reason_of(
    request: CsrfRequest,
    options: CsrfOptions = CsrfOptions(),  # noqa: B008 - frozen
    find_session: Callable[[], Mapping[str, Any]] = no_session,
) -> str | None:
    """Say why a request is refused; None if it passes."""
    try:
        check_request(request, options, find_session)
    except CsrfError as error:
        return error.reason
    return None


# --- by the browser's headers ------------------------------------------------------------

TABLE: list[tuple[str, list[tuple[str, str]], str | None]] = [
    # the browser says where it comes from
    ("own page", [from_site("same-origin"), from_origin(OWN)], PASSES),
    ("own page, without origin", [from_site("same-origin")], PASSES),
    # a page with Referrer-Policy: no-referrer
    ("own page, origin null", [from_site("same-origin"), from_origin("null")], PASSES),
    ("own page behind a proxy", [from_site("same-origin"), from_origin("http://outer")], PASSES),
    ("the visitor's own doing", [from_site("none")], PASSES),
    ("subdomain", [from_site("same-site"), from_origin("https://x.app.example")], "cross-site"),
    (
        "own host by http",
        [from_site("cross-site"), from_origin("http://app.example")],
        "cross-site",
    ),
    ("other site", [from_site("cross-site"), from_origin(EVIL)], "cross-site"),
    ("other site, own origin", [from_site("cross-site"), from_origin(OWN)], "cross-site"),
    ("other site, without origin", [from_site("cross-site")], "cross-site"),
    ("other site, origin null", [from_site("cross-site"), from_origin("null")], "cross-site"),
    ("trusted origin", [from_site("cross-site"), from_origin(TRUSTED)], PASSES),
    ("trusted origin of this site", [from_site("same-site"), from_origin(TRUSTED)], PASSES),
    ("trusted in capitals", [from_site("cross-site"), from_origin(TRUSTED.upper())], PASSES),
    (
        "trusted but http",
        [from_site("cross-site"), from_origin("http://trusted.example")],
        "cross-site",
    ),
    ("trusted but a port", [from_site("cross-site"), from_origin(f"{TRUSTED}:8443")], "cross-site"),
    ("trusted and more", [from_site("cross-site"), from_origin(f"{TRUSTED}.evil")], "cross-site"),
    # it says so in a way that no browser does
    ("site in capitals", [from_site("Same-Origin")], "cross-site"),
    ("site empty", [from_site("")], "cross-site"),
    ("site unknown", [from_site("same-planet"), from_origin(TRUSTED)], "cross-site"),
    ("site of two", [from_site("same-origin, cross-site")], "cross-site"),
    ("site twice", [from_site("same-origin"), from_site("same-origin")], "cross-site"),
    ("origin twice", [from_site("same-origin"), from_origin(OWN), from_origin(OWN)], "origin"),
    # an older browser, or http without encryption: its Origin, and our Host
    ("old, own page", [from_origin(OWN)], PASSES),
    ("old, own page, another scheme", [from_origin("http://app.example")], PASSES),
    ("old, usual port", [from_origin(f"{OWN}:443")], PASSES),
    ("old, another port", [from_origin(f"{OWN}:8443")], "origin"),
    ("old, port of another scheme", [from_origin(f"{OWN}:80")], "origin"),
    ("old, other site", [from_origin(EVIL)], "origin"),
    ("old, subdomain", [from_origin("https://x.app.example")], "origin"),
    ("old, host within", [from_origin("https://app.example.evil.example")], "origin"),
    ("old, host behind @", [from_origin("https://evil.example@app.example")], "origin"),
    ("old, host in the path", [from_origin("https://evil.example/app.example")], "origin"),
    ("old, own with a slash", [from_origin(f"{OWN}/")], "origin"),
    ("old, own with a space", [from_origin(f"{OWN} ")], "origin"),
    ("old, own and a line more", [from_origin(f"{OWN}\n")], "origin"),
    ("old, null", [from_origin("null")], "origin"),
    ("old, empty", [from_origin("")], "origin"),
    ("old, no scheme", [from_origin("app.example")], "origin"),
    ("old, trusted", [from_origin(TRUSTED)], PASSES),
    ("old, trusted with usual port", [from_origin(f"{TRUSTED}:443")], PASSES),
    ("old, two in one", [from_origin(f"{OWN}, {EVIL}")], "origin"),
    ("old, twice", [from_origin(OWN), from_origin(EVIL)], "origin"),
    # no browser
    ("nothing", [], PASSES),
]


@pytest.mark.parametrize("is_websocket", [False, True], ids=["POST", "WebSocket"])
@pytest.mark.parametrize(
    ("headers", "reason"), [pytest.param(*row[1:], id=row[0]) for row in TABLE]
)
def test_what_the_headers_say_decides(
    headers: list[tuple[str, str]], reason: str | None, *, is_websocket: bool
) -> None:
    options = CsrfOptions(trusted_origins=[TRUSTED])
    method = "GET" if is_websocket else "POST"
    request = make_request(HOST, *headers, method=method, is_websocket=is_websocket)
    assert reason_of(request, options) == reason


@pytest.mark.parametrize(
    ("hosts", "origin", "reason"),
    [
        (["app.example:443"], OWN, PASSES),
        (["APP.example"], OWN, PASSES),
        (["app.example:8000"], "http://app.example:8000", PASSES),
        (["app.example:08000"], "http://app.example:8000", PASSES),
        (["app.example:80"], OWN, "origin"),
        (["[::1]:8000"], "http://[::1]:8000", PASSES),
        (["[::1]"], "http://[::1]:8000", "origin"),
        (["my_service:8000"], "http://my_service:8000", PASSES),
        ([], OWN, "origin"),
        ([""], OWN, "origin"),
        (["app.example", "app.example"], OWN, "origin"),
        (["app.example", "evil.example"], EVIL, "origin"),
        (["app.example/"], OWN, "origin"),
        (["evil.example@app.example"], OWN, "origin"),
        (["null"], "null", "origin"),
        (["null"], "null://null", "origin"),
        (["localhost"], "capacitor://localhost", "origin"),
        (["app.example"], "HTTPS://APP.example", PASSES),
        (["app.example"], "https://", "origin"),
    ],
)
def test_an_origin_is_compared_with_the_one_host(
    hosts: list[str], origin: str, reason: str | None
) -> None:
    request = make_request(*[("Host", host) for host in hosts], from_origin(origin))
    assert reason_of(request) == reason


def test_a_letter_whose_small_form_is_another_is_not_that_other() -> None:
    """The Kelvin sign in small letters is a k."""
    options = CsrfOptions(trusted_origins=["https://book.example"])
    assert reason_of(make_request(from_origin("https://boo\u212a.example")), options) == "origin"


def test_a_trusted_origin_needs_no_host() -> None:
    options = CsrfOptions(trusted_origins=[TRUSTED])
    assert reason_of(make_request(from_origin(TRUSTED)), options) is PASSES


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
def test_a_safe_method_passes_from_everywhere(method: str) -> None:
    request = make_request(from_site("cross-site"), from_origin(EVIL), method=method)
    assert reason_of(request, CsrfOptions(require_origin=True)) is PASSES


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "QUERY", "get", ""]
)
def test_every_other_method_is_checked(method: str) -> None:
    assert reason_of(make_request(from_site("cross-site"), method=method)) == "cross-site"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([], "origin"),
        ([from_site("same-origin")], PASSES),
        ([from_origin(OWN)], PASSES),
        ([from_origin("null")], "origin"),
    ],
)
def test_an_origin_can_be_required(headers: list[tuple[str, str]], reason: str | None) -> None:
    assert reason_of(make_request(HOST, *headers), CsrfOptions(require_origin=True)) == reason


@pytest.mark.parametrize(
    ("method", "upgrade", "asks"),
    [
        ("GET", ["websocket"], True),
        ("GET", ["WebSocket"], True),
        ("GET", ["h2c", "websocket"], True),
        ("GET", ["h2c"], False),
        ("GET", [], False),
        ("POST", ["websocket"], False),
    ],
)
def test_a_handshake_is_known_by_its_upgrade(
    method: str, upgrade: list[str], *, asks: bool
) -> None:
    assert asks_for_websocket(method, lambda name: upgrade if name == "Upgrade" else []) is asks


HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["Sec-Fetch-Site", "Origin", "Host", "X-CSRF-Token", "Upgrade"]),
        st.one_of(
            st.text(max_size=40),
            st.sampled_from(
                ["same-origin", "cross-site", "null", OWN, EVIL, "app.example", SECRET]
            ),
        ),
    ),
    max_size=6,
)


@given(headers=HEADERS, require_token=st.booleans(), require_origin=st.booleans())
def test_whatever_comes_passes_or_is_refused(
    headers: list[tuple[str, str]], *, require_token: bool, require_origin: bool
) -> None:
    """And passes only by what a browser wrote, or where none was there at all."""
    options = CsrfOptions(require_token=require_token, require_origin=require_origin)
    request = make_request(*headers)
    reason = reason_of(request, options, lambda: {"_csrf": SECRET})
    assert reason in (PASSES, "cross-site", "origin", "token-missing", "token-wrong")
    if reason is PASSES:
        sites, origins = request.headers("Sec-Fetch-Site"), request.headers("Origin")
        assert len(sites) <= 1
        assert len(origins) <= 1
        assert list(sites) in (["same-origin"], ["none"]) or list(origins) == [OWN] or not origins
        assert not require_origin or sites or origins
        assert not require_token  # nobody guesses a token


# --- exemptions --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/hook", PASSES),
        ("/hook/", "cross-site"),
        ("/hook/more", "cross-site"),
        ("/Hook", "cross-site"),
        ("//hook", "cross-site"),
        ("/hookah", "cross-site"),
        ("/", "cross-site"),
    ],
)
def test_an_exempt_path_is_exactly_that(path: str, reason: str | None) -> None:
    request = make_request(from_site("cross-site"), path=path)
    assert reason_of(request, CsrfOptions(exempt=["/hook"])) == reason


def test_a_function_can_exempt_by_all_that_a_request_has() -> None:
    def bears_a_key(request: CsrfRequest) -> bool:
        return request.path.startswith("/api/") and bool(request.headers("authorization"))

    options = CsrfOptions(exempt=bears_a_key, require_token=True)
    forged = [from_site("cross-site"), ("Authorization", "Bearer 1")]
    assert reason_of(make_request(*forged, path="/api/pay"), options) is PASSES
    assert reason_of(make_request(*forged), options, dict) == "cross-site"
    assert reason_of(make_request(forged[0], path="/api/"), options, dict) == "cross-site"


def test_what_a_function_for_exemptions_raises_is_not_taken_for_a_yes() -> None:
    options = CsrfOptions(exempt=lambda _: bool(1 / 0))
    with pytest.raises(ZeroDivisionError):
        check_request(make_request(), options, no_session)


@pytest.mark.parametrize("answer", [None, 0, 1, "", "no", [], object()])
def test_what_a_function_for_exemptions_gives_is_true_or_false(answer: Any) -> None:
    """And anything else is the programmer's fault, not an exemption."""
    options = CsrfOptions(exempt=lambda _: answer)
    with pytest.raises(ConfigurationError, match=r"^exempt must return True or False, not "):
        check_request(make_request(), options, no_session)


def test_a_coroutine_exempts_nothing() -> None:
    coroutine = a_coroutine_function(make_request())
    options = CsrfOptions(exempt=lambda _: coroutine)  # type: ignore[arg-type,return-value]  # wrong on purpose
    with pytest.raises(
        ConfigurationError, match=r"^exempt must return True or False, not coroutine"
    ):
        check_request(make_request(), options, no_session)
    coroutine.close()


def test_a_safe_request_does_not_ask_for_exemptions() -> None:
    def ask(request: CsrfRequest) -> bool:
        pytest.fail("it was asked")

    assert reason_of(make_request(method="GET"), CsrfOptions(exempt=ask)) is PASSES


# --- options -----------------------------------------------------------------------------


async def a_coroutine_function(_: object) -> bool:
    return True


class AwaitedWhenCalled:
    async def __call__(self, request: CsrfRequest) -> bool:
        return True


@pytest.mark.parametrize(
    ("origin", "kept"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("HTTPS://App.Example.COM", "https://app.example.com"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("http://app.example.com:80", "http://app.example.com"),
        ("http://app.example.com:443", "http://app.example.com:443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_trusted_origins_are_kept_as_browsers_write_them(origin: str, kept: str) -> None:
    assert CsrfOptions(trusted_origins=[origin]).trusted_origins == {kept}


@pytest.mark.parametrize(
    "origin",
    [
        "app.example.com",
        "//app.example.com",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://app.example.com?a=1",
        "https://*.example.com",
        "*",
        "null",
        "",
        "https://",
        "https://user@app.example.com",
        "https://app.example.com:",
        "https://app.example.com:port",
        "https://app.example.com:123456",
        "https://bücher.example",
        " https://app.example.com",
        "https://app.example.com\n",
        None,
        7,
        b"https://app.example.com",
    ],
)
def test_what_is_no_origin_is_refused_when_options_are_built(origin: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^trusted_origins can't hold .*https://app"):
        CsrfOptions(trusted_origins=[origin])


@pytest.mark.parametrize("path", ["hook", "", "/hook?a=1", "/hooks/*", None, b"/hook"])
def test_what_is_no_path_can_not_be_exempt(path: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^exempt can't hold .*give a function"):
        CsrfOptions(exempt=["/first", path])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trusted_origins": TRUSTED}, r"trusted_origins must be a list of texts, as \['https"),
        ({"trusted_origins": None}, "trusted_origins must be a list"),
        ({"exempt": "/hook"}, r"exempt must be a list of texts, as \['/hook'\]"),
        ({"exempt": None}, "exempt must be a list"),
        ({"require_origin": "false"}, "require_origin must be True or False"),
        ({"require_token": 1}, "require_token must be True or False"),
        ({"header_name": "X CSRF"}, "header_name can't be 'X CSRF'"),
        ({"header_name": ""}, "header_name can't be ''"),
        ({"header_name": "X-CSRF\n"}, "header_name can't be"),
        ({"header_name": None}, "header_name can't be None"),
        ({"on_refused": "log"}, "on_refused must be a function, or None"),
        ({"on_refused": a_coroutine_function}, "on_refused must be a plain function: nothing"),
        ({"exempt": a_coroutine_function}, "exempt must be a plain function: nothing would await"),
        ({"exempt": partial(a_coroutine_function)}, "exempt must be a plain function"),
        ({"exempt": AwaitedWhenCalled()}, "exempt must be a plain function"),
    ],
)
def test_options_that_can_not_work_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{message}"):
        CsrfOptions(**changes)


def test_options_are_frozen_equal_and_hashable() -> None:
    options = CsrfOptions(trusted_origins=[TRUSTED], exempt=["/hook"])
    assert options == CsrfOptions(trusted_origins={TRUSTED}, exempt=("/hook",))
    assert len({options, CsrfOptions(trusted_origins=[TRUSTED], exempt=["/hook"])}) == 1
    with pytest.raises(FrozenInstanceError):
        options.require_token = True  # type: ignore[misc]  # that is what is tested


@pytest.mark.parametrize("options", [None, CsrfOptions, make_options(), {}])
def test_what_are_no_options_is_told_at_once(options: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^options must be CsrfOptions\(…\), not "):
        check_csrf_options(options)


# --- what is told of a refusal -----------------------------------------------------------


def refused(options: CsrfOptions, *headers: tuple[str, str], **changes: Any) -> str:
    request = make_request(HOST, *headers, **changes)
    with pytest.raises(CsrfError) as caught:
        check_request(request, options, dict)
    return refuse(request, caught.value, options)


def test_a_refusal_is_logged_and_told_to_the_hook(caplog: pytest.LogCaptureFixture) -> None:
    told: list[CsrfRefusal] = []
    options = CsrfOptions(on_refused=told.append)
    answer = refused(options, from_site("cross-site"), from_origin(EVIL))
    assert answer == "The request was refused: it may be forged (cross-site)."
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("iron_session", logging.WARNING)
    assert record.getMessage() == (
        "the request 'POST /pay' was refused: it comes from another site, by its Sec-Fetch-Site "
        "'cross-site' and its Origin 'https://evil.example'"
    )
    (refusal,) = told
    assert (refusal.reason, refusal.method, refusal.path) == ("cross-site", "POST", "/pay")
    assert refusal.error.reason == "cross-site"


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ([from_origin(EVIL)], "its Origin 'https://evil.example' is not its Host 'app.example'"),
        ([from_site("cross-site")], "its Sec-Fetch-Site 'cross-site' and its Origin none"),
        ([from_site("none"), from_site("none")], "it has several headers Sec-Fetch-Site"),
        ([], "it has no Origin"),
        ([from_site("none")], "it has no CSRF token"),
        ([from_site("none"), ("X-CSRF-Token", "secret")], "its CSRF token is not that of the"),
    ],
)
def test_the_log_says_what_was_wrong(
    headers: list[tuple[str, str]], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    refused(CsrfOptions(require_origin=True, require_token=True), *headers)
    assert told in caplog.text
    assert "secret" not in caplog.text


def test_what_a_request_brings_does_not_spoil_the_log(caplog: pytest.LogCaptureFixture) -> None:
    refused(CsrfOptions(), from_origin("ü\r\n\u2028\udcffforged" * 999), path="/a\nb" * 999)
    (record,) = caplog.records
    assert record.getMessage().isascii()
    assert record.getMessage().isprintable()
    assert len(record.getMessage()) < 2500


def test_a_hook_that_raises_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    options = CsrfOptions(on_refused=lambda _: 1 / 0)
    assert "cross-site" in refused(options, from_site("cross-site"))
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.ERROR]
    assert "on_refused raised" in caplog.records[1].getMessage()


# --- the token ---------------------------------------------------------------------------


def new_session(header: str = "") -> Session:
    return get_iron_session(HeaderJar(header), make_options())


def saved(session: Session) -> str:
    """Save a session, and give the Cookie header that a browser sends from then on."""
    session.save()
    assert isinstance(session.jar, HeaderJar)
    return session.jar.set_cookie_headers[0].partition(";")[0]


def reason_of_token(session: Mapping[str, Any], token: object) -> str | None:
    try:
        check_csrf_token(session, token)
    except CsrfError as error:
        return error.reason
    return None


def test_a_token_fits_the_session_that_it_was_made_for() -> None:
    session = new_session()
    token = csrf_token(session)
    later = new_session(saved(session))
    assert reason_of_token(later, token) is PASSES
    assert not later.modified


def test_a_token_fits_no_other_session() -> None:
    one, other = new_session(), new_session()
    csrf_token(other)
    assert reason_of_token(other, csrf_token(one)) == "token-wrong"


def test_a_token_for_a_session_that_is_empty_says_so() -> None:
    """As where the browser has dropped the cookie: nobody has forged anything."""
    with pytest.raises(CsrfError, match="which is empty: it was lost, or never there"):
        check_csrf_token(new_session(), csrf_token(new_session()))


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def equal(brought: bytes, kept: bytes) -> bool:
        compared.append((brought, kept))
        return hmac.compare_digest(brought, kept)

    monkeypatch.setattr("iron_session.csrf.equal", equal)
    one, other = new_session(), new_session()
    tokens = [csrf_token(one), csrf_token(other)]
    assert [reason_of_token(one, token) for token in tokens] == [PASSES, "token-wrong"]
    assert [brought == kept for brought, kept in compared] == [True, False]


def test_each_token_is_another_text_and_all_of_them_fit() -> None:
    session = new_session()
    tokens = {csrf_token(session) for _ in range(20)}
    assert len(tokens) == 20
    assert len({token[:43] for token in tokens}) == 20
    assert len({token[43:] for token in tokens}) == 20
    assert {reason_of_token(session, token) for token in tokens} == {PASSES}


def test_a_token_shows_nothing_of_the_secret() -> None:
    session: dict[str, Any] = {}
    tokens = [csrf_token(session) for _ in range(20)]
    assert not any(
        session["_csrf"][start : start + 8] in token for token in tokens for start in range(36)
    )


def test_the_secret_is_256_bits_of_text_in_the_session() -> None:
    session = new_session()
    token = csrf_token(session)
    cookie = saved(session).partition("=")[2]
    assert unseal_data(cookie, password=PASSWORD) == {"_csrf": session["_csrf"]}
    secret = base64.urlsafe_b64decode(session["_csrf"] + "=")
    raw = base64.urlsafe_b64decode(token + "==")
    assert len(secret) == 32
    assert bytes(a ^ b for a, b in zip(raw[:32], raw[32:], strict=True)) == secret
    assert token.isascii()
    assert token.replace("-", "").replace("_", "").isalnum()


def test_a_second_token_changes_nothing_in_the_session() -> None:
    first = new_session()
    csrf_token(first)
    second = new_session(saved(first))
    csrf_token(second)
    assert not second.modified


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (None, "token-missing"),
        ("", "token-missing"),
        ("x", "token-wrong"),
        ("A" * 86, "token-wrong"),
        ("A" * 85, "token-wrong"),
        ("=" * 86, "token-wrong"),
        ("ü" * 86, "token-wrong"),
        ("\udcff" * 86, "token-wrong"),
        ("A" * 85 + "\n", "token-wrong"),
        ("A" * 10_000_000, "token-wrong"),
        (b"A" * 86, "token-wrong"),
        (7, "token-wrong"),
        (math.nan, "token-wrong"),
        ([], "token-wrong"),
        (["A" * 86], "token-wrong"),
        ({}, "token-wrong"),
    ],
)
def test_what_is_no_token_is_refused(token: object, reason: str) -> None:
    session = new_session()
    csrf_token(session)
    assert reason_of_token(session, token) == reason


@pytest.mark.parametrize("token", [None, "", "A" * 86, "garbage"])
def test_a_check_begins_no_session(token: object) -> None:
    session = new_session()
    assert reason_of_token(session, token) in ("token-missing", "token-wrong")
    assert dict(session) == {}
    assert not session.modified


@pytest.mark.parametrize("token", [None, "", "garbage", b"A" * 86])
def test_what_can_not_be_a_token_is_refused_without_a_look_at_the_session(token: object) -> None:
    session = new_session("myapp=Fe26.2*1*garbage")
    assert reason_of_token(session, token) is not PASSES
    assert not session.accessed


@pytest.mark.parametrize(
    "secret", [None, 7, "", "short", "A" * 42, "ü" * 43, "=" * 43, [SECRET], {"a": 1}, True]
)
def test_a_secret_that_is_none_is_not_used_but_replaced(secret: Any) -> None:
    """Another program that shares the session may have put it there."""
    session = {"_csrf": secret}
    assert reason_of_token(session, "A" * 86) == "token-wrong"
    assert session == {"_csrf": secret}
    assert reason_of_token(session, csrf_token(session)) is PASSES
    assert session["_csrf"] != secret


def test_the_secret_of_another_program_that_shares_the_session_is_kept() -> None:
    session = json.loads(json.dumps({"_csrf": SECRET}))
    assert reason_of_token(session, csrf_token(session)) is PASSES
    assert session == {"_csrf": SECRET}


def test_rotation_gives_a_new_secret_and_keeps_the_rest() -> None:
    session = {"user": 1}
    old = csrf_token(session)
    new = rotate_csrf_token(session)
    assert reason_of_token(session, old) == "token-wrong"
    assert reason_of_token(session, new) is PASSES
    assert session["user"] == 1


def test_rotation_begins_a_secret_where_there_was_none() -> None:
    session = new_session()
    assert reason_of_token(session, rotate_csrf_token(session)) is PASSES


def test_clearing_the_session_rotates_too() -> None:
    session = new_session()
    old = csrf_token(session)
    session.clear()
    assert reason_of_token(session, old) == "token-wrong"
    csrf_token(session)
    assert reason_of_token(session, old) == "token-wrong"


@pytest.mark.parametrize(
    "function", [csrf_token, rotate_csrf_token, lambda it: check_csrf_token(it, "")]
)
@pytest.mark.parametrize("session", [None, "session", object()])
def test_what_is_no_session_is_the_programmers_fault(
    function: Callable[[Any], object], session: object
) -> None:
    with pytest.raises(ConfigurationError, match=r"is not: pass request\.session"):
        function(session)


@given(
    token=st.one_of(
        st.text(),
        st.binary(),
        st.none(),
        st.integers(),
        st.text("ABCabc019-_", min_size=86, max_size=86),
    ),
    secret=st.one_of(st.none(), st.just(SECRET), st.text(), st.integers()),
)
def test_no_garbage_is_a_token_and_none_raises_anything_else(token: object, secret: object) -> None:
    assert reason_of_token({"_csrf": secret}, token) in ("token-missing", "token-wrong")


@dataclass
class Visits:
    count: int = 0


def test_beside_typed_data_the_secret_is_kept_too() -> None:
    options = make_options(schema=Visits)
    session: Session[Any] = get_iron_session(HeaderJar(""), options)
    session.data.count = 3
    token = csrf_token(session)
    later: Session[Any] = get_iron_session(HeaderJar(saved(session)), options)
    assert reason_of_token(later, token) is PASSES
    assert later.data == Visits(3)


# --- a token in a header -----------------------------------------------------------------

WITH_TOKEN = CsrfOptions(require_token=True)


def test_a_required_token_lets_a_request_pass() -> None:
    session: dict[str, Any] = {}
    request = make_request(from_site("same-origin"), ("X-CSRF-Token", csrf_token(session)))
    assert reason_of(request, WITH_TOKEN, lambda: session) is PASSES


def test_a_token_does_not_make_up_for_the_wrong_site() -> None:
    session: dict[str, Any] = {}
    request = make_request(from_site("cross-site"), ("X-CSRF-Token", csrf_token(session)))
    assert reason_of(request, WITH_TOKEN, lambda: session) == "cross-site"


def test_the_header_may_have_another_name() -> None:
    session: dict[str, Any] = {}
    request = make_request(("X-XSRF-TOKEN", csrf_token(session)))
    options = CsrfOptions(require_token=True, header_name="X-Xsrf-Token")
    assert reason_of(request, options, lambda: session) is PASSES
    assert reason_of(request, WITH_TOKEN, lambda: session) == "token-missing"


def test_two_headers_are_not_one_token() -> None:
    session: dict[str, Any] = {}
    headers = [("X-CSRF-Token", csrf_token(session)) for _ in range(2)]
    assert reason_of(make_request(*headers), WITH_TOKEN, lambda: session) == "token-wrong"


def test_a_request_that_brings_no_token_does_not_touch_the_session() -> None:
    session = new_session("myapp=Fe26.2*1*garbage")
    for headers in [[], [from_site("cross-site")], [("X-CSRF-Token", "garbage")]]:
        assert reason_of(make_request(*headers), WITH_TOKEN, lambda: session) is not PASSES
    assert not session.accessed


def test_an_empty_session_is_a_session_too() -> None:
    """Not one that is missing, because it is false."""
    assert reason_of(make_request(), WITH_TOKEN, dict) == "token-missing"


def test_a_websocket_brings_no_token() -> None:
    """A browser can't give a handshake a header: its site is checked."""
    request = make_request(method="GET", is_websocket=True)
    assert reason_of(request, WITH_TOKEN) is PASSES


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_session_that_is_missing_is_found_out_by_the_first_request(method: str) -> None:
    def find_none() -> Session:
        raise ConfigurationError("no session")

    with pytest.raises(ConfigurationError):
        check_request(make_request(method=method), WITH_TOKEN, find_none)
    exempt = CsrfOptions(require_token=True, exempt=["/pay"])
    assert reason_of(make_request(method=method), exempt, find_none) is PASSES


def test_a_safe_request_needs_no_token_and_leaves_the_session_alone() -> None:
    session = new_session("myapp=Fe26.2*1*garbage")
    assert reason_of(make_request(method="GET"), WITH_TOKEN, lambda: session) is PASSES
    assert not session.accessed


def test_a_request_shows_nothing_of_its_headers() -> None:
    assert repr(make_request(("Cookie", "secret"))) == (
        "CsrfRequest(method='POST', path='/pay', is_websocket=False)"
    )
