"""`session.data` through the life of a session: looked at, changed, emptied, replaced."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import cached_property
from typing import Annotated, Any, TypedDict
from uuid import UUID, uuid4

import attrs
import msgspec
import pydantic
import pytest
from pydantic.alias_generators import to_camel
from typing_extensions import TypedDict as TypedDictOfPydantic

from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    HeaderJar,
    NotSerializableError,
    Session,
    SessionDestroyedError,
    get_iron_session,
)
from tests.helpers.clock import Clock
from tests.sessions.browser import (
    NAME,
    OLD,
    PASSWORD,
    Browser,
    Failures,
    make_options,
    open_text,
    password_id_of,
)
from tests.sessions.schemas.kinds import KINDS, get, put


@dataclass
class User:
    name: str = ""
    roles: list[str] = field(default_factory=list)


FIELDS: dict[str, tuple[Any, Any]] = {
    "user": (User, User()),
    "cart": (dict[str, int], {}),
    "seen": (datetime | None, None),
}
ADA = {"name": "ada", "roles": ["admin"]}


class Visitor:
    """Any kind of data, by its attributes."""

    def __init__(self, session: Session) -> None:
        self._data: Any = session.data

    def __getattr__(self, name: str) -> Any:
        return get(self._data, name)


@pytest.fixture(params=KINDS)
def schema(request: pytest.FixtureRequest) -> Any:
    """One of each kind that has all three fields."""
    return KINDS[request.param]("Guest", FIELDS)


def fill(session: Session) -> Any:
    """Give data to a new session, whose TypedDict has nothing yet."""
    if isinstance(session.data, dict):
        session.data.update(user=User(), cart={}, seen=None)
    data = Visitor(session)
    data.user.name = "ada"
    data.user.roles.append("admin")
    return data


def is_modified(session: Session) -> bool:
    """Look again: a type checker takes an attribute that was False for False from there on."""
    return session.modified


def test_it_is_the_same_instance_at_each_look(browser: Browser, schema: Any) -> None:
    browser.visit(make_options(), user=ADA)
    session = browser.request(make_options(schema=schema))
    first = session.data
    assert session["user"] == ADA
    session.save()
    assert session.data is first


def test_changes_at_any_depth_are_seen_and_written(browser: Browser, schema: Any) -> None:
    options = make_options(schema=schema)
    session = browser.request(options)
    fill(session)
    assert session.modified
    session.commit()
    browser.answer()
    changes: list[Callable[[Any], object]] = [
        lambda data: data.user.roles.append("editor"),
        lambda data: data.cart.update(tea=1),
        lambda data: data.cart.clear(),
    ]
    for change in changes:
        session = browser.request(options)
        data = Visitor(session)
        assert not is_modified(session)
        change(data)
        assert is_modified(session)
        session.commit()
        assert NAME in browser.answer()
        assert not is_modified(session)
    expected = {"user": {"name": "ada", "roles": ["admin", "editor"]}, "cart": {}, "seen": None}
    assert open_text(browser.cookies[NAME]) == expected


def test_the_key_proto_is_refused_with_its_path(browser: Browser, schema: Any) -> None:
    """A visitor's dict may hold it; the session that the browser has stays as it is."""
    options = make_options(schema=schema)
    browser.visit(make_options(), user=ADA, cart={"tea": 1})
    for write in (Session.save, Session.commit):
        session = browser.request(options)
        Visitor(session).cart["__proto__"] = 1
        with pytest.raises(NotSerializableError) as caught:
            write(session)
        assert caught.value.path == 'session.data["cart"]["__proto__"]'
        assert str(caught.value).endswith(": leave it out")
        assert browser.answer() == {}


