"""A framework's settings for its session's cookie, compared with the options.

The options decide. A setting that differs from them has no effect, although its author believes
that it has one, so it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from iron_session._time import in_words
from iron_session.errors import ConfigurationError
from iron_session.sessions.options import SessionOptions

__all__ = ["check_cookie_settings", "contradiction", "span"]


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


def check_cookie_settings(
    options: SessionOptions, settings: Mapping[str, Any], defaults: Mapping[str, Any]
) -> None:
    """Refuse settings for the cookie that contradict the options.

    Args:
        options: the options of the framework's own session.
        settings: the application's settings; one that equals the default counts as not set.
        defaults: the framework's defaults.

    Raises:
        ConfigurationError: a setting differs; the message names it and the option.
    """
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


def contradiction(name: str, value: object, option: str, wanted: object) -> ConfigurationError:
    """Return the error for a setting and an option that differ."""
    return ConfigurationError(
        f"the setting {name} is {_show(value)}, but {option} of the SessionOptions is "
        f"{_show(wanted)}: the options decide, so remove the setting, or make both the same"
    )


def span(milliseconds: int | None) -> timedelta | int | None:
    """Return a span for `contradiction`, which shows both in words; 0, for never, stays 0."""
    return timedelta(milliseconds=milliseconds) if milliseconds else milliseconds


def _show(value: object) -> str:
    if isinstance(value, timedelta):
        return in_words(value // timedelta(milliseconds=1))
    return repr(value)
