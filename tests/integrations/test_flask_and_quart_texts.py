"""What a session of Flask and Quart stores as text, and what it refuses."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import flask
import flask.sessions
import pytest
from django.utils.functional import lazy, lazystr
from markupsafe import Markup
from werkzeug.local import LocalProxy

from iron_session import NotSerializableError
from tests.contract.logs import errors_in
from tests.helpers.flask_and_quart import Framework, next_cookie
from tests.helpers.frames import MARKER, leaks_of
from tests.sessions.browser import saved

# --- texts that are no str ---------------------------------------------------------------------

# Django's are the lazy texts at hand; what the libraries of both frameworks make is alike.
HELLO = lazystr("hello")


class Badge:
    """An object that a template shows as HTML."""

    def __html__(self) -> str:
        return "<b>hello</b>"


TEXTS: dict[str, tuple[Any, str]] = {
    "lazy": (HELLO, "hello"),
    "HTML": (Badge(), "<b>hello</b>"),
    "Markup": (Markup("<b>hello</b>"), "<b>hello</b>"),
    "a proxy": (LocalProxy(lambda: "hello"), "hello"),
}


def set_by_key(session: Any, text: Any) -> None:
    session["a"] = text


def set_within(session: Any, text: Any) -> None:
    session["a"] = {"b": [1, (text, {"c": text})]}


def set_later(session: Any, text: Any) -> None:
    session["a"] = []
    session["a"].append(text)


def keep_as_default(session: Any, text: Any) -> None:
    session.setdefault("a", {"b": text})["c"] = 1


def change_what_was_set(session: Any, text: Any) -> None:
    page = {"title": text}
    session["a"] = page
    page["number"] = 1


def join(session: Any, text: Any) -> None:
    session |= {"a": text}


PUTS: dict[str, tuple[Callable[[Any, Any], object], Callable[[str], Any]]] = {
    "by a key": (set_by_key, lambda text: text),
    "within a dict": (set_within, lambda text: {"b": [1, [text, {"c": text}]]}),
    "later, into a list": (set_later, lambda text: [text]),
    "as a default": (keep_as_default, lambda text: {"b": text, "c": 1}),
    "before what it stands in is changed": (
        change_what_was_set,
        lambda text: {"title": text, "number": 1},
    ),
    "by update": (lambda session, text: session.update(a=text), lambda text: text),
    "by |=": (join, lambda text: text),
    "by replace": (lambda session, text: session.replace({"a": [text]}), lambda text: [text]),
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("put", PUTS)
@pytest.mark.parametrize("by_hand", [True, False])
def test_a_text_that_is_no_str_is_stored_as_its_text(
    it: Framework, put: str, kind: str, by_hand: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """However it comes there, and whoever saves the session."""
    given, text = TEXTS[kind]
    act, expected = PUTS[put]

    def view() -> str:
        session = it.ours.get_session()
        act(session, given)
        if by_hand:
            session.save()
        else:
            assert session.modified
        return ""

    app = it.make_app(act=view)
    answer = it.visit(app, "/act")
    assert it.visit(app, "/show", next_cookie(answer)).json == {"a": expected(text)}
    assert errors_in(caplog) == []


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_that_is_no_str_can_be_flashed(it: Framework, kind: str) -> None:
    given, text = TEXTS[kind]

    async def act() -> str:
        it.ours.get_session().flash(given, "ours")
        await it.flash(given, "theirs")
        return ""

    def page() -> Any:
        return it.own.jsonify(it.own.get_flashed_messages(with_categories=True))

    app = it.make_app(act=act, page=page)
    answer = it.visit(app, "/page", next_cookie(it.visit(app, "/act")))
    assert answer.json == [["ours", text], ["theirs", text]]


def test_a_lazy_text_is_a_str_as_soon_as_it_is_set(it: Framework) -> None:
    def act() -> list[bool]:
        it.session["a"] = HELLO
        return [type(it.session["a"]) is str]

    assert it.visit(it.make_app(act=act), "/act").json == [True]


def test_a_constant_with_lazy_texts_keeps_them_for_the_next_visitor(it: Framework) -> None:
    menu = {"title": HELLO, "entries": [HELLO]}

    def act() -> str:
        it.session["menu"] = menu
        return ""

    app = it.make_app(act=act)
    for _ in range(2):
        answer = it.visit(app, "/act")
        shown = it.visit(app, "/show", next_cookie(answer)).json
        assert shown == {"menu": {"title": "hello", "entries": ["hello"]}}
    assert menu["title"] is HELLO
    assert type(menu["entries"][0]) is type(HELLO)


def test_setting_the_text_that_is_there_is_no_change(it: Framework) -> None:
    def act() -> list[bool]:
        session = it.ours.get_session()
        session["a"] = [HELLO]
        return [session.modified]

    answer = it.visit(it.make_app(act=act), "/act", saved({"a": ["hello"]}))
    assert (answer.json, answer.cookies) == ([False], {})


def test_a_lazy_text_is_asked_while_there_is_a_request(
    it: Framework, caplog: pytest.LogCaptureFixture
) -> None:
    """Not when the request is over, where some have another text, and others none."""

    def act() -> str:
        it.session["a"] = [lazy(lambda: it.own.request.path, str)()]
        return ""

    app = it.make_app(act=act)
    answer = it.visit(app, "/act")
    assert answer.failure is None
    assert it.visit(app, "/show", next_cookie(answer)).json == {"a": ["/act"]}
    assert errors_in(caplog) == []


def test_beside_a_text_the_place_of_what_json_can_t_carry_is_named(it: Framework) -> None:
    def act() -> str:
        with pytest.raises(NotSerializableError) as caught:
            it.session["a"] = [HELLO, {"when": datetime.now(UTC)}]
        assert "a" not in it.session
        return str(caught.value)

    answer = it.visit(it.make_app(act=act), "/act")
    assert answer.body.startswith(b'session["a"][1]["when"] is a datetime')


def test_replacing_the_data_by_what_is_no_mapping_is_refused_as_ever(it: Framework) -> None:
    def act() -> str:
        with pytest.raises(NotSerializableError, match="give a mapping"):
            it.ours.get_session().replace([("a", HELLO)])
        return "told"

    assert it.visit(it.make_app(act=act), "/act").body == b"told"


def unfit() -> list[Any]:
    """Give a text beside a secret, and what JSON can't carry."""
    return [HELLO, {"secret": MARKER, "when": object()}]


