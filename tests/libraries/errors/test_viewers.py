"""What else shows the variables of frames: tracebacks, consoles, logs, reports."""

import io
import traceback
from collections.abc import Callable
from typing import Any

import better_exceptions
import loguru
import pytest
import stackprinter
from rich.console import Console
from rich.traceback import Traceback
from structlog.tracebacks import ExceptionDictTransformer

from iron_session import (
    HeaderJar,
    Passwords,
    Session,
    SessionOptions,
    UnsealError,
    get_iron_session,
    seal_data,
)
from tests.helpers.frames import PASSWORD, is_secret
from tests.libraries.errors.actions import ACTIONS, HEADERS, OPTIONS, PASSWORDS, CrashError, unfit


def by_traceback(error: BaseException) -> str:
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(shown.format())


def by_rich(error: BaseException) -> str:
    page = io.StringIO()
    shown = Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True)
    Console(file=page, width=1000).print(shown)
    return page.getvalue()


def by_loguru(error: BaseException) -> str:
    page = io.StringIO()
    handler = loguru.logger.add(page, diagnose=True, backtrace=True)
    loguru.logger.opt(exception=error).error("failed")
    loguru.logger.remove(handler)
    return page.getvalue()


def by_structlog(error: BaseException) -> str:
    transform = ExceptionDictTransformer(show_locals=True, locals_max_string=10_000)
    return repr(transform((type(error), error, error.__traceback__)))


def by_stackprinter(error: BaseException) -> str:
    return str(stackprinter.format(error, show_vals="all", truncate_vals=10_000))


def by_better_exceptions(error: BaseException) -> str:
    formatter = better_exceptions.ExceptionFormatter(colored=False)
    return "".join(formatter.format_exception(type(error), error, error.__traceback__))


VIEWERS: dict[str, Callable[[BaseException], str]] = {
    name.removeprefix("by_"): viewer
    for name, viewer in list(globals().items())
    if name.startswith("by_")
}


def fail(action: Callable[[Any], object], session: Session) -> BaseException:
    try:
        action(session)
        session.commit()
    except Exception as error:
        return error
    pytest.fail("nothing was raised")


# Some viewers show the globals too that a line of the application names.


def bad() -> dict[int, str]:
    return {1: PASSWORD, 2: "short"}


def environment() -> dict[str, str]:
    return {"P": PASSWORD, "P_1": PASSWORD}


def build_badly(session: Session) -> None:
    SessionOptions(password=bad(), cookie_name="a")


def make_passwords_badly(session: Session) -> None:
    Passwords(bad())


def read_the_environment_badly(session: Session) -> None:
    Passwords.from_env("P", environment())


def fail_while_failing(session: Session) -> None:
    try:
        ACTIONS["unseal"][1](session)
    except UnsealError:
        seal_data(unfit(), password=PASSWORDS)


FAULTS: dict[str, Callable[[Any], object]] = {
    **{name: action for name, (_, action) in ACTIONS.items()},
    "options": build_badly,
    "passwords": make_passwords_badly,
    "environment": read_the_environment_badly,
    "twice": fail_while_failing,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("viewer", VIEWERS)
def test_a_viewer_of_errors_shows_nothing_secret(viewer: str, fault: str) -> None:
    session = get_iron_session(HeaderJar(HEADERS["Cookie"]), OPTIONS)
    error = fail(FAULTS[fault], session)
    shown = VIEWERS[viewer](error)
    assert type(error).__name__ in shown
    assert not is_secret(shown)


@pytest.mark.parametrize("viewer", VIEWERS)
def test_a_viewer_of_errors_shows_the_applications_variables(viewer: str) -> None:
    """It would show nothing secret either if it showed no variables at all."""

    def crash(told: str) -> None:
        raise CrashError(told)

    session = get_iron_session(HeaderJar(HEADERS["Cookie"]), OPTIONS)
    told = "".join(["what the application ", "itself has"])
    error = fail(lambda _: crash(told), session)
    assert VIEWERS[viewer](error).count(told) > 1
