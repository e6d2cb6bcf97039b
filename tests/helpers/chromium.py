"""A real browser, for what only a browser decides."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.helpers.waiting import WAIT

OpenChromium: TypeAlias = Callable[..., AbstractContextManager[Chrome]]
"""What the fixture `open_chromium` is: `open_chromium(profile, *flags)`."""

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1000,700",
]

IS_A_NEW_PAGE = "return !window.isTheOldPage && document.readyState === 'complete'"


def find(program: str, variable: str) -> str:
    """Return the path of a program, or fail and say how to install it."""
    path = os.environ.get(variable) or shutil.which(program)
    if path is None or not Path(path).is_file():
        pytest.fail(
            f"{path or program} was not found: on Debian, apt-get install chromium "
            f"chromium-driver; elsewhere set {variable} to where it is"
        )
    return path


@contextmanager
def open_one(profile: Path, *more_flags: str) -> Iterator[Chrome]:
    """Open a browser that knows nothing and fetches nothing by itself.

    Args:
        profile: a folder that is not there yet, for what the browser keeps.
        more_flags: for its command line.
    """
    options = ChromeOptions()
    options.binary_location = find("chromium", "IRON_SESSION_CHROMIUM")
    for flag in [*FLAGS, *more_flags, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    service = Service(find("chromedriver", "IRON_SESSION_CHROMEDRIVER"))
    driver = Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def click_through(driver: Chrome, selector: str) -> str:
    """Click on what leads to another page, and return that page's text once it is there.

    While the browser goes from one page to the next, whatever it is asked may fail: the click,
    which looks once more at what it clicked on, too. If it never clicked, the new page never comes.
    """
    driver.execute_script("window.isTheOldPage = true")
    element = driver.find_element(By.CSS_SELECTOR, selector)
    with suppress(WebDriverException):
        element.click()
    waiting = WebDriverWait(driver, WAIT, ignored_exceptions=[WebDriverException])
    waiting.until(lambda it: it.execute_script(IS_A_NEW_PAGE))
    return driver.find_element(By.TAG_NAME, "body").text
