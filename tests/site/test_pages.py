"""The built pages load nothing from outside, and each link leads somewhere."""

import asyncio
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import pytest
from aiohttp import DummyCookieJar, web
from aiohttp.test_utils import TestClient as AiohttpClient
from aiohttp.test_utils import TestServer as AiohttpServer
from flask import Flask
from starlette.testclient import TestClient

from tests.helpers.pages import ROOT, blocks, read_page, run_code

LOADED = {("link", "href"), ("script", "src"), ("img", "src"), ("source", "src"), ("iframe", "src")}


class Page(HTMLParser):
    """What a page loads, where its links lead, and its anchors."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif (tag, name) in LOADED and value is not None:
                self.loaded.append(value)
            elif (tag, name) in {("a", "href"), ("form", "action")} and value is not None:
                self.links.append(value)


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {file: Page(file) for file in sorted(site.rglob("*.html"))}


def resolved(file: Path, link: str) -> tuple[Path, str]:
    path, _, anchor = unquote(link).partition("#")
    return ((file.parent / path).resolve() if path else file), anchor


def is_outside(link: str) -> bool:
    return re.match(r"[a-z]+:|//", link) is not None


def test_no_page_loads_anything_from_outside(pages: dict[Path, Page]) -> None:
    loaded = {link for page in pages.values() for link in page.loaded}
    assert len(loaded) > 5
    assert [link for link in loaded if is_outside(link) and not link.startswith("data:")] == []


def test_no_style_loads_anything_from_outside(site: Path) -> None:
    styles = [*site.rglob("*.css")]
    assert styles
    for file in styles:
        found = re.findall(r"(?:url\(|@import)\s*['\"]?([^'\")]+)", file.read_text("utf-8"))
        assert [link for link in found if re.match(r"https?:|//", link)] == [], file.name


def test_every_link_inside_leads_to_a_file_and_an_anchor(
    pages: dict[Path, Page], site: Path
) -> None:
    for file, page in pages.items():
        for link in page.links:
            if is_outside(link):
                continue
            target, anchor = resolved(file, link)
            assert target.is_relative_to(site), f"{file.name}: {link}"
            assert target.is_file(), f"{file.name}: {link}"
            if anchor and target in pages:
                assert anchor in pages[target].anchors, f"{file.name}: {link}"


def test_every_page_is_reached_from_the_first_one(pages: dict[Path, Page], site: Path) -> None:
    reached: set[Path] = set()
    rest = [site / "index.html"]
    while rest:
        file = rest.pop()
        if file in pages and file not in reached:
            reached.add(file)
            rest += [resolved(file, each)[0] for each in pages[file].links if not is_outside(each)]
    # The list of sources, which each of them leads to, is for nobody else.
    assert set(pages) - reached <= {site / "_modules" / "index.html"}


def test_every_markdown_page_is_on_the_site(site: Path) -> None:
    sources = {
        file.relative_to(ROOT / "docs").with_suffix(".html")
        for file in (ROOT / "docs").rglob("*.md")
        if "_build" not in file.parts
    }
    assert len(sources) > 40
    assert [page for page in sources if not (site / page).is_file()] == [Path("README.html")]


def test_code_can_be_copied_and_pages_searched(site: Path) -> None:
    page = (site / "how-to" / "flash.html").read_text(encoding="utf-8")
    assert "copybutton.js" in page
    # A script and no request: the search works where the pages are files.
    assert (site / "searchindex.js").read_text(encoding="utf-8").startswith("Search.setIndex(")


APPS = {
    framework: code
    for code in blocks("python", read_page("docs/index.md"))
    for framework in re.findall(r"^from (fastapi|flask|litestar|aiohttp) ", code, re.MULTILINE)
}


@pytest.fixture(params=APPS)
def app(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An application of the first page."""
    monkeypatch.setenv("SESSION_PASSWORD", "the password of the site, of 40 letters!")
    monkeypatch.setitem(sys.modules, "first_page", ModuleType("first_page"))  # for Litestar
    return run_code(APPS[request.param], "first_page")["app"]


def test_the_applications_of_the_first_page_count_visits(app: Any) -> None:
    if isinstance(app, web.Application):
        assert asyncio.run(visits_of(app)) == [1, 2, 3]
    elif isinstance(app, Flask):
        browser = app.test_client()
        answers = [browser.get("/", base_url="https://testserver").json for _ in range(3)]
        assert answers == [{"visits": 1}, {"visits": 2}, {"visits": 3}]
    else:
        client = TestClient(app, base_url="https://testserver")
        assert [client.get("/").json()["visits"] for _ in range(3)] == [1, 2, 3]


async def visits_of(app: web.Application) -> list[int]:
    """Send the cookie by hand: it is Secure, and the server speaks plain http."""
    found, cookie = [], ""
    async with AiohttpClient(AiohttpServer(app), cookie_jar=DummyCookieJar()) as client:
        for _ in range(3):
            response = await client.get("/", headers={"Cookie": cookie})
            cookie = response.headers["Set-Cookie"].partition(";")[0]
            found.append((await response.json())["visits"])
    return found


def test_the_first_page_has_an_application_for_each_tab() -> None:
    tabs = re.findall(r"^:::{tab-item} (\w+)$", read_page("docs/index.md"), re.MULTILINE)
    assert [tab.lower() for tab in tabs] == [*APPS]
