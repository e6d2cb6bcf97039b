"""Endings in Redis or Valkey, for processes on many machines: redis-py, Sentinel's clients too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from iron_session._log import warn_once
from iron_session.errors import ConfigurationError
from iron_session.revocation.directory import Row, Seen
from iron_session.revocation.ledger import ChangesLost, SessionEndedError
from iron_session.revocation.records import (
    BEFORE_ALL,
    Beat,
    Changes,
    Entry,
    KeptSession,
    Kind,
    Meta,
    Snapshot,
)
from iron_session.revocation.stores.redis_script import ENDED, FIELDS, SCRIPT
from iron_session.revocation.stores.tables import KEPT_HAS_ENDED, new_generation

if TYPE_CHECKING:
    import redis

__all__ = ["RedisStore"]

_TIMEOUT_S: Final = 5.0
_AT_ONCE: Final = 1000
_SCANNED_AT_ONCE: Final = 5000
_KEYS: Final = (
    "meta",
    "users",
    "kept",
    "sessions",
    "changes",
    "rows",
    "rows-by-user",
    "rows-by-end",
)
_MISSING: Final = (
    'RedisStore needs redis-py: install it with `pip install "iron-session[redis]"`, or '
    "`pip install redis`"
)


class RedisStore:
    """Endings in Redis or Valkey.

    Its memory must not be given to others: with a `maxmemory-policy` of `allkeys-…`, Redis forgets
    endings when it is full, so this store refuses to work. Under Sentinel, set
    `min-replicas-to-write 1`, or endings may be lost when a replica takes over.

    Args:
        server: its URL, as `"redis://:password@host:6379/0"`, or a client, `redis.Redis`, of your
            own; one of Sentinel's `master_for` too. A client must not decode responses.
        prefix: what the names of all keys begin with.

    Raises:
        ImportError: redis-py is not installed.
        ConfigurationError: the URL or the client can't work.
    """

    __slots__ = ("_client", "_is_own", "_prefix")

    def __init__(self, server: str | redis.Redis, *, prefix: str = "iron-session") -> None:
        try:
            import redis  # noqa: PLC0415 - it may not be installed
        except ImportError:
            raise ImportError(_MISSING) from None
        if not isinstance(prefix, str) or not prefix or "{" in prefix or "}" in prefix:
            raise ConfigurationError('prefix must be text without { and }, as "iron-session"')
        self._prefix = prefix
        self._is_own = isinstance(server, str)
        self._client: Any
        if isinstance(server, str):
            self._client = _client_of(server)
        elif isinstance(server, redis.Redis):
            self._client = server
            if self._settings.get("decode_responses"):
                raise ConfigurationError(
                    "the client decodes responses, and what is kept is bytes: give one without "
                    "decode_responses"
                )
        else:
            raise ConfigurationError(
                "the first argument of RedisStore must be a URL, or a redis.Redis, which is not "
                f"asynchronous; not {type(server).__name__}"
            )

    @property
    def _settings(self) -> Mapping[str, Any]:
        return cast(Mapping[str, Any], self._client.connection_pool.connection_kwargs)

    def __repr__(self) -> str:
        pool, settings = self._client.connection_pool, self._settings
        service = getattr(pool, "service_name", None)
        host = f"{settings.get('host', 'localhost')}:{settings.get('port', 6379)}"
        place = service or settings.get("path") or host
        return f"<RedisStore: {place}/{settings.get('db') or 0}>"

    def ledger(self, space: str) -> _RedisLedger:
        """Return the ledger of a namespace."""
        timeout = self._settings.get("socket_timeout")
        return _RedisLedger(self._client, f"{{{self._prefix}:{space}}}", timeout, self._is_own)


def _client_of(url: str) -> redis.Redis:
    import redis  # noqa: PLC0415 - an extra: only this store needs it
    from redis.backoff import NoBackoff  # noqa: PLC0415 - an extra: only this store needs it
    from redis.retry import Retry  # noqa: PLC0415 - an extra: only this store needs it

    try:
        return redis.Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            socket_keepalive=True,
            # Once: a connection that has lain idle may be closed. The follower does the rest.
            retry=Retry(NoBackoff(), 1),
        )
    except (ValueError, TypeError):
        # Neither the URL nor the error: both may hold the password.
        scheme = url.partition(":")[0] if "://" in url else ""
        raise ConfigurationError(
            f'the URL of RedisStore, which begins with "{scheme[:16]}", can\'t be read: it must be '
            'as "redis://host:6379/0", "rediss://…" or "unix://…"'
        ) from None


class _RedisLedger:
    """The endings of one namespace, in keys with one hash tag."""

    def __init__(self, client: Any, tag: str, timeout: float | None, is_own: bool) -> None:
        self._client = client
        self._is_own = is_own
        self._script = client.register_script(SCRIPT)
        self._block_s = 0.25 if timeout is None else min(0.25, timeout / 2)
        self.keys: list[str] = [f"{tag}:{name}" for name in _KEYS]

    def end_all(self, estimate: int) -> int:
        """End all sessions; return the mark."""
        return self.run("all", estimate)[0].all

    def end_user(self, key: bytes, kept: KeptSession | None, estimate: int) -> int:
        """End a user's sessions but the kept one; return the mark.

        Raises:
            SessionEndedError: the kept session has ended; nothing was written.
        """
        kept_key, since = (b"", 0) if kept is None else kept
        *_, result = self.run("user", estimate, key, kept_key, since)
        if result == ENDED:
            raise SessionEndedError(KEPT_HAS_ENDED)
        return int(result)

    def end_sessions(self, lives: Mapping[bytes, int]) -> int:
        """End sessions, by id, with how long their seals may open, in ms; return the clock."""
        flat = [value for pair in lives.items() for value in pair]
        return self.run("sessions", *flat)[0].clock

    def restore(self, known: Meta, entries: Sequence[Entry]) -> None:
        """Write what a process knows, where the store knows less."""
        flat = [
            value
            for entry in entries
            for value in (entry.kind, entry.key, entry.mark, entry.kept or b"", entry.until)
        ]
        self.run("restore", known.clock, known.all, known.horizon, known.longest, *flat)

    def note_signed_in(self, rows: Sequence[Row], seen: Mapping[bytes, Seen]) -> None:
        """Write rows; and note when sessions were seen, of those that have a row."""
        if rows:
            self.run("rows", *(value for row in rows for value in (row.key, _packed(row))))
        if seen:
            flat = [value for key, each in seen.items() for value in (key, _times(each))]
            self.run("seen", *flat)

    def rows_of(self, user: bytes) -> list[Row]:
        """Return the rows of a user, in any order."""
        *_, found = self.run("rows_of", user)
        return [_unpacked(key, row) for key, row in zip(found[::2], found[1::2], strict=True)]

    def run(
        self, step: str, *arguments: str | int | bytes, client: Any = None
    ) -> tuple[Meta, int, Any]:
        """Run the script; return what the store knows then, its server's time, and the result."""
        given = [step, new_generation(), *arguments]
        reply = self._script(keys=self.keys, args=given, client=client)
        return _meta(reply), int(reply[6]), reply[7]

    def feed(self) -> _RedisFeed:
        """Return a new feed.

        Raises:
            ConfigurationError: Redis may forget endings to make room for other things.
        """
        if self._is_own:
            # What was the primary may be a replica by now, and the name lead elsewhere.
            self._client.connection_pool.disconnect(inuse_connections=False)
        self._check_policy()
        return _RedisFeed(self, self._client.client(), self._block_s)

    def _check_policy(self) -> None:
        from redis.exceptions import ResponseError  # noqa: PLC0415 - an extra: only this store needs it

        try:
            policy = self._client.info("memory").get("maxmemory_policy")
        except ResponseError:  # the user may not ask
            policy = None
        if policy is None or policy.startswith("volatile-"):
            # Nothing here has a time to live; but what has one makes room only for a while.
            warn_once(
                ("revocations", "policy"),
                "Redis' maxmemory-policy is %s: endings are safe with noeviction only",
                policy or "unknown",
            )
        elif policy.startswith("allkeys-"):
            raise ConfigurationError(
                f"Redis' maxmemory-policy is {policy}: it forgets endings when it is full. Set "
                "`maxmemory-policy noeviction`, or use a Redis of its own"
            )


