"""What both sites share: the options, the store of which the environment tells, and answers."""

import os
from typing import Any

from iron_session import Session, SessionOptions
from iron_session.revocation import Revocations, open_store

PASSWORD = "the password of sites with four workers each"
COOKIE = "live"

revocations = Revocations(
    open_store(os.environ["LIVE_STORE"]),
    namespace="live",
    max_stale=float(os.environ["LIVE_STALE"]),
)
options: SessionOptions[Any] = SessionOptions(
    password=PASSWORD,
    cookie_name=COOKIE,
    ttl=3600,
    max_lifetime=24 * 3600,
    revocations=revocations,
    cookie_options={"secure": False},
)


def answer(session: Session[Any]) -> dict[str, Any]:
    """Return who is logged in, by which of the processes, and how often they were there."""
    return {
        "pid": os.getpid(),
        "user": session.user_id,
        "id": session.id,
        "visits": session.get("visits", 0),
        "unavailable": session.unavailable,
    }


def count(session: Session[Any]) -> None:
    if session.user_id is not None:
        session["visits"] = session.get("visits", 0) + 1
