"""Unreadable cookies: one record in the log, one call of the hook, and nothing secret in either."""

import dataclasses
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from iron_session import (
    CookieTooLargeError,
    HeaderJar,
    Session,
    Unsealed,
    UnsealError,
    UnsealFailure,
    UnsealReason,
    get_iron_session,
)
from iron_session.sessions.events import (
    report,
    report_lost,
    report_too_large,
    report_unsealed,
)
from tests.helpers.clock import Clock
from tests.sessions.browser import (
    FOREIGN,
    NAME,
    NOW,
    PASSWORD,
    TTL,
    Failures,
    make_options,
    seal_text,
    session_of,
)

SECRET_DATA = '{"user":"alice@secret.example"}'

REASONS: dict[UnsealReason, str] = {
    "expired": seal_text(SECRET_DATA, expires=NOW - 60_000),
    "unknown-password": seal_text(SECRET_DATA, password={7: FOREIGN}),
    "invalid": seal_text(SECRET_DATA, password=FOREIGN),
    "purpose": seal_text('{"user":"alice@secret.example","$iron":{"for":"magic-link"}}'),
}


def failure_of(error: UnsealError, cookie_name: str = "myapp") -> UnsealFailure:
    return UnsealFailure(
        reason=error.reason,
        cookie_name=cookie_name,
        password_id=error.password_id,
        error=error,
    )


@pytest.mark.parametrize("reason", REASONS)
def test_the_hook_is_told_once_what_happened(
    clock: Clock, failures: Failures, reason: UnsealReason
) -> None:
    session = session_of(f"{NAME}={REASONS[reason]}", on_unseal_error=failures)
    assert session == {}
    assert session.is_new
    assert len(session) == 0
    (failure,) = failures
    assert failure.reason == reason
    assert failure.cookie_name == NAME
    assert failure.password_id == ("7" if reason == "unknown-password" else "1")
    assert isinstance(failure.error, UnsealError)
    assert failure.error.reason == reason


def test_what_the_hook_is_told_is_frozen(clock: Clock, failures: Failures) -> None:
    session_of(f"{NAME}=junk", on_unseal_error=failures).get("user")
    with pytest.raises(dataclasses.FrozenInstanceError):
        failures[0].reason = "expired"  # type: ignore[misc]  # wrong on purpose
    assert not hasattr(failures[0], "__dict__")
    with pytest.raises(TypeError):
        UnsealFailure("expired", NAME, None, UnsealError(""))  # type: ignore[call-arg]  # wrong on purpose


@pytest.mark.parametrize("reason", REASONS)
def test_the_log_has_one_record_that_says_why(
    clock: Clock, caplog: pytest.LogCaptureFixture, reason: UnsealReason
) -> None:
    """At DEBUG where a session merely ended, at WARNING where something is wrong."""
    with caplog.at_level(logging.DEBUG, "iron_session"):
        session_of(f"{NAME}={REASONS[reason]}").get("user")
    (record,) = caplog.records
    assert record.name == "iron_session"
    assert record.levelno == (logging.DEBUG if reason == "expired" else logging.WARNING)
    id_ = "7" if reason == "unknown-password" else "1"
    size = len(REASONS[reason])
    age = float(TTL + 60) if reason == "expired" else 0.0
    start = (
        f"session cookie {NAME!r} could not be read "
        f"({reason}, password id {id_}, age {age} s, {size} characters): "
    )
    assert record.getMessage().startswith(start)
    told = {key: vars(record)[key] for key in ("reason", "cookie_name", "password_id", "size")}
    assert told == {"reason": reason, "cookie_name": NAME, "password_id": id_, "size": size}
    assert vars(record)["age"] == age


