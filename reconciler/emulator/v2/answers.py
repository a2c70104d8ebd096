"""How v2 shows jobs: pure functions from the core's values to JSON.

Field names, and what the server fills in by itself, follow the ModelArts API Reference
("Creating a Training Job", "Querying the Details About a Training Job").
"""

from typing import Any

from reconciler.emulator import catalog as common
from reconciler.emulator.model import Job, Status, Version
from reconciler.emulator.v2 import catalog, offers

Json = dict[str, Any]

_PHASES = {
    Status.INIT: ("Creating", "Creating"),
    Status.IMAGE_CREATING: ("Creating", "Creating"),
    Status.SUBMIT_TRYING: ("Creating", "Creating"),
    Status.CHECK_INIT: ("Creating", "Creating"),
    Status.WAITING: ("Pending", "Queuing"),
    Status.RUNNING: ("Running", "Running"),
    Status.SCALING: ("Running", "Running"),
    Status.CHECK_RUNNING: ("Running", "Running"),
    Status.CHECK_RUNNING_COMPLETED: ("Running", "Running"),
    Status.KILLING: ("Terminating", "Terminating"),
    Status.KILLED: ("Terminated", "Terminated"),
    Status.CANCELED: ("Terminated", "Terminated"),
    Status.COMPLETED: ("Completed", "Completed"),
    Status.FAILED: ("Failed", "Failed"),
    Status.LOST: ("Abnormal", "Lost"),
    Status.IMAGE_FAILED: ("Abnormal", "CreateFailed"),
    Status.SUBMIT_FAILED: ("Abnormal", "CreateFailed"),
}
_OTHER = ("Abnormal", "Unknown")
_ADDED = {"job_template": "Template DL", "key_task": "worker"}
_INPUTS = "/home/ma-user/modelarts/inputs"
_OUTPUTS = "/home/ma-user/modelarts/outputs"
_UNLISTED = ("auto_stop", "notification")


def job(entry: Job, version: Version, user: str, now: int, *, terse: bool = False) -> Json:
    """The envelope of a job; `terse` leaves out what the reference does not list in answers."""
    config = version.config
    body = {
        "kind": config["kind"],
        "metadata": _metadata(entry, config, user),
        "status": _status(version, now),
        "algorithm": _algorithm(config["algorithm"]),
        "spec": _spec(config["spec"], terse=terse),
    }
    if "endpoints" in config:
        body["endpoints"] = config["endpoints"]
    return body


def job_created(entry: Job, version: Version, *, terse: bool = False) -> Json:
    """The envelope that a create answers: nothing has happened yet, and nobody is named."""
    body = job(entry, version, "", version.created, terse=terse)
    body["status"] = {
        "phase": "Creating",
        "secondary_phase": "Creating",
        "duration": 0,
        "start_time": 0,
        "node_count_metrics": None,
        "tasks": tasks(version),
    }
    return body


def phase(status: Status) -> tuple[str, str]:
    """The phase and the secondary phase of a status."""
    return _PHASES.get(status, _OTHER)


def tasks(version: Version) -> list[str]:
    """The names of a job's tasks: one per node."""
    return [f"worker-{index}" for index in range(version.work.workers)]


def _metadata(entry: Job, config: Json, user: str) -> Json:
    return {
        "id": entry.uid,
        "name": entry.name,
        "description": entry.description,
        "create_time": entry.created,
        "workspace_id": entry.workspace,
        "ai_project": "default-ai-project",
        "user_name": user,
        "annotations": _ADDED | config["annotations"],
    }


