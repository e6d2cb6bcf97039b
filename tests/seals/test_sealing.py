"""`seal_data` and `unseal_data`: the convention of iron-session, and purposes."""

import inspect
from datetime import timedelta
from typing import Any

import pytest

from iron_session import (
    ConfigurationError,
    NotSerializableError,
    Passwords,
    UnsealError,
    seal_data,
    unseal_data,
)
from iron_session.seals import SealOptions, unseal
from iron_session.seals.sealing import seal_json, sealed_length
from tests.helpers.clock import Clock
from tests.helpers.seals import NODE_DATA, OTHER, PASSWORD, ByHand, told_by

SIXTEEN_EMOJI = "😀😁😂😃😄😅😆😇😈😉😊😋😌😍😎😏"
EIGHTY_BYTES = "àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿāăąćĉċčďđ"

# Made by iron-session 9.0.1 in Node.js 24, with a ttl of 0.
NODE = (
    "Fe26.2*1*af81f0a108dff80fb8b2f8bd49403a321f145a09ed70f27b353e31a4445f7c0b*MgVdNXBD3H3KjBNA"
    "-6TNcg*yAeU2SSDkFAVdcDTc1Gg7iErmpNyI51nL_KBDFvOV4UNf6uxay1_1Ta0BDlyb8V4dl2eRPz0mBnCzrEqQLr"
    "QUsjrxV5oaWi6D78GjRWzj4sFfK5sE5mjNh5kZseSlWQwV1mbvXepz8ElXHmTdxD372Njb50zuE3l6IyhVBVMGXY**"
    "9821bd6e9e9fdedc0d381a9f9feaa791de1a483e9f81e9b2686bc280fc0276e2*MGWfLCgPSIyTpPgLFgUNf2SuB"
    "AxUpXydBxCPDT6S4S0~2"
)
NODE_MAPPING = (  # by {1: PASSWORD, 7: "seven_" + PASSWORD}
    "Fe26.2*7*b4e0409f4b7dbfc5f8f48238c882369f7320bfe933b92b04383f529ada394f4e*iYdM7geYeE_xV0Ou"
    "wwoRXg*QMt3RNeHKNKOXvK0TO5kjg**a3258bec27bc4b1a7327a52e284264c7f7f9c7d061ddc7d2d4f855e6731"
    "7169a*Q6E8UEr9kI0pV2HQzhbx5Fr2HteD5QUVU5Yr3zTZo4k~2"
)
NODE_EMOJI = (  # by SIXTEEN_EMOJI
    "Fe26.2*1*96b11d95f7297f9e8ec6ba9108cd3c8932c68e17943e69f89881a9ee7c8c29b9*m8AUE2y5wQ9hVScZ"
    "jRHpeQ*PLdrzMWUJjh-nH4RsFcy9w**1f166c2e139750db875e332c70b9370b6d30f37f235063ba40b422ceede"
    "ce0dd*JLQAs5M6Bi0jWUm5yIrvN72j57ytv6DjK4mkw-ckblU~2"
)
NODE_LONG = (  # by EIGHTY_BYTES, which are longer than the block of the hash
    "Fe26.2*1*c4d964b996d7b7519dfe04c0f2df8534e90ea10ba8841f958d815022dee2b1c9*g9Q6Jf6qcGbVklBm"
    "fy3nLg*q6GZP77HnIl3gyZPNuk9Tw**eb37a4814a97289e9077c157c5e3c1723b5947960fc3f292d2f225e6f5b"
    "cb0f3*KnX1xnZ-Z6fdQHcYadsqxl6nWdm4oECEzxKj1hOe4cw~2"
)


def parts_of(text: str) -> list[str]:
    return text.removesuffix("~2").split("*")


def by_hand(plaintext: str) -> str:
    """Seal any plaintext as JavaScript would."""
    return ByHand(plaintext.encode(), id="1").text + "~2"


def sealed_json(text: str) -> str:
    """Give the JSON text inside of a seal."""
    options = SealOptions(decode=lambda json: json)
    return str(unseal(text.removesuffix("~2"), PASSWORD, options))


