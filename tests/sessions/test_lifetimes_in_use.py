"""How long a session lives, as visitors come and go: renewal, a bound, and a life of its own."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iron_session import ConfigurationError, HeaderJar, Session, get_iron_session
from tests.helpers.clock import Clock, stopped_clock
from tests.sessions.browser import (
    NAME,
    NOW,
    TTL,
    Browser,
    Failures,
    ReceivedCookie,
    cookie_of,
    expiration_of,
    make_options,
    open_text,
    seal_text,
    session_of,
)

HOUR, DAY = 3600, 24 * 3600
SKEW_MS = 60_000


def at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def visit(
    browser: Browser, use: Callable[[Session], object] = dict, **settings: Any
) -> ReceivedCookie | None:
    """Make a request that an integration commits; give the cookie that it wrote."""
    session = browser.request(make_options(**settings))
    use(session)
    session.commit()
    return browser.answer().get(NAME)


def log_in(session: Session) -> None:
    session["user"] = 1


def mark_of(browser: Browser, now: int = NOW) -> Any:
    """Give `$iron` of the cookie that a browser has."""
    return open_text(browser.cookies[NAME], now=now).get("$iron")


def test_a_short_life_of_its_own_is_renewed_while_there_is_a_cookie(
    browser: Browser, clock: Clock
) -> None:
    """However late in their ttl the others are."""
    day = 24 * 3600
    settings: dict[str, Any] = {"ttl": 14 * day, "renew_after": 13 * day}

    def log_in_for_ten_minutes(session: Session) -> None:
        session["user"] = 1
        session.ttl = 600

    written = visit(browser, log_in_for_ten_minutes, **settings)
    assert written is not None
    assert written.max_age == 540
    clock.advance(539)
    assert visit(browser, **settings) is not None


# --- remember me, where cookies end with the browser -----------------------------------------

CLASSIC = {"cookie_options": {"max_age": None}}


def max_age_after(browser: Browser, change: Any, **settings: Any) -> int | None:
    cookie = visit(browser, change, **settings)
    assert cookie is not None
    return cookie.max_age


def set_ttl(value: Any) -> Any:
    def change(session: Session) -> None:
        session["user"] = 1
        session.ttl = value

    return change


def add_one(session: Session) -> None:
    session["n"] = session.get("n", 0) + 1


def test_a_remembered_session_has_a_cookie_that_outlives_the_browser(
    browser: Browser, clock: Clock
) -> None:
    """By later saves and renewals too, and until it is asked to be as others are."""
    settings = {**CLASSIC, "renew_after": 3600}
    assert max_age_after(browser, log_in, **settings) is None
    assert max_age_after(browser, set_ttl(30 * 86400), **settings) == 30 * 86400 - 60
    assert max_age_after(browser, add_one, **settings) == 30 * 86400 - 60
    clock.advance(86400)
    assert max_age_after(browser, len, **settings) == 30 * 86400 - 60
    assert max_age_after(browser, set_ttl(None), **settings) is None
    assert max_age_after(browser, add_one, **settings) is None


def test_a_session_that_is_saved_with_a_ttl_is_remembered_too(
    browser: Browser, clock: Clock
) -> None:
    def save(session: Session) -> None:
        session["user"] = 1
        session.save(ttl=600)

    assert max_age_after(browser, save, **CLASSIC) == 540
    assert max_age_after(browser, add_one, **CLASSIC) == 540


def test_attributes_that_are_given_with_the_ttl_count_more(browser: Browser, clock: Clock) -> None:
    def save(session: Session) -> None:
        session["user"] = 1
        session.save(ttl=600, cookie_options={"max_age": None})

    assert max_age_after(browser, save, **CLASSIC) is None


def test_a_number_of_seconds_in_the_options_stays(browser: Browser, clock: Clock) -> None:
    settings = {"cookie_options": {"max_age": 77}}
    assert max_age_after(browser, set_ttl(600), **settings) == 77


# --- renewal -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("late_ms", "renewed"), [(-1, False), (0, True), (1, True)])
@pytest.mark.parametrize("renew_after", [0.001, 1, 150, 599.999])
def test_a_session_is_renewed_from_the_very_millisecond_on(
    browser: Browser, clock: Clock, renew_after: float, late_ms: int, renewed: bool
) -> None:
    settings: dict[str, Any] = {
        "ttl": 600,
        "renew_after": renew_after,
        "cookie_options": {"max_age": None},  # else the cookie would end before the last of these
    }
    visit(browser, log_in, **settings)
    clock.now += round(renew_after * 1000) + late_ms
    assert bool(visit(browser, **settings)) is renewed


def test_a_renewal_starts_the_time_anew(browser: Browser, clock: Clock) -> None:
    settings: dict[str, Any] = {"ttl": 600, "renew_after": 300}
    visit(browser, log_in, **settings)
    written = []
    for _ in range(10):
        clock.advance(100)
        written.append(bool(visit(browser, **settings)))
    assert written == [False, False, True] * 3 + [False]


def test_a_change_starts_the_time_anew_too(browser: Browser, clock: Clock) -> None:
    settings: dict[str, Any] = {"ttl": 600, "renew_after": 300}
    visit(browser, log_in, **settings)
    clock.advance(299)
    visit(browser, lambda session: session.update(n=1), **settings)
    clock.advance(299)
    assert visit(browser, **settings) is None


def test_a_renewed_cookie_that_ends_with_the_browser_still_does(
    browser: Browser, clock: Clock
) -> None:
    """And its seal has its ttl nevertheless: browsers that restore their tabs keep such cookies."""
    settings: dict[str, Any] = {"ttl": 600, "renew_after": 300, "cookie_options": {"max_age": None}}
    visit(browser, log_in, **settings)
    clock.advance(300)
    cookie = visit(browser, **settings)
    assert cookie is not None
    assert "Max-Age" not in cookie.attributes
    assert expiration_of(cookie.value) == clock.now + 600_000
    clock.advance(660)
    assert browser.request(make_options(**settings)) == {}


def test_a_life_for_ever_that_node_gave_an_end_is_for_ever_again_once_it_is_read() -> None:
    """Node keeps `$iron` and seals by the ttl of its own options."""
    browser = Browser({NAME: seal_text('{"user":1,"$iron":{"ttl":0}}')})
    with stopped_clock(NOW):
        cookie = visit(browser, renew_after=DAY)
        assert cookie is not None
        assert expiration_of(cookie.value) is None
        assert visit(browser, renew_after=DAY) is None


def test_a_longer_life_that_node_made_shorter_is_given_back_once_it_is_read() -> None:
    browser = Browser({NAME: seal_text(f'{{"user":1,"$iron":{{"ttl":{60 * DAY}}}}}')})
    with stopped_clock(NOW):
        cookie = visit(browser, renew_after=DAY)
    assert cookie is not None
    assert expiration_of(cookie.value) == NOW + 60 * DAY * 1000


# --- a life of its own -------------------------------------------------------------------------


@pytest.mark.parametrize("ttl", [90 * DAY, 90.0 * DAY, timedelta(days=90)])
def test_a_ttl_that_is_assigned_is_written_with_the_response_and_kept(
    browser: Browser, clock: Clock, ttl: Any
) -> None:
    def remember(session: Session) -> None:
        log_in(session)
        session.ttl = ttl
        assert session.ttl == timedelta(days=90)

    cookie = visit(browser, remember)
    assert cookie is not None
    assert cookie.max_age == 90 * DAY - 60
    clock.advance(80 * DAY)
    cookie = visit(browser, lambda session: session.update(n=1))
    assert cookie is not None
    assert expiration_of(cookie.value) == clock.now + 90 * DAY * 1000
    session = browser.request(make_options())
    assert session.ttl == timedelta(days=90)
    assert session.expires_at == at(clock.now) + timedelta(days=90)


def test_a_ttl_alone_is_a_reason_to_write(browser: Browser, clock: Clock) -> None:
    visit(browser, log_in)
    clock.advance(10)
    cookie = visit(browser, lambda session: setattr(session, "ttl", 60))
    assert cookie is not None
    assert cookie.max_age == 60
    assert expiration_of(cookie.value) == clock.now + 60_000


def test_until_it_is_written_the_browser_has_the_old_end(browser: Browser, clock: Clock) -> None:
    visit(browser, log_in)
    session = browser.request(make_options())
    session.ttl = 60
    assert not session.modified
    assert session.expires_at == at(NOW + TTL * 1000)
    session.save()
    assert session.expires_at == at(NOW + 60_000)


@pytest.mark.parametrize("ttl", [90, timedelta(seconds=90)])
def test_the_ttl_that_it_has_is_no_change(browser: Browser, clock: Clock, ttl: Any) -> None:
    visit(browser, log_in)
    assert visit(browser, lambda session: setattr(session, "ttl", ttl)) is not None
    assert visit(browser, lambda session: setattr(session, "ttl", ttl)) is None


def test_none_where_it_has_no_ttl_of_its_own_is_no_change(browser: Browser, clock: Clock) -> None:
    visit(browser, log_in)
    assert visit(browser, lambda session: setattr(session, "ttl", None)) is None
    assert "$iron" not in open_text(browser.cookies[NAME])


def test_none_goes_back_to_the_ttl_of_the_options(browser: Browser, clock: Clock) -> None:
    settings: dict[str, Any] = {"max_lifetime": 90 * DAY}

    def remember(session: Session) -> None:
        log_in(session)
        session.ttl = 60 * DAY

    visit(browser, remember, **settings)
    assert mark_of(browser) == {"created": NOW, "ttl": 60 * DAY}

    def forget(session: Session) -> None:
        session.ttl = None
        assert session.ttl == timedelta(days=14)

    cookie = visit(browser, forget, **settings)
    assert cookie is not None
    assert expiration_of(cookie.value) == NOW + TTL * 1000
    assert mark_of(browser) == {"created": NOW}


def test_0_is_for_ever(browser: Browser, clock: Clock) -> None:
    def remember(session: Session) -> None:
        log_in(session)
        session.ttl = 0

    cookie = visit(browser, remember)
    assert cookie is not None
    assert (cookie.max_age, expiration_of(cookie.value)) == (2147483647, None)
    clock.advance(1000 * DAY)
    session = browser.request(make_options())
    assert (session["user"], session.ttl, session.expires_at) == (1, timedelta(0), None)


@pytest.mark.parametrize("ttl", [-1, float("nan"), float("inf"), True, "60", [], 1e11])
def test_what_is_no_ttl_is_refused_where_it_is_assigned(
    browser: Browser, clock: Clock, ttl: Any
) -> None:
    visit(browser, log_in)

    def assign(session: Session) -> None:
        with pytest.raises(ConfigurationError, match=r"^ttl must "):
            session.ttl = ttl
        assert session.ttl == timedelta(days=14)

    assert visit(browser, assign) is None


@pytest.mark.parametrize("ttl", [100.001, timedelta(seconds=101), 0, timedelta(0)])
def test_a_ttl_beyond_the_bound_is_refused_where_it_is_assigned(
    browser: Browser, clock: Clock, ttl: Any
) -> None:
    settings: dict[str, Any] = {"ttl": 50, "max_lifetime": 100}
    visit(browser, log_in, **settings)

    def assign(session: Session) -> None:
        with pytest.raises(ConfigurationError, match=r"max_lifetime$"):
            session.ttl = ttl
        assert session.ttl == timedelta(seconds=50)
        session.ttl = 100

    cookie = visit(browser, assign, **settings)
    assert cookie is not None
    assert expiration_of(cookie.value) == NOW + 100_000


def test_a_ttl_for_a_session_with_nothing_in_it_writes_nothing(
    browser: Browser, clock: Clock
) -> None:
    assert visit(browser, lambda session: setattr(session, "ttl", 60)) is None


def test_clearing_drops_it_and_what_is_assigned_after_that_holds(
    browser: Browser, clock: Clock
) -> None:
    def log_in_anew(session: Session) -> None:
        session.ttl = 90 * DAY
        session.clear()
        log_in(session)

    cookie = visit(browser, log_in_anew)
    assert cookie is not None
    assert expiration_of(cookie.value) == NOW + TTL * 1000

    def log_in_for_long(session: Session) -> None:
        session.clear()
        session.ttl = 90 * DAY
        log_in(session)

    cookie = visit(browser, log_in_for_long)
    assert cookie is not None
    assert expiration_of(cookie.value) == NOW + 90 * DAY * 1000

    def log_in_again(session: Session) -> None:
        session.clear()
        log_in(session)

    cookie = visit(browser, log_in_again)
    assert cookie is not None
    assert expiration_of(cookie.value) == NOW + TTL * 1000
    assert mark_of(browser) is None


def test_a_destroyed_session_does_not_come_back_for_a_ttl(browser: Browser, clock: Clock) -> None:
    visit(browser, log_in)

    def leave(session: Session) -> None:
        session.destroy()
        session.ttl = 60

    cookie = visit(browser, leave)
    assert cookie is not None
    assert cookie.max_age == 0
    assert browser.cookies == {}


def test_a_session_that_could_not_be_read_takes_a_ttl(browser: Browser, clock: Clock) -> None:
    browser.cookies[NAME] = "junk"

    def remember(session: Session) -> None:
        session.ttl = 60
        log_in(session)

    cookie = visit(browser, remember)
    assert cookie is not None
    assert cookie.max_age == 60


def test_its_own_ttl_is_renewed_under_the_bound(browser: Browser, clock: Clock) -> None:
    """By its own length, until nothing is left."""
    settings: dict[str, Any] = {"ttl": HOUR, "renew_after": HOUR / 2, "max_lifetime": 100 * DAY}

    def remember(session: Session) -> None:
        log_in(session)
        session.ttl = 30 * DAY

    visit(browser, remember, **settings)
    ends = []
    for _ in range(5):
        clock.advance(29 * DAY)
        cookie = visit(browser, **settings)
        ends.append(cookie and expiration_of(cookie.value))
    day_ms = DAY * 1000
    assert ends == [NOW + days * day_ms for days in (59, 88)] + [NOW + 100 * day_ms, None, None]


# --- what it knows -----------------------------------------------------------------------------


def test_a_session_tells_its_beginning_and_its_end_as_they_stand_in_the_browser(
    browser: Browser, clock: Clock
) -> None:
    settings: dict[str, Any] = {"ttl": 600, "renew_after": 300, "max_lifetime": 1000}
    session = browser.request(make_options(**settings))
    assert (session.created_at, session.expires_at) == (None, None)
    visit(browser, log_in, **settings)
    for later, expires in ((0, 600), (299, 600), (300, 900), (600, 1000), (950, 1000)):
        clock.now = NOW + later * 1000
        visit(browser, **settings)
        session = browser.request(make_options(**settings))
        assert session["user"] == 1
        assert session.created_at == at(NOW)
        assert session.expires_at == at(NOW + expires * 1000)
    visit(browser, Session.destroy, **settings)
    session = browser.request(make_options(**settings))
    assert (session.created_at, session.expires_at) == (None, None)


def test_a_session_past_its_bound_begins_anew(
    browser: Browser, clock: Clock, failures: Failures
) -> None:
    settings: dict[str, Any] = {"ttl": 600, "max_lifetime": 600, "on_unseal_error": failures}
    visit(browser, log_in, **settings)
    clock.advance(660)
    visit(browser, log_in, **settings)
    assert failures.reasons == ["expired"]
    assert browser.request(make_options(**settings)).created_at == at(NOW + 660_000)


def test_a_beginning_in_the_future_is_taken_as_now_and_written_back_so(
    clock: Clock, browser: Browser
) -> None:
    """It is another machine's clock: no reason to end a session, nor to let it live for ever."""
    options = make_options(ttl=600, max_lifetime=600)
    header = cookie_of(f'{{"user":1,"$iron":{{"created":{NOW + 10**9}}}}}')
    browser.cookies[NAME] = header.partition("=")[2]
    session = browser.request(options)
    assert session == {"user": 1}
    assert session.created_at == at(NOW)
    session.commit()
    seal = browser.answer()[NAME].value
    assert open_text(seal) == {"user": 1, "$iron": {"created": NOW}}
    for _ in range(9):
        clock.advance(60)
        assert browser.request(options) == {"user": 1}
        browser.visit(options, user=1)
    clock.advance(120)
    assert browser.request(options) == {}


