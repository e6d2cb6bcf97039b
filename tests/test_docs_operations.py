"""The pages for whoever runs the servers: their code is run, and what they say is so."""

import inspect
import io
import json
import logging
import re
import signal
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from iron_session import (
    ConfigurationError,
    HeaderJar,
    Passwords,
    Session,
    SessionOptions,
    UnsealReason,
    _speedups,
    get_iron_session,
    seal_data,
)
from iron_session.csrf import csrf_token
from iron_session.seals import speedups
from iron_session.sessions import events
from iron_session.testing import cookie_header, frozen_clock
from tests.helpers.pages import ROOT, one_line, read_page, run_page, tables

LIFETIMES, ROTATION, WATCHING = (
    read_page(f"docs/how-to/{name}.md") for name in ("lifetimes", "rotation", "watching")
)
OLD = "the old password of these pages, of 44 chars"
NEW = "the new password of these pages, of 44 chars"
MINUTE, HOUR, DAY = 60, 3600, 24 * 3600


def visit(options: SessionOptions, cookie: str | None = None) -> Session:
    """Look at the session of a request."""
    session = get_iron_session(HeaderJar(cookie and f"{options.cookie_name}={cookie}"), options)
    session.get("user")
    return session


# --- lifetimes ---------------------------------------------------------------------------------


def test_the_page_on_lifetimes_prints_what_it_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SESSION_PASSWORD", OLD)
    run_page(LIFETIMES, "lifetimes")
    assert capsys.readouterr().out.splitlines() == [
        "True",
        "30 days, 0:00:00",
        "You will be logged out in 30 days.",
    ]


def test_the_three_spans_are_those_of_the_options() -> None:
    (_, *spans), _ = tables(LIFETIMES)
    parameters = inspect.signature(SessionOptions).parameters
    defaults = {"14 days": 14 * 24 * 3600, "None": None}
    assert len(spans) == 3
    for name, default, _ in spans:
        assert parameters[name].default == defaults[default]


def span(text: str) -> timedelta | None:
    if text == "–":
        return None
    number, unit = text.split()
    return timedelta(**{unit if unit.endswith("s") else f"{unit}s": int(number)})


def test_what_is_advised_makes_options_whose_renewal_a_browser_lives_to_see() -> None:
    _, (_, *advice) = tables(LIFETIMES)
    assert len(advice) == 4
    for row in advice:
        ttl, renew_after, max_lifetime = map(span, row[1:])
        assert ttl is not None
        SessionOptions(
            password=OLD,
            cookie_name="myapp",
            ttl=ttl,
            renew_after=renew_after,
            max_lifetime=max_lifetime,
        )
        assert renew_after is None or renew_after < ttl - timedelta(seconds=60)
        # A session that is renewed without an end is `renewed-forever` to `iron-session check`.
        assert (renew_after is None) == (max_lifetime is None)


@dataclass(frozen=True)
class Head:
    """What is known of a request beside its cookies."""

    mode: str
    scheme: str = "https"

    def get(self, name: str) -> list[str]:
        return [self.mode] if name == "Sec-Fetch-Mode" else []


def came_after(seconds: float, options: SessionOptions, mode: str) -> list[str]:
    """Look at a session that was saved so long ago, and return what the response sets."""
    with frozen_clock() as clock:
        cookies = cookie_header(options, {"user": 1})
        clock.tick(seconds)
        jar = HeaderJar(cookies, Head(mode))
        session = get_iron_session(jar, options)
        assert session == {"user": 1}
        session.commit()
        return jar.set_cookie_headers


@pytest.mark.parametrize(
    ("ttl", "renew_after", "late", "told"),
    [
        (14 * DAY, DAY, 7.5 * DAY, "after seven and a half days"),
        (
            30 * MINUTE,
            5 * MINUTE,
            17 * MINUTE,
            "with a `renew_after` of 5 is then renewed after 17 minutes",
        ),
    ],
)
def test_a_renewal_waits_for_a_navigation_for_as_long_as_the_page_says(
    ttl: float, renew_after: float, late: float, told: str
) -> None:
    assert told in one_line(LIFETIMES)
    options = SessionOptions(
        password=OLD, cookie_name="myapp", ttl=int(ttl), renew_after=int(renew_after)
    )
    for mode, due_after in (("navigate", renew_after), ("cors", late)):
        for moment in (due_after - MINUTE, due_after + 1):
            cookies = came_after(moment, options, mode)
            assert bool(cookies) is (moment > due_after)


