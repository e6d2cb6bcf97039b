"""The session: a mapping, what it knows of itself, and what is written when."""

import copy
import json
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from iron_session import (
    ConfigurationError,
    CookieOptions,
    CookieTooLargeError,
    HeaderJar,
    HeadersAlreadySentError,
    NotSerializableError,
    Session,
    SessionDestroyedError,
    get_iron_session,
)
from iron_session.sessions import SetCookie
from tests.helpers.clock import Clock
from tests.sessions.browser import (
    NAME,
    NOW,
    OLD,
    PASSWORD,
    TTL,
    Browser,
    Failures,
    ReceivedCookie,
    cookie_of,
    expiration_of,
    make_options,
    open_text,
    password_id_of,
    saved,
    session_of,
)

pytestmark = pytest.mark.usefixtures("clock")

DAY = 24 * 3600


class UntouchableJar:
    """Fails the test at the first cookie that is read or written."""

    def read(self, name: str) -> Sequence[str]:
        pytest.fail(f"{name} was read")

    def write(self, cookie: SetCookie) -> None:
        pytest.fail(f"{cookie.name} was written")


def at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def flags(session: Session) -> set[str]:
    """Name what is true of a session just now."""
    names = ("is_new", "modified", "is_unsaved", "destroyed")
    return {name for name in names if getattr(session, name)}


# --- laziness ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        repr,
        str,
        Session.commit,
        Session.mark_accessed,
        lambda session: session.options,
        lambda session: session.modified,
        lambda session: session.is_unsaved,
        lambda session: session.destroyed,
        lambda session: session.accessed,
    ],
)
def test_what_looks_at_no_data_reads_no_cookie(use: Callable[[Session], object]) -> None:
    use(get_iron_session(UntouchableJar(), make_options()))


@pytest.mark.parametrize(
    "use",
    [
        lambda session: session.get("user"),
        lambda session: "user" in session,
        len,
        list,
        bool,
        lambda session: session == {},
        lambda session: session.is_new,
        lambda session: session.expires_at,
        lambda session: session.created_at,
        lambda session: session.ttl,
        lambda session: session.update(a=1),
        lambda session: session.pop("user", None),
        lambda session: session.setdefault("a", 1),
        Session.clear,
        Session.save,
        Session.destroy,
        lambda session: session.update_config(make_options()),
    ],
)
def test_every_look_at_the_data_makes_the_response_depend_on_it(
    use: Callable[[Session], object],
) -> None:
    session = session_of(cookie_of('{"user":1}'))
    assert session.accessed is False
    use(session)
    assert session.accessed is True


def test_an_untouched_session_is_neither_changed_nor_gone() -> None:
    """As plain booleans, so that they can be logged as they are."""
    session = get_iron_session(UntouchableJar(), make_options())
    assert session.modified is False
    assert session.is_unsaved is False
    assert session.destroyed is False


def test_the_cookies_are_read_once() -> None:
    reads: list[str] = []

    class CountingJar:
        def read(self, name: str) -> Sequence[str]:
            reads.append(name)
            return ()

        def write(self, cookie: SetCookie) -> None:
            """Take it."""

    session = get_iron_session(CountingJar(), make_options())
    for _ in range(3):
        session.get("user")
        assert session.is_new
    assert len(reads) == len(set(reads))


@pytest.mark.parametrize("header", ["", cookie_of('{"list":[]}'), f"{NAME}=junk"])
def test_two_that_read_the_session_at_once_get_the_same_data(
    failures: Failures, header: str
) -> None:
    """Threads of one request, as of Starlette's sync handlers: a change of either is in both."""

    class BusyJar(HeaderJar):
        def read(self, name: str) -> Sequence[str]:
            if not found:
                found.append({})  # the second finds the first still reading
                found[0] = session._load()
                session["second"] = 1
            return super().read(name)

    found: list[dict[str, Any]] = []
    session = get_iron_session(BusyJar(header), make_options(on_unseal_error=failures))
    assert session._load() is found[0]
    assert session["second"] == 1
    assert session.modified
    assert session.is_new is ("Fe26" not in header)
    assert failures.reasons == (["invalid"] if "junk" in header else [])


# --- a mapping ---------------------------------------------------------------------------------


def test_it_is_a_mutable_mapping_equal_to_a_dict() -> None:
    session = session_of(cookie_of('{"user":{"id":1},"cart":[1,2]}'))
    assert isinstance(session, MutableMapping)
    other: object = [("user", {"id": 1}), ("cart", [1, 2])]
    assert session == {"user": {"id": 1}, "cart": [1, 2]}
    assert session != {"user": {"id": 1}}
    assert session != other
    assert list(session) == ["user", "cart"]
    assert list(session.items()) == [("user", {"id": 1}), ("cart", [1, 2])]
    assert len(session) == 2
    assert {**session} == dict(session)


def test_two_sessions_are_equal_by_their_data() -> None:
    assert session_of(cookie_of('{"a":1}')) == session_of(cookie_of('{"a":1}'))
    assert session_of(cookie_of('{"a":1}')) != session_of(cookie_of('{"a":2}'))


def test_a_key_that_is_not_there_is_a_key_error() -> None:
    session = session_of("")
    with pytest.raises(KeyError, match="user"):
        session["user"]
    with pytest.raises(KeyError, match="user"):
        del session["user"]
    with pytest.raises(KeyError):
        session.pop("user")
    with pytest.raises(KeyError):
        session.popitem()
    assert session.get("user") is None
    assert session.get("user", 7) == 7
    assert "user" not in session
    number: Any = 1
    assert number not in session


def test_the_methods_of_a_dict_do_what_a_dict_does() -> None:
    session, model = session_of(cookie_of('{"a":1,"b":2}')), dict[str, Any](a=1, b=2)
    one: MutableMapping[str, Any]
    for one in (session, model):
        assert one.setdefault("a", 9) == 1
        assert one.setdefault("c", [3]) == [3]
        one.update({"d": 4}, e=5)
        assert one.pop("b") == 2
        assert one.pop("b", None) is None
        del one["a"]
        one["f"] = {"g": [True, None, 1.5, "é"]}
    assert session == model
    assert list(session) == list(model)
    for one in (session, model):
        one.clear()
        assert not one


def test_set_and_unset_are_the_mapping_by_other_names() -> None:
    session = session_of(cookie_of('{"a":1,"b":2}'))
    session.set("c", {"d": [3]})
    session.unset("a")
    assert session == {"b": 2, "c": {"d": [3]}}
    assert session.modified


def test_unset_does_not_mind_a_key_that_is_missing() -> None:
    session = session_of(cookie_of('{"b":2}'))
    session.unset("a")
    assert session == {"b": 2}
    assert not session.modified
    assert session.accessed


def test_set_refuses_at_once_what_json_can_not_carry() -> None:
    session = session_of("")
    with pytest.raises(NotSerializableError, match=r'^session\["when"\] is a datetime'):
        session.set("when", datetime.now(UTC))
    assert session == {}


@pytest.mark.parametrize("attribute", ["save", "destroy", "update_config", "commit", "jar", "seal"])
def test_methods_can_not_be_replaced(attribute: str) -> None:
    """`session.save = …` is a mistake for `session["save"] = …`."""
    session = session_of("")
    with pytest.raises(AttributeError):
        setattr(session, attribute, lambda: None)


def test_an_attribute_is_no_way_to_store_data() -> None:
    """What would be lost without a word is refused."""
    with pytest.raises(AttributeError):
        session_of("").user = 1  # type: ignore[attr-defined]  # wrong on purpose


def test_keys_named_like_methods_are_only_keys(browser: Browser) -> None:
    options = make_options()
    browser.visit(options, save=1, destroy=2, _data=3, __class__=4)
    assert browser.request(options) == {"save": 1, "destroy": 2, "_data": 3, "__class__": 4}


# --- what may be stored ------------------------------------------------------------------------


@pytest.mark.parametrize("key", [1, None, True, 1.5, ("a",), b"a"])
def test_a_key_that_is_no_text_is_refused_at_once(key: Any) -> None:
    """JSON would turn 1 into "1", and the next request would not find it."""
    session = session_of("")
    with pytest.raises(NotSerializableError, match=r"^session has a key of type.*use str\(…\)"):
        session[key] = 1
    assert session == {}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (datetime(2099, 1, 1, tzinfo=UTC), 'session["a"]'),
        (object(), 'session["a"]'),
        ({1, 2}, 'session["a"]'),
        (b"x", 'session["a"]'),
        (float("nan"), 'session["a"]'),
        (float("inf"), 'session["a"]'),
        ({"b": [0, {"c": object()}]}, 'session["a"]["b"][1]["c"]'),
        ([1, [float("nan")]], 'session["a"][1][0]'),
        ({"b": {1: 2}}, 'session["a"]["b"]'),
        ({"b": [{"__proto__": 1}]}, 'session["a"]["b"][0]["__proto__"]'),
        (({"x"},), 'session["a"][0]'),
        (len, 'session["a"]'),
    ],
)
def test_a_value_that_json_can_not_carry_is_refused_at_once(value: Any, path: str) -> None:
    """With the line of the application that did it in the traceback, and the place in the value."""
    session = session_of(cookie_of('{"a":1}'))
    for store in (
        lambda: session.__setitem__("a", value),
        lambda: session.update(a=value),
        lambda: session.pop("a") and session.setdefault("a", value),
    ):
        with pytest.raises(NotSerializableError) as caught:
            store()
        assert caught.value.path == path
        assert str(caught.value).startswith(f"{path} ")
    assert "a" not in session


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, 0, -1, 2**63, 1.5, "", "é😀\ud800", [], {}, [[[]]], {"": {}},
        {"a": [1, {"b": None}]},
    ],
)  # fmt: skip
def test_every_json_value_comes_back_equal(browser: Browser, value: Any) -> None:
    options = make_options()
    browser.visit(options, value=value)
    session = browser.request(options)
    assert session["value"] == value
    assert type(session["value"]) is type(value)


