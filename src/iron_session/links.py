"""Magic links: a URL that carries a seal, made for one purpose and a short time.

The seal stands in the query, so what else is in the URL is not protected: whatever the link is to
say belongs into its data. A URL is taken apart by the two characters that RFC 3986 gives its parts,
with nothing of it changed or checked against a scheme, so links into an app (`myapp://login`) work
as those to a site do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, overload
from urllib.parse import unquote_plus

from iron_session.errors import ConfigurationError, UnsealError
from iron_session.seals._time import Seconds, to_milliseconds
from iron_session.seals.passwords import PasswordInput, Passwords
from iron_session.seals.sealing import RAISE, seal_data, unseal_data

__all__ = ["Links", "Query"]

T = TypeVar("T")

_DEFAULT_TTL = 15 * 60

# Mail programs and what they pass a link through break longer ones, at various lengths.
_LONGEST_MADE = 2000
# A link comes back with more than it left with: redirects and counters of clicks add to the query.
_LONGEST_READ = 8192

_PARAMETER = re.compile(r"[A-Za-z0-9._-]+")
# Where a mail program, which looks for links in plain text, sees the end of one (RFC 3986,
# appendix C); and the backslash, which browsers take for a slash.
_ENDS_A_LINK = frozenset(' "<>\\')


class Query(Protocol):
    """The parameters of a URL, as a framework's request gives them."""

    def get(self, name: str, /) -> object:
        """Give a parameter's value as text, or None where there is no such parameter."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Makes links for one purpose and reads them. Build one for each purpose, at import time.

    Args:
        password: text of at least 32 characters, a mapping of ids to such for rotation (the
            highest id seals, all open), or `Passwords`. It may be the one of the sessions.
        purpose: what the links are for, as `"login"`: they open for nothing else.
        ttl: life of a link, in seconds or as a timedelta, more than 0; 15 minutes by default. It
            opens up to 60 seconds longer, since clocks differ.
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
            raise ConfigurationError("ttl must be more than 0 seconds: 0 would be a link for ever")
        if not isinstance(self.parameter, str) or not _PARAMETER.fullmatch(self.parameter):
            raise ConfigurationError(
                'parameter must be a name of ASCII letters, digits, ".", "_" and "-", as "token"'
            )

    def make(self, url: str, data: Mapping[str, Any]) -> str:
        """Give the URL with the data sealed into its query.

        Args:
            url: where the link leads: absolute, of any scheme, or relative. Its other parameters,
                their order and the fragment stay; a parameter of the same name goes. Take the
                host from your settings: a request's Host header is the visitor's own text.
            data: a dict of JSON values, small: the whole link has at most 2000 characters, about
                1.2 kB of JSON, since mail programs break longer ones.

        Raises:
            ConfigurationError: a url that no link can be made of, or a link that would be too long.
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
                f"over {_LONGEST_MADE}: seal an id, and keep the data on the server"
            )
        return link

    @overload
    def read(self, link: str | Query) -> dict[str, Any]: ...
    @overload
    def read(self, link: str | Query, *, default: T) -> dict[str, Any] | T: ...
    def read(self, link: str | Query, *, default: Any = RAISE) -> Any:
        """Give the data of a link that a visitor has followed.

        Args:
            link: the request's URL as text (`str(request.url)`), absolute or relative, or the
                mapping that the framework made of its query (`request.query_params`,
                `request.args`, `request.GET`, …). Of a parameter that is given twice, a mapping
                knows one; a URL is refused.
            default: given back instead of raising UnsealError.

        Raises:
            UnsealError: for the `reason` `"expired"`, `"purpose"`, `"unknown-password"` or
                `"invalid"`, as of a link without its parameter. Whatever a visitor sends, it is
                this error and no other.
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
    def read_token(self, token: str | None, *, default: Any = RAISE) -> Any:
        """Give the data of the parameter itself, where a framework hands that over.

        Args:
            token: the parameter's value, decoded; None, as of a missing parameter, is none.
            default: given back instead of raising UnsealError.

        Raises:
            UnsealError: as in `read`.
        """
        return self.read({self.parameter: token}, default=default)

    def _find(self, link: object) -> object:
        """Give the value of the parameter, as it stands there."""
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
            "end: percent-encode what its parts are made of, with urllib.parse.quote"
        )


def _check_length(text: str) -> None:
    """Refuse what is too long for any link, before more is done with it."""
    if len(text) > _LONGEST_READ:
        raise UnsealError(f"not a link: it has more than {_LONGEST_READ} characters")


def _encoded(seal: str) -> str:
    """Write a seal's stars and its `~` so that no program takes them for markup, or for an end."""
    return seal.replace("*", "%2A").replace("~", "%7E")


# --- queries, which HTML's forms write and every framework reads alike -----------------------


def _with_parameter(url: str, name: str, value: str) -> str:
    """Put a parameter last in a URL's query, instead of all of its name."""
    before, sign, fragment = url.partition("#")
    path, _, query = before.partition("?")
    kept = [part for part in query.split("&") if part and _split(part)[0] != name]
    return f"{path}?{'&'.join([*kept, f'{name}={value}'])}{sign}{fragment}"


def _values(url: str, name: str) -> list[str]:
    """Give every value of a parameter in a URL's query."""
    query = url.partition("#")[0].partition("?")[2]
    pairs = map(_split, query.split("&"))
    return [value for key, value in pairs if key == name]


def _split(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return unquote_plus(name), unquote_plus(value)
