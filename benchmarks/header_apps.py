"""What the servers of `benchmarks.header_limits` serve: a short page, also with long cookies.

`/` sets none, `/9000` sets `Set-Cookie` fields of 9000 bytes. Each server imports the name that it
needs; only the standard library is imported for all, since uWSGI may have another Python.
"""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from aiohttp import web
    from sanic import HTTPResponse, Request, Sanic

LARGEST_COOKIE = 4096  # what browsers accept
BODY = b"visited"

NODE = """
const { createServer } = require("node:http");
createServer((request, response) => response.end("visited")).listen(PORT, "127.0.0.1");
"""


def cookies(path: str) -> list[str]:
    """Return the values of `Set-Cookie` for a path, which together are as long as it says."""
    length = int(path.strip("/") or 0)
    parts = [LARGEST_COOKIE] * (length // LARGEST_COOKIE) + [length % LARGEST_COOKIE]
    return [f"myapp.{index}=".ljust(part, "x") for index, part in enumerate(parts) if part]


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    fields = [(b"set-cookie", value.encode()) for value in cookies(scope["path"])]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": BODY})


def wsgi(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    fields = [("Set-Cookie", value) for value in cookies(environ["PATH_INFO"])]
    start_response("200 OK", [("Content-Length", str(len(BODY))), *fields])
    return [BODY]


def make_aiohttp(max_field_size: int | None) -> "web.Application":
    from aiohttp import web  # noqa: PLC0415 - see above

    async def visit(request: web.Request) -> web.Response:
        return web.Response(body=BODY)

    arguments = {} if max_field_size is None else {"max_field_size": max_field_size}
    app = web.Application(handler_args=arguments)
    app.router.add_get("/", visit)
    return app


def make_sanic(most: int | None) -> "Sanic[Any, Any]":
    from sanic import Sanic, raw  # noqa: PLC0415 - see above

    logging.getLogger("sanic.error").setLevel(logging.CRITICAL)
    app: Sanic[Any, Any] = Sanic("header-limits", configure_logging=False)
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = 1.0
    if most is not None:
        app.config.REQUEST_MAX_HEADER_SIZE = most

    @app.get("/")
    async def visit(request: "Request[Any, Any]") -> "HTTPResponse":
        return raw(BODY)

    return app