def test_a_tuple_comes_back_as_a_list(browser: Browser) -> None:
    browser.visit(make_options(), value=(1, (2,)))
    assert browser.request(make_options())["value"] == [1, [2]]


def test_what_becomes_unfit_later_is_refused_on_save_with_its_path(browser: Browser) -> None:
    """And the session that the browser has stays as it is: nothing was written."""
    options = make_options()
    browser.visit(options, cart=[{"id": 1}])
    for write in (Session.save, Session.commit):
        session = browser.request(options)
        session["cart"][0]["when"] = datetime(2099, 1, 1, tzinfo=UTC)
        assert session.modified
        assert session.is_unsaved
        with pytest.raises(NotSerializableError) as caught:
            write(session)
        assert caught.value.path == 'session["cart"][0]["when"]'
        assert "isoformat" in str(caught.value)
        assert browser.answer() == {}
    assert browser.request(options) == {"cart": [{"id": 1}]}


@pytest.mark.parametrize("write", [Session.save, Session.commit])
@pytest.mark.parametrize("value", [1, {"admin": True}])
def test_the_key_proto_is_refused_before_it_is_written(
    browser: Browser, value: Any, write: Callable[[Session], object]
) -> None:
    """A visitor's dict may hold it; the session that the browser has stays as it is."""

    def take_over() -> None:
        session.update({"__proto__": value})
        write(session)

    options = make_options()
    browser.visit(options, user=1)
    session = browser.request(options)
    with pytest.raises(NotSerializableError) as caught:
        take_over()
    assert caught.value.path == 'session["__proto__"]'
    assert str(caught.value).endswith(": leave it out")
    assert browser.answer() == {}
    assert browser.request(options) == {"user": 1}


@pytest.mark.parametrize("value", [1, "a", None, {"admin": True}])
def test_the_key_proto_is_refused_at_once(value: Any) -> None:
    session = session_of("")
    with pytest.raises(NotSerializableError, match="prototype"):
        session["__proto__"] = value
    assert session == {}


def test_a_value_that_contains_itself_is_refused() -> None:
    session = session_of("")
    session["a"] = []
    session["a"].append(session["a"])
    with pytest.raises(NotSerializableError, match="contains itself"):
        session.save()


def test_the_reserved_name_is_refused_wherever_it_is_set() -> None:
    session = session_of("")
    for store in (
        lambda: session.__setitem__("$iron", {}),
        lambda: session.update({"$iron": None}),
        lambda: session.setdefault("$iron", "x"),
    ):
        with pytest.raises(NotSerializableError, match=r'^session\["\$iron"\] is a reserved name'):
            store()
    session["nested"] = {"$iron": 1}
    session.save()


def test_the_reserved_member_can_not_be_taken_out() -> None:
    session = session_of(cookie_of('{"a":1,"$iron":{"sid":"x"}}'))
    with pytest.raises(KeyError):
        del session["$iron"]
    with pytest.raises(KeyError):
        session.pop("$iron")


def test_assigning_a_value_looks_at_the_request_first(browser: Browser) -> None:
    """A session that is only written to keeps what was in it."""
    options = make_options()
    browser.visit(options, a=1)
    session = browser.request(options)
    session["b"] = 2
    session.commit()
    browser.answer()
    assert browser.request(options) == {"a": 1, "b": 2}


# --- replace -----------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [{"b": [2]}, {}, {"a": 1}, MappingProxyType({"b": None})])
def test_replacing_leaves_the_new_data_only_and_the_session_its_life(
    browser: Browser, clock: Clock, data: Mapping[str, Any]
) -> None:
    """As a plain dict in the session's place does; to clear is to begin a life anew."""
    options = make_options(ttl=600, max_lifetime=1000)
    session = browser.request(options)
    session["a"] = 1
    session.save(ttl=900)
    browser.answer()
    clock.advance(300)
    session = browser.request(options)
    session.replace(data)
    assert session == data
    assert list(session) == list(data)
    session.save()
    seal = browser.answer()[NAME].value
    assert open_text(seal) == {**data, "$iron": {"created": NOW, "ttl": 900}}
    assert expiration_of(seal) == NOW + 1_000_000


def test_replacing_by_the_same_data_is_no_change(browser: Browser) -> None:
    header = cookie_of(f'{{"a":[1],"$iron":{{"created":{NOW}}}}}')
    assert written_by(header, lambda session: session.replace({"a": [1]})) == {}
    assert written_by(header, lambda session: session.replace(session)) == {}


def test_replacing_takes_over_a_copy(browser: Browser) -> None:
    session, data = session_of(cookie_of('{"a":1}')), {"b": 2}
    session.replace(data)
    data["c"] = 3
    assert session == {"b": 2}


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"b": 1, "c": object()}, 'session["c"]'),
        ({"b": object()}, 'session["b"]'),
        ({"b": 1, "c": {"d": [float("nan")]}}, 'session["c"]["d"][0]'),
        ({"b": 1, "$iron": {}}, 'session["$iron"]'),
        ({"b": 1, 2: 3}, "session"),
        ([("b", 1)], "session"),
        (None, "session"),
    ],
)
def test_replacing_by_what_json_can_not_carry_leaves_the_session_as_it_was(
    data: Any, path: str
) -> None:
    session = session_of(cookie_of(f'{{"a":[1],"$iron":{{"created":{NOW}}}}}'))
    before = session["a"]
    with pytest.raises(NotSerializableError) as caught:
        session.replace(data)
    assert caught.value.path == path
    assert session == {"a": [1]}
    assert session["a"] is before
    assert flags(session) == set()


# --- what is shown of it -----------------------------------------------------------------------


def test_the_repr_tells_the_state_and_never_the_data() -> None:
    session = session_of(cookie_of('{"user":"alice"}'))
    assert repr(session) == "<Session 'myapp': not read yet>"
    session.get("user")
    assert repr(session) == "<Session 'myapp': 1 keys>"
    session["more"] = "bob"
    for hidden in ("alice", "bob", "user", "more", PASSWORD):
        assert hidden not in f"{session!r} {session}"
    session.destroy()
    assert repr(session) == "<Session 'myapp': destroyed>"
    fresh = session_of("")
    fresh.get("user")
    assert repr(fresh) == "<Session 'myapp': new, 0 keys>"


# --- what it knows -----------------------------------------------------------------------------


def test_a_new_session_knows_that_it_is(browser: Browser) -> None:
    session = browser.request(make_options())
    assert flags(session) == {"is_new"}
    assert session.expires_at is None
    session["user"] = 1
    assert flags(session) == {"is_new", "modified", "is_unsaved"}
    session.save()
    assert flags(session) == {"is_new"}  # to this request: the browser has only begun to have it
    assert session.expires_at == at(NOW + TTL * 1000)


def test_a_session_that_was_there_knows_that_too(browser: Browser, clock: Clock) -> None:
    browser.visit(make_options(ttl=100), user=1)
    clock.advance(40)
    session = browser.request(make_options(ttl=100))
    assert not session.is_new
    assert not session.modified
    assert session.expires_at == at(NOW + 100_000)
    session.save()
    assert session.expires_at == at(NOW + 140_000)
    assert not session.is_new


def test_an_empty_session_that_was_there_is_not_new() -> None:
    assert not session_of(cookie_of("{}")).is_new


