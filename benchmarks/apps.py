"""The Starlette apps that are asked, and what each is asked for: a visitor with a session."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from benchmarks.competitors import session, starlette_session
from benchmarks.sample import DATA, PASSWORD
from iron_session.integrations.starlette import IronSessionMiddleware

BARE = "no session"
UNTOUCHED = "iron-session, untouched"
BODY = b"12 visits"

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Case:
    """An app, and the headers of a request to it."""

    app: Starlette
    headers: Headers


async def untouched(request: Request) -> Response:
    return PlainTextResponse(BODY)


async def read(request: Request) -> Response:
    return PlainTextResponse(f"{request.session['visits']} visits")


async def modified(request: Request) -> Response:
    request.session["visits"] = 13
    return PlainTextResponse(BODY)


PAGES = (untouched, read, modified)


def cases() -> dict[str, Case]:
    ours = Middleware(IronSessionMiddleware, options=session.OPTIONS)
    starlettes = Middleware(SessionMiddleware, secret_key=PASSWORD, https_only=True)
    our_headers = _headers(session.seal(DATA))
    starlettes_headers = _headers(f"session={starlette_session.seal(DATA)}")
    return {
        BARE: Case(_app(untouched), our_headers),
        **{f"iron-session, {page.__name__}": Case(_app(page, ours), our_headers) for page in PAGES},
        **{
            f"Starlette's own, {page.__name__}": Case(_app(page, starlettes), starlettes_headers)
            for page in PAGES
        },
    }


def _app(page: Callable[[Request], Awaitable[Response]], *middleware: Middleware) -> Starlette:
    return Starlette(routes=[Route("/", page)], middleware=middleware)


def _headers(cookie: str) -> Headers:
    return [
        (b"host", b"example.com"),
        (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        (b"accept-language", b"en-GB,en;q=0.5"),
        (b"accept-encoding", b"gzip, deflate, br, zstd"),
        (b"cookie", cookie.encode("ascii")),
    ]