def refusal(text: str, *, password: Any = PASSWORD, purpose: str | None = None) -> UnsealError:
    with pytest.raises(UnsealError) as caught:
        unseal_data(text, password=password, purpose=purpose)
    return caught.value


# --- iron-session's convention ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "password", "data"),
    [
        (NODE, PASSWORD, NODE_DATA),
        (NODE, {1: PASSWORD, 2: OTHER}, NODE_DATA),
        (NODE, Passwords(PASSWORD), NODE_DATA),
        (NODE_MAPPING, {1: PASSWORD, 7: "seven_" + PASSWORD}, {"a": 1}),
        (NODE_EMOJI, SIXTEEN_EMOJI, {"a": 1}),
        (NODE_LONG, EIGHTY_BYTES, {"a": 1}),
    ],
)
def test_a_seal_that_node_made_opens(text: str, password: Any, data: Any) -> None:
    assert unseal_data(text, password=password) == data


@pytest.mark.parametrize(
    "data",
    [None, True, 0, -1.5, "", "é", [], {}, [1, [2]], {"user": {"id": 1}}, {"$iron2": 1}, "$iron"],
)
def test_any_json_value_comes_back(data: Any) -> None:
    """A list too, of which iron-session 9 makes an object."""
    back = unseal_data(seal_data(data, password=PASSWORD), password=PASSWORD)
    assert back == data
    assert type(back) is type(data)


def test_a_tuple_comes_back_as_a_list() -> None:
    text = seal_data({"a": (1, 2)}, password=PASSWORD)
    assert unseal_data(text, password=PASSWORD) == {"a": [1, 2]}


def test_a_seal_ends_in_its_version() -> None:
    text = seal_data({}, password=PASSWORD)
    assert text.endswith("~2")
    assert text.count("~") == 1
    assert len(parts_of(text)) == 8


@pytest.mark.parametrize(
    ("password", "id_"),
    [(PASSWORD, "1"), ({3: PASSWORD, 20: OTHER}, "20"), (Passwords({"5": PASSWORD}), "5")],
)
def test_a_seal_names_the_newest_password(password: Any, id_: str) -> None:
    text = seal_data({"a": 1}, password=password)
    assert parts_of(text)[1] == id_
    assert unseal_data(text, password=password) == {"a": 1}


@pytest.mark.parametrize("tail", ["", "~", "~2", "~1", "~9999", "~~~", "~2*x", "~\n", "~é\ud800"])
def test_what_follows_the_first_tilde_is_not_looked_at(tail: str) -> None:
    """It is outside the mac: anybody's text."""
    text = seal_data({"a": 1}, password=PASSWORD).removesuffix("~2")
    assert unseal_data(text + tail, password=PASSWORD) == {"a": 1}


def test_what_precedes_the_first_tilde_is_the_seal() -> None:
    text = seal_data({"a": 1}, password=PASSWORD)
    for wrong in (f"~{text}", f"{text[:-10]}~{text[-10:]}", f"x~{text}"):
        assert refusal(wrong).reason == "invalid"


@pytest.mark.parametrize("id_", ["", "2", "default", "01"])
def test_a_single_password_opens_only_what_names_the_id_1(id_: str) -> None:
    """As in iron-session; `unseal` of the protocol opens these."""
    assert refusal(ByHand(id=id_).text).reason == "unknown-password"


def test_no_two_seals_are_alike() -> None:
    made = {seal_data({}, password=PASSWORD) for _ in range(20)}
    assert len(made) == 20


