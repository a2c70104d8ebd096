"""How v1 shows jobs, versions and the catalog: pure functions from the core's values to JSON.

Field names, and what the server fills in by itself, follow the ModelArts API Reference
("Querying the Details About a Training Job Version", "Querying a Training Job List", and the
use case "Creating a Training Job Using the TensorFlow Framework").
"""

import json
from typing import Any

from reconciler.emulator import catalog
from reconciler.emulator.model import Job, Status, Version

Json = dict[str, Any]

_METRICS = (
    "cpuUsage",
    "memUsage",
    "gpuUtil",
    "gpuMemUsage",
    "diskReadRate",
    "diskWriteRate",
    "recvBytesRate",
    "sendBytesRate",
)
_ECHOED = (
    "app_url",
    "boot_file_url",
    "train_url",
    "log_url",
    "dataset_id",
    "dataset_version_id",
    "model_id",
    "user_image_url",
    "user_command",
    "nas_share_addr",
    "nas_mount_path",
)
_UNSET = (
    "user_frame_image",
    "npu_info",
    "algorithm_id",
    "retrain_model_id",
    "autosearch_config",
    "inputs",
    "outputs",
    "is_zombie",
    "error_result",
)


def job_created(job: Job, version: Version | None) -> Json:
    """Answer to the creation of a job; without a version, its fields are null."""
    return {
        "is_success": True,
        "job_id": job.id,
        "job_name": job.name,
        "status": int(Status.INIT),
        "create_time": version.created if version else job.created,
        "version_id": version.id if version else None,
        "version_name": version.name if version else None,
        "resource_id": version.resource_id if version else None,
    }


def version_created(job: Job, version: Version) -> Json:
    """Answer to the creation of a further version."""
    answer = job_created(job, version)
    del answer["resource_id"]
    return answer


def job_row(job: Job, user: str, now: int) -> Json:
    """One row of the job list; it describes the newest version."""
    latest = job.latest
    return {
        "job_id": job.id,
        "job_name": job.name,
        "version_id": latest.id if latest else None,
        "status": int(job.status),
        "create_time": job.created,
        "duration": latest.duration(now) if latest else None,
        "job_desc": job.description,
        "version_count": len(job.versions),
        "user": {"name": user},
    }


def version_details(job: Job, version: Version, now: int) -> Json:
    """Everything about one version of a job."""
    return {
        "is_success": True,
        "job_id": job.id,
        "job_name": job.name,
        "job_desc": job.description,
        **_version(version, now),
        "gpu": None,
        "system_metric_list": _metrics(),
    }


def version_row(version: Version, now: int) -> Json:
    """One row of the version list, where metrics are JSON text."""
    row = _version(version, now)
    return row | {"gpu": bool(row["gpu_num"]), "system_metric_list": json.dumps(_metrics())}


def settings(config: Json) -> Json:
    """The settings of a run with all that the server derives from them; null where unset."""
    return {
        **{name: config.get(name) or None for name in _ECHOED},
        **_data(config),
        **_engine(config),
        **_flavor(config),
        **_pool(config),
        "parameter": _parameters(config),
        "worker_server_num": config["worker_server_num"],
        "volumes": config.get("volumes") or None,
        "nas_type": config.get("nas_type") or "efs",
    }


def spec(flavor: catalog.Flavor) -> Json:
    """One row of the flavor list."""
    return {
        "spec_id": flavor.id,
        "core": flavor.cores,
        "cpu": flavor.memory,
        "gpu_num": flavor.gpus,
        "gpu_type": flavor.gpu_type,
        "spec_code": flavor.code,
        "unit_num": 1,
        "max_num": flavor.max_workers,
        "storage": "",
        "interface_type": 1,
        "no_resource": flavor.sold_out,
    }


def engine(entry: catalog.Engine) -> Json:
    """One row of the engine list."""
    return {
        "engine_type": entry.type,
        "engine_name": entry.name,
        "engine_id": entry.id,
        "engine_version": entry.version,
    }


