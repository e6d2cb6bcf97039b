"""What an error tracker finds in the frames of an error: nothing secret of this package's.

Every error here is raised in the middle of secrets: passwords, plaintext, seals that open. Each
test looks through the variables of all frames, as trackers do.
"""

import copy
import json
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest
from pydantic import BaseModel, field_validator

from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    HeaderJar,
    HeadersAlreadySentError,
    IronSessionError,
    NotSerializableError,
    Passwords,
    Session,
    SessionDestroyedError,
    SessionOptions,
    UnsealError,
    get_iron_session,
    seal_data,
    unseal_data,
)
from iron_session._frames import clear_frames, guarded
from iron_session.csrf import CsrfError, check_csrf_token, csrf_token, rotate_csrf_token
from iron_session.http.headers import ListedHeaders
from iron_session.http.heads import EnvironHead
from iron_session.http.morsels import FinishedMorsel
from iron_session.http.request import (
    RequestSessions,
    check_apart,
    check_not_served,
    find_session,
)
from iron_session.http.response import ResponseJar, write_session
from iron_session.integrations.litestar import _FinishedCookie
from iron_session.integrations.sanic.headers import SanicHeaders
from iron_session.links import Links
from iron_session.seals import SealOptions, Secret, seal, unseal
from iron_session.seals.mark import NO_MARK
from iron_session.sessions import SetCookie
from iron_session.sessions.options import CookieOptions
from iron_session.sessions.sealed import Opened, Stored, Unreadable
from tests.helpers.frames import (
    MARKER,
    OLD_PASSWORD,
    PASSWORD,
    frames_of,
    is_ours,
    leaks_of,
    opens,
    our_frames,
    texts_in,
)

NAME = "myapp"
OPTIONS = SessionOptions(password={1: OLD_PASSWORD, 2: PASSWORD}, cookie_name=NAME)
DATA = {"user": {"secret": MARKER}}
SEAL = seal_data(DATA, password=OPTIONS.passwords)
PURPOSED = seal_data(DATA, password=PASSWORD, purpose="login")
LINKS = Links(password=PASSWORD, purpose="reset")
LINK = Links(password=PASSWORD, purpose="login").make("https://example.com/", DATA)


def unfit() -> dict[str, Any]:
    """Make what no seal can hold, beside what nobody is to see. It is in no frame of the test's."""
    return {"secret": MARKER, "when": object()}


def big() -> dict[str, str]:
    return {"secret": MARKER * 200}


def raised_by(action: Callable[[], object]) -> BaseException:
    try:
        action()
    except BaseException as error:
        return error
    pytest.fail("nothing was raised")


def cookies(data: Mapping[str, Any] = DATA, options: SessionOptions = OPTIONS) -> str:
    """Make a Cookie header of a browser that has a session."""
    jar = HeaderJar()
    session = get_iron_session(jar, options)
    session.replace(data)
    session.save()
    return "; ".join(header.partition(";")[0] for header in jar.set_cookie_headers)


def session_with(data: Mapping[str, Any] = DATA, options: SessionOptions = OPTIONS) -> Session:
    """Give a session that a browser has brought, and that was read."""
    session = get_iron_session(HeaderJar(cookies(data, options)), options)
    assert dict(session) == data
    return session


# --- the measure itself --------------------------------------------------------------------------


def test_a_variable_with_a_secret_in_it_is_found() -> None:
    """Else every test below would pass."""

    class Holder:
        def __repr__(self) -> str:
            return f"<{PASSWORD}>"

    for value in (MARKER, [{"a": (SEAL,)}], {MARKER: 1}, {1: {2: SEAL}}, Holder()):
        assert any(MARKER in one or PASSWORD in one or opens(one) for one in texts_in(value))


def test_a_session_that_shows_its_content_would_be_found() -> None:
    class Open(Session):
        __sentry_repr__ = None  # type: ignore[assignment]  # as if it had none

    session = Open(HeaderJar(cookies()), OPTIONS)
    assert any(MARKER in one for one in texts_in(session))


