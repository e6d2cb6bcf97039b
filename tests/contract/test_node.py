"""Point 13 of the contract: real iron-session in Node reads the framework's cookie, and back."""

import pytest

from tests.contract.visitor import Visitor, Welcome
from tests.interop.node import Browser, Site
from tests.sessions.browser import NAME, PASSWORD, make_options

DATA = {"user": {"id": 1, "name": "Grüße 🎉"}, "cart": [1, None, True, "x"]}
THERE = {"password": PASSWORD, "cookieName": NAME, "chunk": True}


@pytest.fixture
def visitor(welcome: Welcome) -> Visitor:
    """Welcome a visitor on a site that splits what is large, as the one on Node does."""
    return welcome(make_options(chunk=True))


@pytest.fixture
def browser(visitor: Visitor) -> Browser:
    """Share the visitor's cookies with the site on Node."""
    return Browser(visitor.cookies)


@pytest.mark.parametrize("size", [1, 7000], ids=["one cookie", "chunks"])
def test_node_reads_what_the_framework_wrote(
    visitor: Visitor, browser: Browser, node_site: Site, size: int
) -> None:
    visitor.ask("update", {**DATA, "text": "x" * size})
    answer = node_site.read(browser, THERE)
    assert answer.session == {**DATA, "text": "x" * size}
    assert answer.reasons == []


@pytest.mark.parametrize("size", [1, 7000], ids=["one cookie", "chunks"])
def test_the_framework_reads_what_node_wrote(
    visitor: Visitor, browser: Browser, node_site: Site, size: int
) -> None:
    node_site.change(browser, THERE, **DATA, text="x" * size)
    assert visitor.session == {**DATA, "text": "x" * size}
    assert visitor.ask("read").cookies == {}


def test_both_write_in_turn(visitor: Visitor, browser: Browser, node_site: Site) -> None:
    visitor.ask("update", {"here": 1})
    node_site.change(browser, THERE, there=2)
    visitor.ask("update", {"large": "x" * 7000})
    node_site.change(browser, THERE, large="small")
    assert visitor.session == {"here": 1, "there": 2, "large": "small"}
    assert list(visitor.cookies) == [NAME]


@pytest.mark.parametrize("size", [1, 7000], ids=["one cookie", "chunks"])
def test_each_ends_the_other_s_session(
    visitor: Visitor, browser: Browser, node_site: Site, size: int
) -> None:
    visitor.ask("update", {"text": "x" * size})
    node_site.destroy(browser, THERE)
    assert (visitor.cookies, visitor.session) == ({}, {})
    node_site.change(browser, THERE, text="x" * size)
    visitor.ask("destroy")
    assert (visitor.cookies, node_site.read(browser, THERE).session) == ({}, {})
