"""`CookieOptions` and `SessionOptions`: frozen, and checked once, when they are built.

Whatever browsers would refuse without a word is refused here with a message that says what to
change. Sources: RFC 6265bis (prefixes, attributes), CHIPS (Partitioned), npm's `cookie@2` (which
characters an attribute may hold), iron-session (defaults).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeAlias

from iron_session.errors import ConfigurationError
from iron_session.seals._time import Seconds, to_milliseconds
from iron_session.seals.passwords import PasswordInput, Passwords
from iron_session.seals.sealing import DEFAULT_TTL
from iron_session.sessions.events import Unsealed, UnsealFailure
from iron_session.sessions.lifetime import cookie_max_age

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # with a default; type checkers know it without a package

    from iron_session.sessions.schemas import Schema

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")

__all__ = ["CookieOptions", "Migrate", "SessionOptions", "T", "check_function"]

UnsealErrorHook: TypeAlias = Callable[[UnsealFailure], object]
UnsealHook: TypeAlias = Callable[[Unsealed], object]
Migrate: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]

_LONGEST_ATTRIBUTE = 1024  # RFC 6265bis, 5.6: browsers ignore longer values

# The character classes of cookie@2, with fullmatch for its ^…$.
_NAME = re.compile(r"[\x21-\x3A\x3C\x3E-\x7E]+")
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"\.?{_LABEL}(?:\.{_LABEL})*", re.ASCII | re.IGNORECASE)
_PATH = re.compile(r"/[\x20-\x3A\x3D-\x7E]*")

_SAME_SITE = ("strict", "lax", "none")
_PRIORITY = ("low", "medium", "high")
_PREFIXES = ("__Host-Http-", "__Host-", "__Http-", "__Secure-")


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieOptions:
    """The attributes of the session's cookie; the defaults are iron-session's.

    Args:
        http_only: keep the cookie from JavaScript in the page.
        secure: send it over HTTPS only (browsers take localhost for secure too).
        same_site: `"strict"`, `"lax"`, `"none"` (needs `secure`), or None to leave it out.
        path: where the cookie is sent; starts with `/`.
        domain: None for this host only; a domain sends it to all subdomains too.
        max_age: seconds that the browser keeps it, a positive int. `"auto"` follows the session's
            ttl, ending 60 seconds earlier; None leaves it out, so that the cookie ends with the
            browser's own session, while the seal keeps its ttl.
        expires: an aware datetime, or None. In the past it is refused when a session is saved.
        partitioned: one cookie for each top-level site (CHIPS); needs `secure`.
        priority: `"low"`, `"medium"`, `"high"` or None; Chromium's.

    Raises:
        ConfigurationError: a value that no browser would take.
    """

    http_only: bool = True
    secure: bool = True
    same_site: Literal["strict", "lax", "none"] | None = "lax"
    path: str | None = "/"
    domain: str | None = None
    max_age: int | Literal["auto"] | None = "auto"
    expires: datetime | None = None
    partitioned: bool = False
    priority: Literal["low", "medium", "high"] | None = None

    def __post_init__(self) -> None:
        for name in ("http_only", "secure", "partitioned"):
            _require_bool(f"cookie_options.{name}", getattr(self, name))
        _normalise_choice(self, "same_site", _SAME_SITE)
        _normalise_choice(self, "priority", _PRIORITY)
        _check_text("path", self.path, _PATH, "a path starts with / and has no ; or < in it")
        _check_text("domain", self.domain, _DOMAIN, 'a domain looks like "example.com"')
        _check_max_age(self.max_age)
        _check_expires(self.expires)
        if self.same_site == "none" and not self.secure:
            raise ConfigurationError('cookie_options: same_site="none" needs secure=True')
        if self.partitioned and not self.secure:
            raise ConfigurationError("cookie_options: partitioned=True needs secure=True")


def _require_bool(name: str, value: object) -> None:
    # "false", as read from an environment, would be true.
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} must be True or False, not {value!r}")


def _normalise_choice(options: CookieOptions, name: str, choices: tuple[str, ...]) -> None:
    value = getattr(options, name)
    if value is None:
        return
    lowered = value.lower() if isinstance(value, str) else None
    if lowered not in choices:
        raise ConfigurationError(
            f"cookie_options.{name} must be one of {', '.join(choices)}, or None"
        )
    object.__setattr__(options, name, lowered)


def _check_text(name: str, value: object, pattern: re.Pattern[str], rule: str) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ConfigurationError(f"cookie_options.{name} can't be {value!r}: {rule}")
    if len(value) > _LONGEST_ATTRIBUTE:
        raise ConfigurationError(
            f"cookie_options.{name} has {len(value)} bytes, browsers ignore over "
            f"{_LONGEST_ATTRIBUTE}"
        )


def _check_max_age(value: object) -> None:
    if value is None or value == "auto":
        return
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**53:
        raise ConfigurationError(
            'cookie_options.max_age must be a positive int of seconds, "auto" to follow the ttl, '
            "or None for a cookie that ends with the browser's session"
        )


def _check_expires(value: object) -> None:
    if value is None:
        return
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise ConfigurationError(
            "cookie_options.expires must be a datetime with a time zone, as "
            "datetime.now(timezone.utc) + timedelta(days=1)"
        )
    if not 1601 <= _utc_year(value) <= 9999:  # RFC 6265bis, 5.1.1
        raise ConfigurationError("cookie_options.expires must lie in the years 1601 to 9999")


def _utc_year(moment: datetime) -> int:
    try:
        return moment.astimezone(UTC).year
    except OverflowError:  # in UTC it lies outside the years that datetime knows
        return 0


DEFAULT_COOKIE_OPTIONS: Final = CookieOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions(Generic[T]):
    """How a session is sealed and which cookie carries it. Build one, at import time.

    Args:
        password: text of at least 32 characters, a mapping of ids to such for rotation (the
            highest id seals, all open), or `Passwords`.
        cookie_name: the cookie's name; `__Host-` before it binds it to this host over HTTPS.
        ttl: life of the session from its last save, in seconds or as a timedelta; 14 days by
            default; 0 never expires and is not for authentication.
        cookie_options: `CookieOptions`, or a mapping of its arguments.
        chunk: split a session that does not fit in one cookie over up to four.
        on_unseal_error: called with one `UnsealFailure` when a cookie could not be read.
        on_unseal: called with one `Unsealed` when a cookie was read: who counts them by password
            sees how far a rotation has come.
        renew_after: write a session again that was only looked at, once this much of its ttl has
            gone (seconds or timedelta, below ttl and the cookie's Max-Age); None: only changes are
            written. Of a session with a shorter ttl of its own it is the same part.
        max_lifetime: how long a session may live in all, whatever saves and renewals it sees
            (seconds or timedelta, at least ttl); None: no bound.
        schema: the type of `session.data`: a dataclass, a TypedDict, an attrs class or a
            msgspec.Struct, each of which needs msgspec, or a pydantic model or dataclass. All of
            its fields have defaults. A cookie that does not fit gives an empty session, for the
            reason `"schema"`.
        migrate: mends data of old shapes before the schema sees it: it takes the session's dict and
            gives one. What it changes is written with the response.

    Attributes:
        passwords: the `password`, as `Passwords`; `seal_data` takes it too.
        cookie: the `cookie_options`, as `CookieOptions`.
        ttl_ms: the `ttl`, in milliseconds, as are the two below.
        renew_after_ms: the `renew_after`.
        max_lifetime_ms: the `max_lifetime`.
        prepared_schema: the `schema`, with what reads and writes it.

    Raises:
        ConfigurationError: a value that can't work, or two that contradict each other.
    """

    password: PasswordInput = field(repr=False)
    cookie_name: str
    ttl: Seconds = field(default=DEFAULT_TTL, compare=False)
    cookie_options: CookieOptions | Mapping[str, Any] = DEFAULT_COOKIE_OPTIONS
    chunk: bool = False
    on_unseal_error: UnsealErrorHook | None = None
    renew_after: Seconds | None = field(default=None, compare=False)
    max_lifetime: Seconds | None = field(default=None, compare=False)
    schema: type[T] | None = None
    migrate: Migrate | None = None
    on_unseal: UnsealHook | None = None

    # The same, prepared: what sessions work with.
    passwords: Passwords = field(init=False, compare=False)
    cookie: CookieOptions = field(init=False, repr=False, compare=False)
    ttl_ms: int = field(init=False, repr=False)
    renew_after_ms: int | None = field(init=False, repr=False)
    max_lifetime_ms: int | None = field(init=False, repr=False)
    prepared_schema: Schema[T] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        passwords = Passwords.of(self.password)
        cookie = _as_cookie_options(self.cookie_options)
        prepared = {
            "password": passwords,  # so that no secret stands in the options' repr
            "passwords": passwords,
            "cookie_options": cookie,
            "cookie": cookie,
            "ttl_ms": to_milliseconds(self.ttl, "ttl"),
            "renew_after_ms": _optional_ms(self.renew_after, "renew_after"),
            "max_lifetime_ms": _optional_ms(self.max_lifetime, "max_lifetime"),
            "prepared_schema": _prepare(self.schema),
        }
        for name, value in prepared.items():
            object.__setattr__(self, name, value)
        _check_cookie_name(self.cookie_name)
        _check_prefix(self.cookie_name, cookie)
        _require_bool("chunk", self.chunk)
        for name in ("on_unseal_error", "on_unseal", "migrate"):
            check_function(name, getattr(self, name))
        if self.migrate is not None and self.schema is None:
            raise ConfigurationError("migrate needs a schema: that is what it mends data for")
        _check_lifetimes(self)


def override_cookie(
    options: SessionOptions[Any], changes: CookieOptions | Mapping[str, Any]
) -> CookieOptions:
    """Give the cookie's attributes with some of them changed, checked as the options' own are."""
    cookie = _as_cookie_options(changes, options.cookie)
    for name in ("path", "domain", "partitioned"):
        if getattr(cookie, name) != getattr(options.cookie, name):
            raise ConfigurationError(
                f"cookie_options.{name} can't be changed for one response: browsers would keep it "
                "as a second cookie, which no logout expires. Set it in SessionOptions"
            )
    _check_prefix(options.cookie_name, cookie)
    return cookie


def check_options(options: object) -> SessionOptions[Any]:
    """Give the options back, or say that they are none."""
    if not isinstance(options, SessionOptions):
        raise ConfigurationError(
            f"options must be a SessionOptions, not {type(options).__name__}: "
            "SessionOptions(password=…, cookie_name=…)"
        )
    return options


def _as_cookie_options(
    value: object, base: CookieOptions = DEFAULT_COOKIE_OPTIONS
) -> CookieOptions:
    """Take CookieOptions as they are, and a mapping as changes to `base`."""
    if isinstance(value, CookieOptions):
        return value
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"cookie_options must be CookieOptions or a mapping, not {type(value).__name__}"
        )
    known = [one.name for one in fields(CookieOptions)]
    if unknown := [name for name in value if name not in known]:
        raise ConfigurationError(
            f"cookie_options has no {unknown[0]!r}; it takes {', '.join(known)}"
        )
    return replace(base, **value)


def _prepare(schema: type[T] | None) -> Schema[T] | None:
    if schema is None:
        return None
    from iron_session.sessions.schemas import prepare_schema  # noqa: PLC0415 - only who asks pays

    return prepare_schema(schema)


def _optional_ms(value: Seconds | None, name: str) -> int | None:
    if value is None:
        return None
    milliseconds = to_milliseconds(value, name)
    if not milliseconds:
        raise ConfigurationError(f"{name} must be more than 0 seconds, or None")
    return milliseconds


def _check_cookie_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise ConfigurationError("cookie_name must be a text that is not empty")
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"cookie_name can't be {name!r}: only visible ASCII characters except ; and ="
        )
    if len(name) > _LONGEST_ATTRIBUTE:
        raise ConfigurationError(
            f"cookie_name has {len(name)} characters: use at most {_LONGEST_ATTRIBUTE}"
        )


def _check_prefix(name: str, cookie: CookieOptions) -> None:
    """Hold the cookie against its name's prefix, in any case, as browsers do.

    Source: RFC 6265bis, 4.1.3; the two with Http are the draft's newest.
    """
    lowered = name.lower()
    prefix = next((one for one in _PREFIXES if lowered.startswith(one.lower())), None)
    if prefix is None:
        return
    needs = f"a cookie name with the prefix {prefix} needs"
    if not cookie.secure:
        raise ConfigurationError(f"{needs} secure=True")
    if "Http" in prefix and not cookie.http_only:
        raise ConfigurationError(f"{needs} http_only=True")
    if "Host" in prefix and cookie.domain is not None:
        raise ConfigurationError(f"{needs} domain=None")
    if "Host" in prefix and cookie.path != "/":
        raise ConfigurationError(f'{needs} path="/"')


def check_function(name: str, given: object) -> None:
    """Refuse what is no function, and one that has to be awaited."""
    if given is not None and not callable(given):
        raise ConfigurationError(f"{name} must be a function, or None")
    if inspect.iscoroutinefunction(given) or inspect.iscoroutinefunction(type(given).__call__):
        raise ConfigurationError(
            f"{name} must be a plain function: nothing would await a coroutine"
        )


def _check_lifetimes(options: SessionOptions[Any]) -> None:
    ttl, renew_after, most = options.ttl_ms, options.renew_after_ms, options.max_lifetime_ms
    if renew_after is not None:
        if not ttl:
            raise ConfigurationError("renew_after needs a ttl: ttl=0 never expires")
        if renew_after >= ttl:
            raise ConfigurationError("renew_after must be shorter than ttl")
        max_age = cookie_max_age(options.cookie.max_age, ttl)
        if max_age is not None and renew_after >= max_age * 1000:
            raise ConfigurationError(
                f"renew_after must be shorter than the life of the cookie, {max_age} seconds by "
                "its max_age: browsers drop it before"
            )
    if most is not None:
        if not ttl:
            raise ConfigurationError("max_lifetime needs a ttl: ttl=0 never expires")
        if most < ttl:
            raise ConfigurationError("max_lifetime must not be shorter than ttl")
