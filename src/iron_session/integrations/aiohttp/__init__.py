"""aiohttp: `get_session(request)`, or a session by hand.

setup(app, options)                                             # then: get_session(request)

@with_iron_session(options)                                     # one handler; then the same
async def handler(request): ...

session = get_iron_session(request, response, options)          # then: session.save()
"""

from iron_session.integrations.aiohttp.middleware import (
    get_iron_session,
    get_session,
    setup,
)
from iron_session.integrations.aiohttp.wrapper import with_iron_session

__all__ = [
    "get_iron_session",
    "get_session",
    "setup",
    "with_iron_session",
]
