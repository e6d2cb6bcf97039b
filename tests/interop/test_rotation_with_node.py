"""A new password where Node serves the same sessions, and what Node does to a session's life."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iron_session import HeaderJar, Passwords, Session, SessionOptions, get_iron_session
from tests.interop.node import Browser, Site
from tests.sessions.browser import NAME, OLD, PASSWORD, Failures, password_id_of

DAY = 24 * 3600
NEVER = datetime.max.replace(tzinfo=UTC)

BOTH = {1: OLD, 2: PASSWORD}

OLD_THERE: dict[str, Any] = {"password": {"1": OLD}, "cookieName": NAME}
BOTH_THERE: dict[str, Any] = {"password": {"1": OLD, "2": PASSWORD}, "cookieName": NAME}
NEW_THERE: dict[str, Any] = {"password": {"2": PASSWORD}, "cookieName": NAME}


def here(browser: Browser, passwords: Any, **changes: Any) -> Session:
    """Visit a server of ours, as an integration would have it."""
    failures = Failures()
    options = SessionOptions(password=passwords, cookie_name=NAME, on_unseal_error=failures)
    jar = HeaderJar(browser.header)
    session = get_iron_session(jar, options)
    session.update(changes)
    session.commit()
    browser.receive(jar.set_cookie_headers)
    assert failures == []
    return session


def id_of(browser: Browser) -> str:
    return password_id_of(browser.cookies[NAME])


def test_with_node_switched_last_no_visitor_loses_a_session(site: Site, browser: Browser) -> None:
    """Python knows the new password, then Node seals by it, then Python does."""
    first = Passwords(BOTH, seal_with=1)
    here(browser, {1: OLD}, n=1)
    assert here(browser, first, n=2) == {"n": 2}
    assert site.read(browser, OLD_THERE).session == {"n": 2}

    there = site.change(browser, BOTH_THERE, n=3)
    assert (there.reasons, id_of(browser)) == ([], "2")
    for passwords, id_ in ((first, "1"), (BOTH, "2")):
        assert here(browser, passwords, again=True)["n"] == 3
        assert site.read(browser, BOTH_THERE).reasons == []
        assert here(browser, passwords, again=False)["n"] == 3
        assert id_of(browser) == id_

    assert site.read(browser, NEW_THERE).session == {"n": 3, "again": False}
    assert here(browser, {2: PASSWORD}) == {"n": 3, "again": False}


def test_what_node_seals_by_the_new_password_is_not_sealed_back_when_it_is_only_read(
    site: Site, browser: Browser
) -> None:
    site.change(browser, BOTH_THERE, n=1)
    assert here(browser, Passwords(BOTH, seal_with=1)) == {"n": 1}
    assert id_of(browser) == "2"


def test_node_seals_by_the_highest_as_soon_as_it_has_it(site: Site, browser: Browser) -> None:
    """So another instance of Node, or a server of ours, without it does not open that."""
    site.change(browser, BOTH_THERE, n=1)
    there = site.read(browser, OLD_THERE)
    assert there.session == {}


def test_node_leaves_what_it_only_reads_to_its_old_password(site: Site, browser: Browser) -> None:
    """Until it saves, or a server of ours is visited."""
    here(browser, {1: OLD}, n=1)
    assert site.read(browser, BOTH_THERE).set_cookie_headers == []
    assert id_of(browser) == "1"
    site.change(browser, BOTH_THERE, n=2)
    assert id_of(browser) == "2"


@pytest.mark.parametrize("ttl", [30 * DAY, 0])
def test_a_session_keeps_its_own_ttl_over_a_save_in_node_whose_seal_has_node_s_ttl(
    site: Site, browser: Browser, ttl: int
) -> None:
    options = SessionOptions(password={1: OLD}, cookie_name=NAME)
    jar = HeaderJar()
    session = get_iron_session(jar, options)
    session.update(n=1)
    session.ttl = ttl
    session.commit()
    browser.receive(jar.set_cookie_headers)
    before = session.expires_at or NEVER

    there = site.change(browser, OLD_THERE, n=2)
    assert there.session["$iron"] == {"ttl": ttl}
    session = here(browser, {1: OLD})
    assert (session["n"], session.ttl) == (2, timedelta(seconds=ttl))
    assert (session.expires_at or NEVER) < before - timedelta(days=15)
    session = here(browser, {1: OLD}, n=3)
    assert (session.expires_at or NEVER) >= before


def test_a_session_that_node_saves_for_long_does_not_outlive_its_bound(
    site: Site, browser: Browser
) -> None:
    options = SessionOptions(password={1: OLD}, cookie_name=NAME, ttl=DAY, max_lifetime=2 * DAY)
    jar = HeaderJar()
    session = get_iron_session(jar, options)
    session.update(n=1)
    session.commit()
    browser.receive(jar.set_cookie_headers)
    created, expires = session.created_at, session.expires_at
    assert created is not None

    site.change(browser, {**OLD_THERE, "ttl": 90 * DAY}, n=2)
    jar = HeaderJar(browser.header)
    session = get_iron_session(jar, options)
    assert (session["n"], session.created_at) == (2, created)
    assert session.expires_at == created + timedelta(days=2)  # though its seal has 90 days
    session.save()
    assert session.expires_at is not None
    assert expires is not None
    assert expires <= session.expires_at <= created + timedelta(days=2)