@pytest.mark.parametrize(
    ("expires", "expected"),
    [
        (None, None),
        (NOW + 1, at(NOW + 1)),
        (253402300799000, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (253402300800000, datetime.max.replace(tzinfo=UTC)),
        (8640000000000000, datetime.max.replace(tzinfo=UTC)),
        (10**20, datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_expires_at_is_in_utc_and_never_out_of_bounds(
    expires: int | None, expected: datetime | None
) -> None:
    """JavaScript's years go further than Python's."""
    session = session_of(cookie_of('{"a":1}', expires=expires))
    assert session.expires_at == expected
    assert expected is None or (session.expires_at and session.expires_at.tzinfo is UTC)


def test_a_session_knows_its_ttl(browser: Browser) -> None:
    """Its own, if it was given one."""
    session = browser.request(make_options(ttl=600))
    assert session.ttl == timedelta(seconds=600)
    session["user"] = 1
    session.save(ttl=90)
    assert session.ttl == timedelta(seconds=90)
    browser.answer()
    assert browser.request(make_options(ttl=600)).ttl == timedelta(seconds=90)
    assert session_of("", ttl=0).ttl == timedelta(0)


def test_a_session_with_a_bound_on_its_life_knows_when_it_began(
    browser: Browser, clock: Clock
) -> None:
    """Saves and renewals do not change that; a session that starts over begins anew."""
    options = make_options(max_lifetime=30 * DAY)
    session = browser.request(options)
    assert session.created_at is None
    session["user"] = 1
    session.save()
    assert session.created_at == at(NOW)
    browser.answer()
    clock.advance(DAY)
    browser.visit(options, user=2)
    session = browser.request(options)
    assert session.created_at == at(NOW)
    session.clear()
    session["user"] = 3
    session.save()
    assert session.created_at == at(NOW + DAY * 1000)


@pytest.mark.parametrize(
    ("json", "expected"),
    [
        ('{"a":1}', None),
        ('{"a":1,"$iron":{"created":1000}}', at(1000)),
        ('{"a":1,"$iron":{"created":"x"}}', None),
        ('{"a":1,"$iron":{"created":8640000000000000}}', at(NOW)),
    ],
)
def test_when_a_session_began_is_known_where_it_was_written_down(
    clock: Clock, json: str, expected: datetime | None
) -> None:
    assert session_of(cookie_of(json)).created_at == expected


CHANGES: dict[str, Callable[[Any], object]] = {
    "a new key": lambda session: session.update(new=1),
    "another value": lambda session: session.update(n=2),
    "another type": lambda session: session.update(n=True),
    "a key taken out": lambda session: session.pop("n"),
    "an item added to a list": lambda session: session["list"].append(1),
    "an item taken out of a list": lambda session: session["list"].pop(),
    "a list sorted": lambda session: session["list"].sort(),
    "a key added deep below": lambda session: session["deep"]["x"][0].update(z=1),
    "a value changed deep below": lambda session: session["deep"]["x"][0].update(y=2),
    "a key taken out deep below": lambda session: session["deep"]["x"][0].pop("y"),
    "everything taken out": lambda session: session.clear(),
    "null for nothing": lambda session: session.update(new=None),
}

SAME: dict[str, Callable[[Any], object]] = {
    "the same value": lambda session: session.update(n=1),
    "an equal list": lambda session: session.update(list=[3, 1]),
    "an equal tuple": lambda session: session.update(list=(3, 1)),
    "a copy of it all": lambda session: session.update(copy.deepcopy(dict(session))),
    "a change that was undone": lambda session: (session.update(new=1), session.pop("new")),
    "an item added and taken out": lambda session: (
        session["list"].append(1),
        session["list"].pop(),
    ),
    "a look": lambda session: session["deep"]["x"],
    "a walk": sorted,
    "a default that was not needed": lambda session: session.setdefault("n", 5),
}

STORED = '{"n":1,"list":[3,1],"deep":{"x":[{"y":1}]}}'


@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_at_any_depth_is_noticed(change: Callable[[Any], object], marked: bool) -> None:
    stored = STORED[:-1] + ',"$iron":{"x":1}}' if marked else STORED
    jar = HeaderJar(cookie_of(stored))
    session = get_iron_session(jar, make_options())
    change(session)
    assert flags(session) == {"modified", "is_unsaved"}
    session.commit()
    assert len(jar.set_cookie_headers) == 1
    assert flags(session) == set()


@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_what_leaves_the_data_as_it_was_is_no_change(
    change: Callable[[Any], object], marked: bool
) -> None:
    stored = STORED[:-1] + ',"$iron":{"x":1}}' if marked else STORED
    jar = HeaderJar(cookie_of(stored))
    session = get_iron_session(jar, make_options())
    change(session)
    assert not session.modified
    session.commit()
    assert jar.set_cookie_headers == []


def test_a_change_in_what_javascript_wrote_is_noticed() -> None:
    """Whose numbers look different before anything has changed."""
    session = session_of(cookie_of('{"a":1e21,"b":0.000001}'))
    assert session["a"] == 10**21
    assert not session.modified
    session["b"] = 0.000002
    assert session.modified


def test_mark_accessed_only_says_that_the_response_depends_on_it() -> None:
    session = get_iron_session(UntouchableJar(), make_options())
    session.mark_accessed()
    assert session.accessed
    assert not session.modified
    session.commit()


# --- save --------------------------------------------------------------------------------------


def test_saving_writes_one_cookie_with_the_attributes_of_the_options(browser: Browser) -> None:
    session = browser.request(make_options())
    session["user"] = 1
    session.save()
    (header,) = browser.jar.set_cookie_headers
    pair, _, attributes = header.partition("; ")
    assert pair.startswith(f"{NAME}=Fe26.2*1*")
    assert pair.endswith("~2")
    assert attributes == "Max-Age=1209540; Path=/; HttpOnly; Secure; SameSite=Lax"


def test_saving_writes_though_nothing_changed(browser: Browser, clock: Clock) -> None:
    """An explicit save is an explicit save: the ttl begins anew."""
    browser.visit(make_options(), user=1)
    clock.advance(DAY)
    assert expiration_of(browser.visit(make_options())[NAME].value) == NOW + (TTL + DAY) * 1000


def test_saving_an_empty_session_writes_it(browser: Browser) -> None:
    assert open_text(browser.visit(make_options())[NAME].value) == {}
    assert not browser.request(make_options()).is_new


def test_saving_twice_leaves_one_cookie_the_last_one(browser: Browser) -> None:
    session = browser.request(make_options())
    session["n"] = 1
    session.save()
    session["n"] = 2
    session.save()
    assert open_text(browser.answer()[NAME].value) == {"n": 2}


def test_after_a_save_a_commit_has_nothing_to_do(browser: Browser) -> None:
    session = browser.request(make_options(password={1: OLD, 2: PASSWORD}, renew_after=1))
    session["n"] = 1
    session.save()
    before = browser.jar.set_cookie_headers
    session.commit()
    session.commit()
    assert browser.jar.set_cookie_headers == before


def test_a_change_after_a_save_is_committed(browser: Browser) -> None:
    session = browser.request(make_options())
    session["n"] = [1]
    session.save()
    session["n"].append(2)
    assert session.modified
    session.commit()
    browser.answer()
    assert browser.request(make_options()) == {"n": [1, 2]}


def test_a_change_undone_after_a_save_is_committed(browser: Browser) -> None:
    """What counts is what the browser will have, not what the request brought."""
    browser.visit(make_options(), n=1)
    session = browser.request(make_options())
    session["n"] = 2
    session.save()
    session["n"] = 1
    session.commit()
    browser.answer()
    assert browser.request(make_options()) == {"n": 1}


def test_the_newest_password_seals(browser: Browser) -> None:
    received = browser.visit(make_options(password={1: OLD, 10: PASSWORD, 9: OLD}), user=1)
    assert password_id_of(received[NAME].value) == "10"


def test_a_save_after_the_headers_have_gone_says_so(browser: Browser) -> None:
    session = browser.request(make_options())
    session["user"] = 1
    browser.jar.close()
    for _ in range(2):
        with pytest.raises(HeadersAlreadySentError):
            session.save()
    assert browser.answer() == {}


def test_a_commit_with_nothing_to_write_does_not_mind_closed_headers(browser: Browser) -> None:
    browser.visit(make_options(), user=1)
    session = browser.request(make_options())
    assert session["user"] == 1
    browser.jar.close()
    session.commit()


# --- a life of its own ------------------------------------------------------------------------


@pytest.mark.parametrize("ttl", [30 * DAY, timedelta(days=30)])
def test_a_ttl_given_on_save_is_remembered_by_later_saves(
    browser: Browser, clock: Clock, ttl: float | timedelta
) -> None:
    """Remember me: later requests need not know about it, and Node sees it as `$iron.ttl`."""
    options = make_options(ttl=3600)
    session = browser.request(options)
    session["user"] = 1
    session.save(ttl=ttl)
    received = browser.answer()[NAME]
    assert received.max_age == 30 * DAY - 60
    assert open_text(received.value) == {"user": 1, "$iron": {"ttl": 30 * DAY}}
    clock.advance(10 * DAY)
    session = browser.request(options)
    assert session == {"user": 1}
    session["user"] = 2
    session.commit()
    received = browser.answer()[NAME]
    assert received.max_age == 30 * DAY - 60
    assert expiration_of(received.value) == clock.now + 30 * DAY * 1000
    assert open_text(received.value)["$iron"] == {"ttl": 30 * DAY}


def test_a_ttl_given_again_replaces_the_one_before(browser: Browser, clock: Clock) -> None:
    options = make_options()
    session = browser.request(options)
    session["user"] = 1
    session.save(ttl=100)
    session.save(ttl=0.5)
    received = browser.answer()[NAME]
    assert open_text(received.value)["$iron"] == {"ttl": 0.5}
    assert received.max_age == 1
    assert expiration_of(received.value) == NOW + 500


def test_a_ttl_of_nothing_lives_for_ever(browser: Browser, clock: Clock) -> None:
    session = browser.request(make_options())
    session["user"] = 1
    session.save(ttl=0)
    received = browser.answer()[NAME]
    assert received.max_age == 2147483647
    assert expiration_of(received.value) is None
    assert session.expires_at is None
    clock.advance(100 * 365 * DAY)
    session = browser.request(make_options())
    session["user"] = 2
    session.commit()
    assert expiration_of(browser.answer()[NAME].value) is None


@pytest.mark.parametrize("ttl", [-1, float("nan"), True, "60", [], 1e11])
def test_a_ttl_that_is_none_is_refused_and_nothing_written(browser: Browser, ttl: Any) -> None:
    session = browser.request(make_options())
    session["user"] = 1
    with pytest.raises(ConfigurationError, match=r"^ttl must "):
        session.save(ttl=ttl)
    assert browser.answer() == {}
    session.save()
    assert open_text(browser.answer()[NAME].value) == {"user": 1}


NEVER = "ttl=0 never expires: give one of at most max_lifetime"
TOO_LONG = (
    "ttl must not be longer than max_lifetime, 1 minute and 40 seconds: give less, or raise "
    "max_lifetime"
)


@pytest.mark.parametrize(
    ("ttl", "message"),
    [
        (101, TOO_LONG),
        (100.001, TOO_LONG),
        (timedelta(seconds=101), TOO_LONG),
        (0, NEVER),
        (timedelta(0), NEVER),
    ],
)
def test_a_ttl_beyond_the_absolute_lifetime_is_refused(
    browser: Browser, ttl: Any, message: str
) -> None:
    session = browser.request(make_options(ttl=50, max_lifetime=100))
    session["user"] = 1
    with pytest.raises(ConfigurationError, match=rf"^{message}$"):
        session.save(ttl=ttl)
    assert browser.answer() == {}


def test_a_ttl_as_long_as_the_absolute_lifetime_is_taken(browser: Browser) -> None:
    session = browser.request(make_options(ttl=50, max_lifetime=100))
    session["user"] = 1
    session.save(ttl=100)
    assert expiration_of(browser.answer()[NAME].value) == NOW + 100_000


def test_one_session_s_life_changes_nobody_else_s(clock: Clock) -> None:
    options = make_options()
    one, other = Browser(), Browser()
    session = one.request(options)
    session["user"] = 1
    session.save(ttl=60, cookie_options={"same_site": "strict"})
    received = other.visit(options, user=2)[NAME]
    assert received.max_age == 1209540
    assert received.attributes["SameSite"] == "Lax"


# --- attributes of its own ---------------------------------------------------------------------


def test_a_mapping_of_attributes_changes_those_and_keeps_the_rest(browser: Browser) -> None:
    session = browser.request(make_options(cookie_options={"path": "/a", "priority": "low"}))
    session["user"] = 1
    session.save(cookie_options={"same_site": "strict", "max_age": None, "http_only": False})
    assert browser.answer()[NAME].attributes == {
        "Path": "/a",
        "Secure": None,
        "Priority": "Low",
        "SameSite": "Strict",
    }


def test_an_instance_of_attributes_replaces_all(browser: Browser) -> None:
    session = browser.request(make_options(cookie_options={"path": "/a", "priority": "low"}))
    session["user"] = 1
    session.save(cookie_options=CookieOptions(path="/a", same_site="strict", secure=False))
    assert browser.answer()[NAME].attributes == {
        "Max-Age": "1209540",
        "Path": "/a",
        "HttpOnly": None,
        "SameSite": "Strict",
    }


@pytest.mark.parametrize("end", ["destroy", "save", "clear", "shrink"])
def test_attributes_of_its_own_hold_for_the_whole_response(browser: Browser, end: str) -> None:
    """A deletion must match the cookie that was just set."""
    session = browser.request(make_options(chunk=True))
    session["text"] = "x" * 4000
    session.save(cookie_options={"same_site": "strict", "priority": "high", "http_only": False})
    if end == "destroy":
        session.destroy()
    elif end == "clear":
        session.clear()
    elif end == "shrink":
        session["text"] = "x"
    session.commit()
    for cookie in browser.answer().values():
        assert cookie.attributes["SameSite"] == "Strict"
        assert cookie.attributes["Priority"] == "High"
        assert "HttpOnly" not in cookie.attributes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"secure": False}, "__Host-"),
        (CookieOptions(secure=False), "__Host-"),
        (CookieOptions(path="/b"), "path can't be changed for one response"),
        ({"path": "/b"}, "path can't be changed for one response"),
        ({"path": None}, "path can't be changed for one response"),
        ({"domain": "example.com"}, "domain can't be changed for one response"),
        ({"partitioned": True}, "partitioned can't be changed for one response"),
        ({"sameSite": "lax"}, "same_site"),
        ({"path": "/\n"}, "path"),
        ("strict", "mapping"),
    ],
)
def test_attributes_that_no_browser_takes_are_refused_and_nothing_written(
    browser: Browser, changes: Any, message: str
) -> None:
    session = browser.request(make_options(cookie_name="__Host-a"))
    session["user"] = 1
    with pytest.raises(ConfigurationError, match=message):
        session.save(cookie_options=changes)
    assert browser.answer() == {}
    session.commit()
    assert browser.answer()["__Host-a"].attributes["Path"] == "/"


