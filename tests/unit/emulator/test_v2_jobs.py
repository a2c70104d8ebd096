"""v2 jobs as they are seen: what the server fills in, names, quotas, deletion, searches."""

from collections.abc import Iterator

import pytest

from reconciler.emulator.app import Settings
from tests.unit.emulator import jobs_v2 as v2
from tests.unit.emulator.jobs_v2 import (
    a_job,
    an_image,
    channel,
    create,
    get,
    like,
    names,
    parameters,
    path_of,
    phase,
    search,
)
from tests.unit.emulator.support import Client, Json, Local
from tests.waiting import eventually


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    settings = Settings(idle_timeout=0, simulate=0.0, quota=60)
    with Local(tmp_path_factory.mktemp("v2"), settings) as server:
        yield server


@pytest.fixture
def client(local: Local) -> Iterator[Client]:
    client = local.new_client()
    yield client
    client.admin("PUT", "timing", {})
    client.admin("PUT", "quirks", {})
    for job in client.admin("GET", "jobs"):
        client.admin("DELETE", f"jobs/{job['job_id']}")
    client.close()


def made(client: Client, names: str) -> list[Json]:
    """Jobs named by single letters, made one millisecond after the other."""
    jobs = [create(client, a_job(name)) for name in names]
    for number, job in enumerate(jobs):
        client.admin("PATCH", f"jobs/{job['metadata']['id']}", {"created": 1000 + number})
    return jobs


def test_what_the_server_fills_in(client: Client) -> None:
    body = a_job(
        "filled",
        top={"description": None},
        inputs=[channel("data_url", "/demo/data/")],
        outputs=[channel("train_url", "/demo/out/")],
        parameters=parameters(epochs="3"),
    )

    job = get(client, create(client, body))

    assert job["metadata"] | {"id": "", "create_time": 0, "user_name": ""} == {
        "id": "",
        "name": "filled",
        "description": "",
        "create_time": 0,
        "workspace_id": "0",
        "ai_project": "default-ai-project",
        "user_name": "",
        "annotations": {"job_template": "Template DL", "key_task": "worker"},
    }
    assert job["algorithm"] == {
        "code_dir": "/demo/code/",
        "boot_file": "/demo/code/train.py",
        "parameters": [
            {"name": "epochs", "value": "3", "description": "", "i18n_description": None}
        ],
        "inputs": [
            {
                "name": "data_url",
                "local_dir": "/home/ma-user/modelarts/inputs/data_url_0",
                "remote": {"obs": {"obs_url": "/demo/data/"}},
            }
        ],
        "outputs": [
            {
                "name": "train_url",
                "local_dir": "/home/ma-user/modelarts/outputs/train_url_0",
                "mode": "upload_periodically",
                "period": 30,
                "remote": {"obs": {"obs_url": "/demo/out/"}},
            }
        ],
        "engine": {
            "engine_id": v2.PYTORCH,
            "engine_name": "PyTorch",
            "engine_version": v2.PYTORCH,
            "v1_compatible": False,
            "run_user": "1102",
        },
        "policies": {},
    }
    assert job["spec"]["resource"] == {
        "policy": "regular",
        "flavor_id": "modelarts.vm.cpu.8u",
        "flavor_name": "Computing CPU(8U) instance",
        "node_count": 1,
        "flavor_detail": {
            "flavor_type": "CPU",
            "billing": {"code": "modelarts.vm.cpu.8u", "unit_num": 1},
            "flavor_info": {
                "cpu": {"arch": "x86", "core_num": 8},
                "memory": {"size": 32, "unit": "GB"},
                "disk": {"size": 50, "unit": "GB"},
            },
        },
    }
    assert (job["spec"]["log_export_path"], job["spec"]["is_hosted_log"]) == ({}, True)


