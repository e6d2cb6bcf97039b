"""What `manage.py check` says of a project's sessions."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.apps import apps
from django.contrib.sessions.middleware import SessionMiddleware
from django.core import checks
from django.core.management import CommandError, call_command
from django.test import modify_settings, override_settings

import iron_session
from iron_session import CookieOptions
from iron_session.integrations.django import (
    IronSessionMiddleware,
    SafeExceptionReporterFilter,
    SessionStore,
)
from tests.helpers.pages import read_page
from tests.integrations.django_site import project
from tests.sessions.browser import PASSWORD, make_options

OURS = project.SESSION_MIDDLEWARE
DJANGOS = "django.contrib.sessions.middleware.SessionMiddleware"
AUTH = "django.contrib.auth.middleware.AuthenticationMiddleware"
LOGIN = "django.contrib.auth.middleware.LoginRequiredMiddleware"
MESSAGES = "django.contrib.messages.middleware.MessageMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
CACHE = "django.middleware.cache.UpdateCacheMiddleware"
SIGNED = "django.contrib.sessions.backends.signed_cookies"
FILTER = "iron_session.integrations.django.SafeExceptionReporterFilter"
OTHER = "another_password_that_nobody_here_knows_of"


class Admin(IronSessionMiddleware):
    options = make_options(cookie_name="admin", password=OTHER)
    key = "admin_session"


class WithoutOptions(IronSessionMiddleware):
    key = "admin_session"


class SameCookie(IronSessionMiddleware):
    options = make_options(cookie_name="sessionid.0", password=OTHER)
    key = "admin_session"


class Weak(IronSessionMiddleware):
    options = make_options(
        cookie_name="weak",
        password=OTHER,
        cookie_options=CookieOptions(secure=False, http_only=False),
    )
    key = "weak_session"


class Named(IronSessionMiddleware):
    options = make_options(cookie_name="mine")


class LikeDjangos(SessionMiddleware):  # type: ignore[misc]  # Django has no types
    """A project's own kind of Django's middleware."""


class OwnStore(SessionStore):
    """A project's own kind of session."""


class OwnFilter(SafeExceptionReporterFilter):
    """A project's own filter, which inherits from ours."""


def __getattr__(name: str) -> Any:
    """Have a class that can't be imported: its options are refused."""
    if name == "Refused":
        return make_options(password="short")
    raise AttributeError(name)


def said(*tags: str, **settings: Any) -> dict[str, str]:
    """Give what the checks say of a project, by id: ours, or those with a tag, deployment too."""
    with override_settings(**settings):
        found = checks.run_checks(tags=tags or ["iron_session"], include_deployment_checks=True)
    return {one.id.removeprefix("iron_session."): f"{one.msg} {one.hint}" for one in found}


def here(name: str) -> str:
    """Give the path of something in this module."""
    return f"{__name__}.{name}"


@pytest.fixture(autouse=True)
def _filter() -> Iterator[None]:
    """Have our filter in place: there is one test of its absence."""
    with override_settings(DEFAULT_EXCEPTION_REPORTER_FILTER=FILTER):
        yield


def test_a_project_as_the_page_on_frameworks_has_it_is_in_order() -> None:
    assert said() == {}
    assert said(MIDDLEWARE=[OURS, here("Admin"), CSRF, AUTH, MESSAGES, LOGIN]) == {}
    assert said(MIDDLEWARE=[CACHE, CSRF, OURS, AUTH]) == {}


def test_a_project_without_our_sessions_is_none_of_our_business() -> None:
    settings = {"SESSION_ENGINE": SIGNED, "MIDDLEWARE": [CACHE, DJANGOS, AUTH]}
    stock = "django.views.debug.SafeExceptionReporterFilter"
    assert said(IRON_SESSION=None, DEFAULT_EXCEPTION_REPORTER_FILTER=stock, **settings) == {}


# --- the parts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", [SIGNED, "django.contrib.sessions.backends.db", "no.such"])
def test_an_engine_that_is_not_ours_is_named(engine: str) -> None:
    found = said(SESSION_ENGINE=engine)
    assert found.keys() == {"E001"}
    assert engine in found["E001"]
    assert f'SESSION_ENGINE = "{project.ENGINE}"' in found["E001"]


def test_an_engine_of_the_project_s_own_may_be_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ModuleType("own_engine")
    monkeypatch.setitem(sys.modules, "own_engine", engine)
    engine.__dict__["SessionStore"] = OwnStore
    assert said(SESSION_ENGINE="own_engine") == {}
    engine.__dict__["SessionStore"] = lambda key=None: None
    assert said(SESSION_ENGINE="own_engine").keys() == {"E001"}


