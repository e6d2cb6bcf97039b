"""Requests that another site has forged: by what the browser says of them, and by a token.

The two are apart, and go together. The browser's own headers need nothing of the application
(OWASP's cheat sheet on CSRF, "Fetch Metadata headers", with "Verifying Origin" for browsers that
have none). The token is the cheat sheet's synchronizer token: its secret lies in the session.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from iron_session.errors import ConfigurationError, CsrfError, CsrfReason
from iron_session.seals._crypto import equal, random_bytes
from iron_session.seals._encoding import base64url_decode, base64url_encode
from iron_session.sessions.events import report_refusal
from iron_session.sessions.options import check_function

__all__ = [
    "DEFAULTS",
    "CsrfOptions",
    "CsrfRefusal",
    "CsrfRequest",
    "asks_for_websocket",
    "check_csrf_options",
    "check_csrf_token",
    "check_request",
    "csrf_token",
    "refuse",
    "rotate_csrf_token",
]

_KEY: Final = "_csrf"
_SECRET_BYTES: Final = 32
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110, 9.2.1

_OWN_SITE: Final = ("same-origin", "none")  # none: the visitor's own doing, a bookmark say
_OTHER_SITE: Final = ("same-site", "cross-site")

# Of an origin what browsers write (RFC 6454, 6.2); of its host what they leave as it is.
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token, RFC 9110, 5.6.2
_LONGEST_SHOWN: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CsrfRequest:
    """What is known of a request before the application sees it.

    Attributes:
        method: as it came; `"GET"` for a WebSocket's handshake.
        path: as the application's routes spell it: decoded, without the query and without what
            the application is mounted under. docs/csrf.md says what that is in each framework.
        is_websocket: whether it is the handshake of a WebSocket.
        headers: gives every value of a header, by its name.
    """

    method: str
    path: str
    is_websocket: bool = False
    headers: Callable[[str], Sequence[str]] = field(repr=False)

    @property
    def is_unsafe(self) -> bool:
        """Whether it may change something: any but GET, HEAD, OPTIONS, TRACE, and a WebSocket."""
        return self.is_websocket or self.method not in _SAFE_METHODS


@dataclass(frozen=True, slots=True, kw_only=True)
class CsrfRefusal:
    """What `on_refused` is told.

    Attributes:
        reason: see `CsrfReason`.
        method: the request's.
        path: the request's, without the query.
        error: the error itself; it holds no token.
    """

    reason: CsrfReason
    method: str
    path: str
    error: CsrfError


@dataclass(frozen=True, slots=True, kw_only=True)
class CsrfOptions:
    """Which requests are refused; by default those of which a browser says that they are foreign.

    Args:
        trusted_origins: other origins whose pages may send requests, as browsers write them:
            `"https://app.example.com"`; a port where it is not the scheme's own.
        require_origin: refuse also what says nothing of where it comes from: no browser sends
            that, but other programs do.
        require_token: ask of each unsafe request, but for WebSockets, for the session's token in a
            header. Forms can't set one: check theirs in the handler.
        header_name: that header.
        exempt: paths, each exactly as the application's routes spell it, that take requests from
            everywhere; or a function, not a coroutine's, that gives True for such a `CsrfRequest`
            and False for any other.
        on_refused: called with one `CsrfRefusal` for each request that is refused; no coroutine
            function either, as nothing awaits it.

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
        """Tell whether a request is not to be checked.

        Raises:
            ConfigurationError: a function of the application's gives something else than a bool.
        """
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
    """Write an origin in the one way that it is compared by; None if it is none."""
    # ASCII first: some other letters have small forms that are in it.
    match = _ORIGIN.fullmatch(origin.lower()) if origin.isascii() else None
    if match is None:
        return None
    scheme, host, port = match.groups()
    if port is None or int(port) == _DEFAULT_PORTS.get(scheme):
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{int(port)}"


DEFAULTS: Final = CsrfOptions()


def check_csrf_options(options: CsrfOptions) -> CsrfOptions:
    """Give the options back.

    Raises:
        ConfigurationError: they are no `CsrfOptions`.
    """
    if not isinstance(options, CsrfOptions):
        raise ConfigurationError(f"options must be CsrfOptions(…), not {type(options).__name__}")
    return options


