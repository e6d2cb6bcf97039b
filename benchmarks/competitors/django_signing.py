"""What Django's engine signed_cookies does to a session: JSON, compressed, and a signature."""

from typing import Any

import django
from django.conf import settings
from django.contrib.sessions.serializers import JSONSerializer
from django.core import signing

from benchmarks.sample import PASSWORD, TTL

NAME = "Django signed_cookies (signs only)"
VERSION: str = django.__version__

SALT = "django.contrib.sessions.backends.signed_cookies"

settings.configure(SECRET_KEY=PASSWORD)


def seal(data: dict[str, Any]) -> str:
    text: str = signing.dumps(data, salt=SALT, serializer=JSONSerializer, compress=True)
    return text


def unseal(text: str) -> Any:
    return signing.loads(text, salt=SALT, serializer=JSONSerializer, max_age=TTL)
