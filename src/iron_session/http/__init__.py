"""What integrations share: one request's sessions, one response's headers. Imports no framework.

The names below are the supported toolkit for your own integrations: see "Write your own
integration" in the documentation.
"""

from iron_session.http.headers import AnyHeaders, ListedHeaders, RawHeaders
from iron_session.http.heads import AnyHead, EnvironHead, ScopeHead
from iron_session.http.request import RequestSessions, check_apart, session_by_hand

__all__ = [
    "AnyHead",
    "AnyHeaders",
    "EnvironHead",
    "ListedHeaders",
    "RawHeaders",
    "RequestSessions",
    "ScopeHead",
    "check_apart",
    "session_by_hand",
]
