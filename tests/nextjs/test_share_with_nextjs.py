"""The tutorial on Next.js: its site is built from its blocks, and does what the page says."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait
from starlette.applications import Starlette
from starlette.testclient import TestClient

from iron_session import (
    ConfigurationError,
    CookieOptions,
    HeaderJar,
    Passwords,
    SessionOptions,
    get_iron_session,
)
from iron_session.csrf import CsrfOptions
from iron_session.integrations.asgi.csrf import CsrfMiddleware
from tests.helpers.chromium import OpenChromium, click_through
from tests.helpers.pages import ROOT, one_line, read_page, run_code
from tests.helpers.waiting import WAIT
from tests.interop.node import find_node
from tests.nextjs.conftest import Site
from tests.nextjs.site import (
    HERE,
    MODULES,
    PAGE,
    Visitor,
    first_files,
    last_files,
    next_server,
)
from tests.sessions.browser import (
    ReceivedCookie,
    expiration_of,
    open_text,
    password_id_of,
    seal_text,
)

DAY = 24 * 3600
NOBODY = "Nobody is logged in"


def options_of(site: Site, **changes: Any) -> SessionOptions:
    """Return Python's options, of which a test names what it is about."""
    return SessionOptions(**{"password": site.folder.password, "cookie_name": "myapp", **changes})


def in_python(site: Site, visitor: Visitor, **changes: Any) -> dict[str, Any]:
    """Read the visitor's cookie as Python does, without a request."""
    session = get_iron_session(jar_of(visitor), options_of(site, **changes))
    return dict(session)


def jar_of(visitor: Visitor) -> HeaderJar:
    return HeaderJar("; ".join(f"{name}={value}" for name, value in visitor.cookies.items()))


def all_of(site: Site, visitor: Visitor) -> Any:
    """Return all that the visitor's seal holds, `$iron` too."""
    return open_text(visitor.cookies["myapp"], password=site.folder.password, now=now_ms())


def sealed(site: Site, content: dict[str, Any], **changes: Any) -> Visitor:
    """Return a visitor with a session of this content, as another server may have sealed it."""
    seal = seal_text(
        json.dumps(content),
        password=changes.get("password", site.folder.password),
        expires=now_ms() + DAY * 1000,
    )
    return Visitor(site.next.port, {"myapp": f"{seal}~2"})


def visitor_of(site: Site, options: SessionOptions, **data: Any) -> Visitor:
    """Return a visitor whose session Python has written by these options."""
    jar = HeaderJar()
    session = get_iron_session(jar, options)
    session.update(data)
    session.save()
    cookies = [ReceivedCookie.parse(header) for header in jar.set_cookie_headers]
    kept = {cookie.name: cookie.value for cookie in cookies if cookie.max_age != 0}
    return Visitor(site.next.port, kept)


def now_ms() -> int:
    return round(datetime.now(UTC).timestamp() * 1000)


def days_left(visitor: Visitor) -> float:
    """Return for how many days the visitor's seal opens."""
    end = expiration_of(visitor.cookies["myapp"])
    assert end is not None
    return (end - now_ms()) / 1000 / DAY


# --- the commands and the blocks -----------------------------------------------------------------


def test_the_commands_install_what_the_tests_have(first: Site) -> None:
    """With the versions of package.json and of this environment."""
    venv, pip, *npm = first.folder.asked
    assert venv == "python3 -m venv .venv"
    packages = json.loads((HERE / "package.json").read_text())
    asked: dict[str, set[str]] = {}
    for line in npm:
        words = line.removeprefix("npm install ").split()
        kind = "devDependencies" if words[0] == "--save-dev" else "dependencies"
        asked[kind] = {word for word in words if word != "--save-dev"}
    for kind, names in asked.items():
        pins = packages[kind]
        assert {name.rpartition("@")[0] or name for name in names} == {*pins}
        for name in names:
            bare, _, major = name.rpartition("@")
            assert not bare or pins[bare].partition(".")[0] == major
    assert pip == "pip install iron-session fastapi python-multipart uvicorn"
    pinned = {line.partition("==")[0] for line in read_page("constraints.txt").splitlines()}
    assert {"fastapi", "python-multipart", "uvicorn"} <= pinned


