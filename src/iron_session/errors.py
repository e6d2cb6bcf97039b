"""Every error of this package: one root, split by whose fault it was.

`ConfigurationError`, `NotSerializableError`, `CookieTooLargeError`, `HeadersAlreadySentError` and
`SessionDestroyedError` are the programmer's fault; `UnsealError` is the text's, `CsrfError` the
request's, and `SessionUnavailableError` that of a store that can't be reached. No message holds a
password, a payload, a token or a whole seal.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = [
    "ConfigurationError",
    "CookieTooLargeError",
    "CsrfError",
    "CsrfReason",
    "HeadersAlreadySentError",
    "IronSessionError",
    "NotSerializableError",
    "SessionDestroyedError",
    "SessionUnavailableError",
    "UnsealError",
    "UnsealReason",
    "stems_from",
]

UnsealReason: TypeAlias = Literal[
    "expired",
    "unknown-password",
    "invalid",
    "purpose",
    "schema",
    "ended",
    "refused",
    "unavailable",
]
"""Why a seal could not be opened.

`"expired"` and `"unknown-password"` are read from text that nobody has authenticated: use them in
a log, never for a decision. The others but `"invalid"` come up only once the seal has proven
authentic. The last four are for sessions only: `"ended"` by `revocations`, `"refused"` by `accept`,
`"unavailable"` if one of the two could not tell.
"""


CsrfReason: TypeAlias = Literal["cross-site", "origin", "token-missing", "token-wrong"]
"""Why a request was refused.

`"cross-site"`: the browser says so. `"origin"`: the request names another origin, or none. The
other two: it has no token, or one that is not the session's.
"""


class IronSessionError(Exception):
    """The root of every error that this package raises."""


class ConfigurationError(IronSessionError, ValueError):
    """Options, passwords or arguments that can't work; the message says what to change."""


class NotSerializableError(IronSessionError, TypeError):
    """Data that JSON can't carry, or that is not what a session's schema declares.

    Attributes:
        path: where the value is, as `session["cart"][0]["when"]`.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path} {problem}")
        self.path = path
        self._problem = problem

    def __reduce__(self) -> tuple[type[NotSerializableError], tuple[str, str]]:
        return type(self), (self.path, self._problem)


class UnsealError(IronSessionError):
    """A text that is not a seal, or not one that these passwords open.

    Attributes:
        reason: see `UnsealReason`.
        password_id: the id in the text, if it has the form of an id, else None; not authenticated.
    """

    def __init__(
        self, message: str, *, reason: UnsealReason = "invalid", password_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.reason: UnsealReason = reason
        self.password_id = password_id

    def __reduce__(self) -> tuple[object, tuple[str, str, str | None]]:
        return _rebuild_unseal_error, (str(self), self.reason, self.password_id)


def _rebuild_unseal_error(
    message: str, reason: UnsealReason, password_id: str | None
) -> UnsealError:
    return UnsealError(message, reason=reason, password_id=password_id)


class CsrfError(IronSessionError):
    """A request that may have been forged by another site: answer it with 403.

    Attributes:
        reason: see `CsrfReason`.
    """

    def __init__(self, message: str, *, reason: CsrfReason) -> None:
        super().__init__(message)
        self.reason: CsrfReason = reason

    def __reduce__(self) -> tuple[object, tuple[str, CsrfReason]]:
        return _rebuild_csrf_error, (str(self), self.reason)


def _rebuild_csrf_error(message: str, reason: CsrfReason) -> CsrfError:
    return CsrfError(message, reason=reason)


class CookieTooLargeError(IronSessionError):
    """A session too large for the cookies that browsers accept; nothing of it was written."""


class HeadersAlreadySentError(IronSessionError):
    """A session saved or destroyed after the response's headers were sent."""


class SessionDestroyedError(IronSessionError):
    """Data written into a destroyed session and then saved."""


class SessionUnavailableError(IronSessionError):
    """A session written while it can't be told whether the visitor's own has ended: answer 503.

    The browser keeps its cookie, and a later request can use the session again.
    """


def stems_from(error: BaseException | None, failure: BaseException) -> bool:
    """Return whether an error is this failure, was caused by it, or is a group with such an error.

    Only causes that a traceback shows count.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if error is failure:
            return True
        if isinstance(error, BaseExceptionGroup):
            return any(stems_from(one, failure) for one in error.exceptions)
        seen.add(id(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False
