"""The comparison table: per field, what the platform may fill in and what is a real change."""

from typing import Any

import pytest

from reconciler.model.spec import (
    Algorithm,
    Engine,
    Input,
    JobSpec,
    Notification,
    Output,
    Volume,
)
from reconciler.planning.diff import drift_changes
from reconciler.planning.rules import IN_PLACE, RULES, as_written

Fields = dict[str, Any]

CUSTOM = Engine(id="27", name="TensorFlow", version="TF-1.8.0-python3.6")
MOUNT = Volume(type="nfs", source="10.0.0.1:/share", target="/mnt")
MANIFEST = Input(dataset_id="d1", dataset_version_id="v1", path="/bucket/d1/V001.manifest")
TOPIC = Notification(topic_urn="urn:smn:a", events=("JobFailed",))

FILLED_IN = {
    "description": [({}, {"description": "theirs"})],
    "flavor": [({"pool_id": "p1"}, {"pool_id": "p1", "flavor": "modelarts.vm.cpu.2u"})],
    "pool_id": [({}, {"pool_id": "pool7d1e384a"})],
    "workers": [({"workers": 1}, {})],
    "engine": [
        ({"engine": Engine(id="27")}, {"engine": CUSTOM}),
        ({"engine": Engine(name="TensorFlow", version=CUSTOM.version)}, {"engine": CUSTOM}),
        ({"image": "swr/mine:1"}, {"image": "swr/mine:1", "engine": CUSTOM}),
    ],
    "algorithm": [
        ({"algorithm": Algorithm(id="a1")}, {"algorithm": Algorithm(id="a1", item_version_id="1")})
    ],
    "image": [({"engine": Engine(id="27")}, {"engine": CUSTOM, "image": "swr/preset:1"})],
    "command": [({}, {"command": "python run.py"})],
    "code_dir": [
        ({"algorithm": Algorithm(id="a1")}, {"algorithm": Algorithm(id="a1"), "code_dir": "/a/"})
    ],
    "boot_file": [
        ({"algorithm": Algorithm(id="a1")}, {"algorithm": Algorithm(id="a1"), "boot_file": "/a/b"})
    ],
    "parameters": [
        ({"parameters": {"lr": "1e-3"}}, {"parameters": {"lr": "0.001"}}),
        ({"parameters": {"lr": "1"}}, {"parameters": {"lr": "1", "undeclared": "2"}}),
        ({"parameters": {"a": "1", "b": "2"}}, {"parameters": {"b": "2", "a": "1"}}),
        ({}, {"parameters": {"undeclared": "2"}}),
    ],
    "environment": [({"environment": {"A": "1"}}, {"environment": {"A": "1", "MA_JOB": "x"}})],
    "inputs": [
        (
            {"inputs": (Input(dataset_id="d1", dataset_version_id="v1"),)},
            {"inputs": (MANIFEST,)},
        ),
        ({"inputs": (Input(path="/d/"),)}, {"inputs": (Input(path="/d/", name="data_url"),)}),
        ({}, {"inputs": (Input(path="/d/"),)}),
        (
            {"inputs": (Input(path="/a/", name="a"), Input(path="/b/"))},
            {"inputs": (Input(path="/b/", name="data_url"), Input(path="/a/", name="a"))},
        ),
    ],
    "outputs": [
        ({"outputs": (Output(path="/o/"),)}, {"outputs": (Output(path="/o/", name="train_url"),)})
    ],
    "log_dir": [({}, {"log_dir": "/logs/"})],
    "volumes": [
        ({"volumes": (MOUNT,)}, {"volumes": (MOUNT.model_copy(update={"id": "v9"}),)}),
        ({}, {"volumes": (MOUNT,)}),
    ],
    "notification": [
        ({"notification": TOPIC}, {}),
        ({"notification": Notification(topic_urn="urn:smn:a")}, {"notification": TOPIC}),
    ],
    "auto_stop_hours": [({"auto_stop_hours": 2}, {}), ({}, {"auto_stop_hours": 24})],
    "priority": [({}, {"priority": 1})],
    "annotations": [
        ({"annotations": {"a": "1"}}, {"annotations": {"a": "1", "job_template": "Template DL"}})
    ],
}

