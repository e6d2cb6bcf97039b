"""`Links`: what a magic link is made of, and what becomes of one that a visitor brings back."""

import copy
import re
import string
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from iron_session import (
    ConfigurationError,
    NotSerializableError,
    Passwords,
    UnsealError,
    UnsealReason,
    seal_data,
    unseal_data,
)
from iron_session.links import Links
from tests.helpers.clock import Clock
from tests.helpers.json_values import objects
from tests.helpers.seals import OTHER, PASSWORD, told_by

LOGIN = Links(password=PASSWORD, purpose="login")
URL = "https://example.com/login"
ADA = {"email": "ada@example.com"}

LONGEST_MADE = 2000
LONGEST_READ = 8192


def token_of(link: str) -> str:
    """Give a link's seal as urllib reads it."""
    (token,) = parse_qs(urlsplit(link).query)["token"]
    return token


def refused(found: object, links: Links = LOGIN) -> UnsealError:
    """Give the error that both ways to read have for what a visitor sent."""
    with pytest.raises(UnsealError) as caught:
        links.read(cast("str", found))
    assert links.read(cast("str", found), default=None) is None
    return caught.value


def reason_for(found: object, links: Links = LOGIN) -> UnsealReason:
    return refused(found, links).reason


# --- links there and back --------------------------------------------------------------------


def test_a_link_comes_back_as_the_data_that_it_was_made_of() -> None:
    assert LOGIN.read(LOGIN.make(URL, ADA)) == ADA


def test_the_seal_by_itself_opens() -> None:
    assert LOGIN.read_token(token_of(LOGIN.make(URL, ADA))) == ADA


def test_a_link_holds_one_seal_for_its_purpose() -> None:
    token = token_of(LOGIN.make(URL, ADA))
    assert unseal_data(token, password=PASSWORD, purpose="login") == ADA


def test_the_data_of_the_caller_is_left_alone() -> None:
    data = {"a": [1]}
    LOGIN.make(URL, data)
    assert data == {"a": [1]}


def test_other_parameters_their_order_and_the_fragment_stay() -> None:
    link = LOGIN.make("https://example.com/login?next=%2Fhome&a=1&next=2#top", ADA)
    assert re.fullmatch(
        r"https://example\.com/login\?next=%2Fhome&a=1&next=2&token=[\w.%-]+#top", link, re.ASCII
    )


@pytest.mark.parametrize(
    "query",
    ["token=old", "token=old&token=older", "token", "%74oken=old", "&token=", "to%6Ben=a&&"],
)
def test_a_parameter_of_the_same_name_is_replaced(query: str) -> None:
    link = LOGIN.make(f"{URL}?{query}", ADA)
    assert link.startswith(f"{URL}?token=Fe26.2%2A1%2A")
    assert LOGIN.read(link) == ADA
    assert LOGIN.read(LOGIN.make(link, {"email": "eve@example.com"})) != ADA


@pytest.mark.parametrize(
    "query", ["tokens=1", "Token=1", "xtoken=1", "next=%26token=1", "token%20=1"]
)
def test_a_parameter_of_another_name_is_kept(query: str) -> None:
    assert LOGIN.make(f"{URL}?{query}", ADA).startswith(f"{URL}?{query}&token=")


@pytest.mark.parametrize(
    "url",
    [
        "myapp://login",
        "myapp:login",
        "com.example.app:/login#now",
        "/login",
        "login",
        "?",
        "?a=1",
        "#top",
        "//example.com",
        "https://[::1]:8000/login",
        "https://[not-an-address/login",
        "https://example.com",
        "https://bücher.example/straße?größe=ß#ende",
        "https://example.com/#/login?token=1",
        "https://example.com/%zz?%zz=%",
    ],
)
def test_any_url_takes_a_link(url: str) -> None:
    link = LOGIN.make(url, ADA)
    assert LOGIN.read(link) == ADA
    assert link.partition("?")[0] == url.partition("#")[0].partition("?")[0]
    assert link.partition("#")[1:] == url.partition("#")[1:]


