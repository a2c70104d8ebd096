"""Finding, starting and stopping the emulator of a store; quick to import.

A store's server holds a lock on the file `lock` while it lives, and tells in `endpoint.json`
where it listens. A finder touches that file before it relies on it; a server that wants to
end for idleness first takes the file away and looks whether it was touched meanwhile, so
nobody is ever sent to a server that is about to leave.
"""

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BOOT = (
    "import sys, runpy; root = sys.argv.pop(1); root in sys.path or sys.path.insert(0, root); "
    "runpy.run_module('reconciler.emulator', run_name='__main__', alter_sys=True)"
)
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "TZ", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "TERM")
_KEPT_PREFIXES = ("LC_", "PYTHON", "RECONCILER_EMULATOR_", "COVERAGE_")
_POLL_SECONDS = 0.02
_SIGTERM = 15


class EmulatorError(Exception):
    """The emulator could not be started, reached or stopped; the text is for a person."""


@dataclass(frozen=True, slots=True)
class Running:
    """A live emulator, seen from one buckets folder. Secrets stay out of its repr."""

    url: str
    auth_url: str
    username: str
    password: str = field(repr=False)
    domain: str
    project_id: str
    project_name: str
    admin_token: str = field(repr=False)
    pid: int
    access_key: str = ""
    secret_key: str = field(default="", repr=False)


def ensure(
    store: Path,
    buckets: Path,
    *,
    idle_timeout: float | None = None,
    wait: float = 30.0,
) -> Running:
    """The live emulator of `store` for the project of `buckets`; starts it if there is none.

    Costs no request when the server and the project are known already. Several callers at
    once get one and the same server. `idle_timeout` counts for a server that this call
    starts; `wait` is how many seconds it may take to come up. Raises EmulatorError.
    """
    running = find(store, buckets)
    if running is not None:
        return running
    private_folder(store)
    with _launching(store, time.monotonic() + wait):
        deadline = time.monotonic() + wait
        endpoint = _await_endpoint(store, deadline)
        if endpoint is None:
            _start(store, buckets, idle_timeout, deadline)
            endpoint = _await_endpoint(store, deadline)
        if endpoint is None:
            raise _did_not_start(store)
        if _project_of(endpoint, store, buckets) is None:
            _register(endpoint, buckets)
            endpoint = _read_endpoint(store) or endpoint
    return _running(endpoint, _project_of(endpoint, store, buckets))


def find(store: Path, buckets: Path | None = None) -> Running | None:
    """The live emulator of `store`, or None; starts nothing.

    With `buckets`, only if it knows that folder's project; without, for its first project.
    """
    endpoint = _read_endpoint(store)
    if endpoint is None:
        return None
    project = _project_of(endpoint, store, buckets)
    if buckets is not None and project is None:
        return None
    return _running(endpoint, project)


def stop(store: Path, wait: float = 30.0) -> bool:
    """End the emulator of `store` and wait until it is gone; False if there was none.

    Running jobs are killed and will be shown as lost. Raises EmulatorError after `wait` seconds.
    """
    endpoint = _read_endpoint(store)
    if endpoint is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(endpoint["pid"], _SIGTERM)
    deadline = time.monotonic() + wait
    while _is_held(store / "lock"):
        if time.monotonic() > deadline:
            raise EmulatorError(f"The emulator of {store} does not end; see {_log(store)}.")
        time.sleep(_POLL_SECONDS)
    return True


def serve(
    store: Path,
    buckets: Path,
    *,
    on_ready: Callable[[Running], None] = lambda _: None,
    port: int = 0,
    idle_timeout: float = 0.0,
    capacity: int | None = None,
    simulate: float | None = None,
    quota: int = 10_000,
) -> None:
    """Serve in the foreground until SIGINT, SIGTERM or idleness (seconds; 0 means never).

    `on_ready` is told once requests are taken. `simulate` seconds stand for jobs that do not
    really run. Raises EmulatorError when the store is in use or a library is missing.
    """
    _require_libraries()
    from reconciler.emulator.app import Settings
    from reconciler.emulator.server import run_server
    from reconciler.emulator.store import StoreError

    settings = Settings(port, idle_timeout, capacity, simulate, quota)

    def ready(endpoint: dict[str, Any]) -> None:
        on_ready(_running(endpoint, _project_of(endpoint, store, buckets)))

    try:
        run_server(store, buckets, settings, ready)
    except (StoreError, OSError) as error:
        raise EmulatorError(f"The emulator cannot serve {store}: {error}") from error


