"""The example that Prometheus watches: over real HTTP, what its counters say of each cookie."""

import json
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from iron_session import seal_data
from tests.contract.door import Answer
from tests.examples.servers import WATCHING, Browser, Server, running
from tests.helpers.clock import Clock

NAME = "myapp"
OLD = "the-old-password-of-the-examples'-tests-protects-nothing"
NEW = "the-new-password-of-the-examples'-tests-protects-nothing"

BY_NEW = ("session_read_total", "outdated=False", "password_id=2")
BY_OLD = ("session_read_total", "outdated=True", "password_id=1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run the example in the middle of a rotation."""
    folder = tmp_path_factory.mktemp("watching")
    with running([WATCHING], json.dumps({"1": OLD, "2": NEW}), folder) as servers:
        servers[WATCHING].wait_for_start()
        yield servers[WATCHING]


@pytest.fixture
def browser(server: Server) -> Browser:
    """Come to the site for the first time."""
    return Browser(server.port)


Counts = dict[tuple[str, ...], float]


def parse(answer: Answer) -> Counts:
    """Read the page as Prometheus does: by name and labels."""
    families = text_string_to_metric_families(answer.body.decode())
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): (
            sample.value
        )
        for family in families
        for sample in family.samples
        if sample.name.startswith("session_") and sample.name.endswith("_total")
    }


def unreadable(reason: str) -> tuple[str, ...]:
    return "session_unreadable_total", f"reason={reason}"


def counted(server: Server, cookie: str | None) -> Counts:
    """Send a cookie, and give by how much the counters have gone up."""
    browser = Browser(server.port)
    before = parse(browser.get("/metrics"))
    if cookie is not None:
        browser.cookies[NAME] = cookie
    assert browser.get("/").status == 200
    after = parse(Browser(server.port).get("/metrics"))
    steps = {key: value - before.get(key, 0) for key, value in after.items()}
    return {key: step for key, step in steps.items() if step}


def test_a_visit_without_a_cookie_is_not_counted(server: Server) -> None:
    assert counted(server, None) == {}


def test_a_good_cookie_is_counted_by_its_password(server: Server) -> None:
    assert counted(server, seal_data({"visits": 1}, password={2: NEW})) == {BY_NEW: 1}


def test_a_cookie_by_the_old_password_is_counted_once_for_it_is_written_again(
    server: Server, browser: Browser
) -> None:
    cookie = seal_data({"visits": 1}, password={1: OLD})
    assert counted(server, cookie) == {BY_OLD: 1}
    browser.cookies[NAME] = cookie
    assert [browser.get("/").json["visits"] for _ in range(2)] == [2, 3]
    assert counted(server, browser.cookies[NAME]) == {BY_NEW: 1}


def test_an_expired_cookie_is_counted_as_that(server: Server, clock: Clock) -> None:
    cookie = seal_data({"visits": 1}, password={2: NEW}, ttl=60)  # in the past; the server is now
    assert clock.now
    assert counted(server, cookie) == {unreadable("expired"): 1}


@pytest.mark.parametrize(
    ("cookie", "reason"),
    [
        ("junk", "invalid"),
        (seal_data({"visits": 1}, password={2: OLD}), "invalid"),
        (seal_data({"visits": 1}, password={3: NEW}), "unknown-password"),
        (seal_data({"visits": 1}, password={2: NEW}, purpose="login"), "purpose"),
    ],
)
def test_a_forged_cookie_is_counted_by_what_is_wrong_with_it(
    server: Server, cookie: str, reason: str
) -> None:
    assert counted(server, cookie) == {unreadable(reason): 1}


def test_nobody_makes_counters_by_what_they_send(server: Server, browser: Browser) -> None:
    before = parse(browser.get("/metrics"))
    seal = seal_data({"visits": 1}, password={2: NEW})
    for number in range(100, 110):
        counted(server, seal.replace("*2*", f"*{number}*", 1))
    new = parse(browser.get("/metrics")).keys() - before.keys()
    assert new <= {unreadable("unknown-password")}


def test_the_page_for_prometheus_is_no_page_of_a_session(browser: Browser) -> None:
    browser.get("/")
    answer = browser.get("/metrics")
    assert answer.status == 200
    assert answer.all("content-type")[0].startswith("text/plain; version=")
    assert (answer.cookies, answer.vary) == ({}, None)
    assert browser.cookies[NAME] not in answer.body.decode()
