"""Calls of a store from an event loop: while it hangs, they take nothing from the application."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from iron_session import SessionUnavailableError
from iron_session.revocation import MemoryStore, Revocations
from iron_session.revocation import calls as module
from iron_session.revocation.calls import Calls, StoreHangsError
from tests.helpers.waiting import wait_for
from tests.revocation.conftest import Workers


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """What a call of a store that hangs waits for."""
    made = threading.Event()
    yield made
    made.set()


def threads() -> int:
    return [each.name for each in threading.enumerate()].count("iron-session-call")


@pytest.fixture
def revocations(workers: Workers, hang: threading.Event) -> Revocations:
    made = workers(MemoryStore(), directory=True)
    for name in ("end_user", "end_sessions", "end_all", "rows_of"):
        setattr(made._ledger, name, lambda *_: hang.wait(30))
    return made


def test_a_store_that_hangs_takes_no_thread_of_the_application(
    revocations: Revocations, hang: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HANGS_MS", 200)

    async def main() -> None:
        clicks = [asyncio.ensure_future(revocations.aend_user("7")) for _ in range(40)]
        await asyncio.sleep(0.01)
        async with asyncio.timeout(10):
            await asyncio.to_thread(bool)
        assert threads() == 4
        await asyncio.sleep(0.3)
        start = time.monotonic()
        for call in (
            revocations.aend_all(),
            revocations.aend_session("a" * 22),
            revocations.aend_user("7"),
        ):
            with pytest.raises(SessionUnavailableError, match="does not answer: the ending was"):
                await call
        with pytest.raises(SessionUnavailableError, match="does not answer: nothing was read"):
            await revocations.asessions_of("7")
        assert time.monotonic() - start < 5
        for each in clicks:
            each.cancel()

    asyncio.run(main())
    hang.set()
    assert wait_for(lambda: threads() == 0)


def test_a_call_has_a_deadline(revocations: Revocations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST_S", 0.05)
    with pytest.raises(SessionUnavailableError, match="<MemoryStore> does not answer"):
        asyncio.run(revocations.aend_user("7"))


def test_many_calls_of_a_store_that_works_are_done() -> None:
    """In the context of whoever calls."""
    variable: ContextVar[int] = ContextVar("variable")
    calls = Calls()

    async def call(number: int) -> int:
        variable.set(number)
        return await calls.run(slow)

    def slow() -> int:
        time.sleep(0.001)
        return variable.get()

    async def main() -> list[int]:
        return await asyncio.gather(*map(call, range(100)))

    assert asyncio.run(main()) == list(range(100))
    assert wait_for(lambda: threads() == 0)


def test_what_a_call_raises_is_raised() -> None:
    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await Calls().run(lambda: 1 / 0)

    asyncio.run(main())


def test_without_another_thread_a_call_waits_for_those_that_run(
    hang: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot_start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> str:
        calls = Calls()
        first = asyncio.ensure_future(calls.run(lambda: hang.wait(30)))
        await asyncio.sleep(0.01)
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", cannot_start)
            second = asyncio.ensure_future(calls.run(lambda: "done"))
            await asyncio.sleep(0.01)
        hang.set()
        await first
        return await second

    assert asyncio.run(main()) == "done"
    assert wait_for(lambda: threads() == 0)


def test_what_nobody_waits_for_any_more_is_not_begun(hang: threading.Event) -> None:
    calls, begun = Calls(), []

    async def main() -> None:
        first = [asyncio.ensure_future(calls.run(lambda: hang.wait(30))) for _ in range(4)]
        await asyncio.sleep(0.01)
        last = asyncio.ensure_future(calls.run(lambda: begun.append(1)))
        await asyncio.sleep(0.01)
        last.cancel()
        await asyncio.sleep(0.01)
        hang.set()
        await asyncio.gather(*first)

    asyncio.run(main())
    assert wait_for(lambda: threads() == 0)
    assert begun == []


def test_where_no_thread_can_be_started_the_store_is_not_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", fail)
            with pytest.raises(StoreHangsError):
                await calls.run(bool)
        assert await calls.run(bool) is False

    calls = Calls()
    asyncio.run(main())


def test_a_forked_child_has_threads_of_its_own(hang: threading.Event) -> None:
    """As seen from within one process."""
    calls = Calls()

    async def main() -> None:
        busy = [asyncio.ensure_future(calls.run(lambda: hang.wait(30))) for _ in range(6)]
        await asyncio.sleep(0.01)
        calls.reset()
        assert await calls.run(bool) is False
        for each in busy:
            each.cancel()

    asyncio.run(main())
