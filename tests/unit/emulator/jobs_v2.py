"""Requests of v2 with defaults, and the small steps that its tests take."""

from typing import Any

from tests.unit.emulator.support import Client, Json
from tests.waiting import eventually

PYTORCH = "pytorch_1.8.0-cuda_10.2-py_3.7-ubuntu_18.04-x86_64"
FINAL = {"Completed", "Failed", "Abnormal", "Terminated"}


def an_algorithm(**changes: Any) -> Json:
    """Code that prints and ends; None removes a field."""
    algorithm = {
        "code_dir": "/demo/code/",
        "boot_file": "/demo/code/train.py",
        "engine": {"engine_id": PYTORCH},
    }
    return {name: value for name, value in (algorithm | changes).items() if value is not None}


def a_spec(**changes: Any) -> Json:
    """One node of the common flavor; None removes a field."""
    spec = {"resource": {"flavor_id": "modelarts.vm.cpu.8u"}}
    return {name: value for name, value in (spec | changes).items() if value is not None}


def a_job(name: str, *, spec: Json | None = None, top: Json | None = None, **changes: Any) -> Json:
    """A create request; `changes` of the algorithm, `top` of the metadata."""
    metadata = {"name": name} | (top or {})
    body = {"kind": "job", "metadata": metadata, "algorithm": an_algorithm(**changes)}
    return body | {"spec": a_spec(**(spec or {}))}


def an_image(name: str, command: str, **changes: Any) -> Json:
    """A create request for a command in an image."""
    code = {"boot_file": None, "engine": {"image_url": "team/i:1"}, "command": command}
    return a_job(name, **code | changes)


def a_sleeper(name: str, **changes: Any) -> Json:
    """A create request for a run that sleeps until it is killed, with a child of its own."""
    return a_job(name, boot_file="/demo/code/sleep.py", **changes)


def parameters(**values: str) -> list[Json]:
    """Hyperparameters."""
    return [{"name": name, "value": value} for name, value in values.items()]


def channel(name: str, url: str, **more: str) -> Json:
    """An input or output in object storage."""
    return {"name": name, "remote": {"obs": {"obs_url": url}}} | more


def create(client: Client, body: Json) -> Json:
    """A job that must be accepted; the answer."""
    answer = client.v2("POST", "/training-jobs", body)
    assert answer.status == 201, answer.body
    return dict(answer.body)


def path_of(job: Json) -> str:
    """Where a job is found."""
    return f"/training-jobs/{job['metadata']['id']}"


def get(client: Client, job: Json) -> Json:
    """The job as it is now."""
    answer = client.v2("GET", path_of(job))
    assert answer.status == 200, answer.body
    return dict(answer.body)


def phase(job: Json) -> str:
    """The phase of an envelope."""
    return str(job["status"]["phase"])


def wait_for(client: Client, job: Json, *phases: str) -> Json:
    """Wait until the job is in one of the phases (default: any final one)."""
    wanted = set(phases) or FINAL
    return eventually(lambda: get(client, job), lambda found: phase(found) in wanted)


def search(client: Client, **body: Any) -> Json:
    """One page of a search."""
    answer = client.v2("POST", "/training-job-searches", body)
    assert answer.status == 200, answer.body
    return dict(answer.body)


def names(client: Client, **body: Any) -> list[str]:
    """The names on one page of a search."""
    return [item["metadata"]["name"] for item in search(client, **body)["items"]]


def like(name: str) -> list[Json]:
    """The filter for a part of a name."""
    return [{"key": "name", "operator": "like", "value": [name]}]


def log(client: Client, job: Json, task: str = "worker-0") -> str:
    """The end of a task's log."""
    return str(client.v2("GET", f"{path_of(job)}/tasks/{task}/logs/preview").body["content"])
