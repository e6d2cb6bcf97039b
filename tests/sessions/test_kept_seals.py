"""Sessions with kept seals: all but the cryptography is asked at each request, as without them."""

import copy
import dataclasses
import json
import pickle
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from iron_session import (
    ConfigurationError,
    HeaderJar,
    Passwords,
    Session,
    SessionOptions,
    Unsealed,
    get_iron_session,
    seal_data,
)
from iron_session.seals.kept import KeptSeals
from iron_session.sessions import sealed
from tests.helpers.clock import Clock
from tests.helpers.frames import texts_in
from tests.helpers.seals import note_opened
from tests.sessions.browser import (
    NAME,
    NOW,
    OLD,
    PASSWORD,
    Browser,
    Failures,
    cookie_of,
    make_options,
    saved,
)
from tests.sessions.test_sealed import HOSTILE

pytestmark = pytest.mark.usefixtures("clock")


def keeping(**changes: Any) -> SessionOptions:
    return make_options(**{"keep_opened": 8, **changes})


def read(header: str, options: SessionOptions) -> Session:
    """Return a request's session, which has been read."""
    session = get_iron_session(HeaderJar(header), options)
    dict(session)
    return session


def store_of(options: SessionOptions) -> KeptSeals:
    assert options.kept_seals is not None
    return options.kept_seals


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return note_opened(monkeypatch)


# --- the option ------------------------------------------------------------------------------


def test_nothing_is_kept_unless_it_is_asked_for() -> None:
    for options in (make_options(), make_options(keep_opened=None)):
        assert options.keep_opened is None
        assert options.kept_seals is None
        assert read(cookie_of('{"user":1}'), options) == {"user": 1}


def test_as_many_seals_are_kept_as_the_option_says() -> None:
    options = keeping(keep_opened=2)
    for user in range(4):
        assert read(cookie_of(json.dumps({"user": user})), options) == {"user": user}
    assert len(store_of(options)) == 2


@pytest.mark.parametrize("value", [0, -1, True, False, 1.0, "1024", [], timedelta(seconds=60)])
def test_what_is_no_number_of_seals_is_refused_with_what_to_give(value: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make_options(keep_opened=value)
    assert str(caught.value) == (
        "keep_opened must be the number of opened seals to keep, an int of at least 1 as 1024, "
        "or None to keep none"
    )


def test_the_name_in_camel_case_is_told_as_it_is_here() -> None:
    with pytest.raises(ConfigurationError, match="keepOpened: it is keep_opened here"):
        make_options(keepOpened=8)


# --- what a hit saves, and what it does not --------------------------------------------------


def test_a_cookie_that_comes_again_is_not_decrypted_again(opened: list[str]) -> None:
    header, options = saved({"user": 1}), keeping()
    for _ in range(3):
        assert read(header, options) == {"user": 1}
    assert len(opened) == 1


def test_no_two_requests_share_an_object() -> None:
    header, options = saved({"cart": [{"n": 1}]}), keeping()
    first = read(header, options)
    first["cart"][0]["n"] = 2
    first["cart"].append("x")
    second = read(header, options)
    assert second == {"cart": [{"n": 1}]}
    assert first.modified
    assert not second.modified


def test_a_seal_is_kept_when_a_browser_sends_it_and_not_when_it_is_made() -> None:
    """Most robots never send back what they get: they push out no visitor."""
    options, browser = keeping(), Browser()
    browser.visit(options, user=1)
    assert len(store_of(options)) == 0
    browser.request(options)["user"]
    assert len(store_of(options)) == 1


def test_a_change_is_read_by_the_next_request() -> None:
    options, browser = keeping(), Browser()
    for number in range(5):
        browser.visit(options, number=number)
        for _ in range(2):
            assert browser.request(options) == {"number": number}


def test_an_expired_session_that_is_kept_is_refused_as_expired(
    clock: Clock, failures: Failures
) -> None:
    header = cookie_of('{"user":1}', expires=NOW + 1000)
    options = keeping(on_unseal_error=failures)
    for seconds in (0, 30, 30.999):
        clock.now = NOW + round(seconds * 1000)
        assert read(header, options) == {"user": 1}
    clock.now = NOW + 61_000
    assert read(header, options) == {}
    assert failures.reasons == ["expired"]


def test_a_session_that_is_kept_ends_with_its_longest_lifetime(
    clock: Clock, failures: Failures, opened: list[str]
) -> None:
    options = keeping(ttl=3600, max_lifetime=3600, on_unseal_error=failures)
    mark = f'"$iron":{{"created":{NOW - 3_630_000}}}'  # 30 seconds are left of the skew
    header = cookie_of(f'{{"user":1,{mark}}}', expires=NOW + 600_000)
    assert read(header, options) == {"user": 1}
    clock.now = NOW + 29_999
    assert read(header, options) == {"user": 1}
    clock.now = NOW + 30_000
    assert read(header, options) == {}
    assert failures.reasons == ["expired"]
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("json", "changes", "reason"),
    [
        ('{"user":1,"$iron":{"for":"magic-link"}}', {}, "purpose"),
        ("[1]", {}, "invalid"),
        ("{user:1}", {}, "invalid"),
        ('{"$iron":1}', {}, "invalid"),
        ('{"user":1}', {"migrate": lambda data: data["name"]}, "schema"),
    ],
)
def test_what_a_session_refuses_is_refused_at_each_hit(
    failures: Failures, json: str, changes: dict[str, Any], reason: str
) -> None:
    header, options = cookie_of(json), keeping(on_unseal_error=failures, **changes)
    for _ in range(3):
        assert read(header, options) == {}
    assert failures.reasons == [reason] * 3