def test_what_is_changed_back_after_a_save_is_written_again(browser: Browser, schema: Any) -> None:
    browser.visit(make_options(), user=ADA, cart={"tea": 1})
    session = browser.request(make_options(schema=schema))
    data = Visitor(session)
    data.cart["tea"] = 2
    session.save()
    assert open_text(browser.answer()[NAME].value)["cart"] == {"tea": 2}
    data.cart["tea"] = 1
    assert session.modified
    session.save()
    assert open_text(browser.answer()[NAME].value)["cart"] == {"tea": 1}


def test_what_is_changed_back_before_a_save_is_no_change(browser: Browser, schema: Any) -> None:
    session = browser.request(make_options(schema=schema))
    fill(session)
    session.save()
    browser.answer()
    session = browser.request(make_options(schema=schema))
    data = Visitor(session)
    data.user.roles.append("editor")
    assert session.modified
    data.user.roles.pop()
    assert not session.modified


@dataclass
class Random:
    id: UUID = field(default_factory=uuid4)
    name: str = ""


class RandomModel(pydantic.BaseModel):
    id: UUID = pydantic.Field(default_factory=uuid4)
    name: str = ""


class RandomStruct(msgspec.Struct):
    id: UUID = msgspec.field(default_factory=uuid4)
    name: str = ""


@pytest.mark.parametrize("type_", [Random, RandomModel, RandomStruct])
@pytest.mark.parametrize("before", [{}, {"other": 1}])
def test_random_defaults_are_no_change_and_kept_with_the_first_one(
    browser: Browser, type_: Any, before: dict[str, Any]
) -> None:
    if before:
        browser.visit(make_options(), **before)
    options = make_options(schema=type_)
    session = browser.request(options)
    made = session.data.id
    assert session == before
    assert not session.modified
    session.commit()
    assert browser.answer() == {}
    session.data.name = "ada"
    session.commit()
    browser.answer()
    assert browser.request(options).data.id == made


def test_only_what_has_changed_is_written_in_our_form(browser: Browser) -> None:
    browser.visit(make_options(), seen="2027-01-15T08:00:00.000Z", cart={"tea": 1})
    session = browser.request(make_options(schema=KINDS["dataclass"]("Guest", FIELDS)))
    session.data.cart["tea"] = 2
    assert session["seen"] == "2027-01-15T08:00:00.000Z"
    assert session.data.seen == datetime(2027, 1, 15, 8, tzinfo=UTC)


def test_the_mapping_shows_it_as_json(browser: Browser, schema: Any) -> None:
    session = browser.request(make_options(schema=schema))
    session["other"] = [1]
    data = fill(session)
    expected = {"other": [1], "user": ADA, "cart": {}, "seen": None}
    assert session == expected
    assert expected == session
    assert session != {**expected, "cart": {"tea": 1}}
    assert len(session) == 4
    assert sorted(session) == sorted(session.keys()) == ["cart", "other", "seen", "user"]
    assert "user" in session
    assert dict(session) == session.copy() == copy.copy(session) == copy.deepcopy(session)
    assert session | {"a": 1} == {**expected, "a": 1}
    assert {"other": 2} | session == expected
    assert session.get("user") == ADA
    assert next(iter(session.values())) == [1]
    data.user.name = "bob"
    assert session["user"] == {"name": "bob", "roles": ["admin"]}
    session |= {"other": 2}
    assert session.pop("other") == 2
    assert session.setdefault("more", 1) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda session: session.update(cart={}),
        lambda session: session.setdefault("seen", None),
        lambda session: session.pop("user"),
        lambda session: session.__ior__({"user": {}}),
    ],
)
def test_its_keys_can_not_be_set_in_the_mapping(
    browser: Browser, schema: Any, change: Callable[[Session], object]
) -> None:
    browser.visit(make_options(), user=ADA)
    session = browser.request(make_options(schema=schema))
    with pytest.raises(ConfigurationError, match=r"change it in session\.data$"):
        change(session)
    assert not session.modified


