"""Each field of a job: what it becomes, and what is refused at which place."""

from typing import Any

import pytest

from reconciler.model.job import Lifecycle
from tests.unit.definition.conftest import MINIMAL, with_job

CODE = "flavor: f\ncode_dir: /b/code/\nboot_file: train.py\nengine: {id: 4}"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            "description: with: nothing".replace(": n", " n"),
            {"description": "with nothing"},
            id="description",
        ),
        pytest.param("description: ''", {"description": ""}, id="empty description"),
        pytest.param("name: other", {"name": "other"}, id="name"),
        pytest.param("pool_id: pool1", {"flavor": "f", "pool_id": "pool1"}, id="flavor of a pool"),
        pytest.param("workers: 2", {"workers": 2}, id="workers"),
        pytest.param("workers: '2'", {"workers": 2}, id="workers in quotes"),
        pytest.param("auto_stop_hours: 12", {"auto_stop_hours": 12}, id="auto stop"),
        pytest.param("priority: 0", {"priority": 0}, id="priority"),
        pytest.param("log_dir: /b/logs", {"log_dir": "/b/logs/"}, id="log folder"),
        pytest.param("parameters: {}", {"parameters": {}}, id="no parameters"),
        pytest.param("annotations: {a/b: 1}", {"annotations": {"a/b": "1"}}, id="annotations"),
        pytest.param("environment: {_A1: x y}", {"environment": {"_A1": "x y"}}, id="environment"),
        pytest.param("inputs: /b/in", {"inputs": [{"path": "/b/in/"}]}, id="one input"),
        pytest.param(
            "inputs: {path: /b/in, name: n}",
            {"inputs": [{"path": "/b/in/", "name": "n"}]},
            id="one named input",
        ),
        pytest.param(
            "inputs:\n- obs://b//in\n- {dataset_id: d, dataset_version_id: v, name: n}",
            {
                "inputs": [
                    {"path": "/b/in/"},
                    {"dataset_id": "d", "dataset_version_id": "v", "name": "n"},
                ]
            },
            id="inputs of both kinds",
        ),
        pytest.param("output: s3://b/out", {"outputs": [{"path": "/b/out/"}]}, id="output"),
        pytest.param(
            "output: {path: /b/o/, name: n}",
            {"outputs": [{"path": "/b/o/", "name": "n"}]},
            id="named output",
        ),
        pytest.param(
            "outputs: [/b/o/, {path: /b/p, name: n}]",
            {"outputs": [{"path": "/b/o/"}, {"path": "/b/p/", "name": "n"}]},
            id="outputs as a list",
        ),
        pytest.param(
            "outputs: {model: /b/o/, logs: /b/l}",
            {"outputs": [{"path": "/b/o/", "name": "model"}, {"path": "/b/l/", "name": "logs"}]},
            id="outputs by name",
        ),
        pytest.param(
            "volumes:\n- {type: nfs, source: '1.2.3.4:/', target: /mnt, id: x, read_only: true}",
            {
                "volumes": [
                    {
                        "type": "nfs",
                        "source": "1.2.3.4:/",
                        "target": "/mnt",
                        "id": "x",
                        "read_only": True,
                    }
                ]
            },
            id="volume",
        ),
        pytest.param(
            "notification: {topic_urn: 'urn:smn:x', events: [JobFailed]}",
            {"notification": {"topic_urn": "urn:smn:x", "events": ["JobFailed"]}},
            id="notification",
        ),
        pytest.param("description: ~\npool_id:\nworkers: null", {}, id="a null is not written"),
    ],
)
def test_field_reaches_the_spec(job: Any, lines: str, expected: dict[str, Any]) -> None:
    spec = job(f"{MINIMAL}\n{lines}").spec

    plain = {"name": "a", "flavor": "f", "image": "i", "command": "c"} | expected
    written = {key: value for key, value in plain.items() if value not in ("", {})}
    assert spec.canonical == written


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            CODE,
            {"code_dir": "/b/code/", "boot_file": "/b/code/train.py", "engine": {"id": "4"}},
            id="code with an engine by id",
        ),
        pytest.param(
            "flavor: f\ncode_dir: obs://b/code\nboot_file: /b/code/sub/t.py\n"
            "engine: {name: TensorFlow, version: TF-1.8}",
            {
                "code_dir": "/b/code/",
                "boot_file": "/b/code/sub/t.py",
                "engine": {"name": "TensorFlow", "version": "TF-1.8"},
            },
            id="code with an engine by name, whole boot file",
        ),
        pytest.param(
            "flavor: f\ncode_dir: /b/code/\nboot_file: ./t.py\nimage: i",
            {"code_dir": "/b/code/", "boot_file": "/b/code/t.py", "image": "i"},
            id="code in an image",
        ),
        pytest.param(
            "flavor: f\ncode_dir: /b/code/\nboot_file: t.py\nimage: i\ncommand: c",
            {"code_dir": "/b/code/", "boot_file": "/b/code/t.py", "image": "i", "command": "c"},
            id="code in an image with a command",
        ),
        pytest.param("flavor: f\nimage: i\ncommand: c", {"image": "i", "command": "c"}, id="image"),
        pytest.param("flavor: f\nalgorithm: 4", {"algorithm": {"id": "4"}}, id="algorithm"),
        pytest.param("flavor: f\nalgorithm: {id: x}", {"algorithm": {"id": "x"}}, id="its id"),
        pytest.param(
            "flavor: f\nalgorithm: {subscription_id: s, item_version_id: v}",
            {"algorithm": {"subscription_id": "s", "item_version_id": "v"}},
            id="subscribed algorithm",
        ),
    ],
)
def test_kinds_of_code(job: Any, lines: str, expected: dict[str, Any]) -> None:
    assert job(lines).spec.canonical == {"name": "a", "flavor": "f"} | expected


