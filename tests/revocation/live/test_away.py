"""A site whose Redis is killed: what its visitors see, and what its log says."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.waiting import wait_for
from tests.revocation.live.sites import COMMANDS, WORKERS, Site, Visitor, run_site
from tests.revocation.servers import RedisServer, run_redis

AWAY = re.compile(r"can't be followed \(ConnectionError\)")
BACK = re.compile(r"can be reached again")


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with run_redis("--appendonly", "yes", "--appendfsync", "always") as server:
        yield server


@pytest.mark.parametrize("kind", sorted(COMMANDS))
def test_visitors_whose_store_is_away_keep_their_cookies_and_are_known_again_later(
    kind: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    with run_site(kind, redis_server.url, tmp_path, max_stale=5) as site:
        lines = site.lines()
        visitor, ended = Visitor(site, "visitor"), Visitor(site, "ended")
        for each in (visitor, ended):
            each.log_in()
        visitor.get("/visit")
        visitor.get("/end_user", user=ended.user)
        assert wait_for(lambda: sights(site, ended) == {None})
        redis_server.stop()
        assert wait_for(lambda: sights(site, visitor) == {"unavailable"})
        for line in lines.values():
            assert line.get("/who", ended.cookie)["user"] is None
            for path in ("/who", "/visit"):
                assert line.get(path, visitor.cookie)["unavailable"]
                assert line.set_cookie == []
            assert line.get("/who")["user"] is None  # a visitor without a cookie
        other = site.connect()  # which the server closes after an error
        status, _ = other.ask("/end_user", visitor.cookie, user=visitor.user)
        other.close()
        assert status >= 500
        assert other.set_cookie == []
        redis_server.start()
        assert wait_for(lambda: sights(site, visitor) == {visitor.user})
        assert sights(site, ended) == {None}
        assert visitor.get("/visit")["visits"] == 2
        assert len(AWAY.findall(site.server.output)) == WORKERS
        assert BACK.findall(site.server.output) == []  # an INFO, which this site does not log


def sights(site: Site, visitor: Visitor) -> set[str | None]:
    """Return as whom all workers know a visitor."""
    answers = [line.get("/who", visitor.cookie) for line in site.lines().values()]
    return {"unavailable" if each["unavailable"] else each["user"] for each in answers}
