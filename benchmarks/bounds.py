"""The bounds that this package keeps, with the native core and without, and what was measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks import imports, seals
from benchmarks.cores import NATIVE, PYTHON, label
from benchmarks.live import Live
from benchmarks.requests import Requests
from benchmarks.results import Results
from benchmarks.sample import LARGE, SMALL
from benchmarks.visits import OURS


class NotMeasuredError(Exception):
    """A part, or the native core, was not there."""


@dataclass(frozen=True)
class Bound:
    """A number to keep: what was measured of each path, and what it may be at most.

    A path without a bound is measured all the same.
    """

    what: str
    unit: str
    measured: Mapping[str, float]
    most: Mapping[str, float]

    def verdict(self, core: str) -> str:
        if core not in self.measured:
            return "not measured"
        if core not in self.most:
            return "no bound"
        return "kept" if self.measured[core] <= self.most[core] else "NOT KEPT"


@dataclass(frozen=True)
class Rule:
    """How to measure one path, and its bounds: in Python, and with the native core.

    Attributes:
        python: None if this path has no bound.
        native_json: the bound of a native core that writes and reads JSON too, if it is another.
    """

    what: str
    unit: str
    python: float | None
    native: float
    measure: Callable[[Results, str], float]
    native_json: float | None = None

    def apply(self, results: Results) -> Bound:
        measured: dict[str, float] = {}
        for core in (PYTHON, NATIVE):
            try:
                measured[core] = self.measure(results, core)
            except NotMeasuredError:
                continue
        return Bound(self.what, self.unit, measured, self._most(results))

    def _most(self, results: Results) -> dict[str, float]:
        most = {NATIVE: self.native}
        if self.python is not None:
            most[PYTHON] = self.python
        if results.native_json and self.native_json is not None:
            most[NATIVE] = self.native_json
        return most


def bounds(results: Results) -> list[Bound]:
    return [rule.apply(results) for rule in RULES]


# --- how each is measured ------------------------------------------------------------------------


def _seal(operation: str, size: str, reference: str) -> Callable[[Results, str], float]:
    """Compare `seal_data` or `unseal_data` with a competitor."""

    def measure(results: Results, core: str) -> float:
        name = label(seals.OURS, core)
        if results.seals is None or name not in results.seals.competitors:
            raise NotMeasuredError
        times = getattr(results.seals.sizes[size], operation)
        ratio: float = times[name].value / times[reference].value
        return ratio

    return measure


def _requests(results: Results, framework: str, core: str) -> Requests:
    """Find the requests that were sent without a server."""
    for one in results.requests or ():
        if one.framework.startswith(f"{framework} ") and (one.way, one.core) == ("called", core):
            return one
    raise NotMeasuredError


def _whole(framework: str, page: str) -> Callable[[Results, str], float]:
    return lambda results, core: _requests(results, framework, core).whole(page)


def _added(framework: str, page: str) -> Callable[[Results, str], float]:
    return lambda results, core: _requests(results, framework, core).added(page)


def _served(results: Results, core: str) -> Live:
    """Find Starlette on uvicorn."""
    for one in results.live or ():
        names = one.name.startswith("Starlette "), one.server.startswith("uvicorn ")
        if all(names) and label(f"{OURS}, read", core) in one.visits:
            return one
    raise NotMeasuredError


def _live(page: str) -> Callable[[Results, str], float]:
    return lambda results, core: _served(results, core).added(page, core)


def _busy(percentile: str) -> Callable[[Results, str], float]:
    def measure(results: Results, core: str) -> float:
        latency = (results.busy or {}).get(label(seals.OURS, core))
        if latency is None:
            raise NotMeasuredError
        return latency.p99 if percentile == "p99" else latency.median

    return measure


def _import(results: Results, core: str) -> float:
    name = label(imports.OURS, core)
    if not results.imports or name not in results.imports:
        raise NotMeasuredError
    return results.imports[name].ratio


def _growth(results: Results, core: str) -> float:
    if results.memory is None or core not in results.memory.growth:
        raise NotMeasuredError
    return results.memory.growth[core].kilobytes


FERNET, STARLETTE, LITESTAR = seals.REFERENCE, seals.STARLETTE, seals.LITESTAR
STARLETTES, LITESTARS = "× Starlette's", "× Litestar's"
KEEPS = "Starlette, seals kept"
WHOLE = "× its own, whole request"
ADDED = "× its own, added to bare"
CPU = "× its own, CPU added to bare"
RULES = (
    Rule("Seal 100 B, JSON included", "× Fernet", 1.4, 0.6, _seal("seal", SMALL, FERNET)),
    Rule("Unseal 100 B, JSON included", "× Fernet", 1.4, 0.6, _seal("unseal", SMALL, FERNET)),
    Rule("Seal 100 B, beside AES-GCM", LITESTARS, None, 2, _seal("seal", SMALL, LITESTAR), 1.4),
    Rule("Unseal 100 B, beside AES-GCM", LITESTARS, None, 2, _seal("unseal", SMALL, LITESTAR), 1.4),
    Rule("Seal 2.5 kB, JSON included", STARLETTES, 1.3, 1.2, _seal("seal", LARGE, STARLETTE), 1),
    Rule("Starlette, read", WHOLE, 1.55, 0.95, _whole("Starlette", "read")),
    Rule("Starlette, write", WHOLE, 1.8, 1.1, _whole("Starlette", "modified"), 1),
    Rule("Starlette, seals kept, read", WHOLE, 0.85, 0.8, _whole(KEEPS, "read")),
    Rule("Starlette, untouched", ADDED, 0.15, 0.15, _added("Starlette", "untouched")),
    Rule("Flask, read", ADDED, 0.75, 0.5, _added("Flask", "read")),
    Rule("Flask, write", ADDED, 0.7, 0.5, _added("Flask", "modified")),
    Rule("Litestar, read", ADDED, 0.75, 0.5, _added("Litestar", "read")),
    Rule("Litestar, write", ADDED, 1.25, 0.8, _added("Litestar", "modified")),
    Rule("Django, read", ADDED, 1.6, 1.0, _added("Django", "read")),
    Rule("Django, write", ADDED, 1.15, 0.85, _added("Django", "modified")),
    Rule("Starlette on uvicorn, read", CPU, 1.6, 1.0, _live("read")),
    Rule("Starlette on uvicorn, write", CPU, 1.8, 1.1, _live("modified")),
    Rule("Seal beside a busy thread, median", "ms", 0.3, 0.05, _busy("median")),
    Rule("Seal beside a busy thread, p99", "ms", 1, 0.2, _busy("p99")),
    Rule("Import", "× Fernet's", 2.2, 1.8, _import),
    Rule("Growth by sealing and unsealing", "kB", 1024, 1024, _growth),
)
