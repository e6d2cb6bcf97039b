"""What the package says in the log."""

import logging

import pytest


def lost_changes(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the log says of changes that nobody will get; it must have no other error.

    Except the error of a first look that came too late: its changes are lost, which is logged too.
    """
    return [message for message in errors_in(caplog) if "was first read" not in message]


def errors_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return all of the package's errors in the log."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "iron_session" and record.levelno == logging.ERROR
    ]
