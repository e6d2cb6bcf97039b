"""Django Channels: `scope["session"]` and `scope["user"]`, or a session by hand.

from iron_session.integrations.channels import AuthMiddlewareStack    # not from channels.auth

application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": AuthMiddlewareStack(URLRouter([…]))}
)

session = get_iron_session(self.scope, headers, options)              # then: session.save()
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any, Final, NoReturn, TypeAlias

try:
    from channels.auth import AuthMiddleware
    from channels.sessions import CookieMiddleware
    from django.conf import settings
    from django.http import parse_cookie
    from django.utils.functional import LazyObject
except ImportError as _cause:
    raise ImportError(
        "iron_session.integrations.channels needs Channels: pip install channels"
    ) from _cause

from iron_session._frames import clear_frames, guarded
from iron_session.errors import (
    ConfigurationError,
    HeadersAlreadySentError,
    SessionUnavailableError,
)
from iron_session.http.headers import RawHeaders
from iron_session.http.heads import ScopeHead
from iron_session.http.misuse import explain
from iron_session.http.request import REGISTRY, check_not_served, find_session, session_by_hand
from iron_session.http.response import header_jar
from iron_session.integrations.asgi import Receive
from iron_session.integrations.asgi.connection import Connection, Message, Scope, Send
from iron_session.integrations.django.settings import ENGINE, settings_options
from iron_session.integrations.django.store import DjangoSession, SessionStore
from iron_session.sessions import session as core
from iron_session.sessions.cookie_text import SetCookie
from iron_session.sessions.cookies import cookie_names
from iron_session.sessions.events import report_lost
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.options import SessionOptions, T, check_options
from iron_session.sessions.session import Session

__all__ = [
    "Application",
    "AuthMiddlewareStack",
    "SessionMiddleware",
    "SessionMiddlewareStack",
    "get_iron_session",
    "get_session",
]

Application: TypeAlias = Callable[..., Awaitable[Any]]
"""A router, a consumer's `as_asgi()` or a middleware; Channels has no type for all of them."""

_FIRST: Final = "session"
_INSTALL: Final = f"AuthMiddlewareStack or SessionMiddlewareStack from {__name__}"

_ACCEPT: Final = "websocket.accept"
_CARRIERS: Final = {"http.response.start", _ACCEPT, "websocket.http.response.start"}
_UNANSWERED: Final = "the connection ended before it was accepted or answered"
_NO_HEADERS: Final = (
    "this server, like Daphne, sends no headers when it accepts a WebSocket: change the session in "
    "an HTTP request, or serve the application with uvicorn or hypercorn"
)
_SET_WITHIN: Final = (
    "the response has this cookie already, from Django's own middleware or the application: "
    "change the session there"
)


def AuthMiddlewareStack(inner: Application) -> Application:  # noqa: N802 - Channels' own name
    """Build the stack that puts Django's session, the user and the cookies into the scope.

    Use it instead of `channels.auth.AuthMiddlewareStack`.

    Args:
        inner: the wrapped application: a router or a consumer.

    Raises:
        ConfigurationError: see `SessionMiddleware`.
    """
    return SessionMiddlewareStack(AuthMiddleware(inner))


def SessionMiddlewareStack(  # noqa: N802 - Channels' own name
    inner: Application, options: SessionOptions | None = None, *, key: str = _FIRST
) -> Application:
    """Build the stack that puts a session and the cookies into the scope.

    Use it instead of `channels.sessions.SessionMiddlewareStack`.

    Args:
        inner: the wrapped application: a router or a consumer.
        options: see `SessionMiddleware`.
        key: see `SessionMiddleware`.

    Raises:
        ConfigurationError: see `SessionMiddleware`.
    """
    stack: Application = CookieMiddleware(SessionMiddleware(inner, options, key=key))
    return stack


