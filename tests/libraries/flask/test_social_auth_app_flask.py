"""social-auth-app-flask: a visitor comes from a provider; state and verifier wait meanwhile."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from flask import Flask, g, session
from flask_login import LoginManager, UserMixin, current_user, logout_user
from social_core.backends.oauth import BaseOAuth2PKCE
from social_core.exceptions import AuthException
from social_flask.routes import social_auth
from social_flask_sqlalchemy.models import PSABase, init_social
from sqlalchemy import String, create_engine
from sqlalchemy.orm import Mapped, mapped_column, scoped_session, sessionmaker

from tests.contract.server import serve_wsgi
from tests.helpers.waiting import WAIT
from tests.libraries.flask.provider import CLIENT_ID, CLIENT_SECRET, USER, make_provider
from tests.libraries.flask.site import is_expired, make_site
from tests.sessions.browser import NAME, session_of


class User(UserMixin, PSABase):
    """A member, in the tables that social-auth's own are bound to."""

    __tablename__ = "members"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(50))
    email: Mapped[str | None] = mapped_column(String(50))


class Local(BaseOAuth2PKCE):
    """Speaks OAuth 2 with the provider on this machine."""

    name = "local"
    ACCESS_TOKEN_METHOD = "POST"
    ID_KEY = "login"
    PKCE_DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    REDIRECT_STATE = False

    def get_scope(self) -> list[str]:
        """Return what a token is asked for."""
        return ["full"]

    def authorization_url(self) -> str:
        """Return where visitors are sent."""
        return f"{self.setting('PROVIDER')}/authorize"

    def access_token_url(self) -> str:
        """Return where a code becomes a token."""
        return f"{self.setting('PROVIDER')}/token"

    def user_data(self, access_token: str, *_: Any, **__: Any) -> Any:
        """Ask the provider whose token it is."""
        headers = {"Authorization": f"Bearer {access_token}"}
        return self.get_json(f"{self.setting('PROVIDER')}/user", headers=headers)

    def get_user_details(self, response: Any) -> dict[str, str]:
        """Return what the member is called."""
        return {"username": response["login"]}


def make_app(provider: str, members: scoped_session[Any]) -> Flask:
    """Make a site whose members are known to a provider."""
    app = make_site(
        SOCIAL_AUTH_USER_MODEL=f"{__name__}.User",
        SOCIAL_AUTH_AUTHENTICATION_BACKENDS=(f"{__name__}.Local",),
        SOCIAL_AUTH_LOCAL_KEY=CLIENT_ID,
        SOCIAL_AUTH_LOCAL_SECRET=CLIENT_SECRET,
        SOCIAL_AUTH_LOCAL_PROVIDER=provider,
        SOCIAL_AUTH_LOGIN_REDIRECT_URL="/",
    )
    app.register_blueprint(social_auth)
    manager: Any = LoginManager(app)
    manager.user_loader(lambda key: members.get(User, int(key)))

    @app.before_request
    def know_the_visitor() -> None:
        g.user = current_user

    @app.teardown_appcontext
    def put_away(_: object) -> None:
        members.remove()

    @app.get("/")
    def home() -> dict[str, Any]:
        return {"user": getattr(current_user, "username", None)}

    @app.post("/log-out")
    def log_out() -> str:
        logout_user()
        return "bye"

    @app.post("/leave")
    def leave() -> str:
        logout_user()
        session.clear()
        return "bye"

    @app.errorhandler(AuthException)
    def refuse(error: AuthException) -> tuple[str, int]:
        return str(error), 400

    return app


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Serve a provider and two servers of the site, on one file."""
    engine = create_engine(f"sqlite:///{tmp_path_factory.mktemp('members') / 'members.db'}")
    members = scoped_session(sessionmaker(bind=engine))
    with pytest.MonkeyPatch.context() as patch, serve_wsgi(make_provider()) as address:
        patch.setenv("NO_PROXY", "127.0.0.1")  # which social-auth's requests ask for
        provider = f"http://{address}"
        apps = make_app(provider, members), make_app(provider, members)
        with apps[0].app_context():
            init_social(apps[0], members)
        PSABase.metadata.create_all(engine)
        with serve_wsgi(apps[0]) as one, serve_wsgi(apps[1]) as other:
            yield f"http://{one}", f"http://{other}"
    engine.dispose()


@pytest.fixture
def visitor() -> Iterator[httpx.Client]:
    """Open a browser: of one host, it sends a cookie to every port."""
    with httpx.Client(timeout=WAIT, trust_env=False, follow_redirects=True) as client:
        yield client


def held(visitor: httpx.Client) -> dict[str, Any]:
    """Open the session's cookie in the visitor's browser."""
    return dict(session_of(f"{NAME}={visitor.cookies.get(NAME, '')}"))


def known(visitor: httpx.Client, site: str) -> Any:
    """Ask a site whom it sees."""
    return visitor.get(f"{site}/").json()["user"]


def test_who_is_known_to_the_provider_is_logged_in_at_every_server(
    visitor: httpx.Client, sites: tuple[str, str]
) -> None:
    answer = visitor.get(f"{sites[0]}/login/local/")
    assert answer.json() == {"user": USER["login"]}
    assert known(visitor, sites[1]) == USER["login"]


def test_state_and_verifier_wait_in_the_session(
    visitor: httpx.Client, sites: tuple[str, str]
) -> None:
    asked = visitor.get(f"{sites[0]}/login/local/", follow_redirects=False).headers["location"]
    query = parse_qs(urlsplit(asked).query)
    assert held(visitor)["local_state"] == query["state"][0]
    assert held(visitor)["local_code_verifier"]


def test_a_callback_with_another_state_is_refused(
    visitor: httpx.Client, sites: tuple[str, str]
) -> None:
    visitor.get(f"{sites[0]}/login/local/", follow_redirects=False)
    answer = visitor.get(f"{sites[0]}/complete/local/?code=code-0&state=another")
    assert answer.status_code == 400
    assert known(visitor, sites[0]) is None


def test_a_callback_without_the_session_that_asked_is_refused(
    visitor: httpx.Client, sites: tuple[str, str]
) -> None:
    assert visitor.get(f"{sites[0]}/complete/local/?code=x&state=y").status_code == 400
    assert known(visitor, sites[0]) is None


def test_a_visitor_comes_back_as_the_same_member(
    visitor: httpx.Client, sites: tuple[str, str]
) -> None:
    visitor.get(f"{sites[0]}/login/local/")
    first = held(visitor)["_user_id"]
    visitor.post(f"{sites[0]}/leave")
    visitor.get(f"{sites[1]}/login/local/")
    assert held(visitor)["_user_id"] == first


def test_after_the_logout_nobody_is_seen_at_any_server(
    visitor: httpx.Client, sites: tuple[str, str]
) -> None:
    """What social-auth remembers of the last login stays in the cookie, and names nobody."""
    visitor.get(f"{sites[0]}/login/local/")
    visitor.post(f"{sites[0]}/log-out")
    assert "_user_id" not in held(visitor)
    assert [known(visitor, site) for site in sites] == [None, None]


def test_a_cleared_session_leaves_no_cookie(visitor: httpx.Client, sites: tuple[str, str]) -> None:
    visitor.get(f"{sites[0]}/login/local/")
    assert is_expired(visitor.post(f"{sites[0]}/leave"))
    assert held(visitor) == {}
