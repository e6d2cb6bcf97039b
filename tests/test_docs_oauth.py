"""The page on OAuth: its sites are served, and a visitor signs in to each over real HTTP."""

import asyncio
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.integrations.starlette_client import OAuth
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

from iron_session import HeaderJar, Session, get_iron_session
from iron_session.seals import unseal_data
from tests.contract.server import serve_asgi, serve_wsgi
from tests.helpers.openid import CLIENT_ID, CLIENT_SECRET, USER, Provider
from tests.helpers.pages import blocks, read_page, run_code, sections
from tests.helpers.waiting import WAIT
from tests.integrations.django_site import project

PAGE = read_page("docs/how-to/oauth.md")
SECTIONS = sections(PAGE)
(TOP,) = blocks("python", PAGE.partition("## ")[0])
# Over plain http a visitor's client sends no Secure cookie.
NAMED = 'cookie_name="myapp"'
OVER_HTTP = f'{NAMED}, cookie_options={{"secure": "auto"}}'
PASSWORD = "the password of the page on OAuth, 43 long."
BEGUN = "_state_provider_"


def names_of(title: str) -> dict[str, Any]:
    """Run the lines that all need, and those under a heading."""
    parts = [TOP.replace(NAMED, OVER_HTTP)]
    parts += [*blocks("python", SECTIONS["Abandoned logins"]), *blocks("python", SECTIONS[title])]
    return run_code("\n".join(parts), "oauth_page")


@contextmanager
def serve_django(names: dict[str, Any]) -> Iterator[str]:
    """Serve the page's views, with a database that has users."""
    urls = ModuleType("oauth_page_urls")
    vars(urls).update(names)
    sys.modules[urls.__name__] = urls
    cookie = {"cookie_name": "myapp", "cookie_options": {"secure": "auto"}}
    try:
        with (
            override_settings(
                ROOT_URLCONF=urls.__name__,
                MIDDLEWARE=[
                    project.SESSION_MIDDLEWARE,
                    "django.contrib.auth.middleware.AuthenticationMiddleware",
                ],
                SESSION_COOKIE_NAME="myapp",
                IRON_SESSION={"password": PASSWORD, **cookie},
            ),
            serve_wsgi(WSGIHandler()) as address,
        ):
            yield address
    finally:
        del sys.modules[urls.__name__]


SERVED: dict[str, Callable[[dict[str, Any]], AbstractContextManager[str]]] = {
    "FastAPI": lambda names: serve_asgi(names["app"]),
    "Flask": lambda names: serve_wsgi(names["app"]),
    "Django": serve_django,
}
USER_IDS = {"FastAPI": "1", "Flask": "1", "Django": f"provider|{USER['sub']}"}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """Serve a provider, and give the address of its metadata."""
    with serve_asgi(Provider().app) as address:
        yield f"http://{address}/.well-known/openid-configuration"