def test_options_that_nothing_uses_are_named() -> None:
    found = said(SESSION_ENGINE=SIGNED, MIDDLEWARE=[DJANGOS, AUTH])
    assert found.keys() == {"W003"}
    assert "SESSION_ENGINE" in found["W003"]
    assert OURS in found["W003"]


@pytest.mark.parametrize("middleware", [[], [AUTH], [here("Admin")], ["no.such.Middleware"]])
def test_a_missing_middleware_is_named(middleware: list[str]) -> None:
    found = said(MIDDLEWARE=middleware)
    assert found.keys() == {"E002"}
    assert f'MIDDLEWARE = ["{OURS}", …]' in found["E002"]


@pytest.mark.parametrize("path", [DJANGOS, here("LikeDjangos")])
@pytest.mark.parametrize("ours", [[], [OURS]], ids=["alone", "and ours"])
def test_django_s_own_middleware_is_named(path: str, ours: list[str]) -> None:
    found = said(MIDDLEWARE=[path, *ours])
    assert found.keys() == {"E003"}
    assert path in found["E003"]
    assert OURS in found["E003"]


# --- the order ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [AUTH, LOGIN, MESSAGES])
def test_what_needs_the_session_comes_after_it(path: str) -> None:
    found = said(MIDDLEWARE=[path, OURS])
    assert found.keys() == {"E005"}
    assert path in found["E005"]


def test_what_needs_no_session_by_the_settings_may_come_before_it() -> None:
    assert said(MIDDLEWARE=[CSRF, OURS]) == {}
    assert said(MIDDLEWARE=[CSRF, OURS], CSRF_USE_SESSIONS=True).keys() == {"E005"}
    in_cookies = "django.contrib.messages.storage.cookie.CookieStorage"
    assert said(MIDDLEWARE=[MESSAGES, OURS], MESSAGE_STORAGE=in_cookies).keys() == {"W009"}


def test_what_keeps_pages_comes_before_the_session() -> None:
    """It sees only what was put into the response by then: that it varies comes later."""
    found = said(MIDDLEWARE=[OURS, CACHE])
    assert found.keys() == {"W001"}
    assert CACHE in found["W001"]


# --- the options -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "no password"),
        ({"password": None}, "no password"),
        ({"password": "short"}, "at least 32"),
        ({"password": PASSWORD, "cookieName": "a"}, "no cookieName: it is cookie_name here"),
        ({"password": PASSWORD, "ttl": 60, "renew_after": 90}, "renew_after"),
        (PASSWORD, "can't be of type str"),
        (None, "IRON_SESSION is missing"),
    ],
    ids=str,
)
@pytest.mark.parametrize("middleware", [[OURS], []], ids=["", "without middleware"])
def test_options_that_can_t_work_are_told_and_nothing_secret(
    given: Any, told: str, middleware: list[str]
) -> None:
    found = said(IRON_SESSION=given, MIDDLEWARE=middleware)
    assert found.keys() == ({"E004"} if middleware else {"E002", "E004"})
    assert told in found["E004"]
    assert PASSWORD not in found["E004"]


def test_a_contradiction_with_django_s_settings_is_told() -> None:
    options = {"password": PASSWORD, "cookie_name": "ours"}
    found = said(IRON_SESSION=options, SESSION_COOKIE_NAME="theirs")
    assert found.keys() == {"E004"}
    assert "SESSION_COOKIE_NAME" in found["E004"]


@pytest.mark.parametrize(
    ("second", "told"),
    [("WithoutOptions", "must be a SessionOptions"), ("SameCookie", "installed twice")],
)
def test_a_second_session_that_can_t_work_is_told(second: str, told: str) -> None:
    found = said(MIDDLEWARE=[OURS, here(second)])
    assert found.keys() == {"E004"}
    assert told in found["E004"]


def test_options_that_are_refused_where_a_middleware_is_imported_are_told() -> None:
    """Django imports it in one of its own checks."""
    found = said(MIDDLEWARE=[OURS, here("Refused")])
    assert found.keys() == {"E004"}
    assert "at least 32" in found["E004"]


@pytest.mark.parametrize("twice", [[OURS, OURS], [OURS, here("Admin"), here("Admin")]])
def test_one_key_twice_is_told(twice: list[str]) -> None:
    assert said(MIDDLEWARE=twice).keys() == {"E006"}


def test_a_name_that_others_do_not_look_for_is_told() -> None:
    """As Django's test client does."""
    options = {"password": PASSWORD, "cookie_name": "ours"}
    assert said(IRON_SESSION=options, SESSION_COOKIE_NAME="ours") == {}
    assert said(IRON_SESSION=options).keys() == {"W002"}
    found = said(MIDDLEWARE=[here("Named")])
    assert found.keys() == {"W002"}
    assert "SESSION_COOKIE_NAME = 'mine'" in found["W002"]


