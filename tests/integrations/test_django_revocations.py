"""`DjangoStore`, beside what every store does: Django's connections, transactions and settings."""

import asyncio
import io
import logging
import os
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.core import checks
from django.core.management import CommandError, call_command
from django.db import Error, IntegrityError, OperationalError, ProgrammingError, connections
from django.db import transaction as transactions
from django.test import Client, RequestFactory, modify_settings, override_settings

from iron_session import ConfigurationError, SessionOptions, SessionUnavailableError, _time
from iron_session.integrations.django import DjangoStore
from iron_session.integrations.django import revocations as stores
from iron_session.revocation import MemoryStore, Revocations, SqlStore
from iron_session.revocation.directory import Row
from iron_session.revocation.ledger import ChangesLost
from iron_session.revocation.records import Meta
from tests.helpers.waiting import wait_for
from tests.integrations.django_site import project
from tests.revocation import django_databases as databases
from tests.revocation.conftest import SPACE, Workers, new_database, postgresql, workers
from tests.revocation.servers import free_port
from tests.sessions.browser import PASSWORD

__all__ = ["postgresql", "workers"]  # fixtures

USER = b"u" * 16
HOUR_MS = 3_600_000
SQLITE = "django.db.backends.sqlite3"
handler: Any = connections
Ledger, Ending, SignedIn = apps.get_app_config("iron_session").get_models()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[str]:
    using = databases.add_sqlite(tmp_path / "db.sqlite3", OPTIONS={"timeout": 0.2})
    yield using
    databases.remove(using)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def using(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with the tables, by its name in DATABASES."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite")
        return
    made = databases.add_postgresql(new_database(request.getfixturevalue("postgresql")))
    yield made
    databases.remove(made)


def ledger(using: str) -> stores.DjangoLedger:
    return DjangoStore(using).ledger(SPACE)


def mark_of(using: str) -> int | None:
    """Return the user's ending in the database, as another process sees it."""
    with closing(ledger(using).feed()) as feed:
        return next((each.mark for each in feed.snapshot().entries if each.key == USER), None)


# --- the store -----------------------------------------------------------------------------------


def test_a_store_is_named_by_its_database_and_does_not_touch_it() -> None:
    store = DjangoStore()  # its file can't be opened
    assert repr(store) == "<DjangoStore: default>"
    store.ledger(SPACE)
    Revocations(store, namespace="shop", directory=True)


@pytest.mark.parametrize("given", ["", None, 7])
def test_the_name_of_a_database_is_text(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="using must be a name in DATABASES"):
        DjangoStore(given)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (None, "DATABASES has no 'none', which DjangoStore is to use"),
        ({}, "DjangoStore knows PostgreSQL and SQLite, not unknown: use another store"),
        ({"ENGINE": SQLITE, "NAME": ":memory:"}, "is not shared by connections: use MemoryStore"),
    ],
)
def test_a_database_that_can_t_be_used_is_refused(
    settings: dict[str, Any] | None, message: str
) -> None:
    using = "none" if settings is None else databases.add(settings, migrates=False)
    try:
        for call in (lambda: ledger(using).end_all(0), ledger(using).check):
            with pytest.raises(ConfigurationError, match=message):
                call()
    finally:
        if settings is not None:
            databases.remove(using)


def test_missing_tables_are_named_and_found_once_they_are_there(
    request: pytest.FixtureRequest, tmp_path: Path, workers: Workers, using: str
) -> None:
    with connections[using].cursor() as cursor:
        for table in stores.TABLES:
            cursor.execute(f'DROP TABLE "{table}"')
        cursor.execute("DELETE FROM django_migrations")
    revocations = workers.make(DjangoStore(using))
    message = r'the tables of DjangoStore are missing: add "iron_session\.integrations\.django" to'
    with pytest.raises(ConfigurationError, match=message):
        revocations.end_user("42")
    revocations.start()
    assert wait_for(lambda: revocations._follower.trouble is not None)
    with pytest.raises(ConfigurationError, match=message):
        revocations.wait_until_ready(0)
    databases.migrate(using)
    assert revocations.wait_until_ready(30)


