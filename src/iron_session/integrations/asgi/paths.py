"""The path that an ASGI request asks for, as the routes spell it. Imports no framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import unquote

from iron_session.errors import ConfigurationError

__all__ = ["path_in_routes"]

Scope: TypeAlias = Mapping[str, Any]


def path_in_routes(scope: Scope) -> str:
    """Return the path as spelled by the routes of the innermost application around the caller.

    Starlette's router compares the path without `root_path`, which servers, FastAPI and each mount
    extend. Litestar has its own rules, and has routed already.

    Raises:
        ConfigurationError: Litestar has several mounts that the path may be in.
    """
    path: str = scope["path"]
    litestar = scope.get("litestar_app")
    if litestar is not None and litestar is scope.get("app"):  # and no application mounted in it
        return _path_in_litestar(path, litestar, scope)
    within = path.removeprefix(scope.get("root_path", ""))
    if within.startswith("/"):
        return within
    return path if within else "/"  # /apis is not inside /api


def _path_in_litestar(path: str, litestar: Any, scope: Scope) -> str:
    """Return the mount's path plus the rest: inside a mount, Litestar keeps only the rest."""
    handler = scope.get("route_handler")
    if not getattr(handler, "is_mount", False):
        return path
    routes = [one for one in litestar.routes if getattr(one, "route_handler", None) is handler]
    paths = {f"{route.path}{path}".rstrip("/") or "/" for route in routes}
    if len(paths) > 1:
        paths &= {_path_that_came(scope)}
    if len(paths) == 1:
        return paths.pop()
    raise ConfigurationError(
        f"the mount {handler} has several paths, and which one was requested is not known: give "
        "each path a handler of its own, instead of one handler with a list of paths"
    )


def _path_that_came(scope: Scope) -> str:
    """Return the path that the server was asked for, normalized as Litestar does it."""
    path = unquote((scope.get("raw_path") or b"").decode("latin-1"))
    if root := scope.get("root_path"):
        path = path.split(root, maxsplit=1)[-1]
    return "/" + "/".join(part for part in path.split("/") if part)
