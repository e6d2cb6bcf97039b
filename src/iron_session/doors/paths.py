"""Which path an ASGI application was asked for, as its routes spell it. Imports no framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import unquote

from iron_session.errors import ConfigurationError

__all__ = ["path_in_routes"]

Scope: TypeAlias = Mapping[str, Any]


def path_in_routes(scope: Scope) -> str:
    """Give the path as the routes of the innermost application around the caller spell it.

    For Starlette's that is what its router compares: the path without `root_path`, which servers,
    FastAPI and each mount make longer. Litestar has routed by now, in a way of its own.

    Raises:
        ConfigurationError: Litestar knows of several mounts that it may lie in.
    """
    path: str = scope["path"]
    litestar = scope.get("litestar_app")
    if litestar is not None and litestar is scope.get("app"):  # and no other application within
        return _path_in_litestar(path, litestar, scope)
    within = path.removeprefix(scope.get("root_path", ""))
    if within.startswith("/"):
        return within
    return path if within else "/"  # /apis does not lie in /api


def _path_in_litestar(path: str, litestar: Any, scope: Scope) -> str:
    """Put a mount before what lies in it: that is all that Litestar has left of the path."""
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
        f"which path of the mount {handler} was asked for is not known: give each path a handler "
        "of its own, in place of one with a list of paths"
    )


def _path_that_came(scope: Scope) -> str:
    """Read what the server was asked for, in Litestar's way."""
    path = unquote((scope.get("raw_path") or b"").decode("latin-1"))
    if root := scope.get("root_path"):
        path = path.split(root, maxsplit=1)[-1]
    return "/" + "/".join(part for part in path.split("/") if part)
