"""A session with every feature on goes to real iron-session, which writes it again, and back."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from iron_session import Flash, HeaderJar, Session, SessionOptions, Unsealed, get_iron_session
from iron_session.csrf import check_csrf_token, csrf_token
from tests.interop.node import Browser, Site

PASSWORD = "the_password_of_these_tests_protects_nothing"
OLD = "an_old_password_of_at_least_32_characters"
NAME = "myapp"
DAY = timedelta(days=1)
ID = UUID("12345678-1234-5678-1234-567812345678")
SEEN = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


class Plan(Enum):
    FREE = "free"
    PAID = "paid"


@dataclass
class Item:
    name: str = ""
    price: Decimal = Decimal(0)


@dataclass
class Visitor:
    id: UUID | None = None
    plan: Plan = Plan.FREE
    seen: datetime | None = None
    tags: set[str] = field(default_factory=set)
    cart: list[Item] = field(default_factory=list)


TOLD: list[Unsealed] = []
HERE = SessionOptions(
    password={1: OLD, 2: PASSWORD},
    cookie_name=NAME,
    chunk=True,
    ttl=7 * DAY,
    renew_after=DAY,
    max_lifetime=90 * DAY,
    schema=Visitor,
    migrate=lambda data: {**data, "tags": data.get("tags", [])},
    on_unseal=TOLD.append,
)
THERE: dict[str, Any] = {
    "password": {"1": OLD, "2": PASSWORD},
    "cookieName": NAME,
    "chunk": True,
}


def request(browser: Browser) -> tuple[HeaderJar, Session[Visitor]]:
    jar = HeaderJar(browser.header)
    return jar, get_iron_session(jar, HERE)


def answer(browser: Browser, jar: HeaderJar, session: Session[Visitor]) -> None:
    session.commit()
    browser.receive(jar.set_cookie_headers)


# Version 8 knows no chunks.
def test_every_feature_at_once_goes_to_node_and_back(site_9: Site) -> None:
    TOLD.clear()
    browser = Browser()
    jar, session = request(browser)
    session.data.id, session.data.plan, session.data.seen = ID, Plan.PAID, SEEN
    session.data.tags |= {"b", "a"}
    session.data.cart.append(Item("tea", Decimal("4.20")))
    session["note"] = "x" * 4000  # more than one cookie holds
    session.flash("Welcome", "success")
    token = csrf_token(session)
    session.ttl = 30 * DAY
    answer(browser, jar, session)
    assert len(browser.cookies) > 1

    there = site_9.read(browser, THERE)
    assert there.reasons == []
    mark = there.session["$iron"]
    assert set(mark) == {"created", "ttl"}
    assert mark["ttl"] == 30 * 24 * 3600
    assert {key: there.session[key] for key in ("id", "plan", "seen", "tags", "cart")} == {
        "id": str(ID),
        "plan": "paid",
        "seen": "2026-01-02T03:04:05.678000Z",
        "tags": ["a", "b"],
        "cart": [{"name": "tea", "price": "4.20"}],
    }

    cart = [*there.session["cart"], {"name": "cup", "price": "9", "colour": "red"}]
    assert site_9.change(browser, THERE, cart=cart, theme="dark").reasons == []

    jar, session = request(browser)
    assert session.data == Visitor(
        ID, Plan.PAID, SEEN, {"a", "b"}, [Item("tea", Decimal("4.20")), Item("cup", Decimal(9))]
    )
    assert session["theme"] == "dark"
    assert session.ttl == 30 * DAY
    assert session.created_at is not None
    assert session.created_at.timestamp() * 1000 == mark["created"]
    check_csrf_token(session, token)
    assert session.pop_flashes() == [Flash("Welcome", "success")]
    session.data.cart[1].name = "mug"
    answer(browser, jar, session)

    there = site_9.read(browser, THERE)
    assert there.session["cart"][1] == {"name": "mug", "price": "9", "colour": "red"}
    assert there.session["$iron"] == mark
    assert "_flashes" not in there.session
    assert [(told.password_id, told.outdated) for told in TOLD] == [("2", False)]
