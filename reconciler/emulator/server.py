"""The HTTP server around one emulator: start, readiness, idleness and a clean end."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from reconciler.emulator.app import Emulator, Settings
from reconciler.emulator.faultlayer import TRANSPORT
from reconciler.emulator.model import Project
from reconciler.emulator.runner import free_slots
from reconciler.emulator.store import write_private

_LOG = logging.getLogger(__name__)
_KEEP_ALIVE_SECONDS = 75
_HEADER_BYTES = 256 * 1024
_END_SECONDS = 2

Endpoint = dict[str, Any]


class Protocol(H11Protocol):
    """HTTP/1.1 that lets the application reach the connection, so that it can be broken."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        application = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope[TRANSPORT] = self.transport
            await application(scope, receive, send)

        self.app = with_transport


class Server(uvicorn.Server):
    """Ends without fuss on SIGINT and SIGTERM, and by itself when nothing happens."""

    def __init__(
        self,
        emulator: Emulator,
        idle_timeout: float,
        file: "EndpointFile",
        on_started: Callable[[], None],
    ) -> None:
        config = uvicorn.Config(
            emulator.application(),
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_END_SECONDS,
            h11_max_incomplete_event_size=_HEADER_BYTES,
        )
        super().__init__(config)
        self._emulator = emulator
        self._idle_timeout = idle_timeout
        self._file = file
        self._on_started = on_started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on a signal with exit code 0, where the stock server dies of it."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        with contextlib.suppress(RuntimeError, ValueError):
            for each in signals:
                loop.add_signal_handler(each, self.end)
        try:
            yield
        finally:
            with contextlib.suppress(RuntimeError, ValueError):
                for each in signals:
                    loop.remove_signal_handler(each)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take requests, and say so."""
        await super().startup(sockets)
        self._on_started()

    def end(self) -> None:
        """Finish what is being answered, then leave."""
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: carry out what is due, and end when idle for long enough."""
        self._emulator.jobs.sweep()
        if self._is_idle() and self._file.withdraw(self._idle_timeout):
            _LOG.info("Idle for %s s, ending.", self._idle_timeout)
            return True
        return await super().on_tick(counter)

    def _is_idle(self) -> bool:
        return 0 < self._idle_timeout < self._emulator.idle_for()


class EndpointFile:
    """`endpoint.json`: where the server listens, and with what to log in."""

    def __init__(self, emulator: Emulator, port: int) -> None:
        self._path = emulator.store.folder / "endpoint.json"
        self._emulator = emulator
        self._url = f"http://127.0.0.1:{port}"

    def describe(self) -> Endpoint:
        """What the file says."""
        credentials = self._emulator.store.credentials
        projects = self._emulator.store.projects()
        return {
            "url": self._url,
            "auth_url": f"{self._url}/v3",
            "pid": os.getpid(),
            "username": credentials.username,
            "password": credentials.password,
            "domain": credentials.domain,
            "admin_token": credentials.admin_token,
            "access_key": credentials.access_key,
            "secret_key": credentials.secret_key,
            "temporary_access_key": credentials.temporary_access_key,
            "temporary_secret_key": credentials.temporary_secret_key,
            "security_token": credentials.security_token,
            "project_id": projects[0].id,
            "project_name": projects[0].name,
            "projects": {p.folder: {"id": p.id, "name": p.name} for p in projects},
        }

    def publish(self) -> Endpoint:
        """Write the file; its time counts as the last sign of interest."""
        endpoint = self.describe()
        write_private(self._path, endpoint)
        return endpoint

    def withdraw(self, quiet: float) -> bool:
        """Take the file away, unless somebody touched it in the last `quiet` seconds."""
        try:
            with self._path.open("rb") as file:
                if time.time() - os.fstat(file.fileno()).st_mtime < quiet:
                    return False
                self._path.unlink()
                if time.time() - os.fstat(file.fileno()).st_mtime >= quiet:
                    return True
        except OSError:
            return True
        self.publish()
        return False

    def remove(self) -> None:
        """Take the file away at the end."""
        self._path.unlink(missing_ok=True)


def run_server(
    store: Path, buckets: Path, settings: Settings, on_ready: Callable[[Endpoint], None]
) -> None:
    """Serve until told to end; the store's lock is held meanwhile.

    Raises StoreError when the store is in use or damaged, OSError when the port is taken.
    """
    asyncio.run(serve_async(store, buckets, settings, on_ready))


async def serve_async(
    store: Path,
    buckets: Path,
    settings: Settings,
    on_ready: Callable[[Endpoint], None],
    on_server: Callable[[Server, Emulator], None] = lambda _server, _emulator: None,
) -> None:
    """The same on a running event loop; `on_server` gets hold of the parts before they start."""
    emulator = Emulator.open(store, settings, free_slots(os.cpu_count))
    try:
        with _listen(settings.port) as listener:
            await _serve(emulator, buckets, settings, listener, on_ready, on_server)
    finally:
        await emulator.jobs.runner.close()
        emulator.store.close()


def _listen(port: int) -> socket.socket:
    """A listening socket on the loopback interface.

    Its protocol is named, since asyncio turns off Nagle's delay only where it reads "TCP".
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


async def _serve(
    emulator: Emulator,
    buckets: Path,
    settings: Settings,
    listener: socket.socket,
    on_ready: Callable[[Endpoint], None],
    on_server: Callable[[Server, Emulator], None],
) -> None:
    emulator.register(buckets)
    emulator.jobs.recover()
    file = EndpointFile(emulator, listener.getsockname()[1])

    def publish_again(_project: Project) -> None:
        file.publish()

    def started() -> None:
        emulator.on_project = publish_again
        on_ready(file.publish())

    server = Server(emulator, settings.idle_timeout, file, started)
    on_server(server, emulator)
    try:
        await server.serve(sockets=[listener])
    finally:
        file.remove()
