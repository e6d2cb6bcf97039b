"""A browser and a site, for as long as they like: what the session shows is what a dict would."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from iron_session import (
    CookieTooLargeError,
    HeaderJar,
    Session,
    SessionDestroyedError,
    UnsealFailure,
    get_iron_session,
)
from iron_session.sessions.cookies import cookie_names
from tests.helpers.clock import Clock
from tests.sessions.browser import NAME, NOW, ReceivedCookie, make_options

TTL = 3600
SKEW = 60

keys = st.sampled_from(["user", "cart", "text", "n", "é"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3)
    ),
    max_leaves=5,
)
texts = st.sampled_from([0, 10, 2500, 2900, 3100, 5800, 6000, 9000, 12_500]).map("x".__mul__)


@dataclass
class Sealed:
    """What the browser should have."""

    data: dict[str, Any]
    password_id: int
    expires: float
    life: float
    own_ttl: float | None
    created: float | None


class ForgetfulStore:
    """A browser's cookies, each of which ends with its Max-Age."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.cookies: dict[str, tuple[str, float]] = {}

    def header(self) -> str:
        self.cookies = {
            name: (value, end)
            for name, (value, end) in self.cookies.items()
            if self.clock.now < end
        }
        return "; ".join(f"{name}={value}" for name, (value, _) in self.cookies.items())

    def take(self, headers: list[str]) -> None:
        received = [ReceivedCookie.parse(header) for header in headers]
        assert len({cookie.name for cookie in received}) == len(received)
        assert all(len(header) <= 4096 for header in headers)
        for cookie in received:
            assert cookie.max_age is not None
            self.cookies.pop(cookie.name, None)
            if cookie.max_age:
                self.cookies[cookie.name] = (cookie.value, self.clock.now + cookie.max_age * 1000)


def as_json(data: object) -> str:
    """Compare as a session does: the order of keys counts, and 1 is not 1.0."""
    return json.dumps(data)


