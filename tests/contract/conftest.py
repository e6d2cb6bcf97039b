"""Fixtures of the contract suite."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from iron_session import SessionOptions
from tests.contract.all_doors import DOORS
from tests.contract.door import Door
from tests.contract.visitor import Visitor, Welcome
from tests.interop import node
from tests.sessions.browser import make_options


@pytest.fixture(params=DOORS, ids=[door.name for door in DOORS])
def door(request: pytest.FixtureRequest) -> Door:
    """Return every door in turn; `@doors_with` selects some of them."""
    door: Door = request.param
    return door


@pytest.fixture
def welcome(door: Door) -> Iterator[Welcome]:
    """Open a site with a session for each of the options, and welcome a visitor on it."""
    with ExitStack() as stack:

        def open_site(*options: SessionOptions) -> Visitor:
            app = door.make_app(options or [make_options()])
            return Visitor(stack.enter_context(door.open(app)))

        yield open_site


@pytest.fixture
def visitor(welcome: Welcome) -> Visitor:
    """Welcome a visitor on a site with the usual options."""
    return welcome()


@pytest.fixture
def by_hand(door: Door, visitor: Visitor) -> Iterator[Visitor]:
    """Send the visitor to a site whose handler gets the session by hand."""
    assert door.make_explicit_app is not None
    with door.open(door.make_explicit_app(make_options())) as site:
        yield Visitor(site, visitor.cookies)


@pytest.fixture(scope="session")
def node_site() -> Iterator[node.Site]:
    """Run a site on Node with iron-session 9."""
    with node.site("iron-session-9") as running:
        yield running
