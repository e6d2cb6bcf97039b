"""A browser for Django's libraries: it sends forms with their tokens, and forgets what expires."""

import re
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.test import Client

SESSION: Final = "sessionid"  # Django's own name for the cookie
FILLING: Final = "x" * 6000  # more than one cookie can hold
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


class Browser(Client):
    """Django's test client, but it sends CSRF tokens, and no cookie that has expired."""

    is_filled: bool = False

    def __init__(self, **headers: Any) -> None:
        super().__init__(enforce_csrf_checks=True, **headers)

    def request(self, **request: Any) -> Any:
        """Send a request, then drop what has expired: Django's client would send it on, emptied."""
        response = super().request(**request)
        cookies = list(self.cookies.items())
        for name in (name for name, cookie in cookies if cookie["max-age"] in (0, "0")):
            del self.cookies[name]
        return response

    def submit(self, page: str, fields: dict[str, Any], *, to: str | None = None) -> Any:
        """Open a page, fill in its form and send it, to the page itself unless told otherwise."""
        opened = self.get(page)
        assert opened.status_code == 200, (opened.status_code, opened.headers)
        return self.post(to or page, {**fields, "csrfmiddlewaretoken": token(opened.text)})

    def send(self, path: str, fields: dict[str, Any]) -> Any:
        """Send a form that is open already; the cookie's token is as good as the form's."""
        csrf_token = self.cookies["csrftoken"].value
        return self.post(path, {**fields, "csrfmiddlewaretoken": csrf_token})

    def fill_session(self) -> None:
        """Put more into the session than one cookie can hold."""
        self.get("/fill/")
        assert len(self.session_cookies) > 1
        self.is_filled = True

    def user(self) -> str:
        """Return the name of whoever is logged in; the login has kept what the session held."""
        name, _, filled = self.get("/who/").text.partition(" ")
        assert not name or bool(filled) == self.is_filled
        return name

    @property
    def session_cookies(self) -> dict[str, str]:
        """The session's cookies that the browser has: one, its chunks, or none."""
        return {
            name: cookie.value
            for name, cookie in self.cookies.items()
            if name == SESSION or name.startswith(f"{SESSION}.")
        }

    def keep(self, session_cookies: dict[str, str]) -> None:
        """Replace the session's cookies by others, such as copies of older ones."""
        for name in self.session_cookies:
            del self.cookies[name]
        for name, value in session_cookies.items():
            self.cookies[name] = value


def token(page: str) -> str:
    """Return the CSRF token of a page's form."""
    found = _TOKEN.search(page)
    assert found is not None, page
    return found[1]


def fill(request: HttpRequest) -> HttpResponse:
    """Put more into the session than one cookie can hold."""
    request.session["filling"] = FILLING
    return HttpResponse()


def who(request: HttpRequest) -> HttpResponse:
    """Answer with the name of whoever is logged in, and whether the session is filled."""
    filled = " filled" if request.session.get("filling") == FILLING else ""
    return HttpResponse(f"{request.user.get_username()}{filled}")