@pytest.mark.parametrize("reason", REASONS)
def test_nothing_secret_stands_in_the_log_or_the_failure(
    clock: Clock, failures: Failures, caplog: pytest.LogCaptureFixture, reason: UnsealReason
) -> None:
    """No password, no data, no part of a seal that would help anybody."""
    seal = REASONS[reason]
    with caplog.at_level(logging.DEBUG):
        session_of(f"{NAME}={seal}", on_unseal_error=failures).get("user")
    _, _, salt, iv, ciphertext, _, mac_salt, mac = seal.split("*")
    for text in (caplog.text, repr(failures[0]), str(failures[0].error), repr(failures[0].error)):
        for secret in (PASSWORD, FOREIGN, "alice", salt, iv, ciphertext, mac_salt, mac):
            assert secret not in text


@pytest.mark.parametrize("id_", ["1\nforged", "x" * 33, "\u0661", "a b", "<b>", ""])
def test_an_id_that_has_not_the_form_of_one_stays_out_of_the_log(
    clock: Clock, failures: Failures, caplog: pytest.LogCaptureFixture, id_: str
) -> None:
    """It is anybody's text, and could forge a line."""
    with caplog.at_level(logging.DEBUG):
        session_of(f"{NAME}=Fe26.2*{id_}*a*b*c**d*e~2", on_unseal_error=failures).get("user")
    assert failures[0].password_id is None
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    assert not id_ or id_ not in record.getMessage()


