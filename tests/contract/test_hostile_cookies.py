"""Point 5 of the contract: whatever the cookie is, the handler runs with an empty session."""

import logging
from collections.abc import Callable

import pytest

from tests.contract.all_doors import doors_with
from tests.contract.door import Visit
from tests.contract.visitor import Visitor, Welcome
from tests.helpers.clock import Clock
from tests.sessions.browser import NAME, TTL, Failures, make_options, saved, seal_text

Spoil = Callable[[str], str]

# Each is read from the header in another way; what else a cookie may be is in tests/sessions.
SPOILT: dict[str, tuple[Spoil, str]] = {
    "another character": (
        lambda seal: seal[:100] + ("A" if seal[100] != "A" else "B") + seal[101:],
        "invalid",
    ),
    "huge": (lambda seal: "Fe26.2*" + "A" * 100_000, "invalid"),
    "not ASCII": (lambda seal: "Fe26.2*\xe9\xff", "invalid"),
    "in quotes": (lambda seal: f'"{seal}"', "invalid"),
}


def seal_now(json: str) -> str:
    """Seal a text by the right password, never to expire."""
    return seal_text(json, expires=None)


def good_seal() -> str:
    """Give a cookie's value as this package writes it."""
    return saved({"a": 1}).partition("=")[2]


@pytest.fixture
def failures() -> Failures:
    """Remember what `on_unseal_error` was told."""
    return Failures()


@pytest.fixture
def visitor(welcome: Welcome, failures: Failures) -> Visitor:
    """Welcome a visitor on a site that remembers failures."""
    return welcome(make_options(on_unseal_error=failures))


@pytest.mark.parametrize("how", SPOILT)
def test_the_handler_runs_with_an_empty_session_and_the_hook_is_told_once(
    visitor: Visitor, failures: Failures, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    spoil, reason = SPOILT[how]
    visitor.cookies[NAME] = spoil(good_seal())
    check_that_it_is_an_empty_session(visitor, caplog)
    assert failures.reasons == [reason]


def check_that_it_is_an_empty_session(visitor: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    """Have the handler look at it twice; the log says once what is wrong with the cookie."""
    with caplog.at_level(logging.DEBUG, "iron_session"):
        answer = visitor.ask("read", then="read")
    assert (answer.status, answer.json, answer.failure) == (200, {}, None)
    assert len([one for one in caplog.records if one.name == "iron_session"]) == 1


@doors_with("control characters")
def test_control_characters_are_an_empty_session_too(
    visitor: Visitor, failures: Failures, caplog: pytest.LogCaptureFixture
) -> None:
    visitor.cookies[NAME] = "\x01\x7f"
    check_that_it_is_an_empty_session(visitor, caplog)
    assert failures.reasons == ["invalid"]
    assert list(visitor.ask("update", {"b": 2}).cookies) == [NAME]
    assert visitor.session == {"b": 2}


@doors_with("control characters")
def test_control_characters_before_a_cookie_do_not_hide_it(visitor: Visitor) -> None:
    visitor.cookies = {"\x01\xff": "1", NAME: good_seal()}
    assert visitor.session == {"a": 1}


@pytest.mark.parametrize("how", SPOILT)
def test_a_new_session_can_take_its_place(visitor: Visitor, how: str) -> None:
    visitor.cookies[NAME] = SPOILT[how][0](good_seal())
    assert list(visitor.ask("update", {"b": 2}).cookies) == [NAME]
    assert visitor.session == {"b": 2}


def test_an_expired_session_is_empty(visitor: Visitor, failures: Failures, clock: Clock) -> None:
    """A minute after its expiration, that is: what other machines' clocks may be off."""
    visitor.ask("update", {"a": 1})
    clock.advance(TTL + 59)
    assert visitor.session == {"a": 1}
    clock.advance(2)
    assert visitor.session == {}
    assert failures.reasons == ["expired"]


@pytest.mark.parametrize("value", ["", " ", '""'])
def test_an_empty_cookie_is_an_empty_session(visitor: Visitor, value: str) -> None:
    visitor.cookies[NAME] = value
    assert visitor.session == {}


@pytest.mark.parametrize(
    "template",
    [
        "{name}={bad}; other=1; {name}={bad}; {name}={good}",
        "{name}={good}; {name}={other}",
        "odd; =; ;; =x; {name}={good}",
        'a=[1,2]; b={{}}; c="x;{name}={good}',
        "\xff=1; {name}={good}",
    ],
)
def test_of_duplicates_the_first_that_opens_wins(visitor: Visitor, template: str) -> None:
    """A cookie that somebody tossed in, or one that is no cookie, does not shadow the real one."""
    other = seal_now('{"b":2}')
    header = template.format(name=NAME, good=good_seal(), bad="Fe26.2*tossed", other=other)
    visit = visitor.prepare("read", None, "")
    answer = visitor.site.visit(Visit(target=visit.target, headers=[("Cookie", header)]))
    assert answer.json == {"a": 1}


@pytest.mark.parametrize("action", ["read", "update"])
def test_the_hook_is_told_once_of_many_bad_duplicates(
    visitor: Visitor, failures: Failures, action: str
) -> None:
    header = "; ".join(f"{NAME}=garbage{number}" for number in range(50))
    visit = visitor.prepare(action, {"a": 1}, "", then="read")
    answer = visitor.site.visit(Visit(target=visit.target, headers=[("Cookie", header)]))
    assert answer.status == 200
    assert failures.reasons == ["invalid"]


def test_a_hook_that_raises_does_no_harm(welcome: Welcome) -> None:
    def raising_hook(failure: object) -> None:
        raise RuntimeError("the hook is broken")

    visitor = welcome(make_options(on_unseal_error=raising_hook))
    visitor.cookies[NAME] = "garbage"
    assert visitor.session == {}


def test_a_tossed_chunk_does_not_break_a_chunked_session(welcome: Welcome) -> None:
    """Neither one beyond the session's own, nor a second one of the same name."""
    visitor = welcome(make_options(chunk=True))
    visitor.ask("update", {"large": "x" * 7000})
    assert len(visitor.cookies) == 3
    for tossed in (f"{NAME}.9=x", f"{NAME}.00=x", f"{NAME}.-1=x", f"{NAME}.1=x"):
        visit = visitor.prepare("read", None, "")
        header = f"{tossed}; {visitor.header}"
        answer = visitor.site.visit(Visit(target=visit.target, headers=[("Cookie", header)]))
        assert answer.json == {"large": "x" * 7000}


@pytest.mark.parametrize("index", range(3))
def test_a_missing_chunk_gives_an_empty_session(
    welcome: Welcome, failures: Failures, index: int
) -> None:
    visitor = welcome(make_options(chunk=True, on_unseal_error=failures))
    visitor.ask("update", {"large": "x" * 7000})
    del visitor.cookies[f"{NAME}.{index}"]
    assert visitor.session == {}
    assert len(failures) == (0 if index == 0 else 1)
