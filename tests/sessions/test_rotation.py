"""A new password as operators bring one in: on several servers, to any of which visitors come."""

import copy
import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iron_session import (
    ConfigurationError,
    HeaderJar,
    Passwords,
    SessionOptions,
    Unsealed,
    get_iron_session,
    seal_data,
    unseal_data,
)
from iron_session.links import Links
from tests.helpers.clock import Clock, stopped_clock
from tests.sessions.browser import (
    FOREIGN,
    NAME,
    NOW,
    OLD,
    PASSWORD,
    TTL,
    Browser,
    Failures,
    make_options,
    password_id_of,
    seal_text,
)

DAY = 24 * 3600

ONE, BOTH, NEW = {1: OLD}, {1: OLD, 2: PASSWORD}, {2: PASSWORD}

# The steps of a deployment that goes from server to server: what each is deployed with.
STEPS = [Passwords(ONE), Passwords(BOTH, seal_with=1), Passwords(BOTH), Passwords(NEW)]


@dataclass(eq=False)
class Server:
    """One of several that serve the same site."""

    password: Any
    settings: dict[str, Any] = field(default_factory=dict)
    failures: Failures = field(default_factory=Failures)
    unsealed: list[Unsealed] = field(default_factory=list)

    @property
    def options(self) -> SessionOptions:
        return make_options(
            password=self.password,
            on_unseal_error=self.failures,
            on_unseal=self.unsealed.append,
            **self.settings,
        )

    def serve(self, browser: Browser, **changes: Any) -> tuple[dict[str, Any], bool]:
        """Answer a visitor, as an integration does; give what was there, and whether it wrote."""
        session = browser.request(self.options)
        found = dict(session)
        session.update(changes)
        session.commit()
        return found, NAME in browser.answer()


def visitors(server: Server, count: int) -> list[Browser]:
    """Have some come for the first time."""
    browsers = [Browser() for _ in range(count)]
    for number, browser in enumerate(browsers):
        server.serve(browser, user=number)
    return browsers


def id_of(browser: Browser) -> str:
    """Give the password id of the cookie that a browser has."""
    return password_id_of(browser.cookies[NAME])


# --- all servers at once -----------------------------------------------------------------------


def test_deployed_everywhere_at_once_everybody_stays_and_is_written_again_once(
    clock: Clock,
) -> None:
    server = Server(ONE)
    browsers = visitors(server, 3)
    server.password = BOTH
    for number, browser in enumerate(browsers):
        assert server.serve(browser) == ({"user": number}, True)
        assert server.serve(browser) == ({"user": number}, False)
    server.password = NEW
    assert [server.serve(browser)[0]["user"] for browser in browsers] == [0, 1, 2]
    assert server.failures == []


def test_what_is_written_again_has_the_same_data_and_its_ttl_anew(clock: Clock) -> None:
    server = Server(ONE)
    (browser,) = visitors(server, 1)
    server.password = BOTH
    clock.advance(TTL - 1)
    assert server.serve(browser) == ({"user": 0}, True)
    clock.advance(TTL - 1)
    assert server.serve(browser) == ({"user": 0}, False)


def test_a_session_that_is_not_looked_at_keeps_its_password(clock: Clock) -> None:
    server = Server(ONE)
    (browser,) = visitors(server, 1)
    server.password = BOTH
    browser.request(server.options).commit()
    assert browser.answer() == {}
    assert id_of(browser) == "1"


def test_deployed_one_after_the_other_without_seal_with_visitors_are_strangers_to_some(
    clock: Clock,
) -> None:
    """Which is what `seal_with` is for."""
    ahead, behind = Server(BOTH), Server(ONE)
    (browser,) = visitors(behind, 1)
    ahead.serve(browser)
    assert behind.serve(browser) == ({}, False)
    assert behind.failures.reasons == ["unknown-password"]
    assert ahead.serve(browser) == ({"user": 0}, False)  # it is still there: nothing was written


# --- one server after the other ------------------------------------------------------------------


