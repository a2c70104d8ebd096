"""A TCP relay between a client and a server that breaks at a chosen request, whatever they speak.

A request is what a client sends until the server says something; requests are counted from 1
over all connections, in the order in which they begin.
"""

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Self


class Fault(Enum):
    """What happens to a request."""

    UNSEEN = "the connection is cut before the server sees it"
    TORN = "half of it reaches the server, then the connection is cut"
    UNANSWERED = "the server acts on it, and the connection is cut before its answer"
    TRUNCATED = "the server acts on it, and half of its answer arrives before the cut"
    SLOW = "its answer is late"
    FAILED = "an error 503 is the answer, and the server never sees it"
    MISREPORTED = "an error 503 is the answer, and the server acted on it"
    THROTTLED = "an error 429 is the answer, and the server never sees it"


_ERRORS = {
    Fault.FAILED: b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    Fault.THROTTLED: b"HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}
_LATE = 0.4

Chooses = Callable[[int, bytes], "Fault | None"]


class Relay:
    """Relays 127.0.0.1:`port` to another port of this machine until it is left."""

    def __init__(self, target: int) -> None:
        """Take the server's port."""
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._mutex = threading.Lock()
        self._links: set[socket.socket] = set()
        self.requests: list[bytes] = []
        self.chooses: Chooses = lambda _number, _data: None
        self.is_down = False
        self.on_unanswered: Callable[[], None] = lambda: None
        self.rewrites: Callable[[bytes], bytes] = lambda data: data

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    def at(self, number: int, fault: Fault, *, lasting: bool = False) -> None:
        """Begin to count anew, and let a fault strike at one request, or from it on."""
        with self._mutex:
            self.requests.clear()
            self.chooses = lambda n, _: fault if n == number or (lasting and n > number) else None

    def heal(self) -> None:
        """Relay everything again."""
        self.chooses = lambda _number, _data: None
        self.is_down = False
        self.on_unanswered = lambda: None

    def cut(self) -> None:
        """Cut all connections there are."""
        with self._mutex:
            links, self._links = self._links, set()
        for each in links:
            _hang_up(each)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._link, args=(client,), daemon=True).start()

    def _link(self, client: socket.socket) -> None:
        if self.is_down:
            return _hang_up(client)
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            return _hang_up(client)
        with self._mutex:
            self._links |= {client, server}
        with contextlib.suppress(OSError, ValueError):
            self._relay(client, server)
        with self._mutex:
            self._links -= {client, server}
        _hang_up(client)
        _hang_up(server)
        return None

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        is_asking, fault = False, None
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ)
            selector.register(server, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(1 << 20)  # type: ignore[union-attr]
                    if not data:
                        return
                    if key.fileobj is client:
                        if not is_asking:
                            is_asking, fault = True, self._count(data)
                        if not _forward(client, server, self.rewrites(data), fault):
                            return
                    else:
                        is_asking = False
                        if fault is Fault.UNANSWERED:
                            self.on_unanswered()
                        if not _answer(client, data, fault):
                            return

    def _count(self, data: bytes) -> "Fault | None":
        with self._mutex:
            self.requests.append(data)
            number, chooses = len(self.requests), self.chooses
        return chooses(number, data)  # which may take its time, and need not hold up others


def _forward(
    client: socket.socket, server: socket.socket, data: bytes, fault: Fault | None
) -> bool:
    match fault:
        case Fault.UNSEEN:
            return False
        case Fault.TORN:
            server.sendall(data[: len(data) // 2])
            return False
        case Fault.FAILED | Fault.THROTTLED:
            client.sendall(_ERRORS[fault])
            return False
    server.sendall(data)
    return True


def _answer(client: socket.socket, data: bytes, fault: Fault | None) -> bool:
    match fault:
        case Fault.UNANSWERED:
            return False
        case Fault.TRUNCATED:
            client.sendall(data[: len(data) // 2])
            return False
        case Fault.MISREPORTED:
            client.sendall(_ERRORS[Fault.FAILED])
            return False
        case Fault.SLOW:
            time.sleep(_LATE)
    client.sendall(data)
    return True


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
