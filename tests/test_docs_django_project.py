"""The page on Django: its project is made by `startproject`, changed as the page says, and used."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from iron_session import SessionOptions
from iron_session.testing import read_session
from tests.examples.servers import Server, clean_environment, free_ports
from tests.helpers.pages import blocks, read_page, sections

SECTION = sections(read_page("docs/frameworks/django.md"))["A project from startproject"]
PASSWORD = "a password of this test's own, 32 characters"
ADA = {"username": "ada", "password": "correct horse battery staple"}
REPLACE = re.compile(r'In `MIDDLEWARE` of `(.+?)`, replace `"(.+?)"` by\n`"(.+?)"`\.\n')


def environment(folder: Path) -> dict[str, str]:
    mine = {"SESSION_PASSWORD": PASSWORD, "HOME": str(folder)}
    return {**clean_environment(), **mine, "DJANGO_SUPERUSER_PASSWORD": ADA["password"]}


def run(folder: Path, *command: str) -> str:
    """Run a command in the project; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *command],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def commands() -> list[str]:
    return "".join(blocks("sh", SECTION)).splitlines()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Do what the page says, up to the tables and the user."""
    folder = tmp_path_factory.mktemp("project")
    assert "django-admin startproject diary ." in commands()
    run(folder, "-m", "django", "startproject", "diary", ".")
    settings, *files = blocks("python", SECTION)
    ((file, old, new),) = REPLACE.findall(SECTION)
    made = (folder / file).read_text(encoding="utf-8")
    assert made.count(old) == 1
    (folder / file).write_text(f"{made.replace(old, new)}\n\n{settings}", encoding="utf-8")
    assert settings.startswith(f"# {file}, at the end\n")
    named = [text.partition("\n")[0].removeprefix("# ") for text in files]
    assert named == ["diary/urls.py", "diary/views.py", "diary/tests.py"]
    for name, text in zip(named, files, strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    run(folder, "manage.py", "migrate")
    run(folder, "manage.py", "createsuperuser", "--username=ada", "--email=", "--noinput")
    return folder


def test_the_commands_of_the_page_are_those_that_are_run_here() -> None:
    assert [line for line in commands() if line.startswith("python ")] == [
        f"python manage.py {name}" for name in ("migrate", "createsuperuser", "test", "runserver")
    ]


def test_the_project_has_no_issues(project: Path) -> None:
    assert "System check identified no issues (0 silenced)." in run(project, "manage.py", "check")
    assert "No changes detected" in run(project, "manage.py", "makemigrations", "--check")


def test_a_deployment_of_the_project_has_no_issues_with_its_session(project: Path) -> None:
    path = project / "diary" / "deployed.py"
    made = (project / "diary" / "settings.py").read_text(encoding="utf-8")
    assert made.count("DEBUG = True\n") == 1
    path.write_text(made.replace("DEBUG = True\n", "DEBUG = False\n"), encoding="utf-8")
    told = run(project, "manage.py", "check", "--deploy", "--settings=diary.deployed")
    assert "security.W009" in told  # it has looked: startproject's SECRET_KEY is not for this
    assert not re.findall(r"iron_session\.\w+|SESSION_\w+", told)


def test_the_tests_of_the_page_pass(project: Path) -> None:
    told = run(project, "manage.py", "test")
    (tests,) = (text for text in blocks("python", SECTION) if "(TestCase)" in text)
    assert f"Ran {tests.count('def test_')} tests" in told
    assert told.count("OK") == 1


@pytest.fixture
def browser(project: Path) -> Iterator[httpx.Client]:
    """Visit the project over real HTTP."""
    (port,) = free_ports(1)
    command = f"{sys.executable} manage.py runserver --noreload 127.0.0.1:{port}"
    server = Server(command, port, environment(project), project)
    try:
        server.wait_for_start()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        server.stop()


def test_the_project_logs_in_and_out_over_http(browser: httpx.Client) -> None:
    def send(page: str, action: str, **fields: str) -> httpx.Response:
        (token,) = re.findall('name="csrfmiddlewaretoken" value="(.*?)"', browser.get(page).text)
        form = {**fields, "csrfmiddlewaretoken": unescape(token)}
        return browser.post(action, data=form)

    assert browser.get("/").headers["location"] == "/login?next=/"
    wrong = send("/login", "/login", username="ada", password="wrong")
    assert "Please enter a correct username and password" in unescape(wrong.text)
    assert browser.post("/login", data=ADA).status_code == 403  # no token
    answer = send("/login", "/login", **ADA, remember="on")
    assert answer.headers["location"] == "/"
    options = SessionOptions(password=PASSWORD, cookie_name="diary")
    session = read_session(answer, options)
    assert session is not None
    assert session.user_id == "1"
    assert "max-age" in answer.headers["set-cookie"].lower()
    shown = [browser.get("/").text for _ in range(2)]
    assert ["Welcome, ada!" in each for each in shown] == [True, False]
    assert all("The diary of ada" in each for each in shown)
    assert browser.get("/admin/").status_code == 200
    assert send("/", "/logout").headers["location"] == "/login"
    assert browser.get("/").headers["location"] == "/login?next=/"
