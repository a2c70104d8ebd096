"""What the API refuses, with which status, code and message."""

from typing import Any

import pytest

from tests.unit.emulator.support import Client, Json, Local, a_config, a_job, version_path

REMOVED = None
IMAGE: Json = {
    "app_url": None,
    "boot_file_url": None,
    "engine_id": None,
    "user_image_url": "swr.local/team/image:1",
    "user_command": "true",
}
DATA = [{"type": "obs", "data_url": "/demo/data/"}]
DATASET = [{"type": "dataset", "dataset_id": "d", "dataset_version": "v"}]


def refused(name: str, code: str, message: str = "", **changes: Any) -> Any:
    return pytest.param(changes, code, message, id=name)


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        refused("unknown field", "ModelArts.0104", "config.colour", colour="red"),
        refused("text for a number", "ModelArts.0104", "engine_id", engine_id="4"),
        refused("boolean for a number", "ModelArts.0104", "worker", worker_server_num=True),
        refused("number for a text", "ModelArts.0104", "app_url", app_url=7),
        refused(
            "number as parameter value",
            "ModelArts.0104",
            "parameter.0.value",
            parameter=[{"label": "lr", "value": 0.1}],
        ),
        refused("no workers", "ModelArts.0104", "worker_server_num", worker_server_num=0),
        refused(
            "workers missing", "ModelArts.0104", "worker_server_num", worker_server_num=REMOVED
        ),
        refused("no resource", "ModelArts.0104", "spec_id, flavor and pool_id", flavor=REMOVED),
        refused("two resources", "ModelArts.0104", "spec_id", spec_id=27),
        refused("spec and pool", "ModelArts.0104", "", flavor=None, spec_id=27, pool_id="pool1"),
        refused("unknown flavor", "ModelArts.0107", "flavor", flavor={"code": "npu.9"}),
        refused("unknown spec", "ModelArts.0107", "flavor", flavor=None, spec_id=999),
        refused("empty flavor", "ModelArts.0104", "flavor.code", flavor={"code": ""}),
        refused("unknown engine", "ModelArts.0107", "engine_id 9999", engine_id=9999),
        refused("internal engine", "ModelArts.0107", "engine_id 501", engine_id=501),
        refused("too many workers", "ModelArts.0107", "maximum 1", worker_server_num=2),
        refused("two inputs", "ModelArts.0104", "data_url", data_url="/demo/x/", data_source=DATA),
        refused(
            "path and data set",
            "ModelArts.0104",
            "together",
            data_url="/demo/data/",
            dataset_id="d",
            dataset_version_id="v",
        ),
        refused("data set without version", "ModelArts.0104", "dataset_version_id", dataset_id="d"),
        refused("mixed sources", "ModelArts.0104", "mix", data_source=DATA + DATASET),
        refused("source without path", "ModelArts.0104", "data_url", data_source=[{"type": "obs"}]),
        refused("source of no known type", "ModelArts.0104", "type", data_source=[{"type": "s3"}]),
        refused("no code at all", "ModelArts.0104", "one of", app_url=None, boot_file_url=None),
        refused("code without boot file", "ModelArts.0104", "boot_file_url", boot_file_url=None),
        refused(
            "boot file elsewhere",
            "ModelArts.0104",
            "lie in app_url",
            boot_file_url="/demo/other/train.py",
        ),
        refused("algorithm and code", "ModelArts.0104", "model_id", model_id=4),
        refused(
            "unknown algorithm",
            "ModelArts.0107",
            "model_id 999",
            app_url=None,
            boot_file_url=None,
            engine_id=None,
            model_id=999,
        ),
        refused("image without command", "ModelArts.0104", "", **IMAGE | {"user_command": None}),
        refused("image and engine", "ModelArts.0104", "engine_id", **IMAGE | {"engine_id": 4}),
        refused(
            "host volume in the shared pool",
            "ModelArts.0104",
            "dedicated pool",
            volumes=[{"host_path": {"src_path": "/a", "dest_path": "/b"}}],
        ),
        refused("volume of no kind", "ModelArts.0104", "volume", volumes=[{}]),
        refused(
            "NUL in a parameter", "ModelArts.0104", "", parameter=[{"label": "a", "value": "\0"}]
        ),
        refused(
            "code folder missing",
            "ModelArts.0101",
            "Invalid OBS path '/demo/missing/'.",
            app_url="/demo/missing/",
            boot_file_url="/demo/missing/train.py",
        ),
        refused(
            "boot file missing",
            "ModelArts.0101",
            "Invalid OBS path '/demo/code/missing.py'.",
            boot_file_url="/demo/code/missing.py",
        ),
        refused(
            "data missing",
            "ModelArts.0101",
            "Invalid OBS path '/demo/no-data/'.",
            data_url="/demo/no-data/",
        ),
        refused(
            "output bucket missing",
            "ModelArts.0101",
            "Invalid OBS path '/nowhere/out/'.",
            train_url="/nowhere/out/",
        ),
        refused("log path climbs", "ModelArts.0101", "Invalid OBS", log_url="/demo/../../etc/"),
    ],
)
def test_settings_that_are_refused(client: Client, changes: Json, code: str, message: str) -> None:
    answer = client.api("POST", "/training-jobs", a_job("refused", **changes))

    assert (answer.status, answer.code) == (400, code)
    assert message in answer.body["error_message"]
    assert client.rows("&search_content=refused") == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({"config": a_config()}, "job_name", id="no name"),
        pytest.param({"job_name": "x"}, "config", id="no settings"),
        pytest.param(a_job("with space"), "job_name", id="space in the name"),
        pytest.param(a_job("x" * 65), "job_name", id="name too long"),
        pytest.param(a_job(""), "job_name", id="empty name"),
        pytest.param(a_job("line\n"), "job_name", id="line end in the name"),
        pytest.param(a_job("x", job_desc="d" * 257), "job_desc", id="description too long"),
        pytest.param(a_job("x", job_desc=None), "job_desc", id="null description"),
        pytest.param(a_job("x") | {"state": 1}, "state", id="unknown field"),
        pytest.param(a_job("x") | {"job_id": 7}, "job_id", id="number of one's own"),
        pytest.param(
            {"job_name": "x", "config": a_config() | {"flavor": None}}, "flavor", id="null"
        ),
        pytest.param([], "", id="list for an object"),
        pytest.param(b"{", "", id="broken JSON"),
        pytest.param(b"", "", id="no body"),
        pytest.param(b"[" * 5000, "", id="deeply nested"),
        pytest.param(b'{"job_name": "\xff"}', "", id="not UTF-8"),
    ],
)
def test_bodies_that_are_refused(client: Client, body: Any, message: str) -> None:
    answer = client.api("POST", "/training-jobs", body)

    assert (answer.status, answer.code) == (400, "ModelArts.0104")
    assert message in answer.body["error_message"]


