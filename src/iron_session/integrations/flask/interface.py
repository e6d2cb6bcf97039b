"""The session interface that Flask and Quart have in common. Imports neither."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, MutableMapping
from inspect import iscoroutine
from typing import Any, ClassVar, Final, Never, TypeAlias, TypeVar, cast

from iron_session._frames import guarded
from iron_session.errors import ConfigurationError
from iron_session.http.request import REGISTRY, RequestSessions, check_apart, register
from iron_session.integrations.flask.settings import check_settings
from iron_session.sessions.options import SessionOptions
from iron_session.sessions.session import Session

__all__ = [
    "FIRST",
    "FlaskSessions",
    "SharedInterface",
    "begin_login",
    "begin_remembered",
    "begin_session",
    "behind",
    "expire_unreadable",
    "keep_sessions",
    "listen_to_flask_login",
    "refuse_remembered",
    "sessions_of",
    "showable",
]

AnySession = TypeVar("AnySession", bound=Session)
AnyRequest = TypeVar("AnyRequest")

# Flask and Quart name the argument differently.
_Method: TypeAlias = Callable[[Any, Any], Any]

FIRST: Final = "session"
"""The key of the framework's own session."""

_EXTENSION = "iron_session"
_KEPT: Final = "_iron_sessions"
_USER: Final = "_user_id"  # this and the next one are Flask-Login's keys
_REMEMBER: Final = "_remember"


class FlaskSessions(RequestSessions):
    """A request's sessions, kept on the framework's request object.

    Not in the request's mapping, which a mounted application shares with the outer one.

    Attributes:
        in_test: whether a test client has opened them, to change them itself.
        lent: the options of those that one view began, by key.
        displaced: the framework's own session, while a view's is in its place.
    """

    __slots__ = ("displaced", "in_test", "lent")

    def __init__(self) -> None:
        super().__init__()
        self.in_test: bool = False
        self.lent: dict[str, SessionOptions] = {}
        self.displaced: Any = None

    @property
    def are_of_views(self) -> bool:
        """Whether no interface of ours is installed, which would write and end them."""
        return bool(self.lent) and FIRST not in self.by_key.keys() - self.lent.keys()


def sessions_of(request: object) -> FlaskSessions:
    """Return the sessions that are kept on a request; none if another interface is used."""
    kept: FlaskSessions | None = getattr(request, _KEPT, None)
    return FlaskSessions() if kept is None else kept


def keep_sessions(request: object, sessions: FlaskSessions) -> None:
    """Keep a request's sessions on it, where `sessions_of` finds them."""
    setattr(request, _KEPT, sessions)


def _capitalised(text: str | None) -> str | None:
    return None if text is None else text.capitalize()


def behind(proxy: AnyRequest) -> AnyRequest:
    """Return the request behind a proxy such as `flask.request`.

    Each access through the proxy itself takes longer than this.
    """
    typed_as_request: Any = proxy
    request: AnyRequest = typed_as_request._get_current_object()
    return request


def listen_to_flask_login(
    app: Any,
    at_login: Callable[..., None],
    at_logout: Callable[..., None],
    at_look: Callable[..., None],
    at_remembered: Callable[..., None],
) -> None:
    """Connect functions to Flask-Login's signals, if Flask-Login is imported.

    `login_user(user)` makes the session that of the user. `logout_user()` removes what it finds in
    the session. If the session can't be read here (another server has a newer password, say), it
    finds nothing, and the visitor would stay logged in there. So such a cookie expires.

    Args:
        app: the application.
        at_login: called with the application, and keyword arguments.
        at_logout: called in the same way.
        at_look: called before Flask-Login looks for a user, in the session and then in a cookie of
            its own that remembers the user.
        at_remembered: called when it has found one in that cookie.
    """
    flask_login = sys.modules.get("flask_login")
    if flask_login is not None:
        flask_login.user_logged_in.connect(at_login, app)
        flask_login.user_logged_out.connect(at_logout, app)
        flask_login.user_accessed.connect(at_look, app)
        flask_login.user_loaded_from_cookie.connect(at_remembered, app)


