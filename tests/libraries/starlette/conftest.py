"""What these libraries warn about among themselves, and leave open, is not ours to mend."""

import warnings

import pytest


def pytest_configure(config: pytest.Config) -> None:
    for kind in ("DeprecationWarning", "PendingDeprecationWarning"):
        config.addinivalue_line("filterwarnings", f"ignore::{kind}")
        config.addinivalue_line("filterwarnings", f"error::{kind}:iron_session")
    config.addinivalue_line("filterwarnings", "ignore::ResourceWarning")
    warnings.simplefilter("ignore", ResourceWarning)  # for what is found when all tests are over