def test_pool_is_enough(job: Any) -> None:
    spec = job("pool_id: p\nimage: i\ncommand: c").spec

    assert (spec.flavor, spec.pool_id) == (None, "p")


@pytest.mark.parametrize(
    "text",
    [
        "1e-3",
        "0.10",
        "no",
        "007",
        "1_000",
        "0x1F",
        "2020-01-01",
        "12:30:00",
        "'~'",
        "on",
        ".inf",
        "1.",
        "+1",
    ],
)
def test_scalars_keep_their_text(job: Any, text: str) -> None:
    assert job(f"{MINIMAL}\nparameters: {{x: {text}}}").spec.parameters == {"x": text.strip("'")}


def test_texts_may_have_lines(job: Any) -> None:
    spec = job('flavor: f\nimage: i\ncommand: |\n  a\n  b\nparameters: {x: "1\\n2"}').spec

    assert (spec.command, spec.parameters) == ("a\nb\n", {"x": "1\n2"})


def test_lifecycle_and_labels_stay_with_us(job: Any) -> None:
    desired = job(
        f"{MINIMAL}\nlabels: {{team: vision}}\n"
        "lifecycle: {on_failure: retry, max_attempts: 5, on_missing: error, protect: true}"
    )

    assert desired.labels == {"team": "vision"}
    assert desired.lifecycle == Lifecycle(
        on_failure="retry", max_attempts=5, on_missing="error", protect=True
    )
    assert desired.spec == job(MINIMAL).spec


def test_lifecycle_by_default(job: Any) -> None:
    assert job(MINIMAL).lifecycle == Lifecycle()