class SessionMiddleware:
    """Put a session into each scope, and write it when the consumer accepts or answers.

    The scope holds a store like `request.session` in a Django view, so `channels.auth` works with
    it. As in Django, a response with status 500 or above writes nothing.

    Args:
        inner: the wrapped application: a router or a consumer.
        options: the session's options; None for those of Django's settings.
        key: the session's key in the scope. A second session needs another one, and options.

    Raises:
        ConfigurationError: the settings are invalid, or the options name another cookie than the
            one in which Django's pages keep this session; at a connection: it has no headers, a
            second session has the same cookie, or Channels' own middleware is around this one.
    """

    @guarded
    def __init__(
        self, inner: Application, options: SessionOptions | None = None, *, key: str = _FIRST
    ) -> None:
        engine = import_module(settings.SESSION_ENGINE).SessionStore
        is_ours = issubclass(engine, SessionStore)
        if options is None and not is_ours:
            raise ConfigurationError(f'{_INSTALL} needs SESSION_ENGINE = "{ENGINE}"')
        if options is not None and is_ours and key == _FIRST:
            _check_same_cookie(options)
        self.inner: Application = inner
        self.options: SessionOptions = (
            settings_options() if options is None else check_options(options)
        )
        self.key: str = key
        self._store: type[SessionStore] = engine if is_ours else SessionStore

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application with a session in its scope."""
        connection = None
        try:
            if self._is_around_itself(scope):
                running = self.inner(scope, receive, send)
            else:
                connection = _Connection(scope, self.key, self.options, send, self._store)
                running = self.inner(connection.scope_within, receive, connection.send)
        except BaseException as error:
            clear_frames(error)
            raise
        finally:
            # Error reports show a coroutine's variables: here, the request's cookies.
            del scope, receive, send
        failed = True
        try:
            await running
            failed = False
        except SessionUnavailableError:
            if connection is None or connection.has_started:
                raise
            await connection.answer_unavailable()
            failed = False
        except (AttributeError, TypeError) as error:
            explain(error)
            raise
        finally:
            if connection is not None:
                connection.finish(failed=failed)

    def _is_around_itself(self, scope: Scope) -> bool:
        """Return whether this middleware is around itself, as Channels allows for its own.

        Raises:
            ConfigurationError: the scope has no headers, or has Channels' own session.
        """
        if "headers" not in scope:
            raise ConfigurationError(
                f"a scope of the type {scope['type']!r} has no cookies: put the session only "
                'around the applications for "http" and "websocket"'
            )
        found = scope.get(self.key)
        if isinstance(found, LazyObject):
            raise ConfigurationError(
                "Channels' own session middleware is around iron-session's, and does not use its "
                f"options: replace it with {_INSTALL}"
            )
        return isinstance(found, SessionStore) and found.core.options is self.options


def _check_same_cookie(options: SessionOptions) -> None:
    mine, theirs = check_options(options).cookie_name, settings_options().cookie_name
    if mine != theirs:
        raise ConfigurationError(
            f"scope[{_FIRST!r}] would be kept in the cookie {mine!r}, and Django's pages keep "
            f"their session in {theirs!r}: leave the options out, or give this session a key of "
            "its own"
        )


class _Connection(Connection):
    """A connection with Django's kind of session.

    Its scope is its own copy. Channels' middleware copies scopes too, so what a consumer puts in
    the session's place is never seen here.

    Attributes:
        scope_within: the scope for the wrapped application, with the session's store.
    """

    __slots__ = ("_server_send", "_takes_cookies", "_why_lost", "scope_within")

    def __init__(
        self,
        scope: Scope,
        key: str,
        options: SessionOptions,
        send: Send,
        store_type: type[SessionStore],
    ) -> None:
        name, place = options.cookie_name, f"iron_session.{key}"
        super().__init__({**scope, "headers": _headers_of(scope, name)}, place, options, send)
        self._server_send = send
        self._takes_cookies = _takes_cookies(scope)
        self._why_lost: str | None = _UNANSWERED
        jar = header_jar(self.session)
        if not self._takes_cookies:
            head = ScopeHead(self.scope)
            jar = _MuteJar(head.cookie_header, head)
        self.session = self.by_key[place] = DjangoSession(jar, options)
        registry = self.scope[REGISTRY]
        self.scope[place] = registry[name] = self.session
        store: Any = store_type()
        store.core = self.session
        self.scope_within: Scope = {**scope, REGISTRY: registry, key: store}

    # A coroutine function, since synchronous consumers call it through `async_to_sync`.
    async def send(self, message: Message) -> None:
        """Pass a message on; if it sends headers, add the session's."""
        kind = message["type"]
        if kind == _ACCEPT and not self._takes_cookies:
            self._why_lost = _NO_HEADERS
        try:
            if self._why_lost == _NO_HEADERS:
                await self._server_send(message)
                return
            if kind in _CARRIERS:
                self._prepare(message)
                self._why_lost = None
            await super().send(message)
        finally:
            del message  # error reports show a coroutine's variables: cookies

    def _prepare(self, message: Message) -> None:
        """Apply Django's own rules to a session that is about to be written."""
        session = self.session
        if message.get("status", 200) >= 500:
            session.abandon()
        elif self._is_set_within(message):
            if session.is_unsaved or header_jar(session).set_cookie_headers:
                report_lost(session.options.cookie_name, _SET_WITHIN)
            session.abandon()
        elif settings.SESSION_SAVE_EVERY_REQUEST and session:
            session.mark_modified()

    def _is_set_within(self, message: Message) -> bool:
        """Return whether the wrapped application has set the cookie of this session itself."""
        headers = RawHeaders(list(message.get("headers") or ()))
        names = {value.partition("=")[0].strip() for value in headers.get("Set-Cookie")}
        return self.session.options.cookie_name in names  # also set beside chunks

    def finish(self, *, failed: bool) -> None:
        """Log the changes that nobody will get; of a failed connection, only if it was answered."""
        if failed and self._why_lost == _UNANSWERED:
            self._why_lost = None
        self.end()

    def _why_uncarried(self) -> str | None:
        return super()._why_uncarried() or self._why_lost