@pytest.fixture
def surroundings(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what the page reads from the environment."""
    monkeypatch.setenv("SESSION_PASSWORD", PASSWORD)
    monkeypatch.setenv("OAUTH_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("OAUTH_CLIENT_SECRET", CLIENT_SECRET)
    monkeypatch.setenv("OAUTH_METADATA_URL", provider)
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture(params=SERVED)
def site(request: pytest.FixtureRequest, surroundings: None, tmp_path: Path) -> Iterator[str]:
    """Serve each of the page's sites, and give its heading and address."""
    title: str = request.param
    with project.new_database(tmp_path), SERVED[title](names_of(title)) as address:
        yield f"{title} http://{address}"


@pytest.fixture
def visitor(site: str) -> Iterator[httpx.Client]:
    """Open a client that keeps cookies and goes where it is told to."""
    with httpx.Client(timeout=WAIT, base_url=site.split()[1], trust_env=False) as client:
        yield client


def content(visitor: httpx.Client) -> Any:
    """Return the data in the visitor's cookie, without what Django keeps for itself."""
    data = unseal_data(visitor.cookies["myapp"], password=PASSWORD)
    return {key: value for key, value in data.items() if not key.startswith("_auth_")}


def test_every_block_of_the_page_is_run() -> None:
    assert SECTIONS.keys() == {"Abandoned logins", *SERVED, "Tokens"}
    everywhere = [TOP, *(block for part in SECTIONS.values() for block in blocks("python", part))]
    assert everywhere == blocks("python", PAGE)


def test_a_visitor_signs_in_and_out_on_each_site(site: str, visitor: httpx.Client) -> None:
    title = site.split(maxsplit=1)[0]
    assert visitor.get("/").json() == {"user": None, "name": None}
    answer = visitor.get("/login", follow_redirects=True)
    assert len(answer.history) == 3
    assert answer.json() == {"user": USER_IDS[title], "name": USER["name"]}
    assert content(visitor) == {"name": USER["name"]}
    session: Session = get_iron_session(
        HeaderJar(f"myapp={visitor.cookies['myapp']}"), names_of(title)["options"]
    )
    assert session.user_id is not None
    assert session.id is not None
    assert visitor.post("/logout", follow_redirects=True).json() == {"user": None, "name": None}
    assert "myapp" not in visitor.cookies


def test_abandoned_logins_do_not_fill_the_session_of_any_site(visitor: httpx.Client) -> None:
    begun = [visitor.get("/login") for _ in range(12)]
    assert {answer.status_code for answer in begun} == {302}
    (entry,) = content(visitor)
    assert entry.startswith(BEGUN)
    back = visitor.get(begun[-1].headers["location"]).headers["location"]
    assert visitor.get(back).is_redirect
    assert content(visitor) == {"name": USER["name"]}


def test_what_waits_in_the_session_is_what_the_page_says(visitor: httpx.Client) -> None:
    location = visitor.get("/login").headers["location"]
    (state,) = parse_qs(urlsplit(location).query)["state"]
    ((key, entry),) = content(visitor).items()
    assert key == f"{BEGUN}{state}"
    part = PAGE.partition("## What waits in the session")[2].partition("## ")[0]
    cells = [line.split(" | ")[0] for line in part.splitlines() if line.startswith("| `")]
    named = set(re.findall(r"`(\w+)`", "".join(cells)))
    assert named == {"state", *entry, *entry["data"]} - {"data"}


def test_a_callback_that_this_browser_has_not_begun_is_answered_with_help(
    site: str, visitor: httpx.Client
) -> None:
    begun = visitor.get("/login").headers["location"]
    callback = visitor.get(begun).headers["location"]
    with httpx.Client(timeout=WAIT, base_url=site.split()[1], trust_env=False) as victim:
        answer = victim.get(callback)
        assert (answer.status_code, "begin again" in answer.text) == (400, True)
        assert victim.get("/").json()["user"] is None
    assert visitor.get(callback).is_redirect
    assert visitor.get(callback).status_code == 400  # it works once


def test_no_form_makes_the_name_of_a_providers_user() -> None:
    accept = UnicodeUsernameValidator()
    accept(USER["sub"])
    with pytest.raises(ValidationError):
        accept(USER_IDS["Django"])


@pytest.mark.usefixtures("surroundings")
def test_authlib_uses_pkce_only_if_it_is_asked() -> None:
    names = run_code(TOP, "oauth_page")
    del names["PROVIDER"]["client_kwargs"]["code_challenge_method"]
    names["PROVIDER"]["client_kwargs"]["trust_env"] = False
    oauth = OAuth()
    oauth.register("provider", **names["PROVIDER"])

    url = asyncio.run(oauth.provider.create_authorization_url("https://x.example/"))["url"]
    assert "code_challenge" not in url


@pytest.mark.usefixtures("surroundings")
def test_tokens_are_kept_outside_of_the_session() -> None:
    names = names_of("Tokens")
    token = {"access_token": "a", "refresh_token": "r", "id_token": "i" * 2000, "expires_at": 1}
    try:
        assert names["token_of"]("1") is None
        names["keep_token"]("1", token)
        names["keep_token"]("1", token | {"access_token": "b", "userinfo": {}})
        kept = {"access_token": "b", "refresh_token": "r", "expires_at": 1}
        assert names["token_of"]("1") == kept
    finally:
        names["db"].close()


@pytest.mark.usefixtures("surroundings")
def test_a_user_is_named_by_the_provider_and_its_subject_together() -> None:
    names = names_of("Tokens")
    first, other = ({"iss": f"https://{name}.example", "sub": "7"} for name in ("one", "two"))
    with closing(names["db"]):
        ids = [names["user_id_of"](claims) for claims in (first, other, first)]
    assert ids == ["1", "2", "1"]
