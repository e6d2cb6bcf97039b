"""Flask-Login, Flask-WTF, flash, and Authlib's client for Flask, on a sealed session."""

import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from authlib.integrations.flask_client import OAuth, OAuthError
from django.utils.functional import lazy
from flask import (
    Flask,
    Response,
    flash,
    get_flashed_messages,
    redirect,
    render_template_string,
    request,
    session,
    url_for,
)
from flask.sessions import SecureCookieSessionInterface
from flask.testing import FlaskClient
from flask_login import (
    LoginManager,
    UserMixin,
    confirm_login,
    current_user,
    fresh_login_required,
    login_required,
    login_user,
    logout_user,
)
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFProtect, generate_csrf
from joserfc.errors import InvalidClaimError
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse
from wtforms import StringField

from iron_session import NotSerializableError
from iron_session.integrations.flask import IronSessionInterface, with_iron_session
from tests.contract.server import serve_asgi, serve_wsgi
from tests.helpers.openid import MISMATCH, USER, Provider
from tests.helpers.revoker import Ledger
from tests.helpers.waiting import WAIT
from tests.sessions.browser import (
    FOREIGN,
    NAME,
    PASSWORD,
    ReceivedCookie,
    make_options,
    saved,
    session_of,
)

OPTIONS = make_options()


def make_app() -> Flask:
    """Make an app with our sessions; the secret key is for what extensions sign by themselves."""
    app = Flask(__name__)
    app.secret_key = "signs Flask-WTF's tokens and Flask-Login's remember cookie"
    app.session_interface = IronSessionInterface(OPTIONS)
    return app


def in_the_cookie(client: FlaskClient) -> dict[str, Any]:
    """Open what the browser has."""
    cookie = client.get_cookie(NAME)
    return {} if cookie is None else dict(session_of(f"{NAME}={cookie.value}"))


def is_written(response: Any) -> bool:
    """Tell whether a response writes or ends the session."""
    values = response.headers.getlist("Set-Cookie")
    return NAME in {ReceivedCookie.parse(value).name for value in values}


# --- Flask-Login -----------------------------------------------------------------------------