def test_a_frame_of_this_package_is_told_from_others() -> None:
    error = raised_by(lambda: unseal_data("nothing", password=PASSWORD))
    assert {is_ours(frame) for frame in frames_of(error)} == {True, False}


# --- seals ---------------------------------------------------------------------------------------


class OwnError(Exception):
    """One of the application's."""


def fail(*_: object) -> NoReturn:
    raise OwnError


FAILING = SealOptions(encode=fail, decode=fail)

SEALING: dict[str, tuple[type[BaseException], Callable[[], object]]] = {
    "unserializable data": (
        NotSerializableError,
        lambda: seal_data(unfit(), password=PASSWORD),
    ),
    "a reserved key": (
        NotSerializableError,
        lambda: seal_data({"$iron": 1, **DATA}, password=PASSWORD),
    ),
    "a purpose without a dict": (
        NotSerializableError,
        lambda: seal_data([MARKER], password=PASSWORD, purpose="login"),
    ),
    "a short password": (
        ConfigurationError,
        lambda: seal_data(DATA, password={1: PASSWORD, 2: "short"}),
    ),
    "no such ttl": (
        ConfigurationError,
        lambda: seal_data(DATA, password=PASSWORD, ttl=-1),
    ),
    "data that contains itself": (
        NotSerializableError,
        lambda: seal_data(endless(), password=PASSWORD),
    ),
    "another purpose": (
        UnsealError,
        lambda: unseal_data(PURPOSED, password=PASSWORD, purpose="reset"),
    ),
    "no purpose": (
        UnsealError,
        lambda: unseal_data(PURPOSED, password=PASSWORD),
    ),
    "an empty purpose": (
        ConfigurationError,
        lambda: unseal_data(PURPOSED, password=PASSWORD, purpose=""),
    ),
    "a changed seal": (
        UnsealError,
        lambda: unseal_data(SEAL[:-3] + "A~2", password=PASSWORD),
    ),
    "an unknown password": (
        UnsealError,
        lambda: unseal_data(SEAL, password={7: PASSWORD}),
    ),
    "an expired seal": (
        UnsealError,
        lambda: unseal_data(expired(), password=PASSWORD),
    ),
    "a mark that is no object": (
        UnsealError,
        lambda: unseal_data(seal({"$iron": 1, **DATA}, Secret("1", PASSWORD)), password=PASSWORD),
    ),
    "no JSON": (
        UnsealError,
        lambda: unseal_data(
            seal(DATA, Secret("1", PASSWORD), SealOptions(encode=lambda _: MARKER)),
            password=PASSWORD,
        ),
    ),
    "a protocol's seal of unserializable data": (
        NotSerializableError,
        lambda: seal(unfit(), PASSWORD),
    ),
    "a protocol's short password": (
        ConfigurationError,
        lambda: seal(DATA, Secret("1", encryption=PASSWORD, integrity="short")),
    ),
    "an encoder that fails": (OwnError, lambda: seal(DATA, PASSWORD, FAILING)),
    "an encoder that gives no text": (
        NotSerializableError,
        lambda: seal(DATA, PASSWORD, SealOptions(encode=lambda _: MARKER + "\ud800")),
    ),
    "a decoder that fails": (
        OwnError,
        lambda: unseal(seal(DATA, PASSWORD), PASSWORD, FAILING),
    ),
    "a mapping with a short one": (
        ConfigurationError,
        lambda: unseal(SEAL, {"1": PASSWORD, "2": "short"}),
    ),
    "a secret of two kinds": (
        ConfigurationError,
        lambda: Secret("1", PASSWORD, encryption=PASSWORD),
    ),
    "a secret with a bad id": (ConfigurationError, lambda: Secret(PASSWORD, PASSWORD)),
}


def endless() -> list[Any]:
    data: list[Any] = [MARKER]
    data.append(data)
    return data


def expired() -> str:
    offset = SealOptions(localtime_offset=-3600, ttl=1)
    return seal(DATA, Secret("1", PASSWORD), offset)


@pytest.mark.parametrize("case", SEALING)
def test_an_error_of_a_seal_shows_no_secret(case: str) -> None:
    kind, action = SEALING[case]
    error = raised_by(action)
    assert isinstance(error, kind)
    assert leaks_of(error) == []


