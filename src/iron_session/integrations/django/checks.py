"""System checks of a project's sessions, for `manage.py check`.

They are registered when the package is imported; if it is in `INSTALLED_APPS`, Django does so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from functools import wraps
from typing import Any, Final, NamedTuple

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.checks.registry import registry
from django.core.checks.security import sessions as djangos
from django.db import Error
from django.utils.module_loading import import_string

from iron_session.errors import ConfigurationError
from iron_session.http.request import check_apart
from iron_session.integrations.django import store
from iron_session.integrations.django.middleware import IronSessionMiddleware
from iron_session.integrations.django.reporter import SafeExceptionReporterFilter
from iron_session.integrations.django.revocations import (
    MIGRATE,
    DjangoLedger,
    followed_ledger,
)
from iron_session.integrations.django.settings import ENGINE, INSTALL, read_options
from iron_session.sessions.options import SessionOptions, check_options

__all__ = ["check_deployment", "check_installation", "check_tables"]

_TAG: Final = "iron_session"
_FILTER: Final = f"{ENGINE}.{SafeExceptionReporterFilter.__qualname__}"

_SESSIONS: Final = "django.contrib.sessions.middleware.SessionMiddleware"
_CACHE: Final = "django.middleware.cache.UpdateCacheMiddleware"
_CSRF: Final = "django.middleware.csrf.CsrfViewMiddleware"
_MESSAGES: Final = "django.contrib.messages.middleware.MessageMiddleware"
_IN_COOKIES: Final = "django.contrib.messages.storage.cookie.CookieStorage"
_IN_EITHER: Final = "django.contrib.messages.storage.fallback.FallbackStorage"  # the default
_IN_SESSIONS: Final = "django.contrib.messages.storage.session.SessionStorage"
_NEED_A_SESSION: Final = (
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.auth.middleware.RemoteUserMiddleware",
)


class _Installed(NamedTuple):
    """A line of MIDDLEWARE, and what it names."""

    path: str
    thing: Any

    @property
    def is_ours(self) -> bool:
        return isinstance(self.thing, type) and issubclass(self.thing, IronSessionMiddleware)

    @property
    def is_first(self) -> bool:
        """Whether its session is `request.session`, which Django's own code uses."""
        return self.is_ours and bool(self.thing.key == IronSessionMiddleware.key)

    def is_a(self, path: str) -> bool:
        """Return whether it is this class of Django's, or inherits from it."""
        classes = getattr(self.thing, "__mro__", ())
        return path in {f"{one.__module__}.{one.__qualname__}" for one in classes}


def check_installation(app_configs: Any, **_: Any) -> list[Any]:
    """Check that engine, middleware and options are set, and fit each other."""
    try:
        installed = list(_middleware())
    except ConfigurationError as error:  # in a middleware class with its own options
        return [checks.Error(str(error), id=f"{_TAG}.E004")]
    found = [*_check_parts(installed), *_check_order(installed)]
    return [*found, *_check_options(installed)]


def _middleware() -> Iterator[_Installed]:
    for path in settings.MIDDLEWARE:
        try:
            yield _Installed(path, import_string(path))
        except ImportError:  # Django itself reports it
            continue


def _is_engine_ours() -> bool:
    if settings.SESSION_ENGINE == ENGINE:
        return True
    try:
        engine = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    except ImportError:
        return False
    return isinstance(engine, type) and issubclass(engine, store.SessionStore)


def _check_parts(installed: list[_Installed]) -> Iterator[Any]:
    """Check that the engine, the middleware and IRON_SESSION are set together."""
    first = [one for one in installed if one.is_first]
    if not _is_engine_ours():
        if first:
            yield checks.Error(
                f"{first[0].path} does not work with SESSION_ENGINE = {settings.SESSION_ENGINE!r}.",
                hint=f'SESSION_ENGINE = "{ENGINE}"',
                id=f"{_TAG}.E001",
            )
        elif getattr(settings, "IRON_SESSION", None) is not None:
            yield checks.Warning(
                "IRON_SESSION is set, but request.session does not use it.",
                hint=f'SESSION_ENGINE = "{ENGINE}", and {INSTALL}',
                id=f"{_TAG}.W003",
            )
        return
    others = [one for one in installed if one.is_a(_SESSIONS) and not one.is_ours]
    for one in others:
        yield checks.Error(
            f"{one.path} in MIDDLEWARE does not use IRON_SESSION, and would write another cookie.",
            hint=f"Replace it: {INSTALL}",
            id=f"{_TAG}.E003",
        )
    if not first and not others:
        yield checks.Error(
            "SESSION_ENGINE is that of iron-session, but its middleware is missing.",
            hint=INSTALL,
            id=f"{_TAG}.E002",
        )


