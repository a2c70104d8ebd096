"""Jobs that really run: parameters, results, logs, queues, and how they are ended."""

from pathlib import Path

import pytest

from reconciler.emulator.app import Settings
from tests.unit.emulator.support import (
    Client,
    Local,
    a_job,
    a_sleeper,
    eventually,
    is_alive,
    pids_of,
    version_path,
)


def test_a_run_gets_its_parameters_and_writes_its_output(local: Local, client: Client) -> None:
    parameters = [{"label": "epochs", "value": "3"}]
    job = client.create(
        "Run_1", data_url="/demo/data/", train_url="/demo/out/1/", parameter=parameters
    )

    details = client.wait_for(job)

    assert details["status"] == 10
    assert details["start_time"] >= details["create_time"]
    assert details["duration"] >= 0
    model = local.buckets / "demo/out/1/model.txt"
    assert model.read_text() == str(local.buckets.resolve() / "demo/data")
    names = client.api("GET", f"{version_path(job)}/log/file-names").body["log_file_list"]
    assert names == ["job-run-1.0"]
    log = client.log(job)
    assert log.startswith("epoch 0\nepoch 1\nepoch 2\n")
    assert "rank 0 of 1\n" in log
    assert log.endswith("Training completed.\n")


@pytest.mark.parametrize(
    ("code", "reason"), [pytest.param("7", "exit code 7", id="exit code"), ("x", "exit code 2")]
)
def test_the_exit_code_decides(client: Client, code: str, reason: str) -> None:
    job = client.create(f"fail-{code}", parameter=[{"label": "exit", "value": code}])

    assert client.wait_for(job)["status"] == 11
    assert reason in client.log(job)


def test_a_custom_image_runs_its_command_with_parameters_as_environment(
    local: Local, client: Client
) -> None:
    job = client.create(
        "image",
        boot_file_url="/demo/code/train.py",
        engine_id=None,
        user_image_url="swr/i:1",
        user_command='echo "lr=$lr in $PWD from $DATA_URL"; env > "$TRAIN_URL/env"',
        data_url="/demo/data/",
        train_url="/demo/out/image/",
        parameter=[{"label": "lr", "value": "1e-3 $x"}],
    )

    assert client.wait_for(job)["status"] == 10
    root = local.buckets.resolve() / "demo"
    assert client.log(job).startswith(f"lr=1e-3 $x in {root}/code from {root}/data\n")
    environment = (root / "out/image/env").read_text()
    assert "MA_JOB_NAME=image\n" in environment
    for secret in ("password", "admin_token"):
        assert client.endpoint[secret] not in environment
    assert client.token not in environment


def test_the_environment_of_the_server_does_not_leak_into_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_PASSWORD", "of-the-user")
    with Local(folder) as server:
        job = server.client.create(
            "env",
            engine_id=None,
            user_image_url="swr/i:1",
            user_command="env",
        )
        server.client.wait_for(job)

        assert "of-the-user" not in server.client.log(job)


def test_a_built_in_algorithm_is_pretended_to_run(client: Client) -> None:
    nothing = {"app_url": None, "boot_file_url": None, "engine_id": None}
    parameters = [{"label": "lr", "value": "0.1"}]
    job = client.create("built-in", model_id=4, parameter=parameters, **nothing)

    assert client.wait_for(job)["status"] == 10
    assert client.log(job).startswith("Built-in algorithm ResNet_v2_50 --lr=0.1\n")


def test_every_worker_has_its_rank_and_its_log(client: Client) -> None:
    flavor = {"code": "modelarts.vm.gpu.1v100"}
    job = client.create("many", flavor=flavor, worker_server_num=3)

    assert client.wait_for(job)["status"] == 10
    names = client.api("GET", f"{version_path(job)}/log/file-names").body["log_file_list"]
    assert names == ["job-many.0", "job-many.1", "job-many.2"]
    for worker in range(3):
        assert f"rank {worker} of 3\n" in client.log(job, worker)


def test_logs_are_written_to_the_log_path_as_well(local: Local, client: Client) -> None:
    job = client.create("exported", log_url="/demo/logs/")
    client.wait_for(job)

    (path,) = (local.buckets / "demo/logs").iterdir()

    assert path.read_text() == client.log(job)


def test_code_that_vanishes_before_the_start_fails_the_submission(folder: Path) -> None:
    with Local(folder, Settings(idle_timeout=0, capacity=1, grace=0.5)) as server:
        client = server.client
        first = client.api("POST", "/training-jobs", a_sleeper("first")).body
        second = client.create("second")
        (server.buckets / "demo/code/train.py").unlink()
        client.api("POST", f"{version_path(first)}/stop")

        assert client.wait_for(second)["status"] == 5
        assert "Invalid OBS path '/demo/code/train.py'." in client.log(second)


