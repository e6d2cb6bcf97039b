"""FastAPI: the session as a dependency, and all that the Starlette integration has.

app.add_middleware(IronSessionMiddleware, options=options)
CurrentSession = Annotated[Session, Depends(SessionDependency(options))]  # or Session[Visitor]

@app.get("/")
def home(session: CurrentSession): ...
"""

# No `from __future__ import annotations` here: if a dependency is an object, FastAPI up to 0.123
# can't resolve annotations that are text, and would ask visitors for a query parameter.
import inspect
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from functools import wraps
from inspect import Parameter, Signature
from typing import Annotated, Any, Final, Generic, TypeVar, cast
from weakref import ref

try:
    from fastapi import Depends
    from fastapi.requests import HTTPConnection
    from fastapi.responses import Response
except ModuleNotFoundError as _cause:
    raise ImportError(
        "iron_session.integrations.fastapi needs FastAPI: pip install fastapi"
    ) from _cause

from iron_session._frames import guarded
from iron_session.errors import ConfigurationError
from iron_session.http.headers import RawHeaders
from iron_session.http.request import REGISTRY, check_not_served
from iron_session.http.response import ResponseJar, header_jar
from iron_session.integrations import starlette
from iron_session.integrations.starlette import (
    REPLACED,
    HandlerConnection,
    IronSessionMiddleware,
    StarletteHead,
    get_session,
)
from iron_session.sessions import session as core
from iron_session.sessions.cookie_text import SetCookie
from iron_session.sessions.events import report_lost
from iron_session.sessions.jar import HeaderJar
from iron_session.sessions.options import SessionOptions, T, check_options
from iron_session.sessions.session import Session

__all__ = [
    "IronSessionMiddleware",
    "SessionDependency",
    "get_iron_session",
    "get_session",
    "with_iron_session",
]


class _ClassSignature:
    """The signature that FastAPI sees if it was given the class instead of an instance.

    FastAPI asks each argument's type for a schema: that of `SessionOptions` raises an error which
    says what is missing; for `SessionOptions[T]` FastAPI would not ask it.
    """

    def __get__(self, instance: object, owner: type) -> Signature:
        """Return the class's signature; raise AttributeError for an instance."""
        if instance is not None:
            raise AttributeError("__signature__")
        kind = Parameter.POSITIONAL_OR_KEYWORD
        return Signature([Parameter("options", kind, annotation=SessionOptions)])


class SessionDependency(Generic[T]):
    """A dependency whose value is the connection's session, in HTTP and WebSocket routes.

    It needs the middleware with the same options: only the middleware can write a session into
    every response, even one that the handler builds itself or streams.

    Args:
        options: the same object that the middleware has.

    Raises:
        ConfigurationError: `options` is not a `SessionOptions`; at the first request: the
            middleware is not installed, or has other options.
    """

    __signature__: _ClassSignature = _ClassSignature()

    @guarded
    def __init__(self, options: SessionOptions[T]) -> None:
        check_options(options)
        self._options = options
        self._checked: SessionOptions | None = None  # the middleware's, once compared

    async def __call__(self, connection: HTTPConnection) -> Session[T]:
        """Return the session; async, so that FastAPI starts no thread for it."""
        name = self._options.cookie_name
        session: Session[T] | None = connection.scope.get(REGISTRY, {}).get(name)
        del connection  # error reports show mappings, and this one has the cookies
        if session is None:
            raise ConfigurationError(
                f"no IronSessionMiddleware is installed for the cookie {name!r}: add "
                "app.add_middleware(IronSessionMiddleware, options=options)"
            )
        installed = session.options
        if installed is not self._checked and installed != self._options:
            raise ConfigurationError(
                f"the IronSessionMiddleware for the cookie {name!r} has other options than this "
                "dependency: build SessionOptions once, and pass it to both"
            )
        self._checked = installed
        return session


# --- the explicit form ---------------------------------------------------------------------------

_DROPPED: Final = (
    "it was saved into the response that FastAPI injects, but the handler returned a response of "
    "its own, or raised: pass the returned response to get_iron_session, or use the middleware, "
    "which writes into any response"
)


