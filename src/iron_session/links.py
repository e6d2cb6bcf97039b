"""Magic links: a URL that carries a seal, made for one purpose and a short time.

The seal is in the query, and the rest of the URL is not protected: whatever the link must say
belongs in its data. A URL is split at the `#` and the `?` of RFC 3986, and is neither changed
otherwise nor checked for a scheme, so links into an app (`myapp://login`) work like those to a
site.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, overload
from urllib.parse import unquote_plus

from iron_session._frames import guard_building, guarded
from iron_session._time import Seconds, to_milliseconds
from iron_session.errors import ConfigurationError, UnsealError
from iron_session.seals.passwords import PasswordInput, Passwords
from iron_session.seals.sealing import RAISE, seal_data, unseal_data

__all__ = ["Links", "Query"]

T = TypeVar("T")

_DEFAULT_TTL = 15 * 60

# Mail programs, and programs that they pass links through, break longer ones, at various lengths.
_LONGEST_MADE = 2000
# A link comes back longer than it was sent: redirects and click counters add to the query.
_LONGEST_READ = 8192

_PARAMETER = re.compile(r"[A-Za-z0-9._-]+")
# Characters at which a mail program, which searches plain text for links, sees the end of one
# (RFC 3986, appendix C); and the backslash, which browsers treat as a slash.
_ENDS_A_LINK = frozenset(' "<>\\')


class Query(Protocol):
    """The parameters of a URL, as a framework's request provides them."""

    def get(self, name: str, /) -> object:
        """Return a parameter's value as text, or None if there is no such parameter."""
        ...