class _MuteJar(HeaderJar):
    """A jar for a server that sends no cookies."""

    __slots__ = ()

    def write(self, cookie: SetCookie) -> NoReturn:
        """Raise HeadersAlreadySentError."""
        raise HeadersAlreadySentError(f"the session can't be written: {_NO_HEADERS}")


def _takes_cookies(scope: Mapping[str, Any]) -> bool:
    """Return whether the server sends the headers of the answer to a connection.

    `websocket.accept` has headers since version 2.1 of ASGI's specification for WebSockets; a
    server that names no version has 2.0. The communicators of Channels' tests have no "asgi".
    """
    if scope["type"] != "websocket" or "asgi" not in scope:
        return True
    return bool(scope["asgi"].get("spec_version", "2.0") != "2.0")


def _headers_of(scope: Mapping[str, Any], name: str) -> list[tuple[bytes, bytes]]:
    """Return the headers, with the session's cookies as the application has changed them.

    As with Django's `request.COOKIES`, another middleware may have added some to
    `scope["cookies"]` (from a mobile app's query string, say), or removed some.
    """
    headers: list[tuple[bytes, bytes]] = list(scope["headers"])
    fields = [value.decode("latin-1") for field, value in headers if field == b"cookie"]
    as_read = parse_cookie(fields[0]) if fields else {}  # Channels reads only the first field
    cookies = scope.get("cookies", as_read)
    changed = {one for one in cookie_names(name) if cookies.get(one) != as_read.get(one)}
    if not changed:
        return headers
    sent = (pair for field in fields for pair in field.split(";"))
    kept = [pair for pair in sent if pair.partition("=")[0].strip() not in changed]
    header = "; ".join([*kept, *(f"{one}={cookies[one]}" for one in changed & cookies.keys())])
    others = [one for one in headers if one[0] != b"cookie"]
    return [*others, (b"cookie", header.encode("latin-1", "replace"))]


@guarded
def get_session(scope: Mapping[str, object], *, key: str = _FIRST) -> Session:
    """Return the session itself; `scope["session"]` is Django's view of it.

    Args:
        scope: the consumer's: `self.scope`.
        key: the middleware's.

    Raises:
        ConfigurationError: the middleware is not installed.
    """
    store = scope.get(key)
    return find_session({key: getattr(store, "core", None)}, key, _INSTALL)


@guarded
def get_iron_session(
    scope: Mapping[str, object],
    headers: list[tuple[bytes, bytes]],
    options: SessionOptions[T],
) -> Session[T]:
    """Return the connection's session. Only its `save()` and `destroy()` write, to these headers.

    Args:
        scope: the consumer's: `self.scope`.
        headers: the list that `accept(headers=…)`, `send_headers` or `send_response` will send.
        options: built once, at import time.

    Raises:
        ConfigurationError: `options` is not a `SessionOptions`, or the middleware already manages
            this cookie: one of two sessions could undo the other's logout.
    """
    head = ScopeHead(scope)
    if _takes_cookies(scope):
        return session_by_hand(scope, options, head, RawHeaders(headers))
    check_not_served(scope, options)
    return core.get_iron_session(_MuteJar(head.cookie_header, head), options)
