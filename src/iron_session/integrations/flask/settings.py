"""Flask's and Quart's settings for sessions, compared with the options."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from iron_session._time import Seconds, to_milliseconds
from iron_session.errors import ConfigurationError
from iron_session.http.settings import check_cookie_settings, contradiction, span
from iron_session.sessions.options import SessionOptions

__all__ = ["check_settings", "permanent_terms"]

_LIFETIME: Final = "PERMANENT_SESSION_LIFETIME"
_REFRESH: Final = "SESSION_REFRESH_EACH_REQUEST"
_ROOT: Final = "APPLICATION_ROOT"
_PATH: Final = "SESSION_COOKIE_PATH"


def check_settings(
    options: SessionOptions, settings: Mapping[str, Any], defaults: Mapping[str, Any]
) -> None:
    """Refuse settings that contradict the options.

    Args:
        options: those of the framework's own session.
        settings: the application's; one that has the default counts as not set.
        defaults: the framework's.

    Raises:
        ConfigurationError: one does; the message names the setting and the option.
    """
    check_cookie_settings(options, settings, defaults)
    _check_root(options, settings, defaults)
    _check_lifetime(options, settings[_LIFETIME], defaults[_LIFETIME])
    if not settings[_REFRESH] and options.renew_after is not None:
        raise contradiction(_REFRESH, False, "renew_after", span(options.renew_after_ms))


def _check_root(
    options: SessionOptions, settings: Mapping[str, Any], defaults: Mapping[str, Any]
) -> None:
    """Check APPLICATION_ROOT, which is the cookie's path if SESSION_COOKIE_PATH is not set."""
    root, path = settings[_ROOT], options.cookie.path
    if settings[_PATH] or not root or root in (path, defaults[_ROOT]):
        return
    raise ConfigurationError(
        f"the setting {_ROOT} is {root!r}, which by default is the cookie's path, but "
        f'cookie_options.path of the SessionOptions is {path!r}: set cookie_options={{"path": '
        f"{root!r}}}, or {_PATH} = {path!r} if that is meant"
    )


def _check_lifetime(options: SessionOptions, lifetime: Seconds, default: Seconds) -> None:
    """Check the lifetime of permanent sessions, which no session may exceed."""
    longest = _bounded_ttl(options, lifetime)
    lifetime_ms = to_milliseconds(lifetime, _LIFETIME)
    if lifetime_ms == to_milliseconds(default, _LIFETIME):
        return
    if longest < timedelta(milliseconds=lifetime_ms):
        most = span(options.max_lifetime_ms)
        raise contradiction(_LIFETIME, span(lifetime_ms), "max_lifetime", most)
    if not options.ttl_ms or options.ttl_ms > lifetime_ms:
        raise contradiction(_LIFETIME, span(lifetime_ms), "ttl", span(options.ttl_ms))


def permanent_terms(
    options: SessionOptions, permanent: object, lifetime: Seconds
) -> tuple[Seconds | None, Mapping[str, Any] | None]:
    """Return the ttl and the cookie's attributes for a session that is permanent, or is not.

    Args:
        options: the session's.
        permanent: what the session's data says. If that is neither True nor False, the options
            decide: anybody may have written it, JavaScript too.
        lifetime: that of a permanent session and of its cookie; any other session's cookie ends
            with the browser's own session.

    Raises:
        ConfigurationError: the lifetime is not a span of time, or is 0.
    """
    if permanent is True:
        return _bounded_ttl(options, lifetime), {"max_age": "auto", "expires": None}
    if permanent is False:
        return options.ttl, {"max_age": None, "expires": None}
    return None, None


def _bounded_ttl(options: SessionOptions, lifetime: Seconds) -> timedelta:
    lifetime_ms, most = to_milliseconds(lifetime, _LIFETIME), options.max_lifetime_ms
    if not lifetime_ms:  # a ttl of 0 would never end
        raise ConfigurationError(f"{_LIFETIME} must be more than 0 seconds")
    return timedelta(milliseconds=lifetime_ms if most is None else min(lifetime_ms, most))
