"""What is logged at most once a second, also in a process that was forked meanwhile."""

import pytest

from iron_session import _log


def test_a_forked_child_has_a_lock_of_its_own(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As seen from within one process."""
    monkeypatch.setattr(_log, "_repeated_lock", _log._repeated_lock)
    with _log._repeated_lock:
        _log._renew_lock()
        _log.log_some(("kind", ""), "WARNING", "it is told")
    assert caplog.messages == ["it is told"]
