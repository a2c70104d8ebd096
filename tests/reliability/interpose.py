"""Stands between the program and the outside: counts what leaves it, and strikes at one point.

A point is one operation on the state's folder, or one half of an HTTP exchange (bytes sent, answer
received). They are numbered in the order in which the process comes to them, over all its threads;
nothing is listed by hand. At the chosen point the process dies by SIGKILL (before the operation,
after it, or after half of its bytes), or the operation fails as a disk fails.
"""

import builtins
import fcntl
import http.client
import io
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

How = Literal["before", "half", "after", "fail", "torn", "full", "stop"]

_BY_PATH = ("unlink", "remove", "mkdir", "rmdir", "truncate", "chmod", "listdir", "scandir")
_BY_TWO_PATHS = ("replace", "rename", "link", "symlink")
_BY_DESCRIPTOR = ("fsync", "fdatasync", "ftruncate", "fchmod")
_TAKES_SPACE = {"write", "fsync", "fdatasync", "create", "mkdir", "link", "replace", "rename"}


@dataclass(frozen=True, slots=True)
class Strike:
    """What goes wrong, at which point; nothing does at point 0.

    `before`, `half`, `after`: the process dies there. `fail`: the operation is refused with
    `errno`. `torn`: half of the bytes are written, then it is refused. `full`: from there on,
    everything that needs space on the disk is refused. `stop`: the process halts after the
    operation, until somebody continues or ends it. With `files_only`, the HTTP exchanges are not
    points.
    """

    at: int = 0
    how: How = "before"
    errno: int = 0
    files_only: bool = False


class Interposition:
    """Counts the points of this process, notes them in a trace, and strikes."""

    def __init__(self, folder: Path, strike: Strike, trace: Path) -> None:
        """Watch a folder; `trace` gets a line with the time before each point is passed."""
        self._folder = os.path.abspath(folder)  # noqa: PTH100 - reads nothing from the disk
        self._strike = strike
        self._write, self._kill = os.write, os.kill
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._turn = threading.Lock()
        self._count = 0
        self._paths: dict[int, str] = {}

    def install(self) -> None:
        """Take the place of the functions that reach the disk and the network, for good."""
        for name in _BY_PATH:
            setattr(os, name, self._by_paths(name, getattr(os, name), 1))
        for name in _BY_TWO_PATHS:
            setattr(os, name, self._by_paths(name, getattr(os, name), 2))
        for name in _BY_DESCRIPTOR:
            setattr(os, name, self._by_descriptor(name, getattr(os, name)))
        self._install_writing()
        self._install_opening()
        fcntl.flock = self._by_descriptor("flock", fcntl.flock)
        if not self._strike.files_only:
            self._install_http()

    def _install_writing(self) -> None:
        write, close = os.write, os.close

        def writing(descriptor: int, data: bytes) -> int:
            path = self._paths.get(descriptor)
            if path is None:
                return write(descriptor, data)
            some = data[: len(data) // 2]
            written: int = self._pass(
                "write", path, lambda: write(descriptor, data), lambda: write(descriptor, some)
            )
            return written

        def closing(descriptor: int) -> None:
            path = self._paths.pop(descriptor, None)
            close(descriptor)
            if path is not None:
                self._pass("close", path, lambda: None)

        os.write, os.close = writing, closing  # type: ignore[assignment]

    def _install_opening(self) -> None:
        opened, open_file = os.open, io.open

        def opening(path: Any, *args: Any, **settings: Any) -> int:
            where = self._watched(path)
            if where is None:
                return opened(path, *args, **settings)
            flags = args[0] if args else settings["flags"]
            name = "create" if flags & os.O_CREAT else "open"
            descriptor: int = self._pass(name, where, lambda: opened(path, *args, **settings))
            self._paths[descriptor] = where
            return descriptor

        def opening_file(path: Any, mode: str = "r", *args: Any, **settings: Any) -> Any:
            where = self._watched(path)
            if where is None:
                return open_file(path, mode, *args, **settings)
            if mode.strip("bt") != "r":
                raise RuntimeError(f"{where} is written where no point is counted")
            return self._pass("open", where, lambda: open_file(path, mode, *args, **settings))

        os.open = opening
        io.open = builtins.open = opening_file  # type: ignore[assignment]

    def _install_http(self) -> None:
        send, receive = http.client.HTTPConnection.send, http.client.HTTPConnection.getresponse

        def sending(connection: http.client.HTTPConnection, data: Any) -> None:
            some = data[: len(data) // 2]
            self._pass(
                "send", _named(data), lambda: send(connection, data), lambda: send(connection, some)
            )

        def receiving(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
            answer: http.client.HTTPResponse = self._pass(
                "receive", "", lambda: receive(connection)
            )
            return answer

        http.client.HTTPConnection.send = sending  # type: ignore[assignment, method-assign]
        http.client.HTTPConnection.getresponse = receiving  # type: ignore[assignment, method-assign]

    def _by_paths(self, name: str, call: Callable[..., Any], paths: int) -> Callable[..., Any]:
        def instead(*args: Any, **settings: Any) -> Any:
            where = next(filter(None, map(self._watched, args[:paths])), None)
            if where is None:
                return call(*args, **settings)
            return self._pass(name, where, lambda: call(*args, **settings))

        return instead

    def _by_descriptor(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def instead(descriptor: int, *args: Any) -> Any:
            path = self._paths.get(descriptor)
            if path is None:
                return call(descriptor, *args)
            return self._pass(name, path, lambda: call(descriptor, *args))

        return instead

    def _watched(self, path: Any) -> str | None:
        """Return a path's name if it is in the folder; relative to where the folder is."""
        if not isinstance(path, str | bytes | os.PathLike):
            return None
        where = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
        if where != self._folder and not where.startswith(self._folder + os.sep):
            return None
        return os.path.relpath(where, self._folder + "/..")

    def _pass(
        self,
        name: str,
        what: str,
        call: Callable[[], Any],
        half: Callable[[], object] | None = None,
    ) -> Any:
        """Carry an operation out, or what the strike makes of it."""
        match self._arrive(name, what):
            case "fail":
                raise self._refusal(what)
            case "torn" if half:
                half()
                raise self._refusal(what)
            case "half" if half:
                half()
                self._die()
            case "before":
                self._die()
            case "after":
                try:
                    call()
                finally:
                    self._die()
            case "stop":
                done = call()
                self._kill(os.getpid(), signal.SIGSTOP)
                return done
        return call()

    def _arrive(self, name: str, what: str) -> How | None:
        """Count and note a point; return what is to happen there."""
        strike = self._strike
        with self._turn:
            self._count += 1
            number, now = self._count, time.monotonic()
            self._write(self._trace, f"{number} {name} {what} {now:.6f}s\n".encode())
        if strike.how == "full":
            return "fail" if 0 < strike.at <= number and name in _TAKES_SPACE else None
        return strike.how if number == strike.at else None

    def _refusal(self, what: str) -> OSError:
        return OSError(self._strike.errno, os.strerror(self._strike.errno), what)

    def _die(self) -> NoReturn:
        self._kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")


def _named(data: bytes) -> str:
    """Return the request line that some bytes begin with, or nothing: it is a body."""
    line = data.partition(b"\r\n")[0]
    return line.decode().removesuffix(" HTTP/1.1") if line.endswith(b" HTTP/1.1") else "body"
