"""Errors: one root, whose fault it was, and what can be read from them."""

import copy
import pickle
from collections.abc import Callable
from typing import get_args

import pytest

import iron_session
from iron_session import (
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
from iron_session.csrf import CsrfError, CsrfReason

EVERY_ERROR = [
    IronSessionError("message"),
    ConfigurationError("message"),
    CookieTooLargeError("message"),
    HeadersAlreadySentError("message"),
    SessionDestroyedError("message"),
    SessionUnavailableError("message"),
    NotSerializableError('data["a"]', "is a set"),
    UnsealError("message"),
    UnsealError("message", reason="expired", password_id="7"),
    UnsealError("message", reason="purpose"),
    CsrfError("message", reason="token-wrong"),
]


@pytest.mark.parametrize("error", EVERY_ERROR)
def test_every_error_has_the_one_root(error: Exception) -> None:
    assert isinstance(error, IronSessionError)
    assert isinstance(error, Exception)


def test_no_error_is_left_out_above() -> None:
    public = {getattr(iron_session, name) for name in dir(iron_session) if name.endswith("Error")}
    assert {type(error) for error in EVERY_ERROR} == public | {CsrfError}


@pytest.mark.parametrize(
    ("error", "builtin"), [(ConfigurationError, ValueError), (NotSerializableError, TypeError)]
)
def test_an_error_is_also_pythons_own_of_its_kind(
    error: type[Exception], builtin: type[Exception]
) -> None:
    """As `json.dumps` raises a TypeError, so does data that it can't write."""
    assert issubclass(error, builtin)


def test_the_texts_fault_is_not_the_programmers() -> None:
    assert not issubclass(UnsealError, (ConfigurationError, ValueError, TypeError))


def test_the_reasons_are_these() -> None:
    """The last four are of sessions alone."""
    of_seals = ("expired", "unknown-password", "invalid", "purpose")
    of_sessions = ("schema", "ended", "refused", "unavailable")
    assert get_args(UnsealReason) == of_seals + of_sessions


@pytest.mark.parametrize("reason", get_args(UnsealReason))
def test_a_reason_is_data(reason: UnsealReason) -> None:
    error = UnsealError("message", reason=reason, password_id="7")
    assert (str(error), error.reason, error.password_id) == ("message", reason, "7")


def test_an_unseal_error_is_of_an_invalid_text_unless_it_says_more() -> None:
    error = UnsealError("message")
    assert (error.reason, error.password_id) == ("invalid", None)


def test_the_reasons_of_a_refused_request_are_four() -> None:
    assert get_args(CsrfReason) == ("cross-site", "origin", "token-missing", "token-wrong")


def test_what_can_not_be_written_is_named_by_its_path() -> None:
    error = NotSerializableError('data["a"]', "is a set")
    assert str(error) == 'data["a"] is a set'
    assert error.path == 'data["a"]'


def pickled(error: Exception) -> Exception:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert isinstance(again, Exception)
    return again


@pytest.mark.parametrize("through", [pickled, copy.copy, copy.deepcopy])
@pytest.mark.parametrize("error", EVERY_ERROR)
def test_an_error_survives_being_copied(
    error: Exception, through: Callable[[Exception], Exception]
) -> None:
    """From a worker process it arrives as it was."""
    again = through(error)
    assert type(again) is type(error)
    assert again is not error
    assert str(again) == str(error)
    assert vars(again) == vars(error)