def built_in(entry: catalog.Algorithm) -> Json:
    """One row of the list of built-in algorithms; `parameter` is JSON text."""
    parameters = [
        {
            "label": label,
            "value": value,
            "required": required,
            "placeholder_cn": "",
            "placeholder_en": label,
        }
        for label, value, required in entry.parameters
    ]
    return {
        "model_id": entry.id,
        "model_name": entry.name,
        "model_usage": entry.usage,
        "model_precision": entry.precision,
        "model_size": entry.size,
        "model_train_dataset": entry.dataset,
        "model_dataset_format": entry.dataset_format,
        "model_description_url": f"https://example.invalid/{entry.name}",
        "parameter": json.dumps(parameters),
        "create_time": entry.created,
        "engine_id": entry.engine.id,
        "engine_name": entry.engine.name,
        "engine_version": entry.engine.version,
    }


def log_name(job: Job, worker: int) -> str:
    """The name of a worker's log file."""
    return f"job-{job.name.lower().replace('_', '-')}.{worker}"


def _version(version: Version, now: int) -> Json:
    return {
        "version_id": version.id,
        "version_name": version.name,
        "pre_version_id": version.previous,
        "resource_id": version.resource_id,
        "status": int(version.status),
        "create_time": version.created,
        "start_time": version.started,
        "duration": version.duration(now),
        **settings(version.config),
        **dict.fromkeys(_UNSET),
        "job_type": 1,
        "model_metric_list": "{}",
        "model_outputs": [],
        "task_summary": {},
    }


def _data(config: Json) -> Json:
    url = config.get("data_url") or None
    sources = config.get("data_source") or None
    dataset = config.get("dataset_id") or None
    if sources:
        url = sources[0].get("data_url")
    elif url:
        sources = [{"type": "obs", "data_url": url}]
    elif dataset:
        url = f"/dataset-{dataset}/annotation/{config['dataset_version_id']}/V001.manifest"
    return {
        "data_url": url,
        "data_source": sources,
        "dataset_name": f"dataset-{dataset}" if dataset else None,
        "dataset_version_name": "V001" if dataset else None,
    }


def _engine(config: Json) -> Json:
    entry = None
    if config.get("model_id"):
        found = catalog.algorithm(config["model_id"])
        entry = found.engine if found else None
    elif not config.get("user_image_url"):
        entry = catalog.engine(config.get("engine_id", catalog.DEFAULT_ENGINE))
    if entry is None:
        return dict.fromkeys(
            ("engine_id", "engine_type", "engine_name", "engine_version", "pod_version")
        )
    return engine(entry) | {"pod_version": entry.pod_version}


def _flavor(config: Json) -> Json:
    code = (config.get("flavor") or {}).get("code")
    found = catalog.flavor(code or config.get("spec_id") or "")
    if found is None:
        names = ("spec_id", "spec_code", "flavor_code", "core", "cpu", "gpu_num", "gpu_type")
        return dict.fromkeys((*names, "max_num", "storage", "no_resource"))
    row = spec(found)
    del row["unit_num"], row["interface_type"]
    return row | {"flavor_code": found.code}


def _pool(config: Json) -> Json:
    dedicated = config.get("pool_id")
    if dedicated:
        return {"pool_id": dedicated, "pool_name": dedicated, "pool_type": "USER_DEFINED"}
    gpu = bool(_flavor(config)["gpu_num"])
    return {
        "pool_id": "pool3c5d2f81" if gpu else "pool7d1e384a",
        "pool_name": "hec-train-pub-gpu" if gpu else "hec-train-pub-cpu",
        "pool_type": "SYSTEM_DEFINED",
    }


def _parameters(config: Json) -> list[Json]:
    given = [dict(item) for item in config.get("parameter") or []]
    if not config.get("model_id"):
        return given
    extra = {"required": False, "placeholder": "", "tip": None}
    return [item | extra for item in given]


def _metrics() -> Json:
    return {name: ["0", "0"] for name in _METRICS} | {"interval": 1}
