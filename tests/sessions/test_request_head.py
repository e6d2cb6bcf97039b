"""What a request says of itself beside its cookies: is it HTTPS, is it a navigation."""

from collections.abc import Sequence
from typing import Any

import pytest

from iron_session.sessions.request_head import is_local, is_navigation, is_plain_http


class Head:
    """A request of a scheme, with headers."""

    def __init__(self, scheme: str = "http", **headers: Any) -> None:
        self.scheme = scheme
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def get(self, name: str) -> Sequence[str]:
        value = self._headers.get(name, [])
        return [value] if isinstance(value, str) else value


@pytest.mark.parametrize("scheme", ["http", "ws"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "shop.example"},
        {"Host": "shop.example", "X_Forwarded_Proto": "http"},
        {"Host": "shop.example", "X_Forwarded_Proto": "nothttps"},
        {"Host": "shop.example", "Forwarded": "for=1.2.3.4;proto=http"},
        {"Host": "shop.example", "Forwarded": "by=https"},
        {"Host": "shop.example", "Origin": "http://https.example"},
        {"Host": "shop.example", "Origin": "null"},
        {"Host": "shop.example", "Referer": "http://shop.example/?next=https://x"},
        {"Host": "localhost", "Sec_Fetch_Mode": "navigate"},
        {"Host": "127.0.0.1:8000", "Sec_Fetch_Site": "same-origin"},
    ],
)
def test_plain_http_is_what_speaks_of_nothing_else(scheme: str, headers: dict[str, str]) -> None:
    assert is_plain_http(Head(scheme, **headers))
    assert not is_plain_http(Head(f"{scheme}s", **headers))


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Forwarded_Proto": "https"},
        {"X_Forwarded_Proto": "HTTPS, http"},
        {"X_Forwarded_Proto": ["http", "https"]},
        {"X_Forwarded_Scheme": "https"},
        {"Forwarded": 'for=1.2.3.4;Proto="https"'},
        {"Forwarded": ["for=1.2.3.4", "for=5.6.7.8, proto=https"]},
        {"Origin": "https://other.example"},
        {"Referer": "https://shop.example/cart"},
        {"X_Forwarded_Proto": "wss"},
        {"X_Forwarded_Ssl": "on"},
        {"Front_End_Https": "on"},
        {"CF_Visitor": '{"scheme":"https"}'},
        {"X_Url_Scheme": "https"},
        {"Host": "127.0.0.1:8000", "X_Forwarded_For": "192.0.2.1", "Sec_Fetch_Site": "none"},
        {"Host": "localhost:8000", "Via": "1.1 proxy", "Sec_Fetch_Site": "none"},
        {"Host": "shop.example", "Sec_Fetch_Site": "same-origin"},
        {"Host": "shop.example", "Sec_Fetch_Mode": "cors"},
        {"Host": "shop.example", "Sec_Fetch_Dest": "document"},
    ],
)
def test_whatever_speaks_of_https_is_enough(headers: dict[str, Any]) -> None:
    """Anybody can write it: it only makes the cookie stricter."""
    assert not is_plain_http(Head(**headers))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ([], True),
        (["localhost"], True),
        (["LOCALHOST:8000"], True),
        (["shop.localhost"], True),
        (["testserver"], True),
        (["testserver.local"], True),
        (["127.0.0.1"], True),
        (["127.1.2.3:80"], True),
        (["[::1]"], True),
        (["[::1]:8000"], True),
        (["shop.example"], False),
        (["localhost.example"], False),
        (["notlocalhost"], False),
        (["127.0.0.1.example"], False),
        (["128.0.0.1"], False),
        (["[::2]"], False),
        (["10.0.0.1"], False),
        ([""], False),
        (["localhost", "shop.example"], False),
    ],
)
def test_this_machine_is_known_by_its_names(host: list[str], expected: bool) -> None:
    assert is_local(Head(Host=host)) is expected


@pytest.mark.parametrize(
    ("mode", "expected"),
    [([], True), (["navigate"], True), (["cors"], False), (["websocket"], False), ([""], False)],
)
def test_a_navigation_is_what_is_not_said_to_be_anything_else(
    mode: list[str], expected: bool
) -> None:
    assert is_navigation(Head(Sec_Fetch_Mode=mode)) is expected