def test_what_was_sent_comes_back(client: Client) -> None:
    spec: Json = {
        "resource": {"pool_id": "pool1", "flavor_id": "modelarts.pool.visual.xlarge"},
        "log_export_path": {"obs_url": "", "host_path": "/logs"},
        "auto_stop": {"time_unit": "HOURS", "duration": 2},
        "schedule_policy": {"priority": 3, "required_affinity": {"affinity_type": "cabinet"}},
        "notification": {"topic_urn": "urn:t", "events": ["JobFailed"]},
        "volumes": [{"nfs": {"nfs_server_path": "10.0.0.1:/", "local_path": "/mnt"}}],
    }
    body = an_image(
        "echoed",
        "true",
        spec=spec,
        top={"annotations": {"mine": "1"}, "description": "text", "workspace_id": "7"},
        environments={"A": "1"},
        inputs=[{"name": "d", "remote": {"dataset": {"id": "i", "version_id": "v"}}}],
    )
    body["endpoints"] = {"ssh": {"key_pair_names": ["key"]}}

    job = get(client, create(client, body))

    affinity = {"affinity_type": "cabinet", "affinity_group_size": 1}
    assert job["spec"] == spec | {
        "resource": spec["resource"] | {"policy": "regular", "node_count": 1},
        "log_export_path": {"host_path": "/logs"},
        "schedule_policy": {"priority": 3, "required_affinity": affinity},
        "is_hosted_log": True,
    }
    assert job["metadata"]["annotations"]["mine"] == "1"
    assert (job["metadata"]["description"], job["metadata"]["workspace_id"]) == ("text", "7")
    assert job["endpoints"] == body["endpoints"]
    assert job["algorithm"]["engine"] == {"image_url": "team/i:1"}
    assert job["algorithm"]["environments"] == {"A": "1"}
    assert job["algorithm"]["inputs"][0]["remote"]["dataset"]["obs_url"].startswith("/dataset-i/")


def test_answers_may_leave_out_what_the_reference_does_not_list(client: Client) -> None:
    spec = {"auto_stop": {"time_unit": "HOURS", "duration": 2}, "notification": {"events": []}}
    job = create(client, a_job("terse", spec=spec))
    assert {"auto_stop", "notification"} <= set(get(client, job)["spec"])

    client.admin("PUT", "quirks", {"terse_spec": True})

    for shown in (get(client, job), search(client)["items"][0]):
        assert not {"auto_stop", "notification"} & set(shown["spec"])


def test_the_description_changes_in_place(client: Client) -> None:
    job = create(client, a_job("described", top={"description": "before"}))

    answer = client.v2("PUT", path_of(job), {"description": "after"})
    untouched = client.v2("PUT", path_of(job), {})

    assert (answer.status, answer.raw, untouched.status) == (200, b"null", 200)
    assert get(client, job)["metadata"]["description"] == "after"


def test_a_name_is_taken_only_once_per_workspace(client: Client) -> None:
    create(client, a_job("twice"))

    again = client.v2("POST", "/training-jobs", a_job("twice"))
    create(client, a_job("twice", top={"workspace_id": "7"}))

    assert (again.status, again.code) == (400, "ModelArts.2751")
    assert again.body["error_msg"] == "Duplicate training job (name twice)."
    check = "/training-job-names?job_name="
    assert client.v2("GET", f"{check}twice").body == {"is_duplicate": True}
    assert client.v2("GET", f"{check}twice&workspace_id=7").body == {"is_duplicate": True}
    assert client.v2("GET", f"{check}twice&workspace_id=8").body == {"is_duplicate": False}


def test_the_two_versions_are_worlds_of_their_own(client: Client) -> None:
    old = client.create("same")
    new = create(client, a_job("same"))
    uid = new["metadata"]["id"]

    assert [row["job_name"] for row in client.rows()] == ["same"]
    assert client.rows()[0]["job_id"] == old["job_id"]
    assert [item["metadata"]["id"] for item in search(client)["items"]] == [uid]
    assert client.v2("GET", f"/training-jobs/{old['job_id']}").code == "ModelArts.2775"
    numbers = {job["uid"]: job["job_id"] for job in client.admin("GET", "jobs")}
    assert client.api("DELETE", f"/training-jobs/{numbers[uid]}").code == "ModelArts.0102"
    assert client.v2("DELETE", path_of(new)).status == 202
    assert [row["job_name"] for row in client.rows()] == ["same"]


