"""Live servers on this machine's loopback, under load by wrk: CPU of the server, and latencies.

All servers of a framework run at the same time, one for each session, and are visited in turn. A
server that nobody visits takes no time. What is counted is the CPU time of a server's processes:
the load generator's is not in it.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.cores import NATIVE, PYTHON, cores, environment, label
from benchmarks.gateways import Answer, headers_with
from benchmarks.visits import BARE, FILL, OURS, OWN, PAGES, check, load

HOST = "127.0.0.1"
CONNECTIONS = 8
PATIENCE = 20.0  # seconds for a server to start, or to stop
INSTALL = "wrk was not found: `apt-get install wrk` on Debian, `brew install wrk` on macOS"
NO_PROC = "the CPU time of a server is read from /proc, which only Linux has"

SERVERS: dict[str, Sequence[str]] = {
    "uvicorn": ("-m", "uvicorn", "--host", HOST, "--log-level", "warning", "--port"),
    "granian": ("-m", "granian", "--interface", "asgi", "--host", HOST, "--no-log", "--port"),
    "gunicorn": (
        *("-m", "gunicorn", "--worker-class", "gthread", "--threads", "4"),
        *("--log-level", "error", "--bind"),
    ),
}
SERVED = (
    ("uvicorn", "starlette"),
    ("granian", "starlette"),
    ("gunicorn", "flask"),
    ("gunicorn", "django"),
)
VISITS = (
    (BARE, "untouched"),
    *((OWN, page) for page in PAGES),
    *((OURS, page) for page in PAGES),
)


@dataclass(frozen=True)
class Load:
    """What one visit costs a server.

    Attributes:
        cpu: microseconds that a server's processes spend on a request.
        p99: milliseconds, within which 99 of 100 requests were answered.
        rate: requests answered in a second.
    """

    cpu: float
    p99: float
    rate: float


@dataclass(frozen=True)
class Live:
    """A framework on a server: the cost of each visit, by whose session and what is done to it."""

    server: str
    framework: str
    visits: dict[str, Load]

    @property
    def name(self) -> str:
        return f"{self.framework}, {self.server}"

    def added(self, page: str, core: str) -> float:
        """Return the CPU that our session adds, as a ratio to what the framework's own adds."""
        return self.adds(label(f"{OURS}, {page}", core)) / self.adds(f"{OWN}, {page}")

    def adds(self, visit: str) -> float:
        return self.visits[visit].cpu - self.visits[BARE].cpu


def missing() -> str:
    """Return what this machine lacks for these measurements; empty if nothing."""
    if not Path("/proc/self/stat").exists():
        return NO_PROC
    return "" if shutil.which("wrk") else INSTALL


def measure(rounds: int, seconds: int) -> list[Live]:
    """Measure every framework on its server, each visit for this long in each round."""
    return [_measure(server, framework, rounds, seconds) for server, framework in SERVED]


def _measure(server: str, framework: str, rounds: int, seconds: int) -> Live:
    with ExitStack() as stack:
        visits = _start(stack, server, framework)
        loads: dict[str, list[Load]] = {name: [] for name in visits}
        for visit in visits.values():  # to warm up
            visit.time(1)
        for _ in range(rounds):
            for name, visit in visits.items():
                loads[name].append(visit.time(seconds))
    described = load(framework)
    return Live(
        f"{server} {version(server)}",
        f"{described.NAME} {described.VERSION}",
        {name: summarise(measured) for name, measured in loads.items()},
    )


def summarise(loads: Sequence[Load]) -> Load:
    """Return the least CPU and the highest rate of all rounds, and the median of the latencies."""
    return Load(
        min(one.cpu for one in loads),
        median(one.p99 for one in loads),
        max(one.rate for one in loads),
    )


