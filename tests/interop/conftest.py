"""What the tests against Node share: one driver, and one site for each iron-session."""

from collections.abc import Iterator

import pytest

from tests.interop import node
from tests.interop.peers import PACKAGES, Peer

SITES = ["iron-session-9", "iron-session-8"]


@pytest.fixture(scope="session")
def driver() -> Iterator[node.Driver]:
    """Call the JavaScript packages by name."""
    with node.driver() as running:
        running.decodes_base64_itself()  # a Node that can't start fails here, once
        yield running


@pytest.fixture(scope="session")
def site_9() -> Iterator[node.Site]:
    """Ask a Node site that uses iron-session 9."""
    with node.site("iron-session-9") as running:
        yield running


@pytest.fixture(scope="session")
def site_8() -> Iterator[node.Site]:
    """Ask a Node site that uses iron-session 8."""
    with node.site("iron-session-8") as running:
        yield running


@pytest.fixture(params=SITES)
def site(request: pytest.FixtureRequest, site_9: node.Site, site_8: node.Site) -> node.Site:
    """Ask a Node site that uses iron-session, each version in turn."""
    return {each.package: each for each in (site_9, site_8)}[request.param]


@pytest.fixture
def browser() -> node.Browser:
    """Keep the cookies of one visitor."""
    return node.Browser()


@pytest.fixture(params=PACKAGES)
def peer(request: pytest.FixtureRequest, driver: node.Driver) -> Peer:
    """Seal and unseal with each JavaScript package in turn, and with ours that matches it."""
    return Peer(request.param, driver)