@guarded
def get_iron_session(
    connection: HTTPConnection, response: Response, options: SessionOptions[T]
) -> Session[T]:
    """Return the request's session. Only its `save()` and `destroy()` write, to this response.

    If a handler returns data, FastAPI makes a response of it, and adds the headers of the injected
    one. If the handler returns a response of its own, or raises, FastAPI drops those headers: what
    was saved is then logged as lost.

    Args:
        connection: a Request or a WebSocket.
        response: the response that will be returned, or the injected one.
        options: built once, at import time.

    Raises:
        ConfigurationError: `options` is not a `SessionOptions`, or the middleware already manages
            this cookie: one of two sessions could undo the other's logout.
    """
    is_injected = response.status_code is None  # FastAPI's own mark of an injected response
    if not is_injected:
        return starlette.get_iron_session(connection, response, options)
    check_not_served(connection.scope, options)
    return core.get_iron_session(_InjectedJar(StarletteHead(connection.scope), response), options)


class _InjectedHeaders(list[Any]):
    """The headers of an injected response; they notice whether FastAPI copies them."""

    def __init__(self, headers: list[Any]) -> None:
        super().__init__(headers)
        self.taken: bool = False
        self.written: dict[str, str] = {}  # by cookie name: why it is lost if they are not taken
        self.jars: list[HeaderJar] = []  # of sessions on which the response depends until then

    @classmethod
    def of(cls, response: Response) -> "_InjectedHeaders":
        """Return those of a response, from now on in place of its list."""
        listed = response.raw_headers
        if not isinstance(listed, cls):
            listed = response.raw_headers = response.headers._list = cls(listed)
        return listed

    def __iter__(self) -> Iterator[Any]:
        # Starlette also iterates at each look at a header; FastAPI does so only to copy them.
        caller: str = sys._getframe(1).f_globals.get("__name__", "")
        if caller.partition(".")[0] == "fastapi":
            self.taken = True
            for jar in self.jars:
                jar.varies = False
        return super().__iter__()

    def __del__(self) -> None:
        if not self.taken:
            for name, why in self.written.items():
                report_lost(name, why)


class _InjectedJar(ResponseJar):
    """The jar of the explicit form over an injected response."""

    __slots__ = ("_listed",)

    def __init__(self, head: StarletteHead, response: Response) -> None:
        self._listed: _InjectedHeaders = _InjectedHeaders.of(response)
        super().__init__(head, RawHeaders(self._listed))

    def write(self, cookie: SetCookie) -> None:
        """Set a cookie on the response, in place of any other of its name and scope."""
        super().write(cookie)
        self._listed.written[cookie.name], self._listed.taken = _DROPPED, False


# --- around one handler --------------------------------------------------------------------------

Handler = TypeVar("Handler", bound=Callable[..., Any])

_NOT_RUN: Final = "the handler did not run, only its dependencies did"


@guarded
def with_iron_session(
    options: SessionOptions[Any], *, key: str = "session"
) -> Callable[[Handler], Handler]:
    """Return a decorator that gives one path operation its `request.session`.

    It stands below `@app.get(…)`, or `@app.websocket(…)`, and above the handler's other decorators;
    the middleware is not needed. The handler's own dependencies have the session too; those that
    the route, the router or the application names run before it begins. The session is written into
    what FastAPI makes of the handler's data, into a response of its own, or into what the
    application's handler answers to an exception. A path operation that yields is refused: its
    response starts before its first line runs. Before FastAPI 0.118, what a dependency has changed
    is lost, and logged, where the request turns out not to be valid.

    Args:
        options: built once, at import time.
        key: where in the scope the session lies. A second session takes another key.

    Raises:
        ConfigurationError: the options are no `SessionOptions`, or the handler yields; at a
            request: the middleware, or another decorator around this one, serves the cookie or the
            key already.
    """
    check_options(options)

    async def begin(connection: HTTPConnection, response: Response) -> AsyncIterator[_Served]:
        """Begin the session before the handler, and write it into its response."""
        try:
            served = _Served(connection, key, options, response)
        finally:
            del connection, response  # an error shows the variables of a coroutine
        try:
            yield served
        except BaseException as error:
            served.fail(error)
            raise
        served.finish()

    def decorate(handler: Handler) -> Handler:
        _refuse_yields(handler)
        signature, name = _with_dependency(handler, begin)

        @wraps(handler)
        def answer(*args: Any, **named: Any) -> Any:
            served: _Served | None = named.pop(name, None)  # None where other code calls it
            try:
                returned = handler(*args, **named)
                if served is not None:
                    returned = served.carry(returned)
                    if served.session.endings:
                        served.settle()
                return returned
            finally:
                returned = None
                del args, named

        @wraps(handler)
        async def answer_async(*args: Any, **named: Any) -> Any:
            """Answer as the handler does, with the session."""
            served: _Served | None = named.pop(name, None)
            try:
                returned = await handler(*args, **named)
                if served is not None:
                    returned = served.carry(returned)
                    if served.session.endings:
                        await served.asettle()
                return returned
            finally:
                returned = None
                del args, named

        decorated: Any = answer_async if _is(inspect.iscoroutinefunction, handler) else answer
        decorated.__signature__ = signature
        return cast(Handler, decorated)

    return decorate


