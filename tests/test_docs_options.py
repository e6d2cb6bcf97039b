"""The page on options: its code is run, and its tables are those of the classes."""

import re
from ast import literal_eval
from dataclasses import MISSING, fields
from typing import Any

import pytest

from iron_session import (
    ConfigurationError,
    CookieOptions,
    HeaderJar,
    SessionOptions,
    Unsealed,
    UnsealFailure,
    get_iron_session,
)
from tests.helpers.pages import read_page, run_page, tables

PAGE = read_page("docs/reference/options.md")
SESSION, COOKIE = ({row[0]: row[1:] for row in rows} for _, *rows in tables(PAGE))
NAMED: dict[str, Any] = {
    "required": MISSING,
    "14 days": 14 * 24 * 3600,
    "CookieOptions()": CookieOptions(),
}
"""Defaults that the page does not write as Python does."""


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """All Python of the page."""
    monkeypatch.setenv("SESSION_PASSWORD", "the password of the page on options, 47 letters")
    return run_page(PAGE, "options_page")


def test_the_hook_on_the_page_is_told_of_a_cookie_that_cannot_be_read(
    page: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    options: SessionOptions[Any] = page["options"]
    session = get_iron_session(HeaderJar(), options)
    session["user"] = 1
    session.save()
    assert session.seal is not None
    forged = session.seal.removesuffix("~2")[:-1]
    assert get_iron_session(HeaderJar(f"__Host-myapp={forged}"), options) == {}
    assert capsys.readouterr().out == "unreadable session: invalid 1\n"


@pytest.mark.parametrize(("kind", "table"), [(SessionOptions, SESSION), (CookieOptions, COOKIE)])
def test_every_option_is_on_the_page_with_its_default(
    kind: type[Any], table: dict[str, list[str]]
) -> None:
    defaults = {one.name: one.default for one in fields(kind) if one.init}
    assert table.keys() == defaults.keys()
    for name, (told, _) in table.items():
        assert (NAMED[told] if told in NAMED else literal_eval(told)) == defaults[name]


@pytest.mark.parametrize(
    ("option", "kind"), [("on_unseal_error", UnsealFailure), ("on_unseal", Unsealed)]
)
def test_what_a_hook_is_told_is_on_the_page(option: str, kind: type[Any]) -> None:
    text = SESSION[option][1]
    told = re.search(r"`(\w+)` \((.*?)\)", text)
    assert told
    assert told[1] == kind.__name__
    assert re.findall(r"`(\w+)`", told[2]) == [one.name for one in fields(kind)]


@pytest.mark.parametrize(
    "change",
    [
        *({"http_only": False}, {"same_site": "lax"}, {"max_age": None}, {"priority": "high"}),
        *({"path": "/app"}, {"domain": "example.com"}, {"partitioned": True}),
    ],
    ids=lambda change: next(iter(change)),
)
def test_one_response_changes_what_the_page_says(page: dict[str, Any], change: Any) -> None:
    session = get_iron_session(HeaderJar(), page["options"])
    session["user"] = 1
    if change.keys() <= {"path", "domain", "partitioned"}:
        with pytest.raises(ConfigurationError, match="one response"):
            session.save(cookie_options=change)
    else:
        session.save(cookie_options=change)
