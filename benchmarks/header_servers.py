"""The servers and proxies of `benchmarks.header_limits`, and how each is started and stopped.

A proxy has the configuration of docs/how-to/deploy.md: with the lines there for the largest
session, or without any that raises a limit. It serves TLS, as there, with a certificate that is
made for it.
"""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from benchmarks.header_apps import NODE
from benchmarks.workers import find_node

HERE = Path(__file__).parent.parent
PAGE = HERE / "docs" / "how-to" / "deploy.md"
HOST: Final = "127.0.0.1"
SITE: Final = "example.com"
BEHIND = "127.0.0.1:8000"  # the application, on the page
PATIENCE = 20.0  # seconds for a server to start, or to stop
HASTE = 2.0  # seconds after which it is asked to stop once more
PYTHON = (sys.executable, "-m")


@dataclass(frozen=True)
class Server:
    """A server for applications.

    Attributes:
        command: with `{port}`, and `{folder}` for a temporary one.
        raising: what the command also has to raise the limit; empty if nothing can.
        distribution: of which the version is told; or, as `program --version`, what tells it.
        files: what is in the folder.
    """

    name: str
    command: Sequence[str]
    distribution: str
    raising: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def can_be_raised(self) -> bool:
        return bool(self.raising)

    def version(self) -> str:
        """Return its version; empty if it is not installed."""
        if self.distribution in PROGRAMS:
            return version_of(self.distribution)
        try:
            return version(self.distribution)
        except PackageNotFoundError:
            return ""


@dataclass(frozen=True)
class Proxy:
    """A proxy that is a program of its own.

    Attributes:
        heading: of its section on the page.
        limits: how the lines of its configuration begin that raise limits.
        command: with `{folder}`, where its configuration is `proxy.conf`.
    """

    name: str
    heading: str
    limits: tuple[str, ...]
    command: Sequence[str]

    @property
    def can_be_raised(self) -> bool:
        return bool(self.limits)

    def version(self) -> str:
        """Return its version; empty if it is not installed."""
        return version_of(self.command[0])


Subject: TypeAlias = Server | Proxy

# How each tells its version.
PROGRAMS = {
    "nginx": ("-v",),
    "caddy": ("version",),
    "haproxy": ("-v",),
    "apache2": ("-v",),
    "httpd": ("-v",),
    "uwsgi": ("--version",),
    "node": ("--version",),
}


def find(program: str) -> str | None:
    """Return where a program is; Debian has some where only root's PATH leads.

    Node.js is that of the tests and of the benchmarks.
    """
    if program == "node":
        return str(find_node())
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")


def version_of(program: str) -> str:
    """Return what a program says of itself; empty if it is not installed."""
    if (found := find(program)) is None:
        return ""
    command = [found, *PROGRAMS[program]]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    number = re.search(r"\d+\.\d+\.\d+", run.stdout + run.stderr)
    return number[0] if number else ""


