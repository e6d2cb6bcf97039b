"""What the pages about the session and its flash messages show is run."""

import pytest
from starlette.testclient import TestClient

from iron_session import HeaderJar, Passwords, SessionOptions, get_iron_session
from tests.helpers.pages import blocks, read_page, run_page

PASSWORD = "the password of these pages, of 40 letters"


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_PASSWORD", PASSWORD)


def test_the_page_of_the_session_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    run_page(read_page("docs/sessions.md"), "sessions")
    first, second, third, fourth = capsys.readouterr().out.splitlines()
    assert first == "3 ['user', 'cart', 'theme']"
    assert second == "logged in: 1"
    assert third == '{"user": {"id": 1, "name": "Ada"}, "cart": ["tea"], "theme": "dark"}'
    assert fourth.startswith("['myapp=Fe26.2*1*")


def test_the_page_of_flash_messages_shows_one_and_keeps_it_over_a_redirect(
    capsys: pytest.CaptureFixture[str],
) -> None:
    few_lines, application = blocks("python", read_page("docs/flash.md"))
    options = SessionOptions(password=Passwords.from_env(), cookie_name="myapp")
    session = get_iron_session(HeaderJar(), options)
    exec(few_lines, {"session": session})  # noqa: S102 - the page is ours
    assert capsys.readouterr().out == "success Saved\n"

    site = run_page(f"```python\n{application}```", "flash")
    client = TestClient(site["app"], base_url="https://testserver")
    assert "<p" not in client.get("/").text
    assert '<p class="success">Saved &lt;everything&gt;</p>' in client.post("/save").text
    assert "<p" not in client.get("/").text