def test_data_is_written_as_javascript_writes_it() -> None:
    text = seal_data({"b": ["é\u2028\ud800", 1.5], "a": None}, password=PASSWORD)
    assert sealed_json(text) == '{"b":["é\u2028\\ud800",1.5],"a":null}'


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"cart": [{"when": {1}}]}, 'data["cart"][0]["when"] is a set'),
        ({1: 2}, "data has a key of type int"),
        ({"__proto__": 1}, 'data["__proto__"] is a key that JavaScript takes for an object\'s'),
        ({"a": [{"__proto__": 1}]}, 'data["a"][0]["__proto__"] is a key that JavaScript takes'),
        (float("nan"), "data is nan"),
        (b"bytes", "data is a bytes"),
    ],
)
@pytest.mark.parametrize("purpose", [None, "login"])
def test_data_that_can_not_be_written_is_named(
    data: Any, problem: str, purpose: str | None
) -> None:
    if purpose and not isinstance(data, dict):
        problem = f"data is a {type(data).__name__} and a purpose needs a dict"
    with pytest.raises(NotSerializableError) as caught:
        seal_data(data, password=PASSWORD, purpose=purpose)
    assert str(caught.value).startswith(problem)


# --- time ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ttl", "life"),
    [
        ({}, 14 * 24 * 3600 * 1000),
        ({"ttl": 900}, 900_000),
        ({"ttl": 0.5}, 500),
        ({"ttl": timedelta(hours=1)}, 3_600_000),
        ({"ttl": 1e-9}, 1),
        ({"ttl": timedelta(microseconds=1)}, 1),
    ],
)
def test_a_seal_says_when_it_expires(clock: Clock, ttl: dict[str, Any], life: int) -> None:
    text = seal_data({}, password=PASSWORD, **ttl)
    assert parts_of(text)[5] == str(clock.now + life)


@pytest.mark.parametrize("ttl", [0, 0.0, timedelta(0)])
def test_a_ttl_of_0_never_expires(clock: Clock, ttl: Any) -> None:
    text = seal_data({"a": 1}, password=PASSWORD, ttl=ttl)
    assert parts_of(text)[5] == ""
    clock.advance(1e10)
    assert unseal_data(text, password=PASSWORD) == {"a": 1}