def _status(version: Version, now: int) -> Json:
    first, second = phase(version.status)
    body = {
        "phase": first,
        "secondary_phase": second,
        "duration": version.duration(now) or 0,
        "start_time": version.started or 0,
        "node_count_metrics": None,
        "tasks": tasks(version),
    }
    if version.started is None:
        return body
    nodes = [[version.created, 0], [version.started, version.work.workers]]
    record: Json = {"start_at": version.started // 1000, "start_type": "init_or_rescheduled"}
    if version.ended is not None:
        nodes.append([version.ended, 0])
        record |= {"end_at": version.ended // 1000, "end_reason": second}
    return body | {
        "node_count_metrics": nodes,
        "task_statuses": _task_statuses(version),
        "running_records": [record],
    }


def _task_statuses(version: Version) -> list[Json]:
    return [
        {"task": task, "exit_code": code, "message": ""}
        for task, code in zip(tasks(version), version.exit_codes, strict=False)
    ]


def _algorithm(sent: Json) -> Json:
    managed = catalog.algorithm(sent.get("id", ""))
    body = {name: value for name, value in sent.items() if name not in ("policies", "engine")}
    if managed is not None:
        code = {"code_dir": managed.code_dir, "boot_file": managed.boot_file}
        body |= {"name": managed.name, "parameters_customization": True, **code}
    body["parameters"] = _parameters(sent.get("parameters", []), managed)
    if "inputs" in sent:
        body["inputs"] = [_input(item) for item in sent["inputs"]]
    if "outputs" in sent:
        body["outputs"] = [_output(item) for item in sent["outputs"]]
    engine = _engine(sent.get("engine"), managed)
    if engine:
        body["engine"] = engine
    return body | {"policies": sent.get("policies", {})}


def _parameters(sent: list[Json], managed: catalog.Algorithm | None) -> list[Json]:
    bare = {"description": "", "i18n_description": None}
    if managed is None:
        return [bare | item for item in sent]
    values = {item["name"]: item.get("value") for item in sent}
    declared = []
    for item in managed.parameters:
        value = values.pop(item.name, None)
        shown = {"name": item.name, "value": item.value if value is None else value}
        rule = {"type": item.type, "editable": True, "required": False, "sensitive": False}
        unbounded = {"valid_type": "None", "valid_range": []}
        declared.append(bare | shown | {"constraint": rule | unbounded})
    return declared + [bare | item for item in sent if item["name"] in values]


def _input(item: Json) -> Json:
    body: Json = {"local_dir": f"{_INPUTS}/{item['name']}_0"} | item
    dataset = item["remote"].get("dataset")
    if dataset:
        url = f"/dataset-{dataset['id']}/annotation/{dataset['version_id']}/V001.manifest"
        body["remote"] = {"dataset": dataset | {"obs_url": url}}
    return body


def _output(item: Json) -> Json:
    local_dir = f"{_OUTPUTS}/{item['name']}_0"
    return {"local_dir": local_dir, "mode": "upload_periodically", "period": 30} | item


def _engine(sent: Json | None, managed: catalog.Algorithm | None) -> Json | None:
    if managed is not None:
        found: catalog.Engine | None = managed.engine
    elif sent is None:
        return None
    else:
        names = ("engine_id", "engine_name", "engine_version")
        found = catalog.engine(*(sent.get(name, "") for name in names))
    body = dict(sent or {})
    if found is not None:
        body |= offers.engine_names(found) | offers.engine_manner(found)
    return body


def _spec(sent: Json, *, terse: bool) -> Json:
    body = {name: sent[name] for name in ("volumes", "schedule_policy", *_UNLISTED) if name in sent}
    if terse:
        body = {name: value for name, value in body.items() if name not in _UNLISTED}
    if (body.get("schedule_policy") or {}).get("required_affinity"):
        body["schedule_policy"] = _scheduled(body["schedule_policy"])
    logs = {name: value for name, value in sent.get("log_export_path", {}).items() if value}
    resource = _resource(sent["resource"])
    return {"resource": resource, "log_export_path": logs, "is_hosted_log": True, **body}


def _scheduled(policy: Json) -> Json:
    affinity = {"affinity_group_size": 1} | policy["required_affinity"]
    return policy | {"required_affinity": affinity}


def _resource(sent: Json) -> Json:
    body = {"policy": "regular", "node_count": 1} | {
        name: sent[name] for name in ("flavor_id", "pool_id", "node_count") if name in sent
    }
    flavor = common.flavor(sent["flavor_id"]) if "flavor_id" in sent else None
    if flavor is None:
        return body
    body["flavor_name"] = offers.flavor_name(flavor)
    if "pool_id" not in sent:
        body["flavor_detail"] = offers.flavor_detail(flavor)
    return body
