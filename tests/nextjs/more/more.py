"""The page's application, and routes by which the tests look at what reaches it."""

from typing import Any

from fastapi import Request
from main import CurrentSession, app  # type: ignore[import-not-found]  # the page's


def headers(request: Request) -> dict[str, str]:
    return dict(request.headers)


def everything(session: CurrentSession) -> dict[str, Any]:
    return dict(session)


app.add_api_route("/py/headers", headers)
app.add_api_route("/py/all", everything)
