"""Every door that keeps the contract, and the one table of what a door can't have."""

import pytest

from tests.contract.door import Door
from tests.contract.doors import (
    aiohttp,
    asgi,
    bottle,
    django,
    falcon,
    fastapi,
    flask,
    litestar,
    pyramid,
    quart,
    sanic,
    starlette,
    tornado,
    wsgi,
)

DOORS: list[Door] = [
    *aiohttp.DOORS,
    *asgi.DOORS,
    *bottle.DOORS,
    *django.DOORS,
    *falcon.DOORS,
    *wsgi.DOORS,
    *starlette.DOORS,
    *fastapi.DOORS,
    *flask.DOORS,
    *litestar.DOORS,
    *pyramid.DOORS,
    *quart.DOORS,
    *sanic.DOORS,
    *tornado.DOORS,
]

NO_COROUTINES = "WSGI calls plain functions"
NO_WEBSOCKETS = "WSGI has no WebSockets"
NONE_IN_WSGI = dict.fromkeys(["bottle", "falcon", "flask", "pyramid", "wsgi"], NO_WEBSOCKETS)
NOT_IN_SANIC = dict.fromkeys(
    ["sanic", "sanic asgi"],
    "it answers the handshake of a WebSocket before the handler runs, with headers of its own",
)
NONE_IN_DJANGO = dict.fromkeys(["django wsgi", "django asgi"], "Django has no WebSockets")
NOT_IN_ITS_VIEW = (
    "its session is one of aiohttp_session's own kind; ours, with all that it has, is "
    "`iron_session.integrations.aiohttp.get_session(request)`"
)
BY_HAND = (
    "its fifty lines have no room for it: `get_iron_session(ResponseJar(…), options)`, as the page "
    '"Write your own integration" shows it for Bottle'
)

CANNOT: dict[str, dict[str, str]] = {
    "async": {
        "django wsgi": "each coroutine has an event loop of its own, so that none can wait for "
        "another; one alone is tested in tests/integrations/test_django.py",
        **dict.fromkeys(["bottle", "falcon", "pyramid", "wsgi"], NO_COROUTINES),
    },
    "sync": {
        **dict.fromkeys(["aiohttp", "aiohttp_session"], "its handlers are coroutine functions"),
        "asgi": "an ASGI application is a coroutine function",
        "falcon asgi": "its responders are coroutine functions",
        "tornado": "it runs plain functions one after the other; one alone is tested in "
        "tests/integrations/test_written_integrations.py",
        **dict.fromkeys(
            ["sanic", "sanic asgi"],
            "it runs plain functions in its event loop, where one that waits lets no other come; "
            "one alone is tested in tests/integrations/test_sanic.py",
        ),
    },
    "websocket": {**NONE_IN_DJANGO, **NONE_IN_WSGI},
    "accept": {**NONE_IN_DJANGO, **NONE_IN_WSGI, **NOT_IN_SANIC},
    "close": {
        **NONE_IN_DJANGO,
        **dict.fromkeys(
            ["aiohttp", "aiohttp_session"],
            "a WebSocketResponse can be closed only once its handshake has gone",
        ),
        **NONE_IN_WSGI,
        "tornado": "it refuses a WebSocket by a response",
        **NOT_IN_SANIC,
    },
    "deny": {
        **NONE_IN_DJANGO,
        **NONE_IN_WSGI,
        "falcon asgi": "it refuses a WebSocket only by closing it",
        "sanic asgi": "it answers as to a request of HTTP, which ASGI servers do not take",
    },
    "control characters": dict.fromkeys(
        ["aiohttp", "aiohttp_session", "tornado"],
        "its parser answers them with 400, before the application is called",
    ),
    "handled": dict.fromkeys(
        ["bottle", "tornado"],
        "it has no handlers for exceptions, only pages for a status: what else is raised is an "
        "accident",
    ),
    "features": {"aiohttp_session": NOT_IN_ITS_VIEW},
    "flash": {
        "aiohttp_session": NOT_IN_ITS_VIEW,
        "pyramid": "its sessions have a `flash` of its own, with queues",
    },
    "explicit": dict.fromkeys(["falcon", "falcon asgi", "tornado"], BY_HAND),
}
"""By manner of handling a request, and then by the door's name: why it has no such thing.

    async      a coroutine answers
    sync       a plain function answers
    websocket  a WebSocket reads the session
    accept     … and the handler runs before the handshake is answered, so it can write
    close      … and may close instead, and then the server answers
    deny       … or may refuse with a response
    handled    the application's own error handler answers its own exception
    features   the session has `data` and `ttl`
    flash      … and `flash` and `pop_flashes`
    explicit   `get_iron_session(request, response, options)`

    control characters  its server lets them into a header, though HTTP forbids them
"""


def doors_with(manner: str, fixture: str = "door") -> pytest.MarkDecorator:
    """Run a test for those doors only that handle requests in this manner."""
    able = [door for door in DOORS if door.name not in CANNOT[manner]]
    ids = [door.name for door in able]
    return pytest.mark.parametrize(fixture, able, ids=ids, indirect=fixture != "door")
