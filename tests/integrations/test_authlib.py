"""Authlib's client logs a visitor in with the session as its only memory.

OpenID Connect's code flow with PKCE, state and nonce, between three parties over real HTTP: a
provider, a site that uses Authlib and our middleware, and a visitor's client.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flask
import httpx
import pytest
from authlib.integrations.flask_client import OAuth as FlaskOAuth
from authlib.integrations.starlette_client import OAuth, OAuthError
from joserfc.errors import InvalidClaimError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from iron_session.integrations.flask import IronSessionInterface
from iron_session.integrations.starlette import IronSessionMiddleware
from tests.contract.server import serve_asgi
from tests.helpers.openid import CLIENT_ID, CLIENT_SECRET, MISMATCH, USER, Provider
from tests.helpers.waiting import WAIT
from tests.sessions.browser import NAME, make_options, session_of


def make_site(provider: str) -> Starlette:
    """Make the site, as Authlib's documentation does, with our middleware in Starlette's place."""
    oauth = OAuth()
    oauth.register(
        "provider",
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        server_metadata_url=f"http://{provider}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid profile", "code_challenge_method": "S256"},
    )

    async def log_in(request: Request) -> Response:
        answer: Response = await oauth.provider.authorize_redirect(
            request, request.url_for("callback")
        )
        return answer

    async def callback(request: Request) -> Response:
        try:
            token = await oauth.provider.authorize_access_token(request)
        except (OAuthError, InvalidClaimError) as error:
            return PlainTextResponse(str(error), status_code=400)
        request.session["user"] = dict(token["userinfo"])
        return RedirectResponse("/", status_code=303)

    async def home(request: Request) -> Response:
        return JSONResponse(dict(request.session))

    return Starlette(
        routes=[
            Route("/", home),
            Route("/login", log_in),
            Route("/callback", callback, name="callback"),
        ],
        middleware=[Middleware(IronSessionMiddleware, options=OPTIONS)],
    )


# Over plain HTTP a visitor's client sends no Secure cookie.
OPTIONS = make_options(cookie_options={"secure": False})


@pytest.fixture(scope="module")
def provider() -> Provider:
    """Make a provider with a key of its own."""
    return Provider()


@pytest.fixture(scope="module")
def site(provider: Provider) -> Iterator[str]:
    """Serve both, and give the site's address."""
    with serve_asgi(provider.app) as address, serve_asgi(make_site(address)) as site:
        yield f"http://{site}"


@pytest.fixture
def visitor(site: str) -> Iterator[httpx.Client]:
    """Open a client that keeps cookies and goes where it is told to."""
    with httpx.Client(timeout=WAIT, base_url=site, trust_env=False) as client:
        yield client


def session(visitor: httpx.Client) -> dict[str, Any]:
    """Open the visitor's cookie, as only the site can."""
    return dict(session_of(f"{NAME}={visitor.cookies[NAME]}"))


def go_to_the_provider(visitor: httpx.Client) -> str:
    """Begin to log in, and give the address of the callback that the provider sends back to."""
    answer = visitor.get("/login")
    assert answer.status_code == 302
    back = visitor.get(answer.headers["location"])
    assert back.status_code == 302
    return back.headers["location"]


def test_a_visitor_logs_in(visitor: httpx.Client) -> None:
    """Through all three parties, and is known from then on."""
    answer = visitor.get("/login", follow_redirects=True)
    assert [one.status_code for one in answer.history] == [302, 302, 303]
    user = answer.json()["user"]
    assert {name: user[name] for name in USER} == USER
    assert visitor.get("/").json()["user"] == user


def test_state_nonce_and_verifier_wait_in_the_sealed_cookie(visitor: httpx.Client) -> None:
    """Which the visitor can't read, and only the site opens."""
    query = parse_qs(urlsplit(visitor.get("/login").headers["location"]).query)
    (state,) = query["state"]
    remembered = session(visitor)[f"_state_provider_{state}"]["data"]
    assert remembered["nonce"] == query["nonce"][0]
    assert remembered["redirect_uri"] == query["redirect_uri"][0]
    assert remembered["code_verifier"] not in visitor.cookies[NAME]
    assert query["code_challenge_method"] == ["S256"]


def test_nothing_of_the_login_stays_in_the_session(visitor: httpx.Client) -> None:
    visitor.get(go_to_the_provider(visitor))
    assert list(session(visitor)) == ["user"]