@pytest.mark.parametrize(
    ("line", "place", "summary"),
    [
        pytest.param("description: " + "x" * 257, "14", "Text is too long", id="long description"),
        pytest.param("name: a b", "7", "Invalid value", id="name with a space"),
        pytest.param("name: " + "x" * 65, "7", "Invalid value", id="long name"),
        pytest.param("name: ${job.name}", "7", "Unknown reference", id="name that names itself"),
        pytest.param("workers: two", "10", "Wrong type", id="workers in words"),
        pytest.param("workers: 1.5", "10", "Wrong type", id="half a worker"),
        pytest.param("workers: 1_000", "10", "Wrong type", id="workers with an underscore"),
        pytest.param("workers: true", "10", "Wrong type", id="boolean workers"),
        pytest.param("workers: 007", "10", "Wrong type", id="workers with leading zeros"),
        pytest.param("workers: ' 2'", "10", "Wrong type", id="workers with a space"),
        pytest.param("workers: ٣", "10", "Wrong type", id="digits of another script"),
        pytest.param("workers: " + "9" * 5000, "10", "Wrong type", id="thousands of digits"),
        pytest.param("workers: [2]", "10", "Wrong type", id="list of workers"),
        pytest.param("workers: 0", "10", "Invalid value", id="no worker"),
        pytest.param("workers: -1", "10", "Invalid value", id="negative workers"),
        pytest.param("workers: 1000000001", "10", "Invalid value", id="too many workers"),
        pytest.param("auto_stop_hours: 0", "18", "Invalid value", id="stop at once"),
        pytest.param("priority: -1", "11", "Invalid value", id="negative priority"),
        pytest.param("pool_id: ''", "10", "Invalid value", id="empty text"),
        pytest.param("pool_id: {a: b}", "10", "Wrong type", id="mapping for a text"),
        pytest.param('pool_id: "a\\nb"', "10", "Invalid value", id="two lines"),
        pytest.param('pool_id: "a\\0"', "10", "Control character", id="control character"),
        pytest.param("flavour: x", "1", "Unknown key", id="unknown key"),
        pytest.param("flavour:", "1", "Unknown key", id="unknown key without value"),
        pytest.param("depends_on: [b]", "14", "Unknown job", id="dependency that is not there"),
        pytest.param("log_dir: b/logs", "1", "Invalid path", id="path without bucket"),
        pytest.param("parameters: [a]", "13", "Wrong type", id="list of parameters"),
        pytest.param("parameters: {a: }", "17", "Missing value", id="parameter without value"),
        pytest.param("parameters: {a: ~}", "17", "Missing value", id="null parameter"),
        pytest.param("parameters: {a: [1]}", "17", "Wrong type", id="list as a parameter"),
        pytest.param("parameters: {'': 1}", "14", "Invalid name", id="parameter without name"),
        pytest.param("environment: {1A: x}", "15", "Invalid name", id="environment name"),
        pytest.param(
            "environment: {A-B: x}", "15", "Invalid name", id="environment name with a dash"
        ),
        pytest.param("labels: {a: ~}", "13", "Missing value", id="null label"),
        pytest.param("inputs: [/b/a, ~]", "16", "Missing value", id="null input"),
        pytest.param("inputs: [[/b/a]]", "10", "Wrong type", id="nested inputs"),
        pytest.param("inputs: [b/a]", "1", "Invalid path", id="input without bucket"),
        pytest.param("inputs: [{name: x}]", "1", "Invalid input", id="input from nowhere"),
        pytest.param(
            "inputs: [{path: /b/a, dataset_id: d, dataset_version_id: v}]",
            "1",
            "Invalid input",
            id="input from two places",
        ),
        pytest.param("inputs: [{dataset_id: d}]", "1", "Missing key", id="dataset without version"),
        pytest.param("output: {name: x}", "9", "Missing key", id="output without path"),
        pytest.param("output: [/b/o/]", "9", "Wrong type", id="list for one output"),
        pytest.param("output: /b/../c/", "1", "Invalid path", id="path that goes up"),
        pytest.param("outputs: {model: ~}", "18", "Missing value", id="null output"),
        pytest.param(
            "volumes: [{type: disk, source: a, target: /b}]",
            "18",
            "Invalid value",
            id="unknown volume",
        ),
        pytest.param(
            "volumes: [{type: nfs, source: a}]", "11", "Missing key", id="volume without target"
        ),
        pytest.param(
            "volumes: [{type: nfs, source: a, target: b}]",
            "1",
            "Invalid volume",
            id="relative target",
        ),
        pytest.param(
            "volumes: [{type: obs, source: a, target: /b, id: x}]",
            "1",
            "Invalid volume",
            id="id of a bucket",
        ),
        pytest.param(
            "volumes: [{type: nfs, source: a, target: /b, read_only: yes}]",
            "57",
            "Wrong type",
            id="boolean word",
        ),
        pytest.param(
            "notification: {events: [a]}", "15", "Missing key", id="notification without topic"
        ),
        pytest.param("lifecycle: {on_failure: never}", "25", "Invalid value", id="unknown choice"),
        pytest.param("lifecycle: {max_attempts: 0}", "27", "Invalid value", id="no attempt"),
        pytest.param(
            "lifecycle: {max_attempts: 101}", "27", "Invalid value", id="too many attempts"
        ),
        pytest.param("lifecycle: {protect: True}", "22", "Wrong type", id="capital boolean"),
        pytest.param("lifecycle: {protect: 1}", "22", "Wrong type", id="number for a boolean"),
        pytest.param("lifecycle: protect", "12", "Wrong type", id="text for a mapping"),
    ],
)
def test_field_is_refused_at_its_place(
    job_refused: Any, line: str, place: str, summary: str
) -> None:
    column = int(place) + 4

    assert job_refused(f"{MINIMAL}\n{line}") == [f"4:{column} {summary}"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("image: i\ncommand: c", ["0:3 Missing flavor"], id="no flavor and no pool"),
        pytest.param("flavor: f", ["0:3 Nothing to run"], id="no code"),
        pytest.param("", ["0:3 Missing flavor", "0:3 Nothing to run"], id="empty job"),
        pytest.param(
            "flavor: f\ncode_dir: /b/c/", ["2:5 Missing key"], id="code without boot file"
        ),
        pytest.param(
            "flavor: f\nboot_file: t.py", ["2:5 Missing key"], id="boot file without code"
        ),
        pytest.param("flavor: f\nimage: i", ["2:5 Missing key"], id="image without command"),
        pytest.param("flavor: f\ncommand: c", ["2:5 Missing key"], id="command without image"),
        pytest.param("flavor: f\nengine: {id: 4}", ["2:5 Missing key"], id="engine without code"),
        pytest.param(f"{CODE}\nimage: i", ["5:5 Keys exclude each other"], id="engine and image"),
        pytest.param(
            f"{CODE}\nalgorithm: 4",
            [
                "2:5 Keys exclude each other",
                "3:5 Keys exclude each other",
                "4:5 Keys exclude each other",
            ],
            id="code and algorithm",
        ),
        pytest.param(
            f"{MINIMAL}\noutput: /b/o/\noutputs: [/b/p/]",
            ["5:5 Keys exclude each other"],
            id="output and outputs",
        ),
        pytest.param(
            "flavor: f\ncode_dir: /b/c/\nboot_file: t.py\nengine: {id: 4, name: n, version: v}",
            ["4:5 Invalid engine"],
            id="engine by id and name",
        ),
        pytest.param(
            "flavor: f\ncode_dir: /b/c/\nboot_file: t.py\nengine: {}",
            ["4:5 Invalid engine"],
            id="engine without name",
        ),
        pytest.param(
            "flavor: f\ncode_dir: /b/c/\nboot_file: t.py\nengine: {name: n}",
            ["4:14 Missing key"],
            id="engine without version",
        ),
        pytest.param(
            "flavor: f\ncode_dir: /b/c/\nboot_file: t.py\nengine: {version: v}",
            ["4:14 Missing key"],
            id="engine version without name",
        ),
        pytest.param(
            "flavor: f\ncode_dir: /b/c/\nboot_file: t.py\nengine: TF",
            ["4:13 Wrong type"],
            id="engine as a text",
        ),
        pytest.param(
            "flavor: f\nalgorithm: {}", ["2:5 Invalid algorithm"], id="algorithm without id"
        ),
        pytest.param(
            "flavor: f\nalgorithm: {id: x, subscription_id: y}",
            ["2:5 Invalid algorithm"],
            id="algorithm named twice",
        ),
        pytest.param(
            "flavor: f\nalgorithm: {subscription_id: y}",
            ["2:17 Missing key"],
            id="subscription without item",
        ),
        pytest.param(
            "flavor: f\nimage: i\ncode_dir: /b/c/\nboot_file: /b/d/t.py",
            ["4:5 Invalid path"],
            id="boot file elsewhere",
        ),
        pytest.param(
            "flavor: f\nimage: i\ncode_dir: /b/c/\nboot_file: ../t.py",
            ["4:5 Invalid path"],
            id="boot file above",
        ),
        pytest.param(
            "flavor: f\nimage: i\ncode_dir: /b/c/\nboot_file: sub/",
            ["4:5 Invalid path"],
            id="boot file is a folder",
        ),
        pytest.param(
            "flavor: f\nimage: i\ncode_dir: b/c/\nboot_file: t.py",
            ["3:5 Invalid path"],
            id="broken code folder is told once",
        ),
        pytest.param(
            "flavour: f\nimage: i\ncommand: c",
            ["1:5 Unknown key"],
            id="a misspelt key counts as written",
        ),
        pytest.param(
            "flavor: [f]\nimage: i\ncomand: c",
            ["1:13 Wrong type", "3:5 Unknown key"],
            id="all at once",
        ),
        pytest.param(
            f"{MINIMAL}\nvolumes: [{{type: nfs}}]",
            ["4:15 Missing key", "4:15 Missing key"],
            id="two keys missing at one place",
        ),
        pytest.param(
            "flavor: f\nalgorithm: [x]\nworkers: ${var.x}\nlifecycle: {protect: '${var.x}'}",
            ["2:16 Wrong type", "3:14 Unknown variable", "4:27 Unknown variable"],
            id="what is broken is not judged further",
        ),
    ],
)
def test_rules_between_fields(job_refused: Any, lines: str, expected: list[str]) -> None:
    assert job_refused(lines) == expected


@pytest.mark.parametrize(
    ("lines", "hint"),
    [
        pytest.param(f"{MINIMAL}\nworker: 2", 'Did you mean "workers"?', id="typo"),
        pytest.param(f"{MINIMAL}\ntrain_url: /b/", 'Did you mean "output"?', id="the API's word"),
        pytest.param(f"{MINIMAL}\nenv: {{}}", 'Did you mean "environment"?', id="short form"),
        pytest.param(
            f"{MINIMAL}\nlifecycle: {{on_failure: rety}}", 'Did you mean "retry"?', id="choice"
        ),
        pytest.param(
            f"{MINIMAL}\nparameters: {{a: }}",
            'Write "" for an empty text, or remove the key.',
            id="null parameter",
        ),
    ],
)
def test_hints(refused: Any, lines: str, hint: str) -> None:

    (problem,) = refused(with_job(lines))

    assert problem.hint == hint
    assert problem.address == "a"
    assert problem.detail.startswith('Job "a": ')
