"""The emulator against the OpenAPI description: every answer fits, every example is accepted."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator.app import Settings
from tests.unit.emulator.support import (
    OPENAPI,
    Client,
    Json,
    Local,
    a_config,
    check_answer,
    check_schema,
    version_path,
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with Local(tmp_path_factory.mktemp("contract"), Settings(idle_timeout=0)) as server:
        yield server.client


@pytest.fixture(scope="module")
def job(client: Client) -> Json:
    created = client.create("documented", data_url="/demo/data/", train_url="/demo/out/")
    client.wait_for(created)
    return created


def request_examples() -> list[Any]:
    cases = []
    for path, item in OPENAPI["paths"].items():
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
    check_schema(schema, example)
    sent = json.loads(json.dumps(example))
    if path.startswith("/v3"):
        client.log_in()
        return
    if "pre_version_id" in sent.get("config", {}):
        sent["config"]["pre_version_id"] = job["version_id"]
    if "config_name" in sent:
        client.api("DELETE", f"/training-job-configs/{sent['config_name']}")
    if "{config_name}" in path:
        client.api("POST", "/training-job-configs", sent | {"config_name": "documented"})
    target = path.format(project_id=client.project, job_id=job["job_id"], config_name="documented")

    answer = client.call(method.upper(), target, sent)

    assert (answer.status, answer.body["is_success"]) == (200, True)


def successful_calls(job: Json) -> dict[str, tuple[str, str, Any]]:
    version = version_path(job)
    saved = a_config() | {"config_name": "saved"}
    return {
        "list": ("GET", "/training-jobs?per_page=1000&page=1&sortBy=create_time&order=asc", None),
        "list nothing": ("GET", "/training-jobs?search_content=nothing-like-it&status=8", None),
        "versions": ("GET", f"/training-jobs/{job['job_id']}/versions", None),
        "versions page": ("GET", f"/training-jobs/{job['job_id']}/versions?page=1", None),
        "details": ("GET", version, None),
        "log names": ("GET", f"{version}/log/file-names", None),
        "log text": ("GET", f"{version}/aom-log?log_file=job-documented.0", None),
        "log tail": ("GET", f"{version}/aom-log?log_file=job-documented.0&lines=0", None),
        "flavors": ("GET", "/job/resource-specs?job_type=train", None),
        "engines": ("GET", "/job/ai-engines?job_type=train", None),
        "algorithms": ("GET", "/built-in-algorithms?sortBy=model_size&order=asc", None),
        "describe": ("PUT", f"/training-jobs/{job['job_id']}", {"job_desc": "another"}),
        "save configuration": ("POST", "/training-job-configs", saved),
        "list configurations": ("GET", "/training-job-configs?search_content=sav", None),
        "show configuration": ("GET", "/training-job-configs/saved", None),
        "replace configuration": ("PUT", "/training-job-configs/saved", a_config()),
        "delete configuration": ("DELETE", "/training-job-configs/saved", None),
    }


_NAMES = list(successful_calls({"job_id": 0, "version_id": 0}))


@pytest.mark.parametrize("name", _NAMES)
def test_every_answer_fits_its_schema(client: Client, job: Json, name: str) -> None:
    answer = client.api(*successful_calls(job)[name])

    assert (answer.status, answer.body["is_success"]) == (200, True)


def test_an_answer_out_of_shape_would_be_noticed(client: Client, job: Json) -> None:
    answer = client.api("GET", version_path(job))
    answer.body["version_id"] = None

    with pytest.raises(Exception, match="None"):
        check_answer("GET", f"/v1/{client.project}{version_path(job)}", answer)


def test_the_walk_through_of_the_reference(tmp_path: Path) -> None:
    """The request of the use case "Creating a Training Job Using the TensorFlow Framework"."""
    code = tmp_path / "buckets/test-modelarts/mnist-tensorflow-code"
    code.mkdir(parents=True)
    (code / "train_mnist_tf.py").write_text("print('Done exporting!')")
    (tmp_path / "buckets/test-modelarts/dataset-mnist").mkdir()
    config = {
        "worker_server_num": 1,
        "parameter": [],
        "flavor": {"code": "modelarts.vm.cpu.8u"},
        "train_url": "/test-modelarts/mnist-model/output/",
        "engine_id": 4,
        "app_url": "/test-modelarts/mnist-tensorflow-code/",
        "boot_file_url": "/test-modelarts/mnist-tensorflow-code/train_mnist_tf.py",
        "data_source": [{"type": "obs", "data_url": "/test-modelarts/dataset-mnist/"}],
    }
    request = {
        "job_name": "jobtest_TF",
        "job_desc": "using TensorFlow for handwritten digit recognition",
        "config": config,
        "notification": {"topic_urn": "", "events": []},
        "workspace_id": "0",
    }
    with Local(tmp_path) as server:
        created = server.client.api("POST", "/training-jobs", request).body
        details = server.client.wait_for(created)
        log = server.client.log(created)

    assert (created["status"], created["version_name"]) == (1, "V0001")
    assert log.startswith("Done exporting!\n")
    own = {"job_id", "version_id", "resource_id", "create_time", "start_time", "duration"}
    assert {key: value for key, value in details.items() if key not in own} == WALK_THROUGH


WALK_THROUGH = {
    "dataset_name": None,
    "spec_code": "modelarts.vm.cpu.8u",
    "parameter": [],
    "model_outputs": [],
    "engine_name": "TensorFlow",
    "error_result": None,
    "gpu_type": "",
    "user_frame_image": None,
    "gpu": None,
    "dataset_id": None,
    "nas_mount_path": None,
    "task_summary": {},
    "max_num": 1,
    "model_metric_list": "{}",
    "is_zombie": None,
    "flavor_code": "modelarts.vm.cpu.8u",
    "gpu_num": 0,
    "train_url": "/test-modelarts/mnist-model/output/",
    "engine_type": 1,
    "job_name": "jobtest_TF",
    "nas_type": "efs",
    "outputs": None,
    "data_url": "/test-modelarts/dataset-mnist/",
    "log_url": None,
    "boot_file_url": "/test-modelarts/mnist-tensorflow-code/train_mnist_tf.py",
    "volumes": None,
    "dataset_version_id": None,
    "algorithm_id": None,
    "worker_server_num": 1,
    "pool_type": "SYSTEM_DEFINED",
    "autosearch_config": None,
    "job_desc": "using TensorFlow for handwritten digit recognition",
    "inputs": None,
    "model_id": None,
    "dataset_version_name": None,
    "pool_name": "hec-train-pub-cpu",
    "engine_version": "TF-1.8.0-python3.6",
    "system_metric_list": {
        "recvBytesRate": ["0", "0"],
        "cpuUsage": ["0", "0"],
        "sendBytesRate": ["0", "0"],
        "memUsage": ["0", "0"],
        "gpuUtil": ["0", "0"],
        "gpuMemUsage": ["0", "0"],
        "interval": 1,
        "diskWriteRate": ["0", "0"],
        "diskReadRate": ["0", "0"],
    },
    "retrain_model_id": None,
    "version_name": "V0001",
    "pod_version": "1.8.0-cp36",
    "engine_id": 4,
    "status": 10,
    "cpu": "32",
    "user_image_url": None,
    "spec_id": 27,
    "is_success": True,
    "storage": "",
    "nas_share_addr": None,
    "no_resource": False,
    "user_command": None,
    "core": "8",
    "npu_info": None,
    "app_url": "/test-modelarts/mnist-tensorflow-code/",
    "data_source": [{"type": "obs", "data_url": "/test-modelarts/dataset-mnist/"}],
    "pre_version_id": None,
    "job_type": 1,
    "pool_id": "pool7d1e384a",
}