class User(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    """Somebody who may log in."""

    def __init__(self, name: str) -> None:
        self.id = name


@pytest.fixture(params=["basic", "strong"])
def protection(request: pytest.FixtureRequest) -> str:
    """Give both ways of looking whether a session has come to another browser."""
    return str(request.param)


@pytest.fixture
def members(protection: str) -> FlaskClient:
    """Visit a site for members."""
    app = make_app()
    manager: Any = LoginManager(app)
    manager.session_protection = protection
    manager.login_view = "log_in"
    manager.user_loader(lambda name: User(name) if name == "jane" else None)

    @app.post("/log-in")
    def log_in() -> str:
        login_user(User("jane"), remember="remember" in request.args)
        return "welcome"

    @app.get("/members")
    @login_required  # type: ignore[untyped-decorator]  # Flask-Login has no types
    def club() -> str:
        return str(current_user.id)

    @app.get("/vault")
    @fresh_login_required  # type: ignore[untyped-decorator]  # Flask-Login has no types
    def vault() -> str:
        return "gold"

    @app.post("/confirm")
    def confirm() -> str:
        confirm_login()
        return ""

    @app.post("/log-out")
    def log_out() -> str:
        logout_user()
        if "say" in request.args:
            flash(request.args["say"])
        return "bye"

    return app.test_client()


def test_flask_login_logs_in_and_out(members: FlaskClient) -> None:
    assert members.get("/members").status_code == 302
    members.post("/log-in")
    assert members.get("/members").text == "jane"
    assert in_the_cookie(members)["_user_id"] == "jane"
    members.post("/log-out")
    assert members.get("/members").status_code == 302
    assert "_user_id" not in in_the_cookie(members)


def member_site(app: Flask, decorate: Any = lambda view: view) -> FlaskClient:
    """Visit a site whose views log in and out, and show whose session it is."""
    manager: Any = LoginManager(app)
    manager.user_loader(User)

    def log_in() -> str:
        session["cart"] = 1
        login_user(User("jane"))
        return ""

    def log_out() -> str:
        logout_user()
        return ""

    def who() -> Any:
        ours: Any = session
        return [ours.id, ours.user_id, ours.get("cart")]

    for view in (log_in, log_out, who):
        app.add_url_rule(f"/{view.__name__}", None, decorate(view), methods=["GET", "POST"])
    return app.test_client()


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_login_begins_the_member_s_session_and_a_logout_ends_it(is_wrapped: bool) -> None:
    ledger = Ledger()
    options = make_options(revocations=ledger, max_lifetime=30 * 24 * 3600)
    app = make_app()
    if is_wrapped:
        app.session_interface = SecureCookieSessionInterface()
        client = member_site(app, with_iron_session(options))
    else:
        app.session_interface = IronSessionInterface(options)
        client = member_site(app)
    client.post("/log_in")
    session_id, *about = client.get("/who").get_json()
    assert about == ["jane", 1]
    client.post("/log_in")
    after = client.get("/who").get_json()
    assert after[0] not in (None, session_id)
    client.post("/log_out")
    assert list(ledger.ended) == [after[0]]
    assert client.get("/who").get_json()[1:] == [None, 1]


def test_user_of_decides_whose_session_it_is_where_it_is_given() -> None:
    app = make_app()
    app.session_interface = IronSessionInterface(
        make_options(user_of=lambda data: data.get("_user_id"))
    )
    client = member_site(app)
    client.post("/log_in")
    assert client.get("/who").get_json()[1:] == ["jane", 1]


def remembering_site(ledger: Ledger) -> FlaskClient:
    """Visit a site whose members are remembered, with a session that can be ended."""
    app = make_app()
    app.session_interface = IronSessionInterface(
        make_options(revocations=ledger, max_lifetime=30 * 24 * 3600)
    )
    client = member_site(app)
    app.add_url_rule("/remember", view_func=lambda: str(login_user(User("jane"), remember=True)))

    @app.get("/user")
    def user() -> Any:
        ours: Any = session
        name = current_user.id if current_user.is_authenticated else None
        return [name, ours.user_id, ours.logged_in_at is not None]

    client.get("/remember")
    assert client.get("/user").get_json() == ["jane", "jane", True]
    return client


# Flask-Login calls it, and Python 3.12 and newer warn of it.
@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_a_remembered_user_has_a_session_that_can_be_ended() -> None:
    """And nobody has proven who they are just now."""
    ledger = Ledger()
    client = remembering_site(ledger)
    client.delete_cookie(NAME)
    for _ in range(2):
        assert client.get("/user").get_json() == ["jane", "jane", False]
    ledger.end_user("jane")
    assert client.get("/user").get_json() == [None, None, False]


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_a_remember_cookie_does_not_undo_an_ending() -> None:
    ledger = Ledger()
    client = remembering_site(ledger)
    ledger.end_user("jane")
    response = client.get("/user")
    assert response.get_json() == [None, None, False]
    assert set_cookie(response)["remember_token"].max_age == 0
    client.delete_cookie(NAME)
    assert client.get("/user").get_json() == [None, None, False]
    client.get("/remember")
    assert client.get("/user").get_json() == ["jane", "jane", True]


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_a_remember_cookie_begins_no_session_while_nobody_can_tell() -> None:
    """The browser's session may be one that was ended."""
    ledger = Ledger()
    client = remembering_site(ledger)
    ledger.reachable = False
    response = client.get("/user")
    assert (response.status_code, set_cookie(response)) == (503, {})
    ledger.reachable = True
    assert client.get("/user").get_json() == ["jane", "jane", True]


def unreadable(members: FlaskClient) -> FlaskClient:
    """Give a member the session of a server that has a newer password."""
    newer = {1: PASSWORD, 2: FOREIGN}
    header = saved({"_user_id": "jane", "_fresh": True}, password=newer)
    members.set_cookie(NAME, header.partition("=")[2])
    return members


def set_cookie(response: Any) -> dict[str, ReceivedCookie]:
    """Read the cookies that a response sets."""
    cookies = map(ReceivedCookie.parse, response.headers.getlist("Set-Cookie"))
    return {cookie.name: cookie for cookie in cookies}


def test_a_logout_expires_a_session_that_only_another_server_can_read(members: FlaskClient) -> None:
    """Else that server would have the visitor logged in."""
    response = unreadable(members).post("/log-out")
    assert set_cookie(response)[NAME].max_age == 0
    assert response.headers["Vary"] == "Cookie"
    assert members.get_cookie(NAME) is None


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_a_logout_that_clears_the_remember_cookie_expires_such_a_session_too(
    members: FlaskClient,
) -> None:
    """Flask-Login leaves itself a note in the session, for the end of the request."""
    members.post("/log-in?remember")
    cookies = set_cookie(unreadable(members).post("/log-out"))
    assert {name: cookie.max_age for name, cookie in cookies.items()} == {
        NAME: 0,
        "remember_token": 0,
    }


def test_a_logout_that_leaves_a_message_puts_that_in_the_place_of_such_a_session(
    members: FlaskClient,
) -> None:
    unreadable(members).post("/log-out?say=goodbye")
    assert in_the_cookie(members) == {"_flashes": [["message", "goodbye"]]}


def test_a_logout_without_a_session_sets_no_cookie(members: FlaskClient) -> None:
    assert set_cookie(members.post("/log-out")) == {}


def test_a_logout_under_another_interface_is_that_one_s(members: FlaskClient) -> None:
    members.post("/log-in")
    members.application.session_interface = SecureCookieSessionInterface()
    assert members.post("/log-out").text == "bye"


def test_flask_login_is_not_imported_for_an_application_that_does_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "flask_login")
    app = make_app()
    app.add_url_rule("/", view_func=lambda: session.update(a=1) or "done")
    assert is_written(app.test_client().get("/"))
    assert "flask_login" not in sys.modules


