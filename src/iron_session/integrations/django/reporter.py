"""A filter for Django's error reports: they show a request without our sessions' cookies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.utils.module_loading import import_string
from django.views import debug

from iron_session.http.heads import raw_cookie_header
from iron_session.http.request import REGISTRY
from iron_session.integrations.django import store
from iron_session.seals.iron import PREFIX
from iron_session.sessions.cookie_text import parse_cookies
from iron_session.sessions.cookies import chunk_name, cookie_names

__all__ = ["SafeExceptionReporterFilter", "filter_of_requests"]

_COOKIES: Final = "HTTP_COOKIE"
_OPTIONS: Final = "IRON_SESSION"
_NAME: Final = "cookie_name"
_PASSWORD: Final = "password"  # noqa: S105 - the name of the argument
_FIRST_CHUNK: Final = chunk_name("", 0)
_SHORTEST: Final = 16  # a shorter part of a seal reveals nothing, and is in many other texts

_PACKAGE: Final = __name__.partition(".")[0] + "."
_INTEGRATIONS: Final = f"{_PACKAGE}integrations."

if TYPE_CHECKING:

    class _Base:
        """The base class for type checkers: Django has no types, so any attribute will do."""

        def __getattr__(self, name: str) -> Any: ...
        def cleanse_setting(self, key: Any, value: Any) -> Any: ...
        def get_safe_cookies(self, request: Any) -> dict[str, Any]: ...
        def get_safe_request_meta(self, request: Any) -> dict[str, Any]: ...
        def get_traceback_frame_variables(
            self, request: Any, tb_frame: FrameType
        ) -> Iterable[tuple[str, Any]]: ...

else:
    _Base = debug.SafeExceptionReporterFilter


class SafeExceptionReporterFilter(_Base):
    """Django's filter, which also hides our sessions: their cookies and the variables of our code.

    Set `DEFAULT_EXCEPTION_REPORTER_FILTER` to it or to a subclass. A request that has passed
    `IronSessionMiddleware` has it anyway, together with the filter that the setting names.

    It finds a session's cookies by the options of the request's sessions, and by their values: it
    recognizes a seal under any name, with its chunks.
    """

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        """Return a setting without its secrets: in IRON_SESSION, the password."""
        if key == _OPTIONS and isinstance(value, Mapping) and _PASSWORD in value:
            value = {**value, _PASSWORD: self.cleansed_substitute}
        return super().cleanse_setting(key, value)

    def get_safe_request_meta(self, request: Any) -> dict[str, Any]:
        """Return the request's META, without our cookies under any name."""
        secrets = _Secrets(request)
        return {
            key: self.cleansed_substitute if key == _COOKIES or secrets.stand_in(value) else value
            for key, value in super().get_safe_request_meta(request).items()
        }

    def get_safe_cookies(self, request: Any) -> dict[str, Any]:
        """Return the request's cookies, without the values of ours."""
        secrets = _Secrets(request)
        return {
            name: self.cleansed_substitute if secrets.are_in_cookie(name, value) else value
            for name, value in super().get_safe_cookies(request).items()
        }

    def get_traceback_frame_variables(
        self, request: Any, tb_frame: FrameType
    ) -> Iterable[tuple[str, Any]]:
        """Return a frame's variables, without those of our code and those that hold a seal."""
        variables = super().get_traceback_frame_variables(request, tb_frame)
        if _is_ours(tb_frame):
            return [(name, self.cleansed_substitute) for name, _ in variables]
        secrets = _Secrets(request)
        return [
            (name, self.cleansed_substitute if secrets.stand_in(value) else value)
            for name, value in variables
        ]


class _Secrets:
    """The cookies of a request that must not be shown."""

    def __init__(self, request: Any) -> None:
        sent = list(_sent_cookies(request))
        self._names = set(_names_of(request, sent))
        self._texts = {
            value for name, value in sent if name in self._names and len(value) >= _SHORTEST
        }

    def are_in_cookie(self, name: str, value: object) -> bool:
        """Return whether a cookie is one of ours, or holds one, as joined fields do."""
        return name in self._names or self.stand_in(value)

    def stand_in(self, value: object) -> bool:
        """Return whether a value shows a seal, or a part of one."""
        try:
            text = repr(value)
        except Exception:  # the report itself shows this error
            return False
        return PREFIX in text or any(secret in text for secret in self._texts)


def _sent_cookies(request: Any) -> Iterator[tuple[str, str]]:
    """Yield every cookie's name and value: those that the browser sent, and those set since."""
    meta, scope = getattr(request, "META", {}), getattr(request, "scope", None)
    header = meta.get(_COOKIES, "")
    if scope is not None:  # Django joins several fields in a way that hides where one begins
        header = raw_cookie_header(scope.get("headers", ()))
    for name, values in parse_cookies(header).items():
        yield from ((name, value) for value in values)
    for name, value in getattr(request, "COOKIES", {}).items():
        yield name, str(value)


def _names_of(request: Any, sent: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the names of all cookies that may carry one of our sessions, or a part of it."""
    yield from cookie_names(settings.SESSION_COOKIE_NAME)
    given = getattr(settings, _OPTIONS, None)  # not the built options: building may fail
    named = given.get(_NAME) if isinstance(given, Mapping) else getattr(given, _NAME, None)
    if isinstance(named, str):
        yield from cookie_names(named)
    for name in getattr(request, "META", {}).get(REGISTRY, ()):
        yield from cookie_names(name)
    for name, value in sent:
        if PREFIX in value:
            yield from cookie_names(name.removesuffix(_FIRST_CHUNK))


def _is_ours(frame: FrameType) -> bool:
    """Return whether a frame's variables may hold what a seal holds.

    Frames of this package may, and so may those that it calls, down to the standard library;
    but not the application's, which integrations call.
    """
    caller: FrameType | None = frame
    while caller is not None:
        module = str(caller.f_globals.get("__name__"))
        if module.startswith(_PACKAGE) and (caller is frame or not _calls_applications(module)):
            return True
        caller = caller.f_back
    return False


def _calls_applications(module: str) -> bool:
    return module.startswith(_INTEGRATIONS) and module != store.__name__


def filter_of_requests() -> Any:
    """Return the filter for requests with our sessions: the project's own, with ours added to it.

    A filter that does not inherit from Django's is returned as it is.
    """
    return _filter_beside(settings.DEFAULT_EXCEPTION_REPORTER_FILTER)


@cache
def _filter_beside(path: str) -> Any:
    theirs = import_string(path)
    if not isinstance(theirs, type) or not issubclass(theirs, debug.SafeExceptionReporterFilter):
        return theirs()
    if issubclass(theirs, SafeExceptionReporterFilter):
        return theirs()
    if issubclass(SafeExceptionReporterFilter, theirs):
        return SafeExceptionReporterFilter()
    return type(theirs.__name__, (SafeExceptionReporterFilter, theirs), {})()
