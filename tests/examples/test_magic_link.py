"""The example with magic links: over real HTTP, from the form to the session."""

import re
from collections.abc import Iterator

import pytest

from iron_session import unseal_data
from iron_session.links import Links
from tests.contract.door import Answer
from tests.examples.servers import MAGIC_LINK, Browser, Server, running
from tests.helpers.clock import Clock

PASSWORD = "the-password-of-the-examples'-tests-protects-nothing"
SITE = "http://127.0.0.1:8000"
LINKS = Links(password=PASSWORD, purpose="login")
ADA = {"email": "ada@example.com"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run the example."""
    folder = tmp_path_factory.mktemp("magic-link")
    with running([MAGIC_LINK], PASSWORD, folder) as servers:
        servers[MAGIC_LINK].wait_for_start()
        yield servers[MAGIC_LINK]


@pytest.fixture
def browser(server: Server) -> Browser:
    """Come to the site for the first time."""
    return Browser(server.port)


def path(links: Links = LINKS) -> str:
    """Make a link as the site does, without its host."""
    return links.make("/login", ADA)


def assert_page(answer: Answer, status: int, text: str) -> None:
    """Check a page, and that neither it nor its address goes anywhere else."""
    assert (answer.status, text in answer.body.decode()) == (status, True)
    assert (answer.cache_control, answer.all("referrer-policy")) == ("no-store", ["same-origin"])
    assert "http" not in answer.body.decode()


def test_a_visitor_asks_for_a_link_opens_it_and_is_logged_in_by_the_button(
    server: Server, browser: Browser
) -> None:
    assert_page(browser.get("/"), 200, '<form action="/ask" method="post">')
    assert_page(browser.post("/ask", email="grace+1@example.com"), 200, "on its way")
    printed = re.compile(rf"^{re.escape(SITE)}(/login\?token=\S+)\r?$", re.MULTILINE)
    link = server.wait_for_output(printed)[1]
    assert LINKS.read(link) == {"email": "grace+1@example.com"}

    assert_page(browser.get(link), 200, '<form method="post"><button>Log in</button></form>')
    assert browser.cookies == {}
    answer = browser.post(link)
    assert (answer.status, answer.all("location")) == (303, ["/"])
    assert_page(browser.get("/"), 200, "Hello, grace+1@example.com!")


def test_whoever_only_looks_at_the_link_is_not_logged_in(browser: Browser) -> None:
    """Programs that look through mails do, as often as they like."""
    link = path()
    for _ in range(3):
        assert browser.get(link).cookies == {}
    assert browser.post(link).status == 303


def test_another_site_can_not_log_visitors_in_as_somebody_of_its_own(browser: Browser) -> None:
    for target in (path(), "/ask"):
        assert browser.post_from("https://evil.example", target).status == 403
    assert browser.cookies == {}


def test_a_login_leaves_nothing_of_who_was_there_before(browser: Browser) -> None:
    old = Links(password=PASSWORD, purpose="login").make("/login", {"email": "eve@example.com"})
    browser.post(old)
    browser.post(path())
    assert unseal_data(browser.cookies["myapp"], password=PASSWORD) == {}
    assert_page(browser.get("/"), 200, "Hello, ada@example.com!")


def test_an_address_cannot_put_markup_into_the_page(browser: Browser) -> None:
    browser.post(LINKS.make("/login", {"email": "<b>@example.com"}))
    assert_page(browser.get("/"), 200, "Hello, &lt;b&gt;@example.com!")


def test_an_expired_link_tells_what_to_do(browser: Browser, clock: Clock) -> None:
    assert clock.now  # the link is made in the past, the server lives now
    link = path()
    for answer in (browser.get(link), browser.post(link)):
        assert_page(answer, 400, "expired: ask for a new one")


def test_a_link_for_something_else_tells_what_to_do(browser: Browser) -> None:
    link = path(Links(password=PASSWORD, purpose="new-address"))
    for answer in (browser.get(link), browser.post(link)):
        assert_page(answer, 400, "for something else: ask for one to log in")


def test_a_link_of_a_password_that_is_gone_tells_what_to_do(browser: Browser) -> None:
    link = path(Links(password={9: PASSWORD}, purpose="login"))
    for answer in (browser.get(link), browser.post(link)):
        assert_page(answer, 400, "no longer valid: ask for a new one")


@pytest.mark.parametrize("query", ["", "?token=", "?token=Fe26.2*1*", "?token=%00%ff", "?a=b"])
def test_a_link_that_is_not_whole_tells_what_to_do(browser: Browser, query: str) -> None:
    for answer in (browser.get(f"/login{query}"), browser.post(f"/login{query}")):
        assert_page(answer, 400, "incomplete: copy all of it from the mail, or ask for a new one")


@pytest.mark.parametrize("email", ["x", "a@b@c", "a" * 9000 + "@b", "a\n@b", "é@b", "\x01@b"])
def test_what_is_no_address_gets_no_link(browser: Browser, email: str) -> None:
    assert_page(browser.post("/ask", email=email), 400, "not an address")


def test_a_form_without_an_address_is_answered(browser: Browser) -> None:
    assert browser.post("/ask").status == 422


def test_nobody_is_logged_out_by_a_link_that_does_not_open(browser: Browser) -> None:
    browser.post(path())
    browser.post("/login?token=1")
    assert_page(browser.get("/"), 200, "Hello, ada@example.com!")
