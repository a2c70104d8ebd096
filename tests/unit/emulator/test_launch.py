"""Finding, starting and stopping the server in the background."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.emulator import launch
from reconciler.emulator.launch import EmulatorError, Running, ensure, find, serve, stop
from tests.unit.emulator.support import Client, is_alive, write_code
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    write_code(tmp_path / "buckets")
    yield tmp_path / "store"
    stop(tmp_path / "store")


@pytest.fixture
def buckets(tmp_path: Path) -> Path:
    return tmp_path / "buckets"


def client_of(running: Running) -> Client:
    credentials = {
        "url": running.url,
        "username": running.username,
        "password": running.password,
        "domain": running.domain,
        "project_name": running.project_name,
        "admin_token": running.admin_token,
    }
    client = Client(credentials, running.project_id)
    client.token = client.log_in().headers["x-subject-token"]
    return client


def test_start_find_and_stop(store: Path, buckets: Path) -> None:
    assert find(store) is None
    assert stop(store) is False

    running = ensure(store, buckets, idle_timeout=60)

    assert ensure(store, buckets) == find(store) == find(store, buckets) == running
    assert running.auth_url == f"{running.url}/v3"
    client = client_of(running)
    assert client.wait_for(client.create("launched"))["status"] == 10
    client.close()
    assert stop(store) is True
    assert find(store) is None
    eventually(lambda: is_alive(running.pid), lambda alive: not alive)
    assert not (store / "endpoint.json").exists()


def test_secrets_stay_out_of_sight(store: Path, buckets: Path) -> None:
    running = ensure(store, buckets, idle_timeout=60)

    for secret in (running.password, running.admin_token):
        assert secret not in repr(running)
        assert secret not in (store / "emulator.log").read_text()
        assert secret not in Path(f"/proc/{running.pid}/cmdline").read_text()
    assert (store / "endpoint.json").stat().st_mode & 0o077 == 0


def test_the_server_is_detached(store: Path, buckets: Path) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    try:
        running = ensure(store, buckets, idle_timeout=60)
        targets = {str(path.readlink()) for path in Path(f"/proc/{running.pid}/fd").iterdir()}
        session = os.getsid(running.pid)
    finally:
        os.close(reading)
        pipe = os.fstat(writing).st_ino
        os.close(writing)

    assert session != os.getsid(0)
    assert f"pipe:[{pipe}]" not in targets
    assert not any(target.startswith("pipe:") for target in targets)


def test_several_callers_at_once_get_one_server(store: Path, buckets: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from reconciler.emulator.launch import ensure;"
        "print(ensure(Path(sys.argv[1]), Path(sys.argv[2]), idle_timeout=60).pid)"
    )
    command = [sys.executable, "-c", code, str(store), str(buckets)]

    def run(_: int) -> str:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    with ThreadPoolExecutor(6) as pool:
        pids = set(pool.map(run, range(6)))

    assert pids == {str(find(store).pid)}  # type: ignore[union-attr]


def test_threads_at_once_get_one_server_too(store: Path, buckets: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        running = set(pool.map(lambda _: ensure(store, buckets, idle_timeout=60), range(4)))

    assert len(running) == 1


def test_another_buckets_folder_joins_the_running_server(
    store: Path, buckets: Path, tmp_path: Path
) -> None:
    first = ensure(store, buckets, idle_timeout=60)
    other = tmp_path / "other"
    other.mkdir()
    assert find(store, other) is None

    second = ensure(store, other)

    assert (second.pid, second.url) == (first.pid, first.url)
    assert second.project_id != first.project_id
    assert find(store, other) == second
    assert find(store) == first


def test_the_server_ends_when_idle(store: Path, buckets: Path) -> None:
    running = ensure(store, buckets, idle_timeout=0.3)

    eventually(lambda: is_alive(running.pid), lambda alive: not alive)

    assert find(store) is None
    assert "Idle for 0.3 s" in (store / "emulator.log").read_text()


def test_the_server_stays_while_something_runs(store: Path, buckets: Path) -> None:
    running = ensure(store, buckets, idle_timeout=0.3)
    client = client_of(running)
    job = client.create(
        "busy", engine_id=None, user_image_url="swr/i:1", user_command="sleep 1; echo done"
    )
    client.close()
    result = store / "logs" / str(job["version_id"]) / "0.log"

    eventually(lambda: is_alive(running.pid), lambda alive: not alive)

    assert "done" in result.read_text()


def test_finding_keeps_the_server_awake(store: Path, buckets: Path) -> None:
    running = ensure(store, buckets, idle_timeout=0.5)
    pause = threading.Event()

    for _ in range(10):
        pause.wait(0.1)
        assert find(store) == running


def test_a_stale_endpoint_file_misleads_nobody(store: Path, buckets: Path) -> None:
    store.mkdir()
    stale = {"url": "http://127.0.0.1:1", "pid": os.getpid(), "projects": {}}
    (store / "endpoint.json").write_text(json.dumps(stale))

    assert find(store) is None
    assert stop(store) is False
    assert ensure(store, buckets, idle_timeout=60).url != stale["url"]


def test_missing_libraries_are_named(
    store: Path, buckets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "starlette", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(EmulatorError, match=r"pip install 'reconciler\[local\]'"):
        ensure(store, buckets)


def test_a_server_that_does_not_come_up_shows_its_last_words(
    store: Path, buckets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "_BOOT", "raise SystemExit('no luck today')")

    with pytest.raises(EmulatorError, match=r"emulator\.log: no luck today"):
        ensure(store, buckets)


def test_serving_in_the_foreground_refuses_a_store_in_use(store: Path, buckets: Path) -> None:
    ensure(store, buckets, idle_timeout=60)

    with pytest.raises(EmulatorError, match="already"):
        serve(store, buckets)


def test_serving_in_the_foreground_tells_when_it_is_ready(store: Path, buckets: Path) -> None:
    seen: list[Running] = []

    serve(store, buckets, on_ready=seen.append, idle_timeout=0.1, simulate=0.0, quota=5)

    assert [running.url.startswith("http://127.0.0.1:") for running in seen] == [True]


def test_a_port_in_use_is_an_error_for_a_person(store: Path, buckets: Path) -> None:
    running = ensure(store, buckets, idle_timeout=60)
    port = int(running.url.rsplit(":", 1)[1])

    with pytest.raises(EmulatorError, match="Address already in use"):
        serve(store.with_name("second"), buckets, port=port)


@pytest.mark.parametrize("sign", ["INT", "TERM"])
def test_the_foreground_command_ends_well_on_a_signal(
    store: Path, buckets: Path, sign: str
) -> None:
    command = [sys.executable, "-m", "reconciler.emulator", "--store", str(store)]
    command += ["--buckets", str(buckets), "--simulate", "--simulate-seconds", "5", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as server:
        running = eventually(lambda: find(store), bool)
        client = client_of(running)  # type: ignore[arg-type]
        subprocess.run(["/bin/kill", f"-{sign}", str(server.pid)], check=True)
        _, errors = server.communicate(timeout=20)
        client.close()

    assert server.returncode == 0
    assert "Traceback" not in errors


def test_a_wrong_idle_setting_is_told(store: Path, buckets: Path) -> None:
    command = [sys.executable, "-m", "reconciler.emulator", "--store", str(store)]
    environment = os.environ | {"RECONCILER_EMULATOR_IDLE": "soon"}

    done = subprocess.run(
        [*command, "--buckets", str(buckets)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "RECONCILER_EMULATOR_IDLE=soon" in done.stderr


def test_the_launcher_imports_nothing_heavy() -> None:
    code = (
        "import sys, reconciler.emulator.launch;"
        "print([n for n in ('asyncio', 'starlette', 'pydantic', 'http', 'subprocess')"
        " if n in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