def test_each_version_has_a_quota_of_its_own(client: Client) -> None:
    for number in range(60):
        create(client, a_job(f"q{number}"))

    refused = client.v2("POST", "/training-jobs", a_job("one-more"))

    assert (refused.status, refused.code) == (400, "ModelArts.2815")
    quota = {"resource": "job-num", "quota": 60, "used": 60}
    assert client.v2("GET", "/training-quotas?resource=job-num").body == {"quotas": [quota]}
    assert client.create("v1-has-room")["job_id"]


def test_a_deletion_takes_its_time_and_the_name_longer(client: Client) -> None:
    client.admin("PUT", "timing", {"delete_delay": 0.3, "name_hold": 0.4})
    job = create(client, a_job("slow"))

    assert client.v2("DELETE", path_of(job)).status == 202
    assert phase(get(client, job)) == "Completed"
    assert names(client) == ["slow"]
    assert client.v2("DELETE", path_of(job)).status == 202
    changed = client.v2("PUT", path_of(job), {"description": "x"})
    assert (changed.status, changed.code) == (409, "ModelArts.2878")
    eventually(lambda: names(client), lambda found: not found)
    assert client.v2("GET", path_of(job)).code == "ModelArts.2775"
    assert client.v2("POST", "/training-jobs", a_job("slow")).code == "ModelArts.2751"
    eventually(
        lambda: client.v2("POST", "/training-jobs", a_job("slow")).status, lambda s: s == 201
    )


def test_a_deletion_that_fails_leaves_the_job_as_it_was(client: Client) -> None:
    client.admin("PUT", "timing", {"delete_fails": 1})
    job = create(client, a_job("sticky"))

    assert client.v2("DELETE", path_of(job)).status == 202

    assert phase(get(client, job)) == "Completed"
    assert client.v2("DELETE", path_of(job)).status == 202
    assert client.v2("GET", path_of(job)).code == "ModelArts.2775"


def test_a_new_job_is_listed_late(client: Client) -> None:
    client.admin("PUT", "timing", {"list_lag": 0.3})

    job = create(client, a_job("lagging"))

    assert names(client) == []
    assert get(client, job)["metadata"]["name"] == "lagging"
    eventually(lambda: names(client), lambda found: found == ["lagging"])


def test_pages_count_pages_unless_told_otherwise(client: Client) -> None:
    made(client, "abcde")

    newest = [names(client, limit=2, offset=page) for page in range(4)]
    oldest = names(client, limit=3, order="asc")
    client.admin("PUT", "quirks", {"record_offset": True})
    records = [names(client, limit=2, offset=start) for start in (0, 1, 4)]

    assert newest == [["e", "d"], ["c", "b"], ["a"], []]
    assert oldest == ["a", "b", "c"]
    assert records == [["e", "d"], ["d", "c"], ["a"]]


def test_a_search_tells_how_many_there_are(client: Client) -> None:
    made(client, "abc")
    create(client, a_job("other", top={"workspace_id": "7"}))

    found = search(client, limit=1, offset=1, filters=like("b"))

    assert {name: value for name, value in found.items() if name != "items"} == {
        "total": 4,
        "count": 1,
        "limit": 1,
        "offset": 1,
        "sort_by": "create_time",
        "order": "desc",
        "group_by": "",
        "workspace_id": "0",
        "ai_project": "default-ai-project",
    }
    assert found["items"] == []
    assert names(client, workspace_id="7") == ["other"]


