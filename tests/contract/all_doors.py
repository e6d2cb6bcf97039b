"""All integrations that keep the contract, and the table of what some of them can't do."""

import pytest

from tests.contract.door import Door
from tests.contract.integrations import (
    aiohttp,
    asgi,
    blacksheep,
    bottle,
    channels,
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
    *blacksheep.DOORS,
    *bottle.DOORS,
    *channels.DOORS,
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

AIOHTTP = ["aiohttp", "aiohttp wrapped", "aiohttp_session"]
NO_COROUTINES = "WSGI calls plain functions"
NO_WEBSOCKETS = "WSGI has no WebSockets"
NONE_IN_WSGI = dict.fromkeys(
    ["bottle", "falcon", "flask", "flask wrapped", "pyramid", "wsgi", "wsgi wrapped"], NO_WEBSOCKETS
)
SANIC = ["sanic", "sanic asgi", "sanic wrapped", "sanic asgi wrapped"]
NOT_IN_SANIC = dict.fromkeys(
    SANIC,
    "it answers the handshake of a WebSocket before the handler runs, with headers of its own",
)
DJANGO = ["django wsgi", "django asgi", "django wsgi wrapped", "django asgi wrapped"]
NONE_IN_DJANGO = dict.fromkeys(DJANGO, "Django has no WebSockets")
NOT_IN_ITS_VIEW = (
    "its session is one of aiohttp_session's own kind; ours, with all that it has, is "
    "`iron_session.integrations.aiohttp.get_session(request)`"
)
BY_HAND = "the page has no room for it: it takes `session_by_hand`, as in Bottle's code there"

NO_WAIT = "it sends headers from plain functions in its event loop, which must not wait"
NOBODY = "the application answers it: nothing of ours is around the handler"

NO_HANDLERS = "what a handler raises is seen by middlewares alone, which stand where they like"

WRAPPED = ["asgi wrapped", "starlette wrapped", "fastapi wrapped", "litestar wrapped"]
BESIDE = "it is the form of the door that is installed, and needs neither"

CANNOT: dict[str, dict[str, str]] = {
    "async": {
        **dict.fromkeys(
            ["django wsgi", "django wsgi wrapped"],
            "each coroutine has an event loop of its own, so that none can wait for "
            "another; one alone is tested in tests/integrations/test_django.py",
        ),
        **dict.fromkeys(["bottle", "falcon", "pyramid", "wsgi", "wsgi wrapped"], NO_COROUTINES),
    },
    "sync": {
        **dict.fromkeys(AIOHTTP, "its handlers are coroutine functions"),
        **dict.fromkeys(["asgi", "asgi wrapped"], "an ASGI application is a coroutine function"),
        "blacksheep": "it runs plain functions in its event loop, where one that waits lets no "
        "other come",
        "channels": "it runs synchronous consumers one after the other; one alone is tested in "
        "tests/integrations/test_channels.py",
        "falcon asgi": "its responders are coroutine functions",
        "tornado": "it runs plain functions one after the other; one alone is tested in "
        "tests/integrations/test_written_integrations.py",
        **dict.fromkeys(
            SANIC,
            "it runs plain functions in its event loop, where one that waits lets no other come; "
            "one alone is tested in tests/integrations/test_sanic.py",
        ),
    },
    "websocket": {**NONE_IN_DJANGO, **NONE_IN_WSGI},
    "accept": {**NONE_IN_DJANGO, **NONE_IN_WSGI, **NOT_IN_SANIC},
    "close": {
        **NONE_IN_DJANGO,
        **dict.fromkeys(
            AIOHTTP,
            "a WebSocketResponse can be closed only once its handshake has gone",
        ),
        **NONE_IN_WSGI,
        "tornado": "it refuses a WebSocket by a response",
        **NOT_IN_SANIC,
    },
    "deny": {
        **NONE_IN_DJANGO,
        **NONE_IN_WSGI,
        **dict.fromkeys(["blacksheep", "falcon asgi"], "it refuses a WebSocket only by closing it"),
        **dict.fromkeys(
            ["sanic asgi", "sanic asgi wrapped"],
            "it answers as to a request of HTTP, which ASGI servers do not take",
        ),
    },
    "control characters": dict.fromkeys(
        [*AIOHTTP, "tornado"],
        "its parser answers them with 400, before the application is called",
    ),
    "handled": {
        **dict.fromkeys(
            ["bottle", "tornado"],
            "it has no handlers for exceptions, only pages for a status: what else is raised is an "
            "accident",
        ),
        **dict.fromkeys(
            ["django wsgi wrapped", "django asgi wrapped"],
            "Django lets middlewares answer what a view raises, and gives no decorator that "
            "answer; the change is logged as lost, see tests/integrations/test_django_wrapped.py",
        ),
    },
    "features": {"aiohttp_session": NOT_IN_ITS_VIEW},
    "flash": {
        "aiohttp_session": NOT_IN_ITS_VIEW,
        "pyramid": "its sessions have a `flash` of its own, with queues",
    },
    "explicit": {
        **dict.fromkeys(["falcon", "falcon asgi", "tornado"], BY_HAND),
        **dict.fromkeys(WRAPPED, BESIDE),
    },
    "503 by hand": {
        **dict.fromkeys(["falcon", "falcon asgi", "tornado"], BY_HAND),
        **dict.fromkeys(WRAPPED, BESIDE),
        **dict.fromkeys(["asgi", "wsgi", "wsgi wrapped", "channels"], NOBODY),
        **dict.fromkeys(["blacksheep", "bottle", "pyramid"], NOBODY),
        **dict.fromkeys(DJANGO, NOBODY),
    },
    "wait": {"tornado": NO_WAIT},
    "wait to accept": {**NONE_IN_DJANGO, **NONE_IN_WSGI, **NOT_IN_SANIC, "tornado": NO_WAIT},
    "answers 503 itself": {
        **dict.fromkeys(
            ["django wsgi", "django asgi"],
            "handlers are methods of middlewares there, see tests/integrations/test_django.py",
        ),
        **dict.fromkeys(
            ["django wsgi wrapped", "django asgi wrapped"],
            "Django gives no decorator that a middleware's handler answers",
        ),
    },
    "503 of an ending": dict.fromkeys(
        ["blacksheep", "bottle", "falcon", "falcon asgi", "tornado"],
        "it answers what its handlers raise itself, before anything around it can: with 500, or by "
        "the application's own handler",
    ),
    "answers an ending itself": {
        **dict.fromkeys(
            [*DJANGO, "asgi", "asgi wrapped", "wsgi", "wsgi wrapped", "channels"], NO_HANDLERS
        ),
        **dict.fromkeys(AIOHTTP, NO_HANDLERS),
    },
    "explained misuse": dict.fromkeys(
        ["blacksheep", "bottle", "falcon", "falcon asgi", "pyramid", "tornado"],
        "its code is the page's, which leaves errors as they are",
    ),
    "four chunks": dict.fromkeys(
        SANIC,
        "its server takes 16 kB of headers at most, and other headers need their part of it",
    ),
}
"""Why an integration can't do a thing: by the manner of the request, then by the door's name.

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
    503 by hand  … and a `SessionUnavailableError` that it raises is answered with 503
    wait       the response to a logout waits for the store of endings
    wait to accept  … and so does the answer to a WebSocket's handshake
    answers 503 itself  the application's own handler answers that error instead
    503 of an ending  a `SessionUnavailableError` that a handler raises is answered with 503
    answers an ending itself  … or by the application's own handler
    explained misuse  the error of a session that was used as a dict says what to write
    four chunks  … which is what a session may have elsewhere

    control characters  its server lets them into a header, though HTTP forbids them
"""


def doors_with(manner: str, fixture: str = "door") -> pytest.MarkDecorator:
    """Run a test only for the doors that can handle requests in this manner."""
    able = [door for door in DOORS if door.name not in CANNOT[manner]]
    ids = [door.name for door in able]
    return pytest.mark.parametrize(fixture, able, ids=ids, indirect=fixture != "door")
