"""Which fields version 2 refuses, and where the message points."""

from typing import Any

import pytest

from reconciler.diagnostics import Location, Severity
from reconciler.model.spec import Algorithm, Engine, Input, JobSpec, Notification, Output, Volume
from reconciler.providers.modelarts.v2.dialect import DialectV2
from tests.build import a_desired, a_spec

NO_CODE: dict[str, Any] = {"engine": None, "code_dir": None, "boot_file": None}
IMAGE: dict[str, Any] = NO_CODE | {"image": "swr/team/train:1.0", "command": "python train.py"}
ALGORITHM: dict[str, Any] = NO_CODE | {"algorithm": Algorithm(id="4f-uuid")}
CODE: dict[str, Any] = {"code_dir": "/b/c/", "boot_file": "/b/c/x.py"}


def volumes(*fields: dict[str, Any]) -> dict[str, Any]:
    usual = {"type": "nfs", "source": "s"}
    return {
        "volumes": tuple(
            Volume.model_validate(usual | {"target": f"/m{number}"} | each)
            for number, each in enumerate(fields)
        )
    }


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="code and engine"),
        pytest.param({"engine": Engine(id="pytorch_1.8")}, id="engine by id"),
        pytest.param(IMAGE, id="image and command"),
        pytest.param(ALGORITHM, id="algorithm"),
        pytest.param(
            NO_CODE | {"algorithm": Algorithm(subscription_id="s", item_version_id="v")},
            id="subscribed algorithm",
        ),
        pytest.param({"flavor": None, "pool_id": "pool1"}, id="pool"),
        pytest.param({"pool_id": "pool1"}, id="pool and flavor"),
        pytest.param(
            {"inputs": (Input(dataset_id="d", dataset_version_id="v"), Input(path="/b/i/"))},
            id="path and dataset",
        ),
        pytest.param({"inputs": (Input(path="/b/i/", name="data"),)}, id="named input"),
        pytest.param(
            {"outputs": (Output(path="/b/o/"), Output(path="/b/p/"))}, id="several outputs"
        ),
        pytest.param({"environment": {"A": "x" * 4096}}, id="environment"),
        pytest.param({"auto_stop_hours": 1, "priority": 0, "annotations": {"a": "b"}}, id="extras"),
        pytest.param({"description": "x" * 256}, id="longest description"),
        pytest.param(volumes({}, {"type": "pfs"}, {"type": "obs"}), id="volumes"),
        pytest.param(volumes({"read_only": True}), id="file system for reading"),
        pytest.param(
            {"notification": Notification(topic_urn="u", events=("JobHanged",))}, id="notification"
        ),
    ],
)
def test_what_can_be_sent(fields: dict[str, Any]) -> None:
    assert DialectV2().problems(a_desired(a_spec(**fields))) == ()


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        pytest.param({"description": "x" * 257}, "description", "257", id="long description"),
        pytest.param(
            {"environment": {f"A{n}": "" for n in range(101)}}, "environment", "101", id="many"
        ),
        pytest.param({"environment": {"A" * 8193: "1"}}, "environment", "8193", id="long name"),
        pytest.param({"environment": {"A": "x" * 4097}}, "environment.A", "4097", id="long value"),
        pytest.param({"environment": {"A": "$HOME"}}, "environment.A", "dollar", id="dollar"),
        pytest.param(
            {"inputs": (Input(path="/b/i/", name="d"), Input(path="/b/j/", name="d"))},
            "inputs",
            '"d"',
            id="inputs of one name",
        ),
        pytest.param(
            {"outputs": (Output(path="/b/i/", name="d"), Output(path="/b/j/", name="d"))},
            "outputs",
            '"d"',
            id="outputs of one name",
        ),
        pytest.param(
            {"inputs": (Input(path="/b/i/"), Input(dataset_id="d"))},
            "inputs.1",
            "dataset_version_id",
            id="dataset without version",
        ),
        pytest.param(volumes({"type": "host_path"}), "volumes.0.type", "host", id="host path"),
        pytest.param(volumes({"id": "sfs"}), "volumes.0.id", "no id", id="id of a file system"),
        pytest.param(
            volumes({}, {"type": "obs", "read_only": True}),
            "volumes.1.read_only",
            "obs",
            id="bucket for reading",
        ),
        pytest.param(volumes(*[{}] * 9), "volumes", "9 volumes", id="many volumes"),
        pytest.param(
            volumes({"target": "/m"}, {"target": "/m"}), "volumes", '"/m"', id="same target"
        ),
        pytest.param(
            {"notification": Notification(topic_urn="u", events=("JobDone",))},
            "notification.events",
            '"JobDone"',
            id="unknown event",
        ),
        pytest.param(
            NO_CODE | {"algorithm": Algorithm(subscription_id="s")},
            "algorithm",
            "subscription",
            id="half a subscription",
        ),
        pytest.param(
            NO_CODE | {"algorithm": Algorithm()}, "algorithm", "names no algorithm", id="no id"
        ),
        pytest.param(
            {"algorithm": Algorithm(id="4")}, "algorithm", "own code", id="algorithm and code"
        ),
        pytest.param({"engine": Engine(name="TensorFlow")}, "engine", "version", id="half engine"),
        pytest.param({"engine": None}, "boot_file", "needs an engine", id="code without engine"),
        pytest.param({"boot_file": None}, "code_dir", "go together", id="code without boot file"),
        pytest.param({"code_dir": None}, "boot_file", "go together", id="boot file without code"),
        pytest.param(
            IMAGE | {"command": None}, "image", "needs a command", id="image without command"
        ),
        pytest.param({"command": "x"}, "command", "an image", id="command without image"),
        pytest.param(
            IMAGE | {"engine": Engine(id="4")}, "engine", "without a preset", id="image and engine"
        ),
        pytest.param(IMAGE | CODE, "code_dir", "takes no code", id="image and code"),
        pytest.param({"flavor": None}, "", "nothing to run on", id="no resource"),
        pytest.param(NO_CODE, "", "nothing to run.", id="no code"),
    ],
)
def test_what_cannot_be_sent(fields: dict[str, Any], path: str, words: str) -> None:
    here = Location("jobs.yaml", 30, 7)
    job = a_desired(
        a_spec(**fields),
        location=here if not path else Location("jobs.yaml", 1),
        fields={path: here} if path else {},
    )

    (problem,) = DialectV2().problems(job)

    assert problem.severity is Severity.ERROR
    assert problem.summary == "Not possible with modelarts/v2"
    assert problem.location == here
    assert problem.address == "resnet"
    assert words in problem.detail
    assert problem.hint


def test_all_problems_are_told_at_once() -> None:
    spec = JobSpec(name="bare", environment={"A": "$"}, description="x" * 300)

    assert len(DialectV2().problems(a_desired(spec))) == 4
