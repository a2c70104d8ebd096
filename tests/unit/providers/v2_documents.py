"""The OpenAPI description of version 2, and what the service makes of a request."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

OPENAPI: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "openapi" / "modelarts-v2.json").read_text()
)
ID = "5f0c9b52-7a0e-4a53-9a2e-0c3f6f1d2b11"
CREATED_AT = 1735787045000


def published(path: str, method: str, status: str) -> Any:
    """Return the OpenAPI example of an answer."""
    answer = OPENAPI["paths"][f"/v2/{{project_id}}{path}"][method]["responses"][status]
    return answer["content"]["application/json"]["example"]


def request_examples(path: str) -> Iterator[tuple[str, Any]]:
    """Yield the OpenAPI examples of a POST request's body."""
    operation = OPENAPI["paths"][f"/v2/{{project_id}}{path}"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    for name, each in content.get("examples", {}).items():
        yield name, each["value"]


def assert_fits(schema: str, value: Any) -> None:
    """Check a value against one of the OpenAPI schemas."""
    whole = {"$ref": f"#/components/schemas/{schema}", "components": OPENAPI["components"]}
    Draft202012Validator(whole).validate(value)


def filled_by_server(
    request: dict[str, Any],
    *,
    job_id: str = ID,
    phase: str = "Creating",
    unechoed: bool = False,
    variables_in_list: bool = False,
    schemes: bool = False,
    shuffled: bool = False,
) -> dict[str, Any]:
    """Return the envelope that answers a creation, filled in as the API Reference tells.

    Written from the reference alone, and knowing nothing of the mapping. `unechoed` leaves out
    what the table of the answer lacks, `variables_in_list` gives environments as an array of
    maps, and `schemes` writes paths as `obs://bucket/dir/`: all three are documented somewhere.
    `shuffled` gives inputs and outputs in another order, as none is promised.
    """
    metadata, spec = request["metadata"], request["spec"]
    algorithm = dict(request["algorithm"])
    algorithm["policies"] = {}
    algorithm["parameters_customization"] = True
    algorithm["parameters"] = [
        {"description": "", "i18n_description": None, "constraint": None} | each
        for each in algorithm.get("parameters", [])
    ]
    algorithm["inputs"] = [_input(each, schemes) for each in algorithm.get("inputs", [])]
    algorithm["outputs"] = [_output(each, schemes) for each in algorithm.get("outputs", [])]
    if shuffled:
        algorithm["inputs"].reverse()
        algorithm["outputs"].reverse()
    if engine := algorithm.get("engine"):
        algorithm["engine"] = _engine(engine)
    if "id" in algorithm:
        algorithm |= {"code_dir": "/own/code/", "boot_file": "/own/code/run.py", "name": "own"}
    variables = algorithm.get("environments") or {}
    listed = [{name: value} for name, value in variables.items()]
    algorithm["environments"] = listed if variables_in_list else variables
    settings = dict(spec)
    settings["resource"] = {"policy": "regular", "node_count": 1} | spec["resource"]
    settings.setdefault("log_export_path", {})
    settings["is_hosted_log"] = True
    settings["runtime_type"] = "production"
    settings.setdefault("volumes", None)
    if unechoed:
        settings.pop("auto_stop", None)
        settings.pop("notification", None)
    return {
        "kind": "job",
        "metadata": {
            "id": job_id,
            "name": metadata["name"],
            "description": metadata.get("description") or None,
            "workspace_id": metadata.get("workspace_id", "0"),
            "create_time": CREATED_AT,
            "user_name": "",
            "ai_project": "default-ai-project",
            "annotations": {"job_template": "Template DL", "key_task": "worker"}
            | metadata.get("annotations", {}),
        },
        "status": {
            "phase": phase,
            "secondary_phase": phase,
            "duration": 0,
            "start_time": 0,
            "node_count_metrics": None,
            "tasks": ["worker-0"],
        },
        "algorithm": algorithm,
        "spec": settings,
        "endpoints": {"jupyter_lab": {"url": "https://j", "token": "endpoint-token"}},
    }


def _input(channel: dict[str, Any], schemes: bool) -> dict[str, Any]:
    name, remote = channel["name"], dict(channel["remote"])
    if dataset := remote.get("dataset"):
        remote["dataset"] = dataset | {"obs_url": "/resolved/by/server/"}
    local = f"/home/ma-user/modelarts/inputs/{name}_0"
    return {"local_dir": local} | channel | {"remote": _with_scheme(remote, schemes)}


def _output(channel: dict[str, Any], schemes: bool) -> dict[str, Any]:
    filled = {
        "local_dir": f"/home/ma-user/modelarts/outputs/{channel['name']}_0",
        "mode": "upload_periodically",
        "period": 30,
    }
    return filled | channel | {"remote": _with_scheme(channel["remote"], schemes)}


def _with_scheme(remote: dict[str, Any], schemes: bool) -> dict[str, Any]:
    if schemes and "obs" in remote:
        return {"obs": {"obs_url": "obs:/" + remote["obs"]["obs_url"]}}
    return remote


def _engine(engine: dict[str, Any]) -> dict[str, Any]:
    if "image_url" in engine:
        return engine
    preset = {
        "engine_id": "tf-1.8",
        "engine_name": "TensorFlow",
        "engine_version": "TF-1.8.0-python3.6",
        "usage": "training",
        "support_groups": "public",
        "tags": [],
        "v1_compatible": True,
        "run_user": "",
    }
    return preset | engine