def fill(text: str, **values: str) -> str:
    """Put values in the place of their names; other braces stay."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


APPS = "benchmarks.header_apps"
_CODE_OF_AIOHTTP = """
from aiohttp import web
from benchmarks.header_apps import make_aiohttp
web.run_app(make_aiohttp({most}), host="127.0.0.1", port=int("{port}"), access_log=None, print=None)
"""
_CODE_OF_SANIC = """
from benchmarks.header_apps import make_sanic
app = make_sanic({most})
app.run("127.0.0.1", int("{port}"), single_process=True, motd=False, access_log=False)
"""


def _in_python(name: str, code: str, most: int) -> Server:
    """Return a server that is started by code, which has its limit."""
    usual, raised = ((sys.executable, "-c", fill(code, most=str(one))) for one in (None, most))
    return Server(name, usual, name.lower(), raised)


UVICORN = (*PYTHON, "uvicorn", "--log-level", "critical", "--port", "{port}", f"{APPS}:asgi")
SERVERS = (
    Server(
        "uvicorn, h11",
        (*UVICORN, "--http", "h11"),
        "uvicorn",
        ("--h11-max-incomplete-event-size", "32768"),
    ),
    Server("uvicorn, httptools", (*UVICORN, "--http", "httptools"), "uvicorn"),
    Server(
        "gunicorn",
        (
            *PYTHON,
            "gunicorn",
            "--log-level",
            "critical",
            "--bind",
            "127.0.0.1:{port}",
            f"{APPS}:wsgi",
        ),
        "gunicorn",
        ("--limit-request-field_size", "20000"),
    ),
    Server(
        "Hypercorn",
        (
            *PYTHON,
            "hypercorn",
            "--log-level",
            "critical",
            "--bind",
            "127.0.0.1:{port}",
            f"{APPS}:asgi",
        ),
        "hypercorn",
        ("--config", "{folder}/hypercorn.toml"),
        {"hypercorn.toml": "h11_max_incomplete_size = 32768\n"},
    ),
    Server(
        "Granian",
        (*PYTHON, "granian", "--interface", "asgi", "--no-log", "--port", "{port}", f"{APPS}:asgi"),
        "granian",
    ),
    Server(
        "waitress",
        (*PYTHON, "waitress", "--listen", "127.0.0.1:{port}", f"{APPS}:wsgi"),
        "waitress",
    ),
    Server("Daphne", (*PYTHON, "daphne", "-v", "0", "-p", "{port}", f"{APPS}:asgi"), "daphne"),
    Server(
        "uWSGI",
        (
            *("uwsgi", "--plugin", "python3", "--disable-logging", "--need-app"),
            *("--http-socket", "127.0.0.1:{port}", "--module", f"{APPS}:wsgi", "--die-on-term"),
        ),
        "uwsgi",
        ("--buffer-size", "32768"),
    ),
    _in_python("aiohttp", _CODE_OF_AIOHTTP, 20_000),
    _in_python("Sanic", _CODE_OF_SANIC, 16_384),
    Server(
        "Node.js",
        ("node", "-e", NODE.replace("PORT", "{port}")),
        "node",
        ("--max-http-header-size=32768",),
    ),
)
PROXIES = (
    Proxy(
        "nginx",
        "nginx",
        ("large_client_header_buffers", "proxy_buffer"),
        ("nginx", "-c", "{folder}/proxy.conf", "-p", "{folder}", "-e", "stderr"),
    ),
    Proxy(
        "Caddy",
        "Caddy",
        (),
        ("caddy", "run", "--adapter", "caddyfile", "--config", "{folder}/proxy.conf"),
    ),
    Proxy("HAProxy", "HAProxy", ("tune.",), ("haproxy", "-q", "-f", "{folder}/proxy.conf")),
    Proxy(
        "Apache",
        "Apache",
        ("LimitRequest",),
        ("apache2", "-f", "{folder}/proxy.conf", "-D", "FOREGROUND"),
    ),
)


# --- starting and stopping -----------------------------------------------------------------------


@contextmanager
def run(subject: Subject, *, raised: bool) -> Iterator["Address"]:
    """Run a server, or a proxy before one, for the length of a block."""
    with ExitStack() as stack:
        if isinstance(subject, Server):
            yield stack.enter_context(run_server(subject, raised=raised))
        else:
            behind = stack.enter_context(run_server(SERVERS[1], raised=False))
            yield stack.enter_context(run_proxy(subject, behind.port, raised=raised))


@dataclass(frozen=True)
class Address:
    """Where a server listens.

    Attributes:
        certificate: that it shows; None if it serves plain http.
        log: what it has written there, if anything.
        plain_port: where a proxy listens for http, if its configuration has it do so.
    """

    port: int
    log: Path
    certificate: Path | None = None
    plain_port: int = 0

    def connect(self, timeout: float) -> socket.socket:
        """Open a connection to it, encrypted if it serves TLS."""
        connection = socket.create_connection((HOST, self.port), timeout=timeout)
        if self.certificate is None:
            return connection
        context = ssl.create_default_context(cafile=self.certificate)
        return context.wrap_socket(connection, server_hostname=SITE)


@contextmanager
def run_server(server: Server, *, raised: bool) -> Iterator[Address]:
    with tempfile.TemporaryDirectory(prefix="iron-limits-") as folder:
        for name, text in server.files.items():
            (Path(folder) / name).write_text(text)
        port = free_port()
        command = list(server.command)
        if raised and server.raising[0] == sys.executable:
            command = list(server.raising)
        elif raised:  # before what is served, which some take for the last
            place = 3 if command[0] == sys.executable else 1
            command[place:place] = server.raising
        filled = [fill(part, port=str(port), folder=folder) for part in command]
        with run_process(filled, port, Path(folder)) as address:
            yield address


@contextmanager
def run_proxy(
    proxy: Proxy,
    behind: int,
    *,
    raised: bool,
    changes: Mapping[str, str] | None = None,
    text: str | None = None,
) -> Iterator[Address]:
    """Run a proxy before what listens on a port.

    Args:
        proxy: which.
        behind: the port.
        raised: whether its configuration has the lines that raise limits.
        changes: what else to change in the text of its configuration.
        text: another configuration than the page's.
    """
    with tempfile.TemporaryDirectory(prefix="iron-limits-") as name:
        folder, port, plain_port = Path(name), free_port(), free_port()
        make_certificate(folder)
        text = text or configuration(proxy, raised=raised)
        for old, new in (changes or {}).items():
            assert old in text, old
            text = text.replace(old, new)
        text = text.replace("/etc/ssl/", f"{folder}/").replace(BEHIND, f"{HOST}:{behind}")
        (folder / "proxy.conf").write_text(AROUND[proxy.name](text, folder, port, plain_port))
        command = [fill(part, folder=name) for part in proxy.command]
        variables = {"XDG_DATA_HOME": name, "XDG_CONFIG_HOME": name, "HOME": name}
        with run_process(command, port, folder, variables) as address:
            yield Address(address.port, address.log, folder / "example.com.pem", plain_port)


def shown(proxy: Proxy) -> list[str]:
    """Return the blocks that the page has for a proxy."""
    page = PAGE.read_text(encoding="utf-8")
    section = page.split(f"\n## {proxy.heading}\n")[1].partition("\n## ")[0]
    return re.findall(r"^```\w+\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


def configuration(proxy: Proxy, *, raised: bool) -> str:
    """Return what the page has for a proxy: for the largest session, or with no limit raised.

    If there is a second block, its lines take the place of those that raise limits in the first.
    """
    first, *more = shown(proxy)
    if raised and not more:
        return first
    lines = first.splitlines(keepends=True)
    limits = [at for at, line in enumerate(lines) if line.strip().startswith(proxy.limits or "\0")]
    for at in limits:
        lines[at] = ""
    if raised:
        lines[limits[0]] = "".join(more)
    return "".join(lines)


def _ports(text: str, port: int, plain_port: int) -> str:
    """Put the ports of this run in the place of the page's."""
    text = re.sub(r"(?<=listen )443|\*:443|(?<=bind ):443", f"{HOST}:{port}", text)
    return re.sub(r"(?<=listen )80\b|\*:80\b|(?<=bind ):80\b", f"{HOST}:{plain_port}", text)


