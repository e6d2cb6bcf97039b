"""Kept seals: whatever is opened, and whenever, gives what it would give without a store."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from iron_session import HeaderJar, Passwords, SessionOptions, UnsealError, get_iron_session
from iron_session.seals.kept import SERVED_MS, KeptSeals
from iron_session.seals.sealing import open_json, seal_json
from tests.helpers.clock import stopped_clock

NOW = 1_800_000_000_000
FIRST = "the first password of these tests, of 45 letters"
SECOND = "the second password of these tests, of 46 letters"
ROTATIONS = [
    {"1": FIRST},
    {"1": SECOND},
    {"2": SECOND},
    {"1": FIRST, "2": SECOND},
    {"1": SECOND, "2": FIRST},
]
LIVES = [None, -1, 30_000, 90_000, 200_000]
PLAINTEXTS = [
    "{}",
    '{"user":1}',
    '{"cart":[1,{"n":2}]}',
    f'{{"user":1,"$iron":{{"created":{NOW - 100_000}}}}}',
    '{"user":1,"$iron":{"for":"magic-link"}}',
    "[1]",
    "no json",
]


def make_seals() -> list[str]:
    secrets = [
        Passwords({int(id_): text}).primary
        for id_, text in [("1", FIRST), ("2", SECOND), ("1", SECOND)]
    ]
    return [
        seal_json(
            PLAINTEXTS[(number + shift) % len(PLAINTEXTS)].encode(),
            secret,
            None if life is None else NOW + life,
        ).removesuffix("~2")
        for shift, secret in enumerate(secrets)
        for number, life in enumerate(LIVES)
    ] + [seal_json(text.encode(), secrets[0], NOW + 90_000)[:-2] for text in PLAINTEXTS]


SEALS = make_seals()

moves = st.sampled_from(
    [0, 0, 0, 1, 1000, 29_999, SERVED_MS - 1, SERVED_MS, SERVED_MS + 1, -1, -1000, -SERVED_MS]
)
tails = st.sampled_from(["", "~2", "~", "~3~", "~é"])
texts = st.builds(lambda seal, tail: seal + tail, st.sampled_from(SEALS), tails)


@st.composite
def changed(draw: st.DrawFn) -> str:
    """A seal in which a character is another one."""
    text = draw(st.sampled_from(SEALS))
    at = draw(st.integers(0, len(text) - 1))
    return text[:at] + draw(st.sampled_from("A*0_z")) + text[at + 1 :]


# What is opened, how far the clock moves before, and which passwords are read again before.
steps = st.lists(
    st.tuples(
        st.one_of(texts, texts, texts, changed(), st.text(max_size=5)),
        moves,
        st.one_of(st.none(), st.none(), st.none(), st.sampled_from(ROTATIONS)),
    ),
    max_size=40,
)


def what_opens(call: Any, *arguments: Any) -> object:
    try:
        return call(*arguments)
    except UnsealError as error:
        return str(error), error.reason, error.password_id


@given(steps=steps, most=st.sampled_from([1, 2, 5, 100]))
def test_a_store_opens_what_opens_without_one(steps: Any, most: int) -> None:
    environ = {"KEY": json.dumps(ROTATIONS[3])}
    passwords = Passwords.from_env("KEY", environ)
    store, now = KeptSeals(most), NOW
    for text, move, rotation in steps:
        now += move
        if rotation is not None:
            environ["KEY"] = json.dumps(rotation)
            passwords.reload()
        expected = what_opens(open_json, text, passwords, now)
        assert what_opens(store.open, text, passwords, now) == expected
        assert len(store) <= most


class Request:
    """The session of one request, and what the hooks were told of it."""

    def __init__(self, text: str, password: Passwords, **changes: Any) -> None:
        self.told: list[object] = []
        self.options = SessionOptions(
            password=password,
            cookie_name="myapp",
            ttl=200,
            max_lifetime=250,
            on_unseal=self.told.append,
            on_unseal_error=lambda failure: self.told.append(
                (failure.reason, str(failure.error), failure.age, failure.size)
            ),
            **changes,
        )
        self.text = text

    def summary(self) -> object:
        jar = HeaderJar(f"myapp={self.text}")
        session = get_iron_session(jar, self.options)
        data = dict(session)
        state = session.is_new, session.modified, session.expires_at, session.created_at
        return data, state, self.told


@given(steps=steps)
def test_sessions_are_the_same_with_kept_seals_and_without(steps: Any) -> None:
    """Their data, their state, and what the hooks are told."""
    environ = {"KEY": json.dumps(ROTATIONS[3])}
    passwords = Passwords.from_env("KEY", environ)
    keeping = Request("", passwords, keep_opened=3)
    with stopped_clock(NOW) as clock:
        for text, move, rotation in steps:
            clock.now += move
            if rotation is not None:
                environ["KEY"] = json.dumps(rotation)
                passwords.reload()
            keeping.text = text
            keeping.told.clear()
            assert keeping.summary() == Request(text, passwords).summary()
