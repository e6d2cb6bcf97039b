"""The command `iron-session`."""

from iron_session.cli.main import main

__all__ = ["main"]
