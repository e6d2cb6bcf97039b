"""A site in Starlette: uvicorn tests.revocation.live.asgi_site:app --workers 4."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from iron_session.integrations.starlette import IronSessionMiddleware, get_session
from tests.revocation.live.site import answer, count, options, revocations


async def who(request: Request) -> Response:
    return JSONResponse(answer(get_session(request)))


async def visit(request: Request) -> Response:
    session = get_session(request)
    count(session)
    return JSONResponse(answer(session))


async def login(request: Request) -> Response:
    session = get_session(request)
    session.login(request.query_params["user"])
    session.save()  # now, since only a saved session has an id
    return JSONResponse(answer(session))


async def logout(request: Request) -> Response:
    session = get_session(request)
    session.destroy()
    return JSONResponse(answer(session))


async def end_user(request: Request) -> Response:
    await revocations.aend_user(request.query_params["user"])
    return JSONResponse(answer(get_session(request)))


async def end_session(request: Request) -> Response:
    await revocations.aend_session(request.query_params["id"])
    return JSONResponse(answer(get_session(request)))


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    await revocations.await_until_ready()
    yield


app = Starlette(
    routes=[
        Route("/", who),
        *(Route(f"/{each.__name__}", each) for each in (who, visit, login, logout)),
        *(Route(f"/{each.__name__}", each) for each in (end_user, end_session)),
    ],
    middleware=[Middleware(IronSessionMiddleware, options=options)],
    lifespan=lifespan,
)
