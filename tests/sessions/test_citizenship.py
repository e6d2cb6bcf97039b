"""A session among Python's other mappings: copied, compared, matched, rendered, dumped."""

import copy
import json
import operator
import pickle
from collections.abc import Callable, Mapping, MutableMapping
from typing import Annotated, Any

import jinja2
import pydantic
import pytest
from fastapi import Depends, FastAPI
from starlette.testclient import TestClient

from iron_session import HeaderJar, Passwords, Session, get_iron_session
from iron_session.integrations.fastapi import IronSessionMiddleware, SessionDependency
from tests.sessions.browser import PASSWORD, Browser, make_options

OPTIONS = make_options()
DATA: dict[str, Any] = {"z": 1, "user": {"id": 1, "tags": ["a", "b"]}, "a": None}
CurrentSession = Annotated[Session, Depends(SessionDependency(OPTIONS))]


@pytest.fixture
def session() -> Session:
    """A session that a browser has brought."""
    browser = Browser()
    browser.visit(OPTIONS, **DATA)
    return browser.request(OPTIONS)


def test_it_is_a_mutable_mapping(session: Session) -> None:
    assert isinstance(session, MutableMapping)
    assert isinstance(session, Mapping)


def test_its_keys_come_in_the_order_in_which_they_were_written(session: Session) -> None:
    assert list(session) == ["z", "user", "a"]
    session["b"] = 1
    session["z"] = 2
    assert next(iter(session.items())) == ("z", 2)
    assert list(session)[-1] == "b"


def test_it_is_equal_to_any_mapping_of_the_same_data(session: Session) -> None:
    other = get_iron_session(HeaderJar(None), make_options(cookie_name="other"))
    other.update(DATA)
    assert session == DATA
    assert session == DATA
    assert session == other
    other["z"] = 2
    assert session != other
    no_mapping: Any = [*DATA]
    assert session != no_mapping


def test_it_has_no_hash_since_it_changes(session: Session) -> None:
    with pytest.raises(TypeError, match=r"^unhashable"):
        hash(session)


def test_a_session_with_something_in_it_is_true(session: Session) -> None:
    assert session
    assert len(session) == 3
    session.clear()
    assert not session


@pytest.mark.parametrize("copied", [dict, Session.copy, copy.copy], ids=["dict", "copy", "module"])
def test_a_copy_is_a_plain_dict(session: Session, copied: Callable[[Session], Any]) -> None:
    copy_of = copied(session)
    assert type(copy_of) is dict
    assert copy_of == DATA
    copy_of["z"] = 2
    assert session == DATA


def test_a_deep_copy_shares_nothing(session: Session) -> None:
    copy_of: Any = copy.deepcopy(session)
    assert type(copy_of) is dict
    copy_of["user"]["tags"].append("c")
    assert session == DATA


def test_a_deep_copy_of_what_holds_it_twice_holds_one_copy_twice(session: Session) -> None:
    first, second = copy.deepcopy([session["user"], session])
    assert second["user"] is first


def test_joining_it_gives_a_dict_and_leaves_it_alone(session: Session) -> None:
    assert session | {"z": 2} == {**DATA, "z": 2}
    assert {"z": 2, "y": 3} | session == {"z": 1, "y": 3, "user": DATA["user"], "a": None}
    joined: object = session | session
    assert type(joined) is dict
    assert session == DATA


def test_updating_it_in_place_keeps_the_session(session: Session) -> None:
    same = session
    session |= {"z": 2, "new": 1}
    assert session is same
    assert session == {**DATA, "z": 2, "new": 1}
    assert session.modified


@pytest.mark.parametrize("join", [operator.or_, operator.ior])
@pytest.mark.parametrize("other", [[("a", 1)], None, 5])
def test_it_is_not_joined_with_what_is_no_mapping(
    session: Session, join: Callable[[Any, Any], Any], other: object
) -> None:
    with pytest.raises(TypeError):
        join(session, other)
    with pytest.raises(TypeError):
        join(other, session)
    assert session == DATA


