"""Flask-Dance: OAuth with a provider, over real HTTP; the session holds state, verifier, token."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from flask import Flask
from flask_dance.consumer import OAuth1ConsumerBlueprint, OAuth2ConsumerBlueprint
from flask_dance.consumer.requests import OAuth1Session, OAuth2Session
from flask_dance.consumer.storage.session import SessionStorage
from oauthlib.oauth2 import OAuth2Error

from tests.contract.server import serve_wsgi
from tests.helpers.waiting import WAIT
from tests.libraries.flask.provider import CLIENT_ID, CLIENT_SECRET, USER, make_provider
from tests.libraries.flask.site import is_expired, is_written, make_site
from tests.sessions.browser import NAME, session_of

TOKEN = "local_oauth_token"


class CopyingStorage(SessionStorage):
    """Lends out copies: Flask-Dance writes the seconds that are left into what it gets."""

    def get(self, blueprint: Any) -> Any:
        """Return a copy of the token in the session, None where there is none."""
        token = super().get(blueprint)
        return token and dict(token)


class Direct:
    """Speaks to the provider without asking the machine for proxies."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.trust_env = False


class DirectOAuth2Session(Direct, OAuth2Session):
    """Speaks OAuth 2."""


class DirectOAuth1Session(Direct, OAuth1Session):
    """Speaks OAuth 1."""


def make_app(provider: str, *, scope: str = "full", storage: Any = None) -> Flask:
    """Make a site whose visitors are known to a provider, by OAuth 2 and by OAuth 1."""
    app = make_site()
    local = OAuth2ConsumerBlueprint(
        "local",
        __name__,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        base_url=f"{provider}/",
        authorization_url=f"{provider}/authorize",
        token_url=f"{provider}/token",
        auto_refresh_url=f"{provider}/token",
        scope=scope,
        use_pkce=True,
        session_class=DirectOAuth2Session,
        storage=storage,
    )
    old = OAuth1ConsumerBlueprint(
        "old",
        __name__,
        client_key=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        base_url=f"{provider}/",
        request_token_url=f"{provider}/request-token",
        authorization_url=f"{provider}/authorize-1",
        access_token_url=f"{provider}/access-token",
        session_class=DirectOAuth1Session,
    )
    app.register_blueprint(local, url_prefix="/login")
    app.register_blueprint(old, url_prefix="/login")

    @app.get("/")
    def home() -> dict[str, bool]:
        return {"local": local.session.authorized, "old": old.session.authorized}

    @app.get("/user")
    def user() -> dict[str, Any]:
        known: dict[str, Any] = local.session.get("user").json()
        return known

    @app.post("/log-out")
    def log_out() -> str:
        del local.token
        return "bye"

    @app.errorhandler(OAuth2Error)
    def refuse(error: OAuth2Error) -> tuple[str, int]:
        return str(error), 400

    return app


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """Serve the provider; OAuth's own checks for https are told that this is a test."""
    with pytest.MonkeyPatch.context() as patch, serve_wsgi(make_provider()) as address:
        patch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
        yield f"http://{address}"


@pytest.fixture(scope="module")
def site(provider: str) -> Iterator[str]:
    """Serve the site."""
    with serve_wsgi(make_app(provider)) as address:
        yield f"http://{address}"


@pytest.fixture(scope="module")
def other_site(provider: str) -> Iterator[str]:
    """Serve the same site by another server, where the token has expired when it is given.

    There the blueprint's storage lends out copies.
    """
    with serve_wsgi(make_app(provider, scope="brief", storage=CopyingStorage())) as address:
        yield f"http://{address}"


@pytest.fixture
def visitor() -> Iterator[httpx.Client]:
    """Open a browser: of one host, it sends a cookie to every port."""
    with httpx.Client(timeout=WAIT, trust_env=False, follow_redirects=True) as client:
        yield client


def held(visitor: httpx.Client) -> dict[str, Any]:
    """Open the session's cookie in the visitor's browser."""
    return dict(session_of(f"{NAME}={visitor.cookies.get(NAME, '')}"))


