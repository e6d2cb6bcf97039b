"""The admin in a real browser: what it makes of the session's cookie decides."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.handlers.wsgi import WSGIHandler
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from iron_session import unseal_data
from tests.contract.server import serve_wsgi
from tests.helpers.chromium import OpenChromium, click_through, find
from tests.integrations.django_site.project import NAME, PASSWORD_OF_ADA, new_database
from tests.sessions.browser import PASSWORD, TTL

COOKIE = "sessionid"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Serve the site with one user and one note."""
    with new_database(tmp_path):
        apps.get_model("notes", "Note").objects.create(text="before")
        with serve_wsgi(StaticFilesHandler(WSGIHandler())) as served:
            yield f"http://{served}"


class Browser:
    """A window of Chromium, and pictures of what it shows."""

    def __init__(self, driver: Chrome, address: str, pictures: Path) -> None:
        self.driver = driver
        self._address = address
        self._pictures = pictures
        self._taken = 0

    def go(self, path: str) -> None:
        """Open a page."""
        self.driver.get(self._address + path)
        self.take_picture()

    def fill(self, **fields: str) -> None:
        """Write into the fields of a form, by their names."""
        for name, text in fields.items():
            field = self.driver.find_element(By.NAME, name)
            field.clear()
            field.send_keys(text)

    def press(self, selector: str) -> None:
        """Press a button that leads to another page."""
        click_through(self.driver, selector)
        self.take_picture()

    def take_picture(self) -> None:
        """Keep what the window shows."""
        self._taken += 1
        self.driver.save_screenshot(str(self._pictures / f"{self._taken}.png"))

    @property
    def path(self) -> str:
        """Where the browser is."""
        return self.driver.current_url.removeprefix(self._address)

    @property
    def text(self) -> str:
        """What there is to read."""
        return self.driver.find_element(By.TAG_NAME, "body").text


@pytest.fixture
def browser(open_chromium: OpenChromium, tmp_path: Path, address: str) -> Iterator[Browser]:
    """Open a browser that knows nothing and fetches nothing by itself."""
    with open_chromium(tmp_path / "profile") as driver:
        yield Browser(driver, address, tmp_path)


def test_log_in_change_something_and_log_out(browser: Browser) -> None:
    browser.go("/admin/")
    assert browser.path == "/admin/login/?next=/admin/"
    assert browser.driver.get_cookie(COOKIE) is None

    browser.fill(username=NAME, password=PASSWORD_OF_ADA)
    browser.press("input[type=submit]")
    assert browser.path == "/admin/"
    cookie = browser.driver.get_cookie(COOKIE)
    assert cookie is not None
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
    assert cookie["path"] == "/"
    assert unseal_data(cookie["value"], password=PASSWORD)["_auth_user_id"] == "1"
    now = browser.driver.execute_script("return Date.now() / 1000")
    assert TTL - 120 < cookie["expiry"] - now <= TTL - 59
    assert COOKIE not in browser.driver.execute_script("return document.cookie")

    browser.go("/admin/notes/note/1/change/")
    browser.fill(text="after")
    browser.press("input[name=_save]")
    assert browser.path == "/admin/notes/note/"
    assert "The note “after” was changed successfully." in browser.text
    assert apps.get_model("notes", "Note").objects.get().text == "after"
    browser.go("/admin/notes/note/")
    assert "changed successfully" not in browser.text

    browser.press("#logout-form button")
    assert "Logged out" in browser.text
    assert browser.driver.get_cookie(COOKIE) is None
    browser.go("/admin/")
    assert browser.path == "/admin/login/?next=/admin/"


def test_without_a_browser_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IRON_SESSION_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.fail.Exception, match=r"apt-get install chromium chromium-driver"):
        find("chromium", "IRON_SESSION_CHROMIUM")
    monkeypatch.setenv("IRON_SESSION_CHROMIUM", "/nowhere/chromium")
    with pytest.raises(pytest.fail.Exception, match="/nowhere/chromium was not found"):
        find("chromium", "IRON_SESSION_CHROMIUM")
