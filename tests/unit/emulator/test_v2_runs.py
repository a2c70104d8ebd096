"""v2 jobs that really run: what code gets, what becomes of it, and how it is ended."""

import re
from pathlib import Path

import pytest

from reconciler.emulator.app import Settings
from tests.unit.emulator import jobs_v2 as v2
from tests.unit.emulator.jobs_v2 import (
    a_job,
    a_sleeper,
    an_image,
    channel,
    create,
    get,
    parameters,
    path_of,
    phase,
    wait_for,
)
from tests.unit.emulator.support import Client, Local, is_alive, pids_of
from tests.waiting import eventually


def test_a_job_lives_and_goes(local: Local, client: Client) -> None:
    body = a_job(
        "lives",
        inputs=[channel("data_url", "/demo/data/")],
        outputs=[channel("train_url", "obs://demo/out/v2/")],
        parameters=parameters(epochs="2"),
    )

    created = create(client, body)
    done = wait_for(client, created)

    assert phase(created) == "Creating"
    assert created["metadata"]["user_name"] == ""
    assert phase(done) == "Completed"
    assert done["metadata"]["user_name"] == client.endpoint["username"]
    assert done["status"]["task_statuses"] == [{"task": "worker-0", "exit_code": 0, "message": ""}]
    model = local.buckets / "demo/out/v2/model.txt"
    assert model.read_text() == str(local.buckets.resolve() / "demo/data")
    assert v2.log(client, created).startswith("epoch 0\nepoch 1\n")
    assert v2.names(client, filters=v2.like("lives")) == ["lives"]
    gone = client.v2("DELETE", path_of(created))
    assert (gone.status, gone.raw) == (202, b'""')
    after = client.v2("GET", path_of(created))
    assert (after.status, after.code) == (400, "ModelArts.2775")
    assert v2.names(client, filters=v2.like("lives")) == []


@pytest.mark.parametrize(("code", "shown"), [("7", 7), pytest.param("x", 2, id="usage error")])
def test_the_exit_code_decides(client: Client, code: str, shown: int) -> None:
    job = create(client, a_job(f"fails-{code}", parameters=parameters(exit=code)))

    done = wait_for(client, job)

    assert (phase(done), done["status"]["secondary_phase"]) == ("Failed", "Failed")
    assert done["status"]["task_statuses"][0]["exit_code"] == shown
    assert f"exit code {shown}" in v2.log(client, job)


def test_code_gets_its_channels_as_options_and_its_environment(
    local: Local, client: Client
) -> None:
    (local.buckets / "demo/code/show.py").write_text(
        "import os, sys\nprint(sys.argv[1:])\n"
        "for name in ('SEED', 'side', 'MA_JOB_DIR', 'MA_JOB_ID', 'MA_JOB_NAME', 'VC_TASK_INDEX'):\n"
        "    print(name, os.environ.get(name))\nprint(os.getcwd())\n"
    )
    body = a_job(
        "shown",
        boot_file="/demo/code/show.py",
        inputs=[
            channel("train", "/demo/data/"),
            channel("side", "/demo/data/", access_method="env"),
            {"name": "set", "remote": {"dataset": {"id": "d", "version_id": "v"}}},
        ],
        outputs=[channel("model", "/demo/out/model/")],
        parameters=parameters(lr="1e-3", note="two words"),
        environments={"SEED": "7", "MA_JOB_NAME": "forged"},
    )
    job = create(client, body)
    wait_for(client, job)

    root = local.buckets.resolve() / "demo"
    uid = job["metadata"]["id"]
    options = [f"--train={root}/data", f"--model={root}/out/model", "--lr=1e-3", "--note=two words"]
    assert v2.log(client, job).splitlines()[:-1] == [
        str(options),
        "SEED 7",
        f"side {root}/data",
        f"MA_JOB_DIR {root}",
        f"MA_JOB_ID {uid}",
        "MA_JOB_NAME shown",
        "VC_TASK_INDEX 0",
        f"{root}/code",
    ]


def test_a_command_in_an_image_gets_all_as_environment(local: Local, client: Client) -> None:
    command = 'echo "lr=$lr seed=$SEED in $PWD from $DATA_URL"; env > "$TRAIN_URL/env"'
    body = an_image(
        "image",
        command,
        inputs=[channel("data_url", "/demo/data/")],
        outputs=[channel("train_url", "/demo/out/image-v2/")],
        parameters=parameters(lr="1e-3"),
        environments={"SEED": "7"},
    )
    job = create(client, body)

    assert phase(wait_for(client, job)) == "Completed"
    root = local.buckets.resolve() / "demo"
    assert v2.log(client, job).startswith(f"lr=1e-3 seed=7 in {root}/code from {root}/data\n")
    environment = (root / "out/image-v2/env").read_text()
    for secret in ("password", "admin_token", "secret_key"):
        assert client.endpoint[secret] not in environment