def _refuse_yields(handler: object) -> None:
    """Raise ConfigurationError for a handler that yields."""
    if _is(inspect.isgeneratorfunction, handler) or _is(inspect.isasyncgenfunction, handler):
        raise ConfigurationError(
            f"{handler!r} yields, so its response starts before its first line runs, and can "
            "carry no session: use IronSessionMiddleware and SessionDependency"
        )


def _is(kind: Callable[[object], bool], handler: object) -> bool:
    """Return whether a handler, or what is called of an object that is one, is of a kind."""
    return kind(handler) or kind(getattr(handler, "__call__", None))  # noqa: B004 - its kind counts


def _with_dependency(
    handler: Callable[..., Any], dependency: Callable[..., Any]
) -> tuple[Signature, str]:
    """Return a handler's signature with a dependency before all others, and that one's name.

    Text annotations are resolved here, since FastAPI up to 0.123 would look for what they name in
    the module of the decorator; where one can't be, they stay, as in FastAPI.
    """
    try:
        signature = inspect.signature(handler, eval_str=True)
    except NameError:
        signature = inspect.signature(handler)
    parameters = list(signature.parameters.values())
    name = "iron_session"
    while name in signature.parameters:
        name += "_"
    injected = Annotated[Any, Depends(dependency, use_cache=False)]  # each for itself
    own = Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation=injected)
    # What makes routes of a class's methods gives the first parameter a meaning of its own.
    is_method = [one.name for one in parameters[:1]] == ["self"]
    parameters.insert(1 if is_method else 0, own)
    return signature.replace(parameters=parameters), name


class _Served(HandlerConnection):
    """The connection of a path operation, of which FastAPI may make the response itself."""

    __slots__ = ("_answer", "_listed")

    @guarded
    def __init__(
        self, connection: HTTPConnection, key: str, options: SessionOptions[Any], response: Response
    ) -> None:
        super().__init__(connection, key, options)
        self._listed = _InjectedHeaders.of(response)
        self._answer: ref[Response] | None = None  # that of the handler's own, if it has one

    @guarded
    def carry(self, returned: Any) -> Any:
        """Return what carries the session; the headers of what FastAPI is to make have it now.

        Raises:
            IronSessionError: as `Session.commit`.
        """
        if self.scope["type"] == "websocket":
            self.is_sent = True
            return returned
        if isinstance(returned, Response):
            returned = super().carry(returned)
            self._answer = ref(returned)
            return returned
        self.adopt_replacement()
        self.write(RawHeaders(self._listed))
        if header_jar(self.session).set_cookie_headers:
            self._listed.written[self.session.options.cookie_name] = REPLACED
        self._listed.taken = False
        self._listed.jars.append(header_jar(self.session))
        self.is_sent = True
        return returned

    def fail(self, error: BaseException) -> None:
        """Let the answer of the application's own handler for an error carry the session.

        Raises:
            _AnsweredError: as in Starlette.
        """
        self._listed.written.pop(self.session.options.cookie_name, None)
        if not self.has_started:
            header_jar(self.session).reopen()
        super().fail(error)

    def finish(self) -> None:
        """End the session, unless a response of the handler's own is still to be sent."""
        self.is_over = True
        if self.is_sent:
            self.leave()
        elif self._answer is None:
            self.leave(_NOT_RUN)
        elif self._answer() is None:
            self.leave(REPLACED)
