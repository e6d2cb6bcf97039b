"""What bounds the time that PostgreSQL is waited for, by whichever library."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["BOUND", "CONNECT_S", "LIBPQ_TIMEOUTS", "UNBOUND"]

CONNECT_S: Final = 10

LIBPQ_TIMEOUTS: Final[dict[str, Any]] = {
    "connect_timeout": CONNECT_S,
    "tcp_user_timeout": CONNECT_S * 1000,
    "keepalives_idle": CONNECT_S,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""How libpq notices a server that has gone away."""

BOUND: Final = (
    "SELECT set_config('lock_timeout', '5000', true), set_config('statement_timeout', '5000', true)"
)
"""The first statement of a transaction: whoever holds a lock for long holds up nobody for long."""

UNBOUND: Final = "SELECT set_config('statement_timeout', '60000', true)"
"""Before what may take long: forgetting, after a long time in which nobody did."""
