"""The settings for sessions that an application of Flask or Quart has, held against the options.

Here the options decide; a setting that says something else has no effect, and who wrote it believes
that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from iron_session.errors import ConfigurationError
from iron_session.seals._time import Seconds, to_milliseconds
from iron_session.sessions.options import SessionOptions

__all__ = ["check_cookie_settings", "check_settings", "contradiction", "permanent_terms"]

_LIFETIME: Final = "PERMANENT_SESSION_LIFETIME"
_REFRESH: Final = "SESSION_REFRESH_EACH_REQUEST"

_COOKIE: Final[dict[str, tuple[str, Callable[[SessionOptions], Any]]]] = {
    "SESSION_COOKIE_NAME": ("cookie_name", lambda options: options.cookie_name),
    "SESSION_COOKIE_DOMAIN": ("cookie_options.domain", lambda options: options.cookie.domain),
    "SESSION_COOKIE_PATH": ("cookie_options.path", lambda options: options.cookie.path),
    "SESSION_COOKIE_SECURE": ("cookie_options.secure", lambda options: options.cookie.secure),
    "SESSION_COOKIE_HTTPONLY": (
        "cookie_options.http_only",
        lambda options: options.cookie.http_only,
    ),
    "SESSION_COOKIE_SAMESITE": (
        "cookie_options.same_site",
        lambda options: options.cookie.same_site,
    ),
    "SESSION_COOKIE_PARTITIONED": (
        "cookie_options.partitioned",
        lambda options: options.cookie.partitioned,
    ),
}
_IN_ANY_CASE = ("SESSION_COOKIE_DOMAIN", "SESSION_COOKIE_SAMESITE")


def check_settings(
    options: SessionOptions, settings: Mapping[str, Any], defaults: Mapping[str, Any]
) -> None:
    """Refuse settings that contradict the options.

    Args:
        options: those of the framework's own session.
        settings: the application's; one that has the default counts as not set.
        defaults: the framework's.

    Raises:
        ConfigurationError: it names the setting and the option.
    """
    check_cookie_settings(options, settings, defaults)
    _check_lifetime(options, settings[_LIFETIME], defaults[_LIFETIME])
    if not settings[_REFRESH] and options.renew_after is not None:
        raise contradiction(_REFRESH, False, "renew_after", options.renew_after)


def check_cookie_settings(
    options: SessionOptions, settings: Mapping[str, Any], defaults: Mapping[str, Any]
) -> None:
    """Refuse settings for the cookie that contradict the options; as `check_settings`."""
    for name, (option, read) in _COOKIE.items():
        value, wanted = settings.get(name, defaults.get(name)), read(options)
        if value != defaults.get(name) and not _is_same(name, value, wanted):
            raise contradiction(name, value, option, wanted)


def _is_same(name: str, value: object, wanted: object) -> bool:
    if not value or not wanted:  # None, False and "" all leave an attribute out
        return not value and not wanted
    if name in _IN_ANY_CASE:
        return str(value).lstrip(".").lower() == str(wanted).lstrip(".").lower()
    return value == wanted


def _check_lifetime(options: SessionOptions, lifetime: Seconds, default: Seconds) -> None:
    """Check the one life of permanent sessions, which is also the longest of any session."""
    longest = _bounded_ttl(options, lifetime)
    lifetime_ms = to_milliseconds(lifetime, _LIFETIME)
    if lifetime_ms == to_milliseconds(default, _LIFETIME):
        return
    if longest < timedelta(milliseconds=lifetime_ms):
        raise contradiction(_LIFETIME, lifetime, "max_lifetime", options.max_lifetime)
    if not options.ttl_ms or options.ttl_ms > lifetime_ms:
        raise contradiction(_LIFETIME, lifetime, "ttl", options.ttl)


def contradiction(name: str, value: object, option: str, wanted: object) -> ConfigurationError:
    """Give the error of a setting and an option that do not say the same."""
    return ConfigurationError(
        f"the setting {name} is {_show(value)}, but {option} of the SessionOptions is "
        f"{_show(wanted)}: the options decide, so take the setting away, or have both say the same"
    )


def _show(value: object) -> str:
    return str(value) if isinstance(value, timedelta) else repr(value)


def permanent_terms(
    options: SessionOptions, permanent: object, lifetime: Seconds
) -> tuple[Seconds | None, Mapping[str, Any] | None]:
    """Give the ttl and the cookie's attributes for a session that was told to be permanent, or not.

    Args:
        options: the session's.
        permanent: None where nothing was said: then the options decide.
        lifetime: of a permanent session, which has a cookie of as long a life; the cookie of
            another ends with the browser's own session.

    Raises:
        ConfigurationError: the lifetime is no span of time, or 0.
    """
    if permanent is None:
        return None, None
    if not permanent:
        return options.ttl, {"max_age": None, "expires": None}
    return _bounded_ttl(options, lifetime), {"max_age": "auto", "expires": None}


def _bounded_ttl(options: SessionOptions, lifetime: Seconds) -> timedelta:
    lifetime_ms, most = to_milliseconds(lifetime, _LIFETIME), options.max_lifetime_ms
    if not lifetime_ms:  # as a ttl it would never end
        raise ConfigurationError(f"{_LIFETIME} must be more than 0 seconds")
    return timedelta(milliseconds=lifetime_ms if most is None else min(lifetime_ms, most))
