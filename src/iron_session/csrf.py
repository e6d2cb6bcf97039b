"""Protection from requests that another site has forged (CSRF), off until it is asked for.

There are two checks, and each works without the other. The first needs no work in the application:
browsers say where a request comes from (OWASP's cheat sheet on CSRF, "Fetch Metadata headers", and
"Verifying Origin" for browsers that send none). The second is the cheat sheet's synchronizer token,
whose secret is kept in the session.

The middlewares that apply `CsrfOptions` are `csrf` in `iron_session.integrations.asgi`, `.aiohttp`
and `.sanic`. The tokens work with any session, in any framework.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from iron_session._frames import guarded
from iron_session.errors import (
    ConfigurationError,
    CsrfError,
    CsrfReason,
    SessionUnavailableError,
)
from iron_session.seals._crypto import equal, random_bytes
from iron_session.seals._encoding import base64url_decode, base64url_encode
from iron_session.sessions.events import report_refusal
from iron_session.sessions.options import check_function

__all__ = [
    "CsrfError",
    "CsrfOptions",
    "CsrfReason",
    "CsrfRefusal",
    "CsrfRequest",
    "check_csrf_token",
    "csrf_token",
    "rotate_csrf_token",
]

_KEY: Final = "_csrf"
_SECRET_BYTES: Final = 32
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110, 9.2.1

_OWN_SITE: Final = ("same-origin", "none")  # none: the visitor's own action, a bookmark say
_OTHER_SITE: Final = ("same-site", "cross-site")

# An origin as browsers write it (RFC 6454, 6.2), with the host characters that they never encode.
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token, RFC 9110, 5.6.2
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # including line ends
_LONGEST_SHOWN: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CsrfRequest:
    """What is known about a request before the application sees it.

    Attributes:
        method: the method as sent; `"GET"` for a WebSocket's handshake.
        path: the path as the application's routes spell it: decoded, without the query and without
            the path that the application is mounted at. The documentation's page "Forged requests
            (CSRF)" says what that is in each framework.
        is_websocket: whether it is the handshake of a WebSocket.
        headers: a function that returns all values of a header, by its name.
    """

    method: str
    path: str
    is_websocket: bool = False
    headers: Callable[[str], Sequence[str]] = field(repr=False)

    @property
    def is_unsafe(self) -> bool:
        """Whether it may change something: a WebSocket, or not GET, HEAD, OPTIONS or TRACE."""
        return self.is_websocket or self.method not in _SAFE_METHODS


@dataclass(frozen=True, slots=True, kw_only=True)
class CsrfRefusal:
    """A request that was refused: the argument of `on_refused`.

    Attributes:
        reason: see `CsrfReason`.
        method: the request's method.
        path: the request's path, without the query.
        error: the error itself; it holds no token.
    """

    reason: CsrfReason
    method: str
    path: str
    error: CsrfError


@dataclass(frozen=True, slots=True, kw_only=True)
class CsrfOptions:
    """Which requests are refused; by default those that a browser says come from another site.

    Args:
        trusted_origins: other origins whose pages may send requests, as browsers write them:
            `"https://app.example.com"`, with a port if it is not the scheme's default.
        require_origin: also refuse requests that do not say where they come from: no browser sends
            such, but other programs do.
        require_token: require the session's token in a header of each unsafe request, except for
            WebSockets. Forms can't set a header: check their token in the handler.
        header_name: the name of that header.
        exempt: paths, each exactly as the application's routes spell it, that accept requests from
            everywhere; or a function (not a coroutine function) that returns True for such a
            `CsrfRequest` and False for any other.
        on_refused: called with one `CsrfRefusal` for each request that is refused; not a coroutine
            function, since nothing awaits it.

    Raises:
        ConfigurationError: a value that would not do what it seems to; the message says why.
    """

    trusted_origins: Collection[str] = ()
    require_origin: bool = False
    require_token: bool = False
    header_name: str = "X-CSRF-Token"
    exempt: Collection[str] | Callable[[CsrfRequest], bool] = ()
    on_refused: Callable[[CsrfRefusal], object] | None = None

    def __post_init__(self) -> None:
        for name in ("require_origin", "require_token"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigurationError(f"{name} must be True or False")
        name = self.header_name
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError(f"header_name can't be {name!r}: a header has no such name")
        check_function("on_refused", self.on_refused)
        origins = [_trusted(one) for one in _texts("trusted_origins", self.trusted_origins)]
        object.__setattr__(self, "trusted_origins", frozenset(origins))
        if callable(self.exempt):
            check_function("exempt", self.exempt)
        else:
            paths = [_exempted(one) for one in _texts("exempt", self.exempt)]
            object.__setattr__(self, "exempt", frozenset(paths))

    def exempts(self, request: CsrfRequest) -> bool:
        """Return whether a request is exempt from the check.

        A path with a control character in it never is: some routers treat it as the path without
        the character, and the author of the exemptions did not think of it.

        Raises:
            ConfigurationError: the application's function returns no bool.
        """
        if _CONTROL_CHARACTER.search(request.path):
            return False
        exempt = self.exempt
        if not callable(exempt):
            return request.path in exempt
        answer: object = exempt(request)
        if not isinstance(answer, bool):  # a coroutine, say, would be a yes to everything
            raise ConfigurationError(
                f"exempt must return True or False, not {type(answer).__name__}, as "
                'request.path.startswith("/webhooks/") does'
            )
        return answer


def _texts(name: str, values: object) -> Collection[str]:
    if isinstance(values, str) or not isinstance(values, Collection):
        raise ConfigurationError(f"{name} must be a list of texts, as [{values!r}]")
    return values


def _trusted(origin: object) -> str:
    canonical = _canonical(origin) if isinstance(origin, str) else None
    if canonical is None:
        raise ConfigurationError(
            f"trusted_origins can't hold {origin!r}: an origin is a scheme, a host and, where it "
            'is not the usual one, a port, as "https://app.example.com". No path, no *, and no '
            "letters beyond ASCII: browsers send the xn-- form of such a host"
        )
    return canonical


def _exempted(path: object) -> str:
    if not isinstance(path, str) or not path.startswith("/") or "?" in path or "*" in path:
        raise ConfigurationError(
            f'exempt can\'t hold {path!r}: a path is written in full, as "/webhooks/payment", and '
            "without a query; for several at once, give a function of a CsrfRequest"
        )
    return path


def _canonical(origin: str) -> str | None:
    """Return an origin in the form in which origins are compared; None if it is no origin."""
    # ASCII first: some letters beyond it are ASCII in lower case.
    match = _ORIGIN.fullmatch(origin.lower()) if origin.isascii() else None
    if match is None:
        return None
    scheme, host, port = match.groups()
    if port is None or int(port) == _DEFAULT_PORTS.get(scheme):
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{int(port)}"


DEFAULTS: Final = CsrfOptions()


def check_csrf_options(options: CsrfOptions) -> CsrfOptions:
    """Return the options.

    Raises:
        ConfigurationError: they are no `CsrfOptions`.
    """
    if not isinstance(options, CsrfOptions):
        raise ConfigurationError(f"options must be CsrfOptions(…), not {type(options).__name__}")
    return options


def asks_for_websocket(method: str, headers: Callable[[str], Sequence[str]]) -> bool:
    """Return whether a request is the handshake of a WebSocket, if the server does not say so."""
    return method == "GET" and "websocket" in ",".join(headers("Upgrade")).lower()


@guarded
def check_request(
    request: CsrfRequest, options: CsrfOptions, find_session: Callable[[], Mapping[str, Any]]
) -> None:
    """Check a request, and refuse it if it may be forged; read the session only to compare a token.

    Args:
        request: the request.
        options: options that were checked when the integration was installed.
        find_session: returns the request's session, unread. With `require_token` it is called for
            safe requests too, so that the first request shows that no session is installed.

    Raises:
        CsrfError: the request may be forged.
        ConfigurationError: `find_session` does not find a session; or `exempt` returns no bool.
    """
    if not (request.is_unsafe or options.require_token) or options.exempts(request):
        return
    session = find_session() if options.require_token and not request.is_websocket else None
    if not request.is_unsafe:
        return
    _check_source(request, options)
    if session is not None:
        tokens = request.headers(options.header_name)
        check_csrf_token(session, tokens[0] if len(tokens) == 1 else tokens or None)


def _check_source(request: CsrfRequest, options: CsrfOptions) -> None:
    site = _only_value(request, "Sec-Fetch-Site", "cross-site")
    origin = _only_value(request, "Origin", "origin")
    if site in _OWN_SITE:
        return
    known = site is None or site in _OTHER_SITE
    if known and origin is not None and _canonical(origin) in options.trusted_origins:
        return
    if site is not None:
        raise CsrfError(
            f"it comes from another site, by its Sec-Fetch-Site {_shown(site)} and its Origin "
            f"{_shown(origin)}",
            reason="cross-site",
        )
    if origin is None:
        if options.require_origin:
            raise CsrfError("it has no Origin", reason="origin")
    elif not _is_of(origin, hosts := request.headers("Host")):
        raise CsrfError(
            f"its Origin {_shown(origin)} is not its Host {_shown(','.join(hosts))}",
            reason="origin",
        )


def _only_value(request: CsrfRequest, name: str, reason: CsrfReason) -> str | None:
    values = request.headers(name)
    if len(values) > 1:
        raise CsrfError(f"it has several headers {name}", reason=reason)
    return values[0] if values else None


def _is_of(origin: str, hosts: Sequence[str]) -> bool:
    """Compare host and port; only the proxy that ends TLS knows the scheme of the request."""
    scheme = origin.partition("://")[0].lower()
    # A server's pages have one of these two schemes; what a host means in others is not known.
    own = _canonical(origin) if scheme in _DEFAULT_PORTS else None
    return own is not None and len(hosts) == 1 and own == _canonical(f"{scheme}://{hosts[0]}")


def _shown(text: str | None) -> str:
    return "none" if text is None else ascii(text[:_LONGEST_SHOWN])


def refuse(request: CsrfRequest, error: CsrfError, options: CsrfOptions) -> str:
    """Report a refusal, and return the text of the answer, which has the status 403."""
    about = CsrfRefusal(reason=error.reason, method=request.method, path=request.path, error=error)
    where = _shown(f"{request.method} {request.path}")
    text = f"the request {where} was refused: {error}"
    report_refusal(text, error.reason, about, options.on_refused)
    return f"The request was refused: it may be forged ({error.reason})."


@guarded
def csrf_token(session: MutableMapping[str, Any]) -> str:
    """Return a token for a form or a header of a page; the session gets a secret if it has none.

    Each call returns another text, so that a compressed page does not reveal the token (BREACH);
    all of them are valid until the session's secret changes.

    Args:
        session: the visitor's session. It is saved as after any change.

    Raises:
        ConfigurationError: it is no session.
    """
    _require_session(session)
    secret = _secret_in(session)
    if secret is None:
        secret = random_bytes(_SECRET_BYTES)
        session[_KEY] = base64url_encode(secret)
    mask = random_bytes(_SECRET_BYTES)
    return base64url_encode(mask + _xor(mask, secret))


@guarded
def check_csrf_token(session: Mapping[str, Any], token: object) -> None:
    """Compare a request's token with the session's secret; nothing is written into the session.

    Args:
        session: the visitor's session.
        token: the value from the form or the header, of any type; None for none.

    Raises:
        CsrfError: it is not the session's token.
        SessionUnavailableError: it can't be told now whether the session was ended.
        ConfigurationError: `session` is no session.
    """
    _require_session(session)
    if token is None or token == "":
        raise CsrfError("it has no CSRF token", reason="token-missing")
    problem = "its CSRF token is not that of the session"
    masked = _decode(token, 2 * _SECRET_BYTES)
    if masked is None:  # then the session need not be read
        raise CsrfError(problem, reason="token-wrong")
    if not _is_token_of(session, masked):
        lost = "" if session else ", which is empty: it was lost, or never there"
        raise CsrfError(problem + lost, reason="token-wrong")


@guarded
def rotate_csrf_token(session: MutableMapping[str, Any]) -> str:
    """Return a token of a new secret; all tokens of the old one are invalid from now on.

    Call it at a login: anybody who knew the visitor's token before must not know it afterwards. A
    login that begins with `session.clear()` does not need it.

    Args:
        session: the visitor's session. It is saved as after any change.

    Raises:
        ConfigurationError: it is no session.
    """
    _require_session(session)
    session.pop(_KEY, None)
    return csrf_token(session)


def _require_session(session: object) -> None:
    if not isinstance(session, Mapping):
        raise ConfigurationError(
            f"a CSRF token is kept in a session, which {type(session).__name__} is not: "
            "pass request.session, or what get_session(request) returns"
        )


def _is_token_of(session: Mapping[str, Any], masked: bytes) -> bool:
    secret = _secret_in(session)
    if secret is None and getattr(session, "unavailable", False) is True:
        raise SessionUnavailableError("the session can't be told now, nor its CSRF token")
    brought = _xor(masked[:_SECRET_BYTES], masked[_SECRET_BYTES:])
    return secret is not None and equal(brought, secret)


def _secret_in(session: Mapping[str, Any]) -> bytes | None:
    return _decode(session.get(_KEY), _SECRET_BYTES)


def _decode(text: object, size: int) -> bytes | None:
    """Read base64url text of `size` bytes; return None for anything else."""
    if not isinstance(text, str) or len(text) != (4 * size + 2) // 3:
        return None
    try:
        return base64url_decode(text)
    except ValueError:
        return None


def _xor(one: bytes, other: bytes) -> bytes:
    number = int.from_bytes(one) ^ int.from_bytes(other)
    return number.to_bytes(_SECRET_BYTES)
