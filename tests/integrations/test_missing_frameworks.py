"""A framework that is not installed is named, with the package to install."""

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from iron_session import integrations

NEED_NONE = {"asgi", "wsgi"}
GATEWAYS = [*sorted(NEED_NONE), "asgi.csrf"]

# By integration: the package that it imports, what people call it, and what pip calls it.
FRAMEWORKS = {
    "aiohttp": ("aiohttp", "aiohttp", "aiohttp"),
    "aiohttp_session": ("aiohttp_session", "aiohttp-session", "aiohttp-session"),
    "channels": ("channels", "Channels", "channels"),
    "django": ("django", "Django", "django"),
    "fastapi": ("fastapi", "FastAPI", "fastapi"),
    "flask": ("flask", "Flask", "flask"),
    "litestar": ("litestar", "Litestar", "litestar"),
    "quart": ("quart", "Quart", "quart"),
    "sanic": ("sanic", "Sanic", "sanic"),
    "starlette": ("starlette", "Starlette", "starlette"),
}


def import_without(package: str, module: str) -> str:
    """Import a module where a package is not installed, and give the last line of the error."""
    program = f"import sys; sys.modules[{package!r}] = None; import {module}"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    return run.stderr.strip().rpartition("\n")[2]


def test_every_integration_is_listed_here() -> None:
    (folder,) = map(Path, integrations.__path__)
    modules = {path.stem for path in folder.glob("[!_]*")}
    assert modules == NEED_NONE | FRAMEWORKS.keys()


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_the_gateways_need_no_framework(gateway: str) -> None:
    blocked = "; ".join(f"sys.modules[{package!r}] = None" for package, *_ in FRAMEWORKS.values())
    program = f"import sys; {blocked}; import iron_session.integrations.{gateway}"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("integration", FRAMEWORKS)
def test_a_missing_framework_is_named_with_the_package_to_install(integration: str) -> None:
    package, name, to_install = FRAMEWORKS[integration]
    assert import_without(package, f"iron_session.integrations.{integration}") == (
        f"ImportError: iron_session.integrations.{integration} needs {name}: "
        f"pip install {to_install}"
    )


# Where a room has several files: the one that imports the framework first.
FIRST = {"aiohttp": "aiohttp.middleware", "flask": "flask.session", "sanic": "sanic.middleware"}


@pytest.mark.parametrize("integration", FRAMEWORKS)
def test_the_reason_of_a_missing_framework_is_kept(
    monkeypatch: pytest.MonkeyPatch, integration: str
) -> None:
    """A framework that is there but broken says itself why."""
    package, _, to_install = FRAMEWORKS[integration]
    importlib.import_module(f"iron_session.integrations.{integration}")
    monkeypatch.setitem(sys.modules, package, None)
    for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
        monkeypatch.setitem(sys.modules, name, None)
    spec = importlib.util.find_spec(
        f"iron_session.integrations.{FIRST.get(integration, integration)}"
    )
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(ImportError, match=f"pip install {to_install}$") as caught:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert isinstance(caught.value.__cause__, ImportError)