class _RedisFeed:
    """A connection of its own, which waits at the stream.

    redis-py connects again by itself where a connection breaks. It may be to another server then,
    or to one that has lost something: a scan of its sets would leave some out, and the numbers of
    changes could fit by chance.
    """

    def __init__(self, ledger: _RedisLedger, client: Any, block_s: float) -> None:
        self._ledger = ledger
        self._client = client
        self._meta, self._users, self._kept, self._sessions, self._stream = ledger.keys[:5]
        self._block_s = block_s
        self._last = b"0-0"
        self._known = BEFORE_ALL
        self._is_closed = False
        client.connection.register_connect_callback(self._refuse)

    def _refuse(self, connection: object) -> None:
        if not self._is_closed:  # the pool gives the connection to others then
            raise ChangesLost

    def close(self) -> None:
        """Release the connection."""
        self._is_closed = True
        self._client.close()

    def beat(self, estimate: int, longest: int) -> Beat:
        """Write a heartbeat, and once an hour forget what may be forgotten."""
        meta, server, _ = self._ledger.run("beat", estimate, longest, client=self._client)
        return Beat(meta, server)

    def snapshot(self) -> Snapshot:
        """Return all that the ledger has; `changes` goes on from there.

        The end of the stream is read first, so what changes while the sets are read comes again.
        """
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.hmget(self._meta, FIELDS)
            pipeline.xrevrange(self._stream, count=1)
            row, newest = pipeline.execute()
        meta = BEFORE_ALL if row[0] is None else _meta(row)
        self._last = newest[0][0] if newest else b"0-0"
        self._known = BEFORE_ALL._replace(generation=meta.generation, counter=meta.counter)
        return Snapshot(meta, self._entries(meta))

    def _entries(self, meta: Meta) -> Iterator[Entry]:
        # By `…SCAN`, which gives whatever is there all the time, and lets others in between.
        cursor = None
        while cursor != 0:
            cursor, page = self._client.zscan(self._users, cursor or 0, count=_SCANNED_AT_ONCE)
            yield from self._user_entries(page)
        for key, until in self._client.zscan_iter(self._sessions, count=_SCANNED_AT_ONCE):
            yield Entry("session", key, until=int(until))

    def _user_entries(self, page: Sequence[tuple[bytes, float]]) -> Iterator[Entry]:
        """Yield users' endings with the sessions that they keep, which are read after the marks.

        A session that is newer than its mark does no harm: the newer mark comes as a change. A mark
        without the session that it keeps would end that one, here and then in the store.
        """
        if page:
            kept = self._client.hmget(self._kept, [key for key, _ in page])
            for (key, mark), each in zip(page, kept, strict=True):
                yield Entry("user", key, int(mark), each)

    def changes(self, seconds: float) -> Changes | None:
        """Return what was written since the last call or the snapshot; None for nothing.

        Raises:
            ChangesLost: the next change is not the one after the last.
        """
        block = round(min(seconds, self._block_s) * 1000) or None
        reply = self._client.xread({self._stream: self._last}, count=_AT_ONCE, block=block)
        entries = [self._entry(*message) for message in _messages(reply)]
        return Changes(self._known, entries) if entries else None

    def _entry(self, place: bytes, fields: Mapping[bytes, bytes]) -> Entry:
        counter = int(fields[b"counter"])
        if counter != self._known.counter + 1:
            raise ChangesLost
        self._last, self._known = place, self._known._replace(counter=counter)
        kind = cast(Kind, fields[b"kind"].decode())
        kept = fields[b"kept"] or None
        return Entry(kind, fields[b"key"], int(fields[b"mark"]), kept, int(fields[b"until"]))


def _messages(reply: Any) -> Iterable[tuple[bytes, Mapping[bytes, bytes]]]:
    """Return the messages of one stream: in two forms, by the version of the protocol."""
    if not reply:
        return ()
    messages = next(iter(reply.values())) if isinstance(reply, dict) else reply[0][1]
    # In the third version they are a list in a list.
    return messages[0] if messages and isinstance(messages[0], list) else messages


def _meta(row: Sequence[Any]) -> Meta:
    clock, newest_all, horizon, longest, generation, counter = row[:6]
    return Meta(
        int(clock), int(newest_all), int(horizon), int(longest), generation.decode(), int(counter)
    )


def _times(seen: Seen) -> bytes:
    return b"%016d%016d" % seen


def _packed(row: Row) -> bytes:
    """Return a row as the script reads it: the fingerprint, two times, and the rest."""
    rest = json.dumps((row.user_id, row.label, row.login, row.since))
    return row.user + _times(Seen(row.seen, row.expires)) + rest.encode()


def _unpacked(key: bytes, row: bytes) -> Row:
    user_id, label, login, since = json.loads(row[48:])
    return Row(key, row[:16], user_id, label, login, int(row[16:32]), int(row[32:48]), since)