def test_the_node_that_the_page_asks_for_is_the_one_that_the_package_needs() -> None:
    package = json.loads((MODULES / "iron-session" / "package.json").read_text())
    (version,) = re.findall(r"Node\.js (\d+\.\d+) or newer", PAGE)
    assert package["engines"]["node"] == f">={version}.0"
    assert package["version"].startswith("9.")


def test_npm_is_set_up_as_in_the_folder_above() -> None:
    assert (HERE / ".npmrc").read_text() == (ROOT / ".npmrc").read_text()


def test_the_blocks_are_right_for_a_strict_compiler(first: Site, last: Site) -> None:
    """Next.js has checked them by the looser rules of a new project."""
    for site in (first, last):
        command = ["node", "node_modules/typescript/bin/tsc", "--noEmit", "--strict"]
        assert site.folder.run(command, site.folder.web) == ""


def test_both_sides_have_the_same_options(first: Site) -> None:
    """All attributes, and the life of the cookie; Node.js adds the same end once more."""
    found = []
    for answer in (first.visitor().post("/py/count"), first.visitor().send("/api/visits")):
        (header,) = answer.all("set-cookie")
        cookie = ReceivedCookie.parse(header)
        attributes = {name: (text or "").lower() for name, text in cookie.attributes.items()}
        attributes.pop("Expires", None)
        found.append((cookie.name, attributes))
    assert found[0] == found[1]
    assert found[0][1].keys() == {"Max-Age", "Path", "HttpOnly", "SameSite"}


def test_the_defaults_of_both_sides_are_the_same() -> None:
    """Of the attributes, the ttl and chunk."""
    source = (MODULES / "iron-session" / "dist" / "index.js").read_text()
    (text,) = re.findall(r"const defaultOptions = {(.*?)\n};", source, re.DOTALL)
    (ttl,) = re.findall(r"const fourteenDaysInSeconds = (\d+);", source)
    options = SessionOptions(password="a password of 32 letters at least", cookie_name="myapp")
    assert "ttl: fourteenDaysInSeconds" in text
    assert options.ttl == timedelta(seconds=int(ttl)) or options.ttl == int(ttl)
    assert "chunk: false" in text
    assert options.chunk is False
    cookie = options.cookie_options
    assert isinstance(cookie, CookieOptions)
    assert (cookie.http_only, cookie.secure, cookie.same_site, cookie.path, cookie.domain) == (
        True,
        True,
        "lax",
        "/",
        None,
    )
    for line in ("httpOnly: true", "secure: true", 'sameSite: "lax"', 'path: "/"'):
        assert line in text
    assert "domain" not in text


# --- the site ------------------------------------------------------------------------------------


def test_both_sides_raise_one_counter(first: Site) -> None:
    visitor = first.visitor()
    visitor.post("/py/count")
    visitor.act("count-in-next")
    visitor.send("/api/visits")
    visitor.post("/py/count")
    visitor.send("/api/old-visits")
    assert visitor.read("/", "visits") == "5 visits"
    assert visitor.get("/py/me").json == {"user": None, "visits": 5}
    assert visitor.get("/api/visits").json == visitor.get("/api/old-visits").json == {"visits": 5}
    assert [*visitor.cookies] == ["myapp"]


def test_the_page_after_an_action_shows_what_the_action_has_written(first: Site) -> None:
    answer = first.visitor().act("count-in-next")
    assert answer.status == 200
    assert b"1<!-- --> visits" in answer.body


def test_a_login_in_python_is_one_in_next(first: Site) -> None:
    visitor = first.visitor()
    visitor.act("count-in-next")
    answer = visitor.post("/py/login", name="Grace")
    assert (answer.status, answer.all("location")) == (303, ["/"])
    assert visitor.read("/", "user") == "Grace is logged in"
    assert visitor.read("/old", "old") == "Grace is logged in"
    assert visitor.read("/account", "account") == "The account of Grace"
    assert visitor.read("/", "visits") == "0 visits"


