"""Sealed, stateless sessions in a cookie that Python and JavaScript's iron-session both read.

PYTEST_DONT_REWRITE: pytest rewrites the assertions of packages that have plugins, and warns if one
is imported already. There are none here.
"""

from iron_session.errors import (
    ConfigurationError,
    CookieTooLargeError,
    HeadersAlreadySentError,
    IronSessionError,
    NotSerializableError,
    SessionDestroyedError,
    SessionUnavailableError,
    UnsealError,
    UnsealReason,
)
from iron_session.seals import Passwords, generate_password, seal_data, unseal_data
from iron_session.sessions import (
    CookieJar,
    CookieOptions,
    Flash,
    HeaderJar,
    Session,
    SessionOptions,
    Unsealed,
    UnsealFailure,
    get_iron_session,
)

__all__ = [
    "ConfigurationError",
    "CookieJar",
    "CookieOptions",
    "CookieTooLargeError",
    "Flash",
    "HeaderJar",
    "HeadersAlreadySentError",
    "IronSessionError",
    "NotSerializableError",
    "Passwords",
    "Session",
    "SessionDestroyedError",
    "SessionOptions",
    "SessionUnavailableError",
    "UnsealError",
    "UnsealFailure",
    "UnsealReason",
    "Unsealed",
    "generate_password",
    "get_iron_session",
    "seal_data",
    "unseal_data",
]