def test_messages_are_kept_beside_it(browser: Browser, schema: Any) -> None:
    options = make_options(schema=schema)
    session = browser.request(options)
    session.flash("Saved", "success")
    fill(session)
    session.save()
    browser.answer()
    session = browser.request(options)
    assert [tuple(one) for one in session.pop_flashes()] == [("Saved", "success")]
    assert Visitor(session).user.name == "ada"


def test_clear_begins_a_new_one(browser: Browser, schema: Any) -> None:
    browser.visit(make_options(), user=ADA, other=1)
    session = browser.request(make_options(schema=schema))
    old = Visitor(session)
    session.clear()
    old.user.name = "bob"
    assert session == {}
    assert session.data == (schema() if not isinstance(session.data, dict) else {})
    session.commit()
    assert browser.answer()[NAME].max_age == 0


def test_clear_works_whatever_it_holds(browser: Browser, schema: Any) -> None:
    session = browser.request(make_options(schema=schema))
    fill(session).cart["tea"] = object()
    session.clear()
    assert session == {}
    fill(session)
    session.save()
    assert browser.answer()[NAME].max_age != 0


def test_destroy_begins_a_new_one_that_can_not_be_written(browser: Browser, schema: Any) -> None:
    browser.visit(make_options(), user=ADA)
    session = browser.request(make_options(schema=schema))
    old = Visitor(session)
    session.destroy()
    old.user.name = "bob"
    assert session == {}
    session.save()
    fill(session)
    assert session.is_unsaved
    with pytest.raises(SessionDestroyedError):
        session.save()
    assert browser.answer()[NAME].max_age == 0
    assert browser.cookies == {}


def test_replace_takes_json_that_fits(browser: Browser, schema: Any) -> None:
    session = browser.request(make_options(schema=schema))
    old = fill(session)
    session.replace({"user": {"name": "bob", "roles": [], "avatar": "a"}, "other": 1})
    old.user.name = "eve"
    data = Visitor(session)
    assert data.user == User("bob")
    assert session == {"user": {"name": "bob", "roles": [], "avatar": "a"}, "other": 1}
    data.user.name = "ada"
    assert session["user"] == {"name": "ada", "roles": [], "avatar": "a"}


@pytest.mark.parametrize("data", [{"user": 5}, {"seen": "2027-01-15T08:00:00"}])
def test_replace_refuses_what_does_not_fit(
    browser: Browser, schema: Any, data: dict[str, Any]
) -> None:
    session = browser.request(make_options(schema=schema))
    fill(session)
    (place,) = data
    with pytest.raises(NotSerializableError, match=f"does not fit the schema Guest at {place}$"):
        session.replace(data)
    assert session["user"] == ADA


def test_another_instance_takes_its_place(browser: Browser, schema: Any) -> None:
    options = make_options(schema=schema)
    browser.visit(make_options(), user=ADA, other=1)
    session = browser.request(options)
    old = Visitor(session)
    session.data = given = schema(user=User("bob"), cart={}, seen=None)
    assert session.data is given
    old.user.name = "eve"
    session.save()
    browser.answer()
    session = browser.request(options)
    assert session == {
        "user": {"name": "bob", "roles": []},
        "other": 1,
        "cart": {},
        "seen": None,
    }


def test_an_instance_in_its_place_mends_what_could_not_be_written(
    browser: Browser, schema: Any
) -> None:
    session = browser.request(make_options(schema=schema))
    fill(session).cart["tea"] = object()
    session.data = schema(user=User("bob"), cart={}, seen=None)
    assert session["user"] == {"name": "bob", "roles": []}


@pytest.mark.parametrize("given", [{"user": 5}, None, 5, User(), {"seen": datetime(2027, 1, 15)}])
def test_an_instance_that_is_none_is_refused(browser: Browser, schema: Any, given: Any) -> None:
    session = browser.request(make_options(schema=schema))
    fill(session)
    session.save()
    before = session.data
    if isinstance(given, dict):
        made = schema()
        for name, value in given.items():
            put(made, name, value)
        given = made
    with pytest.raises(NotSerializableError, match=r"^session\.data"):
        session.data = given
    assert session.data is before
    assert session["user"] == ADA


