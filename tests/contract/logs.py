"""What the package says in the log."""

import logging

import pytest


def lost_changes(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Give what the log says of changes that nobody will get; no other error is expected."""
    return errors_in(caplog)


def errors_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Give all of the package's errors in the log."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "iron_session" and record.levelno == logging.ERROR
    ]