def test_a_seal_is_written_with_nothing_at_which_a_mail_program_could_cut_it() -> None:
    """Nor anything that it could take for markup, or for the end of a sentence."""
    value = LOGIN.make(URL, ADA).partition("token=")[2]
    assert re.fullmatch(r"[A-Za-z0-9._%-]+", value)
    assert value.endswith("%7E2")


def test_a_link_is_read_whichever_way_its_characters_are_written() -> None:
    link = LOGIN.make(URL, ADA)
    plain = link.replace("%2A", "*").replace("%7E", "~")
    assert plain != link
    assert LOGIN.read(plain) == ADA
    assert LOGIN.read(link.replace("%2A", "%2a").replace("%7E", "~")) == ADA
    assert LOGIN.read(link.replace("token=", "%74oken=")) == ADA


def test_what_others_add_to_a_link_does_no_harm() -> None:
    assert LOGIN.read(f"{LOGIN.make(URL, ADA)}&utm_source=mail&b#x?token=1") == ADA


@pytest.mark.parametrize("cut", [len("https://example.com"), len("https:"), len(URL)])
def test_a_relative_url_is_read_too(cut: int) -> None:
    assert LOGIN.read(LOGIN.make(URL, ADA)[cut:]) == ADA


def test_a_mapping_of_the_query_is_read() -> None:
    assert LOGIN.read({"next": "/", "token": token_of(LOGIN.make(URL, ADA))}) == ADA


def test_the_parameter_has_the_name_that_it_was_given() -> None:
    links = Links(password=PASSWORD, purpose="login", parameter="sign-in_1.x")
    link = links.make(f"{URL}?token=kept", ADA)
    assert link.startswith(f"{URL}?token=kept&sign-in_1.x=Fe26.2")
    assert links.read(link) == ADA
    assert reason_for(link) == "invalid"


def test_a_fragment_is_no_part_of_the_query() -> None:
    link = LOGIN.make(URL, ADA)
    assert LOGIN.read(f"{link}#&token=1") == ADA
    assert reason_for(link.replace("?", "#?")) == "invalid"


def test_a_link_without_data_is_a_link() -> None:
    assert LOGIN.read(LOGIN.make(URL, {})) == {}


# --- any url, any data; urllib is the judge --------------------------------------------------

printable = st.characters(exclude_categories=("C", "Z"), exclude_characters='"<>\\')
urls = st.text(printable, min_size=1) | st.lists(
    st.sampled_from(["https://", "myapp:", "token", "%74oken", "=", "&", "?", "#", "/", "a", "+"]),
    min_size=1,
).map("".join)


@given(urls, objects)
@example("?token&a=b=c&;token=1#?token=", {})
@example("a?+=1&token+=2&&=", {"é": [None]})
def test_a_link_differs_from_its_url_by_one_parameter(url: str, data: dict[str, Any]) -> None:
    assume("$iron" not in data)
    try:
        before = urlsplit(url)
    except ValueError:
        assume(False)
    try:
        link = LOGIN.make(url, data)
    except ConfigurationError as error:
        assert "characters" in str(error)  # noqa: PT017 - only where hypothesis made a lot of data
        assume(False)
    after = urlsplit(link)
    assert after._replace(query="") == before._replace(query="")
    pairs = parse_qsl(after.query, keep_blank_values=True)
    others = parse_qsl(before.query, keep_blank_values=True)
    assert pairs[:-1] == [(name, value) for name, value in others if name != "token"]
    assert pairs[-1][0] == "token"
    assert LOGIN.read(link) == LOGIN.read_token(pairs[-1][1]) == LOGIN.read(dict(pairs)) == data
    assert len(link) <= LONGEST_MADE


anything = st.text(st.characters(exclude_categories=())) | st.binary() | st.none() | st.integers()
a_link = LOGIN.make(URL, ADA)