@pytest.mark.parametrize(
    "ttl",
    [-1, -0.001, float("nan"), float("inf"), True, None, "900", timedelta(-1), timedelta.max],
)
def test_a_ttl_that_can_not_work_is_refused(ttl: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^ttl must"):
        seal_data({}, password=PASSWORD, ttl=ttl)


def test_a_seal_opens_a_minute_longer_for_other_clocks(clock: Clock) -> None:
    text = seal_data({"a": 1}, password=PASSWORD, ttl=900)
    clock.advance(959.999)
    assert unseal_data(text, password=PASSWORD) == {"a": 1}
    clock.advance(0.001)
    error = refusal(text)
    assert (error.reason, error.password_id) == ("expired", "1")


# --- purposes --------------------------------------------------------------------------------

PURPOSES = [None, "magic-link", "reset", "Magic-Link", "magic-link ", "é"]


@pytest.mark.parametrize("asked", PURPOSES)
@pytest.mark.parametrize("made", PURPOSES)
def test_a_seal_opens_for_the_purpose_that_it_was_made_for(
    made: str | None, asked: str | None
) -> None:
    """One for none opens for none only, and the other way round."""
    text = seal_data({"user": 1}, password=PASSWORD, purpose=made)
    if asked == made:
        assert unseal_data(text, password=PASSWORD, purpose=asked) == {"user": 1}
    else:
        error = refusal(text, purpose=asked)
        assert (error.reason, error.password_id) == ("purpose", "1")
        assert str(error) == "the seal was made for another purpose"


@pytest.mark.parametrize("purpose", ["", 5, b"login", True, False, ["login"]])
def test_a_purpose_that_is_no_text_is_refused(purpose: Any) -> None:
    """Before the seal is looked at, so that it can't be mistaken for none."""
    for use in (
        lambda: seal_data({}, password=PASSWORD, purpose=purpose),
        lambda: unseal_data("no seal", password=PASSWORD, purpose=purpose),
        lambda: unseal_data("no seal", password=PASSWORD, purpose=purpose, default=None),
    ):
        with pytest.raises(ConfigurationError, match=r"^purpose must be a text that is not empty"):
            use()


def test_a_purpose_is_one_member_of_the_sealed_object() -> None:
    """The last, so that JavaScript shows the application's own data first."""
    text = seal_data({"user": 1}, password=PASSWORD, purpose="magic-link")
    assert sealed_json(text) == '{"user":1,"$iron":{"for":"magic-link"}}'


def test_without_a_purpose_nothing_is_added() -> None:
    assert sealed_json(seal_data({"user": 1}, password=PASSWORD)) == '{"user":1}'
    assert sealed_json(seal_data({}, password=PASSWORD)) == "{}"


def test_sealing_leaves_the_data_as_it_is() -> None:
    data = {"user": 1}
    seal_data(data, password=PASSWORD, purpose="login")
    assert data == {"user": 1}


@pytest.mark.parametrize("data", [None, 1, "text", [1], (1,), True])
def test_a_purpose_needs_an_object(data: Any) -> None:
    with pytest.raises(NotSerializableError) as caught:
        seal_data(data, password=PASSWORD, purpose="login")
    assert str(caught.value) == (
        f'data is a {type(data).__name__} and a purpose needs a dict: seal {{"value": …}}'
    )


@pytest.mark.parametrize("purpose", [None, "login"])
@pytest.mark.parametrize("value", [{"for": "login"}, None, {}, 5])
def test_the_reserved_name_can_not_be_sealed(value: Any, purpose: str | None) -> None:
    """Or data could give itself a purpose."""
    with pytest.raises(NotSerializableError) as caught:
        seal_data({"a": 1, "$iron": value}, password=PASSWORD, purpose=purpose)
    assert caught.value.path == 'data["$iron"]'
    assert str(caught.value) == 'data["$iron"] is a reserved name'


@pytest.mark.parametrize("data", [{"a": {"$iron": {"for": "login"}}}, [{"$iron": 1}]])
def test_below_the_top_the_name_is_not_reserved(data: Any) -> None:
    text = seal_data(data, password=PASSWORD)
    assert unseal_data(text, password=PASSWORD) == data
    assert refusal(text, purpose="login").reason == "purpose"


@pytest.mark.parametrize("data", ["null", "1", '"text"', "[1]", '["$iron"]', '"$iron"', "{}"])
def test_what_is_sealed_without_a_purpose_has_none(data: str) -> None:
    assert refusal(by_hand(data), purpose="login").reason == "purpose"


@pytest.mark.parametrize(
    ("mark", "purpose"),
    [
        ("{}", None),
        ('{"for":null}', None),
        ('{"later":[1]}', None),
        ('{"for":"login"}', "login"),
        ('{"for":"login","later":{"a":1}}', "login"),
    ],
)
def test_the_mark_is_not_part_of_the_data(mark: str, purpose: str | None) -> None:
    """Neither are members of it that a later version may write."""
    text = by_hand(f'{{"a":1,"$iron":{mark},"b":2}}')
    assert unseal_data(text, password=PASSWORD, purpose=purpose) == {"a": 1, "b": 2}


@pytest.mark.parametrize("purpose", ["5", "True", "login", "[]", "{}"])
@pytest.mark.parametrize("value", ["5", "true", '["login"]', "[]", "{}", '{"login":1}'])
def test_a_purpose_is_equal_to_the_very_text_only(value: str, purpose: str) -> None:
    text = by_hand(f'{{"$iron":{{"for":{value}}}}}')
    assert refusal(text, purpose=purpose).reason == "purpose"
    assert refusal(text).reason == "purpose"


@pytest.mark.parametrize("mark", ["null", "5", "[]", '"for"', "true", '["for"]'])
def test_a_mark_that_is_no_object_is_refused(mark: str) -> None:
    text = by_hand(f'{{"$iron":{mark}}}')
    for purpose in (None, "for"):
        error = refusal(text, purpose=purpose)
        assert (error.reason, str(error)) == (
            "invalid",
            "the seal's member $iron is not an object",
        )


# --- failures and the default ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason", "password_id"),
    [
        ("", "invalid", None),
        ("no seal", "invalid", None),
        ("~2", "invalid", None),
        (NODE.replace("Fe26.2*1", "Fe26.2*9"), "unknown-password", "9"),
        (NODE.replace("**", "*1*"), "expired", "1"),
        (NODE.replace("**", "*01*"), "invalid", "1"),
        (NODE.replace("**", "*9999999999999*"), "invalid", "1"),
        (NODE_EMOJI, "invalid", "1"),
        (by_hand(""), "invalid", None),
        (by_hand("hunter2"), "invalid", None),
        (by_hand('{"__proto__":"hunter2"}'), "invalid", None),
        (by_hand('[{"a":{"_\\u005fproto__":"hunter2"}}]'), "invalid", None),
        (by_hand('{"$iron":{"for":"hunter2"}}'), "purpose", "1"),
    ],
)
def test_a_seal_that_does_not_open_gives_an_error_or_the_default(
    text: str, reason: str, password_id: str | None
) -> None:
    nothing = object()
    error = refusal(text)
    assert (error.reason, error.password_id) == (reason, password_id)
    assert "hunter2" not in told_by(error)
    assert unseal_data(text, password=PASSWORD, default=nothing) is nothing


