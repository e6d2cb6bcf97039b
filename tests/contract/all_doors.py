"""Every door that keeps the contract, and the one table of what a door can't have."""

import pytest

from tests.contract.door import Door
from tests.contract.doors import asgi, fastapi, starlette

DOORS: list[Door] = [*asgi.DOORS, *starlette.DOORS, *fastapi.DOORS]

CANNOT: dict[str, dict[str, str]] = {
    "async": {},
    "sync": {"asgi": "an ASGI application is a coroutine function"},
    "websocket": {},
    "explicit": {
        "asgi": "it has no response to write to: `get_iron_session(HeaderJar(…), options)` is its "
        "explicit form, tested in tests/integrations/test_asgi.py"
    },
}
"""By manner of handling a request, and then by the door's name: why it has no such thing."""


def doors_with(manner: str) -> pytest.MarkDecorator:
    """Run a test for those doors only that handle requests in this manner."""
    able = [door for door in DOORS if door.name not in CANNOT[manner]]
    return pytest.mark.parametrize("door", able, ids=[door.name for door in able])
