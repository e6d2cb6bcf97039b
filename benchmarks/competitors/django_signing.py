"""Django's signing, which its signed-cookie sessions use."""

from typing import Any

import django
from django.conf import settings
from django.core import signing

from benchmarks.sample import PASSWORD, TTL

NAME = "Django signing (signs only)"
VERSION: str = django.__version__

settings.configure(SECRET_KEY=PASSWORD)


def seal(data: dict[str, Any]) -> str:
    text: str = signing.dumps(data, salt="session")
    return text


def unseal(text: str) -> Any:
    return signing.loads(text, salt="session", max_age=TTL)
