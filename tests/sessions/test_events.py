"""Cookies, read or not: one call of a hook, one record in the log, and nothing secret in either."""

import dataclasses
import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
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
    report_lost,
    report_too_large,
    report_unreadable,
    report_unsealed,
)
from tests.helpers.clock import Clock
from tests.sessions.browser import (
    FOREIGN,
    NAME,
    NOW,
    OLD,
    PASSWORD,
    TTL,
    Browser,
    Failures,
    cookie_of,
    make_options,
    saved,
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
    report_unreadable(failure_of(error, cookie_name="a\nb"), None)
    (record,) = caplog.records
    message = record.getMessage()
    assert "it is no seal" in message
    assert "password id 3" in message
    assert "\n" not in message


def test_a_report_hands_over_the_very_error(failures: Failures) -> None:
    error = UnsealError("it is no seal", reason="expired", password_id="3")
    failure = failure_of(error)
    report_unreadable(failure, failures)
    assert failures == [failure]
    assert failures[0].error is error


def test_a_lost_change_is_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    report_lost("a\nb", "nobody was there to take it")
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("iron_session", logging.ERROR)
    assert record.getMessage() == (
        "the change to session 'a\\nb' is lost: nobody was there to take it"
    )
    assert vars(record)["cookie_name"] == "a\nb"


def test_a_session_that_is_too_large_to_be_renewed_is_an_error_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    report_too_large("a\nb", CookieTooLargeError("4100 bytes"))
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("iron_session", logging.ERROR)
    assert record.getMessage() == "session 'a\\nb' was not renewed: 4100 bytes"
    assert vars(record)["cookie_name"] == "a\nb"


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
        report_unreadable(failure_of(UnsealError("no seal")), refuse)
        report_unsealed(Unsealed(cookie_name="myapp", password_id="1", outdated=False), refuse)
        report_lost("myapp", "for a reason")
        report_too_large("myapp", CookieTooLargeError("too large"))
    finally:
        logger.removeFilter(refuse)


# --- how old, how large --------------------------------------------------------------------------


def with_expiration(text: str) -> str:
    """Give a seal in which somebody has written another expiration."""
    parts = seal_text(SECRET_DATA).split("*")
    parts[5] = text
    return "*".join(parts)


YEARS = timedelta(days=365)


@pytest.mark.parametrize(
    ("expiration", "reason", "least", "most"),
    [
        ("1", "expired", 50 * YEARS, 60 * YEARS),
        ("9" * 14, "invalid", None, None),
        ("9" * 16, "invalid", None, None),
        ("9" * 20, "invalid", None, None),
        ("9" * 21, "invalid", None, None),
        ("9" * 22, "invalid", None, None),
        ("9" * 5000, "invalid", None, None),
        ("0", "invalid", None, None),
        ("-1", "invalid", None, None),
        ("01", "invalid", None, None),
        ("1e3", "invalid", None, None),
        ("\u0661", "invalid", None, None),
        ("", "invalid", None, None),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else None,
)
def test_an_expiration_that_somebody_made_up_is_harmless(
    clock: Clock,
    failures: Failures,
    caplog: pytest.LogCaptureFixture,
    expiration: str,
    reason: str,
    least: timedelta | None,
    most: timedelta | None,
) -> None:
    """It has a strange age, or none; never one below 0, and never an exception."""
    with caplog.at_level(logging.DEBUG, "iron_session"):
        header = f"{NAME}={with_expiration(expiration)}"
        assert session_of(header, on_unseal_error=failures) == {}
    (failure,) = failures
    (record,) = caplog.records
    assert failure.reason == reason
    if least is None or most is None:
        assert failure.age is None
        assert vars(record)["age"] is None
    else:
        assert failure.age is not None
        assert least <= failure.age <= most
        assert vars(record)["age"] == failure.age.total_seconds()
    assert len(record.getMessage()) < 250


@pytest.mark.parametrize(
    ("header", "changes", "age"),
    [
        (f"{NAME}={REASONS['expired']}", {}, timedelta(seconds=TTL + 60)),
        (f"{NAME}={REASONS['invalid']}", {}, timedelta(0)),
        (f"{NAME}={REASONS['invalid']}", {"ttl": TTL - 60}, None),  # it would be below 0
        (f"{NAME}={REASONS['invalid']}", {"ttl": TTL + 60}, timedelta(seconds=60)),
        (f"{NAME}={REASONS['invalid']}", {"ttl": 0}, None),
        (f"{NAME}=junk", {}, None),
        (f"{NAME}={'*' * 16_000}", {}, None),
    ],
)
def test_the_age_of_what_could_not_be_read_is_that_of_its_expiration(
    clock: Clock,
    failures: Failures,
    header: str,
    changes: dict[str, Any],
    age: timedelta | None,
) -> None:
    """By the options' ttl, for its own is inside."""
    session_of(header, on_unseal_error=failures, **changes).get("user")
    assert [(failure.age, failure.size) for failure in failures] == [(age, len(header) - 6)]


@pytest.mark.parametrize("reason", REASONS)
def test_a_log_that_is_written_as_json_can_have_the_record_s_attributes(
    clock: Clock, caplog: pytest.LogCaptureFixture, reason: UnsealReason
) -> None:
    with caplog.at_level(logging.DEBUG, "iron_session"):
        session_of(f"{NAME}={REASONS[reason]}").get("user")
    (record,) = caplog.records
    bare = vars(logging.makeLogRecord({}))
    added = {key: value for key, value in vars(record).items() if key not in bare}
    added.pop("message", None)  # a handler's formatter sets it
    assert added.keys() >= {"reason", "cookie_name", "password_id", "age", "size"}
    assert json.loads(json.dumps(added)) == added
    assert "alice" not in json.dumps(added)


# --- cookies that were read ----------------------------------------------------------------------


def told_of(header: str, **changes: Any) -> list[Unsealed]:
    """Look at the session of a request more than once, and give what the hook was told."""
    told: list[Unsealed] = []
    session = session_of(header, on_unseal=told.append, **changes)
    for _ in range(2):
        session.get("user")
    session["more"] = 1
    session.commit()
    session.commit()
    return told


@pytest.mark.parametrize("password", [PASSWORD, {2: PASSWORD, 1: OLD}])
def test_the_hook_is_told_once_a_request_of_a_cookie_that_was_read(
    clock: Clock, password: Any
) -> None:
    seal = seal_text(SECRET_DATA, password=password, expires=NOW + 60_000)
    (about,) = told_of(f"{NAME}=junk; {NAME}={seal}; {NAME}={seal}", password=password)
    assert about == Unsealed(
        cookie_name=NAME,
        password_id="1" if password is PASSWORD else "2",
        outdated=False,
        age=timedelta(seconds=TTL - 60),
        size=len(seal),
    )


def test_the_hook_is_told_of_an_old_password(clock: Clock) -> None:
    (about,) = told_of(cookie_of(SECRET_DATA, password=OLD), password={1: OLD, 2: PASSWORD})
    assert (about.password_id, about.outdated) == ("1", True)


@pytest.mark.parametrize(
    ("json_text", "expires", "age"),
    [
        ("{}", NOW + TTL * 1000, timedelta(0)),
        ("null", NOW + TTL * 1000, timedelta(0)),
        ("{}", NOW - 59_999, timedelta(seconds=TTL + 59.999)),
        ("{}", None, None),
        ('{"$iron":{"ttl":60}}', NOW + 50_000, timedelta(seconds=10)),
        ('{"$iron":{"ttl":0}}', NOW + 50_000, None),
        ("{}", 10**20, None),
    ],
)
def test_the_age_of_what_was_read_is_that_of_its_own_ttl(
    clock: Clock, json_text: str, expires: int | None, age: timedelta | None
) -> None:
    (about,) = told_of(cookie_of(json_text, expires=expires))
    assert about.age == age


def test_the_size_is_that_of_the_whole_seal_however_many_cookies_carry_it(clock: Clock) -> None:
    header = saved({"text": "x" * 6000}, chunk=True)
    (about,) = told_of(header, chunk=True)
    assert about.size == sum(len(pair.partition("=")[2]) for pair in header.split("; "))


@pytest.mark.parametrize("cookie", ["", f"{NAME}=", "other=1", f"{NAME}=junk"])
def test_nothing_was_read_where_there_is_no_session(clock: Clock, cookie: str) -> None:
    assert told_of(cookie) == []


def test_a_session_that_nobody_looks_at_is_not_counted(clock: Clock) -> None:
    told: list[Unsealed] = []
    session_of(cookie_of(SECRET_DATA), on_unseal=told.append).commit()
    assert told == []


def test_what_this_request_has_written_itself_was_not_read(clock: Clock) -> None:
    told: list[Unsealed] = []
    browser = Browser()
    browser.visit(make_options(on_unseal=told.append), user=1)
    assert told == []


def test_what_the_hook_is_told_of_a_cookie_that_was_read_is_frozen_and_holds_no_data(
    clock: Clock,
) -> None:
    (about,) = told_of(cookie_of(SECRET_DATA))
    with pytest.raises(dataclasses.FrozenInstanceError):
        about.size = 0  # type: ignore[misc]  # wrong on purpose
    assert not hasattr(about, "__dict__")
    for secret in ("alice", PASSWORD, "Fe26"):
        assert secret not in repr(about)


def test_a_hook_for_cookies_that_were_read_raises_and_the_visitor_does_not_notice(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def hook(about: Unsealed) -> None:
        raise LookupError("the hook's own fault")

    session = session_of(cookie_of(SECRET_DATA), on_unseal=hook)
    assert session["user"] == "alice@secret.example"
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("iron_session", logging.ERROR)
    assert record.getMessage().startswith("on_unseal raised")
    assert record.exc_info is not None
    assert "alice" not in caplog.text


def test_a_hook_for_cookies_that_were_read_is_no_place_to_swallow_an_exit(clock: Clock) -> None:
    def hook(about: Unsealed) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session_of(cookie_of(SECRET_DATA), on_unseal=hook).get("user")


def test_a_hook_for_cookies_that_were_read_may_look_at_the_session(clock: Clock) -> None:
    seen: list[Any] = []

    def hook(about: Unsealed) -> None:
        seen.append(dict(session))
        assert not session.is_new

    session = session_of(cookie_of(SECRET_DATA), on_unseal=hook)
    assert session["user"] == "alice@secret.example"
    assert seen == [{"user": "alice@secret.example"}]


def test_one_of_both_hooks_is_called(clock: Clock, failures: Failures) -> None:
    told: list[Unsealed] = []
    for header in (f"{NAME}=junk", cookie_of(SECRET_DATA), ""):
        session_of(header, on_unseal=told.append, on_unseal_error=failures).get("user")
    assert (len(told), len(failures)) == (1, 1)


def test_a_record_is_logged_where_the_application_has_such_attributes_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_record = logging.getLogRecordFactory()

    def make_own_record(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make_record(*arguments, **named)
        record.size = "the application's"
        return record

    logging.setLogRecordFactory(make_own_record)
    try:
        report_unreadable(failure_of(UnsealError("no seal")), None)
    finally:
        logging.setLogRecordFactory(make_record)
    (record,) = caplog.records
    assert "no seal" in record.getMessage()
    assert vars(record)["size"] == "the application's"


# --- a flood of them -----------------------------------------------------------------------------


def test_the_log_has_the_first_of_a_kind_then_one_a_second_with_the_count(
    clock: Clock, failures: Failures, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever sends cookies that do not open must not fill it; the hook is told of each."""
    for _ in range(100):
        session_of(f"{NAME}=junk", on_unseal_error=failures).get("user")
        clock.advance(0.1)
    assert len(failures) == 100
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 10
    assert "more like this" not in messages[0]
    assert all(message.endswith("; and 9 more like this since") for message in messages[1:])


def test_each_cookie_and_each_reason_is_counted_for_itself(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        session_of(f"{NAME}=junk").get("user")
        session_of(f"{NAME}={REASONS['unknown-password']}").get("user")
        session_of("other=junk", cookie_name="other").get("user")
    assert len(caplog.records) == 3


def test_a_clock_that_is_set_back_does_not_silence_the_log(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    session_of(f"{NAME}=junk").get("user")
    clock.advance(-3600)
    session_of(f"{NAME}=junk").get("user")
    assert len(caplog.records) == 2
