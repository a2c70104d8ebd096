"""State in PostgreSQL and in an object store, by the command line: moved, encrypted, unlocked."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.world import World, definition, job
from tests.servers import free_port

PASSWORD = "hunter2-is-no-secret"
HOLD = """
import sys
from pathlib import Path
from reconciler.backends.url import open_backend

with open_backend(sys.argv[1], "vision", Path()).lock(command="reconciler apply"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["postgresql", "s3"])
def url(request: pytest.FixtureRequest) -> str:
    name = f"s{uuid.uuid4().hex}"
    if request.param == "s3":
        found: str = request.getfixturevalue("object_store").url(name)
        return found
    server = request.getfixturevalue("postgres_server")
    return f"{server.url(user='tester:' + PASSWORD)}?schema={name}"


@pytest.fixture
def holder(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the lock of the state."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=dict(os.environ),
    )
    assert process.stdin
    assert process.stdout
    assert process.stdout.readline() == b"held\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)
        process.stdin.close()
        process.stdout.close()


def done(world: World, *args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    ended = world.run(*args)
    assert ended.returncode == code, ended
    assert PASSWORD not in ended.stdout + ended.stderr
    return ended


def test_a_team_moves_its_state_works_on_it_and_moves_back(world: World, url: str) -> None:
    world.write(definition(job("a")))
    done(world, "apply", "--auto-approve")
    before = json.loads(done(world, "state", "pull").stdout)

    moved = done(world, "state", "migrate", "--to", url)
    assert "read them back" in moved.stderr.replace("\n", " ")
    assert json.loads(done(world, "state", "pull", "--state", url).stdout) == before
    done(world, "plan", "--detailed-exitcode", "--state", url)

    world.write(definition(job("a") + job("b")))
    done(world, "apply", "--auto-approve", "--state", url)
    done(world, "state", "mv", "b", "c", "--state", url)
    history = json.loads(done(world, "history", "--json", "--state", url).stdout)["snapshots"]
    told = [[(each["verb"], each["addresses"]) for each in s["run"]["changes"]] for s in history]
    assert told[:3] == [[("move", ["b → c"])], [("create", ["b"])], [("create", ["a"])]]
    page = done(world, "history", "--report", "html", "--state", url).stdout
    assert "<h2>create b</h2>" in page

    done(world, "state", "migrate", "--to", "file:state", "--state", url)
    assert list(json.loads(done(world, "state", "pull").stdout)["records"]) == ["a", "c"]
    stale = done(world, "state", "restore", history[-1]["name"], "--state", url)
    assert "Restored" in stale.stderr


def test_a_lock_that_somebody_holds_is_told_and_taken_away(
    world: World, url: str, holder: subprocess.Popen[bytes]
) -> None:
    world.write(definition(job("a")))

    refused = done(world, "apply", "--auto-approve", "--state", url, code=4)
    assert f"process {holder.pid}" in refused.stderr
    asked = done(world, "state", "unlock", "--state", url, code=64)
    assert f"process {holder.pid}" in asked.stderr
    assert "It is alive." in asked.stderr
    done(world, "state", "unlock", "--auto-approve", "--state", url)

    done(world, "apply", "--auto-approve", "--lock-timeout", "20", "--state", url)
    assert "not locked" in done(world, "state", "unlock", "--state", url).stderr


def test_a_state_is_encrypted_and_its_key_changed(world: World, url: str) -> None:
    world.write(definition(job("a")))
    for name in ("one.key", "two.key"):
        (world.folder / name).write_bytes(os.urandom(32))
    done(world, "apply", "--auto-approve", "--state", url)
    one, two = ("--state-key", "one.key"), ("--state-key", "two.key")

    assert "not encrypted" in done(world, "plan", "--state", url, *one, code=1).stderr
    done(world, "state", "rekey", "--state", url, *one)
    assert "is encrypted" in done(world, "plan", "--state", url, code=1).stderr
    assert "another key" in done(world, "plan", "--state", url, *two, code=1).stderr
    done(world, "plan", "--detailed-exitcode", "--state", url, *one)

    done(world, "state", "rekey", "--state", url, *two, "--old-state-key", "one.key")
    done(world, "plan", "--detailed-exitcode", "--state", url, *two)
    done(world, "apply", "--auto-approve", "--state", url, *two)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param("postgresql://me:{password}@127.0.0.1:{port}/db", "Cannot", id="nobody there"),
        pytest.param("postgresql://me:{password}@127.0.0.1:{port}/db?x=1", "broken", id="broken"),
        pytest.param("postgre://me:{password}@h/db", "Did you mean", id="no such kind"),
    ],
)
def test_an_error_tells_what_to_do_and_no_password(world: World, url: str, words: str) -> None:
    world.write(definition(job("a")))
    url = url.format(password=PASSWORD, port=free_port())

    ended = world.run("plan", "--state", url)

    assert ended.returncode in (1, 64)
    assert words in ended.stderr
    assert PASSWORD not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_key_that_is_too_short_is_refused(world: World) -> None:
    world.write(definition(job("a")))
    Path(world.folder / "short.key").write_bytes(b"short")

    ended = done(world, "plan", "--state-key", "short.key", code=64)

    assert "too short" in ended.stderr
