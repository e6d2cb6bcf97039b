"""The forms of a page, filled in and sent as a browser sends them."""

from html.parser import HTMLParser
from typing import Any

from flask.testing import FlaskClient


class _Fields(HTMLParser):
    """Collects the inputs of a page: their names, and what a browser sends of them as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.values: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name")
        if tag != "input" or not name:
            return
        self.names.add(name)
        if given.get("type") not in ("checkbox", "submit"):
            self.values[name] = given.get("value") or ""


def fill_in(client: FlaskClient, address: str, *, to: str | None = None, **entries: str) -> Any:
    """Open a page, fill in its fields and send them, hidden ones included.

    To the page's own address, or where `to` says.
    """
    page = client.get(address)
    assert page.status_code == 200
    fields = _Fields()
    fields.feed(page.text)
    assert entries.keys() <= fields.names
    return client.post(to or address, data={**fields.values, **entries})
