"""HTTP/2 by hypercorn, where browsers send each cookie in a field of its own.

To ASGI and WSGI applications alike, for which a server joins the fields in ways of its own.
"""

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from iron_session.integrations.starlette import IronSessionMiddleware
from iron_session.integrations.wsgi import IronSessionMiddleware as WsgiMiddleware
from tests.helpers.waiting import WAIT
from tests.sessions.browser import ReceivedCookie, make_options, saved

NAME = "__Host-app"
OPTIONS = make_options(cookie_name=NAME, chunk=True)


def make_asgi() -> Any:
    def read(request: Request) -> JSONResponse:
        return JSONResponse(dict(request.session))

    async def write(request: Request) -> JSONResponse:
        request.session.update(await request.json())
        return JSONResponse(None)

    app = Starlette(routes=[Route("/", read, methods=["GET"]), Route("/", write, methods=["POST"])])
    return IronSessionMiddleware(app, OPTIONS)


def make_wsgi() -> Any:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        session = environ["iron_session"]
        if environ["REQUEST_METHOD"] == "POST":
            session.update(json.loads(environ["wsgi.input"].read()))
        body = json.dumps(dict(session)).encode()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [body]

    return WsgiMiddleware(app, OPTIONS)


def write_certificate(folder: Path) -> Config:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    config = Config()
    config.certfile, config.keyfile = str(folder / "certificate"), str(folder / "key")
    Path(config.certfile).write_bytes(certificate.public_bytes(pem))
    Path(config.keyfile).write_bytes(private)
    return config


@pytest.fixture(scope="module", params=["asgi", "wsgi"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    config = write_certificate(tmp_path_factory.mktemp("certificate"))
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config.bind = [f"fd://{listener.detach()}"]  # hypercorn closes it
    over = threading.Event()

    async def run() -> None:
        async def wait() -> None:
            await asyncio.to_thread(over.wait)

        app = {"asgi": make_asgi, "wsgi": make_wsgi}[request.param]()
        await serve(app, config, shutdown_trigger=wait, mode=request.param)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    yield f"https://127.0.0.1:{port}"
    over.set()
    thread.join()


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the certificate was made a moment ago
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with httpx.Client(timeout=WAIT, base_url=address, http2=True, verify=trusting) as client:
        yield client


def send(client: httpx.Client, method: str, cookies: list[str], **rest: Any) -> httpx.Response:
    """Send each cookie in a field of its own."""
    client.cookies.clear()
    fields = [("cookie", cookie) for cookie in cookies]
    answer = client.request(method, "/", headers=fields, **rest)
    assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
    return answer


def write(client: httpx.Client, data: dict[str, Any]) -> list[str]:
    """Write a session, and return its cookies."""
    answer = send(client, "POST", [], json=data)
    received = map(ReceivedCookie.parse, answer.headers.get_list("set-cookie"))
    return [f"{each.name}={each.value}" for each in received if each.max_age != 0]


def read(client: httpx.Client, cookies: list[str]) -> dict[str, Any]:
    answer: dict[str, Any] = send(client, "GET", cookies).json()
    return answer


def test_a_session_is_found_among_cookies_in_fields_of_their_own(client: httpx.Client) -> None:
    (mine,) = write(client, {"user": "ann"})
    assert read(client, ["theme=dark", mine, "language=en"]) == {"user": "ann"}


def test_chunks_in_fields_of_their_own_are_one_session(client: httpx.Client) -> None:
    data = {"user": "ann", "text": "x" * 6000}
    chunks = write(client, data)
    assert len(chunks) == 3
    assert read(client, ["theme=dark", *chunks]) == data
    assert read(client, [chunks[2], "theme=dark", chunks[0], "language=en", chunks[1]]) == data


def test_a_comma_in_another_cookie_begins_no_session(client: httpx.Client) -> None:
    """A page on a subdomain can set such a cookie, but none whose name begins with __Host-."""
    (mine,) = write(client, {"user": "ann"})
    theirs = saved({"user": "mallory"}, cookie_name=NAME)
    for comma in (",", ", "):
        assert read(client, [f"x=1{comma}{theirs}", mine]) == {"user": "ann"}
        assert read(client, [f"x=1{comma}{theirs}"]) == {}


def test_a_comma_in_another_cookie_begins_no_chunk(client: httpx.Client) -> None:
    chunks = write(client, {"user": "ann", "text": "x" * 6000})
    for comma in (",", ", "):
        assert read(client, [f"x=1{comma}{chunks[0]}", *chunks[1:]]) == {}