@pytest.mark.parametrize("default", [None, {}, False, "text"])
def test_any_default_is_given_back(default: Any) -> None:
    assert unseal_data("no seal", password=PASSWORD, default=default) is default


def test_the_default_is_not_given_for_a_seal_that_opens() -> None:
    text = seal_data(None, password=PASSWORD)
    assert unseal_data(text, password=PASSWORD, default="default") is None


def test_the_default_is_given_for_another_purpose() -> None:
    text = seal_data({}, password=PASSWORD, purpose="login")
    assert unseal_data(text, password=PASSWORD, purpose="reset", default=None) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "short"},
        {"password": None},
        {"password": {}},
        {"password": {1: PASSWORD, 2: "short"}},
        {"text": NODE.encode()},
        {"text": 5},
        {"purpose": ""},
    ],
)
def test_the_default_does_not_hide_the_programmers_mistake(wrong: dict[str, Any]) -> None:
    given: dict[str, Any] = {"text": NODE, "password": PASSWORD, "default": None, **wrong}
    with pytest.raises(ConfigurationError):
        unseal_data(given.pop("text"), **given)


@pytest.mark.parametrize("purpose", [None, "login"])
def test_no_text_is_no_seal(purpose: str | None) -> None:
    """A query parameter or cookie that is missing is the visitor's doing."""
    with pytest.raises(UnsealError, match=r"^not a seal: there is no text$") as caught:
        unseal_data(None, password=PASSWORD, purpose=purpose)
    assert (caught.value.reason, caught.value.password_id) == ("invalid", None)
    assert unseal_data(None, password=PASSWORD, purpose=purpose, default="x") == "x"
    with pytest.raises(ConfigurationError):
        unseal_data(None, password="short", default="x")
    with pytest.raises(ConfigurationError):
        unseal_data(None, password=PASSWORD, purpose="", default="x")


@pytest.mark.parametrize("text", [5, NODE.encode(), [NODE]])
def test_what_is_not_text_is_named(text: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"^a seal is a str, not {type(text).__name__}"):
        unseal_data(text, password=PASSWORD)


def test_the_signature_says_what_happens_without_a_default() -> None:
    assert "default: 'Any' = <raise UnsealError>" in str(inspect.signature(unseal_data))


def test_no_error_gives_a_password_or_the_seal_away() -> None:
    text = seal_data({"user": "hunter2"}, password=PASSWORD)
    for error in (refusal(text, password=OTHER), refusal(text, password={2: PASSWORD})):
        told = told_by(error)
        for secret in ("hunter2", PASSWORD, OTHER, *parts_of(text)[2:]):
            assert secret not in told


# --- the length --------------------------------------------------------------------------------


@pytest.mark.parametrize("expires", [None, 1_800_000_000_000])
@pytest.mark.parametrize("password", [{1: PASSWORD}, {12345: PASSWORD}])
def test_the_length_of_a_seal_is_known_before(
    password: dict[int, str], expires: int | None
) -> None:
    secret = Passwords(password).primary
    for size in (*range(50), 1000, 4096):
        seal = seal_json(b"x" * size, secret, expires)
        assert sealed_length(size, secret, expires) == len(seal)
