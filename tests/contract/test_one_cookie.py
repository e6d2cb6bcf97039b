"""One visitor, one cookie: it goes through every framework and Node, and each adds to it."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest

from tests.contract.all_doors import DOORS
from tests.contract.visitor import Visitor
from tests.interop import node
from tests.sessions.browser import NAME, PASSWORD, make_options

NODE = "iron-session in Node"
PLACES = [*(door.name for door in DOORS), NODE]
THERE = {"password": PASSWORD, "cookieName": NAME, "chunk": True}
DATA: dict[str, Any] = {
    "user": {"id": 1, "name": "Grüße 🎉"},
    "mixed": [1, -2.5, None, True, "", {}, [[]]],
}


class Place(Protocol):
    """A site that the visitor goes to."""

    @property
    def session(self) -> Any:
        """What it reads."""
        ...

    def update(self, data: dict[str, Any]) -> object:
        """Set members of the session."""
        ...

    def add(self, item: str) -> object:
        """Add to a list inside the session."""
        ...

    def destroy(self) -> object:
        """End the session."""
        ...


@dataclass(frozen=True)
class Behind:
    """The common app behind a door."""

    visitor: Visitor

    @property
    def session(self) -> Any:
        return self.visitor.session

    def update(self, data: dict[str, Any]) -> object:
        return self.visitor.ask("update", data)

    def add(self, item: str) -> object:
        return self.visitor.ask("append", item)

    def destroy(self) -> object:
        return self.visitor.ask("destroy")


@dataclass(frozen=True)
class InNode:
    """The site with JavaScript's iron-session."""

    site: node.Site
    browser: node.Browser

    @property
    def session(self) -> Any:
        answer = self.site.read(self.browser, THERE)
        assert answer.reasons == []
        return answer.session

    def update(self, data: dict[str, Any]) -> object:
        return self.site.change(self.browser, THERE, **data)

    def add(self, item: str) -> object:
        return self.update({"cart": {"items": [*self.session["cart"]["items"], item]}})

    def destroy(self) -> object:
        return self.site.destroy(self.browser, THERE)


@dataclass
class Tour:
    """The visitor's cookies, and all the places that they are taken to.

    Attributes:
        cookies: what the visitor's browser keeps, whichever place sent it.
        places: by name, in the order of the doors, and Node.
    """

    places: dict[str, Place]
    cookies: dict[str, str] = field(default_factory=dict)

    def go(self, names: list[str], data: dict[str, Any]) -> None:
        """Go from place to place; each reads what the one before wrote, and adds its name."""
        self.places[names[-1]].update({**data, "cart": {"items": []}})
        for number, name in enumerate(names):
            place = self.places[name]
            assert place.session == {**data, "cart": {"items": names[:number]}}, name
            place.add(name)
        assert self.places[names[0]].session == {**data, "cart": {"items": names}}

    def read_everywhere(self) -> dict[str, str]:
        """Give what each place reads, as JSON."""
        return {name: json.dumps(place.session) for name, place in self.places.items()}


@pytest.fixture(scope="module")
def sites(node_site: node.Site) -> Iterator[Tour]:
    """Open every door, all at the same time."""
    cookies: dict[str, str] = {}
    with ExitStack() as stack:
        places: dict[str, Place] = {}
        for door in DOORS:
            app = door.make_app([make_options(chunk=True)])
            site = stack.enter_context(door.open(app))
            places[door.name] = Behind(Visitor(site, cookies))
        places[NODE] = InNode(node_site, node.Browser(cookies))
        yield Tour(places, cookies)


@pytest.fixture
def tour(sites: Tour) -> Tour:
    """Begin a tour without any cookie."""
    sites.cookies.clear()
    return sites


def test_a_cookie_goes_round_through_all(tour: Tour) -> None:
    tour.go(PLACES, DATA)
    assert list(tour.cookies) == [NAME]


def test_and_the_other_way_round(tour: Tour) -> None:
    tour.go(PLACES[::-1], DATA)
    assert list(tour.cookies) == [NAME]


@pytest.mark.parametrize("other_way", [False, True], ids=["there", "and back"])
def test_and_in_chunks(tour: Tour, other_way: bool) -> None:
    tour.go(PLACES[::-1] if other_way else PLACES, {**DATA, "large": "x" * 7000})
    assert list(tour.cookies) == [f"{NAME}.{number}" for number in range(3)]


@pytest.mark.parametrize("size", [1, 7000], ids=["one cookie", "chunks"])
@pytest.mark.parametrize("name", PLACES)
def test_a_session_that_one_destroys_is_gone_everywhere(tour: Tour, name: str, size: int) -> None:
    """Whoever wrote it: here that is the next place."""
    writer = PLACES[(PLACES.index(name) + 1) % len(PLACES)]
    tour.places[writer].update({"text": "x" * size})
    tour.places[name].destroy()
    assert tour.cookies == {}
    assert tour.read_everywhere() == dict.fromkeys(PLACES, "{}")


@pytest.mark.parametrize("name", PLACES)
def test_a_session_that_outgrows_its_cookie_and_shrinks_again_is_whole_everywhere(
    tour: Tour, name: str
) -> None:
    """Each place leaves no part of the larger session behind that another could trip over."""
    place = tour.places[name]
    for size, count in ((1, 1), (7000, 3), (3000, 2), (1, 1)):
        place.update({"text": "x" * size})
        assert len(tour.cookies) == count
        assert set(tour.read_everywhere().values()) == {json.dumps({"text": "x" * size})}