# --- passwords -----------------------------------------------------------------------------------


PASSWORDS: dict[str, Callable[[], object]] = {
    "a short one beside it": lambda: Passwords({1: PASSWORD, 2: "short"}),
    "as an id": lambda: Passwords({PASSWORD: PASSWORD}),
    "given twice": lambda: Passwords({1: PASSWORD, "1": PASSWORD}),  # type: ignore[arg-type]  # of both kinds
    "no text": lambda: Passwords([PASSWORD]),  # type: ignore[arg-type]  # wrong on purpose
    "no such seal_with": lambda: Passwords({1: PASSWORD}, seal_with=2),
    "of": lambda: Passwords.of({1: PASSWORD, 2: "short"}),
    "two ways in the environment": lambda: from_env({"P": PASSWORD, "P_1": PASSWORD}),
    "broken JSON in the environment": lambda: from_env({"P": f'{{"1": "{PASSWORD}"'}),
    "an id twice in the environment": lambda: from_env(
        {"P": f'{{"1": "{PASSWORD}", "1": "{PASSWORD}"}}'}
    ),
    "a short one in the environment": lambda: from_env({"P_1": PASSWORD, "P_2": "short"}),
    "no number in the environment": lambda: from_env({"P_01": PASSWORD}),
    "another variable": lambda: from_env({"Q": PASSWORD}),
    "an environment that fails": lambda: from_env(FailingEnvironment({"P": PASSWORD})),
    "options": lambda: SessionOptions(password={1: PASSWORD, 2: "short"}, cookie_name=NAME),
    "other options": lambda: SessionOptions(password=PASSWORD, cookie_name=""),
    "links": lambda: Links(password=PASSWORD, purpose=""),
    "links with a short one": lambda: Links(password={1: PASSWORD, 2: "short"}, purpose="login"),
    "no options at all": lambda: get_iron_session(
        HeaderJar(),
        {"password": PASSWORD, "cookie_name": NAME},  # type: ignore[arg-type]  # wrong on purpose
    ),
    "other options for a session": lambda: session_with().update_config(
        {"password": PASSWORD}  # type: ignore[arg-type]  # wrong on purpose
    ),
}


class FailingEnvironment(dict[str, str]):
    def get(self, *_: object) -> NoReturn:
        raise OwnError


def from_env(environ: Mapping[str, str]) -> Passwords:
    # As in an application, where it is the process's environment: in no frame of its own.
    return Passwords.from_env("P", environ)


@pytest.mark.parametrize("case", PASSWORDS)
def test_an_error_of_passwords_shows_none(case: str) -> None:
    assert leaks_of(raised_by(PASSWORDS[case])) == []