def is_known(visitor: httpx.Client, site: str, by: str = "local") -> bool:
    """Ask a site whether it has a token for its visitor."""
    return bool(visitor.get(f"{site}/").json()[by])


def test_who_is_known_to_the_provider_is_known_to_the_site(
    visitor: httpx.Client, site: str
) -> None:
    answer = visitor.get(f"{site}/login/local")
    assert [one.status_code for one in answer.history] == [302, 302, 302]
    assert answer.json()["local"] is True
    assert visitor.get(f"{site}/user").json() == USER
    assert list(held(visitor)) == [TOKEN]


def test_state_and_verifier_wait_in_the_session(visitor: httpx.Client, site: str) -> None:
    asked = visitor.get(f"{site}/login/local", follow_redirects=False).headers["location"]
    query = parse_qs(urlsplit(asked).query)
    assert held(visitor).keys() == {"local_oauth_state", "local_oauth_code_verifier"}
    assert held(visitor)["local_oauth_state"] == query["state"][0]


def test_a_login_begun_at_one_server_is_finished_by_another(
    visitor: httpx.Client, site: str, other_site: str
) -> None:
    """And is known to both."""
    asked = visitor.get(f"{site}/login/local", follow_redirects=False)
    back = visitor.get(asked.headers["location"], follow_redirects=False).headers["location"]
    assert back.startswith(site)
    visitor.get(back)
    assert is_known(visitor, other_site)


def test_a_callback_with_another_state_is_refused(visitor: httpx.Client, site: str) -> None:
    visitor.get(f"{site}/login/local", follow_redirects=False)
    answer = visitor.get(f"{site}/login/local/authorized?code=code-0&state=another")
    assert answer.status_code == 400
    assert not is_known(visitor, site)


def test_a_callback_without_the_session_that_asked_begins_anew(
    visitor: httpx.Client, site: str
) -> None:
    """So nobody can be logged in with somebody else's code."""
    answer = visitor.get(f"{site}/login/local/authorized?code=x&state=y", follow_redirects=False)
    assert answer.headers["location"] == "/login/local"
    assert TOKEN not in held(visitor)


def test_an_expired_token_is_refreshed_and_the_new_one_kept(
    visitor: httpx.Client, other_site: str
) -> None:
    visitor.get(f"{other_site}/login/local", follow_redirects=True)
    first = held(visitor)[TOKEN]["access_token"]
    answer = visitor.get(f"{other_site}/user")
    assert (answer.json(), is_written(answer)) == (USER, True)
    assert held(visitor)[TOKEN]["access_token"] != first


def test_a_look_at_a_token_writes_the_session(visitor: httpx.Client, site: str) -> None:
    """Flask-Dance puts the seconds that are left into the token that the session holds."""
    visitor.get(f"{site}/login/local")
    assert is_written(visitor.get(f"{site}/"))


def test_a_storage_that_lends_out_copies_is_only_read(
    visitor: httpx.Client, site: str, other_site: str
) -> None:
    visitor.get(f"{site}/login/local")
    answer = visitor.get(f"{other_site}/")
    assert (answer.json()["local"], is_written(answer)) == (True, False)


def test_the_older_oauth_lets_visitors_in_too(visitor: httpx.Client, site: str) -> None:
    """And lives beside the newer."""
    assert visitor.get(f"{site}/login/old").json() == {"local": False, "old": True}
    assert visitor.get(f"{site}/login/local").json() == {"local": True, "old": True}
    assert held(visitor)["old_oauth_token"]["oauth_token"] == "given"


def test_after_the_logout_nobody_is_known_here_and_at_another_server(
    visitor: httpx.Client, site: str, other_site: str
) -> None:
    visitor.get(f"{site}/login/local")
    assert is_expired(visitor.post(f"{site}/log-out"))
    assert held(visitor) == {}
    assert not is_known(visitor, site)
    assert not is_known(visitor, other_site)
