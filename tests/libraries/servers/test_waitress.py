"""waitress: a site in Flask, on threads."""

from pathlib import Path

from tests.libraries.servers.serving import FLASK, check_a_visit, serving, visiting


def test_a_visitor_logs_in_and_out(tmp_path: Path) -> None:
    command = f"waitress-serve --listen=127.0.0.1:PORT {FLASK}"
    with serving(command, tmp_path) as servers, visiting(servers) as visitor:
        check_a_visit(visitor)