def test_it_can_be_matched(session: Session) -> None:
    match session:
        case {"user": {"id": int(number)}, **rest}:
            assert number == 1
            assert rest == {"z": 1, "a": None}
        case _:
            pytest.fail("it should have matched")


def test_matching_what_is_not_there_is_no_error() -> None:
    match get_iron_session(HeaderJar("junk"), OPTIONS):
        case {"user": _}:
            pytest.fail("there is no user")
        case {}:
            pass


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_not_pickled_and_says_why(session: Session, protocol: int) -> None:
    """The passwords would be in the pickle, and the data in the clear."""
    with pytest.raises(TypeError, match=r"use dict\(session\)"):
        pickle.dumps(session, protocol)
    assert pickle.loads(pickle.dumps(dict(session))) == DATA  # noqa: S301 - from two lines above


def test_its_repr_and_that_of_its_options_show_no_secret(session: Session) -> None:
    session.clear()
    session["name"] = "alice@secret.example"
    session.save()
    for shown in (repr(session), str(session), f"{session}", repr(session.options)):
        assert "alice" not in shown
        assert PASSWORD not in shown
        assert str(session.seal) not in shown


def test_it_is_dumped_as_json(session: Session) -> None:
    assert json.loads(json.dumps(dict(session))) == DATA


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{{ session.user.id }}", "1"),
        ("{{ session['user'].tags|join(', ') }}", "a, b"),
        ("{% if 'user' in session %}in{% else %}out{% endif %}", "in"),
        ("{{ session.get('nobody', 'out') }}", "out"),
        ("{{ session.nobody }}", ""),
        ("{% for key in session %}{{ key }} {% endfor %}", "z user a "),
        ("{{ session|length }}", "3"),
    ],
)
def test_a_template_of_jinja_reads_it(session: Session, template: str, shown: str) -> None:
    environment = jinja2.Environment(autoescape=True)
    assert environment.from_string(template).render(session=session) == shown


def test_a_model_of_pydantic_is_made_of_it(session: Session) -> None:
    class User(pydantic.BaseModel):
        id: int

    class Page(pydantic.BaseModel):
        user: User
        everything: dict[str, Any]

    page = Page.model_validate({"user": session["user"], "everything": session})
    assert page.user == User(id=1)
    assert page.model_dump()["everything"] == DATA
    assert type(page.everything) is dict


def test_fastapi_answers_with_it() -> None:
    """As it is, inside other data, and through a response model that hides a part.

    Where the type says Any, and nothing more, pydantic knows no mapping but dict.
    """
    app = FastAPI()
    app.add_middleware(IronSessionMiddleware, options=OPTIONS)

    class Shown(pydantic.BaseModel):
        z: int

    @app.post("/")
    def write(session: CurrentSession) -> None:
        session.update(DATA)

    @app.get("/")
    def read(session: CurrentSession) -> dict[str, Any]:
        return session  # type: ignore[return-value]  # it becomes a dict in FastAPI

    @app.get("/within", response_model=None)
    def read_within(session: CurrentSession) -> Any:
        return {"session": session}

    @app.get("/model", response_model=Shown)
    def read_model(session: CurrentSession) -> Any:
        return session

    client = TestClient(app, base_url="https://testserver")
    client.post("/")
    assert client.get("/").json() == DATA
    assert client.get("/within").json() == {"session": DATA}
    assert client.get("/model").json() == {"z": 1}


def test_fastapi_does_not_read_it_from_the_body_where_the_dependency_was_forgotten() -> None:
    """That would be a session of the visitor's own making: it is an error at start."""
    app = FastAPI()
    with pytest.raises(Exception, match="Session"):

        @app.post("/")
        def write(session: Session) -> None: ...


def test_equal_passwords_make_options_equal() -> None:
    assert make_options(password=Passwords(PASSWORD)) == OPTIONS
    assert hash(OPTIONS) == hash(make_options(password=Passwords(PASSWORD)))
    assert make_options(password=PASSWORD[::-1]) != OPTIONS
