"""A provider of logins, as OAuth 2 and OpenID Connect have it, on a port of this machine."""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

CLAIMS = {
    "sub": "4711",
    "email": "grace@example.com",
    "email_verified": True,
    "preferred_username": "grace",
}


class _Handler(BaseHTTPRequestHandler):
    """Everybody is logged in here as Grace, and consents."""

    server: "_Server"

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, _fields(urlsplit(self.path).query)
        if path == "/.well-known/openid-configuration":
            self._answer(self.server.description)
        elif path == "/authorize":
            code = secrets.token_urlsafe()
            self.server.challenges[code] = query.get("code_challenge")
            self.send_response(302)
            uri, back = query["redirect_uri"], urlencode({"code": code, "state": query["state"]})
            self.send_header("Location", f"{uri}{'&' if '?' in uri else '?'}{back}")
            self.end_headers()
        elif self.headers["Authorization"] == f"Bearer {self.server.access_token}":
            self._answer(CLAIMS)
        else:
            self.send_error(401)

    def do_POST(self) -> None:
        """Exchange a code, which is good once, for the access token."""
        fields = _fields(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if self.server.challenges.pop(fields["code"]) == _challenge(fields.get("code_verifier")):
            self._answer({"access_token": self.server.access_token, "token_type": "Bearer"})
        else:
            self.send_error(400)

    def _answer(self, data: dict[str, Any]) -> None:
        body = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Write nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.access_token = secrets.token_urlsafe()
        self.challenges: dict[str, str | None] = {}
        self.description = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }


def _fields(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text).items()}


def _challenge(verifier: str | None) -> str | None:
    """Return what PKCE's method S256 makes of a verifier."""
    if verifier is None:
        return None
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@contextmanager
def running_provider() -> Iterator[str]:
    """Run the provider, and yield its address."""
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


def consent(url: str) -> str:
    """Visit the provider, as a browser that was sent there, and return where it is sent back to."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc)
    connection.request("GET", f"{parts.path}?{parts.query}")
    location = urlsplit(connection.getresponse().headers["Location"])
    connection.close()
    return f"{location.path}?{location.query}"
