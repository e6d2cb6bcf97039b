"""A session interface as Flask and Quart ask for one: what both have in common, without either."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, MutableMapping
from typing import Any, ClassVar, TypeAlias, TypeVar, cast

from iron_session.doors.group import (
    FIRST,
    SessionGroup,
    group_of,
    has_sessions,
    join_options,
    keep_sessions,
)
from iron_session.doors.requests import REGISTRY, register
from iron_session.doors.settings import check_settings
from iron_session.sessions.options import SessionOptions
from iron_session.sessions.session import Session

__all__ = ["SharedInterface", "behind"]

AnySession = TypeVar("AnySession", bound=Session)
AnyRequest = TypeVar("AnyRequest")

# Flask and Quart name the argument differently.
_Method: TypeAlias = Callable[[Any, Any], Any]

_EXTENSION = "iron_session"


def _capitalised(text: str | None) -> str | None:
    return None if text is None else text.capitalize()


def behind(proxy: AnyRequest) -> AnyRequest:
    """Give the request that a proxy, such as `flask.request`, stands for.

    Each look through the proxy itself takes longer than this.
    """
    typed_as_request: Any = proxy
    request: AnyRequest = typed_as_request._get_current_object()
    return request


class SharedInterface(ABC):
    """Begins the sessions of requests, and answers by the options what extensions ask.

    Args:
        options: built once, at import time.
        others: of more sessions, by the key that `get_session(key=…)` takes.

    Attributes:
        options: those of the framework's own session.
        others: those of more sessions, by key.

    Raises:
        ConfigurationError: some are no `SessionOptions`, or two share a key or a cookie.
    """

    get_cookie_name: ClassVar[_Method] = lambda self, app: self.options.cookie_name
    get_cookie_domain: ClassVar[_Method] = lambda self, app: self.options.cookie.domain
    get_cookie_path: ClassVar[_Method] = lambda self, app: self.options.cookie.path
    get_cookie_secure: ClassVar[_Method] = lambda self, app: self.options.cookie.secure
    get_cookie_httponly: ClassVar[_Method] = lambda self, app: self.options.cookie.http_only
    get_cookie_samesite: ClassVar[_Method] = lambda self, app: _capitalised(
        self.options.cookie.same_site
    )
    get_cookie_partitioned: ClassVar[_Method] = lambda self, app: self.options.cookie.partitioned
    # A session of another kind is not saved.
    is_null_session: ClassVar[_Method] = lambda self, session: not isinstance(session, Session)

    def __init__(self, options: SessionOptions, **others: SessionOptions) -> None:
        join_options(options, others)
        self.options: SessionOptions = options
        self.others: dict[str, SessionOptions] = others

    def should_set_cookie(self, app: Any, session: Any) -> bool:
        """Tell whether it was changed; one that was only read may be renewed all the same."""
        return bool(session.modified)

    def init_app(self, app: Any) -> None:
        """Install it, and check at once what else the first request checks: the app's settings.

        Raises:
            ConfigurationError: a setting of the application contradicts the options.
        """
        check_settings(self.options, app.config, app.default_config)
        app.session_interface = self

    def begin(
        self,
        app: Any,
        asked: Any,
        mapping: MutableMapping[str, Any],
        make: Callable[[SessionOptions], AnySession],
    ) -> AnySession:
        """Begin the sessions of a request, and give the framework's own.

        Args:
            app: the application; at its first request its settings are checked.
            asked: the framework's object for the request, which is given the sessions.
            mapping: the request's mapping, see `requests`.
            make: gives a session, with a `HeaderJar`, for its options.

        Raises:
            ConfigurationError: as `init_app`; another session of the request serves the cookie.
        """
        if has_sessions(asked):
            group = group_of(asked)  # opened with the context, and now by `session_transaction`
            group.in_test = True
            keep_sessions(asked, group)
            return cast(AnySession, group[FIRST])
        if app.extensions.get(_EXTENSION) is not self:
            check_settings(self.options, app.config, app.default_config)
            self.listen(app)
            app.extensions[_EXTENSION] = self
        session = _begin(mapping, FIRST, make(self.options))
        if not self.others:
            keep_sessions(asked, session)
            return session
        group = SessionGroup({FIRST: session})
        for key, options in self.others.items():
            group[key] = _begin(mapping, key, make(options))
        keep_sessions(asked, group)
        return session

    @abstractmethod
    def listen(self, app: Any) -> None:
        """Have the application tell when a request fails; called before its first one."""


def _begin(mapping: MutableMapping[str, Any], key: str, session: AnySession) -> AnySession:
    name, served = session.options.cookie_name, mapping.get(REGISTRY)
    if served and type(served.get(name)) is type(session):
        # Of another context over this very request, or of an application that was asked before this
        # one: each has a response of its own.
        del served[name]
    register(mapping, key, name, session)
    return session