def asks_for_websocket(method: str, headers: Callable[[str], Sequence[str]]) -> bool:
    """Tell whether a request is the handshake of a WebSocket, where the server does not say so."""
    return method == "GET" and "websocket" in ",".join(headers("Upgrade")).lower()


def check_request(
    request: CsrfRequest, options: CsrfOptions, find_session: Callable[[], Mapping[str, Any]]
) -> None:
    """Let a request pass, or not; the session is read only if a token is to be compared.

    Args:
        request: the request.
        options: checked already, when the integration was installed.
        find_session: gives the request's session, unread. With `require_token` safe requests ask
            for it too, so that a session that is not installed is found out by the first.

    Raises:
        CsrfError: it may be forged.
        ConfigurationError: `find_session` does not find one; or `exempt` gives no bool.
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
    """Compare host and port; the scheme of a request is known to the proxy only that ends TLS."""
    scheme = origin.partition("://")[0].lower()
    # Pages of a server have these two: of others it is not told what their host means.
    own = _canonical(origin) if scheme in _DEFAULT_PORTS else None
    return own is not None and len(hosts) == 1 and own == _canonical(f"{scheme}://{hosts[0]}")


def _shown(text: str | None) -> str:
    return "none" if text is None else ascii(text[:_LONGEST_SHOWN])


def refuse(request: CsrfRequest, error: CsrfError, options: CsrfOptions) -> str:
    """Report a refusal, and give the text to answer it with, by a 403."""
    about = CsrfRefusal(reason=error.reason, method=request.method, path=request.path, error=error)
    where = _shown(f"{request.method} {request.path}")
    text = f"the request {where} was refused: {error}"
    report_refusal(text, error.reason, about, options.on_refused)
    return f"The request was refused: it may be forged ({error.reason})."


def csrf_token(session: MutableMapping[str, Any]) -> str:
    """Give a token for a form or a header of a page; the session gets a secret if it has none.

    It is another text at each call, so that a compressed page does not give it away (BREACH); all
    of them are right until the session's secret changes.

    Args:
        session: the visitor's. It is saved as after any change.

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


def check_csrf_token(session: Mapping[str, Any], token: object) -> None:
    """Compare what a request brought with the session's secret; nothing is written into it.

    Args:
        session: the visitor's.
        token: what the form or the header has: any value, None for none.

    Raises:
        CsrfError: it is not the session's token.
        ConfigurationError: that is no session.
    """
    _require_session(session)
    if token is None or token == "":
        raise CsrfError("it has no CSRF token", reason="token-missing")
    if not _is_token_of(session, token):
        raise CsrfError("its CSRF token is not that of the session", reason="token-wrong")


def rotate_csrf_token(session: MutableMapping[str, Any]) -> str:
    """Give a token of a new secret; all tokens of the old one are wrong from now on.

    For a login: who knew the visitor's token before it must not know it after. Where the login
    begins with `session.clear()` that has done it.

    Args:
        session: the visitor's. It is saved as after any change.

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
            "pass request.session, or what get_session(request) gives"
        )


def _is_token_of(session: Mapping[str, Any], token: object) -> bool:
    masked = _decode(token, 2 * _SECRET_BYTES)
    if masked is None:  # then the session need not even be read
        return False
    secret = _secret_in(session)
    brought = _xor(masked[:_SECRET_BYTES], masked[_SECRET_BYTES:])
    return secret is not None and equal(brought, secret)


def _secret_in(session: Mapping[str, Any]) -> bytes | None:
    return _decode(session.get(_KEY), _SECRET_BYTES)


def _decode(text: object, size: int) -> bytes | None:
    """Read base64url of so many bytes; None if it is anything else."""
    if not isinstance(text, str) or len(text) != (4 * size + 2) // 3:
        return None
    try:
        return base64url_decode(text)
    except ValueError:
        return None


def _xor(one: bytes, other: bytes) -> bytes:
    number = int.from_bytes(one) ^ int.from_bytes(other)
    return number.to_bytes(_SECRET_BYTES)