def test_a_beginning_within_the_skew_stays_as_it_is(clock: Clock) -> None:
    header = cookie_of(f'{{"user":1,"$iron":{{"created":{NOW + 60_000}}}}}')
    session = session_of(header, ttl=600, max_lifetime=600)
    assert session.created_at == at(NOW + 60_000)
    session.commit()
    assert isinstance(session.jar, HeaderJar)
    assert session.jar.set_cookie_headers == []


def test_a_session_ends_with_its_lifetime_though_node_has_sealed_it_for_longer(
    clock: Clock,
) -> None:
    created = NOW - HOUR * 1000
    header = cookie_of(f'{{"user":1,"$iron":{{"created":{created}}}}}')
    session = session_of(header, ttl=HOUR, max_lifetime=10 * HOUR)
    assert session.expires_at == at(created + 10 * HOUR * 1000)


def test_a_session_ends_with_its_seal_where_that_is_earlier(clock: Clock) -> None:
    header = cookie_of(f'{{"user":1,"$iron":{{"created":{NOW}}}}}', expires=NOW + HOUR * 1000)
    session = session_of(header, ttl=HOUR, max_lifetime=10 * HOUR)
    assert session.expires_at == at(NOW + HOUR * 1000)
    assert session_of(header, ttl=HOUR).expires_at == at(NOW + HOUR * 1000)