def test_a_magic_link_that_is_kept_is_no_session(failures: Failures) -> None:
    link = seal_data({"user": 1}, password=PASSWORD, purpose="magic-link")
    options = keeping(on_unseal_error=failures)
    for _ in range(2):
        assert read(f"{NAME}={link}", options) == {}
    assert failures.reasons == ["purpose"] * 2


def test_migrate_is_called_at_each_hit_with_data_of_its_own() -> None:
    calls: list[dict[str, Any]] = []

    def migrate(data: dict[str, Any]) -> dict[str, Any]:
        calls.append(data)
        data["calls"] = len(calls)
        return data

    header, options = cookie_of('{"user":1}'), keeping(migrate=migrate)
    assert [read(header, options)["calls"] for _ in range(3)] == [1, 2, 3]
    assert len({id(data) for data in calls}) == 3


def test_the_schema_is_asked_at_each_hit(failures: Failures, opened: list[str]) -> None:
    refused: set[int] = set()

    @dataclass
    class Account:
        user: int = 0
        cart: list[int] = field(default_factory=list)

        def __post_init__(self) -> None:
            if self.user in refused:
                raise ValueError("no such user")

    options = keeping(schema=Account, on_unseal_error=failures)
    header = cookie_of('{"user":1,"cart":[1]}')
    first, second = (get_iron_session(HeaderJar(header), options).data for _ in range(2))
    assert first == second == Account(1, [1])
    assert first.cart is not second.cart
    refused.add(1)
    assert get_iron_session(HeaderJar(header), options).data == Account()
    assert failures.reasons == ["schema"]
    assert len(opened) == 1


def test_the_hook_is_told_of_each_hit(clock: Clock) -> None:
    told: list[Unsealed] = []
    header, options = saved({"user": 1}), keeping(on_unseal=told.append)
    for _ in range(3):
        read(header, options)
        clock.advance(10)
    plain: list[Unsealed] = []
    for turn in range(3):
        clock.now = NOW + turn * 10_000
        read(header, make_options(on_unseal=plain.append))
    assert told == plain
    assert [each.age for each in told] == [timedelta(seconds=age) for age in (0, 10, 20)]


def test_a_session_that_is_kept_is_renewed_when_it_is_due(clock: Clock) -> None:
    options, browser, renewed = keeping(ttl=3600, renew_after=30), Browser(), []
    browser.visit(options, user=1)
    for _ in range(8):
        session = browser.request(options)
        assert session["user"] == 1
        session.commit()
        renewed.append(bool(browser.answer()))
        clock.advance(10)
    assert renewed == [False, False, False, True, False, False, True, False]


