"""Real servers for a test, each on a free port of this machine and stopped at its end."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from waitress.server import create_server

from tests.contract.common_app import WAIT


class Server(uvicorn.Server):
    """Signals when it has started, so that nobody needs to poll it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextmanager
def serve_asgi(app: Any, root_path: str = "") -> Iterator[str]:
    """Serve an ASGI application by uvicorn for the length of a block; yields host and port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        config = uvicorn.Config(
            app, log_config=None, timeout_graceful_shutdown=5, root_path=root_path
        )
        server = Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            assert server.ready.wait(WAIT), "the server did not start"
            yield f"127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(WAIT)
            assert not thread.is_alive(), "the server did not stop"


@contextmanager
def serve_wsgi(app: Any) -> Iterator[str]:
    """Serve a WSGI application by waitress for the length of a block; yields host and port."""
    server: Any = create_server(
        app, host="127.0.0.1", port=0, threads=10, clear_untrusted_proxy_headers=True
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.effective_port}"
    finally:
        server.task_dispatcher.shutdown(
            timeout=WAIT
        )  # first: its threads wake the server when they are done
        server.trigger.pull_trigger(server.close)  # in its own thread, which may be in select()
        thread.join(WAIT)
        assert not thread.is_alive(), "the server did not stop"
