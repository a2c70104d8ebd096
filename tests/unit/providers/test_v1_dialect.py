"""Which fields version 1 refuses, and where the message points."""

from typing import Any

import pytest

from reconciler.diagnostics import Location, Severity
from reconciler.model.job import Lifecycle
from reconciler.model.spec import Algorithm, Engine, Input, JobSpec, Output, Volume
from reconciler.providers.modelarts.v1.dialect import DialectV1
from tests.build import a_desired, a_spec

IMAGE: dict[str, Any] = {
    "image": "swr/team/train:1.0",
    "command": "python train.py",
    "engine": None,
    "code_dir": None,
    "boot_file": None,
}
ALGORITHM: dict[str, Any] = {
    "algorithm": Algorithm(id="4"),
    "engine": None,
    "code_dir": None,
    "boot_file": None,
}
DATASET = Input(dataset_id="d", dataset_version_id="v")


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="code and engine"),
        pytest.param({"engine": Engine(id="4")}, id="engine by number"),
        pytest.param(IMAGE, id="image and command"),
        pytest.param(IMAGE | {"code_dir": "/b/c/", "boot_file": "/b/c/x.py"}, id="image with code"),
        pytest.param(ALGORITHM, id="algorithm"),
        pytest.param({"flavor": None, "pool_id": "pool1"}, id="pool"),
        pytest.param({"pool_id": "pool1"}, id="pool and flavor"),
        pytest.param({"inputs": (DATASET, DATASET)}, id="datasets"),
        pytest.param({"inputs": (), "outputs": ()}, id="neither input nor output"),
        pytest.param({"description": "x" * 256}, id="longest description"),
        pytest.param(
            {"volumes": (Volume(type="nfs", id="i", source="h:/", target="/m"),)}, id="nfs"
        ),
        pytest.param(
            {
                "pool_id": "pool1",
                "volumes": (Volume(type="host_path", source="/h", target="/m"),),
            },
            id="host path in a pool",
        ),
    ],
)
def test_what_can_be_sent(fields: dict[str, Any]) -> None:
    assert DialectV1().problems(a_desired(a_spec(**fields))) == ()


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        pytest.param({"environment": {"A": "1"}}, "environment", "environment", id="environment"),
        pytest.param({"auto_stop_hours": 4}, "auto_stop_hours", "stop by itself", id="auto stop"),
        pytest.param({"priority": 1}, "priority", "no priority", id="priority"),
        pytest.param({"annotations": {"a": "b"}}, "annotations", "no annotations", id="annotation"),
        pytest.param({"description": "x" * 257}, "description", "257", id="long description"),
        pytest.param(
            {"inputs": (Input(path="/b/i/", name="data"),)},
            "inputs.0.name",
            '"data"',
            id="input name",
        ),
        pytest.param(
            {"outputs": (Output(path="/b/o/", name="model"),)},
            "outputs.0.name",
            '"model"',
            id="output name",
        ),
        pytest.param(
            {"outputs": (Output(path="/b/o/"), Output(path="/b/p/"))},
            "outputs",
            "not 2",
            id="several outputs",
        ),
        pytest.param(
            {"inputs": (Input(path="/b/i/"), DATASET)}, "inputs", "mixed", id="mixed inputs"
        ),
        pytest.param(
            {"inputs": (DATASET, Input(dataset_id="d"))},
            "inputs.1",
            "dataset_version_id",
            id="dataset without version",
        ),
        pytest.param(
            {"volumes": (Volume(type="pfs", source="s", target="/t"),)},
            "volumes.0.type",
            "pfs",
            id="pfs volume",
        ),
        pytest.param(
            {"volumes": (Volume(type="obs", source="s", target="/t"),)},
            "volumes.0.type",
            "obs",
            id="obs volume",
        ),
        pytest.param(
            {"volumes": (Volume(type="nfs", source="s", target="/t"),)},
            "volumes.0",
            "id of its file system",
            id="nfs without id",
        ),
        pytest.param(
            {"volumes": (Volume(type="host_path", source="/s", target="/t"),)},
            "volumes.0",
            "dedicated pool",
            id="host path without pool",
        ),
        pytest.param(
            ALGORITHM | {"algorithm": Algorithm(subscription_id="s", item_version_id="i")},
            "algorithm.subscription_id",
            "subscribed",
            id="subscribed algorithm",
        ),
        pytest.param(
            ALGORITHM | {"algorithm": Algorithm(id="4f-uuid")},
            "algorithm.id",
            '"4f-uuid"',
            id="algorithm id of version 2",
        ),
        pytest.param(ALGORITHM | {"algorithm": Algorithm()}, "algorithm.id", "whole", id="no id"),
        pytest.param(
            {"algorithm": Algorithm(id="4")}, "algorithm", "own code", id="algorithm and code"
        ),
        pytest.param({"engine": Engine(id="tf")}, "engine.id", '"tf"', id="engine id of version 2"),
        pytest.param({"engine": Engine(id="٣")}, "engine.id", "whole", id="other digits"),
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
        pytest.param({"flavor": None}, "", "nothing to run on", id="no resource"),
        pytest.param(
            {"engine": None, "code_dir": None, "boot_file": None},
            "",
            "nothing to run.",
            id="no code",
        ),
    ],
)
def test_what_cannot_be_sent(fields: dict[str, Any], path: str, words: str) -> None:
    here = Location("jobs.yaml", 30, 7)
    job = a_desired(a_spec(**fields), location=here if not path else Location("jobs.yaml", 1))
    job = a_desired(job.spec, location=job.location, fields={path: here} if path else {})

    (problem,) = DialectV1().problems(job)

    assert problem.severity is Severity.ERROR
    assert problem.location == here
    assert problem.address == "resnet"
    assert words in problem.detail
    assert problem.hint


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param(
            {"volumes": (Volume(type="nfs", id="i", source="h:/", target="/m"),)},
            "volumes",
            id="volumes",
        ),
        pytest.param({"outputs": ()}, "needs an output", id="no output"),
    ],
)
def test_what_a_new_version_cannot_have(fields: dict[str, Any], words: str) -> None:
    here = Location("jobs.yaml", 30, 7)
    lifecycle = Lifecycle(on_change="new_version")
    job = a_desired(a_spec(**fields), lifecycle=lifecycle, fields={"lifecycle.on_change": here})

    (problem,) = DialectV1().problems(job)

    assert (problem.location, words in problem.detail) == (here, True)
    assert DialectV1().problems(a_desired(a_spec(), lifecycle=lifecycle)) == ()


def test_all_problems_are_told_at_once() -> None:
    spec = JobSpec(name="bare", environment={"A": "1"}, priority=1)
    details = [each.detail for each in DialectV1().problems(a_desired(spec))]

    assert len(details) == 4