def test_a_session_sealed_for_ever_ends_with_its_lifetime(clock: Clock) -> None:
    header = cookie_of(f'{{"user":1,"$iron":{{"created":{NOW}}}}}', expires=None)
    session = session_of(header, ttl=HOUR, max_lifetime=10 * HOUR)
    assert session.expires_at == at(NOW + 10 * HOUR * 1000)


# --- whatever happens --------------------------------------------------------------------------


class Settings(NamedTuple):
    ttl: int
    renew_after: int | None
    max_lifetime: int | None


def kept(life: int) -> int:
    """Give for how many seconds a cookie lives."""
    return life - 60 if life > 60 else life


@st.composite
def all_settings(draw: st.DrawFn) -> Settings:
    ttl = draw(st.integers(2, 5000))
    of_the_cookie = kept(ttl)
    return Settings(
        ttl,
        draw(st.none() | st.integers(1, of_the_cookie - 1)) if of_the_cookie > 1 else None,
        draw(st.none() | st.integers(ttl, 3 * ttl)),
    )


acts = st.lists(
    st.tuples(
        st.integers(0, 3_000_000) | st.integers(0, 120_000),  # how long after the one before, in ms
        st.sampled_from(["read", "read", "write", "own", "options'"]),
        st.integers(1, 15_000),
    ),
    max_size=20,
)