@pytest.mark.parametrize(("cookie", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_cookie_that_can_not_be_read_is_refused_each_time(
    failures: Failures, cookie: str, reason: str
) -> None:
    options = keeping(on_unseal_error=failures)
    for _ in range(3):
        session = get_iron_session(HeaderJar(f"{NAME}={cookie}"), options)
        assert session == {}
        assert session.is_new
        session.commit()
    assert failures.reasons == [reason] * 3


def test_a_session_in_chunks_of_more_than_2_kb_is_read_and_not_kept() -> None:
    options, browser = keeping(chunk=True), Browser()
    browser.visit(options, text="x" * 6000)
    for _ in range(2):
        assert browser.request(options)["text"] == "x" * 6000
    assert len(store_of(options)) == 0


def test_a_session_that_is_ended_is_gone_from_the_browser_though_its_seal_is_kept() -> None:
    options, browser = keeping(), Browser()
    browser.visit(options, user=1)
    session = browser.request(options)
    assert session["user"] == 1
    session.destroy()
    browser.answer()
    assert browser.request(options) == {}


# --- passwords -------------------------------------------------------------------------------


def test_a_password_out_of_the_rotation_opens_no_session_that_is_kept(failures: Failures) -> None:
    environ = {"KEY_1": OLD}
    passwords = Passwords.from_env("KEY", environ)
    options = keeping(password=passwords, on_unseal_error=failures)
    header = cookie_of('{"user":1}', password={1: OLD})
    assert read(header, options) == {"user": 1}
    environ["KEY_2"] = PASSWORD
    passwords.reload()
    assert read(header, options) == {"user": 1}
    del environ["KEY_1"]
    passwords.reload()
    assert read(header, options) == {}
    assert failures.reasons == ["unknown-password"]


def test_a_session_by_an_old_password_is_written_again_though_its_seal_is_kept() -> None:
    options = keeping(password={1: OLD, 2: PASSWORD})
    for _ in range(2):
        browser = Browser({NAME: cookie_of('{"user":1}', password={1: OLD}).partition("=")[2]})
        session = browser.request(options)
        assert session["user"] == 1
        session.commit()
        assert browser.answer()[NAME].value.startswith("Fe26.2*2*")


def test_options_with_one_password_keep_their_own(opened: list[str]) -> None:
    """Also options that are made of others."""
    passwords = Passwords(PASSWORD)
    header = cookie_of('{"user":1}')
    first, second = keeping(password=passwords), keeping(password=passwords)
    third = dataclasses.replace(first)
    stores = {id(store_of(one)) for one in (first, second, third)}
    assert len(stores) == 3
    for options in (first, second, third):
        read(header, options)
    assert len(opened) == 3


def test_options_are_equal_by_how_much_they_keep_and_not_by_what() -> None:
    options = keeping()
    read(cookie_of('{"user":1}'), options)
    assert options == keeping()
    assert hash(options) == hash(keeping())
    assert options != keeping(keep_opened=9)
    assert options != make_options()


# --- secrets ---------------------------------------------------------------------------------


@pytest.fixture
def used() -> SessionOptions:
    options = keeping()
    read(cookie_of('{"card":"4111"}'), options)
    assert len(store_of(options)) == 1
    return options


def test_options_show_nothing_of_what_they_keep(used: SessionOptions) -> None:
    values = [getattr(used, one.name) for one in dataclasses.fields(used)]
    for value in (used, values, dataclasses.asdict(used)):
        for text in texts_in(value):
            assert "4111" not in text
            assert "Fe26.2" not in text
    assert "keep_opened=8" in repr(used)
    assert "KeptSeals" not in repr(used)


def test_options_that_keep_seals_are_not_pickled(used: SessionOptions) -> None:
    with pytest.raises(TypeError, match="can't be pickled"):
        pickle.dumps(used)


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy])
def test_copied_options_have_no_second_copy_of_what_is_kept(
    used: SessionOptions, make: Any, opened: list[str]
) -> None:
    """They have the same passwords, and ask all else themselves."""
    copied = make(used)
    assert copied is not used
    assert copied.kept_seals is used.kept_seals


def test_an_error_while_a_kept_seal_is_read_shows_nothing_of_it(
    used: SessionOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,) = store_of(used)._shelf.entries
    secret = store_of(used)._shelf.entries[entry].opened

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sealed, "decode_json", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        read(f"{NAME}={entry}", used)
    traceback = caught.value.__traceback__
    frames = []
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    ours = [one for one in frames if one.f_globals["__name__"].startswith("iron_session")]
    assert ours
    for frame in ours:
        for value in frame.f_locals.values():
            assert value != secret
            assert not [text for text in texts_in(value) if "4111" in text]
