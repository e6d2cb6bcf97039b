"""What the tests of Django's libraries share: a database, a user, and browsers."""

import logging
import os
import warnings
from collections.abc import Iterator
from typing import Any

import django
import pytest

NAME, PASSWORD = "ada", "nobody guesses this"


def set_up(settings_module: str) -> None:
    """Load Django with these settings: once in a process, before anything imports a model."""
    os.environ["DJANGO_SETTINGS_MODULE"] = settings_module
    with warnings.catch_warnings():
        # What others do with others while they are loaded.
        warnings.simplefilter("ignore", DeprecationWarning)
        django.setup()


@pytest.fixture(scope="session", autouse=True)
def _database() -> Iterator[None]:
    """Make a database in memory, and keep mails there too."""
    from django.test.utils import (
        setup_databases,
        setup_test_environment,
        teardown_databases,
        teardown_test_environment,
    )

    setup_test_environment(debug=False)
    databases = setup_databases(verbosity=0, interactive=False)
    yield
    teardown_databases(databases, verbosity=0)
    teardown_test_environment()


@pytest.fixture(autouse=True)
def _clean(_database: None) -> Iterator[None]:
    """Take back what a test has written, and forget what was cached or mailed."""
    from django.core import mail
    from django.core.cache import cache
    from django.db import transaction

    cache.clear()
    mail.outbox.clear()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Check that nothing that a library does makes the sessions warn."""
    yield
    records = [record for record in caplog.get_records("call") if record.name == "iron_session"]
    assert [record for record in records if record.levelno >= logging.WARNING] == []


@pytest.fixture
def ada(_clean: None) -> Any:
    """Create somebody with a password and an address."""
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_user(NAME, "ada@example.com", PASSWORD)


@pytest.fixture(params=[False, True], ids=["one cookie", "chunks"])
def browser(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Open a browser; with `chunk`, its session is larger than one cookie from the start."""
    from django.conf import settings
    from django.test import override_settings

    from tests.libraries._django.browser import Browser

    options = {**settings.IRON_SESSION, "chunk": request.param}
    with override_settings(IRON_SESSION=options):
        browser = Browser()
        if request.param:
            browser.fill_session()
        yield browser


@pytest.fixture(scope="session")
def provider() -> Iterator[str]:
    """Run a provider of logins on this machine, and return its address."""
    from tests.libraries._django.provider import running_provider

    with running_provider() as url:
        yield url
