"""A TCP relay that breaks connections as no server can: refusing, stalling, going stale."""

import re
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

_CHUNK = 1 << 16
_RESET = struct.pack("ii", 1, 0)


class Stall(Enum):
    """What becomes of a request that is met with silence."""

    UNSEEN = "it never reaches the server"
    UNANSWERED = "the server acts on it, and its answer gets lost"


@dataclass(slots=True)
class Silence:
    """Which requests are met with silence: `times` of those that match, after `skip` others."""

    stall: Stall
    method: str
    pattern: re.Pattern[str]
    skip: int = 0
    times: int | None = 1
    seen: int = 0
    hits: int = 0

    def takes(self, first_line: str) -> bool:
        """Count a request, and tell whether it is one of them."""
        method, _, rest = first_line.partition(" ")
        if method != self.method or not self.pattern.search(rest.partition(" ")[0]):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True


@dataclass(eq=False, slots=True)
class _Link:
    """One client's connection and its twin to the server."""

    client: socket.socket
    server: socket.socket
    is_busy: bool = False
    is_dead: bool = False
    is_mute: bool = False

    def hang_up(self) -> None:
        for end in (self.client, self.server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def reset(self) -> None:
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.client.close()
        self.hang_up()


@dataclass(slots=True)
class Proxy:
    """Relays to a port of this machine; every method may be called while traffic flows."""

    upstream: int
    silence: Silence | None = None
    port: int = field(init=False)
    is_refusing: bool = field(init=False, default=False)
    _listener: socket.socket = field(init=False)
    _links: set[_Link] = field(init=False, default_factory=set)
    _threads: list[threading.Thread] = field(init=False, default_factory=list)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._listener = _bound(0)
        self.port = self._listener.getsockname()[1]
        self._listen()

    @property
    def url(self) -> str:
        """Where clients reach the server through this relay."""
        return f"http://127.0.0.1:{self.port}"

    def refuse(self) -> None:
        """Refuse connections from now on, and hang up on those that are idle."""
        if not self.is_refusing:
            self.is_refusing = True
            self._close_listener()
            self._listener = _bound(self.port)
            self.close_idle()

    def accept_again(self) -> None:
        """End a refusal."""
        if self.is_refusing:
            self.is_refusing = False
            self._listen()

    def close_idle(self) -> None:
        """Hang up on every connection that waits for its next request, without a word."""
        for link in self._idle():
            link.hang_up()

    def forget_idle(self) -> None:
        """Let every idle connection look alive and be reset by the next request on it."""
        for link in self._idle():
            link.is_dead = True

    def close(self) -> None:
        """Hang up on everybody, and return when all is quiet."""
        self._close_listener()
        with self._lock:
            links, threads = list(self._links), list(self._threads)
        for link in links:
            link.hang_up()
        for thread in threads:
            thread.join(10)

    def _idle(self) -> list[_Link]:
        with self._lock:
            return [link for link in self._links if not link.is_busy]

    def _close_listener(self) -> None:
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:  # it was not listening
            pass
        finally:
            self._listener.close()

    def _listen(self) -> None:
        self._listener.listen(64)
        self._spawn(self._take_connections, self._listener)

    def _spawn(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        with self._lock:
            self._threads.append(thread)
        thread.start()

    def _take_connections(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            link = _Link(client, socket.create_connection(("127.0.0.1", self.upstream)))
            for end in (link.client, link.server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._links.add(link)
            self._spawn(self._carry_requests, link)
            self._spawn(self._carry_answers, link)

    def _carry_requests(self, link: _Link) -> None:
        while data := _received(link.client):
            if link.is_dead:
                link.reset()
                break
            if not link.is_busy:
                link.is_busy = True
                link.is_mute = self._silenced(data)
            if link.is_mute and self.silence and self.silence.stall is Stall.UNSEEN:
                continue
            if not _sent(link.server, data):
                break
        self._end(link)

    def _carry_answers(self, link: _Link) -> None:
        while data := _received(link.server):
            if link.is_mute:
                continue
            link.is_busy = False
            if not _sent(link.client, data):
                break
        self._end(link)

    def _silenced(self, data: bytes) -> bool:
        first_line = data.partition(b"\r\n")[0].decode("latin-1")
        with self._lock:
            return self.silence is not None and self.silence.takes(first_line)

    def _end(self, link: _Link) -> None:
        link.hang_up()
        with self._lock:
            is_last = link not in self._links
            self._links.discard(link)
        if is_last:
            link.client.close()
            link.server.close()


def _bound(port: int) -> socket.socket:
    """Return a socket that holds the port; until it listens, connecting to it is refused."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", port))
    return holder


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(_CHUNK)
    except OSError:
        return b""


def _sent(end: socket.socket, data: bytes) -> bool:
    try:
        end.sendall(data)
    except OSError:
        return False
    return True
