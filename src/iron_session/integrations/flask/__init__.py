"""Flask: `flask.session`, or a session by hand.

app.session_interface = IronSessionInterface(options)           # then: flask.session

@app.get("/")
@with_iron_session(options)                                     # one view; then the same
def view(): ...

session = get_iron_session(request, response, options)          # then: session.save()
"""

from iron_session.integrations.flask.session import (
    FlaskSession,
    IronSessionInterface,
    get_iron_session,
    get_session,
)
from iron_session.integrations.flask.wrapper import with_iron_session

__all__ = [
    "FlaskSession",
    "IronSessionInterface",
    "get_iron_session",
    "get_session",
    "with_iron_session",
]