def test_a_login_begun_twice_remembers_the_last_one(visitor: httpx.Client) -> None:
    """Authlib takes the older state out, and that is saved."""
    first = go_to_the_provider(visitor)
    second = go_to_the_provider(visitor)
    assert len(session(visitor)) == 1
    assert visitor.get(first).status_code == 400
    assert visitor.get(second).status_code == 303
    assert list(session(visitor)) == ["user"]


@pytest.mark.parametrize("state", ["another", "", None])
def test_a_callback_with_another_state_is_refused(visitor: httpx.Client, state: str | None) -> None:
    """As Authlib says, and nobody is logged in."""
    callback = urlsplit(go_to_the_provider(visitor))
    query = {"code": parse_qs(callback.query)["code"][0]}
    answer = visitor.get(callback.path, params=query if state is None else query | {"state": state})
    assert (answer.status_code, answer.text) == (400, MISMATCH)
    assert "user" not in visitor.get("/").json()


def test_a_callback_without_the_cookie_is_refused(visitor: httpx.Client, site: str) -> None:
    """Of a visitor who was sent somebody else's callback."""
    callback = go_to_the_provider(visitor)
    with httpx.Client(timeout=WAIT, base_url=site, trust_env=False) as victim:
        answer = victim.get(callback)
        assert (answer.status_code, answer.text) == (400, MISMATCH)


def test_an_identity_with_another_nonce_is_refused(
    visitor: httpx.Client, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Authlib holds it against the one that waited in the session."""
    monkeypatch.setattr(provider, "nonce", "replayed")
    answer = visitor.get(go_to_the_provider(visitor))
    assert (answer.status_code, "nonce" in answer.text) == (400, True)
    assert visitor.get("/").json() == {}


def test_a_callback_works_once(visitor: httpx.Client) -> None:
    callback = go_to_the_provider(visitor)
    assert visitor.get(callback).status_code == 303
    assert visitor.get(callback).text == MISMATCH
    assert visitor.get("/").json()["user"]["sub"] == USER["sub"]


# --- logins that are begun and abandoned, on Flask ----------------------------------------------


class SmallCache:
    """A cache as Authlib asks for one, for one process."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.kept.get(key)

    def set(self, key: str, value: Any, timeout: int) -> None:
        self.kept[key] = value

    def delete(self, key: str) -> None:
        self.kept.pop(key, None)


def make_flask_site(*, chunk: bool, cache: SmallCache | None, forgets: bool) -> flask.Flask:
    """Make a site whose visitors begin to log in, by PKCE, and never come back."""
    app = flask.Flask(__name__)
    app.session_interface = IronSessionInterface(make_options(chunk=chunk))
    oauth = FlaskOAuth(app, cache=cache)
    oauth.register(
        "provider",
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        authorize_url="https://provider.example/authorize",
        client_kwargs={"scope": "openid profile", "code_challenge_method": "S256"},
    )

    @app.get("/login")
    def log_in() -> Any:
        if forgets:
            for key in [key for key in flask.session if key.startswith("_state_provider_")]:
                flask.session.pop(key)
        return oauth.provider.authorize_redirect("https://site.example/callback")

    return app


BEGUN: dict[str, tuple[dict[str, Any], range]] = {
    "as it comes": ({}, range(4, 7)),
    "in chunks": ({"chunk": True}, range(20, 25)),
    "with Authlib's cache": ({"cache": SmallCache()}, range(33, 41)),
    "that are forgotten": ({"forgets": True}, range(100, 101)),
}
"""How many logins of a hundred fit: about so many, since the digits of a time differ."""


@pytest.mark.parametrize("kind", BEGUN)
def test_logins_that_were_begun_on_flask_stay_in_the_session_until_it_is_full(kind: str) -> None:
    """On Flask, Authlib forgets them only when one is completed, and an hour is over.

    So the login view is to forget those that were begun before, as Authlib does on Starlette.
    """
    changes, fitting = BEGUN[kind]
    app = make_flask_site(**{"chunk": False, "cache": None, "forgets": False, **changes})
    client = app.test_client()
    statuses = [client.get("/login").status_code for _ in range(100)]
    begun = statuses.count(302)
    assert begun in fitting
    assert statuses == [302] * begun + [500] * (100 - begun)
