"""What JavaScript's iron-session promises of sessions, by its tests and its manual, holds here.

Left, the cases of version 8's own suite and what version 9 documents; right, the tests below.

| iron-session 8, src/index.test.ts | here |
| --- | --- |
| request parameter is missing | test_a_missing_jar_is_told |
| response parameter is missing | test_a_missing_jar_is_told (one jar is both) |
| cookie name is missing | test_a_missing_cookie_name_is_told |
| password is missing | test_a_missing_password_is_told |
| password of less than 32 characters | test_a_short_password_is_told |
| blank session if there is no cookie | test_without_a_cookie_the_session_is_blank |
| sets a cookie on save | test_saving_sets_a_cookie |
| deleting, then saving | test_deleting_and_saving_leaves_an_empty_session |
| ttl of 0: a large max-age | test_max_age_follows_the_ttl |
| max-age of the cookie options | test_a_given_max_age_is_respected |
| no max-age for session cookies | test_a_browser_session_cookie_has_no_max_age |
| expires the cookie on destroy | test_destroying_expires_the_cookie |
| an expired seal resets the session | test_an_expired_seal_resets_the_session |
| refreshes ttl and max-age on save | test_saving_refreshes_ttl_and_max_age |
| a changed password resets the session | test_a_changed_password_resets_the_session |
| a cookie made by an older password | test_an_older_password_still_opens |
| the cookie is too big | test_a_cookie_that_is_too_big_is_told |
| save after headers are sent | test_saving_after_the_headers_is_told |
| keeps a cookie set before: one | test_cookies_of_others_are_kept |
| keeps cookies set before: several | test_cookies_of_others_are_kept |
| older cookie format | test_the_format_of_next_iron_session_opens (not unwrapped, as in 9) |
| save and destroy can't be reassigned | test_save_and_destroy_can_not_be_reassigned |
| updates the configuration | test_the_configuration_can_be_updated |
| web standard Request and Response | test_header_text_is_all_it_takes |

| iron-session 9 | here |
| --- | --- |
| Max-Age: ttl - 60; 60 or less whole; 0 | test_max_age_follows_the_ttl |
| maxAge: undefined | test_a_browser_session_cookie_has_no_max_age (the seal keeps its ttl) |
| chunks: at most four, `name.0` to `.3` | test_a_session_too_large_for_one_cookie_is_split, |
|   | test_more_than_four_chunks_are_refused |
| chunks: a shrunk session | test_a_shrunk_session_expires_its_stale_parts |
| chunks: a changed shape | test_a_grown_session_expires_its_whole_cookie |
| no chunks: only cookies of the request | test_a_plain_save_expires_nothing |
| chunks: stops at the first gap | test_chunks_are_read_up_to_the_first_gap |
| chunks: both shapes are read | test_both_shapes_are_read_whatever_the_setting |
| chunks: the whole cookie wins | test_the_whole_cookie_wins |
| chunks: stored chunked, `chunk` off | test_options_that_do_not_agree_on_chunk_are_told |
| onUnsealError and its reasons | test_the_hook_is_told_why |
| no hook for a cookie that opens, or none | test_the_hook_is_not_called_for_nothing |
| destroy, then save: nothing | test_a_save_after_destroy_is_ignored |
| destroy, data, then save: an error | test_data_saved_after_destroy_is_an_error |
| destroy clears chunks | test_destroying_expires_the_chunks |
| updateConfig rebuilds and validates all | test_the_configuration_can_be_updated, |
|   | test_an_updated_configuration_is_checked_as_a_whole |
| a password map: ids, emptiness | test_a_password_map_that_can_not_work_is_told |
| `expires` in the past: on save only | test_an_expires_in_the_past_is_told_on_save_only |
| data that is not JSON | test_data_that_json_can_not_carry_is_told_with_its_path |
| the version behind the seal is inert | test_the_version_behind_the_seal_is_inert |
| hostile cookies never throw | test_a_hostile_cookie_is_an_empty_session |
| two saves: two headers | test_two_saves_are_one_header (one, here) |
| cookies of any store: read and write | test_any_jar_with_read_and_write_will_do |
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    HeaderJar,
    HeadersAlreadySentError,
    NotSerializableError,
    SessionDestroyedError,
    SessionOptions,
    get_iron_session,
)
from iron_session.sessions import SetCookie
from tests.helpers.clock import Clock
from tests.sessions.browser import (
    FOREIGN,
    NOW,
    OLD,
    Browser,
    Failures,
    expiration_of,
    open_text,
    password_id_of,
    seal_text,
)

PASSWORD = "Gbm49ATjnqnkCCCdhV4uDBhbfnPqsCW0"
NAME = "test"

NEXT_IRON_SESSION = (
    "Fe26.2*1*1e2bacee1edffaeb4a9ba4a07dc36c2c60d20415a60ac1b901033af1f107ead5*LAC9Fn3BJ9ifKM"
    "hVL3pP5w*JHhcByIzk4ThLt9rUW-fDMrOwUT7htHy1uyqeOTIqrVwDJ0Bz7TOAwIz_Cos-ug3**7dfa11868bbcc"
    "4f7e118342c0280ff49ba4a7cc84c70395bbc3d821a5f460174*6a8FkHxdg322jyym6PwJf3owz7pd6nq5ZIzy"
    "LHGVC0c"
)
"""Made by next-iron-session 4, to live for ever and without a version behind it."""

DELETION = "test=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax"


def make_options(**changes: Any) -> SessionOptions:
    return SessionOptions(**{"password": PASSWORD, "cookie_name": NAME, **changes})


def sealed(json: str, **how: Any) -> str:
    return f"{NAME}={seal_text(json, **{'password': PASSWORD, **how})}"


def test_the_table_names_the_tests_of_this_file() -> None:
    """All of them, and no other."""
    named = set(re.findall(r"test_\w+", __doc__ or ""))
    here = {name for name in globals() if name.startswith("test_")}
    assert named == here - {"test_the_table_names_the_tests_of_this_file"}


# --- version 8's suite -----------------------------------------------------------------------


@pytest.mark.parametrize("jar", [None, {}, object()])
def test_a_missing_jar_is_told(jar: Any) -> None:
    with pytest.raises(ConfigurationError, match="cookie jar"):
        get_iron_session(jar, make_options())
    with pytest.raises(TypeError):
        get_iron_session()  # type: ignore[call-arg]  # wrong on purpose


@pytest.mark.parametrize("missing", [{}, {"cookie_name": ""}, {"cookie_name": None}])
def test_a_missing_cookie_name_is_told(missing: dict[str, Any]) -> None:
    with pytest.raises((ConfigurationError, TypeError), match="cookie_name"):
        SessionOptions(password=PASSWORD, **missing)


@pytest.mark.parametrize("missing", [{}, {"password": ""}, {"password": None}])
def test_a_missing_password_is_told(missing: dict[str, Any]) -> None:
    with pytest.raises((ConfigurationError, TypeError), match="password"):
        SessionOptions(cookie_name=NAME, **missing)


@pytest.mark.parametrize("length", [1, 30, 31])
def test_a_short_password_is_told(length: int) -> None:
    with pytest.raises(ConfigurationError, match="at least 32"):
        make_options(password="x" * length)
    make_options(password=PASSWORD[:32])


def test_without_a_cookie_the_session_is_blank() -> None:
    assert get_iron_session(HeaderJar(), make_options()) == {}


def test_saving_sets_a_cookie(clock: Clock) -> None:
    jar = HeaderJar()
    session = get_iron_session(jar, make_options())
    session["user"] = {"id": 1}
    session.save()
    (header,) = jar.set_cookie_headers
    expected = r"test=\S{265}; Max-Age=1209540; Path=/; HttpOnly; Secure; SameSite=Lax"
    assert re.fullmatch(expected, header)


def test_deleting_and_saving_leaves_an_empty_session(browser: Browser) -> None:
    browser.visit(make_options(), user={"id": 1})
    session = browser.request(make_options())
    assert session == {"user": {"id": 1}}
    del session["user"]
    session.save()
    assert browser.answer()[NAME].value
    assert browser.request(make_options()) == {}


@pytest.mark.parametrize(
    ("ttl", "max_age"),
    [
        (0, 2147483647),
        (1209600, 1209540),
        (3600, 3540),
        (61, 1),
        (60, 60),
        (59, 59),
        (1, 1),
    ],
)
def test_max_age_follows_the_ttl(browser: Browser, ttl: int, max_age: int) -> None:
    received = browser.visit(make_options(ttl=ttl), user=1)[NAME]
    assert received.max_age == max_age
    assert expiration_of(received.value) == (NOW + ttl * 1000 if ttl else None)


def test_a_given_max_age_is_respected(browser: Browser) -> None:
    received = browser.visit(make_options(cookie_options={"max_age": 60}), user=1)[NAME]
    assert received.max_age == 60
    assert expiration_of(received.value) == NOW + 1_209_600_000


def test_a_browser_session_cookie_has_no_max_age(browser: Browser) -> None:
    """In JavaScript its seal would live for ever; ours ends with its ttl."""
    received = browser.visit(make_options(cookie_options={"max_age": None}), user=1)[NAME]
    assert "Max-Age" not in received.attributes
    assert "Expires" not in received.attributes
    assert expiration_of(received.value) == NOW + 1_209_600_000


def test_destroying_expires_the_cookie(browser: Browser) -> None:
    session = browser.request(make_options())
    session["user"] = {"id": 1}
    session.save()
    session.destroy()
    assert session == {}
    assert browser.jar.set_cookie_headers == [DELETION]


def test_an_expired_seal_resets_the_session(browser: Browser, clock: Clock) -> None:
    browser.visit(make_options(ttl=60), user=1)
    clock.advance(119.999)
    assert browser.request(make_options(ttl=60)) == {"user": 1}
    clock.advance(0.001)  # the ttl and a minute of skew
    assert browser.request(make_options(ttl=60)) == {}


def test_saving_refreshes_ttl_and_max_age(browser: Browser, clock: Clock) -> None:
    options = make_options(ttl=61)
    assert browser.visit(options, user=1)[NAME].max_age == 1
    clock.advance(120)
    session = browser.request(options)
    assert session == {"user": 1}
    session.save()
    assert browser.answer()[NAME].max_age == 1
    clock.advance(120)
    assert browser.request(options) == {"user": 1}
    clock.advance(1)
    assert browser.request(options) == {}


def test_a_changed_password_resets_the_session(browser: Browser) -> None:
    browser.visit(make_options(), user=1)
    assert browser.request(make_options(password=FOREIGN)) == {}


@pytest.mark.parametrize("password", [{2: FOREIGN, 1: PASSWORD}, {"1": PASSWORD, "2": FOREIGN}])
def test_an_older_password_still_opens(browser: Browser, password: Any) -> None:
    browser.visit(make_options(), user=1)
    assert password_id_of(browser.cookies[NAME]) == "1"
    assert browser.request(make_options(password=password)) == {"user": 1}
    assert password_id_of(browser.visit(make_options(password=password))[NAME].value) == "2"


def test_a_cookie_that_is_too_big_is_told(browser: Browser) -> None:
    session = browser.request(make_options())
    session["user"] = {"id": 1, "meta": "0" * 3000}
    with pytest.raises(CookieTooLargeError, match=r"has 4\d\d\d bytes and browsers accept 4096"):
        session.save()
    assert browser.answer() == {}


def test_saving_after_the_headers_is_told(browser: Browser) -> None:
    session = browser.request(make_options())
    session["user"] = {"id": 1}
    browser.jar.close()
    with pytest.raises(HeadersAlreadySentError, match="headers were already sent"):
        session.save()


@pytest.mark.parametrize("others", [["existing"], ["existing", "existing2"]])
def test_cookies_of_others_are_kept(browser: Browser, others: list[str]) -> None:
    session = browser.request(make_options())
    options = make_options().cookie
    for other in others:
        browser.jar.write(SetCookie(other, "cookie", options, None))
    session["user"] = {"id": 1}
    session.save()
    names = [header.partition("=")[0] for header in browser.jar.set_cookie_headers]
    assert names == [*others, NAME]
    session.destroy()
    assert browser.jar.set_cookie_headers[-1] == DELETION
    assert len(browser.jar.set_cookie_headers) == len(others) + 1


def test_the_format_of_next_iron_session_opens() -> None:
    """As its data lies there: version 8 unwrapped it, 9 does not, since unsealed text said so."""
    session = get_iron_session(HeaderJar(f"{NAME}={NEXT_IRON_SESSION}"), make_options())
    assert session == {"persistent": {"user": {"id": 77}}, "flash": {}}


@pytest.mark.parametrize("method", ["save", "destroy", "update_config"])
def test_save_and_destroy_can_not_be_reassigned(method: str) -> None:
    session = get_iron_session(HeaderJar(), make_options())
    with pytest.raises(AttributeError):
        setattr(session, method, lambda: None)


def test_the_configuration_can_be_updated(browser: Browser) -> None:
    """Ttl, cookie name and password; still, nothing is written before a save."""
    session = browser.request(make_options())
    session["user"] = {"id": 1}
    changed = make_options(ttl=61, cookie_name="test2", password={1: OLD, 2: FOREIGN})
    session.update_config(changed)
    assert browser.answer() == {}
    session.save()
    received = browser.answer()
    assert list(received) == ["test2"]
    assert received["test2"].max_age == 1
    assert password_id_of(received["test2"].value) == "2"
    assert browser.request(changed) == {"user": {"id": 1}}
    assert browser.request(make_options()) == {}


def test_header_text_is_all_it_takes() -> None:
    """A request's header in, a response's header out; no object of any framework."""
    jar = HeaderJar(None)
    session = get_iron_session(jar, make_options())
    assert session == {}
    session["user"] = {"id": 1}
    session.save()
    (header,) = jar.set_cookie_headers
    again = get_iron_session(HeaderJar(header.partition(";")[0]), make_options())
    assert again == {"user": {"id": 1}}


# --- what version 9 documents ----------------------------------------------------------------


def text(length: int) -> str:
    return "x" * length


def test_a_session_too_large_for_one_cookie_is_split(browser: Browser) -> None:
    """Every cookie with all attributes, none over 4096 bytes, and no count among them."""
    received = browser.visit(make_options(chunk=True), text=text(9000))
    assert list(received) == ["test.0", "test.1", "test.2", "test.3", "test"]
    assert received.pop("test").max_age == 0
    assert len({str(one.attributes) for one in received.values()}) == 1
    seal = "".join(one.value for one in received.values())
    assert open_text(seal, password=PASSWORD) == {"text": text(9000)}
    assert browser.request(make_options(chunk=True)) == {"text": text(9000)}


def test_more_than_four_chunks_are_refused(browser: Browser) -> None:
    session = browser.request(make_options(chunk=True))
    session["text"] = text(13_000)
    with pytest.raises(CookieTooLargeError, match="needs 5 cookies and the most is 4"):
        session.save()
    assert browser.answer() == {}


def test_a_shrunk_session_expires_its_stale_parts(browser: Browser) -> None:
    browser.visit(make_options(chunk=True), text=text(9000))
    received = browser.visit(make_options(chunk=True), text=text(4000))
    assert {name: one.max_age for name, one in received.items()} == {
        "test.0": 1209540,
        "test.1": 1209540,
        "test": 0,
        "test.2": 0,
        "test.3": 0,
    }
    received = browser.visit(make_options(chunk=True), text="")
    assert {name: one.max_age for name, one in received.items()} == {
        "test": 1209540,
        "test.0": 0,
        "test.1": 0,
        "test.2": 0,
        "test.3": 0,
    }
    assert browser.request(make_options(chunk=True)) == {"text": ""}


def test_a_grown_session_expires_its_whole_cookie(browser: Browser) -> None:
    browser.visit(make_options(chunk=True), text="")
    assert browser.visit(make_options(chunk=True), text=text(4000))["test"].max_age == 0
    assert browser.request(make_options(chunk=True)) == {"text": text(4000)}


def test_a_plain_save_expires_nothing(browser: Browser) -> None:
    for number in range(2):
        assert list(browser.visit(make_options(), n=number)) == [NAME]


def test_chunks_are_read_up_to_the_first_gap(browser: Browser, failures: Failures) -> None:
    options = make_options(chunk=True, on_unseal_error=failures)
    browser.visit(options, text=text(9000))
    del browser.cookies["test.1"]
    assert browser.request(options) == {}
    assert failures.reasons == ["invalid"]
    browser.cookies["test.4"] = "beyond the fourth"
    del browser.cookies["test.0"]
    assert browser.request(options) == {}
    assert failures.reasons == ["invalid"]


@pytest.mark.parametrize("read_with", [True, False])
@pytest.mark.parametrize(("written_with", "length"), [(True, 10), (False, 10), (True, 9000)])
def test_both_shapes_are_read_whatever_the_setting(
    browser: Browser, written_with: bool, read_with: bool, length: int
) -> None:
    browser.visit(make_options(chunk=written_with), text=text(length))
    assert browser.request(make_options(chunk=read_with)) == {"text": text(length)}


def test_the_whole_cookie_wins(browser: Browser) -> None:
    browser.visit(make_options(chunk=True), text=text(4000))
    chunks = dict(browser.cookies)
    browser.visit(make_options(), text="whole")
    for cookies in ({**browser.cookies, **chunks}, {**chunks, **browser.cookies}):
        assert Browser(cookies).request(make_options()) == {"text": "whole"}


def test_options_that_do_not_agree_on_chunk_are_told(browser: Browser) -> None:
    browser.visit(make_options(chunk=True), text=text(4000))
    session = browser.request(make_options())
    session["n"] = 1
    with pytest.raises(CookieTooLargeError, match="other options for this cookie set chunk=True"):
        session.save()


@pytest.mark.parametrize(
    ("cookie", "reason"),
    [
        (sealed('{"a":1}', expires=NOW - 60_000), "expired"),
        (sealed('{"a":1}', password={7: PASSWORD}), "unknown-password"),
        (sealed('{"a":1}', password=FOREIGN), "invalid"),
        (f"{NAME}=Fe26.2*1*junk", "invalid"),
    ],
)
def test_the_hook_is_told_why(clock: Clock, failures: Failures, cookie: str, reason: str) -> None:
    session = get_iron_session(HeaderJar(cookie), make_options(on_unseal_error=failures))
    assert session == {}
    assert failures.reasons == [reason]


@pytest.mark.parametrize("cookie", ["", "other=1", f"{NAME}=", sealed('{"a":1}')])
def test_the_hook_is_not_called_for_nothing(clock: Clock, failures: Failures, cookie: str) -> None:
    session = get_iron_session(HeaderJar(cookie), make_options(on_unseal_error=failures))
    session.get("a")
    assert failures == []


def test_a_save_after_destroy_is_ignored(browser: Browser) -> None:
    browser.visit(make_options(), user=1)
    session = browser.request(make_options())
    session.destroy()
    session.save()
    assert browser.jar.set_cookie_headers == [DELETION]


def test_data_saved_after_destroy_is_an_error(browser: Browser) -> None:
    browser.visit(make_options(), user=1)
    session = browser.request(make_options())
    session.destroy()
    session["user"] = 2
    with pytest.raises(SessionDestroyedError):
        session.save()
    assert browser.jar.set_cookie_headers == [DELETION]


def test_destroying_expires_the_chunks(browser: Browser) -> None:
    browser.visit(make_options(chunk=True), text=text(9000))
    browser.request(make_options()).destroy()
    received = browser.answer()
    assert {name: one.max_age for name, one in received.items()} == dict.fromkeys(
        ["test", "test.0", "test.1", "test.2", "test.3"], 0
    )
    assert browser.cookies == {}


@pytest.mark.parametrize(
    "changes",
    [{"password": "short"}, {"password": {}}, {"cookie_name": ""}, {"cookie_name": "a;b"}],
)
def test_an_updated_configuration_is_checked_as_a_whole(
    browser: Browser, changes: dict[str, Any]
) -> None:
    """Version 8 took whatever password it was given here."""
    session = browser.request(make_options())
    session["user"] = 1
    with pytest.raises(ConfigurationError):
        session.update_config(make_options(**changes))
    session.save()
    assert list(browser.answer()) == [NAME]


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ({}, "empty"),
        ({"one": PASSWORD}, "whole numbers"),
        ({"1.5": PASSWORD}, "whole numbers"),
        ({1: PASSWORD, 2: "short"}, "at least 32"),
        ({1: None}, "is its environment variable set"),
    ],
)
def test_a_password_map_that_can_not_work_is_told(password: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make_options(password=password)


def test_an_expires_in_the_past_is_told_on_save_only(browser: Browser) -> None:
    browser.visit(make_options(), user=1)
    past = datetime.fromtimestamp(NOW / 1000 - 1, UTC)
    session = browser.request(make_options(cookie_options={"expires": past}))
    assert session == {"user": 1}
    with pytest.raises(ConfigurationError, match="expires is in the past"):
        session.save()
    assert browser.answer() == {}


def test_data_that_json_can_not_carry_is_told_with_its_path(browser: Browser) -> None:
    session = browser.request(make_options())
    session["user"] = {}
    session["user"]["seen"] = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(NotSerializableError, match=r'^session\["user"\]\["seen"\] is a datetime'):
        session.save()
    assert browser.answer() == {}


@pytest.mark.parametrize("version", ["~2", "~1", "~3", "~99", "~", "", "~2~1", "~persistent"])
def test_the_version_behind_the_seal_is_inert(clock: Clock, version: str) -> None:
    cookie = sealed('{"persistent":{"a":1}}').removesuffix("~2") + version
    session = get_iron_session(HeaderJar(cookie), make_options())
    assert session == {"persistent": {"a": 1}}


@pytest.mark.parametrize(
    "cookie",
    [
        "Fe26.1*1*a*b*c**d*e",
        "Fe26.2*constructor*a*b*c**d*e",
        "Fe26.2*__proto__*a*b*c**d*e~2",
        "Fe26.2**a*b*c**d*e",
        "Fe26.2*1*",
        "*******",
        "%",
        "~",
    ],
)
def test_a_hostile_cookie_is_an_empty_session(cookie: str) -> None:
    """Version 8 threw at some of these, before anybody was authenticated."""
    assert get_iron_session(HeaderJar(f"{NAME}={cookie}"), make_options()) == {}


def test_two_saves_are_one_header(browser: Browser) -> None:
    """JavaScript sends both, and browsers keep the later."""
    session = browser.request(make_options())
    session.save()
    session["n"] = 2
    session.save()
    assert len(browser.jar.set_cookie_headers) == 1
    browser.answer()
    assert browser.request(make_options()) == {"n": 2}


def test_any_jar_with_read_and_write_will_do() -> None:
    class Store(dict[str, str]):
        def read(self, name: str) -> Sequence[str]:
            return [self[name]] if name in self else []

        def write(self, cookie: SetCookie) -> None:
            self[cookie.name] = cookie.value

    store = Store()
    session = get_iron_session(store, make_options())
    session["user"] = 1
    session.save()
    assert get_iron_session(store, make_options()) == {"user": 1}
    session.destroy()
    assert get_iron_session(store, make_options()) == {}