@pytest.mark.parametrize("step", [0, 1, 2])
def test_servers_of_two_steps_side_by_side_read_and_change_each_other_s_sessions(
    clock: Clock, step: int
) -> None:
    behind, ahead = Server(STEPS[step]), Server(STEPS[step + 1])
    for first, second in ((behind, ahead), (ahead, behind)):
        (browser,) = visitors(first, 1)
        if step == 2 and first is behind:
            first.serve(browser)  # the old password is dropped once nobody comes by it
        assert second.serve(browser, seen=1)[0] == {"user": 0}
        assert first.serve(browser)[0] == {"user": 0, "seen": 1}
    assert behind.failures == ahead.failures == []


def test_two_servers_do_not_write_each_other_s_sessions_back_and_forth(clock: Clock) -> None:
    """However often a session is read at both: it goes on to the new password once."""
    behind, ahead = Server(STEPS[1]), Server(STEPS[2])
    (browser,) = visitors(behind, 1)
    written = [server.serve(browser)[1] for server in (behind, ahead) * 10]
    assert written == [False, True, *[False] * 18]
    assert id_of(browser) == "2"


def test_only_a_change_at_a_server_behind_brings_the_old_password_back(clock: Clock) -> None:
    behind, ahead = Server(STEPS[1]), Server(STEPS[2])
    (browser,) = visitors(ahead, 1)
    assert behind.serve(browser, n=1)[1] is True
    assert id_of(browser) == "1"
    assert [server.serve(browser)[1] for server in (ahead, behind, ahead)] == [True, False, False]


def test_each_step_can_be_taken_back(clock: Clock) -> None:
    """Until the old password is dropped."""
    server = Server(STEPS[0])
    (browser,) = visitors(server, 1)
    for step in (1, 0, 1, 2, 1):
        server.password = STEPS[step]
        assert server.serve(browser, n=step)[0]["user"] == 0
    assert server.failures == []


three = st.integers(0, 2)
visits = st.lists(st.tuples(three, three, st.booleans(), st.integers(0, 3600)), max_size=8)


@given(st.lists(visits, min_size=9, max_size=9))
def test_in_a_rolling_deployment_no_visitor_loses_a_session_at_any_moment(
    moments: list[list[tuple[int, int, bool, int]]],
) -> None:
    """Whoever comes when, to whichever server; and only changes cost more than one rewrite."""
    servers = [Server(STEPS[0]) for _ in range(3)]
    deployments = [(step, server) for step in (1, 2, 3) for server in servers]
    changes = written = 0
    with stopped_clock(NOW) as clock:
        browsers = visitors(servers[0], 3)
        counts = [0, 0, 0]
        for (step, server), those_who_come in zip(deployments, moments, strict=True):
            if (step, server) == (3, servers[0]):
                clock.advance(DAY)  # within the ttl, or it is over anyway
                written += sum(servers[0].serve(browser)[1] for browser in browsers)
            server.password = STEPS[step]
            for who, where, change, later in those_who_come:
                clock.advance(later)
                more = {"n": counts[who] + 1} if change else {}
                found, wrote = servers[where].serve(browsers[who], **more)
                assert (found["user"], found.get("n", 0)) == (who, counts[who])
                counts[who] += change
                changes += change
                written += wrote
    assert all(server.failures == [] for server in servers)
    assert written <= 2 * changes + len(browsers)


# --- watching how far it is ----------------------------------------------------------------------


def outdated(server: Server) -> int:
    """Count those who came by an older password since this was asked last."""
    told = [one.outdated for one in server.unsealed]
    server.unsealed.clear()
    return sum(told)


def test_the_count_of_those_who_come_by_the_old_password_goes_to_nothing(clock: Clock) -> None:
    server = Server(ONE)
    browsers = visitors(server, 4)
    outdated(server)
    server.password = BOTH
    for come, expected in ((browsers[:2], 2), (browsers[:3], 1), (browsers, 1), (browsers, 0)):
        for browser in come:
            server.serve(browser)
        assert outdated(server) == expected


def test_a_server_behind_calls_none_outdated(clock: Clock) -> None:
    """The count begins with the second step."""
    server = Server(STEPS[1])
    for browser in visitors(server, 2) + visitors(Server(NEW), 2):
        server.serve(browser)
    assert Counter(one.password_id for one in server.unsealed) == {"1": 2, "2": 2}
    assert outdated(server) == 0