def test_other_errors_of_the_database_are_not_explained(using: str) -> None:
    own = ledger(using)
    own.end_all(0)
    with pytest.raises(IntegrityError), own.transaction() as tx:
        own.write_meta(tx, Meta(None, 0, 0, 0, "", 0))  # type: ignore[arg-type]
    error = ProgrammingError if connections[using].vendor == "postgresql" else OperationalError
    with pytest.raises(error), own.transaction() as tx:
        tx.execute("SELECT no_such_column FROM iron_session_ledgers")
    assert own.end_all(0)


def test_what_fails_is_rolled_back(using: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(stores.DjangoLedger, "write_meta", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ledger(using).end_user(USER, None, 0)
    assert mark_of(using) is None


def test_a_server_that_is_away_is_an_error_without_details(workers: Workers) -> None:
    place = {"NAME": "nobody", "HOST": "127.0.0.1", "PORT": str(free_port())}
    using = databases.add(
        {"ENGINE": "django.db.backends.postgresql", **place, "PASSWORD": "the secret"},
        migrates=False,
    )
    try:
        revocations = Revocations(DjangoStore(using), namespace="shop")
        with pytest.raises(SessionUnavailableError) as caught:
            revocations.end_all()
        assert str(caught.value).startswith(
            f"<DjangoStore: {using}> can't be reached (OperationalError): "
        )
    finally:
        databases.remove(using)


def test_the_ending_of_no_session_ends_none(using: str) -> None:
    """And leaves everybody in the directory."""
    own = ledger(using)
    own.note_signed_in([Row(b"k" * 16, USER, "42", None, 1, 1, 1 << 50, 1)], {})
    assert own.end_sessions({})
    assert len(own.rows_of(USER)) == 1


def test_many_endings_are_read_in_parts(using: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_AT_ONCE", 3)
    keys = {bytes([number]) * 16 for number in range(7)}
    ledger(using).end_sessions(dict.fromkeys(keys, HOUR_MS))
    with closing(ledger(using).feed()) as feed:
        assert {each.key for each in feed.snapshot().entries} == keys


# --- transactions ----------------------------------------------------------------------------

atomic: Any = transactions.atomic  # Django has no types


def test_an_ending_does_not_wait_for_the_transaction_that_it_is_called_in(
    postgresql: str,
) -> None:
    """And is not lost with it."""
    using = databases.add_postgresql(new_database(postgresql))
    try:
        with atomic(using=using):
            SignedIn.objects.using(using).count()
            ledger(using).end_user(USER, None, 0)
            assert mark_of(using) is not None
            transactions.set_rollback(True, using=using)
        assert mark_of(using) is not None
    finally:
        databases.remove(using)


def test_sqlite_s_own_transaction_is_named_when_it_is_in_the_way(sqlite: str) -> None:
    with atomic(using=sqlite):
        Ledger.objects.using(sqlite).update(clock=0)
        with pytest.raises(ConfigurationError, match=r"after it, by transaction\.on_commit"):
            ledger(sqlite).end_user(USER, None, 0)
        transactions.on_commit(lambda: ledger(sqlite).end_user(USER, None, 0), using=sqlite)
        assert mark_of(sqlite) is None
    assert mark_of(sqlite) is not None


def test_a_transaction_of_somebody_else_is_waited_for(sqlite: str) -> None:
    holder: Any = handler.create_connection(sqlite)
    with holder.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):
            ledger(sqlite).end_all(0)
        cursor.execute("ROLLBACK")
    holder.close()
    assert ledger(sqlite).end_all(0)


def test_many_threads_end_at_once(using: str) -> None:
    """From the very first moment, when the namespace's row is written."""

    def end(number: int) -> None:
        own = ledger(using)
        for at in range(10):
            own.end_user(bytes([number, at]) * 8, None, 0)

    threads = [Thread(target=end, args=[number]) for number in range(4)]
    handler.settings[using]["OPTIONS"] = {}  # SQLite may wait for as long as it likes
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    with closing(ledger(using).feed()) as feed:
        snapshot = feed.snapshot()
        assert snapshot.meta.counter == len(list(snapshot.entries)) == 40


def test_code_that_must_not_wait_is_told_to_await(using: str) -> None:
    revocations = Revocations(DjangoStore(using), namespace="shop")

    async def end() -> None:
        with pytest.raises(ConfigurationError, match=r"call its twin, as aend_user\(…\)"):
            revocations.end_user("42")
        await revocations.aend_user("42")

    asyncio.run(end())
    assert Ending.objects.using(using).count() == 1


# --- connections -----------------------------------------------------------------------------


def test_settings_of_a_project_s_connections_do_not_matter(postgresql: str) -> None:
    """Neither AUTOCOMMIT, nor a pool, whose connections are for requests."""
    using = databases.add_postgresql(new_database(postgresql))
    try:
        handler.settings[using] |= {"AUTOCOMMIT": False, "OPTIONS": {"pool": True}}
        ledger(using).end_user(USER, None, 0)
        assert mark_of(using) is not None
    finally:
        databases.remove(using)


def test_the_looks_are_not_in_the_log_of_queries(
    using: str, caplog: pytest.LogCaptureFixture
) -> None:
    with override_settings(DEBUG=True), caplog.at_level(logging.DEBUG, "django.db.backends"):
        mark_of(using)
    assert not [each for each in caplog.records if "iron_session" in each.getMessage()]


def test_a_connection_is_renewed(using: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    monkeypatch.setattr("iron_session._time.elapsed_ms", lambda: now[0])
    with closing(ledger(using).feed()) as feed:
        feed.snapshot()
        first = feed._connection
        now[0] = 2999
        feed.changes(0)
        assert feed._connection is first
        now[0] = 3000
        feed.changes(0)
        assert feed._connection is not first
        assert first.connection is None


def test_another_file_is_noticed(
    sqlite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the one that a test runner has put there."""
    monkeypatch.setattr(stores, "_RENEW_MS", 0)
    other = databases.add_sqlite(tmp_path / "other.sqlite3")
    with closing(ledger(sqlite).feed()) as feed:
        feed.snapshot()
        handler.settings[sqlite]["NAME"] = handler.settings[other]["NAME"]
        for look in (lambda: feed.changes(0), feed.snapshot, lambda: feed.beat(0, 0)):
            with pytest.raises(ChangesLost):
                look()
    databases.remove(other)


def test_another_server_is_noticed(postgresql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    using = databases.add_postgresql(new_database(postgresql))
    with closing(ledger(using).feed()) as feed:
        feed.beat(0, 0)
        feed._server = ("another", 0)
        with pytest.raises(ChangesLost):
            feed.beat(0, 0)
    databases.remove(using)


def test_a_database_of_tests_in_memory_is_shared() -> None:
    using = databases.add(
        {"ENGINE": SQLITE, "NAME": "file:endings?mode=memory&cache=shared"}, migrates=False
    )
    with connections[using].cursor():  # it lives as long as a connection is open
        databases.migrate(using)
        ledger(using).end_user(USER, None, 0)
        assert mark_of(using) is not None
    connections[using].connection.close()
    databases.remove(using)


def test_a_database_can_be_dropped_while_it_is_followed(postgresql: str, workers: Workers) -> None:
    """As test runners do: PostgreSQL waits 5 seconds for others to leave."""
    using = databases.add_postgresql(new_database(postgresql))
    workers(DjangoStore(using))
    name = handler.settings[using]["NAME"]
    connections[using].close()
    admin = databases.add_postgresql(postgresql, migrates=False)
    with connections[admin].cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}"')
    workers.close()
    databases.remove(admin)
    databases.remove(using)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_opens_connections_of_its_own(using: str, workers: Workers) -> None:
    revocations = workers(DjangoStore(using))
    revocations.end_user("6")
    since = revocations.now("7")
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            assert revocations.wait_until_ready(30)
            revocations.end_user("7")
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert wait_for(lambda: revocations.judge(None, ["7"], since) == "ended")
    revocations.end_user("8")
    assert revocations.judge(None, ["8"], since) == "ended"


def test_another_service_can_use_the_same_tables(postgresql: str, workers: Workers) -> None:
    """By SQLAlchemy, as the command `iron-session revoke` does."""
    url = new_database(postgresql)
    using = databases.add_postgresql(url)
    store = SqlStore(url, create_tables=False)
    django, other = workers(DjangoStore(using)), workers(store)
    since = django.now("7")
    other.end_user("7")
    assert wait_for(lambda: django.judge(None, ["7"], since) == "ended")
    django.end_all()
    assert wait_for(lambda: other.judge(None, ["8"], since) == "ended")
    workers.close()
    store._database.engine.dispose()
    databases.remove(using)


# --- the application -------------------------------------------------------------------------


def test_the_models_and_their_history_agree(tmp_path: Path) -> None:
    with project.new_database(tmp_path):
        call_command("makemigrations", "iron_session", check=True, dry_run=True, verbosity=0)


def test_a_database_that_lacks_what_the_store_needs_gets_no_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    using = databases.add(
        {"ENGINE": SQLITE, "NAME": str(tmp_path / "other.sqlite3")}, migrates=False
    )
    features = connections[using].features
    monkeypatch.setattr(features, "supports_update_conflicts_with_target", False, raising=False)
    databases.migrate(using)
    tables = connections[using].introspection.table_names()
    assert tables == ["django_migrations"]
    databases.remove(using)


def test_rows_are_named_without_what_is_in_them() -> None:
    assert str(Ledger(space=SPACE)) == SPACE
    assert str(Ending(kind="user", key=USER)) == f"user {USER.hex()}"
    assert str(SignedIn(user_id="42", label="Firefox")) == "42, Firefox"
    assert str(SignedIn(user_id="42")) == "42, no label"


def options(store: Any, **changes: Any) -> SessionOptions:
    made = Revocations(store, namespace="shop", **{"directory": True, **changes})
    return SessionOptions(
        password=PASSWORD,
        cookie_name="sessionid",
        max_lifetime=30 * 86400,
        revocations=made,
        user_of=lambda data: data.get("_auth_user_id"),
    )


def said(**settings: Any) -> dict[str, str]:
    """Return what the checks say, by id."""
    with override_settings(**settings):
        found = checks.run_checks(tags=["iron_session"], databases=["default"])
    ids = {one.id.removeprefix("iron_session."): f"{one.msg} {one.hint}" for one in found}
    return {key: text for key, text in ids.items() if "DjangoStore" in text}


def test_checks_tell_what_the_store_lacks(tmp_path: Path) -> None:
    given = options(DjangoStore())
    assert said(IRON_SESSION=given) == {}  # the database can't be opened
    with project.new_database(tmp_path):
        assert said(IRON_SESSION=given) == {}
        assert said(IRON_SESSION=options(MemoryStore())) == {}
        with modify_settings(INSTALLED_APPS={"remove": project.ENGINE}):
            found = said(IRON_SESSION=given)
        assert list(found) == ["W007"]
        assert "To get them, add" in found["W007"]
        with connections["default"].cursor() as cursor:
            cursor.execute("DROP TABLE iron_session_endings")
        found = said(IRON_SESSION=given)
        assert list(found) == ["W008"]
        assert found["W008"].startswith("The database 'default' has no tables for DjangoStore yet.")
        assert said(IRON_SESSION={}) == {}  # another check tells what is wrong


def test_a_database_that_can_t_be_used_is_told_by_a_check() -> None:
    found = said(IRON_SESSION=options(DjangoStore("other")))
    assert found == {"E007": "DATABASES has no 'other', which DjangoStore is to use None"}


# --- a site ----------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Revocations]:
    """A site whose sessions can be ended, and its database."""
    with project.new_database(tmp_path):
        given = options(DjangoStore())
        made: Any = given.revocations
        with override_settings(IRON_SESSION=given):
            yield made
        made.close(30)


def logged_in() -> Any:
    """Return a browser in which Ada has logged in."""
    client: Any = Client()
    assert client.login(username=project.NAME, password=project.PASSWORD_OF_ADA)
    assert client.get("/who").json()[0] == project.NAME
    return client


def ada() -> str:
    from django.contrib.auth.models import User

    return str(User.objects.get().pk)


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("end_sessions", *arguments, stdout=out)
    return out.getvalue()


def ends(client: Any) -> bool:
    """Wait until somebody is logged out."""
    return wait_for(lambda: client.get("/who").json()[0] == "") is True


def test_the_command_ends_the_sessions_of_a_user(site: Revocations) -> None:
    client = logged_in()
    assert run("--user", "somebody else")
    assert client.get("/who").json()[0] == project.NAME
    told = run("--user", ada())
    assert client.get("/who").json()[0] == ""
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"
    assert re.fullmatch(rf"Ended at {moment}\.\nThis holds in every process by {moment}\.\n", told)


def test_the_command_ends_one_session_and_all(site: Revocations) -> None:
    client = logged_in()
    session_id = client.session.core.id
    run(f"--session={session_id}")
    assert client.get("/who").json()[0] == ""
    client = logged_in()
    run("--all")
    assert client.get("/who").json()[0] == ""


def test_the_command_uses_whatever_store_there_is() -> None:
    given = options(MemoryStore(), when_stale="accept")
    with override_settings(IRON_SESSION=given):
        told = run("--user", "42")
    assert told.endswith("\nThis holds in every process that can reach the store.\n")


@pytest.mark.parametrize(
    ("settings", "arguments", "message"),
    [
        ({"password": PASSWORD}, ["--all"], 'IRON_SESSION has no "revocations"'),
        ({"password": "short"}, ["--all"], "IRON_SESSION and the SESSION_… settings: "),
        (None, ["--user", ""], "user_id must have 1 to 256 characters"),
        (None, ["--all"], r"<DjangoStore: default> can't be reached \(OperationalError\): "),
        (None, [], "one of the arguments --user --session --all is required"),
        (None, ["--all", "--user", "7"], "not allowed with argument"),
    ],
)
def test_the_command_says_what_is_wrong(
    settings: dict[str, Any] | None, arguments: list[str], message: str
) -> None:
    given = options(DjangoStore()) if settings is None else settings
    with override_settings(IRON_SESSION=given), pytest.raises(CommandError, match=message):
        run(*arguments)


PAGES = "/admin/iron_session/"


def rows(client: Any, page: str, **query: str) -> list[str]:
    """Return the rows of a page of the admin, as text."""
    answer = client.get(f"{PAGES}{page}/", query)
    assert answer.status_code == 200
    table = re.search(r"<tbody>(.*?)</tbody>", answer.text, re.DOTALL)
    found = table[1].split("</tr>")[:-1] if table else []
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in found]


def sign_in(revocations: Revocations, user_id: str, label: str | None) -> str:
    """Note a login of somebody; return the session's id."""
    from iron_session.sessions.identity import new_id

    session_id = new_id()
    now = _time.now_ms()
    revocations.note_login(session_id, user_id, label, now, now + HOUR_MS)
    assert revocations.sessions_of(user_id)
    return session_id


def test_the_admin_shows_what_was_ended_and_changes_nothing(site: Revocations) -> None:
    client = logged_in()
    assert rows(client, "ending") == []
    session_id = sign_in(site, "42", None)
    site.end_session(session_id)
    site.end_user("43")
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "UPDATE iron_session_endings SET kept = %s WHERE kind = 'user'", [b"\0" * 16]
        )
    ended_user, ended_session = rows(client, "ending")
    assert ended_user.startswith("user ")
    assert "AAAAAAAAAAAAAAAAAAAAAA" in ended_user
    assert ended_session.startswith(f"session {session_id} - - ")
    site.end_user("44")
    client = logged_in()
    site.end_all()
    client = logged_in()
    (namespace,) = rows(client, "ledger")
    assert "30 days" in namespace
    for page in ("ending", "ledger", "signedin"):
        assert client.get(f"{PAGES}{page}/add/").status_code == 403
    row = Ending.objects.first()
    answer = client.get(f"{PAGES}ending/{row.pk}/change/")
    assert answer.status_code == 200
    assert 'name="mark"' not in answer.text
    assert client.post(f"{PAGES}ending/{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_the_admin_shows_its_own_namespace_only(site: Revocations) -> None:
    other = Revocations(DjangoStore(), namespace="another")
    other.end_user("43")
    site.end_user("42")
    client = logged_in()
    assert len(rows(client, "ending")) == 1
    assert Ending.objects.count() == 2


def test_the_admin_ends_sessions(site: Revocations) -> None:
    client = logged_in()
    one, other = sign_in(site, "42", "Firefox on a Mac"), sign_in(site, "42", None)
    sign_in(site, "421", "Chrome")
    unnamed, named = rows(client, "signedin", q="42")
    assert (unnamed[:5], named[:19]) == ("42 - ", "42 Firefox on a Mac")
    assert len(rows(client, "signedin")) == 3
    row = SignedIn.objects.get(label="Firefox on a Mac")
    form = {"action": "end", "_selected_action": [row.pk]}
    answer = client.post(f"{PAGES}signedin/", form, follow=True)
    assert "Sessions ended: 1." in answer.text
    assert [each.session_id for each in site.sessions_of("42")] == [other]
    assert rows(client, "ending")[0].startswith(f"session {one} ")
    from django.contrib.admin.models import LogEntry

    assert LogEntry.objects.get().change_message == "Ended the session."


def test_the_admin_tells_what_could_not_be_ended(
    site: Revocations, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = logged_in()
    sign_in(site, "42", None)
    form = {"action": "end", "_selected_action": [SignedIn.objects.get(user_id="42").pk]}

    def fail(*_: object) -> int:
        raise Error("away")

    monkeypatch.setattr(stores.DjangoLedger, "end_sessions", fail)
    answer = client.post(f"{PAGES}signedin/", form, follow=True)
    assert "0 sessions were ended; then: &lt;DjangoStore: default&gt; can" in answer.text


def test_the_admin_ends_nothing_for_who_may_only_look(site: Revocations) -> None:
    from django.contrib.auth.models import Permission, User

    client = logged_in()
    session_id = sign_in(site, "42", None)
    User.objects.update(is_superuser=False)
    assert client.get("/admin/").text.count("iron_session/") == 0
    assert client.get(f"{PAGES}signedin/").status_code == 403
    user = User.objects.get()
    user.user_permissions.add(Permission.objects.get(codename="view_signedin"))
    assert len(rows(client, "signedin")) == 1
    form = {"action": "end", "_selected_action": [SignedIn.objects.get().pk]}
    client.post(f"{PAGES}signedin/", form)
    assert [each.session_id for each in site.sessions_of("42")] == [session_id]
    user.user_permissions.add(Permission.objects.get(codename="end_sessions"))
    client.post(f"{PAGES}signedin/", form)
    assert site.sessions_of("42") == []


@pytest.mark.parametrize("has_store", [False, True])
def test_a_site_without_this_store_has_no_page_in_the_admin(
    tmp_path: Path, has_store: bool
) -> None:
    memory: Any = options(MemoryStore(), when_stale="accept")
    given: Any = memory if has_store else {"password": PASSWORD}
    with project.new_database(tmp_path), override_settings(IRON_SESSION=given):
        client: Any = Client()
        client.force_login(project.create_user("bob", "nobody knows"))
        assert "iron_session/" not in client.get("/admin/").text
        assert rows(client, "signedin") == []
        form = {"action": "end", "_selected_action": ["1"]}
        assert client.post(f"{PAGES}signedin/", form).status_code == 302
    memory.revocations.close(30)


def test_settings_that_can_t_work_take_the_pages_away() -> None:
    request: Any = RequestFactory().get("/")
    page: Any = admin.site.get_model_admin(SignedIn)
    with override_settings(IRON_SESSION={}):
        assert not page.has_module_permission(request)
        assert not page.get_queryset(request).exists()
