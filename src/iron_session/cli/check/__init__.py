"""`iron-session check`: what is wrong or risky, before a deployment."""

from iron_session.cli.check.command import add_check

__all__ = ["add_check"]
