"""The demo site: over real HTTP, as a browser has it; and its anatomy of a cookie, by itself."""

import html
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from selenium.webdriver.common.by import By

from demo import anatomy
from demo.devices import name_device
from demo.passwords import find_passwords
from demo.spoiling import Damage, spoil
from iron_session import (
    ConfigurationError,
    Passwords,
    SessionOptions,
    UnsealError,
    seal_data,
    unseal_data,
)
from tests.helpers.chromium import OpenChromium, click_through
from tests.helpers.waiting import WAIT

ROOT = Path(__file__).parents[2]
PASSWORD = "the-password-of-the-demo's-tests-protects-nothing"
NAME = "iron-session-demo"
NOW = datetime(2030, 1, 1, tzinfo=UTC)

# --- a server, and a browser -----------------------------------------------------------------


@contextmanager
def running_demo(log: Path, **environment: str) -> Iterator[str]:
    """Run the demo on a free port; gives its address."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "uvicorn", "--app-dir", "examples", "demo.app:app"),
                *("--host", "127.0.0.1", "--port", "0"),
            ],
            cwd=ROOT,
            env=clean_environment() | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield wait_for_address(process, log)
        finally:
            process.terminate()
            process.wait(timeout=20)


def clean_environment() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if not name.startswith("SESSION_PASSWORD")
    }


def wait_for_address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"running on (http://127\.0\.0\.1:[0-9]+)", log.read_text()):
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"the demo did not start:\n{log.read_text()}")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "server.log"


@pytest.fixture(scope="module")
def address(log: Path) -> Iterator[str]:
    with running_demo(log, SESSION_PASSWORD=PASSWORD) as address:
        yield address


@pytest.fixture
def browser(address: str) -> Iterator[httpx.Client]:
    with new_browser(address) as browser:
        yield browser


def new_browser(address: str) -> httpx.Client:
    return httpx.Client(timeout=WAIT, base_url=address, follow_redirects=True, trust_env=False)


@pytest.fixture
def visitor(browser: httpx.Client) -> httpx.Client:
    """A browser that is logged in."""
    browser.post("/login", data={"name": "Ada"})
    return browser


def session_of(browser: httpx.Client) -> object:
    return unseal_data(browser.cookies[NAME], password=PASSWORD)


# --- what visitors do ------------------------------------------------------------------------


def test_the_first_page_asks_for_a_name_and_sets_no_cookie(browser: httpx.Client) -> None:
    page = browser.get("/")
    assert page.status_code == 200
    assert '<label for="name">' in page.text
    assert "there is no password to type" in " ".join(page.text.split())
    assert not browser.cookies


def test_login_answers_with_a_redirect_and_greets(browser: httpx.Client) -> None:
    answer = browser.post("/login", data={"name": " Ada "}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert re.fullmatch(
        rf"{NAME}=Fe26\.2\*1\*[^;]+~2; Max-Age=1209540; Path=/; HttpOnly; SameSite=Lax",
        answer.headers["set-cookie"],
    )
    assert "Hello, <bdi>Ada</bdi>" in browser.get("/").text


def test_login_begins_a_new_session(visitor: httpx.Client) -> None:
    visitor.post("/count")
    visitor.post("/login", data={"name": "Grace"})
    assert session_of(visitor) == {
        "user": {"name": "Grace"},
        "count": 0,
        "cart": {"apples": 0, "pears": 0, "plums": 0},
    }


def test_the_counter_counts(visitor: httpx.Client) -> None:
    visitor.post("/count")
    page = visitor.post("/count")
    assert page.url.path == "/"
    assert '<output class="number">2</output>' in page.text


def test_a_change_one_level_down_is_kept(visitor: httpx.Client) -> None:
    visitor.post("/cart/apples")
    visitor.post("/cart/plums")
    page = visitor.post("/cart/apples")
    assert re.findall(r"<output>([0-9]+)</output>", page.text) == ["2", "0", "1"]


def test_a_note_is_shown_as_it_was_written(visitor: httpx.Client) -> None:
    page = visitor.post("/note", data={"note": "\nmilk & </textarea> tea"})
    assert '">\n\nmilk &amp; &lt;/textarea&gt; tea</textarea>' in page.text.replace("\r", "")


def test_logout_expires_the_cookie(visitor: httpx.Client) -> None:
    answer = visitor.post("/logout", follow_redirects=False)
    assert answer.headers["set-cookie"] == f"{NAME}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"
    assert not visitor.cookies
    assert "Log in" in visitor.get("/").text


@pytest.mark.parametrize("path", ["/count", "/cart/apples", "/note", "/cookie/changed"])
def test_who_is_not_logged_in_is_sent_to_the_form(browser: httpx.Client, path: str) -> None:
    answer = browser.post(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "set-cookie" not in answer.headers


def test_a_name_that_is_markup_is_shown_as_text(browser: httpx.Client) -> None:
    name = "<script>alert(1)</script>\"'&"
    browser.post("/login", data={"name": name})
    for path in ("/", "/cookie", "/nowhere"):
        page = browser.get(path)
        assert "<script" not in page.text
        assert name in html.unescape(page.text)


# --- a cookie, taken apart -------------------------------------------------------------------


def test_the_anatomy_shows_eight_parts_with_their_sizes(visitor: httpx.Client) -> None:
    page = visitor.get("/cookie").text
    parts = visitor.cookies[NAME].removesuffix("~2").split("*")
    listed = re.findall(r'<li id="part-([1-8])".*?</li>', page, re.DOTALL)
    sizes = re.findall(r'<span class="size">([0-9]+) bytes?</span>', page)
    assert listed == list("12345678")
    assert sizes == [str(len(part)) for part in parts]
    for part in parts:
        assert f">{part}</" in page


def test_the_anatomy_shows_what_the_server_reads(visitor: httpx.Client) -> None:
    page = html.unescape(visitor.get("/cookie").text)
    assert json.dumps(session_of(visitor), indent=2) in page


def test_the_anatomy_shows_the_header_and_its_size(browser: httpx.Client) -> None:
    answer = browser.post("/login", data={"name": "Ada"}, follow_redirects=False)
    header = answer.headers["set-cookie"]
    page = browser.get("/cookie").text
    assert header in re.sub("<[^>]*>", "", page)
    assert f'aria-label="{len(header)} of 4096 bytes"' in page
    assert "<strong>in 13 days and 23 hours</strong>" in page


def test_without_a_cookie_the_anatomy_offers_to_log_in(browser: httpx.Client) -> None:
    page = browser.get("/cookie")
    assert page.status_code == 200
    assert "No cookie yet" in page.text


# --- when something is wrong -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("changed", "invalid"),
        ("expired", "expired"),
        ("foreign", "unknown-password"),
        ("misused", "purpose"),
    ],
)
def test_a_spoilt_cookie_is_refused_and_the_page_says_why(
    visitor: httpx.Client, damage: str, reason: str
) -> None:
    page = visitor.post(f"/cookie/{damage}")
    assert page.url.path == "/cookie"
    assert f"refused your cookie: <code>{reason}</code>" in page.text
    assert "Ada" not in page.text
    assert f"refused your cookie: <code>{reason}</code>" in visitor.get("/").text
    visitor.post("/login", data={"name": "Ada"})
    assert "refused" not in visitor.get("/").text


@pytest.mark.parametrize(
    "cookie",
    [
        "x",
        "Fe26.2*1*2",
        "Fe26.2*******",
        "Fe26.2*constructor*a*b*c*1e99*d*e~2",
        "Fe26.2*1*a*b*c*99999999999999999999*d*e~2",
        "Fe26.2*1*a*b*c*0x10*d*<script>alert(1)</script>~<b>",
        "%3Cscript%3Ealert(1)%3C/script%3E",
        "\xe9\xff*%F0%9F%92%A9",
        "A" * 20_000,
        '"quoted"',
    ],
)
@pytest.mark.parametrize("path", ["/", "/cookie"])
def test_a_hostile_cookie_gives_a_working_page(address: str, cookie: str, path: str) -> None:
    header = f"{NAME}={cookie}".encode("latin-1")
    with new_browser(address) as browser:
        page = browser.get(path, headers=[(b"cookie", header)])
    assert page.status_code == 200
    assert re.search("refused your cookie: <code>(invalid|unknown-password)</code>", page.text)
    assert "<script" not in page.text
    assert "<b>" not in page.text


def test_of_two_cookies_the_one_that_opens_is_taken_apart(visitor: httpx.Client) -> None:
    good = visitor.cookies[NAME]
    page = visitor.get("/cookie", headers={"cookie": f"{NAME}=tossed; {NAME}={good}"})
    assert "refused your cookie" not in page.text
    assert good in page.text


def test_too_long_a_note_is_told_and_leaves_the_session_as_it_was(visitor: httpx.Client) -> None:
    page = visitor.post("/note", data={"note": "x" * 4000})
    assert page.status_code == 413
    assert "Too much for one cookie" in page.text
    assert '["note"] 4002 bytes' in html.unescape(page.text)
    assert "set-cookie" not in page.headers
    assert "note" not in json.dumps(session_of(visitor))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/static/nothing.css", 404),
        ("GET", "/docs", 404),
        ("GET", "/logout", 405),
        ("POST", "/cart/stones", 422),
        ("POST", "/login", 422),
    ],
)
def test_an_error_has_a_page_of_its_own(
    visitor: httpx.Client, method: str, path: str, status: int
) -> None:
    page = visitor.request(method, path)
    assert page.status_code == status
    assert "Back to the start" in page.text


# --- what every page keeps to ----------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/cookie", "/nowhere"])
def test_pages_allow_nothing_from_elsewhere_and_are_not_stored(
    visitor: httpx.Client, path: str
) -> None:
    page = visitor.get(path)
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src")
    assert page.headers["cache-control"] == "no-store"
    assert not re.search(
        r"<script|<style|\sstyle=|\son[a-z]+=|(src|href)=.?(https?:)?//", page.text
    )


def test_the_style_sheet_is_there(browser: httpx.Client) -> None:
    assert browser.get("/static/style.css").headers["content-type"].startswith("text/css")


def test_the_password_is_never_shown(visitor: httpx.Client, log: Path) -> None:
    for path in ("/", "/cookie", "/nowhere"):
        page = visitor.get(path)
        assert PASSWORD not in html.unescape(page.text)
        assert "comes from <code>SESSION_PASSWORD</code>" in page.text
    assert PASSWORD not in log.read_text()


def test_without_a_password_console_and_page_say_so(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with running_demo(log) as address, new_browser(address) as browser:
        page = browser.post("/login", data={"name": "Ada"})
        assert "Hello, <bdi>Ada</bdi>" in page.text
        assert "This run uses a random password" in page.text
        assert "SESSION_PASSWORD is not set" in log.read_text()


def test_a_password_that_is_too_short_stops_the_start(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="needs at least 32"),
        running_demo(tmp_path / "server.log", SESSION_PASSWORD="short"),
    ):
        pass


# --- passwords -------------------------------------------------------------------------------


def test_a_password_is_made_where_none_is_set() -> None:
    first, second = find_passwords({}), find_passwords({"SESSION_PASSWORD": ""})
    assert first[1]
    assert second[1]
    with pytest.raises(UnsealError):
        unseal_data(seal_data({}, password=first[0]), password=second[0])


def test_each_way_of_setting_passwords_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    for environ, ids in (
        ({"SESSION_PASSWORD": PASSWORD}, (1,)),
        ({"SESSION_PASSWORD_1": PASSWORD, "SESSION_PASSWORD_2": PASSWORD}, (2, 1)),
        ({"SESSION_PASSWORD_FILE": str(file)}, (1,)),
    ):
        passwords, is_random = find_passwords(environ)
        assert (passwords.ids, is_random) == (ids, False)
    with pytest.raises(ConfigurationError, match="needs at least 32"):
        find_passwords({"SESSION_PASSWORD": "short"})


# --- devices ---------------------------------------------------------------------------------

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"


def log_in(browser: httpx.Client, name: str) -> httpx.Client:
    browser.post("/login", data={"name": name}, headers={"User-Agent": FIREFOX})
    return browser


def test_the_devices_of_a_visitor_are_listed_and_nobody_else_s(address: str) -> None:
    with new_browser(address) as one, new_browser(address) as other, new_browser(address) as none:
        log_in(one, "Lise")
        log_in(other, "Emmy")
        page = one.get("/devices").text
        assert page.count("Firefox on Linux</strong>") == 1
        assert "this one" in page
        log_in(other, "Lise")
        assert one.get("/devices").text.count("Firefox on Linux</strong>") == 2
        assert str(none.get("/devices").url.path) == "/"


@pytest.mark.parametrize("path", ["/devices/end", "/devices/end-others"])
def test_another_device_is_logged_out_from_here(address: str, path: str) -> None:
    with new_browser(address) as one, new_browser(address) as other:
        name = f"Rosa {path}"
        log_in(one, name)
        log_in(other, name)
        (session_id,) = re.findall(r'name="session_id" value="([^"]+)"', one.get("/devices").text)
        one.post(path, data={"session_id": session_id})
        assert '<label for="name">' in other.get("/").text
        assert "its session was ended" in other.get("/cookie").text
        assert "Hello" in one.get("/").text
        assert one.get("/devices").text.count("Firefox on Linux</strong>") == 1


def test_nobody_ends_the_session_of_somebody_else(address: str) -> None:
    with new_browser(address) as one, new_browser(address) as other, new_browser(address) as third:
        log_in(one, "Marie")
        log_in(other, "Marie")
        (session_id,) = re.findall(r'name="session_id" value="([^"]+)"', one.get("/devices").text)
        log_in(third, "Mallory").post("/devices/end", data={"session_id": session_id})
        assert "Hello" in other.get("/").text


def test_a_copy_of_the_cookie_is_useless_after_a_logout(address: str) -> None:
    with new_browser(address) as one, new_browser(address) as thief:
        log_in(one, "Ada")
        thief.cookies.set(NAME, one.cookies[NAME])
        assert "Hello" in thief.get("/").text
        one.post("/logout")
        assert '<label for="name">' in thief.get("/").text


def test_a_session_of_next_js_works_and_is_on_no_list(browser: httpx.Client) -> None:
    data = {"user": {"name": "Node"}, "count": 1, "cart": {}}
    browser.cookies.set(NAME, seal_data(data, password=PASSWORD))
    assert "Hello, <bdi>Node</bdi>" in browser.get("/").text
    assert "not begun here" in browser.get("/devices").text
    assert browser.post("/devices/end-others").status_code == 200


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/150 Safari/537.36", "Chrome on Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/150 Safari/537 Edg/150", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14) Version/18 Safari/605", "Safari on a Mac"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18 like Mac OS X) Safari/604", "Safari on an iPhone"),
        ("Mozilla/5.0 (Linux; Android 16) Chrome/150 Mobile Safari/537", "Chrome on Android"),
        ("curl/8", "A browser on some system"),
        ("", "A browser on some system"),
    ],
)
def test_a_device_is_named_as_its_owner_would(user_agent: str, name: str) -> None:
    assert name_device(user_agent) == name


@pytest.mark.browser
def test_two_browsers_and_one_logs_the_other_out(
    address: str, open_chromium: OpenChromium, tmp_path: Path
) -> None:
    with open_chromium(tmp_path / "one") as one, open_chromium(tmp_path / "other") as other:
        for driver in (one, other):
            driver.get(address)
            driver.find_element(By.ID, "name").send_keys("Grace")
            assert "Hello, Grace" in click_through(driver, ".login button")
        one.get(f"{address}/devices")
        assert "Chrome on Linux" in click_through(one, ".rows form button")
        other.get(address)
        assert other.find_elements(By.ID, "name")
        one.get(address)
        assert "Hello, Grace" in one.find_element(By.TAG_NAME, "body").text


# --- the anatomy by itself -------------------------------------------------------------------

OPTIONS = SessionOptions(password=PASSWORD, cookie_name="s")


def test_a_text_is_split_into_eight_parts_and_what_is_outside() -> None:
    parts, outside = anatomy.dissect("Fe26.2*1*aa*bb*cc*9*dd*ee~2~3*4")
    assert [part.value for part in parts] == ["Fe26.2", "1", "aa", "bb", "cc", "9", "dd", "ee"]
    assert [part.number for part in parts] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert outside == "~2~3*4"


@pytest.mark.parametrize("text", ["", "~2", "Fe26.2", "*" * 6, "*" * 8])
def test_a_text_without_eight_parts_has_none(text: str) -> None:
    assert anatomy.dissect(text)[0] == ()


def test_the_size_is_that_of_the_header_which_the_session_wrote() -> None:
    seal = seal_data({"user": 1}, password=PASSWORD)
    cookie = anatomy.examine(f"a=b; s={seal}; c=d", OPTIONS, NOW)
    assert cookie is not None
    assert cookie.header == (f"s={seal}; Max-Age=1209540; Path=/; HttpOnly; Secure; SameSite=Lax")
    assert cookie.size == len(cookie.header)
    assert [one for one, _ in cookie.explained_attributes] == [
        *("Max-Age=1209540", "Path=/", "HttpOnly", "Secure", "SameSite=Lax")
    ]


def test_the_bar_covers_the_whole_cookie_and_nothing_twice() -> None:
    seal = seal_data({"user": 1}, password=PASSWORD)
    cookie = anatomy.examine(f"s={seal}", OPTIONS, NOW)
    assert cookie is not None
    ends = [start + length for start, length, _ in cookie.bar]
    starts = [start for start, _, _ in cookie.bar]
    assert all(end <= start <= end + 1 for end, start in zip(ends, starts[1:], strict=False))
    assert (starts[0], ends[-1]) == (0, cookie.size)


@pytest.mark.parametrize("header", ["", "other=1", "s=", "s"])
def test_where_there_is_no_cookie_there_is_no_anatomy(header: str) -> None:
    assert anatomy.examine(header, OPTIONS, NOW) is None


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (Damage.CHANGED, "invalid"),
        (Damage.EXPIRED, "expired"),
        (Damage.FOREIGN, "unknown-password"),
        (Damage.MISUSED, "purpose"),
    ],
)
def test_each_damage_has_a_reason_of_its_own(damage: Damage, reason: str) -> None:
    text = spoil({"user": 1}, damage, Passwords(PASSWORD))
    cookie = anatomy.examine(f"s={text}", OPTIONS, NOW)
    assert cookie is not None
    assert cookie.refused is not None
    assert cookie.refused.reason == reason
    assert cookie.why_refused == anatomy.REASONS[reason]
    assert cookie.content is None


@pytest.mark.parametrize(
    ("expiration", "when", "date"),
    [
        ("", "never", ""),
        ("soon", "unreadable", ""),
        ("0123", "unreadable", ""),
        ("\u0661\u0662", "unreadable", ""),
        ("1\n", "unreadable", ""),
        ("9" * 21, "after the year 9999", ""),
        ("1893456000001", "in less than a minute", "1 January 2030, 00:00:00 UTC"),
        ("1893545999000", "in 1 day and 59 minutes", "2 January 2030, 00:59:59 UTC"),
        ("1893452400000", "1 hour ago", "31 December 2029, 23:00:00 UTC"),
    ],
)
def test_an_expiration_is_told_in_words(expiration: str, when: str, date: str) -> None:
    expiry = anatomy.describe_expiration(expiration, NOW)
    assert (expiry.when, expiry.date) == (when, date)


def test_a_span_is_told_in_its_two_largest_units() -> None:
    assert anatomy.describe_span(timedelta(days=13, hours=23, minutes=59)) == (
        "13 days and 23 hours"
    )


def test_a_long_text_is_shortened_in_the_middle() -> None:
    assert anatomy.shorten("a" * 24) == "a" * 24
    assert anatomy.shorten("abcdefghijklmnopqrstuvwxyz", 10) == "abcd … wxyz"


@pytest.mark.parametrize("size", [2, 15, 16, 17, 100])
def test_a_ciphertext_gives_away_the_size_of_its_content_to_within_a_block(size: int) -> None:
    seal = seal_data("x" * (size - 2), password=PASSWORD)  # JSON adds two quotes
    least, most = anatomy.content_bounds(seal.split("*")[4])
    assert least <= size <= most
    assert most - least == 15
