"""What WSGI servers make of the `Cookie` header, and what is read of it.

A comma never begins a cookie: only "; " does (RFC 6265, 4.2.1), and by that a server joins what
HTTP/2 has split (RFC 9113, 8.2.3). Whoever sets another cookie, such as a page of a sibling domain,
may write commas into it, and may not replace or hide our session by that.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.door import Visit
from tests.contract.wire_driver import ServedApp
from tests.examples.servers import Server, free_ports
from tests.helpers.waiting import WAIT
from tests.sessions.browser import FOREIGN, saved

ROOT = Path(__file__).parents[2]
APP = "tests.integrations.cookie_fields_app:application"
NAME = "__Host-app"
MINE = saved({"user": "me"}, cookie_name=NAME)
OTHERS = saved({"user": "another"}, cookie_name=NAME)
CHUNKS = saved({"large": "x" * 3500, "user": "me"}, cookie_name=NAME, chunk=True)


@dataclass(frozen=True)
class Kind:
    """A server's command, and what it is known to do.

    Attributes:
        joint: what it puts between several `Cookie` fields of HTTP/1.1. No browser sends several
            (RFC 6265, 5.4).
        http_2_joint: what it puts between those of HTTP/2, into which browsers do split their
            cookies; None where the server speaks no HTTP/2.
    """

    command: str
    joint: str
    http_2_joint: str | None


KINDS = {
    "gunicorn": Kind(
        "gunicorn --threads 2 --http-protocols h1,h2 --http2-cleartext both "
        f"--bind 127.0.0.1:PORT {APP}",
        joint=",",
        http_2_joint="; ",
    ),
    "waitress": Kind(f"waitress-serve --listen=127.0.0.1:PORT {APP}", ", ", None),
    "granian": Kind(f"granian --interface wsgi --host 127.0.0.1 --port PORT {APP}", ";", ";"),
    "hypercorn": Kind(f"hypercorn --bind 127.0.0.1:PORT wsgi:{APP}", ",", "; "),
}


@dataclass(frozen=True)
class Site:
    """The application on a server, behind one of its integrations."""

    kind: Kind
    port: int
    door: str

    def get(self, *fields: str) -> dict[str, Any]:
        """Send a request with these `Cookie` fields over HTTP/1.1."""
        visit = Visit(target=f"/{self.door}", headers=[("Cookie", field) for field in fields])
        answer = ServedApp(f"127.0.0.1:{self.port}").visit(visit)
        assert answer.status == 200
        seen: dict[str, Any] = answer.json
        return seen

    def get_by_http_2(self, *fields: str) -> dict[str, Any]:
        """Send a request with these `Cookie` fields over HTTP/2."""
        headers = [("Cookie", field) for field in fields]
        with httpx.Client(timeout=WAIT, http1=False, http2=True, trust_env=False) as client:
            answer = client.get(f"http://127.0.0.1:{self.port}/{self.door}", headers=headers)
        assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
        seen: dict[str, Any] = answer.json()
        return seen


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """Start every server, and give their ports."""
    home = tmp_path_factory.mktemp("home")  # gunicorn keeps a control socket at home
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {"PYTHONPATH": os.pathsep.join(paths), "HOME": str(home), "TMPDIR": str(home)}
    numbers = dict(zip(KINDS, free_ports(len(KINDS)), strict=True))
    with ExitStack() as stack:
        servers = []
        for name, kind in KINDS.items():
            port = numbers[name]
            server = Server(kind.command.replace("PORT", str(port)), port, environment)
            stack.callback(server.stop)
            servers.append(server)
        for server in servers:
            server.wait_for_start()
        yield numbers
        for server in servers:  # all at once, so that `stop` need not wait for each
            server.terminate()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Take one server after the other."""
    return str(request.param)


@pytest.fixture(params=["wsgi", "flask", "django"])
def site(request: pytest.FixtureRequest, kind: str, ports: dict[str, int]) -> Site:
    """Take one integration after the other."""
    return Site(KINDS[kind], ports[kind], request.param)


over_http_2 = pytest.mark.parametrize(
    "kind", [name for name, kind in KINDS.items() if kind.http_2_joint], indirect=True
)


@pytest.mark.parametrize("comma", [",", ", "])
def test_what_follows_a_comma_is_no_cookie(site: Site, comma: str) -> None:
    """A session of an attacker's own, in the value of another cookie, takes nobody's place."""
    field = f"x=1{comma}{OTHERS}; {MINE}"
    assert site.get(field) == {"HTTP_COOKIE": field, "user": "me"}


@pytest.mark.parametrize("comma", [",", ", "])
def test_a_seal_behind_a_comma_alone_is_not_read(site: Site, comma: str) -> None:
    field = f"x=1{comma}{OTHERS}"
    assert site.get(field) == {"HTTP_COOKIE": field, "user": None}


def test_seals_behind_commas_do_not_hide_the_session(site: Site) -> None:
    """Though they are as many as are tried, and look alike."""
    foreign = saved({"user": "another"}, cookie_name=NAME, password=FOREIGN)
    field = "x=1" + f",{foreign}" * 16 + f"; {MINE}"
    assert site.get(field) == {"HTTP_COOKIE": field, "user": "me"}


def test_chunks_behind_commas_are_not_read(site: Site) -> None:
    field = f"x=1,{OTHERS.replace('=', '.0=', 1)}; {CHUNKS}"
    assert site.get(field)["user"] == "me"


@pytest.mark.parametrize("fields", [("a=1", MINE), ("a=1", MINE, "b=2")])
def test_several_fields_of_http_1_arrive_as_one(site: Site, fields: tuple[str, ...]) -> None:
    """Where a server joins them by a comma, which no browser's request needs, nobody is seen."""
    joint = site.kind.joint
    seen = site.get(*fields)
    assert seen == {"HTTP_COOKIE": joint.join(fields), "user": "me" if ";" in joint else None}


@over_http_2
@pytest.mark.parametrize("fields", [("a=1", MINE), (MINE, "a=1"), ("a=1", *CHUNKS.split("; "))])
def test_the_cookies_that_http_2_has_split_are_read(site: Site, fields: tuple[str, ...]) -> None:
    """As every browser splits them."""
    joined = str(site.kind.http_2_joint).join(fields)
    assert site.get_by_http_2(*fields) == {"HTTP_COOKIE": joined, "user": "me"}


@over_http_2
def test_commas_in_what_http_2_has_split_begin_no_cookie(site: Site) -> None:
    assert site.get_by_http_2(f"x=1,{OTHERS}", MINE)["user"] == "me"