def test_a_session_that_only_scripts_look_at_ends_when_the_page_says() -> None:
    """With its cookie, 12 minutes after the last moment at which it is not overdue."""
    assert "is logged out 12 minutes later, when the cookie ends" in one_line(LIFETIMES)
    options = SessionOptions(password=OLD, cookie_name="myapp", ttl=1800, renew_after=300)
    (cookie,) = came_after(6 * MINUTE, options, "navigate")
    assert f"Max-Age={(17 + 12) * MINUTE};" in cookie
    assert came_after(17 * MINUTE - 1, options, "cors") == []


def test_the_first_token_after_a_login_is_a_save_and_the_second_is_none() -> None:
    assert "the first one after a login that calls [`csrf_token`]" in one_line(LIFETIMES)
    options = SessionOptions(password=OLD, cookie_name="myapp")
    cookies = cookie_header(options, {}, user_id="1")
    for saves in (True, False):
        session = get_iron_session(jar := HeaderJar(cookies), options)
        csrf_token(session)
        session.commit()
        assert bool(jar.set_cookie_headers) is saves
        cookies = (jar.set_cookie_headers or [cookies])[0].partition(";")[0]


def test_remember_me_ends_ninety_days_after_the_login(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A visitor comes each day; the session before the login does not count."""
    assert "90 days after the login, however often the visitor comes" in one_line(LIFETIMES)
    monkeypatch.setenv("SESSION_PASSWORD", OLD)
    options = run_page(LIFETIMES, "lifetimes")["options"]
    with frozen_clock() as clock:
        cookies = cookie_header(options, {"cart": []})
        session = get_iron_session(jar := HeaderJar(cookies), options)
        clock.tick(10 * DAY)
        session.login("1")
        session.ttl = timedelta(days=30)
        known = []
        for _ in range(93):
            known.append(session.user_id == "1")
            session.commit()
            clock.tick(DAY)
            if jar.set_cookie_headers:
                cookies = jar.set_cookie_headers[0].partition(";")[0]
            session = get_iron_session(jar := HeaderJar(cookies), options)
    assert known == [True] * 91 + [False] * 2


def test_a_new_login_is_asked_for_at_the_first_visit_of_the_last_day_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Someone who logged in at 14:00 works from 9:00 to 17:00 each day, and is never logged out."""
    monkeypatch.setenv("SESSION_PASSWORD", OLD)
    page = run_page(LIFETIMES, "lifetimes")
    options, asks = page["options"], page["needs_new_login"]
    assert options.max_lifetime == timedelta(days=90)
    with frozen_clock("2026-01-05T13:00:00Z") as clock:
        session = get_iron_session(jar := HeaderJar(), options)
        session.login("1")
        asked, cookies = [], ""
        for _ in range(24 * 92):
            if 9 <= clock.now.astimezone(page["ZoneInfo"]("Europe/Berlin")).hour < 17:
                assert session.user_id == "1"
                if asks(session, clock.now.astimezone(page["ZoneInfo"]("Europe/Berlin"))):
                    asked.append(clock.now)
                    session.login("1")
            session.commit()
            clock.tick(HOUR)
            if jar.set_cookie_headers:
                cookies = jar.set_cookie_headers[0].partition(";")[0]
            session = get_iron_session(jar := HeaderJar(cookies), options)
    assert [f"{at:%d %B %H}" for at in asked] == ["05 April 07"]


# --- rotation ----------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the file of passwords that the page's code reads."""
    file = tmp_path / "passwords"
    put(file, {"1": OLD})
    monkeypatch.setenv("SESSION_PASSWORD_FILE", str(file))
    return file


def put(file: Path, passwords: dict[str, str]) -> None:
    new = file.with_suffix(".new")
    new.write_text(json.dumps(passwords))
    new.replace(file)


@pytest.fixture
def rotation(file: Path) -> Iterator[dict[str, Any]]:
    """All Python of the page; and what it has begun is ended."""
    assert file.exists()
    handler, threads = signal.getsignal(signal.SIGHUP), set(threading.enumerate())
    names = run_page(ROTATION, "rotation")
    yield names
    signal.signal(signal.SIGHUP, handler)
    names["stop"].set()
    for thread in set(threading.enumerate()) - threads:
        thread.join()


def test_a_signal_has_the_file_read_again(
    rotation: dict[str, Any], file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(file, {"1": OLD, "2": NEW})
    signal.raise_signal(signal.SIGHUP)
    assert rotation["options"].passwords.ids == (2, 1)
    put(file, {"1": OLD, "2": "short"})
    signal.raise_signal(signal.SIGHUP)
    assert rotation["options"].passwords.ids == (2, 1)
    told, failed = caplog.records
    assert told.getMessage() == "sessions are now sealed with Passwords(ids=[2, 1])"
    assert failed.getMessage() == "can't read the passwords again: the old ones stay in use"
    for password in (OLD, NEW):
        assert password not in caplog.text


def test_a_timer_has_it_read_again_until_it_is_stopped(rotation: dict[str, Any]) -> None:
    times = 0

    def read() -> None:
        nonlocal times
        times += 1
        if times == 3:
            rotation["stop"].set()

    rotation["read_passwords_again"] = read
    rotation["read_again_every"](0)
    assert times == 3


def test_the_counts_tell_how_many_come_by_the_old_password_and_since_when_none_was_sealed(
    rotation: dict[str, Any], file: Path
) -> None:
    put(file, {"1": OLD, "2": NEW})
    rotation["read_passwords_again"]()
    now = rotation["datetime"].now(rotation["UTC"])
    for ttl in (14, 9, 11):  # in days: sealed now, five days ago, three days ago
        seal = seal_data({"user": 1}, password={1: OLD}, ttl=ttl * 24 * 3600)
        visit(rotation["options"], seal)
    visit(rotation["options"], seal_data({"user": 1}, password={2: NEW}))
    assert rotation["came"] == {"1": 3, "2": 1}
    assert abs(rotation["last_sealed"] - now) < timedelta(minutes=1)


def test_each_request_counts_until_the_session_is_written_again(
    rotation: dict[str, Any], file: Path
) -> None:
    put(file, {"1": OLD, "2": NEW})
    rotation["read_passwords_again"]()
    options = rotation["options"]
    cookies = f"myapp={seal_data({'user': 1}, password={1: OLD})}"
    for mode in ("cors", "no-cors", "navigate", "cors"):
        jar = HeaderJar(cookies, Head(mode))
        session = get_iron_session(jar, options)
        assert session == {"user": 1}
        session.commit()
        for header in jar.set_cookie_headers:
            cookies = header.partition(";")[0]
    assert rotation["came"] == {"1": 3, "2": 1}


def test_in_an_emergency_each_request_counts_until_the_next_login() -> None:
    failures: list[UnsealReason] = []
    options = SessionOptions(
        password={3: NEW},
        cookie_name="myapp",
        on_unseal_error=lambda failure: failures.append(failure.reason),
    )
    for _ in range(3):
        session = visit(options, seal_data({"user": 1}, password={1: OLD}))
        session.commit()
        assert isinstance(session.jar, HeaderJar)
        assert session.jar.set_cookie_headers == []
    assert failures == ["unknown-password"] * 3


def test_servers_whose_clocks_are_an_hour_apart_log_everybody_out_with_half_an_hour() -> None:
    told = "With a ttl of half an hour, servers whose clocks are an hour apart"
    assert told in one_line(ROTATION)
    options = SessionOptions(password=OLD, cookie_name="myapp", ttl=30 * MINUTE)
    for apart, data in ((0, {"user": 1}), (30.9 * MINUTE, {"user": 1}), (HOUR, {})):
        with frozen_clock() as clock:
            cookies = cookie_header(options, {"user": 1})
            clock.tick(apart)
            assert get_iron_session(HeaderJar(cookies), options) == data


def given(text: str) -> dict[str, str]:
    """Read the passwords of a table's cell."""
    named = {"old": OLD, "new": NEW}
    found = re.findall(r"(\d+)\W+(old|new)", text)
    return {id_: named[name] for id_, name in found}


def test_the_steps_of_a_deployment_seal_by_what_the_page_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, (_, *steps), _ = tables(ROTATION)
    assert [step[0] for step in steps] == ["1", "2", "3"]
    for _, deploy, seals, _ in steps:
        monkeypatch.setenv("SESSION_PASSWORD", json.dumps(given(deploy)))
        named = re.search(r"SEAL_WITH=(\d+)", deploy)
        passwords = Passwords.from_env(seal_with=named and named[1])
        assert seal_data(0, password=passwords).split("*")[1] == seals


def test_the_steps_of_a_secret_are_read_by_the_page_s_code_at_any_step(
    rotation: dict[str, Any], file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    *_, (_, *steps) = tables(ROTATION)
    assert [step[0] for step in steps] == ["0", "1", "2", "3"]
    running = rotation["options"].passwords
    before: list[str] | None = None
    for _, content, seal_with in steps:
        assert before is None or (before[0] == content) is not (before[1] == seal_with)
        before = [content, seal_with]
        put(file, given(content))
        (file.parent / "seal-with").write_text(f"{seal_with}\n")
        rotation["read_both_again"]()
        for passwords in (running, rotation["read_both"]()):
            assert passwords.ids == tuple(sorted(map(int, given(content)), reverse=True))
            assert passwords.primary.id == seal_with
    assert caplog.records == []

    (file.parent / "seal-with").unlink()
    rotation["read_both_again"]()
    (file.parent / "seal-with").write_text("1")  # which was dropped
    rotation["read_both_again"]()
    assert len(caplog.records) == 2
    assert running.ids == (2,)


def test_the_settings_on_the_page_are_those_that_are_read(tmp_path: Path) -> None:
    (_, *ways), *_ = tables(ROTATION)
    file = tmp_path / "password"
    file.write_text(OLD)
    assert [way[0].split("`")[0] for way in ways] == [
        "SESSION_PASSWORD",
        "SESSION_PASSWORD_1",
        "SESSION_PASSWORD_FILE",
    ]
    for name, value in {
        "SESSION_PASSWORD": OLD,
        "SESSION_PASSWORD_1": OLD,
        "SESSION_PASSWORD_FILE": str(file),
    }.items():
        assert Passwords.from_env(environ={name: value}) == Passwords(OLD)


# --- watching ----------------------------------------------------------------------------------


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """All Python of the page."""
    monkeypatch.setenv("SESSION_PASSWORD", json.dumps({"1": OLD, "2": NEW}))
    names = run_page(WATCHING, "watching")
    yield names
    logging.getLogger("iron_session").removeHandler(names["handler"])


def test_the_page_s_hooks_are_told_of_cookies_that_were_read_and_of_others(
    watching: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    seal = seal_data({"user": 1}, password={1: OLD}, ttl=0)
    for cookie in (None, seal, "junk"):
        visit(watching["options"], cookie)
    assert capsys.readouterr().out.splitlines() == [
        f"read: 1 True myapp None {len(seal)}",
        "unreadable: invalid myapp None 4",
    ]


def test_the_page_s_log_is_json_with_the_record_s_attributes(watching: dict[str, Any]) -> None:
    log = io.StringIO()
    watching["handler"].setStream(log)
    visit(watching["options"], seal_data({"user": 1}, password={3: OLD}))
    events.report_lost("myapp", "for a reason")
    first, second = map(json.loads, log.getvalue().splitlines())
    assert first.keys() == {"level", "text", *watching["ATTRIBUTES"]}
    events.report_refusal("refused", "origin", None, None)
    third = json.loads(log.getvalue().splitlines()[2])
    assert third == {"level": "WARNING", "text": "refused", "reason": "origin"}
    assert -1 < first.pop("age") < 60
    assert 200 < first.pop("size") < 300
    assert first.pop("text").startswith("session cookie 'myapp' could not be read (unknown-pass")
    assert first == {
        "level": "WARNING",
        "cookie_name": "myapp",
        "reason": "unknown-password",
        "password_id": "3",
    }
    text = "the change to session 'myapp' is lost: for a reason"
    assert second == {"level": "ERROR", "text": text, "cookie_name": "myapp"}


def test_every_reason_has_its_row() -> None:
    ((_, *signals),) = tables(WATCHING)
    assert set(get_args(UnsealReason)) <= {row[0].strip('"') for row in signals}


# --- all three ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lifetimes", "rotation", "watching"])
def test_the_pages_lead_to_what_is_there(name: str) -> None:
    text = read_page(f"docs/how-to/{name}.md")
    for link in re.findall(r"\]\(([^)]*)\)", text):
        path, _, anchor = link.partition("#")
        file = (ROOT / "docs" / "how-to" / path).resolve()
        assert file.is_file(), link
        titles = re.findall(r"^## (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in {title.lower().replace(" ", "-") for title in titles}


# --- speed-ups -------------------------------------------------------------------------------

SPEEDUPS = read_page("docs/how-to/speedups.md")


def test_the_page_on_speedups_shows_what_is_at_work(capsys: pytest.CaptureFixture[str]) -> None:
    run_page(SPEEDUPS, "speedups")
    assert capsys.readouterr().out == f"{speedups() or 'seals are made in Python'}\n"


def test_the_page_on_speedups_names_the_settings_that_there_are() -> None:
    (settings,) = [rows for rows in tables(SPEEDUPS) if rows[0][0] == "value"]
    named = [row[0] for row in settings if row[0] != "value"]
    assert named == ["not set, or empty", "0", "1"]
    for setting in (None, "", "0"):
        _speedups.load(setting)
    with pytest.raises(ConfigurationError):
        _speedups.load("2")


def test_the_page_on_speedups_names_the_extra_that_the_package_has() -> None:
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "speedups" in metadata["optional-dependencies"]
    assert 'pip install "iron-session[speedups]"' in SPEEDUPS
