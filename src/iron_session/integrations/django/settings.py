"""Django's settings, turned into the options of its session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.core.signals import setting_changed

from iron_session import _time
from iron_session._frames import guarded
from iron_session.errors import ConfigurationError
from iron_session.http.settings import check_cookie_settings, contradiction, span
from iron_session.sessions.options import SessionOptions

__all__ = [
    "ENGINE",
    "INSTALL",
    "module_in_use",
    "options_of",
    "read_options",
    "refuse_djangos_middleware",
    "settings_options",
]

ENGINE: Final = __name__.rpartition(".")[0]
"""The value for SESSION_ENGINE."""

INSTALL: Final = f'MIDDLEWARE = ["{ENGINE}.IronSessionMiddleware", …]'
"""The line that installs the middleware."""

_DJANGOS: Final = "django.contrib.sessions.middleware.SessionMiddleware"
_EXAMPLE: Final = 'IRON_SESSION = {"password": Passwords.from_env("SESSION_PASSWORD")}'

# Django's settings for the cookie; any falsy value there leaves the attribute out.
_COOKIE_SETTINGS: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "SESSION_COOKIE_DOMAIN": ("domain", lambda value: value or None),
    "SESSION_COOKIE_PATH": ("path", lambda value: value or None),
    "SESSION_COOKIE_SECURE": ("secure", lambda value: value or False),
    "SESSION_COOKIE_HTTPONLY": ("http_only", lambda value: value or False),
    "SESSION_COOKIE_SAMESITE": ("same_site", lambda value: value or None),
    "SESSION_EXPIRE_AT_BROWSER_CLOSE": ("max_age", lambda value: None if value else "auto"),
}
_SETTINGS: Final = ("SESSION_COOKIE_NAME", "SESSION_COOKIE_AGE", *_COOKIE_SETTINGS)


def refuse_djangos_middleware() -> None:
    """Raise ConfigurationError if MIDDLEWARE has Django's own, which writes another cookie."""
    if _DJANGOS in settings.MIDDLEWARE:
        raise ConfigurationError(
            "MIDDLEWARE has Django's own SessionMiddleware, which does not use these options. "
            f"Replace it: {INSTALL}"
        )


@cache
@guarded
def settings_options() -> SessionOptions:
    """Return the options from IRON_SESSION, and from Django's settings that the project sets.

    Raises:
        ConfigurationError: they are missing, invalid or contradict each other, or MIDDLEWARE has
            Django's own session middleware.
    """
    refuse_djangos_middleware()
    return read_options()


@guarded
def read_options() -> SessionOptions:
    """Return the same, built anew, whatever MIDDLEWARE has.

    Raises:
        ConfigurationError: they are missing, invalid or contradict each other.
    """
    return options_of(getattr(settings, "IRON_SESSION", None))


@guarded
def options_of(given: object) -> SessionOptions:
    """Return the options that a value of IRON_SESSION means, beside the project's other settings.

    Args:
        given: `SessionOptions`, or a mapping of their arguments.

    Raises:
        ConfigurationError: it is neither, or invalid, or contradicts the other settings.
    """
    ours = {name: getattr(settings, name) for name in _SETTINGS if settings.is_overridden(name)}
    options = given if isinstance(given, SessionOptions) else _build_options(given, ours)
    _check_agreement(options, ours)
    return options


def module_in_use() -> str | None:
    """Return the module of this process's settings; None before they are read, or if it is none."""
    found: str | None = settings.SETTINGS_MODULE if settings.configured else None
    return found


def _forget_options(**_: object) -> None:
    settings_options.cache_clear()


setting_changed.connect(_forget_options)  # tests override settings


def _build_options(given: object, ours: Mapping[str, Any]) -> SessionOptions:
    """Build the options from IRON_SESSION and the project's other settings."""
    terms = {"cookie_name": settings.SESSION_COOKIE_NAME, **_check_arguments(given)}
    if "SESSION_COOKIE_AGE" in ours:
        terms.setdefault("ttl", ours["SESSION_COOKIE_AGE"])
    cookie = terms.get("cookie_options", {})
    if isinstance(cookie, Mapping):
        said = [(*_COOKIE_SETTINGS[name], ours[name]) for name in ours if name in _COOKIE_SETTINGS]
        terms["cookie_options"] = {**{name: read(value) for name, read, value in said}, **cookie}
    known = [one.name for one in fields(SessionOptions) if one.init]
    try:
        return SessionOptions(**terms)
    except ConfigurationError as error:
        problem = f"IRON_SESSION and the SESSION_… settings: {error}"
    except TypeError:  # a name that is no argument
        unknown = next(name for name in terms if name not in known)
        problem = f"IRON_SESSION does not take {unknown!r}; it takes {', '.join(known)}"
    raise ConfigurationError(problem)


def _check_arguments(given: object) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        problem = "is missing" if given is None else f"can't be of type {type(given).__name__}"
        raise ConfigurationError(
            f"the setting IRON_SESSION {problem}: it holds SessionOptions, or a dict of their "
            f"arguments, as {_EXAMPLE}"
        )
    if not given.get("password"):
        hint = " (is its environment variable set?)" if "password" in given else ""
        raise ConfigurationError(
            f"IRON_SESSION has no password{hint}. Django's SECRET_KEY is not used instead, since "
            "it has other uses and is rotated in another way: make one with `iron-session "
            f"generate-password` and set {_EXAMPLE}"
        )
    return dict(given)


def _check_agreement(options: SessionOptions, ours: Mapping[str, Any]) -> None:
    """Refuse a setting of the project that contradicts the options."""
    check_cookie_settings(options, ours, dict.fromkeys(ours, object()))
    if "SESSION_COOKIE_AGE" in ours:
        age = _time.to_milliseconds(ours["SESSION_COOKIE_AGE"], "SESSION_COOKIE_AGE")
        if not age:  # a ttl of 0 would mean "for ever"
            raise ConfigurationError("SESSION_COOKIE_AGE must be more than 0 seconds")
        if age != options.ttl_ms:
            raise contradiction("SESSION_COOKIE_AGE", span(age), "ttl", span(options.ttl_ms))
    at_close, max_age = ours.get("SESSION_EXPIRE_AT_BROWSER_CLOSE"), options.cookie.max_age
    if at_close is not None and bool(at_close) != (max_age is None):
        name = "SESSION_EXPIRE_AT_BROWSER_CLOSE"
        raise contradiction(name, at_close, "cookie_options.max_age", max_age)