def _check_order(installed: list[_Installed]) -> Iterator[Any]:
    """Check that middleware that needs the session comes after it, and the cache before it."""
    place = next((index for index, one in enumerate(installed) if one.is_first), None)
    if place is None:
        return
    ours = installed[place].path
    for one in installed[:place]:
        if any(map(one.is_a, _in_need())):
            yield checks.Error(
                f"{one.path} needs request.session, but comes before {ours} in MIDDLEWARE.",
                hint=f"Put {ours} before it.",
                id=f"{_TAG}.E005",
            )
    for one in installed[place:]:
        if one.is_a(_CACHE):
            yield checks.Warning(
                f"{one.path} comes after {ours} in MIDDLEWARE, so it caches pages before they have "
                "Vary: Cookie, and may show them to other visitors.",
                hint=f"Put {ours} after it.",
                id=f"{_TAG}.W001",
            )


def _in_need() -> Iterator[str]:
    """Yield Django's middleware that fails without a session, under the project's settings."""
    yield from _NEED_A_SESSION
    if settings.CSRF_USE_SESSIONS:
        yield _CSRF
    if settings.MESSAGE_STORAGE != _IN_COOKIES:
        yield _MESSAGES


def _check_options(installed: list[_Installed]) -> Iterator[Any]:
    """Check each session's options, and that no two share a key or a cookie."""
    try:
        options = _options_of(installed)
    except ConfigurationError as error:
        yield checks.Error(str(error), id=f"{_TAG}.E004")
        return
    keys = [one.thing.key for one in installed if one.is_ours]
    for key in {key for key in keys if keys.count(key) > 1}:
        yield checks.Error(
            f"Two of iron-session's middleware have the key {key!r}.",
            hint="Remove one, or give it a key, options and a cookie name of its own.",
            id=f"{_TAG}.E006",
        )
    first = options.get(IronSessionMiddleware.key)
    if first is not None and first.cookie_name != settings.SESSION_COOKIE_NAME:
        yield checks.Warning(
            f"The session is in the cookie {first.cookie_name!r}, but Django's test client and "
            f"others look for it in SESSION_COOKIE_NAME, {settings.SESSION_COOKIE_NAME!r}.",
            hint=f"SESSION_COOKIE_NAME = {first.cookie_name!r}",
            id=f"{_TAG}.W002",
        )
    for ledger in _ledgers_of(options):
        yield from _check_ledger(ledger)


def _ledgers_of(options: dict[str, SessionOptions]) -> Iterator[DjangoLedger]:
    for one in options.values():
        ledger = followed_ledger(one.revocations)
        if ledger is not None:
            yield ledger


def _check_ledger(ledger: DjangoLedger) -> Iterator[Any]:
    try:
        ledger.check()
    except ConfigurationError as error:
        yield checks.Error(str(error), id=f"{_TAG}.E007")
    if not apps.is_installed(ENGINE):
        yield checks.Warning(
            "DjangoStore is used, but the application that makes its tables is not installed.",
            hint=f"To get them, {MIGRATE}.",
            id=f"{_TAG}.W007",
        )


def _options_of(installed: list[_Installed]) -> dict[str, SessionOptions]:
    """Return the options of each session by its key.

    Raises:
        ConfigurationError: some are invalid, or two sessions have the same cookie.
    """
    options: dict[str, SessionOptions] = {}
    for one in installed:
        if one.is_ours:
            own = one.thing.options
            by_settings = one.is_first and own is None
            options[one.thing.key] = read_options() if by_settings else check_options(own)
    if IronSessionMiddleware.key not in options and _is_engine_ours():
        options[IronSessionMiddleware.key] = read_options()
    check_apart(options)
    return options