def begin_login(sessions: RequestSessions, *, fresh: bool = True) -> None:
    """Make the framework's own session that of the user who is in it; its data stays."""
    session = sessions.by_key.get(FIRST)
    if session is not None and session.options.user_of is None:
        session.login(str(session[_USER]), carry=[*session], fresh=fresh)


def refuse_remembered(app: Any, asked: Any, sessions: RequestSessions) -> None:
    """Make Flask-Login ignore its remember cookie, and expire it, if the session was ended.

    It would undo the ending at once. The note is the one that `logout_user()` leaves.

    Args:
        app: the application.
        asked: the framework's request object.
        sessions: the request's sessions.
    """
    session = sessions.by_key.get(FIRST)
    is_sent = app.config.get("REMEMBER_COOKIE_NAME", "remember_token") in asked.cookies
    if is_sent and session is not None and session.was_ended and _USER not in session:
        session[_REMEMBER] = "clear"


def begin_remembered(sessions: RequestSessions) -> None:
    """Make the framework's own session that of a user whom Flask-Login remembers.

    While it can't be told whether the browser's session was ended, it is left alone: a new one
    would undo the ending. Flask-Login has changed it, so that is answered with 503.
    """
    session = sessions.by_key.get(FIRST)
    if session is not None and not session.unavailable:
        begin_login(sessions, fresh=False)


def expire_unreadable(sessions: RequestSessions) -> None:
    """Expire the cookie of the framework's own session, if it can't be read here."""
    if FIRST in sessions.by_key:  # else another interface is used instead
        sessions.by_key[FIRST].expire_unreadable()


def showable(messages: Any) -> Any:
    """Return the messages that `get_flashed_messages` can show: pairs of a category and a message.

    JavaScript, or anyone who may write any key of the session, can have put something else there.
    The framework unpacks it unchecked, and the page would answer 500 until the session expires.

    Args:
        messages: what the session has under `_flashes`.

    Returns:
        The same object if all of it can be shown.
    """
    if not isinstance(messages, (list, tuple)):
        return []
    if all(map(_is_message, messages)):
        return messages
    return [one for one in messages if _is_message(one)]


def _is_message(one: object) -> bool:
    # The framework looks a category up in a set, and lists and dicts can't be in one.
    return isinstance(one, (list, tuple)) and len(one) == 2 and not isinstance(one[0], (list, dict))


def misused(interface: object, app: object) -> ConfigurationError:
    """Return the error of an interface that was installed in the wrong way.

    Args:
        interface: the interface; or the application, if the class itself was installed.
        app: the application, if `interface` is an interface.
    """
    if isinstance(interface, SharedInterface):
        return _given_to(_framework_of(type(app)), interface)
    return ConfigurationError(
        "app.session_interface is the class IronSessionInterface: set it to "
        "IronSessionInterface(options)"
    )


def _given_to(framework: str | None, interface: object) -> ConfigurationError:
    own = str(_framework_of(type(interface))).capitalize()
    mend = "" if framework is None else f": import that of iron_session.integrations.{framework}"
    return ConfigurationError(f"this IronSessionInterface is for {own} applications only{mend}")


def _framework_of(kind: type) -> str | None:
    """Return the framework that a class, or one of its bases, comes from."""
    roots = [each.__module__.partition(".")[0] for each in kind.__mro__]
    return next((root for root in roots if root in {"flask", "quart"}), None)


def _check_arguments(*arguments: object, **others: object) -> None:
    """Refuse an application, which many extensions take, and a second session without a key."""
    if any(hasattr(one, "session_interface") for one in (*arguments, *others.values())):
        raise ConfigurationError(
            "IronSessionInterface takes only the options: app.session_interface = "
            "IronSessionInterface(options), or IronSessionInterface(options).init_app(app)"
        )
    if len(arguments) > 1:
        raise ConfigurationError(
            "IronSessionInterface takes one SessionOptions, and any others as keyword arguments: "
            "IronSessionInterface(options, admin=admin_options)"
        )


def _is_null_session(self: object, session: object = None) -> bool:
    """Return whether this is not a session of ours, and so is not saved.

    Raises:
        ConfigurationError: Quart's interface is installed in Flask, which awaits no coroutine.
    """
    if iscoroutine(session):
        session.close()
        raise _given_to("flask", self)
    return not isinstance(session, Session)