@pytest.mark.parametrize(
    ("offset_ms", "refused"), [(-1000, True), (-1, True), (0, False), (1000, False)]
)
def test_an_expires_in_the_past_is_refused_when_saving(
    browser: Browser, offset_ms: int, refused: bool
) -> None:
    """Browsers would drop the cookie, and the session would never last."""
    session = browser.request(make_options(cookie_options={"expires": at(NOW + offset_ms)}))
    session["user"] = 1
    if refused:
        with pytest.raises(ConfigurationError, match=r"^cookie_options\.expires is in the past"):
            session.save()
    else:
        session.save()
    assert bool(browser.answer()) is not refused


def test_an_expires_in_the_past_hinders_neither_reading_nor_leaving(browser: Browser) -> None:
    browser.visit(make_options(), user=1)
    options = make_options(cookie_options={"expires": at(NOW - 1000)})
    session = browser.request(options)
    assert session == {"user": 1}
    session.commit()
    session.destroy()
    assert browser.answer()[NAME].max_age == 0


def test_a_browser_session_cookie_keeps_the_ttl_of_its_seal(browser: Browser) -> None:
    """JavaScript makes such a seal eternal; here only the cookie loses its Max-Age."""
    received = browser.visit(make_options(cookie_options={"max_age": None}), user=1)[NAME]
    assert received.max_age is None
    assert expiration_of(received.value) == NOW + TTL * 1000


def test_an_explicit_max_age_leaves_the_seal_its_ttl(browser: Browser) -> None:
    received = browser.visit(make_options(cookie_options={"max_age": 77}), user=1)[NAME]
    assert received.max_age == 77
    assert expiration_of(received.value) == NOW + TTL * 1000


# --- destroy -----------------------------------------------------------------------------------


def test_destroying_empties_the_session_and_expires_its_cookie(browser: Browser) -> None:
    browser.visit(make_options(), user=1)
    session = browser.request(make_options())
    session.destroy()
    assert session == {}
    assert session.destroyed
    assert session.expires_at is None
    assert not session.modified
    assert not session.is_unsaved
    assert browser.jar.set_cookie_headers == [
        f"{NAME}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax"
    ]
    browser.answer()
    assert browser.cookies == {}


@pytest.mark.parametrize("attributes", [{}, {"max_age": 77}, {"max_age": None}])
def test_a_deletion_repeats_every_other_attribute(
    browser: Browser, attributes: dict[str, Any]
) -> None:
    """Or browsers keep the cookie."""
    cookie_options = {
        "path": "/a",
        "domain": "example.com",
        "same_site": "none",
        "partitioned": True,
        "priority": "high",
        "http_only": False,
        **attributes,
    }
    browser.request(make_options(cookie_options=cookie_options)).destroy()
    assert browser.answer()[NAME].attributes == {
        "Max-Age": "0",
        "Domain": "example.com",
        "Path": "/a",
        "Secure": None,
        "Partitioned": None,
        "Priority": "High",
        "SameSite": "None",
    }


# What a browser identifies a cookie by, or asks of one that would replace it: RFC 6265bis, 5.7.
IDENTITIES: dict[str, tuple[str, CookieOptions]] = {
    "defaults": (NAME, CookieOptions()),
    "not secure": (NAME, CookieOptions(secure=False)),
    "not http only": (NAME, CookieOptions(http_only=False)),
    "path": (NAME, CookieOptions(path="/app")),
    "domain": (NAME, CookieOptions(domain="example.com")),
    "partitioned": (NAME, CookieOptions(same_site="none", partitioned=True)),
    "strict": (NAME, CookieOptions(same_site="strict", priority="high")),
    "no max age": (NAME, CookieOptions(max_age=None)),
    "host prefix": (f"__Host-{NAME}", CookieOptions()),
    "secure prefix": (f"__Secure-{NAME}", CookieOptions(domain="example.com")),
}


