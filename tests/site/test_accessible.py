"""Every page of the site in a browser: axe-core finds no violation of WCAG 2.2, A and AA."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.helpers.chromium import OpenChromium
from tests.helpers.pages import ROOT
from tests.helpers.waiting import WAIT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = """
const [standards, done] = arguments;
axe.run(document, {runOnly: standards, resultTypes: ["violations"]}).then(
  found => done(found.violations.map(one => [one.id, one.nodes[0].html.slice(0, 200)])),
  error => done([["error", String(error)]]),
);
"""
IS_CLIPPED = """
return [...document.querySelectorAll(".highlight pre")]
  .filter(code => code.scrollWidth > code.clientWidth).map(code => code.textContent);
"""
NARROW, WIDE = 400, 1280
PARTS = (
    *("", "tutorial", "frameworks", "how-to", "explanation"),
    *("reference", "reference/api", "project", "_modules"),
)
"""The folders of the site; "" is its top. Each is a test of its own, as all together take long."""


@pytest.fixture(scope="module")
def chromium(
    open_chromium: OpenChromium, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chrome]:
    profile = tmp_path_factory.mktemp("chromium") / "profile"
    with open_chromium(profile, "--allow-file-access-from-files") as driver:
        yield driver


def pages_of(site: Path) -> list[Path]:
    """Return all pages but those of the sources, of which one is like the other."""
    sources = sorted((site / "_modules" / "iron_session").rglob("*.html"))
    return [page for page in sorted(site.rglob("*.html")) if page not in sources[1:]]


def part_of(page: str) -> str:
    """Return the part that a page is in, by its path from the site's top."""
    return max((part for part in PARTS if page.startswith(part)), key=len)


def show(driver: Chrome, page: Path, mode: str = "light", width: int = WIDE) -> None:
    metrics = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    # Before the page is there: a change of colours takes a moment.
    scheme = {"features": [{"name": "prefers-color-scheme", "value": mode}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)
    driver.get(page.as_uri())


def violations(driver: Chrome, rules: list[str]) -> Any:
    driver.execute_script(AXE.read_text(encoding="utf-8"))
    return driver.execute_async_script(RUN, rules)


@pytest.mark.parametrize(
    ("mode", "width", "rules"),
    [("light", WIDE, STANDARDS), ("light", NARROW, STANDARDS), ("dark", WIDE, ["color-contrast"])],
    ids=["light", "narrow", "dark"],
)
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part or "top")
def test_no_page_violates_wcag(
    mode: str, width: int, rules: list[str], part: str, chromium: Chrome, site: Path
) -> None:
    """In the dark only the colours are others."""
    found = {}
    chromium.set_script_timeout(60)
    pages = {page.relative_to(site).as_posix(): page for page in pages_of(site)}
    asked = {name: page for name, page in pages.items() if part_of(name) == part}
    assert asked
    for name, page in asked.items():
        show(chromium, page, mode, width)
        if problems := violations(chromium, rules):
            found[name] = problems
    assert found == {}, json.dumps(found, indent=1)


def test_a_violation_would_be_found(chromium: Chrome, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<html lang="en"><title>A page</title><img src="a.png"></html>')
    chromium.get(page.as_uri())
    assert [name for name, _ in violations(chromium, STANDARDS)] == ["image-alt"]


def test_a_colour_that_is_too_pale_would_be_found(chromium: Chrome, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<html lang="en"><title>A page</title><p style="color: #ccc">pale</p></html>')
    chromium.get(page.as_uri())
    assert [name for name, _ in violations(chromium, ["color-contrast"])] == ["color-contrast"]


def test_a_page_is_dark_where_the_visitor_asks_for_it(chromium: Chrome, site: Path) -> None:
    colours = []
    for mode in ("light", "dark"):
        show(chromium, site / "index.html", mode)
        body = chromium.find_element(By.TAG_NAME, "body")
        colours.append(body.value_of_css_property("background-color"))
    assert colours[0] == "rgba(255, 255, 255, 1)"
    assert colours[1] != colours[0]


def test_no_line_of_code_is_clipped_on_a_wide_screen(chromium: Chrome, site: Path) -> None:
    clipped = {}
    for page in pages_of(site):
        if "_modules" not in page.parts:
            show(chromium, page)
            clipped[page.relative_to(site)] = chromium.execute_script(IS_CLIPPED)
    assert [(name, lines) for name, lines in clipped.items() if lines] == []


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_no_page_is_wider_than_the_screen(chromium: Chrome, site: Path, width: int) -> None:
    for page in pages_of(site):
        show(chromium, page, width=width)
        whole = chromium.execute_script("return document.documentElement.scrollWidth")
        assert whole <= width, page.relative_to(site)


def test_the_search_works_where_the_pages_are_files(chromium: Chrome, site: Path) -> None:
    chromium.get(f"{(site / 'search.html').as_uri()}?q=rotation")
    waiting = WebDriverWait(chromium, WAIT)
    found = waiting.until(lambda it: it.find_elements(By.CSS_SELECTOR, "#search-results li a"))
    assert "Password rotation" in [link.text for link in found]
