"""Set-Cookie headers written here are the ones that the npm package cookie writes."""

import json
import subprocess
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from iron_session import ConfigurationError, SessionOptions
from iron_session.sessions.cookie_text import serialize_cookie
from tests.interop.node import HERE, TIMEOUT, node_command

PASSWORD = "the_password_of_these_tests_protects_nothing"
TABLE = HERE / "set_cookie_table.json"

Cookie = dict[str, Any]

STRICTER: dict[str, Callable[[Cookie], bool]] = {
    "browsers refuse Partitioned without Secure": lambda cookie: (
        cookie.get("partitioned") is True and not cookie.get("secure")
    ),
    "browsers refuse SameSite=None without Secure": lambda cookie: (
        str(cookie.get("sameSite", "")).lower() == "none" and not cookie.get("secure")
    ),
    "browsers refuse a __Host- or __Secure- cookie without what its name promises": lambda cookie: (
        cookie["name"].startswith("__") and not cookie.get("secure")
    ),
    "None, and no empty text or False, leaves an attribute out": lambda cookie: any(
        cookie.get(attribute) in ("", False)
        for attribute in ("domain", "path", "sameSite", "priority")
    ),
    "SameSite is told by its name, not by True": lambda cookie: cookie.get("sameSite") is True,
    "browsers ignore a path that does not start with a slash": lambda cookie: (
        cookie.get("path") in ("a", " ")
    ),
    "a negative Max-Age deletes the cookie": lambda cookie: (
        -(2**53) < cookie.get("maxAge", 0) < 0 and isinstance(cookie["maxAge"], int)
    ),
}


def reason_to_refuse(cookie: Cookie) -> str | None:
    """Give the reason for which we refuse a cookie that the npm package takes."""
    return next((reason for reason, applies in STRICTER.items() if applies(cookie)), None)


ROWS = json.loads(TABLE.read_text(encoding="ascii"))
WRITTEN = [row for row in ROWS if "header" in row and not reason_to_refuse(row["cookie"])]
REFUSED = [row for row in ROWS if "error" in row]
REFUSED_HERE = [row for row in ROWS if "header" in row and reason_to_refuse(row["cookie"])]


def about(row: dict[str, Any]) -> str:
    """Name a row of the table."""
    name: str = row["about"]
    return name


def written(cookie: Cookie) -> str:
    """Write the header of a cookie as a session with these options would."""
    expires = cookie.get("expires")
    # Only destroying a session asks for a Max-Age of 0: it is no option.
    max_age = cookie.get("maxAge") or None
    options = SessionOptions(
        password=PASSWORD,
        cookie_name=cookie["name"],
        cookie_options={
            "http_only": cookie.get("httpOnly", False),
            "secure": cookie.get("secure", False),
            "partitioned": cookie.get("partitioned", False),
            "same_site": cookie.get("sameSite"),
            "priority": cookie.get("priority"),
            "path": cookie.get("path"),
            "domain": cookie.get("domain"),
            "expires": expires and datetime.fromisoformat(expires),
            "max_age": max_age,
        },
    )
    return serialize_cookie(
        options.cookie_name, cookie["value"], options.cookie, cookie.get("maxAge")
    )


@pytest.mark.parametrize("row", WRITTEN, ids=about)
def test_a_header_is_the_one_that_node_writes(row: dict[str, Any]) -> None:
    """Names, values, attributes and their order are equal, byte for byte."""
    assert written(row["cookie"]) == row["header"]


@pytest.mark.parametrize("row", REFUSED, ids=about)
def test_a_cookie_that_node_refuses_is_refused_here(row: dict[str, Any]) -> None:
    """What can't be written safely is an error of configuration."""
    with pytest.raises(ConfigurationError):
        written(row["cookie"])


@pytest.mark.parametrize("row", REFUSED_HERE, ids=about)
def test_a_cookie_that_no_browser_would_keep_is_refused_here(row: dict[str, Any]) -> None:
    """What only the npm package takes is refused for a reason listed above."""
    with pytest.raises(ConfigurationError):
        written(row["cookie"])


@pytest.mark.parametrize("reason", STRICTER)
def test_each_reason_to_be_stricter_applies_to_a_row(reason: str) -> None:
    """No reason outlives its case."""
    assert any(STRICTER[reason](row["cookie"]) for row in REFUSED_HERE)


def test_the_table_is_what_the_npm_package_writes_today() -> None:
    """Running the generator again leaves the table as it is."""
    command = node_command("generate_set_cookie_table.mjs")
    again = subprocess.run(command, stdout=subprocess.PIPE, timeout=TIMEOUT, check=True).stdout
    assert again == TABLE.read_bytes()