@guard_building
@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Makes links for one purpose and reads them. Build one for each purpose, at import time.

    Args:
        password: text of at least 32 characters, a mapping of ids to such texts for rotation (the
            highest id seals, all open), or `Passwords`. It may be the same as for the sessions.
        purpose: what the links are for, as `"login"`: they open for nothing else.
        ttl: life of a link, in seconds or as a timedelta, more than 0; 15 minutes by default. A
            link opens for up to 60 seconds longer, since clocks differ.
        parameter: the name of the query parameter that holds the seal: ASCII letters, digits, `.`,
            `_` and `-`.

    Raises:
        ConfigurationError: a value that can't work.
    """

    password: PasswordInput = field(repr=False)
    purpose: str
    ttl: Seconds = _DEFAULT_TTL
    parameter: str = "token"

    def __post_init__(self) -> None:
        object.__setattr__(self, "password", Passwords.of(self.password))
        if not isinstance(self.purpose, str) or not self.purpose:
            raise ConfigurationError('purpose must be a text that is not empty, as "login"')
        if not to_milliseconds(self.ttl, "ttl"):
            raise ConfigurationError("ttl must be more than 0 seconds: with 0 it never expires")
        if not isinstance(self.parameter, str) or not _PARAMETER.fullmatch(self.parameter):
            raise ConfigurationError(
                'parameter must be a name of ASCII letters, digits, ".", "_" and "-", as "token"'
            )

    @guarded
    def make(self, url: str, data: Mapping[str, Any]) -> str:
        """Return the URL with the data sealed into its query.

        Args:
            url: where the link leads: absolute, of any scheme, or relative. Its other parameters,
                their order and the fragment stay; a parameter with the same name is replaced. Take
                the host from your settings: a request's Host header is the visitor's own text.
            data: a small dict of JSON values: the whole link has at most 2000 characters, about
                1.2 kB of JSON, since mail programs break longer ones.

        Raises:
            ConfigurationError: a URL that no link can be made of, or a link that would be too long.
            NotSerializableError: data that is not a dict, or that JSON can't carry; the message
                names the path.
        """
        _check_url(url)
        if isinstance(data, Mapping):
            data = dict(data)
        seal = seal_data(data, password=self.password, ttl=self.ttl, purpose=self.purpose)
        link = _with_parameter(url, self.parameter, _encoded(seal))
        if len(link) > _LONGEST_MADE:
            raise ConfigurationError(
                f"the link would have {len(link)} characters, and mail programs break links of "
                f"more than {_LONGEST_MADE}: seal an id, and keep the data on the server"
            )
        return link

    @overload
    def read(self, link: str | Query) -> dict[str, Any]: ...
    @overload
    def read(self, link: str | Query, *, default: T) -> dict[str, Any] | T: ...
    @guarded
    def read(self, link: str | Query, *, default: Any = RAISE) -> Any:
        """Return the data of a link that a visitor has followed.

        Args:
            link: the request's URL as text (`str(request.url)`), absolute or relative, or the
                mapping that the framework made of its query (`request.query_params`,
                `request.args`, `request.GET`, …). If the parameter is there twice, a URL is
                refused, and a mapping returns one of the two.
            default: what to return instead of raising UnsealError.

        Raises:
            UnsealError: its `reason` is `"expired"`, `"purpose"`, `"unknown-password"` or
                `"invalid"`; the last also for a link without its parameter. Whatever a visitor
                sends, no other error is raised.
        """
        try:
            return self._open(self._find(link))
        except UnsealError:
            if default is RAISE:
                raise
            return default

    @overload
    def read_token(self, token: str | None) -> dict[str, Any]: ...
    @overload
    def read_token(self, token: str | None, *, default: T) -> dict[str, Any] | T: ...
    @guarded
    def read_token(self, token: str | None, *, default: Any = RAISE) -> Any:
        """Return the data of the parameter itself, if a framework passes that to a handler.

        Args:
            token: the parameter's value, decoded; None if the parameter is missing.
            default: what to return instead of raising UnsealError.

        Raises:
            UnsealError: as in `read`.
        """
        return self.read({self.parameter: token}, default=default)

    def _find(self, link: object) -> object:
        """Return the value of the parameter, unchecked."""
        if isinstance(link, str):
            return self._find_in_url(link)
        get = getattr(link, "get", None)
        if not callable(get):
            raise UnsealError(f"not a link: {type(link).__name__} is neither a str nor a query")
        return get(self.parameter)

    def _find_in_url(self, url: str) -> str | None:
        _check_length(url)
        values = _values(url, self.parameter)
        if len(values) > 1:
            raise UnsealError(f'the link has its parameter "{self.parameter}" more than once')
        return values[0] if values else None

    def _open(self, token: object) -> Any:
        if token is None:
            raise UnsealError(f'the link has no parameter "{self.parameter}"')
        if not isinstance(token, str):
            raise UnsealError(f"not a seal: {type(token).__name__} is no text")
        _check_length(token)
        return unseal_data(token, password=self.password, purpose=self.purpose)


def _check_url(url: object) -> None:
    if not isinstance(url, str):
        raise ConfigurationError(f"url must be a str, not {type(url).__name__}: give str(url)")
    if not url:
        raise ConfigurationError('url is empty: give where the link leads, as "https://…/login"')
    if not url.isprintable() or not _ENDS_A_LINK.isdisjoint(url):
        raise ConfigurationError(
            'url has a space, a control character or one of " < > \\ in it, where a link would '
            "end: percent-encode its parts with urllib.parse.quote"
        )


def _check_length(text: str) -> None:
    """Refuse a text that is too long for any link, before it costs more time."""
    if len(text) > _LONGEST_READ:
        raise UnsealError(f"not a link: it has more than {_LONGEST_READ} characters")


def _encoded(seal: str) -> str:
    """Escape a seal's stars and its `~`, which a program may read as markup or the link's end."""
    return seal.replace("*", "%2A").replace("~", "%7E")


# --- queries, as HTML forms write them and every framework reads them ------------------------


def _with_parameter(url: str, name: str, value: str) -> str:
    """Return a URL with a parameter last in its query, replacing all with its name."""
    before, sign, fragment = url.partition("#")
    path, _, query = before.partition("?")
    kept = [part for part in query.split("&") if part and _split(part)[0] != name]
    return f"{path}?{'&'.join([*kept, f'{name}={value}'])}{sign}{fragment}"


def _values(url: str, name: str) -> list[str]:
    """Return all values of a parameter in a URL's query."""
    query = url.partition("#")[0].partition("?")[2]
    pairs = map(_split, query.split("&"))
    return [value for key, value in pairs if key == name]


def _split(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return unquote_plus(name), unquote_plus(value)
