"""What the pages about the session and its flash messages show is run."""

import pytest
from starlette.testclient import TestClient

from iron_session import CookieTooLargeError, HeaderJar, Passwords, SessionOptions, get_iron_session
from tests.helpers.pages import blocks, one_line, read_page, run_code, run_page

PASSWORD = "the password of these pages, of 40 letters"


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_PASSWORD", PASSWORD)


def test_the_page_of_the_session_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    run_page(read_page("docs/explanation/session-life.md"), "sessions")
    first, second, third, fourth = capsys.readouterr().out.splitlines()
    assert first == "3 ['user', 'cart', 'theme']"
    assert second == "logged in: 1"
    assert third == '{"user": {"id": 1, "name": "Ada"}, "cart": ["tea"], "theme": "dark"}'
    assert fourth.startswith("['myapp=Fe26.2*1*")


def test_the_page_of_flash_messages_shows_one_and_keeps_it_over_a_redirect(
    capsys: pytest.CaptureFixture[str],
) -> None:
    few_lines, application, _ = blocks("python", read_page("docs/how-to/flash.md"))
    options = SessionOptions(password=Passwords.from_env(), cookie_name="myapp")
    session = get_iron_session(HeaderJar(), options)
    exec(few_lines, {"session": session})  # noqa: S102 - the page is ours
    assert capsys.readouterr().out == "success Saved\n"

    site = run_page(f"```python\n{application}```", "flash")
    client = TestClient(site["app"], base_url="https://testserver")
    assert "<p" not in client.get("/").text
    assert '<p class="success">Saved &lt;everything&gt;</p>' in client.post("/save").text
    assert "<p" not in client.get("/").text


FLASH = read_page("docs/how-to/flash.md")


def flash_over_and_over(text: str, most: int) -> int:
    """Return how many redirects a client survives that never opens the page which shows them."""
    options = SessionOptions(password=Passwords.from_env(), cookie_name="myapp")
    cookie: str | None = None
    for number in range(most):
        session = get_iron_session(jar := HeaderJar(cookie), options)
        session.flash(text, "success")
        try:
            session.save()
        except CookieTooLargeError:
            return number
        cookie = jar.set_cookie_headers[0].partition(";")[0]
    raise AssertionError("none was too large")


def test_messages_that_nobody_sees_fill_the_cookie_after_as_many_as_the_page_says() -> None:
    assert "after some 90 or 140" in one_line(FLASH)
    assert flash_over_and_over("Saved", 200) in range(135, 145)
    assert flash_over_and_over("The tea was added", 200) in range(85, 95)


def test_the_page_s_function_keeps_five_messages() -> None:
    flash = run_code(blocks("python", FLASH)[2], "flash")["flash_of_the_last_five"]
    options = SessionOptions(password=Passwords.from_env(), cookie_name="myapp")
    session = get_iron_session(HeaderJar(), options)
    for number in range(300):
        flash(session, str(number), "success")
        session.save()
    assert session.pop_flashes() == [(str(number), "success") for number in range(295, 300)]


def test_after_a_logout_by_clear_the_cookie_goes_with_the_message() -> None:
    assert "until the message is shown; if nothing else is stored then" in one_line(FLASH)
    options = SessionOptions(password=Passwords.from_env(), cookie_name="myapp")
    session = get_iron_session(jar := HeaderJar(), options)
    session.login("1")
    session.save()
    headers = jar.set_cookie_headers
    for messages, expired in (([], False), (["You are logged out."], True)):
        jar = HeaderJar(headers[0].partition(";")[0])
        session = get_iron_session(jar, options)
        if messages:
            assert [message for message, _ in session.pop_flashes()] == messages
            assert session.user_id is None
        else:
            session.clear()
            session.flash("You are logged out.")
        session.commit()
        headers = jar.set_cookie_headers
        assert ("Max-Age=0;" in headers[0]) is expired
