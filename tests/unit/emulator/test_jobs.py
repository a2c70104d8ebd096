"""Jobs, versions and lists as the API shows them; nothing really runs here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.emulator.app import Settings
from tests.unit.emulator.support import Client, Json, Local, a_config, a_job, version_path


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    settings = Settings(idle_timeout=0, simulate=0.0, quota=40)
    with Local(tmp_path_factory.mktemp("simulated"), settings) as server:
        yield server


@pytest.fixture(autouse=True)
def _empty(client: Client) -> Iterator[None]:
    yield
    for job in client.admin("GET", "jobs"):
        client.admin("DELETE", f"jobs/{job['job_id']}")


def names(rows: list[Json]) -> list[str]:
    return [row["job_name"] for row in rows]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("", ["a", "b_2", "c"], id="by name"),
        pytest.param("?order=desc", ["c", "b_2", "a"], id="falling"),
        pytest.param("?sortBy=create_time", ["c", "a", "b_2"], id="by creation"),
        pytest.param("?sortBy=job_desc&order=desc", ["a", "b_2", "c"], id="by description"),
        pytest.param("?search_content=_", ["b_2"], id="part of a name"),
        pytest.param("?per_page=2", ["a", "b_2"], id="first page"),
        pytest.param("?per_page=2&page=2", ["c"], id="last page"),
        pytest.param("?per_page=2&page=3", [], id="beyond the last page"),
        pytest.param("?status=11", ["a"], id="by status"),
        pytest.param("?workspace_id=1", [], id="other workspace"),
        pytest.param("?sort_by=create_time", ["a", "b_2", "c"], id="unknown parameter ignored"),
    ],
)
def test_listing(client: Client, query: str, expected: list[str]) -> None:
    for name, description in (("c", "x"), ("a", "z"), ("b_2", "y")):
        job = client.create(name, job_desc=description)
        client.wait_for(job)
        if name == "a":
            client.admin("PATCH", f"jobs/{job['job_id']}", {"status": 11})

    body = client.api("GET", f"/training-jobs{query}").body

    assert names(body["jobs"]) == expected
    filtered = "search" in query or "status" in query
    total = len(expected) if filtered else 0 if "workspace" in query else 3
    assert body["job_total_count"] == total
    assert (body["quotas"], body["job_count_limit"]) == (40, 37)


def test_a_row_describes_the_newest_version(client: Client) -> None:
    job = client.create("rows", job_desc="first")
    config = a_config(pre_version_id=job["version_id"], parameter=[{"label": "a", "value": "1"}])
    second = client.api("POST", f"/training-jobs/{job['job_id']}/versions", {"config": config}).body

    (row,) = client.rows()
    versions = client.api("GET", f"/training-jobs/{job['job_id']}/versions").body

    assert (second["version_name"], "resource_id" in second) == ("V0002", False)
    assert (row["version_id"], row["version_count"]) == (second["version_id"], 2)
    assert [v["version_name"] for v in versions["versions"]] == ["V0001", "V0002"]
    assert [v["pre_version_id"] for v in versions["versions"]] == [None, job["version_id"]]
    assert versions["versions"][1]["gpu"] is False
    page = client.api("GET", f"/training-jobs/{job['job_id']}/versions?page=2&per_page=1").body
    assert [v["version_name"] for v in page["versions"]] == ["V0002"]


def test_a_version_can_be_deleted_and_its_name_is_not_used_again(client: Client) -> None:
    job = client.create("versions")
    config = a_config(pre_version_id=job["version_id"])
    versions = f"/training-jobs/{job['job_id']}/versions"
    second = client.api("POST", versions, {"config": config, "job_desc": "two"}).body
    assert client.api("DELETE", version_path(second)).status == 200

    third = client.api("POST", versions, {"config": config}).body

    assert third["version_name"] == "V0003"
    assert client.api("GET", version_path(second)).code == "ModelArts.0102"
    assert client.details(third)["job_desc"] == "two"


def test_a_job_without_version(client: Client) -> None:
    created = client.create("empty", create_version=False)

    (row,) = client.rows()

    assert (created["version_id"], row["version_id"], row["version_count"]) == (None, None, 0)


def test_only_the_description_changes_in_place(client: Client) -> None:
    job = client.create("described", job_desc="before")
    before = client.wait_for(job)

    answer = client.api("PUT", f"/training-jobs/{job['job_id']}", {"job_desc": "after"})

    assert answer.body == {"is_success": True}
    assert client.details(job) == before | {"job_desc": "after"}
    assert client.rows()[0]["job_desc"] == "after"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        pytest.param(
            {"flavor": None, "spec_id": 28, "worker_server_num": 4},
            {"flavor_code": "modelarts.vm.gpu.1v100", "spec_id": 28, "gpu_num": 1, "max_num": 4}
            | {"pool_name": "hec-train-pub-gpu"},
            id="flavor by number",
        ),
        pytest.param(
            {"flavor": None, "pool_id": "pool1"},
            {"pool_id": "pool1", "pool_type": "USER_DEFINED", "spec_id": None, "core": None},
            id="dedicated pool",
        ),
        pytest.param(
            {"pool_id": "pool1"},
            {"pool_id": "pool1", "flavor_code": "modelarts.vm.cpu.8u"},
            id="dedicated pool with a flavor",
        ),
        pytest.param(
            {"data_url": "/demo/data/"},
            {"data_source": [{"type": "obs", "data_url": "/demo/data/"}]},
            id="data by path",
        ),
        pytest.param(
            {"dataset_id": "d", "dataset_version_id": "v"},
            {"dataset_id": "d", "dataset_version_id": "v", "data_source": None}
            | {"dataset_name": "dataset-d"},
            id="data set",
        ),
        pytest.param({"engine_id": None}, {"engine_id": 1, "engine_type": 1}, id="default engine"),
        pytest.param(
            {"app_url": None, "boot_file_url": None, "engine_id": None, "model_id": 4}
            | {"parameter": [{"label": "lr", "value": "1"}]},
            {"model_id": 4, "engine_name": "INNER_MXNet"}
            | {
                "parameter": [
                    {"label": "lr", "value": "1", "required": False, "placeholder": "", "tip": None}
                ]
            },
            id="built-in algorithm",
        ),
        pytest.param(
            {"app_url": None, "boot_file_url": None, "engine_id": None}
            | {"user_image_url": "swr/i:1", "user_command": "true"},
            {"user_image_url": "swr/i:1", "engine_id": None, "pod_version": None},
            id="custom image",
        ),
        pytest.param(
            {"train_url": "", "log_url": ""}, {"train_url": None, "log_url": None}, id="empty"
        ),
        pytest.param({"nas_type": "nfs"}, {"nas_type": "nfs"}, id="file service"),
    ],
)
def test_what_the_server_fills_in(client: Client, sent: Json, shown: Json) -> None:
    details = client.details(client.create("filled", **sent))

    assert {name: details[name] for name in shown} == shown


def test_a_sold_out_flavor_makes_the_job_wait(client: Client) -> None:
    job = client.create("sold-out", flavor={"code": "modelarts.vm.gpu.1p100"})

    assert client.details(job)["status"] == 7
    assert client.api("POST", f"{version_path(job)}/stop").status == 200
    assert client.details(job)["status"] == 12


def test_the_quota_counts_all_workspaces(client: Client) -> None:
    for number in range(40):
        workspace = str(number % 2)
        answer = client.api("POST", "/training-jobs", a_job(f"n{number}", workspace_id=workspace))
        assert answer.status == 200

    refused = client.api("POST", "/training-jobs", a_job("one-too-many"))

    assert (refused.status, refused.code) == (400, "ModelArts.0116")
    assert client.api("GET", "/training-jobs").body["job_count_limit"] == 0


def test_a_deleted_job_is_gone_and_its_number_is_not_used_again(client: Client) -> None:
    job = client.create("gone")
    assert client.api("DELETE", f"/training-jobs/{job['job_id']}").body == {"is_success": True}

    assert client.rows() == []
    assert client.api("GET", version_path(job)).code == "ModelArts.0102"
    again = client.create("gone")
    assert again["job_id"] > job["job_id"]
    assert again["version_id"] > job["version_id"]


def test_the_catalog(client: Client) -> None:
    specs = client.api("GET", "/job/resource-specs").body
    engines = {
        e["engine_id"]: e["engine_version"]
        for e in client.api("GET", "/job/ai-engines").body["engines"]
    }

    assert specs["spec_total_count"] == len(specs["specs"]) == 5
    assert specs["specs"][1]["spec_code"] == "modelarts.vm.cpu.8u"
    assert sum(spec["no_resource"] for spec in specs["specs"]) == 1
    assert engines[4] == "TF-1.8.0-python3.6"
    assert {1, 3, 100, 130} <= set(engines)


def test_saved_configurations(client: Client) -> None:
    path = "/training-job-configs"
    first = a_config() | {"config_name": "one", "config_desc": "d"}
    assert client.api("POST", path, first).body == {"is_success": True}
    assert client.api("POST", path, first).code == "ModelArts.0103"
    assert client.api("POST", path, a_config(flavor=None) | {"config_name": "x"}).status == 400

    client.api("PUT", f"{path}/one", a_config(engine_id=3))
    shown = client.api("GET", f"{path}/one").body

    assert (shown["engine_id"], shown["config_desc"], shown["core"]) == (3, "", "8")
    assert [c["config_name"] for c in client.api("GET", path).body["configs"]] == ["one"]
    assert client.api("GET", f"{path}?config_type=sample").body["configs"] == []
    assert client.api("DELETE", f"{path}/one").body == {"is_success": True}
    assert client.api("GET", f"{path}/one").code == "ModelArts.0102"


def test_further_buckets_folders_are_projects_of_their_own(
    local: Local, client: Client, tmp_path: Path
) -> None:
    client.create("mine")
    other = tmp_path / "buckets"
    other.mkdir()

    project = client.admin("POST", "projects", {"folder": str(other)})
    again = client.admin("POST", "projects", {"folder": str(other)})
    guest = local.new_client()
    guest.project = project["id"]
    guest.token = guest.log_in({"project": {"name": project["name"]}}).headers["x-subject-token"]

    assert (again, project["name"]) == (project, "local_2")
    assert project["id"] != client.project
    assert guest.rows() == []
    assert client.api("GET", f"/training-jobs/{client.rows()[0]['job_id']}/versions").status == 200
    guest.close()