def test_a_login_in_next_is_one_in_python(first: Site) -> None:
    visitor = first.visitor()
    visitor.post("/py/count")
    visitor.act("login-in-next", name="Ada")
    assert visitor.get("/py/me").json == {"user": "Ada", "visits": 0}


def test_a_login_in_next_keeps_nothing_of_the_visitor_before(first: Site) -> None:
    visitor = sealed(first, {"user": "Eve", "_flashes": [], "$iron": {"ttl": 60}})
    visitor.act("login-in-next", name="Ada")
    data = all_of(first, visitor)
    assert data.pop("$iron").keys() == {"id", "user", "login"}
    assert data == {"user": "Ada"}


@pytest.mark.parametrize("login", ["next", "python"])
def test_python_knows_the_user_and_the_login_wherever_it_was(first: Site, login: str) -> None:
    visitor = first.visitor()
    before = datetime.now(UTC) - timedelta(seconds=5)
    if login == "next":
        visitor.act("login-in-next", name="Ada")
    else:
        visitor.post("/py/login", name="Ada")
    session = get_iron_session(jar_of(visitor), options_of(first))
    assert session.user_id == "Ada"
    assert re.fullmatch(r"[\w-]{22}", session.id or "")
    assert session.logged_in_at is not None
    assert before < session.logged_in_at <= datetime.now(UTC)


@pytest.mark.parametrize("where", ["next", "python"])
@pytest.mark.parametrize("login", ["next", "python"])
def test_a_logout_on_either_side_is_one_on_both(first: Site, login: str, where: str) -> None:
    visitor = first.visitor()
    if login == "next":
        visitor.act("login-in-next", name="Ada")
    else:
        visitor.post("/py/login", name="Ada")
    copy = dict(visitor.cookies)
    if where == "next":
        visitor.act("logout-in-next")
    else:
        visitor.post("/py/logout")
    assert visitor.cookies == {}
    assert visitor.read("/", "user") == NOBODY
    assert visitor.get("/py/me").json["user"] is None
    # And it ends nothing elsewhere.
    thief = Visitor(first.next.port, copy)
    assert thief.read("/", "user") == "Ada is logged in"
    assert thief.get("/py/me").json["user"] == "Ada"