@pytest.mark.parametrize(
    ("key", "operator", "value", "found"),
    [
        pytest.param("name", "like", ["a"], ["ab", "a"], id="part of a name"),
        pytest.param("name", "like", ["b"], ["b", "ab"], id="other part of a name"),
        pytest.param("name", "in", ["a"], ["a"], id="whole name"),
        pytest.param("name", "in", ["a", "b"], ["b", "a"], id="one of two names"),
        pytest.param("name", "not", ["a", "b"], ["ab"], id="neither name"),
        pytest.param("name", "like", [""], ["b", "ab", "a"], id="empty text"),
        pytest.param("name", "in", [], ["b", "ab", "a"], id="no value"),
        pytest.param("phase", "in", ["Failed"], ["ab"], id="phase"),
        pytest.param("kind", "in", ["job"], ["b", "ab", "a"], id="kind"),
        pytest.param("algorithm_name", "in", ["x"], [], id="algorithm"),
        pytest.param("user_id", "not", ["somebody"], ["b", "ab", "a"], id="user"),
        pytest.param("create_time", "between", ["1000", "1001"], ["ab", "a"], id="times"),
    ],
)
def test_filters(client: Client, key: str, operator: str, value: list[str], found: list[str]):
    for number, name in enumerate(("a", "ab", "b")):
        uid = create(client, a_job(name))["metadata"]["id"]
        change = {"created": 1000 + number} | ({"status": 11} if name == "ab" else {})
        client.admin("PATCH", f"jobs/{uid}", change)

    assert names(client, filters=[{"key": key, "operator": operator, "value": value}]) == found


def test_jobs_are_sorted_by_what_is_asked(client: Client) -> None:
    made(client, "bca")

    assert names(client, sort_by="name") == ["c", "b", "a"]
    assert names(client, sort_by="name", order="asc") == ["a", "b", "c"]
    assert names(client, sort_by="create_time", order="asc") == ["b", "c", "a"]


def test_what_is_offered(client: Client) -> None:
    flavors = client.v2("GET", "/training-job-flavors").body
    gpu = client.v2("GET", "/training-job-flavors?flavor_type=GPU").body
    engines = client.v2("GET", "/training-job-engines").body

    assert flavors["total_count"] == len(flavors["flavors"]) == 5
    assert {row["flavor_type"] for row in gpu["flavors"]} == {"GPU"}
    assert flavors["flavors"][2]["flavor_info"]["max_num"] == 4
    compatible = {row["engine_version"]: row["v1_compatible"] for row in engines["items"]}
    assert compatible[v2.PYTORCH] is False
    assert compatible["TF-1.8.0-python3.6"] is True


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (1, ("Creating", "Creating")),
        (7, ("Pending", "Queuing")),
        (8, ("Running", "Running")),
        (9, ("Terminating", "Terminating")),
        (10, ("Completed", "Completed")),
        (11, ("Failed", "Failed")),
        (12, ("Terminated", "Terminated")),
        (3, ("Abnormal", "CreateFailed")),
        (5, ("Abnormal", "CreateFailed")),
        (14, ("Abnormal", "Lost")),
        (0, ("Abnormal", "Unknown")),
    ],
)
def test_phases(client: Client, status: int, shown: tuple[str, str]) -> None:
    job = create(client, a_job("forced"))

    client.admin("PATCH", f"jobs/{job['metadata']['id']}", {"status": status})

    found = get(client, job)["status"]
    assert (found["phase"], found["secondary_phase"]) == shown


def test_jobs_change_behind_the_back(client: Client) -> None:
    theirs = {key: value for key, value in a_job("x").items() if key != "metadata"}
    request = {"project_id": client.project, "name": "theirs", "api": "v2", "config": theirs}
    theirs["algorithm"]["parameters"] = parameters(lr="1")

    job = client.admin("POST", "jobs", request)
    again = client.admin("POST", f"jobs/{job['uid']}/recreate")

    assert (again["name"], again["uid"] != job["uid"]) == ("theirs", True)
    (item,) = search(client)["items"]
    assert item["metadata"]["id"] == again["uid"]
    assert item["algorithm"]["parameters"][0]["value"] == "1"
    token = {"X-Admin-Token": client.endpoint["admin_token"]}
    for body in (request | {"config": None}, request | {"config": theirs | {"spec": None}}):
        assert client.call("POST", "/_emulator/jobs", body, token).status == 400
    versions = f"/_emulator/jobs/{again['uid']}/versions"
    assert client.call("POST", versions, {}, token).status == 400
