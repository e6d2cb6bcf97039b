"""Errors of common mistakes: which of them get a note, and which are left as they are."""

import importlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from iron_session.http.misuse import explain, report
from tests.contract.logs import errors_in
from tests.sessions.browser import NAME, session_of


def raised_by(act: Callable[[], object]) -> Exception:
    try:
        act()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def notes_on(error: object) -> list[str]:
    explain(error)
    return getattr(error, "__notes__", [])


@pytest.mark.parametrize("encoder", ["json:dumps", "ujson:dumps", "msgspec.json:encode"])
@pytest.mark.parametrize("wrap", [lambda session: session, lambda session: {"of": [session]}])
def test_json_encoders_that_get_a_session_are_explained(
    encoder: str, wrap: Callable[[object], object]
) -> None:
    module, _, name = encoder.partition(":")
    encode: Any = getattr(importlib.import_module(module), name)
    error = raised_by(lambda: encode(wrap(session_of(""))))
    assert notes_on(error) == ["If this is the session: write dict(session)"]


def test_what_orjson_says_is_explained() -> None:
    """It is not installed here; these are its words."""
    error = TypeError("Type is not JSON serializable: Session")
    assert notes_on(error) == ["If this is the session: write dict(session)"]


def test_an_error_that_passes_twice_has_one_note() -> None:
    """As where the middleware is around a decorated handler."""
    error = TypeError("Object of type Session is not JSON serializable")
    explain(error)
    assert len(notes_on(error)) == 1


def test_an_attribute_that_is_set_is_explained() -> None:
    error = raised_by(lambda: setattr(session_of(""), "user", 1))
    assert notes_on(error) == ["If this is the session: write session['user']"]


class MuteError(TypeError):
    def __str__(self) -> str:
        raise RuntimeError("it has no words")


def test_an_error_that_has_no_words_is_left_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    assert notes_on(MuteError()) == []
    report(MuteError(), "shop")
    assert caplog.records == []


class Store:
    def save(self) -> None: ...

    def load(self) -> None: ...


async def save_with_await(store: Any) -> None:
    await store.save()


async def load_with_await(store: Any) -> None:
    await store.load()


def test_save_with_await_is_explained() -> None:
    error = raised_by(lambda: save_with_await(session_of("")).send(None))
    assert notes_on(error) == ["If this is the session: call save() and destroy() without await"]


@pytest.mark.parametrize(
    "act",
    [
        lambda: load_with_await(Store()).send(None),
        lambda: SimpleNamespace().user,
        lambda: len(1),  # type: ignore[arg-type]  # the error is what is looked at
        lambda: dict[str, int]()["session"],
        lambda: importlib.import_module("json").dumps(object()),
    ],
)
def test_other_errors_are_left_as_they_are(act: Callable[[], object]) -> None:
    assert notes_on(raised_by(act)) == []


def test_an_error_without_a_traceback_is_left_as_it_is() -> None:
    assert notes_on(TypeError("object NoneType can't be used in 'await' expression")) == []


@pytest.mark.parametrize("nothing", [None, KeyboardInterrupt(), ValueError("Session")])
def test_nothing_is_logged_about_anything_else(
    nothing: object, caplog: pytest.LogCaptureFixture
) -> None:
    report(nothing, NAME)
    assert errors_in(caplog) == []


def test_the_log_names_the_mend_and_the_cookie(caplog: pytest.LogCaptureFixture) -> None:
    report(TypeError("Unsupported type: <class 'iron_session.sessions.session.Session'>"), NAME)
    assert errors_in(caplog) == [f"if this error is of session {NAME!r}: write dict(session)"]
