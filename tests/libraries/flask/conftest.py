"""What these libraries are warned of is theirs to mend; our own warnings are errors."""

import pytest

THEIRS = (
    "ignore:The ``declarative_base:sqlalchemy.exc.MovedIn20Warning",  # social-auth's tables
    "ignore:datetime.datetime.utcnow:DeprecationWarning",  # Flask-Login's remember cookie
)


def pytest_configure(config: pytest.Config) -> None:
    """Let the libraries' own warnings pass."""
    for line in THEIRS:
        config.addinivalue_line("filterwarnings", line)
