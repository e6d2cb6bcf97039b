"""The answer to a request whose session can't be told: where no framework has one of its own."""

from __future__ import annotations

from typing import Final

__all__ = ["HEADERS", "STATUS", "TEXT"]

STATUS: Final = 503
TEXT: Final = "Service Unavailable"
HEADERS: Final = (
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Content-Length", str(len(TEXT))),
    ("Cache-Control", "no-store"),
)