def private_folder(folder: Path) -> None:
    """Make a folder and its missing parents, which only their owner enters."""
    for each in reversed((folder, *folder.parents)):
        if not each.exists():
            each.mkdir(mode=0o700, exist_ok=True)
            each.chmod(0o700)


# -- finding


def _read_endpoint(store: Path) -> dict[str, Any] | None:
    path = store / "endpoint.json"
    try:
        with path.open(encoding="utf-8") as file:
            os.utime(file.fileno())
            endpoint: dict[str, Any] = json.load(file)
            same = os.fstat(file.fileno()).st_ino == path.stat().st_ino
    except (OSError, ValueError):
        return None
    return endpoint if same and _is_held(store / "lock") else None


def _is_held(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _project_of(
    endpoint: dict[str, Any], store: Path, buckets: Path | None
) -> dict[str, str] | None:
    projects: dict[str, dict[str, str]] = endpoint["projects"]
    if buckets is None:
        return next(iter(projects.values()), None)
    return projects.get(os.path.relpath(buckets.resolve(), store.resolve()))


def _running(endpoint: dict[str, Any], project: dict[str, str] | None) -> Running:
    if project is None:
        raise EmulatorError("The emulator does not know the project of the buckets folder.")
    return Running(
        url=endpoint["url"],
        auth_url=endpoint["auth_url"],
        username=endpoint["username"],
        password=endpoint["password"],
        domain=endpoint["domain"],
        project_id=project["id"],
        project_name=project["name"],
        admin_token=endpoint["admin_token"],
        pid=endpoint["pid"],
        access_key=endpoint.get("access_key", ""),
        secret_key=endpoint.get("secret_key", ""),
    )


def _register(endpoint: dict[str, Any], buckets: Path) -> None:
    from http.client import HTTPConnection, HTTPException

    headers = {"X-Admin-Token": endpoint["admin_token"], "Content-Type": "application/json"}
    body = json.dumps({"folder": str(buckets.resolve())})
    connection = HTTPConnection(endpoint["url"].removeprefix("http://"), timeout=10.0)
    try:
        connection.request("POST", "/_emulator/projects", body, headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException) as error:
        raise EmulatorError(f"The emulator at {endpoint['url']} does not answer.") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise EmulatorError(f"The emulator at {endpoint['url']} refused the folder {buckets}.")


# -- starting


@contextlib.contextmanager
def _launching(store: Path, deadline: float) -> Iterator[None]:
    """Hold the right to start the store's server; others wait here meanwhile."""
    descriptor = os.open(store / "launch.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise EmulatorError(f"Another command has been starting {store} for too long.")
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _await_endpoint(store: Path, deadline: float) -> dict[str, Any] | None:
    """The endpoint of the server that holds the lock, once it is there; None without server."""
    while True:
        endpoint = _read_endpoint(store)
        if endpoint is not None or not _is_held(store / "lock"):
            return endpoint
        if time.monotonic() > deadline:
            raise _did_not_start(store)
        time.sleep(_POLL_SECONDS)


def _start(store: Path, buckets: Path, idle_timeout: float | None, deadline: float) -> None:
    """Start a server that outlives us, and wait until it is ready or has given up."""
    import subprocess

    _require_libraries()
    reading, writing = os.pipe()
    command = [sys.executable, "-P", "-c", _BOOT, str(Path(__file__).resolve().parents[2])]
    command += ["--store", str(store.resolve()), "--buckets", str(buckets.resolve())]
    command += ["--ready-fd", str(writing)]
    if idle_timeout is not None:
        command += ["--idle-timeout", str(idle_timeout)]
    log = os.open(_log(store), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=store,
            env=_environment(),
            pass_fds=[writing],
            start_new_session=True,
            check=False,
        )
    finally:
        os.close(log)
        os.close(writing)
    _await_end_of(reading, deadline)


def _await_end_of(pipe: int, deadline: float) -> None:
    """Wait until the server closes its end of the pipe: it is ready, or dead."""
    import select

    try:
        while (left := deadline - time.monotonic()) > 0:
            if select.select([pipe], [], [], left)[0] and not os.read(pipe, 64):
                return
    finally:
        os.close(pipe)


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }


def _require_libraries() -> None:
    from importlib.util import find_spec

    for library in ("starlette", "uvicorn"):
        if find_spec(library) is None:
            raise EmulatorError(
                f"The embedded emulator needs {library}: pip install 'reconciler[local]'"
            )


def _did_not_start(store: Path) -> EmulatorError:
    log = _log(store)
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.exists() else []
    last = next((line for line in reversed(lines) if line.strip()), "it is empty")
    return EmulatorError(f"The emulator did not start. The end of {log}: {last}")


def _log(store: Path) -> Path:
    return store / "emulator.log"