def test_a_hook_that_raises_is_logged_and_ignored(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def hook(failure: UnsealFailure) -> None:
        raise LookupError("the hook's own fault")

    session = session_of(f"{NAME}=junk", on_unseal_error=hook)
    assert session == {}
    first, second = caplog.records
    assert first.levelno == logging.WARNING
    assert second.name == "iron_session"
    assert second.levelno == logging.ERROR
    assert second.exc_info is not None
    assert isinstance(second.exc_info[1], LookupError)
    assert second.getMessage().startswith("on_unseal_error raised")


@pytest.mark.parametrize("reason", REASONS)
def test_the_error_that_the_hook_is_told_carries_no_traceback(
    clock: Clock, failures: Failures, reason: UnsealReason
) -> None:
    """Its frames would lead an error tracker to the seal, and to the keys it was tried with."""
    session_of(f"{NAME}={REASONS[reason]}; {NAME}=junk", on_unseal_error=failures).get("user")
    (failure,) = failures
    assert failure.error.__traceback__ is None
    assert failure.error.__context__ is None
    assert failure.error.__cause__ is None


@pytest.mark.parametrize("look", [lambda session: session.get("user"), dict, len])
def test_a_hook_that_reads_the_session_finds_it_empty_and_is_called_once(
    clock: Clock, look: Callable[[Session], object]
) -> None:
    calls: list[UnsealFailure] = []

    def hook(failure: UnsealFailure) -> None:
        calls.append(failure)
        assert len(calls) == 1
        look(session)
        assert session == {}
        assert session.is_new
        session["seen"] = failure.reason

    session = session_of(f"{NAME}=junk", on_unseal_error=hook)
    look(session)
    assert session == {"seen": "invalid"}
    assert len(calls) == 1


class ReadingFilter(logging.Filter):
    """What a structured log does that adds the user to every record."""

    session: Session

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[object] = []

    def filter(self, record: logging.LogRecord) -> bool:
        self.seen.append(dict(self.session))
        return True


class RaisingFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        raise LookupError("the filter's own fault")


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """Give the package's logger, and take away what filters a test has added."""
    logger = logging.getLogger("iron_session")
    before = list(logger.filters)
    yield logger
    logger.filters[:] = before


def test_a_filter_of_the_log_may_read_the_session(
    clock: Clock, failures: Failures, logger: logging.Logger
) -> None:
    reading = ReadingFilter()
    reading.session = session_of(f"{NAME}=junk", on_unseal_error=failures)
    logger.addFilter(reading)
    assert reading.session.get("user") is None
    assert reading.seen == [{}]
    assert failures.reasons == ["invalid"]


def test_a_filter_of_the_log_that_raises_costs_neither_the_session_nor_the_hook(
    clock: Clock, failures: Failures, logger: logging.Logger
) -> None:
    logger.addFilter(RaisingFilter())
    assert session_of(f"{NAME}=junk", on_unseal_error=failures) == {}
    assert failures.reasons == ["invalid"]


def test_a_hook_is_not_a_place_to_swallow_an_exit(clock: Clock) -> None:
    def hook(failure: UnsealFailure) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session_of(f"{NAME}=junk", on_unseal_error=hook).get("user")


@pytest.mark.parametrize("header", ["", "other=1", f"{NAME}=", f"{NAME}.0=; {NAME}.1=x"])
def test_no_cookie_is_nothing_to_tell(
    clock: Clock, failures: Failures, caplog: pytest.LogCaptureFixture, header: str
) -> None:
    """An empty value is how an expired cookie may look."""
    with caplog.at_level(logging.DEBUG):
        assert session_of(header, on_unseal_error=failures) == {}
    assert failures == []
    assert caplog.records == []


def test_nothing_is_told_before_the_session_is_looked_at(
    clock: Clock, failures: Failures, caplog: pytest.LogCaptureFixture
) -> None:
    session = session_of(f"{NAME}=junk", on_unseal_error=failures)
    repr(session)
    session.commit()
    assert failures == []
    assert caplog.records == []


def test_looking_again_tells_nothing_new(clock: Clock, failures: Failures) -> None:
    session = session_of(f"{NAME}=junk", on_unseal_error=failures)
    for _ in range(3):
        assert session.get("user") is None
    session["user"] = 1
    session.save()
    assert failures.reasons == ["invalid"]


def test_two_sessions_tell_of_their_own_cookie(clock: Clock, failures: Failures) -> None:
    for name in ("first", "second"):
        session_of("first=junk; second=junk", cookie_name=name, on_unseal_error=failures).get("x")
    assert [failure.cookie_name for failure in failures] == ["first", "second"]


def test_a_report_without_a_hook_only_logs(caplog: pytest.LogCaptureFixture) -> None:
    error = UnsealError("it is no seal", reason="invalid", password_id="3")
    report(failure_of(error, cookie_name="a\nb"), None)
    (record,) = caplog.records
    message = record.getMessage()
    assert "it is no seal" in message
    assert "password id 3" in message
    assert "\n" not in message


def test_a_report_hands_over_the_very_error(failures: Failures) -> None:
    error = UnsealError("it is no seal", reason="expired", password_id="3")
    failure = failure_of(error)
    report(failure, failures)
    assert failures == [failure]
    assert failures[0].error is error


def test_a_lost_change_is_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    report_lost("a\nb", "nobody was there to take it")
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("iron_session", logging.ERROR)
    assert record.getMessage() == (
        "the change of session 'a\\nb' is lost: nobody was there to take it"
    )


def test_the_hook_may_use_the_session_library_itself(clock: Clock) -> None:
    """Reading another session from within the hook is no recursion."""
    other: list[Any] = []

    def hook(failure: UnsealFailure) -> None:
        other.append(dict(session_of(f"other={seal_text(SECRET_DATA)}", cookie_name="other")))

    assert session_of(f"{NAME}=junk", on_unseal_error=hook) == {}
    assert other == [{"user": "alice@secret.example"}]


def test_options_without_a_hook_read_hostile_cookies_as_quietly(clock: Clock) -> None:
    assert get_iron_session(HeaderJar(f"{NAME}=junk"), make_options()) == {}


def test_neither_a_raising_filter_nor_a_raising_hook_reaches_the_visitor() -> None:
    """Not even both at once."""

    def refuse(_: object) -> bool:
        raise LookupError

    logger = logging.getLogger("iron_session")
    logger.addFilter(refuse)
    try:
        report(failure_of(UnsealError("no seal")), refuse)
        report_unsealed(Unsealed(cookie_name="myapp", password_id="1", outdated=False), refuse)
        report_lost("myapp", "for a reason")
        report_too_large("myapp", CookieTooLargeError("too large"))
    finally:
        logger.removeFilter(refuse)