def test_an_error_of_passwords_that_are_read_again_shows_none(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    passwords = Passwords.from_env("P", {"P_FILE": str(file)})
    file.write_text(json.dumps({"1": OLD_PASSWORD, "2": "short"}))
    error = raised_by(passwords.reload)
    assert isinstance(error, ConfigurationError)
    assert leaks_of(error) == []


# --- links ---------------------------------------------------------------------------------------


LINKING: dict[str, tuple[type[BaseException], Callable[[], object]]] = {
    "unserializable data": (
        NotSerializableError,
        lambda: LINKS.make("https://example.com/", unfit()),
    ),
    "too long": (ConfigurationError, lambda: LINKS.make("https://example.com/", big())),
    "no url": (ConfigurationError, lambda: LINKS.make("", DATA)),
    "another purpose": (UnsealError, lambda: LINKS.read(LINK)),
    "a query of another purpose": (UnsealError, lambda: LINKS.read({"token": PURPOSED})),
    "a token of another purpose": (UnsealError, lambda: LINKS.read_token(PURPOSED)),
    "twice": (UnsealError, lambda: LINKS.read(f"/?token={PURPOSED}&token={PURPOSED}")),
    "a query that fails": (OwnError, lambda: LINKS.read(FailingQuery(token=PURPOSED))),
}


class FailingQuery(dict[str, str]):
    def get(self, *_: object) -> NoReturn:
        raise OwnError


@pytest.mark.parametrize("case", LINKING)
def test_an_error_of_a_link_shows_no_secret(case: str) -> None:
    kind, action = LINKING[case]
    error = raised_by(action)
    assert isinstance(error, kind)
    assert leaks_of(error) == []


# --- sessions ------------------------------------------------------------------------------------


class Visitor(BaseModel):
    name: str = ""
    tags: list[Any] = []

    @field_validator("name")
    @classmethod
    def check_name(cls, name: str) -> str:
        if name == "unwanted":
            raise OwnError
        return name


TYPED = SessionOptions(password=PASSWORD, cookie_name=NAME, schema=Visitor)
CHUNKED = SessionOptions(password=PASSWORD, cookie_name=NAME, chunk=True)
BOUND = SessionOptions(password=PASSWORD, cookie_name=NAME, max_lifetime=14 * 24 * 3600)


def typed(**data: Any) -> Session[Visitor]:
    return get_iron_session(HeaderJar(cookies({"name": MARKER, **data}, TYPED)), TYPED)


def set_item(session: Session) -> None:
    session["x"] = unfit()


def mix_in(session: Session) -> None:
    session |= unfit()


def put_within(session: Session) -> None:
    session["user"]["when"] = object()


def saving(session: Session, change: Callable[[Session], object]) -> None:
    change(session)
    session.save()


def committing(session: Session, change: Callable[[Session], object]) -> None:
    change(session)
    session.commit()


def close(session: Session) -> None:
    jar = session.jar
    assert isinstance(jar, HeaderJar)
    jar.close()
    session["more"] = MARKER[::-1]


def destroy(session: Session) -> None:
    session.destroy()
    session["user"] = {"secret": MARKER}


def destroy_too_late(session: Session) -> None:
    close(session)
    session.destroy()


def enlarge(session: Session) -> None:
    session["big"] = big()


def set_data(session: Session[Any], value: object) -> None:
    session.data = value


def set_ttl(session: Session, value: object) -> None:
    session.ttl = value  # type: ignore[assignment]  # whatever it is


USING: dict[str, tuple[type[BaseException], Callable[[], object]]] = {
    "set": (NotSerializableError, lambda: set_item(session_with())),
    "set by name": (NotSerializableError, lambda: session_with().set("x", unfit())),
    "unset with something that is no key": (
        TypeError,
        lambda: session_with().unset([MARKER]),  # type: ignore[arg-type]  # wrong on purpose
    ),
    "set a reserved key": (
        NotSerializableError,
        lambda: session_with().__setitem__("$iron", {"secret": MARKER}),
    ),
    "setdefault": (NotSerializableError, lambda: session_with().setdefault("x", unfit())),
    "update": (NotSerializableError, lambda: session_with().update(unfit())),
    "update by name": (NotSerializableError, lambda: session_with().update(**unfit())),
    "|=": (NotSerializableError, lambda: mix_in(session_with())),
    "replace": (NotSerializableError, lambda: session_with().replace(unfit())),
    "replace by a list": (
        NotSerializableError,
        lambda: session_with().replace([MARKER]),  # type: ignore[arg-type]  # wrong on purpose
    ),
    "flash": (NotSerializableError, lambda: session_with().flash(unfit())),  # type: ignore[arg-type]  # wrong on purpose
    "flash a category": (
        NotSerializableError,
        lambda: session_with().flash(MARKER, 7),  # type: ignore[arg-type]  # wrong on purpose
    ),
    "a missing key": (KeyError, lambda: session_with()["x"]),
    "del a missing key": (KeyError, lambda: session_with().__delitem__("x")),
    "pop a missing key": (KeyError, lambda: session_with().pop("x")),
    "a copy that fails": (OwnError, lambda: copy.deepcopy(holding_uncopyable())),
    "save what can't be written": (
        NotSerializableError,
        lambda: saving(session_with(), put_within),
    ),
    "save too much": (CookieTooLargeError, lambda: saving(session_with(), enlarge)),
    "save too much in chunks": (
        CookieTooLargeError,
        lambda: saving(
            session_with(options=CHUNKED), lambda session: session.update(a=[MARKER * 500])
        ),
    ),
    "save too late": (HeadersAlreadySentError, lambda: saving(session_with(), close)),
    "save what was destroyed": (SessionDestroyedError, lambda: saving(session_with(), destroy)),
    "save for too long": (
        ConfigurationError,
        lambda: session_with(options=BOUND).save(ttl=10**9),
    ),
    "save by a bad attribute": (
        ConfigurationError,
        lambda: session_with().save(cookie_options={"pathh": "/"}),
    ),
    "commit what can't be written": (
        NotSerializableError,
        lambda: committing(session_with(), put_within),
    ),
    "commit too much": (CookieTooLargeError, lambda: committing(session_with(), enlarge)),
    "commit too late": (HeadersAlreadySentError, lambda: committing(session_with(), close)),
    "commit what was destroyed": (
        SessionDestroyedError,
        lambda: committing(session_with(), destroy),
    ),
    "destroy too late": (
        HeadersAlreadySentError,
        lambda: destroy_too_late(session_with()),
    ),
    "set a ttl": (ConfigurationError, lambda: set_ttl(session_with(options=BOUND), 10**9)),
    "no schema": (ConfigurationError, lambda: session_with().data),
    "other options with a schema": (
        NotSerializableError,
        lambda: session_with({"name": {"secret": MARKER}}).update_config(TYPED),
    ),
    "a schema's key": (
        ConfigurationError,
        lambda: typed().__setitem__("name", MARKER),
    ),
    "pop a schema's key": (ConfigurationError, lambda: typed().pop("name")),
    "popitem with a schema": (ConfigurationError, lambda: typed().popitem()),
    "setdefault of a schema's key": (
        ConfigurationError,
        lambda: get_iron_session(HeaderJar(), TYPED).setdefault("name", MARKER),
    ),
    "data of another type": (
        NotSerializableError,
        lambda: set_data(typed(), {"name": MARKER}),
    ),
    "data that can't be written": (
        NotSerializableError,
        lambda: set_data(typed(), Visitor(name=MARKER, tags=[object()])),
    ),
    "replace what does not fit": (
        NotSerializableError,
        lambda: typed().replace({"name": {"secret": MARKER}}),
    ),
    "data changed to what can't be written": (
        NotSerializableError,
        lambda: saving(typed(tags=[]), lambda session: session.data.tags.append(lambda: MARKER)),
    ),
    "a look at data changed to what can't be written": (
        NotSerializableError,
        lambda: looked_at_after_a_change(typed(tags=[])),
    ),
    "a schema's values changed in the mapping": (
        NotSerializableError,
        lambda: saving(typed(tags=[]), changed_in_the_mapping),
    ),
}


class Uncopyable(dict[str, str]):
    def __deepcopy__(self, memo: object) -> NoReturn:
        raise OwnError


def holding_uncopyable() -> Session:
    session = session_with()
    session["x"] = Uncopyable(secret=MARKER)
    return session


def looked_at_after_a_change(session: Session[Visitor]) -> object:
    session.data.tags.append(object())
    return session["anything"]


def changed_in_the_mapping(session: Session[Visitor]) -> None:
    assert session.data.name
    session["tags"].append(MARKER)


@pytest.mark.parametrize("case", USING)
def test_an_error_of_a_session_shows_no_secret(case: str) -> None:
    kind, action = USING[case]
    error = raised_by(action)
    assert isinstance(error, kind)
    assert leaks_of(error) == []


@dataclass
class FailingJar:
    """A jar of the application's own, which fails after it has told and taken some."""

    header: str = field(repr=False)
    reads: int
    writes: int

    def read(self, name: str) -> Sequence[str]:
        self.reads -= 1
        if self.reads < 0:
            raise OwnError
        return HeaderJar(self.header).read(name)

    def write(self, cookie: SetCookie) -> None:
        self.writes -= 1
        if self.writes < 0:
            raise OwnError


JARS: dict[str, tuple[int, int, Callable[[Session], object]]] = {
    "read": (0, 0, lambda session: session.get("user")),
    "read the second chunk": (2, 0, lambda session: session.get("user")),
    "read at a look": (0, 0, len),
    "read for the seal": (0, 0, lambda session: session.seal),
    "read for is_new": (0, 0, lambda session: session.is_new),
    "read for the ttl": (0, 0, lambda session: session.ttl),
    "read by save": (0, 0, Session.save),
    "read by clear": (0, 0, Session.clear),
    "write": (99, 0, lambda session: saving(session, enlarge_a_little)),
    "write the second chunk": (99, 1, lambda session: saving(session, enlarge_a_little)),
    "write by commit": (99, 1, lambda session: committing(session, enlarge_a_little)),
    "write by destroy": (99, 1, Session.destroy),
}


def enlarge_a_little(session: Session) -> None:
    session["more"] = MARKER * 10


@pytest.mark.parametrize("case", JARS)
def test_an_error_of_the_applications_jar_shows_nothing_of_ours(case: str) -> None:
    reads, writes, use = JARS[case]
    header = cookies({"user": MARKER, "long": MARKER * 100}, CHUNKED)
    session = get_iron_session(FailingJar(header, reads, writes), CHUNKED)
    error = raised_by(lambda: use(session))
    assert isinstance(error, OwnError)
    assert leaks_of(error) == []
    # A chunk is no seal that opens, but as secret: so no long text is left, and nothing that holds
    # any.
    shown = [value for frame in our_frames(error) for value in frame.f_locals.values()]
    assert not [one for one in shown if isinstance(one, (list, tuple, dict)) and one]
    assert not [one for one in shown if isinstance(one, str) and len(one) > len(NAME) + 2]


def test_an_error_of_the_applications_jar_shows_nothing_where_cookies_are_expired() -> None:
    session = get_iron_session(FailingJar(cookies(), reads=2, writes=9), OPTIONS)
    error = raised_by(lambda: saving(session, enlarge_a_little))
    assert isinstance(error, OwnError)
    assert "_present" in [frame.f_code.co_name for frame in frames_of(error)]
    assert leaks_of(error) == []


def test_an_error_of_the_applications_jar_shows_no_seal_that_was_opened_already() -> None:
    """Others of the same name are looked at too, for a warning."""
    twice = f"{cookies()}; {cookies()}"
    session = get_iron_session(FailingJar(twice, reads=1, writes=9), OPTIONS)
    error = raised_by(lambda: session["user"])
    assert isinstance(error, OwnError)
    assert "candidates" in [frame.f_code.co_name for frame in frames_of(error)]
    assert leaks_of(error) == []


def test_an_error_of_the_applications_jar_keeps_the_applications_variables() -> None:
    session = get_iron_session(FailingJar(cookies(), 0, 0), OPTIONS)
    error = raised_by(session.save)
    *_, last = frames_of(error)
    assert last.f_code is FailingJar.read.__code__
    assert last.f_locals["name"] == NAME


def test_an_error_names_every_frame_that_it_has_passed() -> None:
    """The frames stay, only their variables go: a developer sees where it was."""
    error = raised_by(lambda: session_with().__setitem__("x", object()))
    names = [frame.f_code.co_name for frame in frames_of(error)]
    assert names[2:4] == ["__setitem__", "_check_item"]
    assert len(names) > 4
    assert str(error).startswith('session["x"] is an object: store plain JSON values')


# --- the tool-kit for integrations ---------------------------------------------------------------


def environ() -> dict[str, Any]:
    """Make what a framework knows of a request, as WSGI has it."""
    return {"HTTP_COOKIE": cookies()}


def begin_twice(request: dict[str, Any]) -> None:
    for _ in range(2):
        RequestSessions().begin(request, "session", OPTIONS, EnvironHead(request))


def serve_twice(request: dict[str, Any]) -> None:
    RequestSessions().begin(request, "session", OPTIONS, EnvironHead(request))
    check_not_served(request, OPTIONS)


class FailingHeaders(ListedHeaders):
    """Headers of the application's own, which take no cookie."""

    def add(self, name: str, value: str) -> None:
        if name == "Set-Cookie":
            raise OwnError
        super().add(name, value)


def write_where_headers_fail(session: Session) -> None:
    session["more"] = MARKER[::-1]
    write_session(session, FailingHeaders([]))


def save_where_headers_fail() -> None:
    jar = ResponseJar(EnvironHead(environ()), FailingHeaders([]))
    saving(get_iron_session(jar, OPTIONS), enlarge_a_little)


KIT: dict[str, tuple[type[BaseException], Callable[[], object]]] = {
    "begun twice": (ConfigurationError, lambda: begin_twice(environ())),
    "not begun": (ConfigurationError, lambda: find_session(environ(), "session", "…")),
    "served already": (ConfigurationError, lambda: serve_twice(environ())),
    "no options": (
        ConfigurationError,
        lambda: check_not_served(environ(), {"password": PASSWORD}),  # type: ignore[arg-type]  # wrong on purpose
    ),
    "no options for one of several": (
        ConfigurationError,
        lambda: check_apart({"session": {"password": PASSWORD}}),  # type: ignore[dict-item]  # wrong on purpose
    ),
    "headers that fail": (OwnError, lambda: write_where_headers_fail(session_with())),
    "headers that fail by hand": (OwnError, save_where_headers_fail),
}


@pytest.mark.parametrize("case", KIT)
def test_an_error_of_the_tool_kit_shows_no_secret(case: str) -> None:
    kind, action = KIT[case]
    error = raised_by(action)
    assert isinstance(error, kind)
    assert leaks_of(error) == []


# --- CSRF ----------------------------------------------------------------------------------------


CSRF: dict[str, tuple[type[BaseException], Callable[[], object]]] = {
    "a wrong token": (
        CsrfError,
        lambda: check_csrf_token(session_with({"_csrf": "A" * 43, **DATA}), "B" * 86),
    ),
    "a token for no session": (
        ConfigurationError,
        lambda: check_csrf_token([MARKER], "B" * 86),  # type: ignore[arg-type]  # wrong on purpose
    ),
    "no session": (
        ConfigurationError,
        lambda: csrf_token([MARKER]),  # type: ignore[arg-type]  # wrong on purpose
    ),
    "a session that can't be changed": (TypeError, lambda: rotate_csrf_token(FixedSession(DATA))),
}


class FixedSession(dict[str, Any]):
    def __setitem__(self, *_: object) -> NoReturn:
        raise TypeError


@pytest.mark.parametrize("case", CSRF)
def test_an_error_of_a_csrf_token_shows_no_secret(case: str) -> None:
    kind, action = CSRF[case]
    error = raised_by(action)
    assert isinstance(error, kind)
    assert leaks_of(error) == []


# --- what led to an error, and where else it may be ----------------------------------------------


def test_what_led_to_an_error_shows_no_secret_either() -> None:
    def in_an_except_block() -> None:
        try:
            unseal_data(PURPOSED, password=PASSWORD)
        except UnsealError:
            session_with()["x"] = unfit()

    error = raised_by(in_an_except_block)
    assert isinstance(error.__context__, UnsealError)
    assert leaks_of(error) == []


def test_what_led_to_an_error_shows_no_secret_though_it_was_dealt_with() -> None:
    @guarded
    def deal_with() -> None:
        try:
            raise ungathered(MARKER)
        except NotSerializableError:
            raise OwnError from None

    error = raised_by(deal_with)
    assert isinstance(error.__context__, NotSerializableError)
    assert leaks_of(error) == []


def test_an_error_in_a_group_shows_no_secret() -> None:
    @guarded
    def gather() -> None:
        raise ExceptionGroup("several", [ungathered(MARKER), OwnError()])

    error = raised_by(gather)
    assert leaks_of(error) == []


def ungathered(_: str) -> Exception:
    """Give an error with frames that nothing has cleared yet."""
    from iron_session import _json

    return raised_by(lambda: _json.encode(unfit(), "data"))  # type: ignore[return-value]  # it never returns


def test_the_measure_finds_what_is_not_guarded() -> None:
    assert leaks_of(ungathered(MARKER)) != []


def test_what_leads_in_a_circle_is_looked_through_once() -> None:
    first, second = OwnError(), OwnError()
    first.__cause__, second.__cause__ = second, first
    clear_frames(first)


def test_a_frame_that_still_runs_is_left_as_it_is() -> None:
    @guarded
    def outer(value: str) -> str:
        with pytest.raises(OwnError) as caught:
            fail()
        clear_frames(caught.value)
        return value

    assert outer("kept") == "kept"


@pytest.mark.parametrize("how", ["thread", "here"])
def test_a_coroutine_that_waits_is_not_ended(how: str) -> None:
    """Its frame stands in the error's traceback while the application deals with the error."""
    events: list[str] = []
    code = "async def wait(fail, later):\n"
    code += "    try:\n        fail()\n    except Exception as error:\n        await later(error)\n"
    code += "    return 'done'\n"
    ours: dict[str, Any] = {"__name__": "iron_session.made_up"}
    exec(code, ours)  # noqa: S102 - a coroutine that passes for the package's own

    class Later:
        def __await__(self) -> Generator[None, str, None]:
            events.append((yield))

    caught: list[BaseException] = []

    async def later(error: BaseException) -> None:
        caught.append(error)
        await Later()

    waiting = ours["wait"](fail, later)
    waiting.send(None)
    if how == "thread":
        thread = threading.Thread(target=clear_frames, args=(caught[0],))
        thread.start()
        thread.join()
    else:
        clear_frames(caught[0])
    with pytest.raises(StopIteration) as finished:
        waiting.send("went on")
    assert finished.value.value == "done"
    assert events == ["went on"]


# --- objects that are shown ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "thing",
    [
        session_with(),
        OPTIONS,
        OPTIONS.passwords,
        OPTIONS.passwords.primary,
        LINKS,
        SetCookie(NAME, SEAL, CookieOptions(), 60),
        HeaderJar(f"{NAME}={SEAL}"),
        Stored(b'{"a":"' + MARKER.encode() + b'"}', NO_MARK, "1", None, SEAL),
        Opened(DATA, None, Stored(b"{}", NO_MARK, "1", None, SEAL)),
        Unreadable(SEAL, UnsealError("expired")),
        FinishedMorsel(f"{NAME}={SEAL}; Path=/"),
        SanicHeaders.Cookie(f"{NAME}={SEAL}; Path=/"),
        _FinishedCookie(key=NAME, value=f"{NAME}={SEAL}; Path=/"),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_an_object_shows_nothing_secret(thing: object) -> None:
    """As a variable of the application's own frames."""
    texts = list(texts_in(thing))
    assert not any(MARKER in one or PASSWORD in one or opens(one) for one in texts)


def test_a_session_shows_sentry_what_it_shows_everybody() -> None:
    """It would be taken for any mapping, and be read."""
    session = get_iron_session(HeaderJar(cookies()), OPTIONS)
    show = type(session).__sentry_repr__
    assert show(session) == repr(session) == "<Session 'myapp': not read yet>"
    assert not session.accessed


@pytest.mark.parametrize("kind", [Session, SessionOptions, Passwords, Secret, Links])
def test_an_object_that_was_not_built_can_be_shown(kind: Any) -> None:
    """A tracker shows the `self` of an `__init__` that has failed."""
    half = kind.__new__(kind)
    assert repr(half) == f"<{kind.__name__}: not built>"


def test_errors_are_raised_as_they_were_where_nothing_is_guarded() -> None:
    """What is guarded keeps its name, its docstring and its signature."""
    assert seal_data.__name__ == "seal_data"
    assert (Links.make.__doc__ or "").startswith("Return the URL")


def test_every_error_here_is_of_this_package_or_the_applications() -> None:
    kinds = {kind for cases in (SEALING, LINKING, USING, CSRF) for kind, _ in cases.values()}
    own = {kind for kind in kinds if issubclass(kind, IronSessionError)}
    assert own >= {
        ConfigurationError,
        CookieTooLargeError,
        CsrfError,
        HeadersAlreadySentError,
        NotSerializableError,
        SessionDestroyedError,
        UnsealError,
    }