def test_without_the_setting_the_cookie_is_secure_on_both_sides(
    first: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESSION_PASSWORD", first.folder.password)
    monkeypatch.delenv("SESSION_SECURE", raising=False)
    options = run_code(first_files()["sessions.py"], "sessions")["options"]
    assert options.cookie_options.secure is True
    with next_server(first.folder, SESSION_SECURE="") as server:
        (header,) = Visitor(server.port).send("/api/visits").all("set-cookie")
        assert "Secure" in ReceivedCookie.parse(header).attributes


@pytest.fixture(scope="module")
def chromium(
    open_chromium: OpenChromium, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chrome]:
    with open_chromium(tmp_path_factory.mktemp("chromium") / "profile") as driver:
        yield driver


def wait_for_text(driver: Chrome, name: str, text: str) -> None:
    """Wait until a part of the page has this text: an action changes it without a new page."""
    WebDriverWait(driver, WAIT).until(
        lambda it: (
            it.execute_script("return document.getElementById(arguments[0])?.textContent", name)
            == text
        )
    )


def click(driver: Chrome, button: str) -> None:
    driver.find_element(By.ID, button).click()


def test_a_browser_sees_one_session_on_both_sides(first: Site, chromium: Chrome) -> None:
    chromium.get(f"http://localhost:{first.next.port}/")
    click(chromium, "count-in-next")
    wait_for_text(chromium, "visits", "1 visits")
    click_through(chromium, "#count-in-python")
    wait_for_text(chromium, "visits", "2 visits")
    click_through(chromium, "#login-in-python")
    wait_for_text(chromium, "user", "Grace is logged in")
    click(chromium, "login-in-next")
    wait_for_text(chromium, "user", "Ada is logged in")
    assert len(chromium.get_cookies()) == 1
    # The same host with another port, and another host.
    me = f"{first.python.port}/py/me"
    chromium.get(f"http://localhost:{me}")
    assert '"user":"Ada"' in chromium.find_element(By.TAG_NAME, "body").text
    chromium.get(f"http://127.0.0.1:{me}")
    assert '"user":null' in chromium.find_element(By.TAG_NAME, "body").text
    chromium.get(f"http://localhost:{first.next.port}/")
    click_through(chromium, "#logout-in-python")
    wait_for_text(chromium, "user", NOBODY)
    assert chromium.get_cookies() == []


def test_a_client_component_calls_python_and_refreshes_the_page(
    first: Site, chromium: Chrome
) -> None:
    chromium.get(f"http://localhost:{first.next.port}/more/script")
    for count in (1, 2):
        click(chromium, "count-by-script")
        wait_for_text(chromium, "visits", f"{count} visits")
    assert chromium.execute_script("return document.cookie") == ""


# --- the rewrite ---------------------------------------------------------------------------------


def test_the_address_of_python_is_in_the_build(first: Site) -> None:
    """What `next start` finds in the environment does not change the rewrites."""
    with next_server(first.folder, PYTHON_URL="http://127.0.0.1:9") as server:
        visitor = Visitor(server.port)
        assert visitor.get("/py/me").status == 200
        visitor.post("/py/login", name="Grace")
        assert visitor.get("/account").status == 500  # this one does read it


def test_while_python_does_not_run_next_answers_with_500(first: Site) -> None:
    assert first.alone.status == 500
    assert "ECONNREFUSED" in first.next.output


def test_python_gets_another_host_than_the_browser_has_sent(last: Site) -> None:
    """So the header check needs the origin, where the browser sends no Sec-Fetch-Site."""
    origin = "http://shop.example:3000"
    sent = last.visitor().get("/py/headers", Host="shop.example:3000", Origin=origin).json
    assert sent["host"] == f"127.0.0.1:{last.python.port}"
    assert sent["origin"] == origin
    headers = {"Host": sent["host"], "Origin": sent["origin"]}
    for trusted, status in ([], 403), ([origin], 404):
        app = Starlette()
        app.add_middleware(CsrfMiddleware, options=CsrfOptions(trusted_origins=trusted))
        assert TestClient(app).post("/", headers=headers).status_code == status


def test_next_compares_the_origin_for_actions_and_not_for_route_handlers(first: Site) -> None:
    visitor = first.visitor()
    assert visitor.act("count-in-next", origin="https://evil.example").status == 500
    assert visitor.cookies == {}
    answer = visitor.ask("POST", "/api/visits", Origin="https://evil.example")
    assert (answer.status, [*visitor.cookies]) == (200, ["myapp"])


# --- where it can be read and written ------------------------------------------------------------


def test_a_server_component_can_neither_save_nor_destroy(first: Site) -> None:
    messages = json.loads(first.visitor().read("/more/rsc"))
    (told,) = re.findall(r"^\| `(Cookies can only be .*?)` \|", PAGE, re.MULTILINE)
    assert len(messages) == 2
    assert all(told in message for message in messages)


def test_node_writes_at_each_save_and_python_after_a_change(first: Site) -> None:
    visitor = visitor_of(first, options_of(first), visits=1)
    before = visitor.cookies["myapp"]
    assert visitor.get("/py/me").all("set-cookie") == []
    assert visitor.cookies["myapp"] == before
    assert len(visitor.send("/more/session").all("set-cookie")) == 1
    assert visitor.cookies["myapp"] != before
    assert in_python(first, visitor) == {"visits": 1}


def test_a_route_handler_says_itself_that_nobody_may_keep_its_answer(first: Site) -> None:
    visitor = visitor_of(first, options_of(first), visits=1)
    bare = visitor.get("/more/session")
    assert bare.cache_control is None
    assert "cookie" not in (bare.vary or "").lower()
    assert visitor.get("/api/visits").cache_control == "private, no-store"


def test_the_pages_router_writes_before_the_page_is_rendered(first: Site) -> None:
    visitor = first.visitor()
    assert [visitor.read("/more-props") for _ in range(2)] == ["1", "2"]
    assert in_python(first, visitor) == {"visits": 2}


def test_a_server_component_must_pass_the_cookies_on(first: Site) -> None:
    visitor = first.visitor()
    visitor.post("/py/login", name="Grace")
    assert visitor.read("/account", "account") == "The account of Grace"
    assert json.loads(visitor.read("/more/bare"))["user"] is None


def test_what_python_answers_a_server_component_sets_no_cookie(first: Site) -> None:
    visitor = first.visitor()
    assert visitor.read("/more/lost") == "true"  # Python has sent one
    assert visitor.cookies == {}


def test_the_proxy_lets_pass_who_is_logged_in(last: Site) -> None:
    visitor = last.visitor()
    answer = visitor.get("/account")
    assert (answer.status, answer.all("location")) == (307, ["/"])
    visitor.post("/py/login", name="Grace")
    assert visitor.read("/account", "account") == "The account of Grace"


# --- a proxy that saves --------------------------------------------------------------------------

SAVES = {"X-Proxy-Saves": "yes"}


def test_a_page_sees_what_the_proxy_has_saved(first: Site) -> None:
    visitor = first.visitor(**SAVES)
    assert [json.loads(visitor.read("/more/seen")) for _ in range(2)] == [{"seen": 1}, {"seen": 2}]


def test_what_the_proxy_saves_for_a_rewritten_path_is_lost(first: Site) -> None:
    visitor = first.visitor(**SAVES)
    assert visitor.get("/py/me").all("set-cookie") == []
    assert visitor.cookies == {}


def test_what_the_proxy_saves_is_lost_too_where_python_writes(first: Site) -> None:
    """The browser gets both cookies; Python's is the last one, and knows nothing of the other."""
    visitor = first.visitor(**SAVES)
    cookies = visitor.post("/py/count").all("set-cookie")
    seals = [ReceivedCookie.parse(header).value for header in cookies]
    content = [open_text(seal, password=first.folder.password, now=now_ms()) for seal in seals]
    assert content == [{"seen": 1}, {"visits": 1}]
    assert in_python(first, visitor) == {"visits": 1}


def test_a_proxy_that_saves_brings_a_session_back(first: Site) -> None:
    """Its request came with the cookie from before the logout, and is answered after it."""
    visitor = first.visitor()
    visitor.post("/py/login", name="Grace")
    late = Visitor(first.next.port, dict(visitor.cookies), SAVES)
    visitor.post("/py/logout")
    assert visitor.cookies == {}
    late.get("/more/seen")
    visitor.cookies.update(late.cookies)
    assert visitor.get("/py/me").json["user"] == "Grace"


def test_of_two_writes_at_the_same_time_one_is_lost(first: Site) -> None:
    visitor = visitor_of(first, options_of(first), visits=1)
    one, other = (Visitor(first.next.port, dict(visitor.cookies)) for _ in range(2))
    one.send("/more/session", theme="dark")
    other.post("/py/count")
    assert in_python(first, other) == {"visits": 2}


# --- what must be equal --------------------------------------------------------------------------


def test_the_last_one_to_save_decides_how_long_the_session_lives(first: Site) -> None:
    visitor = visitor_of(first, options_of(first, ttl=timedelta(days=1)), visits=1)
    assert days_left(visitor) == pytest.approx(1, abs=0.01)
    visitor.send("/api/visits")
    assert days_left(visitor) == pytest.approx(14, abs=0.01)


def test_the_password_in_a_dot_env_file_is_another_one_if_it_has_a_dollar_or_a_hash(
    tmp_path: Path,
) -> None:
    script = (
        "const { loadEnvConfig } = require(process.argv[1]);"
        "const { combinedEnv } = loadEnvConfig(process.argv[2], false);"
        "console.log(JSON.stringify(combinedEnv.SESSION_PASSWORD));"
    )
    found = []
    for password in ("abc$HOME/def", "abc#def", "plain-text_1"):
        (tmp_path / ".env.local").write_text(f"SESSION_PASSWORD={password}\n")
        command = [str(find_node()), "-e", script, str(MODULES / "@next" / "env"), str(tmp_path)]
        run = subprocess.run(
            command, capture_output=True, text=True, check=True, env={"HOME": "/home/me"}
        )
        found.append(json.loads(run.stdout.splitlines()[-1]))
    assert found == ["abc/home/me/def", "abc", "plain-text_1"]


@pytest.mark.parametrize("changes", [{"secure": False}, {"domain": "shop.example"}])
def test_a_host_name_needs_secure_and_no_domain(changes: dict[str, Any]) -> None:
    password = "a password of 32 letters at least"
    with pytest.raises(ConfigurationError, match="__Host-"):
        SessionOptions(password=password, cookie_name="__Host-myapp", cookie_options=changes)


# --- what both sides understand ------------------------------------------------------------------

DATA = {
    "text": "Ada \u2028 \U0001f375 ☕",
    "yes": True,
    "no": None,
    "nested": {"list": [1, 2.5, {"deep": ["tea"]}], "empty": {}},
}


def test_values_come_through_in_both_directions(first: Site) -> None:
    visitor = visitor_of(first, options_of(first), **DATA)
    assert visitor.get("/more/session").json == DATA
    other = first.visitor()
    other.send("/more/session", **DATA)
    assert in_python(first, other) == DATA


def test_numbers_that_javascript_has_not_are_changed_by_a_save(first: Site) -> None:
    visitor = visitor_of(first, options_of(first), big=2**53 + 1, whole=1.0)
    visitor.send("/more/session")
    data = in_python(first, visitor)
    assert data == {"big": 2**53, "whole": 1}
    assert isinstance(data["whole"], int)


@pytest.mark.parametrize("value", ["Date", "Map", "bigint"])
def test_what_json_has_no_name_for_can_not_be_saved_in_node(first: Site, value: str) -> None:
    visitor = first.visitor()
    answer = visitor.ask("POST", f"/more/odd?value={value}")
    assert f"session.odd is a {value}" in answer.body.decode()
    assert visitor.cookies == {}


def test_undefined_is_a_missing_key(first: Site) -> None:
    visitor = first.visitor()
    assert visitor.ask("POST", "/more/odd?value=undefined").body == b"saved"
    assert in_python(first, visitor) == {"before": 1}


@dataclass
class Seen:
    """A schema of Python's."""

    user: str | None = None
    last: datetime | None = None


def test_data_that_does_not_fit_the_schema_is_empty_in_python_only(first: Site) -> None:
    reasons: list[str] = []
    visitor = first.visitor()
    visitor.send("/more/session", user="Ada", last=5)
    options = options_of(
        first, schema=Seen, on_unseal_error=lambda failure: reasons.append(failure.reason)
    )
    assert get_iron_session(jar_of(visitor), options).data == Seen()
    assert reasons == ["schema"]
    assert visitor.read("/", "user") == "Ada is logged in"


def test_a_save_in_node_keeps_the_keys_that_it_does_not_know(first: Site) -> None:
    options = options_of(first, max_lifetime=timedelta(days=30))
    jar = HeaderJar()
    session = get_iron_session(jar, options)
    session.flash("Saved")
    session["_auth_user_id"] = "1"
    session.save()
    cookie = ReceivedCookie.parse(jar.set_cookie_headers[0])
    visitor = Visitor(first.next.port, {cookie.name: cookie.value})
    before = all_of(first, visitor)
    visitor.send("/api/visits")
    assert all_of(first, visitor) == {**before, "visits": 1}
    assert get_iron_session(jar_of(visitor), options).pop_flashes()[0].message == "Saved"
    # Code that drops what it does not know takes them away.
    visitor.ask("DELETE", "/more/session")
    assert all_of(first, visitor) == {"visits": 1}


LARGE = {"large": "tea " * 1500}


def test_a_session_in_chunks_is_read_by_both_sides_and_written_by_those_that_chunk(
    first: Site,
) -> None:
    options = options_of(first, chunk=True)
    visitor = visitor_of(first, options, **LARGE)
    assert {*visitor.cookies} > {"myapp.0", "myapp.1"}
    assert visitor.get("/more/session").json == LARGE
    assert visitor.send("/api/visits").status == 500
    assert "`chunk` is not enabled here" in first.next.output
    visitor.send("/more/session?options=chunked", visits=1)
    assert in_python(first, visitor) == {**LARGE, "visits": 1}
    visitor.send("/more/session?options=chunked", large="")
    assert [*visitor.cookies] == ["myapp"]


# --- lifetimes -----------------------------------------------------------------------------------


def remembered(site: Site) -> Visitor:
    """Return a visitor who has asked Python to be remembered for 30 days."""
    jar = HeaderJar()
    session = get_iron_session(jar, options_of(site))
    session["user"] = "Ada"
    session.ttl = timedelta(days=30)
    session.save()
    cookie = ReceivedCookie.parse(jar.set_cookie_headers[0])
    return Visitor(site.next.port, {cookie.name: cookie.value})


def test_remember_me_is_cut_by_node_until_it_obeys(first: Site, last: Site) -> None:
    for site, days in (first, 14), (last, 30):
        visitor = remembered(site)
        assert days_left(visitor) == pytest.approx(30, abs=0.01)
        visitor.send("/api/visits")
        assert days_left(visitor) == pytest.approx(days, abs=0.01)


def test_a_login_in_node_begins_with_the_ttl_of_the_options(last: Site) -> None:
    visitor = remembered(last)
    visitor.act("login-in-next", name="Grace")
    assert days_left(visitor) == pytest.approx(14, abs=0.01)


def test_a_session_beyond_its_longest_life_is_opened_by_node_until_it_obeys(
    first: Site, last: Site
) -> None:
    created = now_ms() - 31 * DAY * 1000
    for site, shown in (first, "Ada is logged in"), (last, NOBODY):
        visitor = sealed(site, {"user": "Ada", "$iron": {"created": created}})
        assert visitor.read("/", "user") == shown
        assert in_python(site, visitor, max_lifetime=timedelta(days=30)) == {}


def test_a_session_that_is_only_read_is_not_renewed_by_node(first: Site) -> None:
    visitor = visitor_of(first, options_of(first), visits=1)
    for path in ("/", "/api/visits", "/old", "/account"):
        assert visitor.get(path).all("set-cookie") == []


def test_without_a_max_age_the_seal_of_node_never_expires_and_that_of_python_does(
    first: Site,
) -> None:
    visitor = first.visitor()
    visitor.send("/more/session?options=endless", user="Ada")
    assert expiration_of(visitor.cookies["myapp"]) is None
    options = options_of(first, cookie_options={"max_age": None})
    assert days_left(visitor_of(first, options, user="Ada")) == pytest.approx(14, abs=0.01)


# --- ending sessions -----------------------------------------------------------------------------


def copy_of(visitor: Visitor) -> Visitor:
    """Return somebody who has copied the visitor's cookie."""
    return Visitor(visitor.port, dict(visitor.cookies))


def test_a_counter_that_node_has_begun_goes_on_in_python(last: Site) -> None:
    visitor = last.visitor()
    visitor.act("count-in-next")
    visitor.post("/py/count")
    visitor.send("/api/visits")
    assert visitor.get("/py/me").json == {"user": None, "visits": 3}


def test_a_session_that_does_not_say_when_it_began_is_empty_in_python(last: Site) -> None:
    visitor = sealed(last, {"visits": 3})
    assert visitor.read("/", "visits") == "3 visits"
    assert visitor.get("/py/me").json["visits"] == 0
    assert "do not say from when on endings count" in last.python.output


@pytest.mark.parametrize("login", ["next", "python"])
def test_all_sessions_of_a_user_are_ended_by_python(last: Site, login: str) -> None:
    """Wherever the login was; Node.js, which asks nobody, still takes the copy for a good one."""
    name = f"Ada by {login}"
    visitor = last.visitor()
    if login == "next":
        visitor.act("login-in-next", name=name)
    else:
        visitor.post("/py/login", name=name)
    thief = copy_of(visitor)
    assert thief.read("/account", "account") == f"The account of {name}"
    visitor.post("/py/logout-everywhere")
    assert visitor.cookies == {}
    assert thief.get("/py/me").json["user"] is None
    assert thief.read("/", "user") == f"{name} is logged in"
    answer = thief.get("/account")
    assert b"The account of" not in answer.body
    # A new login is a good one.
    visitor.act("login-in-next", name=name)
    assert visitor.get("/py/me").json["user"] == name


def test_a_logout_in_python_ends_the_copies_and_one_in_node_does_not(last: Site) -> None:
    for ends in (True, False):
        visitor = last.visitor()
        visitor.act("login-in-next", name="Ada")
        thief = copy_of(visitor)
        if ends:
            visitor.post("/py/logout")
        else:
            visitor.act("logout-in-next")
        assert visitor.cookies == {}
        assert thief.get("/py/me").json["user"] == (None if ends else "Ada")


def test_a_session_of_a_clock_that_is_fast_survives_an_ending(last: Site) -> None:
    later = now_ms() + 60_000
    mark = {"id": "A" * 22, "user": "Early", "login": later, "since": later, "created": later}
    fast = sealed(last, {"user": "Early", "$iron": mark})
    visitor = last.visitor()
    visitor.act("login-in-next", name="Early")
    thief = copy_of(visitor)
    visitor.post("/py/logout-everywhere")
    assert thief.get("/py/me").json["user"] is None
    assert fast.get("/py/me").json["user"] == "Early"


def test_a_login_in_node_is_written_as_the_page_on_endings_asks_for(last: Site) -> None:
    visitor = last.visitor()
    visitor.act("login-in-next", name="Ada")
    data = all_of(last, visitor)
    assert re.fullmatch(r"[\w-]{22}", data["$iron"].pop("id"))
    times = [data["$iron"].pop(name) for name in ("login", "since", "created")]
    assert max(times) - min(times) < 1000
    assert now_ms() - 60_000 < min(times) <= max(times) <= now_ms()
    assert data == {"user": "Ada", "$iron": {"user": "Ada"}}


# --- passwords -----------------------------------------------------------------------------------


def test_node_seals_with_the_highest_password_and_python_may_wait(first: Site) -> None:
    """The file `env` takes them as JSON in single quotes, as the shell reads it."""
    old, new = first.folder.password, "a new password of 32 letters and more"
    waiting = options_of(first, password=Passwords({1: old, 2: new}, seal_with=1))
    behind = options_of(first)  # it has the old password only
    env = first.folder.path / "env"
    before = env.read_text()
    both = f"SESSION_PASSWORD='{json.dumps({'1': old, '2': new})}'"
    env.write_text(before.replace(f"SESSION_PASSWORD={old}", both))
    try:
        with next_server(first.folder) as server:
            visitor = visitor_of(first, waiting, visits=1)
            assert password_id_of(visitor.cookies["myapp"]) == "1"
            visitor.port = server.port
            visitor.send("/api/visits")
    finally:
        env.write_text(before)
    assert password_id_of(visitor.cookies["myapp"]) == "2"
    assert dict(get_iron_session(jar_of(visitor), waiting)) == {"visits": 2}
    assert dict(get_iron_session(jar_of(visitor), behind)) == {}


def test_a_cookie_that_can_not_be_read_raises_nothing_on_either_side(first: Site) -> None:
    visitor = Visitor(first.next.port, {"myapp": "Fe26.2*1*nonsense"})
    assert visitor.read("/", "user") == NOBODY
    assert visitor.get("/py/me").json == {"user": None, "visits": 0}


# --- the page itself -----------------------------------------------------------------------------


def test_the_last_files_are_the_first_with_what_the_page_changes() -> None:
    first, last = first_files(), last_files()
    assert first.keys() == last.keys()
    changed = {name for name in first if first[name] != last[name]}
    assert changed == {"sessions.py", "main.py", "web/lib/session.ts"}


def test_no_line_of_code_is_too_long_to_be_read_without_scrolling() -> None:
    lines = [line for text in last_files().values() for line in text.splitlines()]
    assert [line for line in lines if len(line) > 85] == []
    assert "next@16" in one_line(PAGE)