def _start(stack: ExitStack, server: str, framework: str) -> "dict[str, Visit]":
    """Start a server for each session, and prepare every visit to it, by name."""
    visits: dict[str, Visit] = {}
    writes = {OURS: frozenset({"modified"}), OWN: load(framework).OWN_WRITES}
    sessions = [(session, PYTHON) for session in (BARE, OWN, OURS)]
    sessions += [(OURS, core) for core in cores() if core == NATIVE]
    for session, core in sessions:
        running = stack.enter_context(start(server, framework, session, core))
        cookie = "" if session == BARE else running.fill()
        for whose, page in VISITS:
            if whose == session:
                name = BARE if whose == BARE else label(f"{whose}, {page}", core)
                visit = Visit(running, f"/{page}", cookie)
                check(visit.ask(), writes=page in writes.get(whose, ()))
                visits[name] = visit
    return visits


# --- a server ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """A running server: its port, and the id of its group of processes."""

    port: int
    group: int

    def ask(self, path: str, cookie: str) -> Answer:
        """Ask once; the load comes from wrk."""
        connection = HTTPConnection(HOST, self.port, timeout=PATIENCE)
        connection.request("GET", path, headers=headers_with(cookie))
        response = connection.getresponse()
        cookies = response.headers.get_all("set-cookie", [])
        answer = Answer(response.status, response.read().decode(), cookies)
        connection.close()
        return answer

    def fill(self) -> str:
        """Begin a session, and return its cookie."""
        answer = self.ask(f"/{FILL}", "")
        check(answer, writes=True)
        return answer.set_cookie[0].partition(";")[0]

    def cpu(self) -> float:
        """Return the CPU seconds of all its processes since they started."""
        return sum(_cpu(stat) for stat in _stats() if int(stat[2]) == self.group)


def _stats() -> Iterator[list[str]]:
    """Yield the fields of every process, beginning with its state; see proc(5)."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            yield file.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue


def _cpu(stat: Sequence[str]) -> float:
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def start(server: str, framework: str, session: str, core: str = PYTHON) -> Iterator[Server]:
    """Serve one app for the length of a block."""
    port = _free_port()
    address = f"{HOST}:{port}" if server == "gunicorn" else str(port)
    command = [sys.executable, *SERVERS[server], address, "benchmarks.served:app"]
    variables = {**environment(core), "BENCHMARK_APP": f"{framework} {session}"}
    here = Path(__file__).parent.parent
    # A group of its own, so that its workers can be counted, and stopped, with it.
    with subprocess.Popen(command, cwd=here, env=variables, start_new_session=True) as process:
        try:
            _wait(process, port)
            yield Server(port, process.pid)
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the server accepts a connection."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the server did not start; its error is on standard error")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a server to stop, and kill it with its workers if it does not."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


# --- the load ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Visit:
    """A request to one path of a server, with one cookie."""

    server: Server
    path: str
    cookie: str

    def ask(self) -> Answer:
        return self.server.ask(self.path, self.cookie)

    def time(self, seconds: int) -> Load:
        """Send the request over and over, for this long."""
        before = self.server.cpu()
        output = _run_wrk(self.server.port, self.path, headers_with(self.cookie), seconds)
        cpu = self.server.cpu() - before
        requests, p99, rate = parse(output)
        return Load(cpu / requests * 1e6, p99, rate)


def _run_wrk(port: int, path: str, headers: Mapping[str, str], seconds: int) -> str:
    options = ["--threads", "1", "--connections", str(CONNECTIONS), "--latency"]
    # wrk knows its own Host by that spelling only, and would add another.
    fields = [f"{name.title()}: {value}" for name, value in headers.items()]
    lines = [part for field in fields for part in ("--header", field)]
    command = ["wrk", *options, "--duration", f"{seconds}s", *lines]
    run = subprocess.run(
        [*command, f"http://{HOST}:{port}{path}"], capture_output=True, text=True, check=True
    )
    return run.stdout


UNITS = {"us": 1e-3, "ms": 1, "s": 1e3}


def parse(output: str) -> tuple[int, float, float]:
    """Return the number of requests, the 99th percentile in milliseconds, and the rate.

    Raises:
        RuntimeError: some requests failed.
    """
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(output)
    requests = re.search(r"(\d+) requests in", output)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", output)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert requests, output
    assert p99, output
    assert rate, output
    return int(requests[1]), float(p99[1]) * UNITS[p99[2]], float(rate[1])
