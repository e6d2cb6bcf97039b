"""The common app: what its routes do, in words of no framework.

A request's path says in which manner the handler answers:

    /            the framework's usual kind of handler
    /async       a coroutine
    /sync        a plain function
    /own         a response of the handler's own, with `OWN_HEADERS`
    /stream      a streamed response; `late` is done after its first part
    /file        a file
    /redirect    303 to /
    /error       the framework's own 404
    /crash       an exception that nobody handles, after all else
    /handled     an exception of the application's own, which its own handler answers with `HANDLED`
    /ws          a WebSocket; `late` is done after the accept
    /ws-close    … that is closed before it was accepted
    /ws-deny     … that is refused with a response

and, in an app of its own:

    /explicit    `get_iron_session(request, response, options)`

Its query holds a `Call`: what the handler does to the session. One of the errors in `ANSWERED` that
reaches the application is answered with `TOO_LARGE` and the name of its class.
"""

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import parse_qs, quote

import msgspec

from iron_session import IronSessionError, SessionUnavailableError

SessionOf = Callable[[int], Any]
"""How a handler reaches its sessions: by the position of their options."""

SCOPE_KEYS: Final = ("session", "second_session")
OWN_HEADERS: Final = (
    ("set-cookie", "theme=dark; Path=/"),
    ("set-cookie", "lang=de; Path=/"),
    ("vary", "Accept"),
    ("cache-control", "public, max-age=60"),
)
TOO_LARGE: Final = 413
HANDLED: Final = 409
ANSWERED: Final[list[type[IronSessionError]]] = [IronSessionError]
"""The session's errors that an app has handlers for; a test may change it before it makes one."""
FILE: Final = Path(__file__)
STREAM_START: Final = "started "
WAIT: Final = 30.0


def _live_for_a_minute(session: Any, value: Any) -> None:
    session.update(value)
    session.ttl = 60


def _visit(session: Any, name: str) -> Any:
    """Write into typed data, into a nested object of it too."""
    data = session.data
    data.seen = data.seen or FIRST_SEEN
    data.user.name = name
    data.user.tags.add(name)
    return msgspec.to_builtins(data)


def _log_in(session: Any, value: Any) -> None:
    session.login("42")
    session.update(value or {})


def _who(session: Any) -> Any:
    return [session.id, session.user_id]


def _waits(session: Any) -> list[int]:
    """Return how often each ending was waited for."""
    return [len(ending.waited) for ending in session.options.revocations.endings]


def _end_elsewhere(session: Any, value: Any) -> None:
    """Change the session, and end the user's others while the store is away."""
    session.update(value)
    raise SessionUnavailableError("the store can't be reached: the ending was stored or not")


KEPT: list[Any] = []
"""Sessions that outlive their request."""

MISUSES: list[Exception] = []
"""What Python and its JSON encoder have raised over sessions."""


def _misuse(session: Any, how: str) -> Any:
    """Use a session as a dict, as an object with attributes, or as JavaScript's."""
    try:
        if how == "as a dict":
            return json.dumps(session)
        if how == "by an attribute":
            session.user = 1
        if how == "with await":
            _save(session).send(None)
    except (AttributeError, TypeError) as error:
        MISUSES.append(error)
        raise


async def _save(session: Any) -> None:
    await session.save()


def behind(session: Any) -> Any:
    """Return the session behind a proxy, or behind a framework's view of it."""
    session = getattr(session, "_get_current_object", lambda: session)()
    return getattr(session, "core", getattr(session, "_session", session))


ACTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "read": lambda session, _: dict(session),
    "update": lambda session, value: session.update(value),
    "append": lambda session, value: session["cart"]["items"].append(value),
    "write what is there": lambda session, _: session.update(json.loads(json.dumps(dict(session)))),
    "pop b": lambda session, _: session.pop("b"),
    "take b out": lambda session, _: session.pop("b", None),
    "keep": lambda session, _: KEPT.append(behind(session)),
    "start over": lambda session, _: session.update({"fresh": True}),
    "clear": lambda session, _: session.clear(),
    "destroy": lambda session, _: session.destroy(),
    "save": lambda session, _: session.save(),
    "update and save": lambda session, value: (session.update(value), session.save()),
    "save for a minute": lambda session, value: (session.update(value), session.save(ttl=60)),
    "live for a minute": _live_for_a_minute,
    "flash": lambda session, value: session.flash(*value),
    "pop flashes": lambda session, _: session.pop_flashes(),
    "log in": lambda session, value: _log_in(behind(session), value),
    "who": lambda session, _: _who(behind(session)),
    "end elsewhere": _end_elsewhere,
    "keep waits": lambda session, _: KEPT.append(_waits(behind(session))),
    "misuse": _misuse,
    "visit": _visit,
    "visit as bob": lambda session, _: _visit(session, "bob"),
    "read data": lambda session, _: msgspec.to_builtins(session.data),
}


@dataclass
class User:
    """Part of what the typed sessions hold."""

    name: str = ""
    tags: set[str] = field(default_factory=set)


@dataclass
class Guest:
    """What the typed sessions hold."""

    user: User = field(default_factory=User)
    seen: datetime | None = None


FIRST_SEEN: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Meeting:
    """A point that no request passes before all have reached it, so that they surely overlap.

    They may come in threads, in coroutines, and in coroutines of more than one event loop.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._came = 0
        self._lock = threading.Condition()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def _come(self) -> None:
        with self._lock:
            self._came += 1
            if self._is_complete():
                self._lock.notify_all()
                for loop, complete in self._waiting:
                    loop.call_soon_threadsafe(complete.set)

    def _is_complete(self) -> bool:
        return self._came >= self._size

    def wait(self) -> None:
        self._come()
        with self._lock:
            if not self._lock.wait_for(self._is_complete, timeout=WAIT):
                raise TimeoutError(f"only {self._came} of {self._size} requests came")

    async def wait_async(self) -> None:
        complete = asyncio.Event()
        with self._lock:
            self._waiting.append((asyncio.get_running_loop(), complete))
        self._come()
        async with asyncio.timeout(WAIT):
            await complete.wait()


MEETINGS: dict[str, Meeting] = {}


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a request asks its handler to do.

    Attributes:
        action: one of ACTIONS, or None to leave the session alone.
        value: what the action takes.
        on: the positions of the sessions that it is done to.
        meeting: one of MEETINGS, to wait at after the action.
        then: a second action, done after that and before the response.
        late: an action done after the headers have gone.
        late_value: what that takes.
    """

    action: str | None = None
    value: Any = None
    on: list[int] = field(default_factory=lambda: [0])
    meeting: str | None = None
    then: str | None = None
    late: str | None = None
    late_value: Any = None

    @property
    def query(self) -> str:
        return "call=" + quote(json.dumps(asdict(self)))

    @classmethod
    def parse(cls, query: str) -> Self:
        return cls(**json.loads(parse_qs(query)["call"][0]))

    def perform(self, session_of: SessionOf) -> Any:
        """Perform it in a plain function, and return what the handler answers."""
        result = self._do(self.action, self.value, session_of)
        if self.meeting is not None:
            MEETINGS[self.meeting].wait()
        return result if self.then is None else self._do(self.then, None, session_of)

    async def perform_async(self, session_of: SessionOf) -> Any:
        """Perform it in a coroutine, and return what the handler answers."""
        result = self._do(self.action, self.value, session_of)
        if self.meeting is not None:
            await MEETINGS[self.meeting].wait_async()
        return result if self.then is None else self._do(self.then, None, session_of)

    def perform_late(self, session_of: SessionOf) -> str:
        """Perform what comes after the headers were sent, and return what became of it."""
        try:
            self._do(self.late, self.late_value, session_of)
        except IronSessionError as error:
            return type(error).__name__
        return "done"

    def _do(self, action: str | None, value: Any, session_of: SessionOf) -> Any:
        if action is None:
            return None
        results = [ACTIONS[action](session_of(position), value) for position in self.on]
        return results[0] if len(results) == 1 else results


class CrashError(Exception):
    """What /crash raises."""


class HandledError(Exception):
    """What /handled raises."""