def test_keys_that_the_type_does_not_have_are_refused_in_a_typed_dict(browser: Browser) -> None:
    session = browser.request(make_options(schema=KINDS["TypedDict"]("Guest", FIELDS)))
    session.data["other"] = 1
    with pytest.raises(NotSerializableError) as caught:
        session.save()
    assert str(caught.value) == (
        'session.data["other"] is none of the fields of Guest, so it could not be read back: '
        "keep other keys in session[…]"
    )


def test_fields_of_a_subclass_are_refused(browser: Browser) -> None:
    """They would come back as keys of the mapping's own."""

    @dataclass
    class More(User):
        more: int = 0

    session = browser.request(make_options(schema=User))
    with pytest.raises(NotSerializableError, match='"more"'):
        session.data = More()


def test_without_a_schema_there_is_no_data(browser: Browser) -> None:
    session = browser.request(make_options())
    with pytest.raises(ConfigurationError, match=r"^session\.data needs a schema"):
        session.data  # noqa: B018 - looking is what raises
    with pytest.raises(ConfigurationError, match=r"^session\.data needs a schema"):
        session.data = User()


# --- other options --------------------------------------------------------------------------


def test_other_options_of_the_same_type_keep_the_instance(browser: Browser, schema: Any) -> None:
    session = browser.request(make_options(schema=schema))
    data = fill(session)
    session.update_config(make_options(schema=schema, cookie_name="other"))
    data.user.name = "bob"
    session.save()
    assert open_text(browser.answer()["other"].value)["user"]["name"] == "bob"


def test_options_of_another_type_read_the_data_again(browser: Browser, schema: Any) -> None:
    @dataclass
    class Other:
        user: User = field(default_factory=User)

    browser.visit(make_options(), user=ADA)
    session = browser.request(make_options(schema=schema))
    session.update_config(make_options(schema=Other))
    assert session.data == Other(User("ada", ["admin"]))
    session.update_config(make_options())
    session["user"] = 5
    with pytest.raises(NotSerializableError, match="does not fit the schema Other at user"):
        session.update_config(make_options(schema=Other))
    assert session.options.schema is None
    assert session["user"] == 5


# --- cookies ---------------------------------------------------------------------------------


def test_a_cookie_too_large_names_its_keys(browser: Browser, schema: Any) -> None:
    session = browser.request(make_options(schema=schema))
    fill(session).cart.update({f"tea {n}": n for n in range(400)})
    with pytest.raises(CookieTooLargeError, match=r'the largest are session\["cart"\] \d{4} bytes'):
        session.save()
    assert browser.answer() == {}


def test_it_is_split_over_cookies(browser: Browser, schema: Any) -> None:
    options = make_options(schema=schema, chunk=True)
    session = browser.request(options)
    fill(session).cart.update({f"tea {n}": n for n in range(400)})
    session.commit()
    assert len(browser.answer()) > 1
    session = browser.request(options)
    assert len(Visitor(session).cart) == 400
    Visitor(session).cart.clear()
    session.commit()
    browser.answer()
    assert list(browser.cookies) == [NAME]


def test_it_is_renewed_and_sealed_by_the_newest_password(
    browser: Browser, schema: Any, clock: Clock
) -> None:
    browser.visit(make_options(password={1: OLD}), user=ADA)
    both = {1: OLD, 2: PASSWORD}
    options = make_options(password=both, schema=schema, renew_after=60)
    session = browser.request(options)
    assert Visitor(session).user.name == "ada"
    assert not session.modified
    session.commit()
    assert password_id_of(browser.answer()[NAME].value) == "2"
    clock.advance(61)
    session = browser.request(options)
    assert Visitor(session).user.name == "ada"
    session.commit()
    assert open_text(browser.answer()[NAME].value, password=both) == {"user": ADA}