def check_tables(app_configs: Any, databases: Collection[str] | None = None, **_: Any) -> list[Any]:
    """Check that the databases that may be asked have the tables of `DjangoStore`."""
    try:
        ledgers = list(_ledgers_of(_options_of(list(_middleware()))))
    except ConfigurationError:  # `check_installation` reports it
        return []
    missing = {
        one.using for one in ledgers if one.using in (databases or ()) and _lacks_tables(one)
    }
    return [
        checks.Warning(
            f"The database {using!r} has no tables for DjangoStore yet.",
            hint=f"To get them, {MIGRATE}.",
            id=f"{_TAG}.W008",
        )
        for using in sorted(missing)
    ]


def _lacks_tables(ledger: DjangoLedger) -> bool:
    with suppress(ConfigurationError, Error):  # it can't be used, or reached
        return not ledger.has_tables()
    return False


def check_deployment(app_configs: Any, **_: Any) -> list[Any]:
    """Check that cookies and error reports are as they should be in production."""
    try:
        installed = list(_middleware())
        options = _options_of(installed)
    except ConfigurationError:  # `check_installation` reports it
        return []
    found = [*_check_cookies(options), *_check_reports(options)]
    return [*found, *_check_messages(installed)]


def _check_cookies(options: dict[str, SessionOptions]) -> Iterator[Any]:
    for one in options.values():
        if not one.cookie.secure:
            yield checks.Warning(
                f"The session's cookie {one.cookie_name!r} is not Secure, so everybody on the "
                "network can read it.",
                hint="Leave out SESSION_COOKIE_SECURE, or set it to True; "
                "in IRON_SESSION, cookie_options must not say secure=False.",
                id=f"{_TAG}.W004",
            )
        elif one.cookie.secure == "auto":
            yield checks.Warning(
                f"The session's cookie {one.cookie_name!r} is not Secure where a request seems to "
                "come over plain http, since secure is 'auto'.",
                hint="'auto' is for development: leave it out of cookie_options in IRON_SESSION.",
                id=f"{_TAG}.W004",
            )
        if not one.cookie.http_only:
            yield checks.Warning(
                f"The session's cookie {one.cookie_name!r} is not HttpOnly, so every script "
                "in a page can read it.",
                hint="Leave out SESSION_COOKIE_HTTPONLY, or set it to True; "
                "in IRON_SESSION, cookie_options must not say http_only=False.",
                id=f"{_TAG}.W005",
            )


def _check_reports(options: dict[str, SessionOptions]) -> Iterator[Any]:
    kind = import_string(settings.DEFAULT_EXCEPTION_REPORTER_FILTER)
    if options and not (isinstance(kind, type) and issubclass(kind, SafeExceptionReporterFilter)):
        yield checks.Warning(
            "Django's error reports show the session's cookies if a request fails before "
            "IronSessionMiddleware.",
            hint=f'DEFAULT_EXCEPTION_REPORTER_FILTER = "{_FILTER}"',
            id=f"{_TAG}.W006",
        )


def _check_messages(installed: list[_Installed]) -> Iterator[Any]:
    """Check that messages are in the sealed session, if it is the one of Django."""
    is_used = _is_engine_ours() and any(one.is_a(_MESSAGES) for one in installed)
    if is_used and settings.MESSAGE_STORAGE in (_IN_COOKIES, _IN_EITHER):
        yield checks.Warning(
            "django.contrib.messages keeps messages in a cookie of its own, which is signed and "
            "not encrypted, and Secure only by SESSION_COOKIE_SECURE.",
            hint=f'To keep them in the session: MESSAGE_STORAGE = "{_IN_SESSIONS}"',
            id=f"{_TAG}.W009",
        )


def _take_place_of(theirs: Callable[..., list[Any]]) -> None:
    """Replace a check of Django's with one that passes if the project's sessions are ours.

    Django's check reads SESSION_COOKIE_SECURE and the like, which are False by default; our cookies
    have these attributes by default.
    """

    @wraps(theirs)
    def check(app_configs: Any, **given: Any) -> list[Any]:
        return [] if _is_engine_ours() else theirs(app_configs, **given)

    registry.deployment_checks.discard(theirs)
    checks.register(check, checks.Tags.security, deploy=True)


checks.register(check_installation, _TAG, checks.Tags.security)
checks.register(check_tables, _TAG, checks.Tags.database)
checks.register(check_deployment, _TAG, checks.Tags.security, deploy=True)
_take_place_of(djangos.check_session_cookie_secure)
_take_place_of(djangos.check_session_cookie_httponly)
