"""Where the demo's password comes from. Your application needs only `Passwords.from_env()`."""

import os
import re
from collections.abc import Mapping

from iron_session import Passwords, generate_password

_NAMES = re.compile(r"SESSION_PASSWORD(_FILE|_[0-9]+)?")


def find_passwords(environ: Mapping[str, str] = os.environ) -> tuple[Passwords, bool]:
    """Return the passwords, or a new one for this run, and whether one was made.

    One is made only if nothing is set: a password that is set but can't be used is an error.
    """
    if any(value and _NAMES.fullmatch(name) for name, value in environ.items()):
        return Passwords.from_env("SESSION_PASSWORD", environ), False
    return Passwords(generate_password()), True
