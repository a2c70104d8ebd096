"""The emulator against the description of v2: every answer fits, every example is accepted."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator.app import Settings
from tests.unit.emulator import jobs_v2 as v2
from tests.unit.emulator.jobs_v2 import a_job, channel, create, path_of, wait_for
from tests.unit.emulator.support import (
    OPENAPI_V2,
    Client,
    Json,
    Local,
    check_answer,
    check_schema,
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with Local(tmp_path_factory.mktemp("contract"), Settings(idle_timeout=0)) as server:
        yield server.client


@pytest.fixture(scope="module")
def job(client: Client) -> Json:
    body = a_job(
        "documented",
        inputs=[channel("data_url", "/demo/data/")],
        outputs=[channel("train_url", "/demo/out/")],
    )
    return wait_for(client, create(client, body))


def request_examples() -> list[Any]:
    cases = []
    for path, item in OPENAPI_V2["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}) if isinstance(operation, dict) else {}
            for media in content.get("content", {}).values():
                examples = {key: each["value"] for key, each in media.get("examples", {}).items()}
                if "example" in media:
                    examples["example"] = media["example"]
                for key, value in examples.items():
                    name = f"{operation['operationId']}-{key}"
                    cases.append(pytest.param(path, method, media["schema"], value, id=name))
    return cases


@pytest.mark.parametrize(("path", "method", "schema", "example"), request_examples())
def test_documented_request_is_valid_and_accepted(
    client: Client, job: Json, path: str, method: str, schema: Json, example: Json
) -> None:
    check_schema(schema, example, "v2")
    if path.startswith("/v3"):
        client.log_in()
        return
    uid = job["metadata"]["id"]
    if path.endswith("/actions"):
        spec = {"resource": {"flavor_id": "modelarts.vm.gpu.1p100"}}
        uid = create(client, a_job("waits", spec=spec))["metadata"]["id"]
    target = path.format(project_id=client.project, training_job_id=uid)

    answer = client.call(method.upper(), target, example)

    assert answer.status in (200, 201, 202), answer.body


def successful_calls(job: Json) -> dict[str, tuple[str, str, Any]]:
    path = path_of(job)
    return {
        "search": ("POST", "/training-job-searches", {"limit": 50, "order": "asc"}),
        "search nothing": ("POST", "/training-job-searches", {"filters": v2.like("nothing")}),
        "details": ("GET", path, None),
        "describe": ("PUT", path, {"description": "another"}),
        "log": ("GET", f"{path}/tasks/worker-0/logs/preview", None),
        "log link": ("GET", f"{path}/tasks/worker-0/logs/url?Content-Type=text/plain", None),
        "metrics": ("GET", f"{path}/metrics/worker-0", None),
        "events": ("GET", f"{path}/events?limit=100&order=asc&level=Info", None),
        "flavors": ("GET", "/training-job-flavors?flavor_type=CPU", None),
        "engines": ("GET", "/training-job-engines", None),
        "name": ("GET", "/training-job-names?job_name=free&workspace_id=0", None),
        "quotas": ("GET", "/training-quotas?resource=job-num", None),
    }


@pytest.mark.parametrize("name", list(successful_calls({"metadata": {"id": ""}})))
def test_every_answer_fits_its_schema(client: Client, job: Json, name: str) -> None:
    assert client.v2(*successful_calls(job)[name]).status == 200


def test_every_documented_operation_is_called() -> None:
    called = {
        ("POST", "/training-jobs"),
        ("DELETE", "/training-jobs/{training_job_id}"),
        ("POST", "/training-jobs/{training_job_id}/actions"),
    }
    for method, path, _ in successful_calls({"metadata": {"id": "{training_job_id}"}}).values():
        called.add((method, path.split("?")[0].replace("worker-0", "{task_id}")))

    documented = {
        (method.upper(), path.removeprefix("/v2/{project_id}"))
        for path, item in OPENAPI_V2["paths"].items()
        for method in item
        if method != "parameters" and path.startswith("/v2/")
    }
    assert documented - called == set()


def test_an_answer_out_of_shape_would_be_noticed(client: Client, job: Json) -> None:
    answer = client.v2("GET", path_of(job))
    answer.body["status"]["phase"] = "Done"

    with pytest.raises(Exception, match="Done"):
        check_answer("GET", f"/v2/{client.project}{path_of(job)}", answer)


def test_the_example_of_the_reference(tmp_path: Path) -> None:
    """The request of the page "Creating a Training Job", and the answer that is printed there."""
    post = OPENAPI_V2["paths"]["/v2/{project_id}/training-jobs"]["post"]
    request = post["requestBody"]["content"]["application/json"]["examples"]["codeDirectory"]
    expected = json.loads(
        json.dumps(post["responses"]["201"]["content"]["application/json"]["example"])
    )
    with Local(tmp_path) as server:
        created = create(server.client, request["value"])
        done = wait_for(server.client, created)
        log = v2.log(server.client, created)

    assert done["status"]["phase"] == "Completed"
    assert log.startswith("epoch 0\nepoch 1\nepoch 2\n")
    own = {name: created["metadata"][name] for name in ("id", "create_time", "user_name")}
    expected["metadata"] |= own
    assert created == expected