@given(anything | st.lists(anything) | st.dictionaries(anything, anything))
def test_whatever_a_visitor_sends_is_refused_by_one_error(sent: object) -> None:
    for found in (sent, {"token": sent}, f"?token={sent}"):
        assert reason_for(found) == "invalid"
    with pytest.raises(UnsealError):
        LOGIN.read_token(cast("str", sent))


@given(st.integers(0, len(a_link)), st.text(st.characters(exclude_categories=()), max_size=3))
@example(len(URL) + 1, "token=&")
@example(len(URL) + 9, "\ud800")
@example(len(URL) + 9, "\x00")
def test_a_link_that_something_was_put_into_gives_its_data_or_the_one_error(
    place: int, text: str
) -> None:
    """Outside of the seal it may change nothing."""
    changed = a_link[:place] + text + a_link[place:]
    assert LOGIN.read(changed, default=ADA) == ADA
    assert LOGIN.read_token(changed[len(URL) + 7 :], default=ADA) == ADA


# --- why a link is refused -------------------------------------------------------------------


def test_a_link_ends_after_its_ttl_and_the_minute_that_clocks_may_differ(clock: Clock) -> None:
    links = Links(password=PASSWORD, purpose="login", ttl=timedelta(minutes=5))
    link = links.make(URL, ADA)
    clock.advance(300 + 59)
    assert links.read(link) == ADA
    clock.advance(1)
    assert reason_for(link, links) == "expired"


def test_a_link_lives_for_fifteen_minutes_if_nothing_else_is_said(clock: Clock) -> None:
    link = LOGIN.make(URL, ADA)
    clock.advance(900 + 59)
    assert LOGIN.read(link) == ADA
    clock.advance(1)
    assert reason_for(link) == "expired"


def test_a_link_for_one_purpose_is_none_for_another() -> None:
    assert reason_for(LOGIN.make(URL, ADA), Links(password=PASSWORD, purpose="e-mail")) == "purpose"


def test_a_session_is_no_link_and_a_link_is_no_session() -> None:
    assert reason_for({"token": seal_data(ADA, password=PASSWORD)}) == "purpose"
    with pytest.raises(UnsealError):
        unseal_data(token_of(LOGIN.make(URL, ADA)), password=PASSWORD)


def test_a_link_of_a_password_that_is_gone_is_refused() -> None:
    links = Links(password={2: OTHER}, purpose="login")
    assert reason_for(LOGIN.make(URL, ADA), links) == "unknown-password"
    same_id = Links(password=OTHER, purpose="login")
    assert reason_for(LOGIN.make(URL, ADA), same_id) == "invalid"


@pytest.mark.parametrize(
    "password", [{1: PASSWORD, 2: OTHER}, Passwords({1: PASSWORD, 2: OTHER})], ids=["map", "object"]
)
def test_links_of_an_old_password_open_while_it_is_kept(password: Any) -> None:
    links = Links(password=password, purpose="login")
    assert links.read(LOGIN.make(URL, ADA)) == ADA
    assert token_of(links.make(URL, ADA)).startswith("Fe26.2*2*")


@pytest.mark.parametrize(
    "found", [URL, "", "?", "?tokens=1", "#token=1", "token=1", {}, {"a": "b"}, {"token": None}]
)
def test_a_link_without_its_parameter_says_so_and_nothing_of_itself(found: Any) -> None:
    error = refused(found)
    assert (str(error), error.reason) == ('the link has no parameter "token"', "invalid")


def test_a_url_that_has_its_parameter_twice_is_refused() -> None:
    """No link of ours has; which of the two another reader would take, nobody knows."""
    link = LOGIN.make(URL, ADA)
    value = link.partition("?")[2]
    for twice in (f"{link}&{value}", f"{link}&token", f"{URL}?%74oken=1&{value}"):
        assert str(refused(twice)) == 'the link has its parameter "token" more than once'


@pytest.mark.parametrize("text", ["", "*******", "Fe26.2*1*a*b*c**d*e~2", "\ud800", "\x00", "é"])
def test_a_parameter_that_is_no_seal_is_refused(text: str) -> None:
    assert reason_for({"token": text}) == "invalid"
    assert reason_for(f"{URL}?token={text}") == "invalid"