@pytest.mark.parametrize("kind", IDENTITIES)
def test_the_cookie_has_the_attributes_that_were_asked_for(browser: Browser, kind: str) -> None:
    name, wanted = IDENTITIES[kind]
    browser.visit(make_options(cookie_name=name, cookie_options=wanted), a=1)
    header = ReceivedCookie.parse(browser.jar.set_cookie_headers[0])
    attributes = header.attributes
    assert header.name == name
    assert attributes.get("Path") == wanted.path
    assert attributes.get("Domain") == wanted.domain
    assert ("Secure" in attributes) is wanted.secure
    assert ("HttpOnly" in attributes) is wanted.http_only
    assert ("Partitioned" in attributes) is wanted.partitioned
    assert attributes["SameSite"] == (wanted.same_site or "").capitalize()
    assert ("Max-Age" in attributes) is (wanted.max_age is not None)
    assert attributes.get("Priority") == (wanted.priority.capitalize() if wanted.priority else None)


@pytest.mark.parametrize("end", [Session.clear, Session.destroy])
@pytest.mark.parametrize("kind", IDENTITIES)
def test_the_cookie_is_expired_with_the_attributes_that_it_was_set_with(
    browser: Browser, kind: str, end: Callable[[Session], object]
) -> None:
    """Else browsers would keep it: path and domain name it, prefixes demand Secure."""
    name, wanted = IDENTITIES[kind]
    options = make_options(cookie_name=name, cookie_options=wanted)
    was_set = browser.visit(options, a=1)[name].attributes
    session = browser.request(options)
    end(session)
    session.commit()
    expired = browser.answer()[name].attributes
    assert expired.pop("Max-Age") == "0"
    was_set.pop("Max-Age", None)
    assert expired == was_set


def test_destroying_needs_no_look_at_the_session(failures: Failures) -> None:
    """A logout works with a cookie that does not open, and unseals nothing."""
    jar = HeaderJar(f"{NAME}=junk")
    session = get_iron_session(jar, make_options(on_unseal_error=failures))
    session.destroy()
    assert session == {}
    session.commit()
    assert len(jar.set_cookie_headers) == 1
    assert failures == []


def test_destroying_is_final(browser: Browser) -> None:
    """A save without data changes nothing; with data it would log the visitor in again."""
    browser.visit(make_options(), user=1)
    session = browser.request(make_options())
    session.destroy()
    before = browser.jar.set_cookie_headers
    session.save()
    session.save(ttl=60)
    session.commit()
    session.mark_modified()
    session.commit()
    session["user"] = 2
    assert {"destroyed", "is_unsaved"} <= flags(session)
    for write in (session.commit, session.save):
        with pytest.raises(
            SessionDestroyedError, match=r"^data was written into a destroyed session"
        ):
            write()
    assert browser.jar.set_cookie_headers == before
    session.clear()
    assert "is_unsaved" not in flags(session)
    session.commit()
    session.destroy()
    assert browser.jar.set_cookie_headers == before


def test_destroying_after_a_save_leaves_nothing_of_it(browser: Browser) -> None:
    session = browser.request(make_options())
    session["user"] = 1
    session.save()
    session.destroy()
    assert browser.answer()[NAME].max_age == 0
    assert browser.cookies == {}


def test_destroying_after_the_headers_have_gone_changes_nothing(browser: Browser) -> None:
    browser.visit(make_options(), user=1)
    session = browser.request(make_options())
    browser.jar.close()
    with pytest.raises(HeadersAlreadySentError):
        session.destroy()
    assert not session.destroyed
    assert session == {"user": 1}


# --- update_config -----------------------------------------------------------------------------


def test_other_options_hold_for_the_data_at_hand(browser: Browser) -> None:
    """Password, cookie name, ttl and attributes; the cookie was read by the old ones."""
    old = make_options()
    new = make_options(
        password=OLD, cookie_name="other", ttl=61, cookie_options={"path": "/a"}, chunk=True
    )
    browser.visit(old, user=1)
    session = browser.request(old)
    session.update_config(new)
    assert session.options is new
    assert session == {"user": 1}
    assert browser.answer() == {}
    session.save()
    received = browser.answer()
    assert [name for name, one in received.items() if one.max_age] == ["other"]
    assert received["other"].max_age == 1
    assert received["other"].attributes["Path"] == "/a"
    session["text"] = "x" * 4000
    session.save()
    assert "other.1" in browser.answer()
    assert browser.request(new) == {"user": 1, "text": "x" * 4000}


def test_other_options_replace_attributes_given_on_save(browser: Browser) -> None:
    session = browser.request(make_options())
    session["user"] = 1
    session.save(cookie_options={"same_site": "strict"})
    session.update_config(make_options(cookie_options={"priority": "low"}))
    session.save()
    attributes = browser.answer()[NAME].attributes
    assert (attributes["SameSite"], attributes["Priority"]) == ("Lax", "Low")


def test_what_is_no_options_changes_nothing(browser: Browser) -> None:
    options = make_options()
    session = browser.request(options)
    for other in (None, {"password": PASSWORD, "cookie_name": NAME}):
        with pytest.raises(ConfigurationError, match="SessionOptions"):
            session.update_config(other)  # type: ignore[arg-type]  # wrong on purpose
    assert session.options is options
    assert not session.accessed


# --- commit ------------------------------------------------------------------------------------


def written_by(
    header: str, use: Callable[[Session], object], **changes: Any
) -> dict[str, SetCookie]:
    """Tell what a commit writes after a handler used its session in this way."""

    class WritingJar(HeaderJar):
        def write(self, cookie: SetCookie) -> None:
            written[cookie.name] = cookie

    written: dict[str, SetCookie] = {}
    session = get_iron_session(WritingJar(header), make_options(**changes))
    use(session)
    session.commit()
    return written


def look(session: Session) -> None:
    len(session)


def empty(session: Session) -> None:
    session.clear()


@pytest.mark.parametrize(
    ("header", "use", "changes", "expected"),
    [
        # Nothing there.
        ("", repr, {}, None),
        ("", look, {}, None),
        ("", empty, {}, None),
        ("", Session.mark_modified, {}, None),
        ("", lambda session: session.update(a=1), {}, "write"),
        # Something there.
        (cookie_of('{"a":1}'), repr, {}, None),
        (cookie_of('{"a":1}'), look, {}, None),
        (cookie_of('{"a":1}'), Session.mark_accessed, {}, None),
        (cookie_of('{"a":1}'), Session.mark_modified, {}, "write"),
        (cookie_of('{"a":1}'), lambda session: session.update(a=2), {}, "write"),
        (cookie_of('{"a":1}'), lambda session: session.update(a=1), {}, None),
        (cookie_of('{"a":1}'), empty, {}, "expire"),
        (cookie_of('{"a":1}'), lambda session: session.pop("a"), {}, "expire"),
        (cookie_of('{"a":1}'), Session.destroy, {}, "expire"),
        (
            cookie_of('{"a":1}'),
            lambda session: (session.clear(), session.update(a=1)),
            {},
            None,
        ),
        (
            cookie_of('{"a":1,"$iron":{"ttl":60}}'),
            lambda session: (session.clear(), session.update(a=1)),
            {},
            "write",
        ),
        (cookie_of('{"a":1,"$iron":{"ttl":60}}'), empty, {}, "expire"),
        (
            cookie_of('{"a":1,"$iron":{"ttl":60}}'),
            lambda session: session.replace({"a": 1}),
            {},
            None,
        ),
        (cookie_of('{"a":1}'), lambda session: session.replace({"a": 2}), {}, "write"),
        (cookie_of('{"a":1}'), lambda session: session.replace({}), {}, "expire"),
        (
            cookie_of('{"a":1}'),
            lambda session: (session.clear(), session.update(b=1)),
            {},
            "write",
        ),
        (
            cookie_of('{"a":1}'),
            lambda session: (session.clear(), session.mark_modified()),
            {},
            "expire",
        ),
        # An empty one there.
        (cookie_of("{}"), look, {}, None),
        (cookie_of("{}"), empty, {}, "expire"),
        (cookie_of("{}"), lambda session: session.pop("a", None), {}, None),
        (cookie_of("{}"), lambda session: session.update(a=1), {}, "write"),
        # What does not open.
        (f"{NAME}=junk", look, {}, None),
        (f"{NAME}=junk", empty, {}, "expire"),
        (f"{NAME}=junk", lambda session: session.replace({}), {}, "expire"),
        (f"{NAME}=junk", lambda session: session.pop("a", None), {}, None),
        (f"{NAME}=", empty, {}, None),
        (f"{NAME}=junk", lambda session: session.update(a=1), {}, "write"),
        (f"{NAME}=junk", Session.destroy, {}, "expire"),
        # Opened by an old password.
        (cookie_of('{"a":1}', password={1: OLD}), repr, {"password": {1: OLD, 2: PASSWORD}}, None),
        (
            cookie_of('{"a":1}', password={1: OLD}),
            look,
            {"password": {1: OLD, 2: PASSWORD}},
            "write",
        ),
        (
            cookie_of('{"a":1}', password={1: OLD}),
            empty,
            {"password": {1: OLD, 2: PASSWORD}},
            "expire",
        ),
        (
            cookie_of('{"a":1}', password={2: PASSWORD}),
            look,
            {"password": {1: OLD, 2: PASSWORD}},
            None,
        ),
        # Without the time of its beginning.
        (cookie_of('{"a":1}'), look, {"max_lifetime": TTL}, "write"),
        (cookie_of('{"a":1}'), repr, {"max_lifetime": TTL}, None),
        (cookie_of(f'{{"a":1,"$iron":{{"created":{NOW}}}}}'), look, {"max_lifetime": TTL}, None),
        (cookie_of(f'{{"a":1,"$iron":{{"created":{NOW}}}}}'), look, {}, None),
        # Sealed for ever.
        (cookie_of('{"a":1}', expires=None), look, {}, None),
        (cookie_of('{"a":1}', expires=None), look, {"renew_after": 1}, "write"),
        (cookie_of('{"a":1,"$iron":{"ttl":0}}', expires=None), look, {"renew_after": 1}, None),
    ],
)
def test_a_commit_decides_what_the_response_needs(
    header: str, use: Callable[[Session], object], changes: dict[str, Any], expected: str | None
) -> None:
    written = written_by(header, use, **changes)
    if expected is None:
        assert written == {}
    else:
        (cookie,) = written.values()
        assert cookie.name == NAME
        assert (cookie.max_age == 0) is (expected == "expire")
        assert bool(cookie.value) is (expected == "write")