class SharedInterface(ABC):
    """Begins each request's sessions, and answers what extensions ask about the options.

    Args:
        options: built once, at import time.
        others: the options of more sessions, by their key, for `get_session(key=…)`.

    Attributes:
        options: those of the framework's own session.
        others: those of more sessions, by key.

    Raises:
        ConfigurationError: an argument is not a `SessionOptions`, or two share a key or a cookie.
    """

    get_cookie_name: ClassVar[_Method] = lambda self, app: self.options.cookie_name
    get_cookie_domain: ClassVar[_Method] = lambda self, app: self.options.cookie.domain
    get_cookie_path: ClassVar[_Method] = lambda self, app: self.options.cookie.path
    get_cookie_secure: ClassVar[_Method] = lambda self, app: bool(self.options.cookie.secure)
    get_cookie_httponly: ClassVar[_Method] = lambda self, app: self.options.cookie.http_only
    get_cookie_samesite: ClassVar[_Method] = lambda self, app: _capitalised(
        self.options.cookie.same_site
    )
    get_cookie_partitioned: ClassVar[_Method] = lambda self, app: self.options.cookie.partitioned
    is_null_session: ClassVar[_Method] = _is_null_session

    application_type: ClassVar[type[Any]]
    """The framework's class of applications."""

    @guarded
    def __init__(
        self, options: SessionOptions, *misplaced: Never, **others: SessionOptions
    ) -> None:
        _check_arguments(options, *misplaced, **others)
        if FIRST in others:
            raise ConfigurationError(f"the key {FIRST!r} is the first session's: use another one")
        check_apart({FIRST: options, **others})
        self.options: SessionOptions = options
        self.others: dict[str, SessionOptions] = others

    def should_set_cookie(self, app: Any, session: Any) -> bool:
        """Return whether the session was changed, or slides; others may still be renewed."""
        return bool(session.modified or session.slides)

    def init_app(self, app: Any) -> None:
        """Install the interface, and check the app's settings now, not at the first request.

        Raises:
            ConfigurationError: a setting of the application contradicts the options, or the
                application is another framework's.
        """
        if not isinstance(app, self.application_type):
            raise misused(self, app)
        check_settings(self.options, app.config, app.default_config)
        app.session_interface = self

    @guarded
    def begin(
        self,
        app: Any,
        asked: Any,
        mapping: MutableMapping[str, Any],
        make: Callable[[SessionOptions], AnySession],
    ) -> AnySession:
        """Begin a request's sessions, and return the framework's own.

        Args:
            app: the application; its settings are checked at its first request.
            asked: the framework's request object, on which the sessions are kept.
            mapping: the request's mapping, see `iron_session.http.request`.
            make: returns a session with a `HeaderJar`, by its options.

        Raises:
            ConfigurationError: as `init_app`; or another session of the request has the cookie.
        """
        kept: FlaskSessions | None = getattr(asked, _KEPT, None)
        if kept is not None:  # opened with the context, and again by `session_transaction`
            kept.in_test = True
            return cast(AnySession, kept.by_key[FIRST])
        if app.extensions.get(_EXTENSION) is not self:
            check_settings(self.options, app.config, app.default_config)
            self.listen(app)
            app.extensions[_EXTENSION] = self
        sessions = FlaskSessions()
        session = begin_session(mapping, FIRST, make(self.options))
        sessions.by_key[FIRST] = session
        for key, options in self.others.items():
            sessions.by_key[key] = begin_session(mapping, key, make(options))
        keep_sessions(asked, sessions)
        return session

    @abstractmethod
    def listen(self, app: Any) -> None:
        """Connect to the application's signals; called before its first request."""


def begin_session(mapping: MutableMapping[str, Any], key: str, session: AnySession) -> AnySession:
    """Register the session that serves a cookie from here on, and return it.

    Raises:
        ConfigurationError: another session of the request serves the cookie.
    """
    options = session.options
    name, served = options.cookie_name, mapping.get(REGISTRY)
    if served and type(served.get(name)) is type(session):
        # It is from another context of the same request, or from an application that was called
        # before this one: each has its own response.
        del served[name]
    register(mapping, key, name, session, options)
    return session
