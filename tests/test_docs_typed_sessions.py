"""The page on typed sessions: its code is run from top to bottom, and prints what it says."""

import json
import re
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from iron_session import HeaderJar, get_iron_session
from tests.helpers.pages import ROOT, blocks, read_page, run_page
from tests.interop.node import run_script
from tests.sessions.browser import make_options
from tests.sessions.schemas.kinds import KINDS

PAGE = read_page("docs/how-to/typed-sessions.md")
PASSWORD = "the password of the page on types, 42 long"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """All Python of the page, and what it printed."""
    monkeypatch.setenv("SESSION_PASSWORD", PASSWORD)
    names = run_page(PAGE, "typed_sessions")
    return {**names, "printed": capsys.readouterr().out.splitlines()}


def shown() -> list[str]:
    """Give what the page says is printed, in its order: beside the print, or on the lines after."""
    found: list[str] = []
    for block in blocks("python", PAGE):
        for line in block.splitlines():
            beside = re.search(r"print\(.*\)  # (.*)$", line)
            if beside and beside[1] != "what JavaScript reads":
                found.append(beside[1])
            elif line.startswith("# "):
                found.append(line.removeprefix("# "))
    return found


def test_it_prints_what_the_page_shows(page: dict[str, Any]) -> None:
    expected = shown()
    assert len(page["printed"]) == len(expected) == 9
    for line, promised in zip(page["printed"], expected, strict=True):
        if promised.endswith("…"):
            assert line.startswith(promised[:-1])
        else:
            assert line == promised


def test_the_fastapi_application_keeps_a_cart(page: dict[str, Any]) -> None:
    client = TestClient(page["app"], base_url="https://testserver")
    assert client.post("/cart/tea").json() == ["tea"]
    assert client.post("/cart/milk").json() == ["tea", "milk"]


WRITTEN: list[tuple[Any, Any]] = [
    (datetime, datetime(2027, 1, 15, 9, tzinfo=timezone(timedelta(hours=1)))),
    (date, date(2027, 1, 15)),
    (time, time(8)),
    (timedelta, timedelta(seconds=90)),
    (Decimal, Decimal("1.50")),
]


@pytest.mark.parametrize("kind", ["dataclass", "pydantic model"])
@pytest.mark.parametrize(("type_", "value"), WRITTEN)
def test_the_table_says_how_values_are_written(kind: str, type_: Any, value: Any) -> None:
    schema = KINDS[kind]("Visitor", {"value": (type_ | None, None)})
    session = get_iron_session(HeaderJar(), make_options(schema=schema))
    session.data.value = value
    assert f"`{json.dumps(session['value'])}`" in PAGE


def test_node_reads_what_the_table_says(page: dict[str, Any], tmp_path: Path) -> None:
    session = get_iron_session(HeaderJar(), page["options"])
    session.data.user = page["User"](1, "Ada", {"b", "a"})
    session.data.last_seen = page["datetime"](2027, 1, 15, 8, tzinfo=page["timezone"].utc)
    session.save()
    (tmp_path / "main.mjs").write_text(
        'import { unsealData } from "iron-session";\n'
        "const password = process.env.SESSION_PASSWORD;\n"
        "const data = await unsealData(process.env.SEAL, { password });\n"
        "const at = new Date(data.last_seen).getTime();\n"
        "console.log(JSON.stringify([at, new Set(data.user.roles).has('a'), data.cart]));\n"
    )
    printed = run_script(tmp_path, "main.mjs", SESSION_PASSWORD=PASSWORD, SEAL=session.seal or "")
    assert json.loads(printed) == [1_800_000_000_000, True, []]


def test_the_page_leads_to_what_is_there() -> None:
    files = set(re.findall(r"\]\(([^)#]*)", PAGE))
    assert files == {"../frameworks/index.md"}
    assert all((ROOT / "docs" / "how-to" / file).is_file() for file in files)