def test_a_session_opened_by_an_old_password_is_sealed_by_the_newest(browser: Browser) -> None:
    browser.visit(make_options(password={1: OLD}), user=1)
    session = browser.request(make_options(password={1: OLD, 2: PASSWORD}))
    assert session["user"] == 1
    assert not session.modified
    session.commit()
    seal = browser.answer()[NAME].value
    assert password_id_of(seal) == "2"
    assert session_of(f"{NAME}={seal}", password={2: PASSWORD}) == {"user": 1}
    session.commit()
    assert browser.request(make_options(password={2: PASSWORD})) == {"user": 1}


def test_marked_as_modified_it_is_written_once(browser: Browser, clock: Clock) -> None:
    browser.visit(make_options(), user=1)
    clock.advance(100)
    session = browser.request(make_options())
    session.mark_modified()
    assert session.accessed
    session.commit()
    first = browser.answer()[NAME].value
    assert expiration_of(first) == NOW + (TTL + 100) * 1000
    session.commit()
    assert browser.answer()[NAME].value == first


def test_emptied_and_committed_twice_it_is_expired_once(browser: Browser) -> None:
    browser.visit(make_options(), user=1)
    session = browser.request(make_options())
    session.clear()
    session.commit()
    written = browser.answer()
    browser.jar.close()
    session.commit()
    assert written[NAME].max_age == 0
    assert not session.is_unsaved


def test_emptied_committed_and_filled_again_it_is_a_session_again(browser: Browser) -> None:
    """To clear is not to destroy."""
    browser.visit(make_options(), user=1)
    session = browser.request(make_options())
    session.clear()
    session.commit()
    session["user"] = 1
    session.commit()
    browser.answer()
    assert browser.request(make_options()) == {"user": 1}


def test_data_that_was_never_written_and_is_gone_again_leaves_no_cookie(browser: Browser) -> None:
    session = browser.request(make_options())
    session["user"] = 1
    session.clear()
    session.commit()
    assert browser.answer() == {}


def test_data_written_in_this_response_and_gone_again_expires(browser: Browser) -> None:
    session = browser.request(make_options())
    session["user"] = 1
    session.save()
    session.clear()
    session.commit()
    assert browser.answer()[NAME].max_age == 0


# --- renewal -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "renewed"), [(0, False), (299.999, False), (300, True), (599, True), (659, True)]
)
def test_a_session_that_is_only_read_is_renewed_once_it_is_due(
    browser: Browser, clock: Clock, after: float, renewed: bool
) -> None:
    options = make_options(ttl=600, renew_after=300)
    browser.visit(options, user=1)
    clock.advance(after)
    session = browser.request(options)
    assert session["user"] == 1
    session.commit()
    received = browser.answer()
    assert bool(received) is renewed
    if renewed:
        assert expiration_of(received[NAME].value) == clock.now + 600_000
        assert received[NAME].max_age == 540


def test_a_session_that_is_not_looked_at_is_not_renewed(browser: Browser, clock: Clock) -> None:
    options = make_options(ttl=600, renew_after=300)
    browser.visit(options, user=1)
    clock.advance(400)
    browser.request(options).commit()
    assert browser.answer() == {}


def test_without_renewal_a_session_ends_however_often_it_is_read(
    browser: Browser, clock: Clock
) -> None:
    options = make_options(ttl=600)
    browser.visit(options, user=1)
    for _ in range(3):
        clock.advance(200)
        session = browser.request(options)
        assert session == {"user": 1}
        session.commit()
        assert browser.answer() == {}
    clock.advance(60)
    assert browser.request(options) == {}


def test_with_renewal_a_session_lives_as_long_as_it_is_used(browser: Browser, clock: Clock) -> None:
    options = make_options(ttl=600, renew_after=100)
    browser.visit(options, user=1)
    for _ in range(10):
        clock.advance(400)
        session = browser.request(options)
        assert session == {"user": 1}
        session.commit()
        browser.answer()
    clock.advance(660)
    assert browser.request(options) == {}


def test_a_life_of_its_own_is_renewed_by_its_own_length(browser: Browser, clock: Clock) -> None:
    options = make_options(ttl=600, renew_after=300)
    session = browser.request(options)
    session["user"] = 1
    session.save(ttl=3600)
    browser.answer()
    clock.advance(299)
    session = browser.request(options)
    assert session["user"] == 1
    session.commit()
    assert browser.answer() == {}
    clock.advance(1)
    session = browser.request(options)
    assert session["user"] == 1
    session.commit()
    assert expiration_of(browser.answer()[NAME].value) == clock.now + 3_600_000


@pytest.mark.parametrize(
    ("after", "renewed"),
    [(0, False), (274.575, False), (274.576, True), (300, True), (599, True), (659, True)],
)
def test_a_shorter_life_of_its_own_is_renewed_after_the_same_part_of_it(
    browser: Browser, clock: Clock, after: float, renewed: bool
) -> None:
    """Of the 540 s of its cookie, as 1800 s are of 3540; after 1800 s it would be long over."""
    options = make_options(ttl=3600, renew_after=1800)
    session = browser.request(options)
    session["user"] = 1
    session.save(ttl=600)
    browser.answer()
    clock.advance(after)
    session = browser.request(options)
    assert session["user"] == 1
    session.commit()
    received = browser.answer()
    assert bool(received) is renewed
    if renewed:
        assert expiration_of(received[NAME].value) == clock.now + 600_000
        assert open_text(received[NAME].value, now=clock.now)["$iron"] == {"ttl": 600}


# Why a session that was only read is written: the options that it is read by, and how much later.
REWRITES: dict[str, tuple[dict[str, Any], float]] = {
    "a new password": ({"password": {1: PASSWORD, 2: OLD}}, 0),
    "a renewal": ({"renew_after": 60}, 60),
    "a bound": ({"max_lifetime": TTL}, 0),
}


@pytest.mark.parametrize(("changes", "after"), REWRITES.values(), ids=REWRITES)
def test_a_rewrite_of_what_was_only_read_that_does_not_fit_is_left_out(
    browser: Browser,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    changes: dict[str, Any],
    after: float,
) -> None:
    """The visitor did nothing wrong, and has a session that opens; the log tells the developer."""
    browser.visit(make_options(chunk=True), text="x" * 4000)
    before = dict(browser.cookies)
    clock.advance(after)
    session = browser.request(make_options(**changes))
    assert session == {"text": "x" * 4000}
    with caplog.at_level("DEBUG"):
        session.commit()
        session.commit()  # as integrations do that let the application answer an error
    assert browser.answer() == {}
    assert browser.cookies == before
    assert flags(session) == set()
    assert session == {"text": "x" * 4000}
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("iron_session", "ERROR")
    message = record.getMessage()
    assert message.startswith(f"session {NAME!r} was not renewed: ")
    assert "chunk=True" in message
    assert "xxx" not in message


@pytest.mark.parametrize(("changes", "after"), REWRITES.values(), ids=REWRITES)
@pytest.mark.parametrize(
    "change",
    [
        lambda session: session.update(more=1),
        lambda session: session.update(text="y" * 4000),
        Session.mark_modified,
    ],
)
def test_a_change_that_does_not_fit_is_an_error_though_a_rewrite_is_due(
    browser: Browser,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    changes: dict[str, Any],
    after: float,
    change: Callable[[Session], object],
) -> None:
    """Or it would be lost without a word."""
    browser.visit(make_options(chunk=True), text="x" * 4000)
    clock.advance(after)
    session = browser.request(make_options(**changes))
    change(session)
    with pytest.raises(CookieTooLargeError):
        session.commit()
    assert browser.answer() == {}
    assert caplog.records == []


def test_a_rewrite_that_fails_for_another_reason_is_an_error(browser: Browser) -> None:
    """Headers that have gone are a fault of the integration."""
    browser.visit(make_options(password={1: OLD}), user=1)
    session = browser.request(make_options(password={1: OLD, 2: PASSWORD}))
    assert session["user"] == 1
    browser.jar.close()
    with pytest.raises(HeadersAlreadySentError):
        session.commit()