def test_a_managed_algorithm_is_pretended_to_run_with_its_defaults(client: Client) -> None:
    number = "01c399ae-8593-4ef5-9e4d-085950aacde1"
    body = a_job("managed", code_dir=None, boot_file=None, engine=None, id=number)
    body["algorithm"]["parameters"] = parameters(world_size="3")
    job = create(client, body)

    shown = wait_for(client, job)["algorithm"]

    expected = "Built-in algorithm example-algorithm --world_size=3 --learning_rate=0.1\n"
    assert v2.log(client, job).startswith(expected)
    assert {p["name"]: p["value"] for p in shown["parameters"]} == {
        "world_size": "3",
        "learning_rate": "0.1",
    }
    assert shown["name"] == "example-algorithm"
    assert shown["engine"]["engine_id"] == v2.PYTORCH


def test_code_in_an_image_is_not_there(client: Client) -> None:
    code = {"code_dir": "file:///home/app/", "boot_file": "file:///home/app/train.py"}
    job = create(client, a_job("in-image", **code))

    done = wait_for(client, job)

    assert (phase(done), done["status"]["secondary_phase"]) == ("Abnormal", "CreateFailed")
    assert "could not be started" in v2.log(client, job)


def test_every_node_has_its_task(client: Client) -> None:
    spec = {"resource": {"flavor_id": "modelarts.vm.gpu.1v100", "node_count": 3}}
    job = create(client, a_job("many", spec=spec))

    done = wait_for(client, job)

    assert phase(done) == "Completed"
    assert done["status"]["tasks"] == ["worker-0", "worker-1", "worker-2"]
    assert [task["exit_code"] for task in done["status"]["task_statuses"]] == [0, 0, 0]
    for index in range(3):
        assert f"rank {index} of 3\n" in v2.log(client, job, f"worker-{index}")


def test_logs_go_to_the_export_path_as_well(local: Local, client: Client) -> None:
    job = create(client, a_job("exported", spec={"log_export_path": {"obs_url": "/demo/v2-logs/"}}))
    wait_for(client, job)

    (path,) = (local.buckets / "demo/v2-logs").iterdir()

    assert path.name == f"modelarts-job-{job['metadata']['id']}-worker-0.log"
    assert path.read_text() == v2.log(client, job)


def test_terminate_ends_the_whole_process_group(local: Local, client: Client) -> None:
    job = create(client, a_sleeper("terminated"))
    pids = pids_of(local, "terminated")
    wait_for(client, job, "Running")

    answer = client.v2("POST", f"{path_of(job)}/actions", {"action_type": "terminate"})

    assert (answer.status, phase(answer.body)) == (202, "Terminating")
    done = wait_for(client, job)
    assert phase(done) == "Terminated"
    eventually(lambda: [pid for pid in pids if is_alive(pid)], lambda alive: not alive)
    again = client.v2("POST", f"{path_of(job)}/actions", {"action_type": "terminate"})
    assert (again.status, again.code) == (409, "ModelArts.2796")
    events = client.v2("GET", f"{path_of(job)}/events?order=asc").body["events"]
    assert events[-1]["message"] == "Training job terminated."


def test_a_waiting_job_is_terminated_without_ever_running(client: Client) -> None:
    spec = {"resource": {"flavor_id": "modelarts.vm.gpu.1p100"}}
    job = create(client, a_job("sold-out", spec=spec))
    waiting = get(client, job)

    client.v2("POST", f"{path_of(job)}/actions", {"action_type": "terminate"})

    assert (phase(waiting), waiting["status"]["secondary_phase"]) == ("Pending", "Queuing")
    done = wait_for(client, job)
    assert (phase(done), done["status"]["start_time"]) == ("Terminated", 0)
    log = client.v2("GET", f"{path_of(job)}/tasks/worker-0/logs/preview")
    assert (log.status, log.code) == (400, "ModelArts.2818")


def test_a_job_is_stopped_when_its_time_is_over(local: Local, client: Client) -> None:
    stop = {"auto_stop": {"time_unit": "HOURS", "duration": 2}}
    assert phase(wait_for(client, create(client, a_job("short-enough", spec=stop)))) == "Completed"
    client.admin("PUT", "timing", {"hour": 0.1})

    long = create(client, a_sleeper("too-long", spec=stop))

    assert phase(wait_for(client, long)) == "Terminated"
    assert get(client, long)["status"]["duration"] >= 200


def test_deleting_a_running_job_stops_it_first(local: Local, client: Client) -> None:
    job = create(client, a_sleeper("deleted-v2"))
    pids = pids_of(local, "deleted-v2")
    wait_for(client, job, "Running")

    assert client.v2("DELETE", path_of(job)).status == 202

    eventually(lambda: client.v2("GET", path_of(job)).code, lambda code: code == "ModelArts.2775")
    eventually(lambda: [pid for pid in pids if is_alive(pid)], lambda alive: not alive)