def test_the_youngest_that_comes_by_the_old_password_tells_since_when_nobody_seals_by_it(
    clock: Clock,
) -> None:
    """And so how long is left: the ttl, less that age."""
    server = Server(ONE)
    browsers = []
    for _ in range(3):
        browsers += visitors(server, 1)
        clock.advance(DAY)
    server.password = BOTH
    clock.advance(2 * DAY)
    server.unsealed.clear()
    for browser in browsers:
        server.serve(browser)
    ages = [one.age for one in server.unsealed if one.outdated]
    assert ages == [timedelta(days=days) for days in (5, 4, 3)]

    for browser in browsers:
        server.serve(browser)
    assert [one.age for one in server.unsealed[3:]] == [timedelta(0)] * 3


def test_dropped_after_the_ttl_nobody_is_turned_away_for_the_password(clock: Clock) -> None:
    """Who comes later has a session that has expired, and is told so."""
    server = Server(ONE)
    (browser,) = visitors(server, 1)
    server.password = NEW
    clock.advance(TTL + 59)
    assert server.serve(browser)[0] == {}
    clock.advance(1)
    assert server.serve(browser)[0] == {}
    assert server.failures.reasons == ["unknown-password", "expired"]


def test_a_longer_ttl_of_its_own_is_to_be_waited_for_too(clock: Clock) -> None:
    server = Server(ONE)
    (browser,) = visitors(server, 1)
    session = browser.request(server.options)
    session.ttl = 60 * DAY
    session.commit()
    browser.answer()
    server.password = BOTH
    clock.advance(59 * DAY)
    server.unsealed.clear()
    assert server.serve(browser) == ({"user": 0}, True)
    assert [(one.outdated, one.age) for one in server.unsealed] == [(True, timedelta(days=59))]


def test_sessions_that_never_expire_have_no_age_and_are_lost_with_their_password(
    clock: Clock,
) -> None:
    """However long one waits; but who comes before is written again."""
    server = Server(ONE, settings={"ttl": 0})
    came, stayed_away = visitors(server, 2)
    server.password = BOTH
    clock.advance(1000 * DAY)
    server.serve(came)
    assert [(one.outdated, one.age) for one in server.unsealed] == [(True, None)]
    clock.advance(1000 * DAY)
    server.password = NEW
    assert server.serve(came)[0] == {"user": 0}
    assert server.serve(stayed_away)[0] == {}
    assert server.failures.reasons == ["unknown-password"]
    assert server.failures[0].age is None


# --- emergency -----------------------------------------------------------------------------------


def test_a_password_dropped_at_once_logs_everybody_out_and_each_is_counted(clock: Clock) -> None:
    server = Server(ONE)
    browsers = visitors(server, 3)
    server.password = NEW
    for number, browser in enumerate(browsers):
        assert server.serve(browser, user=number)[0] == {}
        assert server.serve(browser)[0] == {"user": number}
    assert server.failures.reasons == ["unknown-password"] * 3
    assert {failure.password_id for failure in server.failures} == {"1"}


@pytest.mark.parametrize("password", [ONE, BOTH])
def test_as_long_as_a_leaked_password_opens_whoever_has_it_is_whom_they_like(
    clock: Clock, password: Any
) -> None:
    """In a rotation even beyond it: what it opens is written again with the new one."""
    server = Server(password)
    thief = Browser({NAME: seal_text('{"user":"admin"}', password=ONE)})
    assert server.serve(thief)[0] == {"user": "admin"}
    server.password = NEW
    found, _ = server.serve(thief)
    assert found == ({"user": "admin"} if password is BOTH else {})


def test_another_password_under_the_same_id_is_told_as_a_forged_session(clock: Clock) -> None:
    """So that nobody sees the emergency in the counts: give each password an id of its own."""
    server = Server(OLD)
    (browser,) = visitors(server, 1)
    server.password = PASSWORD
    assert server.serve(browser)[0] == {}
    assert server.failures.reasons == ["invalid"]


# --- without a deployment: from a file -----------------------------------------------------------


def put(file: Path, passwords: dict[int, str]) -> None:
    """Replace a file of passwords in one step."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps(passwords), encoding="utf-8")
    new.replace(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file of passwords, with the old one in it."""
    file = tmp_path / "passwords"
    put(file, ONE)
    return file