# --- absolute lifetime -------------------------------------------------------------------------

BOUNDED = {"ttl": 600, "renew_after": 100, "max_lifetime": 1000}


def test_the_time_of_beginning_survives_every_save(browser: Browser, clock: Clock) -> None:
    options = make_options(**BOUNDED)
    for number in range(4):
        seal = browser.visit(options, n=number)[NAME].value
        assert open_text(seal, now=clock.now) == {"n": number, "$iron": {"created": NOW}}
        clock.advance(250)


def test_an_expiration_never_passes_the_absolute_lifetime(browser: Browser, clock: Clock) -> None:
    """Nor does the cookie outlive its seal."""
    options = make_options(**BOUNDED)
    received = browser.visit(options, n=0)[NAME]
    assert (expiration_of(received.value), received.max_age) == (NOW + 600_000, 540)
    clock.advance(300)
    received = browser.visit(options, n=1)[NAME]
    assert (expiration_of(received.value), received.max_age) == (NOW + 900_000, 540)
    clock.advance(400)
    received = browser.visit(options, n=2)[NAME]
    assert (expiration_of(received.value), received.max_age) == (NOW + 1_000_000, 240)
    clock.advance(290)
    received = browser.visit(options, n=3)[NAME]
    assert (expiration_of(received.value), received.max_age) == (NOW + 1_000_000, 10)


@pytest.mark.parametrize("late", [0, 0.001, 1, 59.999])
def test_saved_within_the_clock_skew_the_cookie_ends_at_once(
    browser: Browser, clock: Clock, late: float
) -> None:
    """A minute is for other machines' clocks, and no reason to live on."""
    options = make_options(**BOUNDED)
    browser.visit(options, n=0)
    clock.advance(500)
    browser.visit(options, n=1)
    clock.advance(500 + late)
    received = browser.visit(options, n=2)[NAME]
    assert expiration_of(received.value) == NOW + 1_000_000
    assert received.max_age == 1


def test_at_its_end_a_session_is_not_written_again_to_no_avail(
    browser: Browser, clock: Clock
) -> None:
    """Once the expiration is capped, no renewal makes it later."""
    options = make_options(**BOUNDED)
    browser.visit(options, n=0)
    clock.advance(450)
    browser.visit(options, n=1)
    for _ in range(5):
        clock.advance(100)
        session = browser.request(options)
        assert session["n"] == 1
        session.commit()
        assert browser.answer() == {}


def test_a_session_ends_with_its_absolute_lifetime_however_it_is_used(
    browser: Browser, clock: Clock, failures: Failures
) -> None:
    options = make_options(**BOUNDED, on_unseal_error=failures)
    browser.visit(options, n=0)
    for number in range(10):
        clock.advance(100)
        browser.visit(options, n=number)
    clock.advance(60)
    assert browser.request(options) == {}
    assert failures.reasons == ["expired"]


@pytest.mark.parametrize(
    ("age", "opens"), [(999_999, True), (1_059_999, True), (1_060_000, False), (10**9, False)]
)
def test_a_cookie_sealed_anew_elsewhere_does_not_live_longer(
    failures: Failures, age: int, opens: bool
) -> None:
    """JavaScript keeps `$iron` but knows no absolute lifetime: its seals say what they like."""
    header = cookie_of(f'{{"n":1,"$iron":{{"created":{NOW - age}}}}}', expires=NOW + 10**9)
    session = session_of(header, **BOUNDED, on_unseal_error=failures)
    assert (session == {"n": 1}) is opens
    assert failures.reasons == ([] if opens else ["expired"])
    if not opens:
        assert failures[0].password_id == "1"


@pytest.mark.parametrize("expires", [None, NOW + 10**9])
def test_a_seal_that_says_too_long_a_life_is_brought_back_on_save(expires: int | None) -> None:
    header = cookie_of(f'{{"n":1,"$iron":{{"created":{NOW - 900_000}}}}}', expires=expires)
    name, _, seal = header.partition("=")
    browser = Browser({name: seal})
    assert expiration_of(browser.visit(make_options(**BOUNDED))[NAME].value) == NOW + 100_000


def test_a_session_from_before_the_bound_begins_when_it_is_first_read(
    browser: Browser, clock: Clock
) -> None:
    browser.visit(make_options(ttl=600), n=0)
    clock.advance(100)
    session = browser.request(make_options(**BOUNDED))
    assert session["n"] == 0
    session.commit()
    seal = browser.answer()[NAME].value
    assert open_text(seal)["$iron"] == {"created": NOW + 100_000}


def test_without_the_bound_the_time_of_beginning_is_kept_and_nothing_capped(
    browser: Browser, clock: Clock
) -> None:
    """Options that come and go between two deployments lose nobody's session."""
    browser.visit(make_options(**BOUNDED), n=0)
    clock.advance(500)
    seal = browser.visit(make_options(ttl=600), n=1)[NAME].value
    assert expiration_of(seal) == clock.now + 600_000
    assert open_text(seal)["$iron"] == {"created": NOW}


def test_a_session_without_a_bound_does_not_tell_when_it_began(browser: Browser) -> None:
    assert "$iron" not in open_text(browser.visit(make_options(ttl=600), n=0)[NAME].value)


def test_a_new_login_after_a_destroyed_one_begins_anew(browser: Browser, clock: Clock) -> None:
    options = make_options(**BOUNDED)
    browser.visit(options, n=0)
    clock.advance(300)
    browser.request(options).destroy()
    browser.answer()
    seal = browser.visit(options, n=1)[NAME].value
    assert open_text(seal)["$iron"] == {"created": NOW + 300_000}


def test_a_life_of_its_own_is_capped_too(browser: Browser, clock: Clock) -> None:
    options = make_options(**BOUNDED)
    session = browser.request(options)
    session["n"] = 0
    session.save(ttl=1000)
    browser.answer()
    clock.advance(400)
    received = browser.visit(options, n=1)[NAME]
    assert expiration_of(received.value) == NOW + 1_000_000
    assert open_text(received.value, now=clock.now)["$iron"] == {"created": NOW, "ttl": 1000}


@pytest.mark.parametrize("ttl", [0, timedelta(0)])
def test_a_life_for_ever_that_says_when_it_began_is_capped(browser: Browser, ttl: Any) -> None:
    """The bound was taken away between two deployments, and came back."""
    browser.visit(make_options(**BOUNDED), n=0)
    session = browser.request(make_options())
    session.save(ttl=ttl)
    assert expiration_of(browser.answer()[NAME].value) is None
    received = browser.visit(make_options(**BOUNDED))[NAME]
    assert expiration_of(received.value) == NOW + 1_000_000
    assert received.max_age == 940


@pytest.mark.parametrize("mark", ["", ',"$iron":{"ttl":0}', ',"$iron":{"created":"x"}'])
def test_a_life_for_ever_that_does_not_say_when_it_began_is_over_under_a_bound(
    failures: Failures, mark: str
) -> None:
    """Taken, an old copy of it would begin its lifetime anew whenever it is sent again."""
    header = cookie_of('{"n":1' + mark + "}", expires=None)
    assert session_of(header) == {"n": 1}
    session = session_of(header, **BOUNDED, on_unseal_error=failures)
    assert session == {}
    assert session.is_new
    assert failures.reasons == ["expired"]
    assert failures[0].password_id == "1"
    assert str(failures[0].error) == "the session is past its max_lifetime"


# --- after a failure ---------------------------------------------------------------------------


def test_a_failed_save_leaves_the_session_as_it_was_to_be_saved(browser: Browser) -> None:
    """Its ttl and attributes are not remembered either: nothing of that save has happened."""
    browser.visit(make_options(), n=1)
    session = browser.request(make_options())
    session["text"] = "x" * 5000
    with pytest.raises(CookieTooLargeError):
        session.save(ttl=60, cookie_options={"same_site": "strict"})
    assert flags(session) == {"modified"}
    assert session.expires_at == at(NOW + TTL * 1000)
    assert browser.answer() == {}
    del session["text"]
    assert flags(session) == set()
    session.commit()
    assert browser.answer() == {}
    session["n"] = 2
    session.commit()
    received = browser.answer()[NAME]
    assert expiration_of(received.value) == NOW + TTL * 1000
    assert received.attributes["SameSite"] == "Lax"


def too_large(session: Session) -> None:
    session["text"] = "x" * 5000


def unfit(session: Session) -> None:
    session.setdefault("list", []).append(object())


def log_in_again(session: Session) -> None:
    session.destroy()
    session["user"] = 1


FAILURES: dict[str, tuple[Callable[[Session], object], type[Exception]]] = {
    "too large": (too_large, CookieTooLargeError),
    "not JSON": (unfit, NotSerializableError),
    "destroyed": (log_in_again, SessionDestroyedError),
}


