"""The site, built once as `make docs` builds it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.pages import ROOT


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the built site: any warning of Sphinx is an error."""
    folder = tmp_path_factory.mktemp("site")
    flags = ["-E", "-n", "-W", "--keep-going", "-q", "-b", "html"]
    command = [sys.executable, "-m", "sphinx", *flags, "docs", str(folder)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    return folder