# --- threads ----------------------------------------------------------------------------------


def test_two_threads_that_read_first_at_once_have_one_instance(browser: Browser) -> None:
    """A default that waits for the other thread makes sure that both are within."""
    both = threading.Barrier(2, timeout=10)
    waiting: list[bool] = []

    def make() -> str:
        if waiting:
            waiting.pop()
            both.wait()
        return ""

    @dataclass
    class Slow:
        name: str = field(default_factory=make)
        count: int = 0

    browser.visit(make_options(), count=1)
    for header in (browser.header, ""):
        session = get_iron_session(HeaderJar(header), make_options(schema=Slow))
        waiting[:] = [True, True]
        with ThreadPoolExecutor(2) as pool:
            looks = [pool.submit(getattr, session, "data") for _ in range(2)]
            first, second = (look.result() for look in looks)
        assert waiting == []
        assert first is second is session.data


# --- the particulars of the libraries -------------------------------------------------------------


class Cat(msgspec.Struct, tag=True):
    lives: int = 9


class Dog(msgspec.Struct, tag=True):
    name: str = ""


class Owner(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    first_pet: Cat | Dog = msgspec.field(default_factory=Cat)
    all_pets: list[Cat | Dog] = []
    text: str = ""
    age: Annotated[int, msgspec.Meta(ge=0)] = 0


def test_structs_are_written_as_they_say(browser: Browser) -> None:
    options = make_options(schema=Owner)
    session = browser.request(options)
    session.data.first_pet = Dog("rex")
    session.data.all_pets = [Cat(1)]
    assert session == {
        "firstPet": {"type": "Dog", "name": "rex"},
        "allPets": [{"type": "Cat", "lives": 1}],
    }
    session.save()
    browser.answer()
    session = browser.request(options)
    assert session.data == Owner(first_pet=Dog("rex"), all_pets=[Cat(1)])
    session.data.all_pets.clear()
    session.data.first_pet = Cat()
    session.commit()
    browser.answer()
    assert open_text(browser.cookies[NAME]) == {"firstPet": {"type": "Cat", "lives": 9}}


def test_a_default_that_was_written_out_goes_when_it_is_left_out(browser: Browser) -> None:
    browser.visit(make_options(), text="old", age=0)
    session = browser.request(make_options(schema=Owner))
    session.data.text = ""
    assert session == {"firstPet": {"type": "Cat", "lives": 9}} or session == {}


@dataclass
class Cached:
    name: str = ""

    @cached_property
    def upper(self) -> str:
        return self.name.upper()

    @property
    def lower(self) -> str:
        return self.name.lower()


def test_what_is_computed_is_not_written(browser: Browser) -> None:
    session = browser.request(make_options(schema=Cached))
    session.data.name = "Ada"
    assert (session.data.upper, session.data.lower) == ("ADA", "ada")
    put(session.data, "extra", 5)
    assert session == {"name": "Ada"}


@attrs.define
class Limited:
    count: int = attrs.field(default=1, validator=attrs.validators.gt(0))


def test_validators_of_attrs_hold_for_cookies(browser: Browser, failures: Failures) -> None:
    browser.visit(make_options(), count=-1)
    session = browser.request(make_options(schema=Limited, on_unseal_error=failures))
    assert session.data == Limited(1)
    assert failures.reasons == ["schema"]


class Markup(str):
    def __str__(self) -> str:
        return "not this"


class Seconds(float):
    pass


class Number(int):
    pass


@dataclass
class Subclassed:
    text: str = ""
    number: int = 0
    seconds: float = 0.0


def test_subclasses_of_text_and_numbers_are_written_by_their_value(browser: Browser) -> None:
    session = browser.request(make_options(schema=Subclassed))
    session.data = Subclassed(Markup("<b>"), Number(5), Seconds(1.5))
    assert session == {"text": "<b>", "number": 5, "seconds": 1.5}


class Aliased(pydantic.BaseModel):
    user_id: int = pydantic.Field(
        0,
        validation_alias=pydantic.AliasChoices("userId", "uid"),
        serialization_alias="userId",
    )

    @pydantic.computed_field  # type: ignore[prop-decorator]  # as its documentation has it
    @property
    def double(self) -> int:
        return self.user_id * 2


def test_aliases_are_the_keys_and_the_old_ones_go(browser: Browser) -> None:
    """They are read before the new ones, and would win."""
    browser.visit(make_options(), uid=1, user_id="nobody's")
    session = browser.request(make_options(schema=Aliased))
    assert session.data.user_id == 1
    assert not session.modified
    session.data.user_id = 2
    assert session == {"userId": 2, "user_id": "nobody's"}


class Named(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(alias_generator=to_camel, populate_by_name=True, strict=True)
    first_name: str = ""
    last_seen: datetime | None = None
    tags: set[str] = set()
    pair: tuple[int, UUID] | None = None


def test_strict_models_read_what_they_wrote(browser: Browser) -> None:
    options = make_options(schema=Named)
    session = browser.request(options)
    session.data.last_seen = datetime(2027, 1, 15, tzinfo=UTC)
    session.data.tags = {"b", "a"}
    session.data.pair = (1, UUID(int=1))
    session.save()
    browser.answer()
    session = browser.request(options)
    assert session["tags"] == ["a", "b"]
    assert session["lastSeen"] == "2027-01-15T00:00:00Z"
    assert session.data.pair == (1, UUID(int=1))
    browser.cookies.clear()
    browser.visit(make_options(), first_name="ada")
    session = browser.request(options)
    assert session.data.first_name == "ada"
    session.data.first_name = "bob"
    assert session["firstName"] == "bob"
    assert "first_name" not in session


class Own(pydantic.BaseModel):
    at: datetime | None = None
    short: datetime | None = None
    token: pydantic.SecretStr = pydantic.SecretStr("")
    infinite: Annotated[float, pydantic.Field(allow_inf_nan=True)] = 0.0

    @pydantic.field_serializer("infinite")
    def write_infinite(self, infinite: float) -> str:
        return str(infinite)

    @pydantic.field_serializer("at", when_used="json")
    def write_at(self, at: datetime | None) -> float | None:
        return at.timestamp() if at else None

    @pydantic.field_serializer("short")
    def write_short(self, short: datetime | None) -> str | None:
        return short.strftime("%Y-%m-%dT%H:%MZ") if short else None

    @pydantic.field_serializer("token", when_used="json")
    def reveal(self, token: pydantic.SecretStr) -> str:
        return token.get_secret_value()


def test_serializers_of_the_applications_stay_as_they_are(browser: Browser) -> None:
    options = make_options(schema=Own)
    session = browser.request(options)
    when = datetime(2027, 1, 15, 8, 30, tzinfo=UTC)
    given = Own(at=when, short=when, token=pydantic.SecretStr("abc"), infinite=float("inf"))
    session.data = given
    session.save()
    browser.answer()
    assert open_text(browser.cookies[NAME]) == {
        "at": when.timestamp(),
        "short": "2027-01-15T08:30Z",
        "token": "abc",
        "infinite": "inf",
    }
    session = browser.request(options)
    assert session.data == given
    assert not session.modified


class Reshaping(pydantic.BaseModel):
    """A set that is written as an object, and a dict that is written as a list."""

    roles: set[str] = set()
    names: dict[int, str] = {}

    @pydantic.field_serializer("roles")
    def write_roles(self, roles: set[str]) -> dict[str, bool]:
        return dict.fromkeys(sorted(roles), True)

    @pydantic.field_serializer("names")
    def write_names(self, names: dict[int, str]) -> list[list[Any]]:
        return [[number, name] for number, name in names.items()]

    @pydantic.field_validator("roles", "names", mode="before")
    @classmethod
    def read(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        return list(value) if info.field_name == "roles" else dict(value)


def test_a_serializer_may_write_a_set_as_an_object_and_a_dict_as_a_list(browser: Browser) -> None:
    options = make_options(schema=Reshaping)
    session = browser.request(options)
    session.data = Reshaping(roles={"editor", "admin"}, names={2: "b", 1: "a"})
    session.save()
    browser.answer()
    assert open_text(browser.cookies[NAME]) == {
        "roles": {"admin": True, "editor": True},
        "names": [[2, "b"], [1, "a"]],
    }
    session = browser.request(options)
    assert session.data.roles == {"admin", "editor"}
    assert session.data.names == {2: "b", 1: "a"}
    assert not session.modified


class Login(TypedDictOfPydantic, total=False):
    token: Annotated[str, pydantic.Field(exclude=True)]
    seen: datetime
    visits: Annotated[int, pydantic.Field(alias="n")]


def test_what_stands_beside_an_excluded_key_is_written_as_elsewhere(browser: Browser) -> None:
    class Holder(pydantic.BaseModel):
        login: Login = {}

    session = browser.request(make_options(schema=Holder))
    seen = datetime(2027, 1, 15, 9, tzinfo=timezone(timedelta(hours=1)))
    session.data.login = {"token": "abc", "seen": seen, "visits": 3}
    assert session["login"] == {"seen": "2027-01-15T08:00:00Z", "n": 3}


class Hidden(pydantic.BaseModel):
    value: Any = None


def test_a_secret_where_nobody_looked_for_one_is_refused(browser: Browser) -> None:
    session = browser.request(make_options(schema=Hidden))
    session.data.value = [pydantic.SecretStr("abc")]
    with pytest.raises(NotSerializableError, match=r'^session\.data\["value"\]'):
        session.save()


def test_what_would_come_back_as_something_else_is_refused(browser: Browser) -> None:
    class Shouting(pydantic.BaseModel):
        card: str = ""

        @pydantic.field_validator("card")
        @classmethod
        def double(cls, card: str) -> str:
            return card * 2

    session = browser.request(make_options(schema=Shouting))
    session.data.card = "1234"
    with pytest.raises(NotSerializableError, match=r"^session\.data\.card is not what Shouting"):
        session.save()


class Omitting(pydantic.BaseModel):
    """A type that writes no zero, and makes a zero of a hundred."""

    a: int = 0
    size: int | None = 5
    note: int | None = None

    @pydantic.model_serializer(mode="wrap")
    def omit(self, handler: pydantic.SerializerFunctionWrapHandler) -> dict[str, int | None]:
        return {key: value for key, value in handler(self).items() if value != 0}

    @pydantic.field_validator("size")
    @classmethod
    def limit(cls, size: int) -> int:
        return 0 if size == 100 else size


@pytest.mark.parametrize(
    ("field", "value"),
    [("size", 0), ("note", 0), ("size", 100)],
    ids=["it would come back", "it would come back as None", "it would be left out next time"],
)
def test_what_would_come_back_from_nothing_or_vanish_is_refused(
    browser: Browser, field: str, value: int
) -> None:
    session = browser.request(make_options(schema=Omitting))
    setattr(session.data, field, value)
    with pytest.raises(
        NotSerializableError, match=rf"^session\.data\.{field} is not what Omitting"
    ):
        session.save()


def test_a_refusal_of_the_whole_names_no_field(browser: Browser) -> None:
    class Even(pydantic.BaseModel):
        a: int = 0
        b: int = 0

        @pydantic.model_validator(mode="after")
        def check(self) -> Even:
            if (self.a + self.b) % 2:
                raise ValueError("odd")
            return self

    session = browser.request(make_options(schema=Even))
    session.data.a = 1
    with pytest.raises(NotSerializableError, match=r"^session\.data is not what Even declares"):
        session.save()


class Node(pydantic.BaseModel):
    name: str = ""
    children: list[Node] = []
    roots: pydantic.RootModel[dict[str, set[int]]] = pydantic.RootModel[dict[str, set[int]]]({})


def test_models_within_themselves_and_root_models_within_others(browser: Browser) -> None:
    options = make_options(schema=Node)
    session = browser.request(options)
    session.data.children.append(Node(name="a", children=[Node(name="b")]))
    session.data.roots.root["x"] = {3, 10, 2}
    session.save()
    browser.answer()
    session = browser.request(options)
    assert session.data.children[0].children[0].name == "b"
    assert session["roots"] == {"x": [2, 3, 10]}


@pytest.mark.parametrize("kind", KINDS)
def test_half_an_emoji_does_not_end_a_session(
    browser: Browser, failures: Failures, kind: str
) -> None:
    """JavaScript's `slice` leaves such halves."""
    browser.visit(make_options(), text="\ud83d", seen="2027-01-15T08:00:00Z")
    fields = {"text": (str, ""), "seen": (datetime | None, None)}
    options = make_options(schema=KINDS[kind]("Guest", fields), on_unseal_error=failures)
    session = browser.request(options)
    assert Visitor(session).text == "\ud83d"
    assert Visitor(session).seen == datetime(2027, 1, 15, 8, tzinfo=UTC)
    put(session.data, "text", "\ud83d!")
    session.save()
    browser.answer()
    assert Visitor(browser.request(options)).text == "\ud83d!"
    assert failures == []


def test_a_number_for_another_is_told_apart_where_json_tells_it(browser: Browser) -> None:
    @dataclass
    class Holder:
        value: Any = 1

    options = make_options(schema=Holder)
    session = browser.request(options)
    for value in (True, 1.0, 1):
        session.data.value = value
        session.save()
        stored = open_text(browser.answer()[NAME].value)["value"]
        assert type(stored) is type(value)


class Part(TypedDict, total=False):
    name: str


def test_typed_dicts_within_others(browser: Browser) -> None:
    @dataclass
    class Guest:
        part: Part = field(default_factory=Part)

    browser.visit(make_options(), part={"name": "a", "more": 1})
    session = browser.request(make_options(schema=Guest))
    assert session.data.part == {"name": "a"}
    session.data.part["name"] = "b"
    assert session["part"] == {"name": "b", "more": 1}


@pytest.mark.parametrize("kind", ["dataclass", "pydantic model"])
def test_a_value_of_the_schema_that_is_changed_in_the_mapping_is_refused(
    kind: str, browser: Browser
) -> None:
    """Or it would be lost, or stand in the cookie without having been checked."""
    options = make_options(schema=KINDS[kind]("Visitor", {"cart": (list[int], [])}))
    browser.visit(make_options(), cart=[1])
    session = browser.request(options)
    session["cart"].append("nonsense")
    with pytest.raises(NotSerializableError, match=r'^session\["cart"\] was changed'):
        session.commit()
    with pytest.raises(NotSerializableError, match=r'^session\["cart"\] was changed'):
        session.save()
    assert browser.answer() == {}
    session["cart"].pop()
    get(session.data, "cart").append(2)
    session.save()
    assert open_text(session.seal or "") == {"cart": [1, 2]}
    session["cart"].append(3)
    with pytest.raises(NotSerializableError, match=r"change it in session\.data"):
        session.save()


@pytest.mark.parametrize("kind", ["dataclass", "pydantic model"])
def test_clear_as_the_first_look_leaves_nothing_of_who_was_there(
    kind: str, browser: Browser
) -> None:
    """As at a login."""
    options = make_options(
        schema=KINDS[kind]("Visitor", {"user": (int, 0), "cart": (list[int], [])})
    )
    browser.visit(make_options(), user=7, cart=[1], other="x")
    session = browser.request(options)
    session.clear()
    assert get(session.data, "user") == 0
    put(session.data, "user", 8)
    session.save()
    assert open_text(session.seal or "") == {"user": 8, "cart": []}
