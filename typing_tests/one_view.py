"""A decorated view has the type that it had. Never run, as the file beside it."""

from collections.abc import Iterable
from typing import assert_type
from wsgiref.types import StartResponse, WSGIEnvironment

import flask
import quart

from iron_session import Passwords, SessionOptions
from iron_session.integrations import django, wsgi
from iron_session.integrations import flask as our_flask
from iron_session.integrations import quart as our_quart

options = SessionOptions(password=Passwords.from_env("SESSION_PASSWORD"), cookie_name="myapp")


@wsgi.with_iron_session(options)
def application(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    return []


class Site:
    @wsgi.with_iron_session(options, key="admin")
    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return application(environ, start_response)


@our_flask.with_iron_session(options)
def page(number: int) -> flask.Response:
    return flask.Response(str(number))


@our_quart.with_iron_session(options)
async def page_async(number: int) -> quart.Response:
    return quart.Response(str(number))


@django.with_iron_session(options)
def view(request: object, number: int) -> str:
    return str(number)


async def what_a_type_checker_knows(environ: WSGIEnvironment, start: StartResponse) -> None:
    assert_type(application(environ, start), list[bytes])
    assert_type(Site()(environ, start), Iterable[bytes])
    assert_type(page(1), flask.Response)
    assert_type(await page_async(1), quart.Response)
    assert_type(view(None, 1), str)
    # Each of these is wrong on purpose; should a checker take one, it finds the comment unused.
    page("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    view(None, "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
