"""Cookies that do not fit: an empty session, the hook told once, and nothing of the data told."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import pydantic
import pytest

from iron_session import NotSerializableError, UnsealFailure
from tests.helpers.seals import told_by
from tests.sessions.browser import Browser, Failures, make_options, open_text, seal_text
from tests.sessions.schemas.kinds import KINDS, of_pydantic


@dataclass
class User:
    name: str = ""
    age: int = 0
    visits: dict[str, datetime] = field(default_factory=dict)


MISFITS: dict[str, tuple[Any, str]] = {
    "another type": ({"user": "alice"}, "user"),
    "another type within": ({"user": {"age": "alice"}}, "user.age"),
    "beneath a key": ({"friends": {"alice": {"age": "alice"}}}, "friends[...].age"),
    "a key": ({"numbers": {"alice": 1}}, ""),
    "a naive time": ({"user": {"visits": {"alice": "2027-01-15T08:00:00"}}}, "user"),
    "the application's own check": ({"checked": {"value": "alice"}}, ""),
}


@dataclass
class Checked:
    value: str = ""

    def __post_init__(self) -> None:
        if self.value:
            raise ValueError(f"{self.value} - at `$.{self.value}`")


class Impatient(msgspec.Struct):
    """Breaks out of what msgspec catches."""

    value: str = ""

    def __post_init__(self) -> None:
        if self.value:
            raise LookupError(self.value)


FIELDS: dict[str, tuple[Any, Any]] = {
    "user": (User, User()),
    "friends": (dict[str, User], {}),
    "numbers": (dict[int, int], {}),
    "checked": (Checked, Checked()),
}


@pytest.fixture
def read(
    browser: Browser, failures: Failures, caplog: pytest.LogCaptureFixture
) -> Callable[..., str]:
    """Have a cookie read that does not fit, and give what is told of it."""

    def read_cookie(data: Any, **changes: Any) -> str:
        browser.cookies["myapp"] = seal_text(json.dumps(data))
        options = make_options(on_unseal_error=failures, **changes)
        with caplog.at_level(logging.DEBUG):
            session = browser.request(options)
            assert session.data is session.data
            assert session == {}
            assert session.is_new
        (failure,) = failures
        (record,) = caplog.records
        assert (failure.reason, record.levelno) == ("schema", logging.WARNING)
        assert failure.password_id == "1"
        assert failure.error.__traceback__ is None
        assert failure.error.__context__ is None
        assert failure.error.__cause__ is None
        told = told_by(failure.error) + repr(failure) + caplog.text + repr(vars(record))
        assert "alice" not in told
        session.commit()
        assert browser.answer() == {}
        return str(failure.error)

    return read_cookie


@pytest.mark.parametrize("misfit", MISFITS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_misfit_is_an_empty_session_and_tells_only_the_field(
    read: Callable[..., str], kind: str, misfit: str
) -> None:
    data, place = MISFITS[misfit]
    if of_pydantic(kind):
        place = next(iter(data))  # no deeper, as keys of dicts are told there
    told = read(data, schema=KINDS[kind]("Visitor", FIELDS))
    at = f" at {place}" if place else ""
    assert told == f"the session does not fit the schema Visitor{at}"


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_applications_code_raises_in_whatever_way_is_a_misfit(
    read: Callable[..., str], kind: str
) -> None:
    type_ = Checked if of_pydantic(kind) else Impatient
    schema = KINDS[kind]("Visitor", {"value": (type_, type_())})
    assert read({"value": {"value": "alice"}}, schema=schema).startswith("the session does not fit")


class Tiring:
    """A descriptor that can be read only so often."""

    left: int | None = None

    def __get__(self, of: Any, type_: type) -> Any:
        if of is None:
            return ""  # the default
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise LookupError("alice")
        return of.__dict__["tiring"]

    def __set__(self, of: Any, value: str) -> None:
        of.__dict__["tiring"] = value


TIRING: Any = Tiring()


@dataclass
class Weary:
    tiring: str = TIRING  # a descriptor gives a field its default


@dataclass
class Patient:
    weary: Weary = field(default_factory=Weary)


# msgspec asks whether it is there, and Python 3.13 prints what that raises.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_data_that_can_be_read_only_so_often_is_a_misfit_and_no_exception(
    browser: Browser, failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = make_options(schema=Patient, on_unseal_error=failures)
    browser.cookies["myapp"] = seal_text('{"weary": {"tiring": "alice"}}')
    for often in range(6):
        monkeypatch.setattr(TIRING, "left", often)
        browser.request(options).pop("other", None)
    told = {str(failure.error) for failure in failures}
    assert told == {
        "the session does not fit the schema Patient",
        "the session could not be read as Patient: LookupError",
    }


class Validating(pydantic.BaseModel):
    name: str = ""

    @pydantic.field_validator("name")
    @classmethod
    def check(cls, name: str) -> str:
        if name:
            raise LookupError(name)
        return name


def test_what_a_validator_of_pydantics_raises_is_a_misfit(read: Callable[..., str]) -> None:
    told = read({"name": "alice"}, schema=Validating)
    assert told == "the session does not fit the schema Validating"


class Strict(pydantic.BaseModel, strict=True):
    seen: datetime | None = None
    age: int = 0


def test_the_field_in_error_is_told_though_a_strict_model_has_a_time_before_it(
    read: Callable[..., str],
) -> None:
    """In JSON, text may be a time in such a model; in Python it may not."""
    told = read({"seen": "2027-01-15T08:00:00Z", "age": "alice"}, schema=Strict)
    assert told == "the session does not fit the schema Strict at age"


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    value: int = 0


class Outer(msgspec.Struct):
    inner: Inner = msgspec.field(default_factory=Inner)


def test_the_name_of_an_unknown_field_is_not_told(read: Callable[..., str]) -> None:
    told = read({"inner": {"x` - at `$.alice": 1}}, schema=Outer)
    assert told == "the session does not fit the schema Outer at inner"


class Relaying(pydantic.BaseModel):
    values: dict[str, int] = {}

    @pydantic.model_validator(mode="wrap")
    @classmethod
    def check(cls, data: Any, handler: pydantic.ModelWrapValidatorHandler[Relaying]) -> Relaying:
        if "values" in data:
            pydantic.TypeAdapter(dict[str, int]).validate_python(data["values"])
        return handler(data)


def test_a_key_that_another_model_tells_of_is_not_told(read: Callable[..., str]) -> None:
    told = read({"values": {"alice": "x"}}, schema=Relaying)
    assert told == "the session does not fit the schema Relaying"


def raising(data: dict[str, Any]) -> dict[str, Any]:
    raise LookupError(data["name"])


MIGRATIONS: dict[str, tuple[Any, str]] = {
    "raises": (raising, "LookupError"),
    "gives nothing": (lambda data: None, "TypeError"),
    "gives no dict": (lambda data: [data], "TypeError"),
    "gives what JSON can't carry": (
        lambda data: {"alice": {"alice": {1}}},
        "NotSerializableError",
    ),
    "gives what is reserved": (lambda data: {"$iron": {}}, "TypeError"),
}


@pytest.mark.parametrize("migration", MIGRATIONS)
def test_a_migration_that_fails_is_an_empty_session(
    read: Callable[..., str], migration: str
) -> None:
    migrate, error = MIGRATIONS[migration]
    told = read({"name": "alice"}, schema=User, migrate=migrate)
    assert told == f"the session could not be migrated: {error}"


def test_a_migration_that_gives_another_misfit_is_told_as_one(read: Callable[..., str]) -> None:
    told = read({"name": "alice"}, schema=User, migrate=lambda data: {"age": data["name"]})
    assert told == "the session does not fit the schema User at age"


def test_a_migration_may_change_what_it_is_given(browser: Browser, failures: Failures) -> None:
    def migrate(data: dict[str, Any]) -> dict[str, Any]:
        data["name"] = data.pop("nick", data.get("name", ""))
        return data

    browser.visit(make_options(), nick="ada", other=1)
    options = make_options(schema=User, migrate=migrate, on_unseal_error=failures)
    session = browser.request(options)
    assert session.data == User("ada")
    assert session.modified
    session.commit()
    browser.answer()
    assert open_text(browser.cookies["myapp"]) == {"name": "ada", "other": 1}
    session = browser.request(options)
    assert session.data.name == "ada"
    assert not session.modified
    assert failures == []


def test_what_a_migration_gives_to_all_belongs_to_each_alone(browser: Browser) -> None:
    shared: dict[str, Any] = {"name": "ada", "list": []}
    browser.visit(make_options(), a=1)
    options = make_options(schema=User, migrate=lambda data: shared)
    session = browser.request(options)
    session["list"].append(1)
    session["other"] = 2
    assert shared == {"name": "ada", "list": []}
    assert browser.request(options) == shared


def test_a_cookie_that_holds_nothing_is_not_migrated(browser: Browser, failures: Failures) -> None:
    browser.cookies["myapp"] = seal_text("null")
    options = make_options(schema=User, migrate=raising, on_unseal_error=failures)
    assert browser.request(options).data == User()
    assert failures == []


def test_a_session_begun_in_the_place_of_a_misfit_is_written(
    browser: Browser, failures: Failures
) -> None:
    browser.visit(make_options(), name=5)
    options = make_options(schema=User, on_unseal_error=failures)
    session = browser.request(options)
    session.data.name = "ada"
    session.commit()
    browser.answer()
    assert browser.request(options).data.name == "ada"
    assert failures.reasons == ["schema"]


def test_the_hook_may_look_at_the_session(browser: Browser) -> None:
    seen: list[Any] = []

    def hook(failure: UnsealFailure) -> None:
        seen.append(session.data)

    browser.visit(make_options(), name=5)
    session = browser.request(make_options(schema=User, on_unseal_error=hook))
    assert session.data == User()
    assert seen == [User()]
    assert seen[0] is session.data


def test_a_default_that_fails_at_last_tells_so(browser: Browser) -> None:
    """It worked when the options were built; the error is the application's, with a name."""
    broken: list[bool] = []

    def make() -> str:
        if broken:
            raise LookupError("alice")
        return ""

    @dataclass
    class Visitor:
        name: str = field(default_factory=make)

    session = browser.request(make_options(schema=Visitor))
    broken.append(True)
    with pytest.raises(NotSerializableError, match=r"does not fit the schema Visitor$") as caught:
        session.data  # noqa: B018 - looking is what raises
    assert "alice" not in told_by(caught.value)
