"""The fixtures that pytest has once the package is installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from iron_session.seals.passwords import TESTING_PASSWORD
from tests.helpers.pages import ROOT
from tests.helpers.plugin import entry_points, fixtures, write_entry_point

QUIET = ("-p", "no:cacheprovider", "-p", "no:xdist", "-W", "error")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder on the path of this process, and of those it starts, that has the plugin."""
    folder = write_entry_point(tmp_path / "site")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    # What the suite asks of itself does not hold for these runs.
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return folder


def run(pytester: pytest.Pytester, code: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(code)
    return pytester.runpytest_inprocess(*QUIET, *arguments)


pytestmark = pytest.mark.usefixtures("site")


def test_the_fixtures_are_there_without_a_conftest(pytester: pytest.Pytester) -> None:
    found = run(pytester, "def test(): pass", "--fixtures")
    names = {line.split(" ")[0] for line in found.outlines if line.startswith("iron_")}
    assert names == fixtures()
    assert not [line for line in found.outlines if "no docstring" in line and "iron_" in line]


def test_every_fixture_has_the_prefix() -> None:
    """A suite may have fixtures called `options` and `clock`."""
    assert len(fixtures()) == 7
    assert all(name.startswith("iron_") for name in fixtures())


def test_a_client_is_logged_in_and_a_response_is_read(pytester: pytest.Pytester) -> None:
    code = """
        from werkzeug.test import Client
        from iron_session.integrations.wsgi import IronSessionMiddleware

        def application(environ, start_response):
            session = environ["iron_session"]
            session["visits"] += 1
            start_response("200 OK", [])
            return [(session.user_id or "").encode()]

        def test(iron_options, iron_log_in, iron_read_session):
            client = Client(IronSessionMiddleware(application, iron_options))
            iron_log_in(client, {"visits": 1}, user_id="ada")
            response = client.get("/")
            assert response.text == "ada"
            assert iron_read_session(response) == {"visits": 2}
            assert iron_read_session(client, url="http://localhost") == {"visits": 2}
            assert iron_read_session([]) is None
    """
    run(pytester, code).assert_outcomes(passed=1)


def test_cookies_are_made_with_the_options(pytester: pytest.Pytester) -> None:
    code = """
        def test(iron_session_cookie, iron_cookie_header, iron_read_session):
            cookies = iron_session_cookie({"a": 1}, user_id="ada")
            (cookie,) = (f"{name}={value}" for name, value in cookies.items())
            assert iron_read_session([cookie]).user_id == "ada"
            session = iron_read_session([iron_cookie_header({"a": 2}, ttl=60)])
            assert session == {"a": 2}
            assert session.ttl.total_seconds() == 60
    """
    run(pytester, code).assert_outcomes(passed=1)


def test_an_ending_is_later_than_a_session_that_was_created_before(
    pytester: pytest.Pytester,
) -> None:
    code = """
        from datetime import timedelta
        import pytest
        from werkzeug.test import Client
        from iron_session import UnsealError
        from iron_session.revocation import MemoryStore, Revocations
        from iron_session.testing import make_options

        @pytest.fixture
        def iron_options():
            revocations = Revocations(MemoryStore(), namespace="shop")
            yield make_options(revocations=revocations, max_lifetime=timedelta(days=30))
            revocations.close()

        def test(iron_options, iron_log_in, iron_read_session, iron_clock):
            client = Client(lambda environ, start_response: [])
            iron_options.revocations.end_user("ada")
            before = iron_clock.now - timedelta(seconds=1)
            iron_log_in(client, {}, user_id="ada", created_at=before)
            with pytest.raises(UnsealError, match="ended"):
                iron_read_session(client, url="http://localhost")
    """
    run(pytester, code).assert_outcomes(passed=1)


def test_the_options_have_the_password_and_are_one_object_in_a_run(
    pytester: pytest.Pytester,
) -> None:
    code = f"""
        seen = set()

        def test_one(iron_options, iron_password):
            assert iron_password == {TESTING_PASSWORD!r}
            assert iron_options.cookie_name == "session"
            assert iron_options.cookie.secure is False
            seen.add(id(iron_options))

        def test_two(iron_options):
            assert seen == {{id(iron_options)}}
    """
    run(pytester, code).assert_outcomes(passed=2)


def test_a_fixture_of_the_suite_replaces_the_plugins(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def iron_password():
            return "this password is for the tests of one suite alone"
        """
    )
    code = """
        import pytest
        from iron_session import UnsealError, testing

        def test(iron_password, iron_options, iron_cookie_header):
            header = [iron_cookie_header({"a": 1})]
            own = testing.make_options(password=iron_password)
            assert testing.read_session(header, own) == {"a": 1}
            with pytest.raises(UnsealError):
                testing.read_session(header, testing.make_options())
    """
    run(pytester, code).assert_outcomes(passed=1)


def test_the_clock_stands_still_for_one_test_only(pytester: pytest.Pytester) -> None:
    code = """
        from iron_session import _time

        before = _time.now_ms

        def test_stopped(iron_clock, iron_options, iron_cookie_header, iron_read_session):
            assert iron_clock.now.isoformat() == "2026-01-01T00:00:00+00:00"
            header = iron_cookie_header({"a": 1})
            first = iron_read_session([header]).expires_at
            iron_clock.tick(60)
            assert iron_read_session([header]).expires_at == first
            assert _time.now_ms is not before

        def test_running_again():
            assert _time.now_ms is before
    """
    run(pytester, code).assert_outcomes(passed=2)


def test_the_plugin_can_be_left_out(pytester: pytest.Pytester) -> None:
    found = run(pytester, "def test(iron_clock): pass", *without_plugin())
    found.assert_outcomes(errors=1)
    found.stdout.fnmatch_lines("*fixture 'iron_clock' not found*")


def without_plugin() -> list[str]:
    return [argument for name in entry_points() for argument in ("-p", f"no:{name}")]


def test_the_plugin_can_be_named_where_none_is_loaded(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile("def test(iron_clock): pass")
    pytester.runpytest_subprocess(*QUIET).assert_outcomes(errors=1)
    pytester.runpytest_subprocess(*QUIET, "-p", "iron_session").assert_outcomes(passed=1)


def test_a_run_that_uses_no_fixture_loads_nothing_of_the_package(
    pytester: pytest.Pytester,
) -> None:
    """A process of its own, since this one has loaded everything."""
    pytester.makepyfile(
        """
        import sys

        def test():
            names = {name.split(".")[0] for name in sys.modules}
            assert "_iron_session_pytest" in names
            assert not names & {"iron_session", "cryptography"}
        """
    )
    pytester.runpytest_subprocess(*QUIET).assert_outcomes(passed=1)


def test_importing_the_plugin_loads_what_pytest_has_loaded_anyway() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import _iron_session_pytest; "
        "print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["_iron_session_pytest"]


def test_pytest_does_not_warn_where_the_package_was_imported_before(
    pytester: pytest.Pytester,
) -> None:
    """As by a command of a Django project that runs pytest."""
    pytester.makepyfile("def test(iron_options): pass")
    code = "import sys, iron_session, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    found = pytester.run(sys.executable, "-c", code, *QUIET)
    found.assert_outcomes(passed=1)


def test_pytest_cov_sees_the_lines_that_run_at_import(pytester: pytest.Pytester) -> None:
    """A plugin that imports the package does so before pytest-cov measures."""
    pytester.makepyfile("def test(iron_options): pass")
    report = ("--cov=iron_session", "--cov-report=term")
    pytester.path.joinpath(".coveragerc").write_text("[run]\nbranch = false\n", encoding="utf-8")
    found = pytester.runpytest_subprocess(*QUIET, *report)
    found.assert_outcomes(passed=1)
    (front,) = (
        line.split()
        for line in found.outlines
        if "iron_session" in line and line.split()[0].endswith("/iron_session/__init__.py")
    )
    _, statements, missed, covered = front
    assert int(statements) > 0
    assert (missed, covered) == ("0", "100%")


def test_the_plugin_is_declared_by_one_name_that_users_can_turn_off() -> None:
    assert entry_points() == {"iron_session": "_iron_session_pytest"}
    assert (ROOT / "src" / "_iron_session_pytest.py").is_file()
