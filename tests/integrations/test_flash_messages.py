"""Flask's and Quart's own flash messages, and the session's, are the same ones."""

import asyncio

import flask
import quart

from iron_session.integrations import flask as flask_integration
from iron_session.integrations import quart as quart_integration
from tests.sessions.browser import make_options

OPTIONS = make_options(cookie_options={"secure": False})
BOTH = [["success", "ours"], ["message", "the framework's"]]


def test_flask_shows_what_the_session_has_flashed_and_the_session_what_flask_has() -> None:
    app = flask.Flask(__name__)
    app.session_interface = flask_integration.IronSessionInterface(OPTIONS)

    @app.get("/leave")
    def leave() -> str:
        flask_integration.get_session().flash("ours", "success")
        flask.flash("the framework's")
        return ""

    @app.get("/flask")
    def show_by_flask() -> flask.Response:
        return flask.jsonify(flask.get_flashed_messages(with_categories=True))

    @app.get("/session")
    def show_by_session() -> flask.Response:
        flashes = flask_integration.get_session().pop_flashes()
        return flask.jsonify([[category, message] for message, category in flashes])

    client = app.test_client()
    for path in ("/flask", "/session"):
        client.get("/leave")
        assert client.get(path).get_json() == BOTH
        assert client.get(path).get_json() == []


def test_quart_shows_what_the_session_has_flashed_and_the_session_what_quart_has() -> None:
    app = quart.Quart(__name__)
    app.session_interface = quart_integration.IronSessionInterface(OPTIONS)

    @app.get("/leave")
    async def leave() -> str:
        quart_integration.get_session().flash("ours", "success")
        await quart.flash("the framework's")
        return ""

    @app.get("/quart")
    async def show_by_quart() -> quart.Response:
        return quart.jsonify(quart.get_flashed_messages(with_categories=True))

    @app.get("/session")
    async def show_by_session() -> quart.Response:
        flashes = quart_integration.get_session().pop_flashes()
        return quart.jsonify([[category, message] for message, category in flashes])

    async def visit() -> None:
        client = app.test_client()
        for path in ("/quart", "/session"):
            await client.get("/leave")
            assert await (await client.get(path)).get_json() == BOTH
            assert await (await client.get(path)).get_json() == []

    asyncio.run(visit())
