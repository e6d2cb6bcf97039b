"""A site with one user in its database; what these libraries warn about is theirs to mend."""

import os
from collections.abc import Iterator

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Let the libraries' own warnings pass."""
    for kind in ("DeprecationWarning", "PendingDeprecationWarning"):
        config.addinivalue_line("filterwarnings", f"ignore::{kind}")
        config.addinivalue_line("filterwarnings", f"error::{kind}:iron_session")


@pytest.fixture(scope="session", autouse=True)
def _site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Set Django up, and make the database: in a file, which servers in other processes see too."""
    os.environ["SITE_DATABASE"] = str(tmp_path_factory.mktemp("site") / "db.sqlite3")
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.libraries.channels.settings"
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connections

    from tests.libraries.channels.names import ADA, PASSWORD_OF_ADA

    call_command("migrate", run_syncdb=True, verbosity=0)
    User.objects.create_user(ADA, password=PASSWORD_OF_ADA)
    yield
    connections.close_all()
