"""The page on magic links: its code is run from top to bottom, and does what is said around it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from urllib.parse import parse_qs

import pytest
from starlette.testclient import TestClient

from iron_session import (
    HeaderJar,
    UnsealError,
    UnsealReason,
    get_iron_session,
    seal_data,
    unseal_data,
)
from iron_session.links import Links
from tests.examples.servers import MAGIC_LINK
from tests.helpers.clock import Clock
from tests.helpers.pages import ROOT, blocks, one_line, read_page, run_page
from tests.interop.node import NodeError, run_script

PAGE = read_page("docs/how-to/magic-links.md")
PASSWORD = "the password of the page on links, 42 long"
ADA = "ada@example.com"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """All Python of the page."""
    monkeypatch.setenv("SESSION_PASSWORD", PASSWORD)
    names = run_page(PAGE, "magic_links")
    yield names
    names["db"].close()


@pytest.fixture
def client(page: dict[str, Any]) -> TestClient:
    """Visit the page's site."""
    return TestClient(page["app"], base_url="https://testserver", follow_redirects=False)


def query(link: str) -> str:
    return link.partition("?")[2]


def test_the_first_link_is_as_the_page_shows_it(page: dict[str, Any]) -> None:
    shown = re.search(r"^# (https://.*)…$", PAGE, re.MULTILINE)
    assert shown
    assert page["link"].startswith(shown[1])
    assert page["data"] == {"email": ADA}


OF_SESSIONS = {"schema", "ended", "refused", "unavailable"}


def test_every_reason_has_its_help(page: dict[str, Any], clock: Clock) -> None:
    assert page["HELP"].keys() == set(get_args(UnsealReason)) - OF_SESSIONS
    made: Links = page["login_links"]
    link = made.make("/login", {})
    assert page["help_for"](link) is None
    clock.advance(900 + 60)
    assert "expired" in page["help_for"](link)


def test_a_get_shows_a_button_and_a_post_logs_in(page: dict[str, Any], client: TestClient) -> None:
    path = f"/login?{query(page['link'])}"
    shown = client.get(path)
    assert "<button>" in shown.text
    assert shown.headers["cache-control"] == "no-store"
    assert shown.headers["referrer-policy"] == "same-origin"
    assert "set-cookie" not in shown.headers
    answer = client.post(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "myapp=Fe26.2" in answer.headers["set-cookie"]


def test_a_form_on_another_site_logs_nobody_in(page: dict[str, Any], client: TestClient) -> None:
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = client.post(f"/login?{query(page['link'])}", headers=headers)
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


def test_a_link_that_does_not_open_is_answered_with_help(client: TestClient) -> None:
    for answer in (client.get("/login?token=1"), client.post("/login")):
        assert (answer.status_code, "incomplete" in answer.text) == (400, True)


def test_a_link_opens_once_and_ends_the_others_of_its_user(page: dict[str, Any]) -> None:
    first, second = page["make_once"](ADA), page["make_once"](ADA)
    read = page["login_links"].read
    assert [page["use_once"](read(link)) for link in (first, first, second)] == [True, False, False]
    assert page["use_once"](read(page["make_once"](ADA)))
    assert page["make_once"]("nobody@example.com") is None


def test_a_link_opens_in_the_browser_that_asked(page: dict[str, Any]) -> None:
    here, elsewhere = (get_iron_session(HeaderJar(), page["options"]) for _ in range(2))
    read, was_asked_here = page["login_links"].read, page["was_asked_here"]
    old = read(page["make_here"](here, ADA))
    assert was_asked_here(here, old)
    assert not was_asked_here(elsewhere, old)
    new = read(page["make_here"](here, ADA))
    page["make_here"](elsewhere, ADA)
    assert (was_asked_here(here, old), was_asked_here(here, new)) == (False, True)
    assert not was_asked_here(elsewhere, new)
    here.clear()
    assert not was_asked_here(here, new)


def test_the_bounds_on_the_page_are_those_of_the_code(page: dict[str, Any]) -> None:
    """1.2 kB of JSON fit, and not much more."""
    assert "at most 2000 characters (about 1.2 kB of JSON)" in one_line(PAGE)
    make = page["login_links"].make
    assert make("https://example.com/login", {"a": "x" * 1190})
    with pytest.raises(ValueError, match="of more than 2000"):
        make("https://example.com/login", {"a": "x" * 1290})
    assert "Links of over 8192 characters are refused" in one_line(PAGE)


def test_the_typescript_opens_a_link_of_ours_and_makes_one_that_opens_here(
    page: dict[str, Any], tmp_path: Path
) -> None:
    (block,) = blocks("ts", PAGE)
    made: Links = page["login_links"]
    (tmp_path / "main.ts").write_text(
        'import { sealData, unsealData } from "iron-session";\n'
        "const password = process.env.SESSION_PASSWORD!;\n"
        'const url = new URL("https://example.com/login?lang=en");\n'
        "const token = process.env.TOKEN!;\n"
        "const email = 'grace@example.com';\n"
        f"{block}"
        "console.log(JSON.stringify([data.email, url.href]));\n"
    )

    def run(links: Links) -> Any:
        (token,) = parse_qs(query(links.make("/login", {"email": ADA})))["token"]
        printed = run_script(tmp_path, "main.ts", SESSION_PASSWORD=PASSWORD, TOKEN=token)
        return json.loads(printed)

    email, link = run(made)
    assert email == ADA
    assert made.read(link) == {"email": "grace@example.com"}
    with pytest.raises(NodeError, match="no link to log in"):
        run(Links(password=PASSWORD, purpose="other"))


def test_a_token_opens_for_its_purpose_only(clock: Clock, page: dict[str, Any]) -> None:
    password, token = page["options"].passwords, page["invitation"]
    assert page["invited"] == {"team": 7}
    for purpose in ("login", None):
        with pytest.raises(UnsealError) as caught:
            unseal_data(token, password=password, purpose=purpose)
        assert caught.value.reason == "purpose"
    clock.advance(3 * 24 * 3600 + 61)
    with pytest.raises(UnsealError) as caught:
        unseal_data(token, password=password, purpose="invitation")
    assert caught.value.reason == "expired"


def test_without_a_purpose_a_token_and_a_session_open_as_each_other(page: dict[str, Any]) -> None:
    """As the page warns; with one they do not."""
    options = page["options"]
    for purpose, opened in ((None, {"team": 7}), ("invitation", {})):
        token = seal_data({"team": 7}, password=options.passwords, purpose=purpose)
        assert get_iron_session(HeaderJar(f"myapp={token}"), options) == opened
    session = get_iron_session(HeaderJar(), options)
    session["user"] = 1
    session.save()
    assert unseal_data(session.seal, password=options.passwords) == {"user": 1}
    with pytest.raises(UnsealError):
        unseal_data(session.seal, password=options.passwords, purpose="invitation")


def test_the_page_leads_to_what_is_there() -> None:
    titles = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    anchors = {"#" + title.lower().replace(" ", "-") for title in titles}
    links = set(re.findall(r"\]\(([^)]*)\)", PAGE))
    files = {link for link in links if not link.startswith("#")}
    assert links - files <= anchors
    assert files == {f"../../examples/{MAGIC_LINK.name}.py", "csrf.md"}
    assert all((ROOT / "docs" / "how-to" / file).is_file() for file in files)