@given(all_settings(), acts)
def test_a_session_never_outlives_its_bound_and_never_ends_before_it_said_it_would(
    settings: Settings, acts: list[tuple[int, str, int]]
) -> None:
    """Whatever is read, changed and assigned when; from a browser that keeps every cookie."""
    options = make_options(**settings._asdict())
    most_ms = None if settings.max_lifetime is None else settings.max_lifetime * 1000
    browser = Browser()
    seals: list[str] = []
    with stopped_clock(NOW) as clock:
        began = promised = NOW
        life = settings.ttl
        for later, act, own in acts:
            clock.now += later
            now = clock.now
            session = browser.request(options)
            if seals:
                assert bool(session) or now >= promised
                assert not session or now < promised + SKEW_MS
            if not session:
                began, life, seals = now, settings.ttl, []

            if act == "write":
                session["n"] = session.get("n", 0) + 1
            elif act == "own":
                session.ttl = min(own, settings.max_lifetime or own)
            elif act == "options'":
                session.ttl = None
            is_other_life = session.ttl != timedelta(seconds=life)
            life = round(session.ttl.total_seconds())
            session.commit()
            cookie = browser.answer().get(NAME)

            end = now + life * 1000
            if most_ms is not None:
                end = min(end, began + most_ms)
            is_due = False
            if settings.renew_after is not None:
                part = settings.renew_after * 1000
                if life < settings.ttl:
                    part = part * kept(life) // kept(settings.ttl)
                is_due = promised < end and now >= promised - life * 1000 + part
            if act == "write" or (seals and (is_other_life or is_due)):
                assert cookie is not None
            if act == "read" and not (seals and is_due):
                assert cookie is None
            if cookie is not None:
                promised = end
                assert expiration_of(cookie.value) == promised
                assert session.expires_at == at(promised)
                assert cookie.max_age is not None
                left = max(1, (promised - now) // 1000)
                assert left - 60 <= cookie.max_age <= left
                seals.append(cookie.value)
            elif not seals:
                life = settings.ttl  # of a session with nothing in it, nothing is kept

        if most_ms is not None:
            clock.now = began + most_ms + SKEW_MS
            for seal in seals:
                assert get_iron_session(HeaderJar(f"{NAME}={seal}"), options) == {}