def test_a_restart_loses_what_ran_and_keeps_what_waited(folder: Path) -> None:
    settings = Settings(idle_timeout=0, grace=0.5, capacity=1)
    with Local(folder, settings) as server:
        runs = create(server.client, a_sleeper("runs"))
        wait_for(server.client, runs, "Running")
        waits = create(server.client, a_job("waits", inputs=[channel("data_url", "/demo/data/")]))
    with Local(folder, settings) as server:
        lost, done = get(server.client, runs), wait_for(server.client, waits)

    assert (phase(lost), lost["status"]["secondary_phase"]) == ("Abnormal", "Lost")
    assert phase(done) == "Completed"
    assert done["metadata"]["id"] == waits["metadata"]["id"]


def test_logs_metrics_and_events_of_a_job_that_has_not_begun(client: Client) -> None:
    spec = {"resource": {"flavor_id": "modelarts.vm.gpu.1p100"}}
    job = create(client, a_job("not-begun", spec=spec))
    path = path_of(job)

    early = [
        client.v2("GET", f"{path}/tasks/worker-0/logs/preview"),
        client.v2("GET", f"{path}/tasks/worker-0/logs/url"),
        client.v2("GET", f"{path}/metrics/worker-0"),
    ]

    assert [(answer.status, answer.raw) for answer in early] == [(204, b"")] * 3
    assert client.v2("GET", f"{path}/events").body["total"] == 1
    assert client.v2("GET", f"{path}/tasks/worker-1/logs/preview").code == "ModelArts.2820"
    assert client.v2("DELETE", path).status == 202


def test_a_link_leads_to_the_whole_log_for_a_while(local: Local, client: Client) -> None:
    job = create(client, a_job("linked", parameters=parameters(epochs="5")))
    wait_for(client, job)
    path = f"{path_of(job)}/tasks/worker-0/logs/url"

    link = client.v2("GET", f"{path}?Content-Type=text/plain").body["obs_url"]

    target = link.removeprefix(client.endpoint["url"])
    stranger = Client(client.endpoint)
    found = stranger.call("GET", target)
    assert (found.status, found.headers["content-type"].split(";")[0]) == (200, "text/plain")
    assert found.raw.decode() == v2.log(client, job)
    forged = stranger.call("GET", target.replace("Expires=1", "Expires=2"))
    other = stranger.call("GET", target.replace("/0?", "/1?"))
    odd = stranger.call("GET", target.split("Signature=")[0] + "Signature=%C3%A4")
    endless = stranger.call("GET", re.sub(r"Expires=\d+", "Expires=" + "9" * 5000, target))
    stranger.close()
    assert {forged.status, other.status, odd.status, endless.status} == {403}
    assert client.v2("GET", f"{path}?Content-Type=text/html").code == "ModelArts.2764"


def test_a_long_log_is_cut_at_a_line(local: Local, client: Client) -> None:
    (local.buckets / "demo/code/long.py").write_text(
        "for n in range(60_000):\n    print(n, 'x' * 93)\n"
    )
    job = create(client, a_job("long", boot_file="/demo/code/long.py"))
    wait_for(client, job)

    body = client.v2("GET", f"{path_of(job)}/tasks/worker-0/logs/preview").body

    assert body["current_size"] == len(body["content"].encode()) <= 5 * 1024 * 1024
    assert body["full_size"] > 5 * 1024 * 1024
    first, *_, last = body["content"].splitlines()
    assert first.split()[1] == "x" * 93
    assert last.endswith("Training completed.")


def test_metrics_tell_that_nothing_was_measured(client: Client) -> None:
    job = create(client, a_job("measured"))
    wait_for(client, job)

    metrics = client.v2("GET", f"{path_of(job)}/metrics/worker-0").body["metrics"]

    assert {row["metric"]: row["value"] for row in metrics}["cpuUsage"] == [-1]


def test_events_are_narrowed_down(client: Client) -> None:
    job = create(client, a_job("eventful", parameters=parameters(exit="3")))
    wait_for(client, job)

    def told(query: str) -> list[str]:
        body = client.v2("GET", f"{path_of(job)}/events?{query}").body
        return [event["message"] for event in body["events"]]

    created, running, task, failed = told("order=asc")
    assert told("") == [failed, task, running, created]
    assert told("level=Error") == [failed]
    assert told("source=Task") == [task]
    assert told("pattern=running") == [running]
    assert told("order=asc&limit=2&offset=1") == [running, task]
    assert told(f"start_time=0&end_time={job['metadata']['create_time'] - 1}") == []
