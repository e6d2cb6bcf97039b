"""The same site in Quart, for the servers of ASGI."""

import os
from collections.abc import AsyncIterator
from typing import Any

from quart import Quart, Response, redirect, request, session, stream_with_context
from werkzeug.wrappers import Response as AnyResponse

from iron_session.integrations.quart import IronSessionInterface
from tests.sessions.browser import make_options

app = Quart(__name__)
app.session_interface = IronSessionInterface(
    make_options(chunk=True, cookie_options={"secure": False})
)


@app.get("/")
async def home() -> dict[str, Any]:
    """Tell who is seen, and by which process."""
    return {
        "user": session.get("user"),
        "size": len(session.get("large", "")),
        "pid": os.getpid(),
    }


@app.post("/log-in")
async def log_in() -> AnyResponse:
    """Log a visitor in; `large` is as many characters as the session is told to hold."""
    form = await request.form
    session["user"] = form["user"]
    session["large"] = "x" * int(form.get("large", 0))
    return redirect("/", 303)


@app.get("/stream")
async def stream() -> Response:
    """Answer in parts, each of which reads the session."""
    session["streamed"] = True

    @stream_with_context
    async def parts() -> AsyncIterator[bytes]:
        yield b"hello "
        yield str(session["user"]).encode()

    return Response(parts())


@app.post("/log-out")
async def log_out() -> str:
    """Log the visitor out.

    The body is read first: hypercorn 0.18 closes the connection of HTTP/2 where one is left.
    """
    await request.get_data()
    session.clear()
    return "bye"
