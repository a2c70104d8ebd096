"""Servers that the tests start, each in a folder of its own, and stop when they are done."""

import atexit
import contextlib
import functools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

REQUIRED = "RECONCILER_TEST_SERVERS"
"""With the value `required`, a server that cannot be started is a failure; else a loud skip."""


def free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def unavailable(what: str) -> None:
    """End the test: failed where the servers are required, else skipped with a loud reason."""
    if os.environ.get(REQUIRED) == "required":
        pytest.fail(f"{what}; it is required here ({REQUIRED}=required)")
    pytest.skip(f"NOT TESTED: {what}")


class PostgresServer:
    """A PostgreSQL server with one database, `state`, on a port of 127.0.0.1."""

    def __init__(self, binaries: Path) -> None:
        """Make the cluster and start it; the binaries are those of one PostgreSQL version."""
        self._binaries = binaries
        self._user = unprivileged_user()
        self.folder = Path(tempfile.mkdtemp(prefix="reconciler-pg-"))
        if self._user:
            os.chown(self.folder, self._user, -1)
        self.port = free_port()
        data = str(self.folder / "data")
        self._run(["initdb", "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync"])
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        self.execute("CREATE DATABASE state", database="postgres")

    def url(self, *, database: str = "state", user: str = "tester", port: int = 0) -> str:
        """Return the URL of a database."""
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",  # the machine is not switched off in a test
            "shared_buffers": "16MB",
        }
        options = [word for pair in settings.items() for word in ("-c", "=".join(pair))]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self.folder / "data", *options],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=self._user,
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                return self.execute("SELECT 1", database="postgres")
            except OSError:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT cuts all sessions and shuts down, SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        """Stop the server and remove all that it kept."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def execute(self, statement: str, *, database: str = "state") -> None:
        """Run one statement as the owner; `OSError` while the server does not answer."""
        import psycopg

        try:
            with psycopg.connect(self.url(database=database), autocommit=True) as connection:
                connection.execute(statement.encode())
        except psycopg.OperationalError as error:
            raise ConnectionError(str(error)) from error

    def _run(self, command: Sequence[str]) -> None:
        name, *arguments = command
        done = subprocess.run(
            [self._binaries / name, *arguments],
            capture_output=True,
            check=False,
            text=True,
            cwd=self.folder,
            user=self._user,
        )
        assert done.returncode == 0, done.stderr


def unprivileged_user() -> int | None:
    """Return the user that runs the server when we are root, since root must not."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_uid
    return 65534


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda each: each.parts)
    if found:
        return found[-1].parent
    path = shutil.which("initdb")
    return Path(path).resolve().parent if path else None


@functools.cache
def start_postgres() -> PostgresServer | None:
    """Return this process's server, started once, or None where PostgreSQL is not installed."""
    if (binaries := _binaries()) is None:
        return None
    server = PostgresServer(binaries)
    atexit.register(server.remove)
    return server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Give the PostgreSQL server of this run, or end the test loudly."""
    server = start_postgres()
    if server is None:
        unavailable("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    assert server is not None
    yield server
    server.remove()


BUCKET = "team"

_STORE = """
import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

# One request at a time: the emulator looks at a condition and writes in two steps.
app = DomainDispatcherApplication(create_backend_app)
run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=False)
"""


class ObjectStore:
    """An S3 server with one bucket, on a port of 127.0.0.1; it keeps all in memory."""

    def __init__(self) -> None:
        """Start the server, and wait until it answers."""
        self.port = free_port()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _STORE, str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 120
        while True:
            try:
                return self._make_bucket()
            except OSError:
                assert self._process.poll() is None, "the object store did not start"
                assert time.monotonic() < deadline, "the object store does not answer"
                time.sleep(0.1)

    def _make_bucket(self) -> None:
        request = urllib.request.Request(f"{self.endpoint()}/{BUCKET}", method="PUT")
        with urllib.request.urlopen(request, timeout=30):
            pass

    def endpoint(self, port: int = 0) -> str:
        """Return where the server answers, or a relay in front of it."""
        return f"http://127.0.0.1:{port or self.port}"

    def url(self, prefix: str, *, port: int = 0) -> str:
        """Return the URL of a state below a prefix of the bucket."""
        return f"s3://{BUCKET}/{prefix}?endpoint={self.endpoint(port)}&region=test"

    def remove(self) -> None:
        """Stop the server."""
        self._process.kill()
        self._process.wait(60)


@functools.cache
def start_object_store() -> ObjectStore:
    """Return this process's server, started once."""
    store = ObjectStore()
    atexit.register(store.remove)
    return store


CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "no-secret-at-all"}


@pytest.fixture(scope="session")
def object_server() -> Iterator[ObjectStore]:
    """Give the S3 server of this run."""
    store = start_object_store()
    yield store
    store.remove()


@pytest.fixture
def object_store(object_server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """Give the S3 server of this run, and the credentials for it."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return object_server