@pytest.mark.parametrize(
    "thing", [b"?token=1", 1, True, None, ["?token=1"], object(), SimpleNamespace(get="a")]
)
def test_what_is_neither_a_url_nor_a_query_is_refused(thing: object) -> None:
    error = refused(thing)
    assert str(error) == f"not a link: {type(thing).__name__} is neither a str nor a query"
    assert error.reason == "invalid"


@pytest.mark.parametrize("value", [b"Fe26.2", 1, ["Fe26.2"], {"a": 1}])
def test_a_parameter_that_is_no_text_is_refused(value: object) -> None:
    """As `urllib.parse.parse_qs` gives lists."""
    message = f"not a seal: {type(value).__name__} is no text"
    assert str(refused({"token": value})) == message
    with pytest.raises(UnsealError, match=re.escape(message)):
        LOGIN.read_token(cast("str", value))


def test_a_text_that_is_too_long_is_refused_before_anything_is_made_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The longest is read all the same, whoever lengthened it."""
    link, token = LOGIN.make(URL, ADA), token_of(LOGIN.make(URL, ADA))
    longest = link.ljust(LONGEST_READ, "&"), token.ljust(LONGEST_READ, "~")
    assert LOGIN.read(longest[0]) == LOGIN.read_token(longest[1]) == ADA

    monkeypatch.setattr("iron_session.links.unseal_data", None)
    monkeypatch.setattr("iron_session.links.unquote_plus", None)
    for found in (longest[0] + "&", {"token": longest[1] + "~"}, "?" + "&" * 10**7):
        assert str(refused(found)) == "not a link: it has more than 8192 characters"


def test_a_default_is_given_instead_of_every_unseal_error(clock: Clock) -> None:
    link = LOGIN.make(URL, ADA)
    assert LOGIN.read(link, default=None) == LOGIN.read_token(token_of(link), default=None) == ADA
    clock.advance(10_000)
    assert LOGIN.read(link, default=None) is None
    assert LOGIN.read(URL, default={"guest": True}) == {"guest": True}
    assert LOGIN.read_token(None, default="none") == "none"
    assert LOGIN.read_token(token_of(link), default=0) == 0


def test_without_a_token_to_open_the_error_says_so() -> None:
    with pytest.raises(UnsealError, match=r'^the link has no parameter "token"'):
        LOGIN.read_token(None)


def test_an_error_tells_nothing_of_the_link_or_its_data(clock: Clock) -> None:
    secret = {"email": "ada@secret.example"}
    link = LOGIN.make(f"{URL}?next=hidden", secret)
    other = Links(password=PASSWORD, purpose="other").make(f"{URL}?next=hidden", secret)
    broken = link.replace("%7E", "").replace("%2A", "*", 3)
    errors = [refused(other), refused(broken[:-9]), refused(f"{link}&token=")]
    clock.advance(10_000)
    errors.append(refused(link))
    assert [error.reason for error in errors] == ["purpose", "invalid", "invalid", "expired"]
    for error in errors:
        # Its own frames hold the link as they hold any argument; what is printed does not.
        told = told_by(error)
        for hidden in ("secret.example", "hidden", PASSWORD, token_of(link)[9:40]):
            assert hidden not in told


# --- what the programmer is told -------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"password": "short"}, "needs at least 32"),
        ({"password": None}, "password is None"),
        ({"purpose": ""}, "purpose must be a text that is not empty"),
        ({"purpose": None}, "purpose must be a text"),
        ({"purpose": 1}, "purpose must be a text"),
        ({"ttl": 0}, "ttl must be more than 0 seconds"),
        ({"ttl": timedelta(0)}, "ttl must be more than 0 seconds"),
        ({"ttl": -1}, "ttl must not be negative"),
        ({"ttl": "900"}, "ttl must be seconds"),
        ({"ttl": None}, "ttl must be seconds"),
        ({"parameter": ""}, "parameter must be a name"),
        ({"parameter": "a b"}, "parameter must be a name"),
        ({"parameter": "a&b"}, "parameter must be a name"),
        ({"parameter": "é"}, "parameter must be a name"),
        ({"parameter": "token\n"}, "parameter must be a name"),
        ({"parameter": None}, "parameter must be a name"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_when_links_are_built(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Links(**{"password": PASSWORD, "purpose": "login", **settings})


def test_a_purpose_has_to_be_named() -> None:
    with pytest.raises(TypeError, match="purpose"):
        Links(password=PASSWORD)  # type: ignore[call-arg]  # that is what is tested


@pytest.mark.parametrize("url", [None, b"https://example.com", SimpleNamespace(), 1])
def test_a_url_that_is_no_text_is_refused(url: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"^url must be a str, not {type(url).__name__}: give"
    ):
        LOGIN.make(url, ADA)


def test_an_empty_url_is_refused() -> None:
    """As an unset variable gives it."""
    with pytest.raises(ConfigurationError, match=r"^url is empty"):
        LOGIN.make("", ADA)


@pytest.mark.parametrize(
    "character",
    [
        *' "<>\\',
        *"\t\r\n\x00\x0b\x1f\x7f\x80\x9f",
        *"\xa0\xad\u2028\u200b\u202e\u3000\ufeff",
        "\ud800",
    ],
)
def test_a_url_with_a_character_that_no_link_can_have_is_refused(character: str) -> None:
    for url in (f"{URL}?a={character}b", character, f"{URL}#{character}", f"{character}{URL}"):
        with pytest.raises(ConfigurationError, match=r"^url has a space, .* percent-encode"):
            LOGIN.make(url, ADA)


@pytest.mark.parametrize(
    "character", string.ascii_letters + string.digits + "!$&'()*+,-./:;=?@[]_~%^`{|}"
)
def test_every_other_character_is_kept(character: str) -> None:
    assert LOGIN.make(f"{URL}{character}", ADA).startswith(f"{URL}{character}")


def test_a_link_that_mail_programs_would_break_is_refused() -> None:
    data = {"email": "a" * 1200}
    link = LOGIN.make(URL, data)
    url = URL + "?" + "a" * (LONGEST_MADE - len(link) - 1)
    assert len(LOGIN.make(url, data)) == LONGEST_MADE
    with pytest.raises(ConfigurationError, match=r"^the link would have 2001 characters"):
        LOGIN.make(url + "a", data)


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"when": timedelta(1)}, 'data["when"]'),
        ({"$iron": {}}, 'data["$iron"]'),
        ({"__proto__": {}}, 'data["__proto__"]'),
        ({"a": [{"__proto__": {}}]}, 'data["a"][0]["__proto__"]'),
        ({"a": [float("nan")]}, 'data["a"][0]'),
        (["ada@example.com"], "data"),
        (None, "data"),
    ],
)
def test_data_that_cannot_be_sealed_is_refused_with_its_place(data: Any, path: str) -> None:
    with pytest.raises(NotSerializableError) as caught:
        LOGIN.make(URL, data)
    assert caught.value.path == path


# --- the object ------------------------------------------------------------------------------


def test_its_repr_shows_purpose_and_ttl_and_no_secret() -> None:
    assert repr(LOGIN) == "Links(purpose='login', ttl=900, parameter='token')"


@pytest.mark.parametrize("name", ["password", "purpose", "ttl", "parameter", "other"])
def test_nothing_of_it_can_be_changed(name: str) -> None:
    with pytest.raises((AttributeError, TypeError)):
        setattr(LOGIN, name, "other")
    assert not hasattr(LOGIN, "__dict__")


def test_it_keeps_its_password_as_an_object_that_does_not_show_it() -> None:
    assert repr(LOGIN.password) == "Passwords(ids=[1])"


def test_a_copy_is_the_same_links() -> None:
    assert copy.deepcopy(LOGIN).read(LOGIN.make(URL, ADA)) == ADA
    assert Links(password=PASSWORD, purpose="login") == LOGIN
    assert Links(password=PASSWORD, purpose="other") != LOGIN