def _around_nginx(text: str, folder: Path, port: int, plain_port: int) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    user = "user root; " if os.getuid() == 0 else ""  # who may write into the folder
    return (
        f"{user}daemon off; pid {folder}/pid; worker_processes 1; error_log stderr;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{places}\n"
        f"{_ports(text, port, plain_port)}}}\n"
    )


def _around_caddy(text: str, folder: Path, port: int, plain_port: int) -> str:
    site = (
        f"{SITE} {{\n    bind {HOST}\n    tls {folder}/example.com.pem {folder}/example.com.key\n"
    )
    options = f"{{\n    admin off\n    http_port {plain_port}\n    https_port {port}\n}}\n"
    return options + text.replace(f"{SITE} {{\n", site)


def _around_haproxy(text: str, folder: Path, port: int, plain_port: int) -> str:
    return _ports(text, port, plain_port)


def _around_apache(text: str, folder: Path, port: int, plain_port: int) -> str:
    names = "mpm_event authz_core alias headers proxy proxy_http ssl socache_shmcb"
    modules = next(Path(one) for one in APACHE_MODULES if Path(one).is_dir())
    loading = "\n".join(f"LoadModule {one}_module {modules}/mod_{one}.so" for one in names.split())
    return (
        f"ServerRoot {folder}\nServerName {SITE}\nPidFile {folder}/pid\n"
        f"Listen {HOST}:{port}\nListen {HOST}:{plain_port}\n"
        f"DefaultRuntimeDir {folder}\nErrorLog /dev/stderr\n{loading}\n"
        f"User nobody\nGroup nogroup\n{_ports(text, port, plain_port)}"
    )


APACHE_MODULES = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/libexec/apache2")
AROUND = {
    "nginx": _around_nginx,
    "Caddy": _around_caddy,
    "HAProxy": _around_haproxy,
    "Apache": _around_apache,
}


@contextmanager
def run_process(
    command: Sequence[str], port: int, folder: Path, variables: Mapping[str, str] | None = None
) -> Iterator[Address]:
    """Run a command until the block ends, from when it listens."""
    program = find(command[0])
    assert program, f"{command[0]} is not installed"
    log = folder / "log"
    # A group of its own, so that its workers can be stopped with it.
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [program, *command[1:]],
            cwd=HERE,
            env={**os.environ, **(variables or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            wait(process, port, log)
            yield Address(port, log)
        finally:
            stop(process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Wait until a server accepts a connection."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the server did not start: {log.read_text()}")


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask a server to stop, more than once: some don't hear it right after their start.

    It is killed, with its workers, if it does not.
    """
    for _ in range(int(PATIENCE / HASTE)):
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(HASTE)
            return
    os.killpg(process.pid, signal.SIGKILL)


def make_certificate(folder: Path) -> None:
    """Write a key, and a certificate of the site together with its key, as HAProxy wants it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SITE)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(SITE)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key_text = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "example.com.key").write_bytes(key_text)
    (folder / "example.com.pem").write_bytes(certificate.public_bytes(pem) + key_text)
