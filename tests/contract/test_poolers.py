"""PostgreSQL behind PgBouncer: in session mode as without it, in the other modes refused."""

import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.backends.url import open_backend
from reconciler.errors import StateError, StateLockedError
from reconciler.model.address import Address
from reconciler.model.state import Recorded, State, fold
from tests.build import LINEAGE, a_record
from tests.servers import PostgresServer, free_port, unavailable, unprivileged_user

STACK = "vision"
EMPTY = State(stack=STACK, lineage=LINEAGE, salt="5a" * 16)
ENTRY = Recorded(address=Address("resnet"), record=a_record())

_SETTINGS = """
[databases]
* = host=127.0.0.1 port={server} user=tester
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = {size}
ignore_startup_parameters = extra_float_digits
"""


@contextmanager
def a_pooler(server: PostgresServer, mode: str, size: int) -> Iterator[int]:
    """Run PgBouncer in front of the server; yield its port."""
    binary = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/sbin")
    if binary is None:
        unavailable("PgBouncer is not installed (Debian: apt-get install pgbouncer)")
    assert binary
    folder, port = server.folder, free_port()
    settings = folder / f"pgbouncer-{port}.ini"
    (folder / "users").write_text('"tester" ""\n')
    values = {"server": server.port, "port": port, "folder": folder, "mode": mode, "size": size}
    settings.write_text(_SETTINGS.format(**values))
    log = (folder / "pgbouncer.log").open("ab")
    process = subprocess.Popen(
        [binary, str(settings)], stdout=log, stderr=log, user=unprivileged_user()
    )
    log.close()
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "pgbouncer.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield port
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)


def test_session_mode_is_as_good_as_none(postgres_server: PostgresServer) -> None:
    schema = f"s{uuid.uuid4().hex}"
    with a_pooler(postgres_server, "session", 5) as port:
        url = f"{postgres_server.url(port=port)}?schema={schema}"
        with open_backend(url, STACK, Path()).lock(command="apply") as writer:
            writer.checkpoint(EMPTY)
            for _ in range(8):
                writer.append([ENTRY])
            with (
                pytest.raises(StateLockedError),
                open_backend(url, STACK, Path()).lock(command="apply"),
            ):
                pytest.fail("two writers at once")
        with open_backend(url, STACK, Path()).lock(command="apply") as writer:
            writer.append([ENTRY])

        assert open_backend(url, STACK, Path()).read() == fold(EMPTY, [ENTRY] * 9)


@pytest.mark.parametrize("mode", ["transaction", "statement"])
@pytest.mark.parametrize("size", [1, 5])
def test_modes_that_share_sessions_are_refused(
    postgres_server: PostgresServer, mode: str, size: int
) -> None:
    schema = f"s{uuid.uuid4().hex}"
    with a_pooler(postgres_server, mode, size) as port:
        url = f"{postgres_server.url(port=port)}?schema={schema}"
        with (
            pytest.raises(StateError, match=r"session mode|statement pooling"),
            open_backend(url, STACK, Path()).lock(command="apply"),
        ):
            pytest.fail("a lock that does not hold")

    direct = open_backend(f"{postgres_server.url()}?schema={schema}", STACK, Path())
    assert direct.read() is None
    with direct.lock(command="apply"):
        pass