def test_stop_ends_the_whole_process_group(local: Local, client: Client) -> None:
    job = client.api("POST", "/training-jobs", a_sleeper("stopped")).body
    pids = pids_of(local, "stopped")
    client.wait_for(job, 8)

    assert client.api("POST", f"{version_path(job)}/stop").body == {"is_success": True}

    assert client.wait_for(job)["status"] == 12
    eventually(lambda: [pid for pid in pids if is_alive(pid)], lambda alive: not alive)
    assert "Training stopped." in client.log(job)
    assert client.api("POST", f"{version_path(job)}/stop").code == "ModelArts.0104"


def test_a_run_that_ignores_the_signal_passes_through_killing(client: Client) -> None:
    job = client.create(
        "stubborn",
        engine_id=None,
        user_image_url="swr/i:1",
        user_command="trap '' TERM; echo ready; while :; do sleep 0.05; done",
    )
    names = f"{version_path(job)}/log/file-names"
    eventually(lambda: client.api("GET", names).body["log_file_list"], bool)
    eventually(lambda: client.log(job), lambda log: "ready" in log)

    client.api("POST", f"{version_path(job)}/stop")

    assert client.details(job)["status"] == 9
    assert client.api("POST", f"{version_path(job)}/stop").status == 200
    assert client.wait_for(job)["status"] == 12


def test_children_do_not_outlive_a_run_that_ends_by_itself(local: Local, client: Client) -> None:
    job = client.create(
        "parent",
        engine_id=None,
        user_image_url="swr/i:1",
        user_command='sleep 600 & echo "$$ $!" > pids-parent',
    )

    assert client.wait_for(job)["status"] == 10
    child = pids_of(local, "parent")[1]
    eventually(lambda: is_alive(child), lambda alive: not alive)


def test_deleting_a_running_job_kills_it_first(local: Local, client: Client) -> None:
    job = client.api("POST", "/training-jobs", a_sleeper("deleted")).body
    pids = pids_of(local, "deleted")

    assert client.api("DELETE", f"/training-jobs/{job['job_id']}").body == {"is_success": True}

    eventually(lambda: client.rows("&search_content=deleted"), lambda rows: not rows)
    eventually(lambda: [pid for pid in pids if is_alive(pid)], lambda alive: not alive)
    assert client.api("GET", version_path(job)).code == "ModelArts.0102"


def test_deleting_a_running_version_kills_it(local: Local, client: Client) -> None:
    job = client.api("POST", "/training-jobs", a_sleeper("one-version")).body
    pids = pids_of(local, "one-version")

    client.api("DELETE", version_path(job))

    eventually(lambda: [pid for pid in pids if is_alive(pid)], lambda alive: not alive)
    assert client.rows("&search_content=one-version")[0]["version_count"] == 0


def test_jobs_queue_for_slots_and_start_in_order(folder: Path) -> None:
    with Local(folder, Settings(idle_timeout=0, capacity=2, grace=0.5)) as server:
        client = server.client
        flavor = {"code": "modelarts.vm.gpu.1v100"}
        first = client.api("POST", "/training-jobs", a_sleeper("q1")).body
        client.wait_for(first, 8)
        wide = client.api("POST", "/training-jobs", a_job("q2", flavor=flavor, worker_server_num=4))
        last = client.create("q3")

        assert client.details(wide.body)["status"] == 7
        assert client.details(last)["status"] == 7
        client.api("POST", f"{version_path(first)}/stop")
        assert client.wait_for(wide.body)["status"] == 10
        assert client.wait_for(last)["status"] == 10
        started = [client.details(job)["start_time"] for job in (wide.body, last)]
        assert started == sorted(started)


def test_a_queued_job_is_stopped_without_ever_running(folder: Path) -> None:
    with Local(folder, Settings(idle_timeout=0, capacity=1, grace=0.5)) as server:
        client = server.client
        client.api("POST", "/training-jobs", a_sleeper("runs"))
        queued = client.create("queued")

        client.api("POST", f"{version_path(queued)}/stop")

        details = client.details(queued)
        assert (details["status"], details["start_time"]) == (12, None)


def test_a_long_log_is_followed_by_cursor(client: Client) -> None:
    job = client.create("talks", parameter=[{"label": "epochs", "value": "1000"}])
    client.wait_for(job)
    path = f"{version_path(job)}/aom-log?log_file=job-talks.0"

    newest = client.api("GET", f"{path}&lines=2").body
    before = client.api("GET", f"{path}&lines=3&order=asc&base_line={newest['start_line']}").body
    seen, cursor = [], "0"
    while True:
        page = client.api("GET", f"{path}&lines=300&order=desc&base_line={cursor}").body
        if page["lines"] == 0:
            break
        seen += page["content"].splitlines()
        cursor = page["end_line"]

    assert newest["content"] == "rank 0 of 1\n[ModelArts Service Log]Training completed.\n"
    assert before["content"] == "epoch 997\nepoch 998\nepoch 999\n"
    assert seen == [*(f"epoch {n}" for n in range(1000)), *newest["content"].splitlines()]
    assert len(newest["end_line"]) == 19
    assert page["end_line"] == cursor