# --- deployment --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "ids"),
    [
        ({}, set()),
        ({"SESSION_COOKIE_SECURE": True, "SESSION_COOKIE_HTTPONLY": True}, set()),
        ({"SESSION_COOKIE_SECURE": False}, {"W004"}),
        ({"IRON_SESSION": {"password": PASSWORD, "cookie_options": {"secure": "auto"}}}, {"W004"}),
        ({"SESSION_COOKIE_HTTPONLY": False}, {"W005"}),
        ({"IRON_SESSION": make_options(cookie_name="sessionid")}, set()),
        ({"MIDDLEWARE": [OURS, here("Weak")]}, {"W004", "W005"}),
    ],
    ids=[
        "nothing",
        "as theirs",
        "not Secure",
        "auto",
        "not HttpOnly",
        "as sessionid",
        "middleware",
    ],
)
def test_the_cookie_as_it_is_counts_and_not_django_s_settings(
    settings: dict[str, Any], ids: set[str]
) -> None:
    """Django itself warns of a setting that is not True, though our cookie be Secure."""
    with modify_settings(INSTALLED_APPS={"append": "django.contrib.sessions"}):
        found = said("security", **settings)
    about_sessions = {one for one in found if one in {f"security.W01{n}" for n in range(6)}}
    assert about_sessions == set()
    assert {one for one in found if not one.startswith("security.")} == ids


def test_django_s_own_checks_of_the_cookie_stay_for_django_s_own_sessions() -> None:
    with modify_settings(INSTALLED_APPS={"append": "django.contrib.sessions"}):
        settings = {"SESSION_ENGINE": SIGNED, "MIDDLEWARE": [DJANGOS], "IRON_SESSION": None}
        found = said("security", SESSION_COOKIE_HTTPONLY=False, **settings)
    assert {"security.W012", "security.W015"} <= found.keys()


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        (FILTER, set()),
        (here("OwnFilter"), set()),
        ("django.views.debug.SafeExceptionReporterFilter", {"W006"}),
        (here("said"), {"W006"}),
    ],
)
def test_error_reports_without_our_filter_are_told(path: str, ids: set[str]) -> None:
    found = said(DEFAULT_EXCEPTION_REPORTER_FILTER=path)
    assert found.keys() == ids
    assert not ids or FILTER in found["W006"]


@pytest.mark.parametrize(
    ("storage", "ids"),
    [
        ("django.contrib.messages.storage.fallback.FallbackStorage", {"W009"}),
        ("django.contrib.messages.storage.cookie.CookieStorage", {"W009"}),
        ("django.contrib.messages.storage.session.SessionStorage", set()),
    ],
)
def test_messages_in_a_cookie_that_anybody_can_read_are_told(storage: str, ids: set[str]) -> None:
    found = said(MIDDLEWARE=[OURS, MESSAGES], MESSAGE_STORAGE=storage)
    assert found.keys() == ids
    assert not ids or "SessionStorage" in found["W009"]


def test_messages_beside_django_s_own_sessions_are_not_told() -> None:
    settings = {"SESSION_ENGINE": SIGNED, "MIDDLEWARE": [DJANGOS, MESSAGES], "IRON_SESSION": None}
    assert "W009" not in said(
        MESSAGE_STORAGE="django.contrib.messages.storage.cookie.CookieStorage", **settings
    )


def test_what_can_t_work_is_told_once() -> None:
    assert said(IRON_SESSION={}, SESSION_COOKIE_SECURE=False).keys() == {"E004"}


# --- the command -------------------------------------------------------------------------------


