"""Networks that fail: a proxy that holds, delays and redirects, and a namespace that is cut off."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from threading import Condition, Thread

import pytest

_names = count(1)


class Proxy:
    """A TCP proxy on a port of this machine.

    What it holds is not lost: it goes on later, as what TCP sends again after a partition.

    Args:
        target: the port that it leads to.

    Attributes:
        delay: how long each piece takes, in seconds.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self.delay = 0.0
        self._holds = self._closed = False
        self._changed = Condition()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def hold(self) -> None:
        """Let nothing through."""
        with self._changed:
            self._holds = True

    def let_go(self) -> None:
        """Let all through."""
        with self._changed:
            self._holds = False
            self._changed.notify_all()

    def lead_to(self, target: int) -> None:
        """Close all connections; new ones lead to another port."""
        self._target = target
        self._close_all()
        self.let_go()

    def close(self) -> None:
        self._closed = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._close_all()
        self.let_go()

    def _close_all(self) -> None:
        with self._changed:
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
            self._open.clear()
            self._changed.notify_all()

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        with self._changed:
            self._open.add(near)
            self._changed.wait_for(lambda: not self._holds or self._closed)
        try:
            far = socket.create_connection(("127.0.0.1", self._target), 5)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        with self._changed:
            self._open.add(far)
        for one, other in ((near, far), (far, near)):
            Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while piece := one.recv(65536):
                time.sleep(self.delay)
                with self._changed:
                    self._changed.wait_for(lambda: not self._holds or self._closed)
                other.sendall(piece)
        for each in (one, other):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextmanager
def proxy_to(target: int) -> Iterator[Proxy]:
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()


# --- a namespace -----------------------------------------------------------------------------

_NOWHERE = "02:00:00:00:00:99"


class Namespace:
    """A network namespace with one link to this one, over which packets can vanish unseen.

    Attributes:
        address: where servers in it listen.
        enter: what runs a command in it.
    """

    def __init__(self) -> None:
        number = next(_names)
        self.name = f"iron-{os.getpid()}-{number}"
        self._near, self._far = (
            f"ir{os.getpid() % 10**6}n{number}",
            f"ir{os.getpid() % 10**6}f{number}",
        )
        network = f"169.254.{os.getpid() % 250 + 1}"
        self._near_address, self.address = (
            f"{network}.{4 * number + 1}",
            f"{network}.{4 * number + 2}",
        )
        self.enter = ["ip", "netns", "exec", self.name]

    def open(self) -> None:
        ip("netns", "add", self.name)
        ip("link", "add", self._near, "type", "veth", "peer", "name", self._far, "netns", self.name)
        ip("addr", "add", f"{self._near_address}/30", "dev", self._near)
        ip("link", "set", self._near, "up")
        ip("-n", self.name, "addr", "add", f"{self.address}/30", "dev", self._far)
        ip("-n", self.name, "link", "set", self._far, "up")
        ip("-n", self.name, "link", "set", "lo", "up")

    def cut_off(self) -> None:
        """Send all packets to a card that is nowhere, in both directions: nobody is told."""
        nowhere = ("lladdr", _NOWHERE, "nud", "permanent")
        ip("neigh", "replace", self.address, "dev", self._near, *nowhere)
        inside = ("-n", self.name, "neigh")
        ip(*inside, "replace", self._near_address, "dev", self._far, *nowhere)

    def connect(self) -> None:
        """Let packets through again."""
        ip("neigh", "del", self.address, "dev", self._near)
        ip("-n", self.name, "neigh", "del", self._near_address, "dev", self._far)

    def close(self) -> None:
        with suppress(subprocess.CalledProcessError):
            ip("link", "del", self._near)
        with suppress(subprocess.CalledProcessError):
            ip("netns", "del", self.name)


def ip(*arguments: str) -> None:
    program = shutil.which("ip")
    assert program is not None
    subprocess.run([program, *arguments], check=True, capture_output=True)


@contextmanager
def run_namespace() -> Iterator[Namespace]:
    """Make a namespace; skip the test where this machine allows none."""
    if shutil.which("ip") is None:
        pytest.skip("the command ip was not found: on Debian, apt-get install iproute2")
    namespace = Namespace()
    try:
        try:
            namespace.open()
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespace can be made here: {error.stderr.decode().strip()}")
        yield namespace
    finally:
        namespace.close()
