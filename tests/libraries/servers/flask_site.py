"""A site in Flask, for the servers of WSGI."""

import os
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, redirect, request, session, stream_with_context
from werkzeug.wrappers import Response as AnyResponse

from iron_session.integrations.flask import IronSessionInterface
from tests.sessions.browser import make_options

app = Flask(__name__)
# Over plain HTTP, which is what servers behind a proxy speak.
app.session_interface = IronSessionInterface(
    make_options(chunk=True, cookie_options={"secure": False})
)


@app.get("/")
def home() -> dict[str, Any]:
    """Tell who is seen, and by which process."""
    return {
        "user": session.get("user"),
        "size": len(session.get("large", "")),
        "pid": os.getpid(),
    }


@app.post("/log-in")
def log_in() -> AnyResponse:
    """Log a visitor in; `large` is as many characters as the session is told to hold."""
    session["user"] = request.form["user"]
    session["large"] = "x" * int(request.form.get("large", 0))
    return redirect("/", 303)


@app.get("/stream")
def stream() -> Response:
    """Answer in parts, each of which reads the session."""
    session["streamed"] = True

    def parts() -> Iterator[str]:
        yield "hello "
        yield str(session["user"])

    return Response(stream_with_context(parts()))


@app.post("/log-out")
def log_out() -> str:
    """Log the visitor out."""
    session.clear()
    return "bye"
