"""Django's settings, once for all tests in this process, and a database for a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from iron_session import Passwords
from tests.sessions.browser import PASSWORD

HERE: Final = "tests.integrations.django_site"
ENGINE: Final = "iron_session.integrations.django"
SESSION_MIDDLEWARE: Final = f"{ENGINE}.IronSessionMiddleware"

settings.configure(
    SECRET_KEY="nothing of a session is signed or sealed by this",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=f"{HERE}.urls",
    USE_TZ=True,
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        ENGINE,
        f"{HERE}.apps.NotesConfig",
    ],
    MIDDLEWARE=[
        SESSION_MIDDLEWARE,
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    SESSION_ENGINE=ENGINE,
    IRON_SESSION={"password": Passwords(PASSWORD)},
    MESSAGE_STORAGE="django.contrib.messages.storage.session.SessionStorage",
    TEMPLATES=[
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
    ],
    STATIC_URL="/static/",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    # A name that can't be opened: a test that needs a database takes one of its own.
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/nowhere/db"}},
    # Tables are made as the models are now, without the history of each.
    MIGRATION_MODULES=dict.fromkeys(["admin", "auth", "contenttypes", "notes"]),
    LOGGING_CONFIG=None,
)
django.setup()


NAME: Final = "ada"
PASSWORD_OF_ADA: Final = "nobody guesses this"


@contextmanager
def new_database(folder: Path) -> Iterator[None]:
    """Have a database with one user, in a file, so that all threads of a server see it."""
    handler: Any = connections
    database = handler.settings["default"]
    nowhere = database["NAME"]
    database["NAME"] = str(folder / "db.sqlite3")
    try:
        call_command("migrate", run_syncdb=True, verbosity=0)
        create_user(NAME, PASSWORD_OF_ADA)
        yield
    finally:
        connections.close_all()
        database["NAME"] = nowhere


def create_user(name: str, password: str) -> Any:
    """Add somebody who may do everything."""
    from django.contrib.auth.models import User

    return User.objects.create_superuser(name, password=password)
