"""A real browser, for what only a browser decides."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

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


def find(program: str, variable: str) -> str:
    """Say where a program is, or fail and say how to get it."""
    path = os.environ.get(variable) or shutil.which(program)
    if path is None or not Path(path).is_file():
        pytest.fail(
            f"{path or program} was not found: on Debian, apt-get install chromium "
            f"chromium-driver; elsewhere set {variable} to where it is"
        )
    return path


@contextmanager
def open_chromium(profile: Path, *more_flags: str) -> Iterator[Chrome]:
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
