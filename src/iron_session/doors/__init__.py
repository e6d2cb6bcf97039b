"""What integrations share: a request's session in, a response's headers out. Imports no framework.

The names below are the supported tool-kit for integrations of your own, see "Write your own
integration".
"""

from iron_session.doors.group import SessionGroup
from iron_session.doors.headers import (
    ListedHeaders,
    MultiDictHeaders,
    RawHeaders,
    ResponseHeaders,
)
from iron_session.doors.requests import (
    REGISTRY,
    begin_session,
    check_apart,
    check_not_served,
    find_session,
    join_cookie_headers,
    raw_cookie_header,
)
from iron_session.doors.responses import (
    ResponseJar,
    commit_early,
    header_jar,
    report_late_changes,
    write_session,
)

__all__ = [
    "REGISTRY",
    "ListedHeaders",
    "MultiDictHeaders",
    "RawHeaders",
    "ResponseHeaders",
    "ResponseJar",
    "SessionGroup",
    "begin_session",
    "check_apart",
    "check_not_served",
    "commit_early",
    "find_session",
    "header_jar",
    "join_cookie_headers",
    "raw_cookie_header",
    "report_late_changes",
    "write_session",
]
