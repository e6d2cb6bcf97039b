"""granian: Flask and Quart, each in several processes, over HTTP/1.1 and HTTP/2."""

from collections.abc import Iterator

import pytest

from tests.libraries.servers.serving import FLASK, QUART, check_a_visit, serving, visiting

SITES = {"asgi": QUART, "wsgi": FLASK}


@pytest.fixture(scope="module", params=SITES)
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """Start two servers of one site."""
    interface = request.param
    command = (
        f"granian --interface {interface} --workers 2 --host 127.0.0.1 --port PORT "
        f"{SITES[interface]}"
    )
    with serving(command, tmp_path_factory.mktemp("granian")) as addresses:
        yield addresses


@pytest.mark.parametrize("http_2", [False, True], ids=["http-1", "http-2"])
def test_a_visitor_logs_in_and_out(servers: tuple[str, str], http_2: bool) -> None:
    with visiting(servers, http_2=http_2) as visitor:
        check_a_visit(visitor)
