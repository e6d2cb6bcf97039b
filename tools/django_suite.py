"""Run Django's own tests twice: with its sessions in signed cookies, and with iron-session.

    python tools/django_suite.py                      # LABELS
    python tools/django_suite.py auth_tests messages_tests

Django and iron-session are those of the running Python. The tests are those of the same version of
Django, from its source distribution, which pip downloads. Ends with an error if a test fails only
with iron-session, and is not in EXPECTED.
"""

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

import django

LABELS = (
    "admin_views", "admin_changelist", "admin_inlines", "asgi", "auth_tests", "cache",
    "context_processors", "csrf_tests", "flatpages_tests", "handlers", "logging_tests",
    "messages_tests", "middleware", "middleware_exceptions", "redirects_tests", "requests_tests",
    "responses", "sessions_tests", "signed_cookies_tests", "test_client", "test_client_regress",
    "view_tests",
)  # fmt: skip

_ENGINE = "another engine behind our middleware is refused when the server starts"
# Why a test fails with iron-session and not with signed cookies.
EXPECTED = {
    "auth_tests.test_middleware.TestAuthenticationMiddleware.test_no_session": (
        "Django's message names its own middleware, whatever MIDDLEWARE has"
    ),
    "auth_tests.test_views.LoginTest.test_session_key_flushed_on_login_after_password_change": (
        "another login of the same user has a new id and time, so the sealed text is another one; "
        "that of signed cookies is another one in the next second"
    ),
    "test_client.tests.ClientTest.test_logout_cookie_sessions": _ENGINE,
    "test_client.tests.ClientTest.test_sessions_app_is_not_installed": _ENGINE,
    "test_client.tests.ClientTest.test_view_with_login_when_sessions_app_is_not_installed": _ENGINE,
    "test_client_regress.tests.SessionEngineTests.test_login": _ENGINE,
}

DJANGOS = "django.contrib.sessions.middleware.SessionMiddleware"
OURS = "iron_session.integrations.django.IronSessionMiddleware"
SETTINGS = """
from test_sqlite import *

SESSION_ENGINE = "{engine}"
IRON_SESSION = {{"password": "the tests of Django itself, 32 or more"}}
"""
ENGINES = {
    "signed cookies": "django.contrib.sessions.backends.signed_cookies",
    "iron-session": "iron_session.integrations.django",
}


class Run(NamedTuple):
    """The result of one run of the tests."""

    tests: int
    failed: set[str]
    output: str


def fetch(folder: Path) -> Path:
    """Download Django's source distribution, and return the folder of its tests."""
    wanted = f"django=={django.__version__}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    subprocess.run([*command, "--no-binary", "django", wanted], cwd=folder, check=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return next(folder.glob("*/tests"))


def put_ours(tests: Path) -> None:
    """Replace Django's middleware with ours wherever the tests name it."""
    for file in tests.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if DJANGOS in text:
            file.write_text(text.replace(DJANGOS, OURS), encoding="utf-8")


def run(tests: Path, engine: str, labels: list[str]) -> Run:
    """Run some of the tests with a session engine."""
    settings = SETTINGS.format(engine=ENGINES[engine])
    (tests / "suite_settings.py").write_text(settings, encoding="utf-8")
    command = [sys.executable, "runtests.py", "--settings=suite_settings", "--parallel=1", *labels]
    paths = [str(tests), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        command,
        cwd=tests,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    counts = re.findall(r"^Ran (\d+) tests", done.stdout, re.MULTILINE)
    if not counts:
        sys.exit(f"{done.stdout}\nThe tests did not run with {engine}.")
    failed = re.findall(r"^(?:FAIL|ERROR): \S+ \(([\w.]+)", done.stdout, re.MULTILINE)
    return Run(int(counts[0]), set(failed), done.stdout)


def compare(runs: dict[str, Run]) -> set[str]:
    """Print the results of both, and return the failures that EXPECTED does not explain."""
    theirs, ours = (runs[engine] for engine in ENGINES)
    for engine, one in runs.items():
        print(f"{engine}: {one.tests} tests, {len(one.failed)} failed")
    only_ours = ours.failed - theirs.failed
    print(f"with both: {len(ours.failed & theirs.failed)}")
    for name in sorted(theirs.failed - ours.failed):
        print(f"with signed cookies only: {name}")
    for name in sorted(only_ours):
        print(f"with iron-session only: {name}: {EXPECTED.get(name, 'UNEXPLAINED')}")
    return only_ours - EXPECTED.keys()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("labels", nargs="*", default=LABELS)
    parser.add_argument("--log", type=Path, help="a folder for the output of both runs")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tests = fetch(Path(folder))
        runs = {"signed cookies": run(tests, "signed cookies", given.labels)}
        put_ours(tests)
        runs["iron-session"] = run(tests, "iron-session", given.labels)
    if given.log is not None:
        given.log.mkdir(parents=True, exist_ok=True)
        for engine, one in runs.items():
            (given.log / f"{engine}.log").write_text(one.output, encoding="utf-8")
    sys.exit(bool(compare(runs)))


if __name__ == "__main__":
    main()
