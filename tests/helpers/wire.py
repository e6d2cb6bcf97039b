"""Sends a request of any method to a server on this machine."""

from http.client import HTTPConnection
from urllib.parse import urlencode

from tests.contract.common_app import WAIT
from tests.contract.door import Answer


class Client:
    """Sends requests, and keeps the cookies that it receives."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.cookies: dict[str, str] = {}

    def send(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request; `http.client` returns every header as it came."""
        sent = {**(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection = HTTPConnection(self.address, timeout=WAIT)
        try:
            connection.request(method, target, urlencode(form or {}), sent)
            response = connection.getresponse()
            found = [(name.lower(), value) for name, value in response.getheaders()]
            answer = Answer(status=response.status, headers=found, body=response.read())
        finally:
            connection.close()
        self.cookies.update({name: cookie.value for name, cookie in answer.cookies.items()})
        return answer

    def get(self, target: str, headers: dict[str, str] | None = None) -> Answer:
        """Send a GET."""
        return self.send("GET", target, headers)

    def post(
        self, target: str, headers: dict[str, str] | None = None, form: dict[str, str] | None = None
    ) -> Answer:
        """Send a POST."""
        return self.send("POST", target, headers, form)
