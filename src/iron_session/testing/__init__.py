"""For an application's tests: log a client in, read what a response did, stop the clock.

options = make_options()                                    # or the application's own
log_in(client, options, {"user": 1})                        # any framework's test client
assert read_session(client.get("/"), options) == {"user": 1, "visits": 1}
with frozen_clock() as clock:
    clock.tick(timedelta(days=15))                          # no test waits for a session to end

It needs no framework and no test runner.
"""

from iron_session.testing.clock import FrozenClock, frozen_clock
from iron_session.testing.sessions import (
    ReadSession,
    cookie_header,
    for_tests,
    log_in,
    make_options,
    read_session,
    session_cookie,
)

__all__ = [
    "FrozenClock",
    "ReadSession",
    "cookie_header",
    "for_tests",
    "frozen_clock",
    "log_in",
    "make_options",
    "read_session",
    "session_cookie",
]