def test_the_command_fails_where_sessions_can_t_work(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check", "--tag", "iron_session")
    assert "no issues" in capsys.readouterr().out
    with (
        override_settings(IRON_SESSION={}),
        pytest.raises(CommandError, match=r"iron_session\.E004.*no password"),
    ):
        call_command("check", "--tag", "iron_session")


def test_a_check_can_be_silenced_as_any_other() -> None:
    silenced = ["iron_session.E004"]
    with override_settings(IRON_SESSION={}, SILENCED_SYSTEM_CHECKS=silenced):
        call_command("check", "--tag", "iron_session")


def test_the_application_is_one_of_django_s() -> None:
    config = apps.get_app_config("iron_session")
    assert (config.name, config.verbose_name) == (project.ENGINE, "iron-session")
    tables = {each._meta.db_table for each in config.get_models()}
    assert tables == {"iron_session_ledgers", "iron_session_endings", "iron_session_signed_in"}


def test_the_page_on_django_lists_every_check() -> None:
    page = read_page("docs/frameworks/django.md")
    source = Path(sys.modules[f"{project.ENGINE}.checks"].__file__ or "").read_text("utf-8")
    ids = set(re.findall(r"\{_TAG\}\.([EW]\d{3})", source))
    assert set(re.findall(r"`(?:iron_session\.)?([EW]\d{3})`", page)) == ids


MANAGE = """
import os, sys
from django.core.management import execute_from_command_line
os.environ["DJANGO_SETTINGS_MODULE"] = "project_settings"
execute_from_command_line(sys.argv)
"""
SETTINGS = """
import os
from iron_session import Passwords

SECRET_KEY = "of no session, and long enough for Django's own check of it: 0123456789"
ALLOWED_HOSTS = ["example.com"]
ROOT_URLCONF = "project_settings"
urlpatterns = []
SECURE_HSTS_SECONDS = 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
SECURE_SSL_REDIRECT = CSRF_COOKIE_SECURE = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS = [
    "iron_session.integrations.django",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    os.environ.get("SESSION_MIDDLEWARE", "iron_session.integrations.django.IronSessionMiddleware"),
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
SESSION_ENGINE = "iron_session.integrations.django"
IRON_SESSION = {"password": os.environ["SESSION_PASSWORD"]}
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
DEFAULT_EXCEPTION_REPORTER_FILTER = "iron_session.integrations.django.SafeExceptionReporterFilter"
"""


def manage(
    folder: Path, settings: str, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command of a project's manage.py; or, after "-m", of a module."""
    (folder / "manage.py").write_text(MANAGE, encoding="utf-8")
    (folder / "project_settings.py").write_text(settings, encoding="utf-8")
    return subprocess.run(
        [sys.executable, *(arguments if arguments[0] == "-m" else ["manage.py", *arguments])],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(iron_session.__file__).parent.parent),
            "SESSION_PASSWORD": PASSWORD[::-1],
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "System check identified no issues"),
        ({"SESSION_PASSWORD": "short"}, "(iron_session.E004) IRON_SESSION"),
        ({"SESSION_MIDDLEWARE": DJANGOS}, "(iron_session.E003)"),
        ({"SESSION_MIDDLEWARE": "django.middleware.gzip.GZipMiddleware"}, "(iron_session.E002)"),
    ],
    ids=str,
)
def test_a_real_project_is_checked_and_nothing_ends_in_a_traceback(
    tmp_path: Path, environment: dict[str, str], told: str
) -> None:
    run = manage(tmp_path, SETTINGS, "check", "--deploy", **environment)
    assert told in run.stdout + run.stderr
    assert run.returncode == (1 if environment else 0)
    assert "Traceback" not in run.stderr


WITH_STORE = """
from iron_session.integrations.django import DjangoStore
from iron_session.revocation import Revocations

DATABASES["default"]["NAME"] = "db.sqlite3"
IRON_SESSION |= {"max_lifetime": 30 * 24 * 3600}
IRON_SESSION |= {"revocations": Revocations(DjangoStore(), namespace="shop")}
"""


def test_a_real_project_ends_sessions_by_its_own_database(tmp_path: Path) -> None:
    """The store is made in the settings, so before Django has read them."""

    def told(*arguments: str) -> str:
        run = manage(tmp_path, SETTINGS + WITH_STORE, *arguments)
        assert "Traceback" not in run.stderr
        return run.stdout + run.stderr

    assert "no issues" in told("check")
    assert not (tmp_path / "db.sqlite3").exists()
    missing = "CommandError: the tables of DjangoStore are missing: "
    assert missing in told("end_sessions", "--all")
    assert "(iron_session.W008)" in told("migrate")
    assert "Ended at " in told("end_sessions", "--user", "42")
    assert "No changes detected" in told("makemigrations")
    assert "no issues" in told("check", "--database", "default")


def test_the_iron_session_command_takes_the_setting_of_a_real_project(tmp_path: Path) -> None:
    """With Django's other settings, and the applications that its store needs."""

    def told(*arguments: str, **environment: str) -> tuple[int, str]:
        command = ("-m", "iron_session", *arguments)
        run = manage(tmp_path, SETTINGS + WITH_STORE, *command, **environment)
        assert "Traceback" not in run.stderr
        return run.returncode, run.stdout + run.stderr

    check = ("check", "project_settings:IRON_SESSION")
    status, report = told(*check)
    assert status == 0
    assert "(project_settings:IRON_SESSION)" in report
    assert "warning store-relative" in report
    (tmp_path / "db.sqlite3").touch()  # which root would not make
    status, report = told(*check, "--reach-stores")
    assert status == 1
    assert "the tables of DjangoStore are missing" in report
    manage(tmp_path, SETTINGS + WITH_STORE, "migrate")
    assert told(*check, "--reach-stores")[0] == 0
    status, report = told(*check, SESSION_PASSWORD="short")
    assert status == 1
    assert "error options-refused (project_settings:IRON_SESSION)" in report