@pytest.mark.parametrize(("spoil", "error"), FAILURES.values(), ids=FAILURES)
def test_a_commit_that_fails_says_so_once(
    browser: Browser, spoil: Callable[[Session], object], error: type[Exception]
) -> None:
    """The response to the error comes with a commit of its own, which must get through."""
    session = browser.request(make_options())
    spoil(session)
    assert "is_unsaved" in flags(session)
    before = browser.jar.set_cookie_headers
    with pytest.raises(error):
        session.commit()
    assert "is_unsaved" not in flags(session)
    session.commit()
    assert browser.jar.set_cookie_headers == before


@pytest.mark.parametrize(("spoil", "error"), FAILURES.values(), ids=FAILURES)
def test_a_commit_does_not_repeat_what_a_save_has_said(
    browser: Browser, spoil: Callable[[Session], object], error: type[Exception]
) -> None:
    """The application knows, and may have caught it; to ask again is to be told again."""
    session = browser.request(make_options())
    spoil(session)
    before = browser.jar.set_cookie_headers
    with pytest.raises(error):
        session.save()
    session.commit()
    assert not session.is_unsaved
    assert browser.jar.set_cookie_headers == before
    with pytest.raises(error):
        session.save()


@pytest.mark.parametrize("again", [Session.save, Session.commit])
def test_a_failure_that_was_mended_does_not_silence_the_next(
    browser: Browser, again: Callable[[Session], object]
) -> None:
    """Nobody has been told of that one."""
    session = browser.request(make_options())
    too_large(session)
    with pytest.raises(CookieTooLargeError):
        session.save()
    session["text"] = "small"
    again(session)
    assert list(browser.answer()) == [NAME]
    unfit(session)
    assert session.is_unsaved
    with pytest.raises(NotSerializableError):
        session.commit()


def test_requests_share_nothing(clock: Clock) -> None:
    """Not the data of a session, nor what a new one starts with."""
    header, options = cookie_of('{"list":[]}'), make_options()
    first, second = (get_iron_session(HeaderJar(header), options) for _ in range(2))
    first["list"].append(1)
    first["new"] = 1
    assert second == {"list": []}
    fresh, other = (get_iron_session(HeaderJar(), options) for _ in range(2))
    fresh["a"] = 1
    fresh.save(ttl=5)
    assert other == {}
    other["b"] = 1
    other.save()
    assert other.expires_at == at(NOW + TTL * 1000)


def test_a_seal_is_never_the_same_twice(browser: Browser) -> None:
    options = make_options()
    assert browser.visit(options, n=1)[NAME].value != browser.visit(options, n=1)[NAME].value


def test_a_cleared_session_starts_over_with_a_lifetime_of_its_own() -> None:
    """A login that clears the session first must not inherit what is left of the old one's time."""
    mark = f'"$iron":{{"created":{NOW - 1_000_000},"ttl":60}}'
    options = make_options(ttl=3600, max_lifetime=7200)
    jar = HeaderJar(cookie_of(f'{{"visitor":1,{mark}}}'))
    session = get_iron_session(jar, options)
    session.clear()
    session["user"] = 1
    session.commit()
    seal = jar.set_cookie_headers[0].partition(";")[0].partition("=")[2]
    assert open_text(seal) == {"user": 1, "$iron": {"created": NOW}}
    assert expiration_of(seal) == NOW + 3_600_000


@pytest.mark.parametrize(
    "mark",
    [
        {"ttl": 60},
        {"created": NOW - 1_000_000},
        {"created": NOW - 1_000_000, "ttl": 60, "sid": "x"},
    ],
)
@pytest.mark.parametrize(
    ("changes", "left"), [({}, {}), ({"max_lifetime": 7200}, {"$iron": {"created": NOW}})]
)
def test_a_session_cleared_and_filled_with_the_same_data_loses_its_mark(
    mark: dict[str, Any], changes: dict[str, Any], left: dict[str, Any]
) -> None:
    """The data is what it was, and yet what the browser has is another session's life."""
    options = make_options(ttl=3600, **changes)
    stored = json.dumps({"user": {"id": 1}, "$iron": mark})
    jar = HeaderJar(cookie_of(stored, expires=NOW + 5000))
    session = get_iron_session(jar, options)
    session.clear()
    session["user"] = {"id": 1}
    session.commit()
    (header,) = jar.set_cookie_headers
    seal = header.partition(";")[0].partition("=")[2]
    assert open_text(seal) == {"user": {"id": 1}, **left}
    assert expiration_of(seal) == NOW + 3_600_000
    assert flags(session) == set()


def test_a_session_without_a_mark_cleared_and_filled_with_the_same_data_is_not_written() -> None:
    jar = HeaderJar(cookie_of('{"user":1}'))
    session = get_iron_session(jar, make_options())
    session.clear()
    session["user"] = 1
    session.commit()
    assert jar.set_cookie_headers == []


def test_an_empty_session_that_is_cleared_loses_its_mark_with_its_cookie() -> None:
    jar = HeaderJar(cookie_of(f'{{"$iron":{{"created":{NOW},"ttl":60}}}}'))
    session = get_iron_session(jar, make_options())
    session.clear()
    session.commit()
    assert [header.partition("; ")[0] for header in jar.set_cookie_headers] == [f"{NAME}="]


@pytest.mark.parametrize("mark", ["mark_modified()", "modified = True"])
def test_a_session_that_is_said_to_be_modified_is_written_again(clock: Clock, mark: str) -> None:
    """Frameworks whose sessions can't see changes inside nested values ask for it."""
    browser = Browser()
    browser.visit(make_options(), a=1)
    clock.advance(60)
    session = browser.request(make_options())
    if mark == "mark_modified()":
        session.mark_modified()
    else:
        session.modified = True
    session.commit()
    assert len(browser.jar.set_cookie_headers) == 1
    assert session.expires_at == at(clock.now + TTL * 1000)


def test_saying_that_nothing_was_modified_takes_only_that_back() -> None:
    """What did change is still written: nothing is lost by it."""
    jar = HeaderJar(saved({"a": 1}))
    session = get_iron_session(jar, make_options())
    session.modified = True
    session.modified = False
    session.commit()
    assert jar.set_cookie_headers == []
    session["a"] = 2
    session.modified = False
    session.commit()
    assert len(jar.set_cookie_headers) == 1


def test_a_session_gives_the_seal_that_the_browser_has() -> None:
    header = saved({"a": 1})
    jar = HeaderJar(header)
    session = get_iron_session(jar, make_options())
    assert session.jar is jar
    assert session.seal == header.partition("=")[2]
    session["a"] = 2
    session.save()
    assert jar.set_cookie_headers[0].startswith(f"{NAME}={session.seal};")
    assert session_of("").seal is None


def test_a_destroyed_session_has_no_seal() -> None:
    session = session_of(saved({"a": 1}))
    session.destroy()
    assert session.seal is None


class BySessionData(Session):
    """A session that says in its data how long it lives, as some frameworks have it."""

    def own_terms(self) -> tuple[int | None, dict[str, Any] | None]:
        return (60 if "short" in self else None), ({"max_age": None} if "brief" in self else None)


@pytest.mark.parametrize(
    ("data", "life", "max_age"),
    [({"a": 1}, TTL, TTL - 60), ({"short": 1}, 60, 60), ({"short": 1, "brief": 1}, 60, None)],
)
@pytest.mark.parametrize("way", ["save", "commit"])
def test_a_kind_of_session_may_keep_its_terms_in_its_data(
    clock: Clock, data: dict[str, Any], life: int, max_age: int | None, way: str
) -> None:
    jar = HeaderJar("")
    session = BySessionData(jar, make_options())
    session.update(data)
    session.save() if way == "save" else session.commit()
    (header,) = jar.set_cookie_headers
    assert ReceivedCookie.parse(header).max_age == max_age
    assert session.expires_at == at(clock.now + life * 1000)


def test_what_a_save_is_given_goes_before_the_terms_in_the_data() -> None:
    jar = HeaderJar("")
    session = BySessionData(jar, make_options())
    session.update({"short": 1, "brief": 1})
    session.save(ttl=900)
    assert ReceivedCookie.parse(jar.set_cookie_headers[0]).max_age == 840


def test_a_session_may_follow_the_options_again(clock: Clock) -> None:
    """And loses what an earlier save gave to it alone, though nothing else in it changed."""
    browser = Browser()
    session = browser.request(make_options())
    session["a"] = 1
    session.save(ttl=60)
    browser.answer()
    session = browser.request(make_options())
    session.follow_options()
    session.commit()
    cookie = browser.answer()[NAME]
    assert cookie.max_age == TTL - 60
    assert open_text(cookie.value, now=clock.now) == {"a": 1}


def test_a_session_that_follows_the_options_again_has_their_attributes_too() -> None:
    browser = Browser()
    session = browser.request(make_options())
    session["a"] = 1
    session.save(cookie_options={"same_site": "strict"})
    session.follow_options()
    session.save()
    assert browser.answer()[NAME].attributes["SameSite"] == "Lax"


def test_a_session_that_has_nothing_of_its_own_is_not_written_for_following_the_options() -> None:
    browser = Browser()
    browser.visit(make_options(), a=1)
    session = browser.request(make_options())
    session.follow_options()
    session.commit()
    assert browser.answer() == {}
