"""Where test clients keep their cookies, and responses their Set-Cookie headers.

Both are recognized by their attributes, never by class, so that no framework or httpx is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from email.message import Message
from http.cookiejar import CookieJar
from http.cookies import BaseCookie
from types import SimpleNamespace
from typing import Any, Final, Protocol
from urllib.parse import urljoin, urlsplit
from urllib.request import Request

from iron_session.errors import ConfigurationError
from iron_session.http.morsels import FinishedMorsel
from iron_session.sessions.cookie_text import parse_cookies
from iron_session.sessions.options import CookieOptions

__all__ = ["Store", "set_cookie_headers", "store_of"]

# --- clients -----------------------------------------------------------------------------------


class Store(Protocol):
    """The cookies that a client keeps.

    Attributes:
        url: the application's URL.
    """

    url: str

    def forget(self, names: Collection[str]) -> None:
        """Remove the cookies with these names, for any domain and path."""
        ...

    def receive(self, headers: Mapping[str, str]) -> None:
        """Set cookies by Set-Cookie headers, given by cookie name, as if `url` had sent them."""
        ...

    def held(self, names: Collection[str]) -> list[tuple[str, str]]:
        """Return the name and value of each cookie with one of these names."""
        ...

    def sent(self, names: Collection[str]) -> Collection[str]:
        """Return those of the names that a request to `url` would carry, maybe with others."""
        ...


class _StdlibStore:
    """A jar of `http.cookiejar`: in httpx and clients built on it, in requests and Quart."""

    def __init__(self, jar: CookieJar, url: str, *, sends_all: bool) -> None:
        self._jar, self.url, self._sends_all = jar, url, sends_all

    def forget(self, names: Collection[str]) -> None:
        for one in [one for one in self._jar if one.name in names]:
            self._jar.clear(one.domain, one.path, one.name)

    def receive(self, headers: Mapping[str, str]) -> None:
        message = Message()
        for header in headers.values():
            message["Set-Cookie"] = header  # adds to the others
        response: Any = SimpleNamespace(info=lambda: message)
        self._jar.extract_cookies(response, self._request())

    def held(self, names: Collection[str]) -> list[tuple[str, str]]:
        mine = [one for one in self._jar if one.name in names and not one.is_expired()]
        return [(one.name, one.value or "") for one in mine]

    def sent(self, names: Collection[str]) -> Collection[str]:
        if self._sends_all:
            return [name for name, _ in self.held(names)]
        request = self._request()
        self._jar.add_cookie_header(request)
        return parse_cookies(request.get_header("Cookie") or "").keys()

    def _request(self) -> Request:
        if not self.url:
            raise ConfigurationError(
                "the client does not say where the application is: log_in(…, "
                'url="http://127.0.0.1:8000")'
            )
        return Request(self.url)  # noqa: S310 - it is never sent: the jar needs one


class _MorselStore:
    """Django's: cookies of `http.cookies`, sent with every request, whatever their scope."""

    def __init__(self, cookies: BaseCookie[str], url: str) -> None:
        self._cookies, self.url = cookies, url

    def forget(self, names: Collection[str]) -> None:
        for name in names:
            self._cookies.pop(name, None)

    def receive(self, headers: Mapping[str, str]) -> None:
        for name, header in headers.items():
            self._cookies[name] = FinishedMorsel(header)

    def held(self, names: Collection[str]) -> list[tuple[str, str]]:
        return [(name, self._cookies[name].value) for name in names if name in self._cookies]

    def sent(self, names: Collection[str]) -> Collection[str]:
        return self._cookies.keys()


class _WerkzeugStore:
    """Flask's: each cookie has a key of domain, path and name."""

    def __init__(self, client: Any, url: str, cookie: CookieOptions) -> None:
        self._client, self.url = client, url
        self._host = urlsplit(url).hostname or ""
        self._key = {"domain": cookie.domain or self._host, "path": cookie.path or "/"}
        self._origin_only = cookie.domain is None

    def forget(self, names: Collection[str]) -> None:
        for name in names:
            self._client.delete_cookie(name, **self._key)

    def receive(self, headers: Mapping[str, str]) -> None:
        for name, header in headers.items():
            value = FinishedMorsel(header).value
            # 0 is no limit: else it would warn about chunks, which browsers accept at their size.
            self._client.set_cookie(
                name, value, **self._key, origin_only=self._origin_only, max_size=0
            )

    def held(self, names: Collection[str]) -> list[tuple[str, str]]:
        found = [(name, self._client.get_cookie(name, **self._key)) for name in names]
        return [(name, cookie.value) for name, cookie in found if cookie is not None]

    def sent(self, names: Collection[str]) -> Collection[str]:
        domain = self._key["domain"]
        if f".{self._host}".endswith(f".{domain}"):
            return [name for name, _ in self.held(names)]
        return []


class _AiohttpStore:
    """A jar of aiohttp, and the application's URL in aiohttp's type."""

    def __init__(self, jar: Any, place: Any) -> None:
        self._jar, self._place = jar, place
        self.url = str(place)

    def forget(self, names: Collection[str]) -> None:
        self._jar.clear(lambda morsel: morsel.key in names)

    def receive(self, headers: Mapping[str, str]) -> None:
        morsels = {name: FinishedMorsel(header) for name, header in headers.items()}
        self._jar.update_cookies(morsels, self._place)

    def held(self, names: Collection[str]) -> list[tuple[str, str]]:
        return [(one.key, one.value) for one in self._jar if one.key in names]

    def sent(self, names: Collection[str]) -> Collection[str]:
        found: Collection[str] = self._jar.filter_cookies(self._place).keys()
        return found