def test_a_page_for_members_is_not_written_at_every_visit(members: FlaskClient) -> None:
    """And may not be taken from a cache by somebody else."""
    members.post("/log-in")
    response = members.get("/members")
    assert not is_written(response)
    assert response.headers["Vary"] == "Cookie"


# Flask-Login calls it, and Python 3.12 and newer warn of it.
@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
@pytest.mark.parametrize("protection", ["basic"], indirect=True)
def test_flask_login_remembers_a_visitor_whose_session_is_gone(members: FlaskClient) -> None:
    """By a cookie of its own; the new session is not fresh until the visitor confirms.

    Not under strong protection: that ends every session that was not begun by a login.
    """
    members.post("/log-in?remember")
    members.delete_cookie(NAME)
    assert members.get("/members").text == "jane"
    assert members.get("/vault").status_code == 401
    members.post("/confirm")
    assert members.get("/vault").text == "gold"


def test_session_protection_notices_another_browser(members: FlaskClient) -> None:
    members.post("/log-in")
    thief = {"User-Agent": "another"}
    assert members.get("/vault", headers=thief).status_code in (302, 401)
    assert in_the_cookie(members).get("_fresh") is not True


def test_the_page_that_asked_for_the_login_is_told_in_a_flash(members: FlaskClient) -> None:
    members.get("/members")
    assert in_the_cookie(members)["_flashes"] == [["message", "Please log in to access this page."]]


def test_the_message_of_the_login_may_be_a_lazy_text() -> None:
    """Which Flask-Babel's `lazy_gettext` makes; it is asked in the language of the request."""
    app = make_app()
    manager: Any = LoginManager(app)
    manager.login_view = "log_in"
    manager.user_loader(User)
    manager.login_message = lazy(lambda: f"Log in to see {request.path}", str)()
    app.add_url_rule("/log-in", "log_in", lambda: render_template_string(MESSAGES))

    @app.get("/members")
    @login_required  # type: ignore[untyped-decorator]  # Flask-Login has no types
    def club() -> str:
        return "never"

    client = app.test_client()
    assert client.get("/members").status_code == 302
    assert in_the_cookie(client)["_flashes"] == [["message", "Log in to see /members"]]
    assert client.get("/log-in").text.strip() == "message: Log in to see /members"


# --- Flask-WTF -------------------------------------------------------------------------------


class NameForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A form, which carries a token by itself."""

    name = StringField()


@pytest.fixture
def forms() -> FlaskClient:
    """Visit a site that protects its forms."""
    app = make_app()
    CSRFProtect(app)

    @app.get("/token")
    def token() -> str:
        return str(generate_csrf())

    @app.route("/name", methods=["GET", "POST"])
    def name() -> str:
        form = NameForm()
        if form.validate_on_submit():
            return str(form.name.data)
        return render_template_string("{{ form.csrf_token.current_token }}", form=form)

    return app.test_client()


@pytest.mark.parametrize("page", ["/token", "/name"])
def test_flask_wtf_takes_the_token_that_waits_in_the_session(forms: FlaskClient, page: str) -> None:
    token = forms.get(page).text
    assert list(in_the_cookie(forms)) == ["csrf_token"]
    answer = forms.post("/name", data={"name": "Jane", "csrf_token": token})
    assert (answer.status_code, answer.text) == (200, "Jane")


def test_flask_wtf_refuses_a_token_of_another_session(forms: FlaskClient) -> None:
    token = forms.get("/token").text
    forms.delete_cookie(NAME)
    assert forms.post("/name", data={"name": "x", "csrf_token": token}).status_code == 400
    forms.get("/token")
    assert forms.post("/name", data={"name": "x", "csrf_token": token}).status_code == 400
    assert forms.post("/name", data={"name": "x"}).status_code == 400


def test_a_token_is_made_once(forms: FlaskClient) -> None:
    forms.get("/token")
    assert not is_written(forms.get("/token"))


# --- flash -----------------------------------------------------------------------------------

MESSAGES = """{% for category, message in get_flashed_messages(with_categories=true) -%}
{{ category }}: {{ message }}
{% endfor %}"""


@pytest.fixture
def flashing() -> FlaskClient:
    """Visit a site that says something on the next page."""
    app = make_app()

    @app.post("/save")
    def save() -> BaseResponse:
        flash("Saved", "success")
        flash("Grüße <b>", "info")
        return redirect("/", 303)

    @app.post("/markup")
    def markup() -> BaseResponse:
        flash(Markup("<b>Saved</b>"))
        return redirect("/", 303)

    @app.get("/")
    def home() -> str:
        return render_template_string(MESSAGES)

    @app.get("/only")
    def only() -> list[Any]:
        return get_flashed_messages(with_categories=True, category_filter=["info"])

    return app.test_client()


def test_flashed_messages_survive_a_redirect_and_are_shown_once(flashing: FlaskClient) -> None:
    page = flashing.post("/save", follow_redirects=True)
    assert page.text.splitlines() == ["success: Saved", "info: Grüße &lt;b&gt;"]
    assert in_the_cookie(flashing) == {}
    assert flashing.get("/").text == ""


def test_messages_gather_until_they_are_shown(flashing: FlaskClient) -> None:
    flashing.post("/save")
    flashing.post("/save")
    assert len(flashing.get("/").text.splitlines()) == 4


def test_messages_are_filtered_by_category(flashing: FlaskClient) -> None:
    flashing.post("/save")
    assert flashing.get("/only").json == [["info", "Grüße <b>"]]


def test_markup_comes_back_as_text_which_templates_escape(flashing: FlaskClient) -> None:
    """JSON has no such thing, so it is on the safe side."""
    page = flashing.post("/markup", follow_redirects=True)
    assert page.text.strip() == "message: &lt;b&gt;Saved&lt;/b&gt;"


def test_a_message_that_json_can_t_carry_is_refused_where_it_is_flashed() -> None:
    app = make_app()
    with app.test_request_context(), pytest.raises(NotSerializableError, match=r"_flashes"):
        flash(object())  # type: ignore[arg-type]  # a mistake


# --- Authlib ---------------------------------------------------------------------------------


def make_site(provider: str) -> Flask:
    """Make the site that logs in by a provider, as Authlib's documentation does."""
    app = Flask(__name__)
    app.session_interface = IronSessionInterface(make_options(cookie_options={"secure": False}))
    oauth = OAuth(app)
    oauth.register(
        "provider",
        client_id="the-site",
        client_secret="the-site-s-secret",
        server_metadata_url=f"http://{provider}/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid profile",
            "code_challenge_method": "S256",
            "trust_env": False,
        },
    )

    @app.get("/login")
    def log_in() -> Response:
        answer: Response = oauth.provider.authorize_redirect(url_for("callback", _external=True))
        return answer

    @app.get("/callback")
    def callback() -> Any:
        try:
            token = oauth.provider.authorize_access_token()
        except (OAuthError, InvalidClaimError) as error:
            return str(error), 400
        session["user"] = dict(token["userinfo"])
        return redirect("/", 303)

    @app.get("/")
    def home() -> dict[str, Any]:
        return dict(session)

    return app


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Serve provider and site, and give the site's address."""
    with (
        serve_asgi(Provider().app) as provider,
        serve_wsgi(make_site(provider)) as address,
    ):
        yield f"http://{address}"


@pytest.fixture
def visitor(site: str) -> Iterator[httpx.Client]:
    """Open a client that keeps cookies and goes where it is told to."""
    with httpx.Client(timeout=WAIT, base_url=site, trust_env=False) as client:
        yield client


def test_authlib_s_flask_client_logs_a_visitor_in(visitor: httpx.Client) -> None:
    """Code flow with PKCE, state and nonce: the session is its only memory."""
    answer = visitor.get("/login", follow_redirects=True)
    assert [one.status_code for one in answer.history] == [302, 302, 303]
    assert {name: answer.json()["user"][name] for name in USER} == USER
    assert list(session_of(f"{NAME}={visitor.cookies[NAME]}")) == ["user"]


def test_a_callback_without_the_session_that_asked_is_refused(
    visitor: httpx.Client, site: str
) -> None:
    back = visitor.get(visitor.get("/login").headers["location"]).headers["location"]
    with httpx.Client(timeout=WAIT, base_url=site, trust_env=False) as victim:
        answer = victim.get(back)
    assert (answer.status_code, answer.text) == (400, MISMATCH)
