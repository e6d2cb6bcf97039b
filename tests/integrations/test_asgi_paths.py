"""Which path an ASGI application was asked for: what its framework's own router compares."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette._utils import get_route_path

from iron_session.integrations.asgi.paths import path_in_routes

PATHS = st.text("/a", max_size=6)


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [
        ("/pay", "", "/pay"),
        ("/api/pay", "/api", "/pay"),
        ("/api/api/pay", "/api", "/api/pay"),
        ("/api/", "/api", "/"),
        ("/api", "/api", "/"),
        ("/pay", "/api", "/pay"),  # some servers leave the root out
        ("/apis/pay", "/api", "/apis/pay"),
        ("/x/api/pay", "/api", "/x/api/pay"),
        ("/api/pay", "/api/", "/api/pay"),
        ("", "", "/"),
        ("*", "", "*"),
    ],
)
def test_what_the_application_is_mounted_under_is_left_out(
    path: str, root: str, expected: str
) -> None:
    assert path_in_routes({"path": path, "root_path": root}) == expected


def test_a_server_may_know_of_no_root() -> None:
    assert path_in_routes({"path": "/pay"}) == "/pay"


@given(path=PATHS, root=PATHS)
def test_it_is_what_starlettes_router_compares(path: str, root: str) -> None:
    """But for the empty path, which leads to no route there."""
    scope: Any = {"path": path, "root_path": root}
    assert path_in_routes(scope) == (get_route_path(scope) or "/")
