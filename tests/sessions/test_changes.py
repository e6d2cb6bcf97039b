"""Changes are tracked: what nobody could have changed is not encoded, and no change is missed."""

import json
import threading
from collections.abc import Callable
from copy import copy, deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iron_session import HeaderJar, NotSerializableError, Session, _json, get_iron_session
from tests.sessions.browser import make_options, saved

DATA: dict[str, Any] = {
    "n": 1,
    "text": "a",
    "user": {"id": 1, "roles": ["admin"]},
    "cart": [{"id": 1}, 2],
}


def open_session(data: dict[str, Any] = DATA) -> Session:
    return get_iron_session(HeaderJar(saved(data)), make_options())


# Functions, since a type checker takes two looks at one attribute for the same.


def is_modified(session: Session) -> bool:
    return session.modified


def is_unsaved(session: Session) -> bool:
    return session.is_unsaved


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return what is written as JSON from here on."""
    written: list[object] = []
    encode = _json.encode

    def note(value: object, *rest: Any) -> bytes:
        written.append(value)
        return encode(value, *rest)

    monkeypatch.setattr(_json, "encode", note)
    return written


# --- nothing is encoded in vain ------------------------------------------------------------------

LOOKS: dict[str, Callable[[Session], object]] = {
    "a value": lambda session: session["n"],
    "a value that is not there": lambda session: session.get("missing"),
    "a list": lambda session: session["cart"],
    "a value inside of a dict": lambda session: session["user"]["roles"][0],
    "all values": lambda session: list(session.values()),
    "a copy": lambda session: session.copy(),
    "as a dict": dict,
    "a key": lambda session: "n" in session,
    "the number of keys": len,
    "a comparison": lambda session: session == DATA,
    "a copy of all": deepcopy,
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_a_session_that_was_only_read_is_never_encoded(
    look: Callable[[Session], object], encoded: list[object]
) -> None:
    session = open_session()
    encoded.clear()
    look(session)
    assert not is_modified(session)
    session.commit()
    assert not is_unsaved(session)
    assert encoded == []


def test_a_session_that_was_changed_by_key_is_encoded_once(encoded: list[object]) -> None:
    session = open_session()
    encoded.clear()
    session["n"] = 2
    session.commit()
    assert not is_unsaved(session)
    assert not is_modified(session)
    assert len(encoded) == 1


# --- no change is missed -------------------------------------------------------------------------


HANDED_OUT: dict[str, Callable[[Session], Any]] = {
    "by key": lambda session: session["cart"],
    "get": lambda session: session.get("cart"),
    "items": lambda session: dict(session.items())["cart"],
    "values": lambda session: list(session.values())[3],
    "setdefault": lambda session: session.setdefault("cart", []),
    "its copy": lambda session: session.copy()["cart"],
    "a copy": lambda session: copy(session)["cart"],
    "or": lambda session: (session | {})["cart"],
    "or, the other way": lambda session: ({} | session)["cart"],
    "as a dict": lambda session: dict(session)["cart"],
    "unpacked": lambda session: {**session}["cart"],
}


@pytest.mark.parametrize("hand_out", HANDED_OUT.values(), ids=HANDED_OUT)
@pytest.mark.parametrize("is_saved_first", [False, True])
def test_a_change_inside_of_what_was_handed_out_is_seen(
    hand_out: Callable[[Session], Any], is_saved_first: bool
) -> None:
    session = open_session()
    held = hand_out(session)
    if is_saved_first:
        session.save()
        assert not is_modified(session)
    held[0]["id"] = 2
    assert is_modified(session)
    held[0]["id"] = 1
    assert not is_modified(session)


SETTERS: dict[str, Callable[[Session, list[int]], object]] = {
    "by key": lambda session, value: session.__setitem__("new", value),
    "update": lambda session, value: session.update(new=value),
    "setdefault": lambda session, value: session.setdefault("new", value),
    "replace": lambda session, value: session.replace({"new": value}),
    "in place": lambda session, value: session.__ior__({"new": value}),
    "set": lambda session, value: session.set("new", value),
}


@pytest.mark.parametrize("set_new", SETTERS.values(), ids=SETTERS)
def test_a_list_that_was_put_in_is_still_the_callers_after_a_save(
    set_new: Callable[[Session, list[int]], object],
) -> None:
    session, value = open_session(), [1]
    set_new(session, value)
    session.save()
    assert not is_modified(session)
    value.append(2)
    assert is_modified(session)
    session.commit()
    assert not is_unsaved(session)
    value.append(3)
    assert is_unsaved(session)


def test_true_and_one_are_different_data() -> None:
    session = open_session()
    session["user"]["id"] = True
    assert is_modified(session)


@pytest.mark.parametrize(
    "put_in",
    [
        lambda user: user.update(id=1.0),
        lambda user: user.update(id=None),
        lambda user: user["roles"].append("admin"),
        lambda user: user.update(roles=("admin", "admin")),
        lambda user: user.update(reversed(list(user.items()))) or user.update(more=0),
    ],
)
def test_data_that_python_holds_for_nearly_equal_differs(put_in: Callable[[Any], None]) -> None:
    session = open_session()
    put_in(session["user"])
    assert is_modified(session)


def test_data_that_contains_itself_is_an_error_and_not_an_endless_loop() -> None:
    session = open_session()
    held = session["cart"]
    held.extend([held, held])
    assert is_modified(session)
    with pytest.raises(NotSerializableError, match="contains itself"):
        session.commit()


def test_what_nothing_can_write_is_reported_wherever_it_was_put() -> None:
    session = open_session()
    session["user"]["lock"] = threading.Lock()
    with pytest.raises(NotSerializableError, match=r'^session\["user"\]\["lock"\]'):
        session.commit()


def test_more_than_fits_is_a_change_too() -> None:
    session = open_session()
    session["cart"].extend([0] * 10_000)
    assert is_modified(session)


def test_a_save_that_failed_leaves_the_change_to_be_seen() -> None:
    session = open_session()
    session["n"] = 2
    session["user"]["lock"] = threading.Lock()
    with pytest.raises(NotSerializableError):
        session.save()
    del session["user"]["lock"]
    assert is_modified(session)


def test_what_migrate_has_changed_is_a_change() -> None:
    options = make_options(migrate=lambda data: {**data, "n": 2})
    session = get_iron_session(HeaderJar(saved(DATA)), options)
    assert session["n"] == 2
    assert is_modified(session)


def test_a_key_that_another_thread_sets_during_a_commit_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = open_session()
    session["n"] = 2
    encode = _json.encode

    def encode_and_be_late(value: object, *rest: Any) -> bytes:
        text = encode(value, *rest)
        monkeypatch.setattr(_json, "encode", encode)
        thread = threading.Thread(target=session.__setitem__, args=("n", 3))
        thread.start()
        thread.join()
        return text

    monkeypatch.setattr(_json, "encode", encode_and_be_late)
    session.commit()
    assert is_unsaved(session)
    session.commit()
    assert not is_unsaved(session)
    assert session["n"] == 3


# --- whatever is done, it is as if all was compared ----------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, "", "a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=4,
)
KEYS = st.sampled_from("abc")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["set", "delete", "look", "append", "put", "save", "commit", "copy"]),
        KEYS,
        VALUES,
    ),
    max_size=8,
)


def take(session: Session, step: str, key: str, value: Any, held: list[Any]) -> None:
    """Do one thing to a session; `held` are the containers that the application has had."""
    if step == "set":
        session[key] = value
        held.append(value)
    elif step == "delete":
        session.pop(key, None)
    elif step == "look":
        held.append(session.get(key))
    elif step == "copy":
        held.extend(session.copy().values())
    elif step == "append":
        for one in held:
            if isinstance(one, list) and len(one) < 5:
                one.append(deepcopy(value))
    elif step == "put":
        for one in held:
            if isinstance(one, dict):
                one[key] = deepcopy(value)
    elif step == "save":
        session.save()
    else:
        session.commit()


@given(st.dictionaries(KEYS, VALUES), STEPS)
def test_a_session_is_modified_if_and_only_if_its_json_differs(
    data: dict[str, Any], steps: list[tuple[str, str, Any]]
) -> None:
    session = open_session(deepcopy(data))
    held: list[Any] = []
    before = json.dumps(data)
    for step, key, value in steps:
        take(session, step, key, deepcopy(value), held)
        now = json.dumps(deepcopy(session))
        if step in ("save", "commit"):
            before = now
        assert session.modified == (now != before)
