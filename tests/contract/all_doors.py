"""Every door that keeps the contract, and the one table of what a door can't have."""

import pytest

from tests.contract.door import Door
from tests.contract.doors import asgi, fastapi, starlette, wsgi

DOORS: list[Door] = [*asgi.DOORS, *wsgi.DOORS, *starlette.DOORS, *fastapi.DOORS]

NO_COROUTINES = "WSGI calls plain functions"
NO_WEBSOCKETS = "WSGI has no WebSockets"

CANNOT: dict[str, dict[str, str]] = {
    "async": {"wsgi": NO_COROUTINES},
    "sync": {"asgi": "an ASGI application is a coroutine function"},
    "websocket": {"wsgi": NO_WEBSOCKETS},
    "accept": {"wsgi": NO_WEBSOCKETS},
    "close": {"wsgi": NO_WEBSOCKETS},
    "deny": {"wsgi": NO_WEBSOCKETS},
    "explicit": {
        "asgi": "it has no response to write to: `get_iron_session(HeaderJar(…), options)` is its "
        "explicit form, tested in tests/integrations/test_asgi.py"
    },
}
"""By manner of handling a request, and then by the door's name: why it has no such thing.

    async      a coroutine answers
    sync       a plain function answers
    websocket  a WebSocket reads the session
    accept     … and the handler runs before the handshake is answered, so it can write
    close      … and may close instead, and then the server answers
    deny       … or may refuse with a response
    explicit   `get_iron_session(request, response, options)`
"""


def doors_with(manner: str, fixture: str = "door") -> pytest.MarkDecorator:
    """Run a test for those doors only that handle requests in this manner."""
    able = [door for door in DOORS if door.name not in CANNOT[manner]]
    ids = [door.name for door in able]
    return pytest.mark.parametrize(fixture, able, ids=ids, indirect=fixture != "door")
