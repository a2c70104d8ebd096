"""A clock that tests move, a server that answers as scripted, and requests to send to it."""

import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.providers.exchange import Answer, Effect, Request, Verdict
from reconciler.providers.modelarts.errors import judge
from reconciler.providers.transport import Transport

URL = "https://modelarts.example.com"
PROJECT = "0123456789abcdef0123456789abcdef"


@dataclass
class FakeTime:
    """A monotonic clock in which sleeping takes no time; remembers how long was slept."""

    seconds: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


def a_transport(time: FakeTime | None = None, **overrides: Any) -> Transport:
    """Return a transport that never really sleeps."""
    time = time or FakeTime()
    settings: dict[str, Any] = {"sleep": time.sleep, "monotonic": time.monotonic}
    return Transport(**(settings | overrides))


def judge_v1(answer: Answer) -> Verdict:
    return judge(answer, flagged=True)


def a_request(effect: Effect = Effect.READ, url: str = URL, **overrides: Any) -> Request:
    """Return a request of this effect, with a body when it changes something."""
    method = "GET" if effect is Effect.READ else "POST"
    fields: dict[str, Any] = {
        "method": method,
        "url": f"{url}/v1/{PROJECT}/training-jobs",
        "body": None if effect is Effect.READ else b'{"job_name": "private"}',
        "effect": effect,
    }
    return Request(**(fields | overrides))


Script = Callable[[socket.socket], None]


def reply(
    body: bytes = b'{"is_success": true}',
    status: str = "200 OK",
    headers: str = "Connection: close\r\n",
) -> Script:
    """Answer properly. A server that closes had better say so, lest the client reuse it."""

    def answer(connection: socket.socket) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        connection.sendall(head.encode() + body)

    return answer


def raw(data: bytes) -> Script:
    """Send these bytes and close."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(data)
        connection.close()

    return answer


def reset(connection: socket.socket) -> None:
    """Break the connection with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    connection.close()


def silence(connection: socket.socket) -> None:
    """Say nothing; the client's read time-out ends it."""


@dataclass
class ScriptedServer:
    """A loopback server; each request meets the next script, the last one for ever."""

    url: str
    scripts: tuple[Script, ...]
    reads: bool = True
    held: list[socket.socket] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)


@contextmanager
def scripted_server(
    *scripts: Script, tls: Path | None = None, reads: bool = True
) -> Iterator[ScriptedServer]:
    """Serve one script for each connection that sends a request.

    `tls` names a file with a key and a certificate. A server that does not read meets its
    script at once; what it was sent is not known.
    """
    context = None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        scheme = "https" if tls else "http"
        server = ScriptedServer(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}", scripts)
        server.reads = reads
        thread = threading.Thread(target=_serve, args=(listener, server, context))
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(30)
            for connection in server.held:
                connection.close()


def _serve(listener: socket.socket, server: ScriptedServer, context: ssl.SSLContext | None) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.settimeout(10)
        try:
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
            server.requests.append(_receive(connection) if server.reads else b"")
        except OSError:
            connection.close()
            continue
        number = min(len(server.requests), len(server.scripts))
        script = server.scripts[number - 1]
        script(connection)
        if script is silence:
            server.held.append(connection)
        else:
            connection.close()


def _receive(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("no request")
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def body(**fields: Any) -> str:
    """Return the text of a successful answer."""
    return json.dumps({"is_success": True, **fields})