class BrowserAndSite(RuleBasedStateMachine):
    """Rules are what happens within a request; `finish` ends it and begins the next."""

    @initialize(
        renew_after=st.sampled_from([None, 60, 1800]),
        max_lifetime=st.sampled_from([None, TTL, 3 * TTL]),
    )
    def open(self, renew_after: int | None, max_lifetime: int | None) -> None:
        self.patch = pytest.MonkeyPatch()
        self.clock = Clock(NOW)
        self.patch.setattr("iron_session._time.now_ms", lambda: self.clock.now)
        self.store = ForgetfulStore(self.clock)
        self.renew_after, self.max_lifetime = renew_after, max_lifetime
        self.chunk = False
        self.primary = 1
        self.sealed: Sealed | None = None
        self.begin()

    def teardown(self) -> None:
        if hasattr(self, "patch"):
            self.patch.undo()

    def passwords(self) -> dict[int, str]:
        """The newest and the one before."""
        ids = [one for one in (self.primary - 1, self.primary) if one]
        return {one: f"password number {one}, long enough" + "." * 10 for one in ids}

    def begin(self) -> None:
        self.failures: list[UnsealFailure] = []
        self.options = make_options(
            ttl=TTL,
            renew_after=self.renew_after,
            max_lifetime=self.max_lifetime,
            chunk=self.chunk,
            password=self.passwords(),
            on_unseal_error=self.failures.append,
        )
        header = self.store.header()
        if not header:
            self.sealed = None
        self.sent = bool(header)
        self.jar = HeaderJar(header)
        self.session = get_iron_session(self.jar, self.options)
        # Unreadable cookies stay in the browser, but no session is in them any more.
        self.readable = self.sealed is not None and self.opens(self.sealed)
        self.base = self.sealed if self.readable else None
        self.model = json.loads(as_json(self.base.data)) if self.base else {}
        self.destroyed = self.looked = self.told = self.forced = self.ended = False

    def opens(self, sealed: Sealed) -> bool:
        now = self.clock.now / 1000
        return sealed.password_id in self.passwords() and now < sealed.expires + SKEW

    # --- the model's own rules -------------------------------------------------------------

    def seal(self, own_ttl: float | None = None) -> Sealed:
        """What a save makes now."""
        now = self.clock.now / 1000
        base = self.base
        own_ttl = own_ttl if own_ttl is not None else base.own_ttl if base else None
        life = TTL if own_ttl is None else own_ttl
        created = base.created if base else None
        if created is None and self.max_lifetime is not None:
            created = now
        expires = now + life
        if created is not None and self.max_lifetime is not None:
            expires = min(expires, created + self.max_lifetime)
        data = json.loads(as_json(self.model))
        return Sealed(data, self.primary, expires, life, own_ttl, created)

    def is_due(self, base: Sealed) -> bool:
        if base.password_id != self.primary:
            return True
        if self.renew_after is None:
            return False
        gone = self.clock.now / 1000 - (base.expires - base.life)
        renew_after = self.renew_after * min(base.life, TTL) / TTL
        return gone >= renew_after and self.seal().expires > base.expires

    def write(self, write: Callable[[], None], sealed: Sealed, *, changed: bool = True) -> None:
        """Save or commit; it may fail if it has reason to, and then nothing of it is written.

        What was only read, and is too large to be written again, is left as it is.
        """
        before, size = self.jar.set_cookie_headers, len(as_json(self.model))
        too_large = size > (11_000 if self.chunk else 2500)
        try:
            write()
        except CookieTooLargeError:
            note(f"too large: {size}")
            assert too_large
            assert changed
            assert self.jar.set_cookie_headers == before
            self.told = True
        else:
            # A commit says what a save has said no second time.
            left = (self.told or not changed) and too_large
            if not (left and self.jar.set_cookie_headers == before):
                assert self.jar.set_cookie_headers != before
                self.base = self.sealed = sealed
                self.forced = self.ended = False

    # --- within a request ------------------------------------------------------------------

    def touch(self) -> Session:
        self.looked = True
        return self.session

    @rule(key=keys, value=values | texts)
    def set(self, key: str, value: Any) -> None:
        self.touch()[key] = value
        self.model[key] = value

    @rule(key=keys)
    def delete(self, key: str) -> None:
        assert self.touch().pop(key, "absent") == self.model.pop(key, "absent")

    @rule(key=keys, value=values)
    def nest(self, key: str, value: Any) -> None:
        """Change a value in its place."""
        for data in (self.touch(), self.model):
            found = data.get(key)
            if isinstance(found, list):
                found.append(json.loads(as_json(value)))
            elif isinstance(found, dict):
                found["nested"] = json.loads(as_json(value))
            else:
                data[key] = []

    @rule()
    def look(self) -> None:
        assert self.touch() == self.model
        assert list(self.session) == list(self.model)
        assert self.session.destroyed is self.destroyed
        if not self.destroyed:
            assert self.session.is_new is not self.readable

    @rule()
    def clear(self) -> None:
        self.touch().clear()
        self.model.clear()
        self.ended = True
        if self.base and (self.base.own_ttl, self.base.created) != (None, None):
            self.base = replace(self.base, own_ttl=None, created=None, life=TTL)
            self.forced = True

    @rule()
    def destroy(self) -> None:
        self.session.destroy()
        self.looked = self.destroyed = True
        self.model = {}
        self.base = self.sealed = None

    @rule(ttl=st.sampled_from([None, None, 600, TTL, 2 * TTL]))
    def save(self, ttl: int | None) -> None:
        if self.max_lifetime == TTL and ttl == 2 * TTL:
            ttl = TTL
        self.looked = True
        if self.destroyed:
            if self.model:
                with pytest.raises(SessionDestroyedError):
                    self.session.save(ttl=ttl)
                self.told = True
            else:
                self.session.save(ttl=ttl)
            return
        self.write(lambda: self.session.save(ttl=ttl), self.seal(ttl))

    # --- from one request to the next --------------------------------------------------------

    @rule(
        seconds=st.sampled_from([0, 0, 1, 59, 60, 600, 1800, TTL - 60, TTL - 1, TTL, TTL + 61]),
        chunk=st.booleans(),
        rotate=st.sampled_from([0, 0, 0, 1, 2]),
    )
    def finish(self, seconds: int, chunk: bool, rotate: int) -> None:
        self.commit()
        assert len(self.failures) <= 1
        if self.readable:
            assert self.failures == []
        self.store.take(self.jar.set_cookie_headers)
        self.clock.advance(seconds)
        self.chunk = chunk
        self.primary += rotate
        self.begin()

    def commit(self) -> None:
        before = self.jar.set_cookie_headers
        base = self.base
        if self.destroyed and self.model:
            with (
                suppress(SessionDestroyedError)
                if self.told
                else pytest.raises(SessionDestroyedError)
            ):
                self.session.commit()
            assert self.jar.set_cookie_headers == before
            return
        if self.looked and self.model:
            changed = base is None or as_json(base.data) != as_json(self.model) or self.forced
            if changed or (base is not None and self.is_due(base)):
                self.write(self.session.commit, self.seal(), changed=changed)
                return
            self.session.commit()
            assert self.jar.set_cookie_headers == before
            return
        self.session.commit()
        # `clear` expires whatever was sent: also what can't be read, and what was saved empty.
        is_cleared = self.ended and self.sent and not self.destroyed
        # Of one that was saved empty, with a life of its own, `clear` has changed the life.
        is_emptied = base is not None and (base.data or (self.forced and self.readable))
        if self.looked and (is_cleared or is_emptied):
            self.base = self.sealed = None
            assert len(self.jar.set_cookie_headers) >= 1
        else:
            assert self.jar.set_cookie_headers == before

    @precondition(lambda self: self.looked and not self.destroyed)
    @invariant()
    def the_session_is_the_model(self) -> None:
        assert self.session == self.model
        expected = self.base.data if self.base else {}
        assert self.session.modified is (as_json(expected) != as_json(self.model))

    @invariant()
    def the_browser_has_one_shape_of_it(self) -> None:
        """Whole, or chunks without a gap."""
        if not hasattr(self, "store"):
            return
        names = list(cookie_names(NAME))
        shapes: list[list[str]] = [[], names[:1], *(names[1 : 1 + count] for count in (2, 3, 4))]
        assert sorted(self.store.cookies) in shapes


TestBrowserAndSite = BrowserAndSite.TestCase