def store_of(client: Any, url: str | None, cookie: CookieOptions) -> Store:
    """Return the store of a client's cookies.

    Raises:
        ConfigurationError: a client of another kind, or a bad URL.
    """
    _check_url(url)
    store = None if _is_response(client) else _find_store(client, url, cookie)
    if store is None:
        raise ConfigurationError(
            f"can't find the cookies of {type(client).__name__}: it must be a client of httpx or "
            "one built on it (Starlette, FastAPI, Litestar, Sanic for ASGI), of Flask, werkzeug, "
            "Quart, Django, aiohttp (TestClient), or a requests.Session. With any other, and with "
            'one that keeps none, send headers={"Cookie": cookie_header(options, data)}'
        )
    return store


def _find_store(client: Any, url: str | None, cookie: CookieOptions) -> Store | None:
    cookies = getattr(client, "cookies", None)
    if isinstance(cookies, BaseCookie):
        return _MorselStore(cookies, url or "http://testserver")
    for jar in (getattr(cookies, "jar", None), cookies):
        if isinstance(jar, CookieJar):
            base = url or str(getattr(client, "base_url", ""))
            return _StdlibStore(jar, base and urljoin(base, cookie.path), sends_all=False)
    if isinstance(jar := getattr(client, "cookie_jar", None), CookieJar):
        place = urljoin(url or _own_url(getattr(client, "app", None)), cookie.path)
        return _StdlibStore(jar, place, sends_all=True)
    if hasattr(client, "get_cookie") and hasattr(client, "set_cookie"):
        with suppress(TypeError):  # raised if it was told to keep no cookies
            client.get_cookie("")
            application = getattr(client, "application", None)
            return _WerkzeugStore(client, url or _own_url(application), cookie)
    if hasattr(client, "make_url") and hasattr(client, "session"):
        return _AiohttpStore(client.session.cookie_jar, _place_of(client, url, cookie))
    return None


def _own_url(application: object) -> str:
    """Return the URL that the test clients of Flask and Quart use."""
    config = getattr(application, "config", None)
    name = config.get("SERVER_NAME") if isinstance(config, Mapping) else None
    return f"http://{name or 'localhost'}"


def _place_of(client: Any, url: str | None, cookie: CookieOptions) -> Any:
    if not client.server.started:
        raise ConfigurationError(
            "the client has no address before its server runs: use it inside `async with "
            "TestClient(TestServer(app)) as client`"
        )
    place = client.make_url("/")
    return type(place)(urljoin(url or str(place), cookie.path))


def _check_url(url: object) -> None:
    if url is None:
        return
    with suppress(ValueError):  # raised for brackets that do not close
        parts = urlsplit(url) if isinstance(url, str) else None
        if parts and parts.scheme in {"http", "https"} and parts.hostname:
            return
    raise ConfigurationError('url must be the application\'s URL, as "http://127.0.0.1:8000"')


# --- responses ---------------------------------------------------------------------------------


def set_cookie_headers(source: Any) -> list[str] | None:
    """Return the values of a source's Set-Cookie headers; None if it is no response."""
    if isinstance(source, (list, tuple)):
        if not all(isinstance(each, str) for each in source):
            raise ConfigurationError("a list must hold the values of Set-Cookie headers, as str")
        return list(source)
    if not _is_response(source):
        return None
    responses = [*getattr(source, "history", ()), source]
    return [header for each in responses for header in _headers_of(each)]


def _is_response(source: object) -> bool:
    return hasattr(source, "status_code") or hasattr(source, "status")


# How the values of a header are read, by the method's name: in httpx; in Starlette, werkzeug and
# urllib3; in multidict and Litestar; in Python's own email.
_READERS: Final[dict[str, Callable[[Any], list[str]]]] = {
    "get_list": lambda read: read("Set-Cookie"),
    "getlist": lambda read: read("Set-Cookie"),
    "getall": lambda read: read("Set-Cookie", []),
    "get_all": lambda read: read("Set-Cookie", []),
}


def _headers_of(response: Any) -> list[str]:
    raw = getattr(response, "raw", None)  # requests' own headers have the cookies joined into one
    cookies = getattr(response, "cookies", None)
    listed = _list_header(getattr(raw, "headers", None))
    if listed is None:
        listed = _list_header(getattr(response, "headers", None))
    if not listed and isinstance(cookies, BaseCookie):
        return [one.OutputString() for one in cookies.values()]  # Django; aiohttp before sending
    if listed is None:
        raise ConfigurationError(
            f"can't find the headers of {type(response).__name__}: give a list of the values of "
            "its Set-Cookie headers"
        )
    return listed


def _list_header(headers: object) -> list[str] | None:
    for name, read in _READERS.items():
        if hasattr(type(headers), name):  # not the instance: an attribute of Sanic's is a header
            return [str(value) for value in read(getattr(headers, name))]
    return None