def test_a_body_of_another_type_is_refused(client: Client) -> None:
    path, other = f"/v1/{client.project}/training-jobs", {"Content-Type": "text/plain"}

    assert client.call("POST", path, a_job("typed"), other).code == "ModelArts.0104"


@pytest.mark.parametrize(
    "query",
    [
        *("page=0", "page=65536", "page=x", "page=-1", "per_page=0", "per_page=1001", "per_page="),
        *("status=22", "status=all", "sortBy=name", "sortBy=job_id", "order=up"),
        "search_content=" + "x" * 65,
    ],
)
def test_list_queries_out_of_range_are_refused(client: Client, query: str) -> None:
    answer = client.api("GET", f"/training-jobs?{query}")

    assert (answer.status, answer.code) == (400, "ModelArts.0107")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        pytest.param("GET", "/training-jobs/1", 405, "APIG.0101", id="delete by GET"),
        pytest.param("PATCH", "/training-jobs", 405, "APIG.0101", id="other method"),
        pytest.param("GET", "/training-job", 404, "APIG.0101", id="other path"),
        pytest.param("GET", "/training-jobs/", 404, "APIG.0101", id="slash at the end"),
        pytest.param("DELETE", "/training-jobs/1", 400, "ModelArts.0102", id="unknown job"),
        pytest.param("DELETE", "/training-jobs/x", 400, "ModelArts.0101", id="job without number"),
        pytest.param("GET", "/training-jobs/1/versions", 400, "ModelArts.0102", id="its versions"),
        pytest.param("GET", "/training-jobs/1/versions/2", 400, "ModelArts.0102", id="details"),
        pytest.param("POST", "/training-jobs/1/versions/2/stop", 400, "ModelArts.0102", id="stop"),
        pytest.param("GET", "/job/resource-specs?job_type=x", 400, "ModelArts.0107", id="job type"),
        pytest.param("GET", "/built-in-algorithms?per_page=101", 400, "ModelArts.0107", id="page"),
        pytest.param("GET", "/training-job-configs/none", 400, "ModelArts.0102", id="config"),
    ],
)
def test_requests_that_lead_nowhere(
    client: Client, method: str, path: str, status: int, code: str
) -> None:
    answer = client.api(method, path)

    assert (answer.status, answer.code) == (status, code)


