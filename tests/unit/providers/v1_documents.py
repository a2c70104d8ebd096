"""The published use case of version 1 and the OpenAPI description, as tests need them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

OPENAPI: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "openapi" / "modelarts-v1.json").read_text()
)

PUBLISHED_REQUEST: dict[str, Any] = {
    "job_name": "jobtest_TF",
    "job_desc": "using TensorFlow for handwritten digit recognition",
    "config": {
        "worker_server_num": 1,
        "parameter": [],
        "flavor": {"code": "modelarts.vm.cpu.8u"},
        "train_url": "/test-modelarts/mnist-model/output/",
        "engine_id": 4,
        "app_url": "/test-modelarts/mnist-tensorflow-code/",
        "boot_file_url": "/test-modelarts/mnist-tensorflow-code/train_mnist_tf.py",
        "data_source": [{"type": "obs", "data_url": "/test-modelarts/dataset-mnist/"}],
    },
    "notification": {"topic_urn": "", "events": []},
    "workspace_id": "0",
}
PUBLISHED_CREATED: dict[str, Any] = {
    "version_name": "V0001",
    "job_name": "jobtest_TF",
    "create_time": 1609121837000,
    "job_id": 567524,
    "resource_id": "jobaedef089",
    "version_id": 1108482,
    "is_success": True,
    "status": 1,
}
_RATES = {"recvBytesRate": ["0", "0"], "cpuUsage": ["0", "0"], "interval": 1}
_NULL = [
    "dataset_name",
    "error_result",
    "user_frame_image",
    "gpu",
    "dataset_id",
    "nas_mount_path",
    "is_zombie",
    "outputs",
    "log_url",
    "volumes",
    "dataset_version_id",
    "algorithm_id",
    "autosearch_config",
    "inputs",
    "model_id",
    "dataset_version_name",
    "retrain_model_id",
    "user_image_url",
    "nas_share_addr",
    "user_command",
    "npu_info",
    "pre_version_id",
]
PUBLISHED_DETAILS: dict[str, Any] = dict.fromkeys(_NULL) | {
    "duration": 1326,
    "spec_code": "modelarts.vm.cpu.8u",
    "parameter": [],
    "start_time": 1609121913000,
    "model_outputs": [],
    "engine_name": "TensorFlow",
    "gpu_type": "",
    "task_summary": {},
    "max_num": 1,
    "model_metric_list": "{}",
    "flavor_code": "modelarts.vm.cpu.8u",
    "gpu_num": 0,
    "train_url": "/test-modelarts/mnist-model/output/",
    "engine_type": 1,
    "job_name": "jobtest_TF",
    "nas_type": "efs",
    "job_id": 567524,
    "data_url": "/test-modelarts/dataset-mnist/",
    "boot_file_url": "/test-modelarts/mnist-tensorflow-code/train_mnist_tf.py",
    "worker_server_num": 1,
    "pool_type": "SYSTEM_DEFINED",
    "job_desc": "using TensorFlow for handwritten digit recognition",
    "pool_name": "hec-train-pub-cpu",
    "engine_version": "TF-1.8.0-python3.6",
    "system_metric_list": _RATES,
    "version_name": "V0001",
    "pod_version": "1.8.0-cp36",
    "engine_id": 4,
    "status": 10,
    "cpu": "32",
    "spec_id": 27,
    "is_success": True,
    "storage": "",
    "version_id": 1108482,
    "no_resource": False,
    "resource_id": "jobaedef089",
    "core": "8",
    "app_url": "/test-modelarts/mnist-tensorflow-code/",
    "data_source": [{"type": "obs", "data_url": "/test-modelarts/dataset-mnist/"}],
    "create_time": 1609121837000,
    "job_type": 1,
    "pool_id": "pool7d1e384a",
}


def request_examples(path: str, method: str) -> dict[str, Any]:
    """Return the OpenAPI examples of a request's body."""
    content = OPENAPI["paths"][path][method]["requestBody"]["content"]["application/json"]
    found = {name: each["value"] for name, each in content.get("examples", {}).items()}
    return found | ({"example": content["example"]} if "example" in content else {})


def answer_examples() -> Iterator[tuple[str, str, Any]]:
    """Yield method, path and example of every successful answer."""
    for path, operations in OPENAPI["paths"].items():
        for method, operation in operations.items():
            if method not in ("get", "post", "put", "delete"):
                continue
            content = operation["responses"].get("200", {}).get("content", {})
            example = content.get("application/json", {}).get("example")
            if example is not None:
                yield method, path.removeprefix("/v1/{project_id}"), example


def assert_fits(schema: str, value: Any) -> None:
    """Check a value against one of the OpenAPI schemas."""
    whole = {"$ref": f"#/components/schemas/{schema}", "components": OPENAPI["components"]}
    Draft202012Validator(whole).validate(value)


def filled_by_server(
    request: dict[str, Any], *, flavor_in_spec_code: bool = True
) -> dict[str, Any]:
    """Return the details that the platform answers with for a creation: filled in as published.

    Written from the published example alone, and knowing nothing of the mapping.
    """
    config = request["config"]
    unset = dict.fromkeys(PUBLISHED_DETAILS)
    derived = {
        "is_success": True,
        "job_id": 567524,
        "job_name": request["job_name"],
        "job_desc": request.get("job_desc"),
        "version_id": 1108482,
        "version_name": "V0001",
        "status": 1,
        "create_time": 1609121837000,
        "nas_type": "efs",
        "pool_id": "pool7d1e384a",
        "pool_name": "hec-train-pub-cpu",
        "pool_type": "SYSTEM_DEFINED",
        "model_metric_list": "{}",
        "system_metric_list": _RATES,
        "job_type": 1,
    }
    echoed = {name: value for name, value in config.items() if name != "flavor"}
    if flavor := config.get("flavor"):
        echoed["flavor_code"] = flavor["code"]
        echoed["spec_code"] = flavor["code"] if flavor_in_spec_code else "billing.code"
    if sources := config.get("data_source"):
        echoed["data_url"] = sources[0].get("data_url", "/bucket/manifest")
    if config.get("dataset_id"):
        echoed["data_url"] = "/bucket/dataset.manifest"
    if config.get("engine_id") is not None:
        echoed |= {"engine_name": "TensorFlow", "engine_version": "TF-1.8.0-python3.6"}
    return unset | derived | echoed