REAL_CHANGE = {
    "name": [({"name": "job"}, {"name": "other"}, "name")],
    "description": [
        ({"description": "ours"}, {"description": "theirs"}, "description"),
        ({"description": "ours"}, {}, "description"),
    ],
    "flavor": [({"flavor": "a"}, {"flavor": "b"}, "flavor"), ({"flavor": "a"}, {}, "flavor")],
    "pool_id": [({"pool_id": "p1"}, {"pool_id": "p2"}, "pool_id")],
    "workers": [
        ({"workers": 2}, {"workers": 3}, "workers"),
        ({}, {"workers": 2}, "workers"),
        ({"workers": 2}, {}, "workers"),
    ],
    "engine": [
        ({"engine": Engine(id="26")}, {"engine": CUSTOM}, "engine.id"),
        (
            {"engine": Engine(name="TensorFlow", version="TF-2")},
            {"engine": CUSTOM},
            "engine.version",
        ),
        ({"engine": Engine(id="27")}, {}, "engine"),
    ],
    "algorithm": [
        ({"algorithm": Algorithm(id="a1")}, {"algorithm": Algorithm(id="a2")}, "algorithm.id"),
        (
            {"algorithm": Algorithm(subscription_id="s", item_version_id="1")},
            {"algorithm": Algorithm(subscription_id="s")},
            "algorithm.item_version_id",
        ),
    ],
    "image": [({"image": "swr/a:1"}, {"image": "swr/a:2"}, "image")],
    "command": [({"command": "a"}, {"command": "b"}, "command"), ({"command": "a"}, {}, "command")],
    "code_dir": [({"code_dir": "/a/"}, {"code_dir": "/b/"}, "code_dir")],
    "boot_file": [({"boot_file": "/a/x"}, {"boot_file": "/a/y"}, "boot_file")],
    "parameters": [
        ({"parameters": {"lr": "1"}}, {"parameters": {"lr": "2"}}, "parameters.lr"),
        ({"parameters": {"lr": "1"}}, {"parameters": {"other": "1"}}, "parameters.lr"),
        ({"parameters": {"lr": "1"}}, {}, "parameters"),
        ({"parameters": {"lr": "1e-3"}}, {"parameters": {"lr": "0.0011"}}, "parameters.lr"),
        ({"parameters": {"tag": "1e"}}, {"parameters": {"tag": "1"}}, "parameters.tag"),
    ],
    "environment": [({"environment": {"A": "1"}}, {"environment": {"A": "2"}}, "environment.A")],
    "inputs": [
        ({"inputs": (Input(path="/a/"),)}, {"inputs": (Input(path="/b/"),)}, "inputs[0].path"),
        (
            {"inputs": (Input(path="/a/"),)},
            {"inputs": (Input(path="/a/"), Input(path="/b/"))},
            "inputs[1]",
        ),
        (
            {"inputs": (Input(path="/a/"), Input(path="/b/"))},
            {"inputs": (Input(path="/a/"),)},
            "inputs[1]",
        ),
        ({"inputs": (Input(path="/a/"),)}, {}, "inputs"),
        (
            {"inputs": (Input(path="/a/"), Input(path="/b/"))},
            {"inputs": (Input(path="/b/"), Input(path="/a/"))},
            "inputs[0].path",
        ),
        (
            {"inputs": (Input(path="/a/", name="a"), Input(path="/b/", name="b"))},
            {"inputs": (Input(path="/b/", name="a"), Input(path="/b/", name="b"))},
            "inputs[0].path",
        ),
        (
            {"inputs": (Input(path="/a/", name="a"),)},
            {"inputs": (Input(path="/a/", name="b"),)},
            "inputs[0].name",
        ),
        ({"inputs": (MANIFEST,)}, {"inputs": (Input(path=MANIFEST.path),)}, "inputs[0].dataset_id"),
    ],
    "outputs": [
        ({"outputs": (Output(path="/a/"),)}, {"outputs": (Output(path="/b/"),)}, "outputs[0].path")
    ],
    "log_dir": [
        ({"log_dir": "/a/"}, {"log_dir": "/b/"}, "log_dir"),
        ({"log_dir": "/a/"}, {}, "log_dir"),
    ],
    "volumes": [
        (
            {"volumes": (MOUNT,)},
            {"volumes": (MOUNT.model_copy(update={"target": "/x"}),)},
            "volumes[0].target",
        ),
        (
            {"volumes": (MOUNT,)},
            {"volumes": (MOUNT.model_copy(update={"read_only": True}),)},
            "volumes[0].read_only",
        ),
        (
            {"volumes": (MOUNT.model_copy(update={"read_only": True}),)},
            {"volumes": (MOUNT,)},
            "volumes[0].read_only",
        ),
    ],
    "notification": [
        (
            {"notification": TOPIC},
            {"notification": Notification(topic_urn="urn:smn:b", events=("JobFailed",))},
            "notification.topic_urn",
        ),
        (
            {"notification": TOPIC},
            {"notification": Notification(topic_urn="urn:smn:a", events=("JobDone",))},
            "notification.events[0]",
        ),
    ],
    "auto_stop_hours": [({"auto_stop_hours": 2}, {"auto_stop_hours": 3}, "auto_stop_hours")],
    "priority": [({"priority": 1}, {"priority": 2}, "priority"), ({"priority": 1}, {}, "priority")],
    "annotations": [({"annotations": {"a": "1"}}, {"annotations": {"a": "2"}}, "annotations.a")],
}


def spec(fields: Fields) -> JobSpec:
    return JobSpec(**({"name": "job"} | fields))


def cases(table: dict[str, Any]) -> list[Any]:
    return [
        pytest.param(*row, id=f"{field}-{number}")
        for field, rows in table.items()
        for number, row in enumerate(rows, 1)
    ]


@pytest.mark.parametrize(("wanted", "actual"), cases(FILLED_IN))
def test_what_the_platform_fills_in_is_no_change(wanted: Fields, actual: Fields) -> None:
    assert drift_changes(spec(wanted), spec(actual)) == ()
    assert as_written(spec(wanted), spec(actual)) == spec(wanted).canonical


@pytest.mark.parametrize(("wanted", "actual", "path"), cases(REAL_CHANGE))
def test_a_real_change_counts(wanted: Fields, actual: Fields, path: str) -> None:
    changes = drift_changes(spec(wanted), spec(actual))

    assert path in [change.path for change in changes]
    assert as_written(spec(wanted), spec(actual)) != spec(wanted).canonical


def test_the_table_speaks_of_every_field_once() -> None:
    fields = [rule.field for rule in RULES]

    assert sorted(fields) == sorted(JobSpec.model_fields)
    assert sorted(REAL_CHANGE) == sorted(fields)
    assert sorted(FILLED_IN) == sorted(set(fields) - {"name"})


def test_every_row_gives_its_reason() -> None:
    assert all(rule.reason for rule in RULES)


def test_only_the_description_changes_in_place() -> None:
    assert {"description"} == IN_PLACE