def test_a_huge_body_is_refused(client: Client) -> None:
    answer = client.api("POST", "/training-jobs", b'{"job_name": "' + b"x" * 13_000_000 + b'"}')

    assert (answer.status, answer.code) == (413, "APIG.0201")


def test_a_mistake_of_the_emulators_own_is_an_internal_error(
    local: Local, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("inner workings")

    monkeypatch.setattr(local.emulator.jobs.listing, "find", fail)

    answer = client.api("GET", "/training-jobs")

    client.close()
    assert (answer.status, answer.code) == (500, "ModelArts.0010")
    assert "inner workings" not in answer.raw.decode()


def test_a_name_is_taken_only_once_per_workspace(client: Client) -> None:
    client.create("twice")

    again = client.api("POST", "/training-jobs", a_job("twice"))
    elsewhere = client.api("POST", "/training-jobs", a_job("twice", workspace_id="7"))

    assert (again.status, again.code) == (400, "ModelArts.0103")
    assert again.body["error_message"] == "Job name:twice is existed"
    assert elsewhere.status == 200
    assert [row["job_name"] for row in client.rows("&workspace_id=7")] == ["twice"]


def test_queries_about_a_job_that_are_refused(client: Client) -> None:
    job = client.create("asked")
    client.wait_for(job)
    log = f"{version_path(job)}/aom-log"
    versions = f"/training-jobs/{job['job_id']}/versions"

    def code(method: str, path: str, body: Any = None) -> str:
        return client.api(method, path, body).code

    assert code("GET", log) == "ModelArts.0104"
    assert code("GET", f"{log}?log_file=other.0") == "ModelArts.0806"
    assert code("GET", f"{log}?log_file=job-asked.0&lines=501") == "ModelArts.0107"
    assert code("GET", f"{log}?log_file=job-asked.0&base_line=x") == "ModelArts.0107"
    assert code("GET", f"{log}?log_file=job-asked.0&order=up") == "ModelArts.0107"
    assert code("POST", f"{version_path(job)}/stop") == "ModelArts.0104"
    assert code("PUT", f"/training-jobs/{job['job_id']}", {"job_desc": 1}) == "ModelArts.0104"
    assert code("PUT", f"/training-jobs/{job['job_id']}", {}) == "ModelArts.0104"
    assert code("POST", versions, {"config": a_config()}) == "ModelArts.0104"
    unknown = a_config(pre_version_id=1)
    assert code("POST", versions, {"config": unknown}) == "ModelArts.0102"