def fail() -> str:
    raise CrashError


class CrashError(Exception):
    """What a lazy text raises that has gone wrong."""


def put_later(session: Any) -> None:
    session["a"] = [MARKER]
    session["a"].append(lazy(fail, str)())
    session.save()


UNFIT: dict[str, tuple[type[Exception], Callable[[Any], object]]] = {
    "set": (NotSerializableError, lambda session: session.__setitem__("a", unfit())),
    "by update": (NotSerializableError, lambda session: session.update(a=unfit())),
    "as a default": (NotSerializableError, lambda session: session.setdefault("a", unfit())),
    "by replace": (NotSerializableError, lambda session: session.replace({"a": unfit()})),
    "flashed": (NotSerializableError, lambda session: session.flash(unfit())),
    "a text that fails": (
        CrashError,
        lambda session: session.__setitem__("a", [MARKER, lazy(fail, str)()]),
    ),
    "a text that fails at the save": (CrashError, put_later),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_an_error_of_what_was_put_into_a_session_shows_nothing_of_it(
    it: Framework, kind: str
) -> None:
    """In its own frames, which error trackers send."""
    expected, act = UNFIT[kind]

    def view() -> list[str]:
        with pytest.raises(expected) as caught:
            act(it.ours.get_session())
        it.session.clear()
        return leaks_of(caught.value)

    assert it.visit(it.make_app(view=view), "/view").json == []


# --- what Flask's own session carries, and this one does not -------------------------------------


@dataclass
class Point:
    """A small value."""

    x: int


NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
REFUSED: dict[str, tuple[Any, Any, str]] = {
    "bytes": (b"hello", b"hello", r"is a bytes: store \.hex\(\), or text"),
    "a UUID": (UUID(int=1), UUID(int=1), r"is an? UUID: store str\(…\)"),
    "a datetime": (
        NOON + timedelta(microseconds=5),
        NOON,
        r"is a datetime: store \.isoformat\(\) or \.timestamp\(\)",
    ),
    "a date": (
        date(2024, 2, 29),
        "Thu, 29 Feb 2024 00:00:00 GMT",
        r"is a date: store \.isoformat\(\)",
    ),
    "a Decimal": (Decimal("1.50"), "1.50", r"is a Decimal: store str\(…\)"),
    "a dataclass": (Point(1), {"x": 1}, "is a Point: store"),
    "a key that is a number": ({1: "one"}, {"1": "one"}, r"has a key of type int: JSON's keys are"),
    "a key that is None": ({None: 1}, {"null": 1}, r"has a key of type NoneType: JSON's keys are"),
    "Infinity": (float("inf"), float("inf"), r"is inf: JSON has no such number, store None"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_flask_s_own_session_carries_more_than_json(kind: str) -> None:
    """Some of it comes back as something else; this is what the documentation says."""
    value, comes_back, _ = REFUSED[kind]
    serializer = flask.sessions.session_json_serializer
    with flask.Flask(__name__).app_context():
        assert serializer.loads(serializer.dumps({"a": value})) == {"a": comes_back}


def test_flask_s_own_session_carries_nan() -> None:
    serializer = flask.sessions.session_json_serializer
    assert math.isnan(serializer.loads(serializer.dumps({"a": math.nan}))["a"])


@pytest.mark.parametrize("kind", [*REFUSED, "NaN"])
def test_what_json_can_t_carry_is_refused_where_it_is_set(it: Framework, kind: str) -> None:
    nan = (math.nan, None, r"is nan: JSON has no such number, store None")
    value, _, message = REFUSED.get(kind, nan)

    def act() -> str:
        with pytest.raises(NotSerializableError, match=message):
            it.session["a"] = value
        return "told"

    assert it.visit(it.make_app(act=act), "/act").body == b"told"