def of_file(file: Path) -> Passwords:
    return Passwords.from_env("KEY", {"KEY_FILE": str(file)})


def test_all_that_was_built_with_passwords_follows_them(file: Path, clock: Clock) -> None:
    """Nothing keeps a copy."""
    passwords = of_file(file)
    options = make_options(password=passwords)
    kin = [options, copy.copy(options), copy.deepcopy(options), replace(options, ttl=60)]
    assert all(one.passwords is one.password is passwords for one in kin)
    links = Links(password=options.passwords, purpose="login")
    (browser,) = visitors(Server(passwords), 1)
    begun = browser.request(options)
    assert begun == {"user": 0}
    link = links.make("/login", {"user": 1})

    put(file, BOTH)
    assert passwords.reload() is True
    begun.commit()  # one that was read before
    browser.answer()
    assert id_of(browser) == "2"
    for one in kin:
        assert password_id_of(visited(one)) == "2"
        assert browser.request(one) == {"user": 0}
    assert links.read(link) == {"user": 1}

    put(file, NEW)
    assert passwords.reload() is True
    assert links.read(link, default=None) is None
    assert links.read(links.make("/login", {"user": 2})) == {"user": 2}
    old = seal_data(1, password=ONE)
    assert unseal_data(old, password=options.passwords, default=None) is None
    assert password_id_of(seal_data(1, password=options.passwords)) == "2"


def visited(options: SessionOptions) -> str:
    """Give the seal that a first visit gets."""
    return Browser().visit(options, user=1)[NAME].value


def test_servers_that_read_one_file_at_different_times_lose_nobody(
    file: Path, clock: Clock
) -> None:
    """In the same steps as a deployment, of which the file has the passwords."""
    servers = [Server(of_file(file)) for _ in range(3)]
    browsers = visitors(servers[0], 3)

    def everybody_comes_everywhere() -> None:
        for server in servers:
            for number, browser in enumerate(browsers):
                assert server.serve(browser, n=clock.now)[0]["user"] == number

    for content, seal_with in ((BOTH, 1), (BOTH, 2), (NEW, None)):
        put(file, content)
        for server in servers:
            server.password.reload(seal_with=seal_with)
            everybody_comes_everywhere()
    assert all(server.failures == [] for server in servers)
    assert {id_of(browser) for browser in browsers} == {"2"}


def test_a_bad_file_changes_nothing_for_visitors(file: Path, clock: Clock) -> None:
    passwords = of_file(file)
    server = Server(passwords)
    (browser,) = visitors(server, 1)
    put(file, {1: OLD, 2: "short"})
    with pytest.raises(ConfigurationError):
        passwords.reload()
    assert server.serve(browser, n=1)[0] == {"user": 0}
    assert server.serve(browser) == ({"user": 0, "n": 1}, False)


def test_what_is_sealed_while_passwords_are_read_again_opens_before_and_after(file: Path) -> None:
    passwords = of_file(file)
    options = make_options(password=passwords)
    done = threading.Event()

    def visit() -> list[str]:
        browser = Browser()
        seals: list[str] = []
        while not (done.is_set() and seals):
            session = browser.request(options)
            assert session.get("n", 0) == len(seals)
            session["n"] = len(seals) + 1
            session.commit()
            seals.append(browser.answer()[NAME].value)
        return seals

    put(file, BOTH)
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(visit) for _ in range(4)]
        try:
            for seal_with in (1, 2) * 50:
                passwords.reload(seal_with=seal_with)
        finally:
            done.set()
        seals = [seal for each in running for seal in each.result()]
    for known in STEPS[1:3]:
        for seal in seals:
            jar = HeaderJar(f"{NAME}={seal}")
            assert "n" in get_iron_session(jar, make_options(password=known))


def test_passwords_of_another_site_open_nothing_in_any_step(clock: Clock) -> None:
    (browser,) = visitors(Server({3: FOREIGN}), 1)
    for step in STEPS:
        server = Server(step)
        assert server.serve(browser) == ({}, False)
        assert server.failures.reasons == ["unknown-password"]
