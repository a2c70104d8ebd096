"""What a store keeps when its server ends, in order or not."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.emulator.app import Settings
from reconciler.emulator.launch import EmulatorError, ensure, find, stop
from reconciler.emulator.processes import end_leftovers, start_mark
from reconciler.emulator.store import Store, StoreError
from tests.unit.emulator.support import (
    Client,
    Json,
    Local,
    a_job,
    a_sleeper,
    eventually,
    is_alive,
    pids_of,
    version_path,
    write_code,
)

ONE_SLOT = Settings(idle_timeout=0, capacity=1, grace=0.5)


def test_jobs_logs_and_identity_survive(folder: Path) -> None:
    with Local(folder) as server:
        job = server.client.create("kept", parameter=[{"label": "epochs", "value": "2"}])
        before = server.client.wait_for(job)
        log, project = server.client.log(job), server.client.project
        gone = server.client.create("gone")
        server.client.wait_for(gone)
        server.client.api("DELETE", f"/training-jobs/{gone['job_id']}")
    with Local(folder) as server:
        assert server.client.project == project
        assert server.client.details(job) == before
        assert server.client.log(job) == log
        assert [row["job_name"] for row in server.client.rows()] == ["kept"]
        assert server.client.api("POST", "/training-jobs", a_job("kept")).code == "ModelArts.0103"
        assert server.client.create("next")["job_id"] > gone["job_id"]


def test_the_whole_folder_can_move(tmp_path: Path) -> None:
    with Local(tmp_path / "here") as server:
        project = server.client.project
        server.client.wait_for(server.client.create("moved"))
    (tmp_path / "here").rename(tmp_path / "there")

    with Local(tmp_path / "there") as server:
        assert server.client.project == project
        assert server.client.wait_for(server.client.create("again"))["status"] == 10


def test_an_orderly_end_kills_what_runs_and_keeps_what_waits(folder: Path) -> None:
    with Local(folder, ONE_SLOT) as server:
        running = server.client.api("POST", "/training-jobs", a_sleeper("running")).body
        waiting = server.client.create("waiting")
        pids = pids_of(server, "running")
        server.client.wait_for(running, 8)
    eventually(lambda: [pid for pid in pids if is_alive(pid)], lambda alive: not alive)

    with Local(folder, ONE_SLOT) as server:
        assert server.client.details(running)["status"] == 14
        assert server.client.wait_for(waiting)["status"] == 10


def test_simulated_jobs_take_their_time_and_go_on_after_a_restart(folder: Path) -> None:
    with Local(folder, Settings(idle_timeout=0, simulate=600)) as server:
        job = server.client.create("pretended", app_url="/no/such/", boot_file_url="/no/such/a.py")
        assert server.client.wait_for(job, 8)["status"] == 8
        assert server.client.log_in().status == 201
        stopped = server.client.create("stopped")
        server.client.api("POST", f"{version_path(stopped)}/stop")
        assert server.client.details(stopped)["status"] == 12
    with Local(folder, Settings(idle_timeout=0, simulate=0)) as server:
        assert server.client.wait_for(job)["status"] == 10


@pytest.fixture
def killed(folder: Path) -> Iterator[tuple[Local, Json, Json, list[int]]]:
    """A server of its own process, killed in the middle of one run with another one queued."""
    local = Local(folder, ONE_SLOT)
    write_code(local.buckets)
    command = [sys.executable, "-m", "reconciler.emulator", "--capacity", "1"]
    command += ["--store", str(local.store), "--buckets", str(local.buckets)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, cwd=root, stderr=subprocess.DEVNULL) as server:
        path = local.store / "endpoint.json"
        eventually(path.exists, bool)
        client = Client(json.loads(path.read_text()))
        client.project = client.endpoint["project_id"]
        client.token = client.log_in().headers["x-subject-token"]
        running = client.api("POST", "/training-jobs", a_sleeper("running")).body
        waiting = client.create("waiting")
        pids = pids_of(local, "running")
        client.wait_for(running, 8)
        server.kill()
        client.close()
    yield local, running, waiting, pids
    for pid in pids:
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


def test_after_a_kill_leftovers_are_ended_and_the_queue_goes_on(
    killed: tuple[Local, Json, Json, list[int]],
) -> None:
    dead, running, waiting, pids = killed
    assert all(is_alive(pid) for pid in pids)
    assert (dead.store / "endpoint.json").exists()
    assert find(dead.store) is None

    with Local(dead.folder, ONE_SLOT) as server:
        assert server.client.details(running)["status"] == 14
        assert server.client.wait_for(waiting)["status"] == 10
        eventually(lambda: [pid for pid in pids if is_alive(pid)], lambda alive: not alive)


def test_children_of_a_dead_leader_are_found_but_strangers_spared(
    killed: tuple[Local, Json, Json, list[int]],
) -> None:
    dead, _, _, (leader, child) = killed
    os.kill(leader, signal.SIGKILL)
    eventually(lambda: is_alive(leader), lambda alive: not alive)

    assert not end_leftovers(leader, "", "somebody-elses")
    assert not end_leftovers(os.getpid(), "another-start", "somebody-elses")
    assert is_alive(child)

    with Local(dead.folder, ONE_SLOT):
        eventually(lambda: is_alive(child), lambda alive: not alive)


def test_a_start_mark_tells_processes_apart() -> None:
    assert start_mark(os.getpid()) == start_mark(os.getpid()) != ""
    assert start_mark(os.getpid()) != start_mark(1)
    assert start_mark(2**22 + 1) == ""


def test_a_store_is_private(folder: Path) -> None:
    with Local(folder) as server:
        job = server.client.create("private")
        server.client.wait_for(job)
        paths = [server.store, *server.store.rglob("*")]
        open_ones = [path for path in paths if path.stat().st_mode & 0o077]

    assert (folder / "store/jobs.db") in paths
    assert (folder / "store/endpoint.json") in paths
    assert open_ones == []


def test_a_store_serves_one_server_at_a_time(folder: Path) -> None:
    with Local(folder) as server, pytest.raises(StoreError, match="already"):
        Store(server.store)


def test_a_newer_store_is_left_alone(folder: Path) -> None:
    Store(folder).close()
    with sqlite3.connect(folder / "jobs.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()

    with pytest.raises(StoreError, match="format 99"):
        Store(folder)


@pytest.mark.parametrize("name", ["jobs.db", "credentials.json"])
def test_a_damaged_store_is_told_in_one_line(folder: Path, name: str) -> None:
    (folder / "store").mkdir()
    (folder / "store" / name).write_text("not what it should be" * 100)

    with pytest.raises(EmulatorError, match=name):
        ensure(folder / "store", folder / "buckets")

    assert not stop(folder / "store")


def test_a_waiting_job_of_a_store_of_the_first_format_runs(tmp_path: Path) -> None:
    """Its jobs had one input and one output without names, and were all of v1."""
    with Local(tmp_path, ONE_SLOT) as server:
        client = server.client
        first = client.api("POST", "/training-jobs", a_sleeper("first")).body
        pids_of(server, "first")
        waits = client.create("waits", data_url="/demo/data/", train_url="/demo/out/")
    _turn_back(tmp_path / "store/jobs.db")

    with Local(tmp_path, ONE_SLOT) as server:
        assert server.client.details(first)["status"] == 14
        assert server.client.wait_for(waits)["status"] == 10
        model = server.buckets / "demo/out/model.txt"
        assert model.read_text() == str(server.buckets.resolve() / "demo/data")


def _turn_back(path: Path) -> None:
    database = sqlite3.connect(path)
    with database:
        for table in ("jobs", "versions"):
            for number, text in database.execute(f"SELECT id, data FROM {table}").fetchall():
                plain = json.loads(text)
                added = ("api", "uid", "exit_codes")
                plain = {name: value for name, value in plain.items() if name not in added}
                if "work" in plain:
                    work = plain["work"]
                    for old, new in (("data", "inputs"), ("output", "outputs")):
                        work[old] = "".join(channel["path"] for channel in work.pop(new))
                    del work["environment"], work["hours"]
                update = f"UPDATE {table} SET data = ? WHERE id = ?"
                database.execute(update, (json.dumps(plain), number))
        database.execute("PRAGMA user_version = 1")
    database.close()
