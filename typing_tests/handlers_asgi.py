"""What type checkers know of decorated handlers. Never run: `make check` reads it."""

from collections.abc import Awaitable, Callable
from typing import assert_type

import litestar
from fastapi import Request
from litestar.handlers import HTTPRouteHandler
from starlette.responses import Response

from iron_session import Passwords, SessionOptions
from iron_session.integrations import asgi, fastapi, starlette
from iron_session.integrations.litestar import with_iron_session

options = SessionOptions(password=Passwords.from_env("SESSION_PASSWORD"), cookie_name="myapp")


@asgi.with_iron_session(options)
async def application(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None: ...


@starlette.with_iron_session(options)
async def endpoint(request: Request) -> Response:
    return Response()


@fastapi.with_iron_session(options, key="admin")
def operation(request: Request, number: int = 1) -> list[int]:
    return [number]


@with_iron_session(options)
@litestar.get("/")
async def handler() -> None: ...


served: asgi.ASGIApp = application
route: HTTPRouteHandler = handler


async def each_has_the_type_that_it_had(request: Request) -> None:
    answer: Callable[[Request], Awaitable[Response]] = endpoint
    assert_type(await answer(request), Response)
    assert_type(operation(request, number=5), list[int])
    operation(request, number="x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
