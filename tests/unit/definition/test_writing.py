"""Existing jobs as definitions: what is written asks for exactly what there is."""

from pathlib import Path
from typing import Any

import pytest

from reconciler.definition.loader import load
from reconciler.definition.writing import head_text, jobs_text, with_jobs
from reconciler.errors import ReconcilerError
from reconciler.model.address import Address
from reconciler.model.platform import PlatformSettings
from reconciler.model.spec import Algorithm, Engine, Input, JobSpec, Output, Volume

CODE: dict[str, Any] = {
    "flavor": "f",
    "code_dir": "/b/code/",
    "boot_file": "/b/code/sub/train.py",
    "engine": Engine(name="TF", version="1.8"),
}
IMAGE: dict[str, Any] = {"flavor": "f", "image": "img", "command": "true"}
ODD = {"no": "no", "007": "007", "e": "", "ref": "${var.x} $${y} $", "q": '"a": #b', "n": "null"}

SPECS = {
    "code": CODE,
    "image": IMAGE,
    "image with code": IMAGE | {"code_dir": "/b/code/", "boot_file": "/b/code/train.py"},
    "pool": {"pool_id": "p", "algorithm": Algorithm(id="7")},
    "engine by id": CODE | {"engine": Engine(id="3")},
    "parameters": CODE | {"parameters": ODD, "environment": {"A": "1e-3"}},
    "texts": CODE | {"description": "two\nlines: # 'and' \"quotes\"", "log_dir": "/b/logs/"},
    "inputs": CODE
    | {"inputs": (Input(path="/b/in/"), Input(dataset_id="d", dataset_version_id="v"))},
    "named input": CODE | {"inputs": (Input(path="/b/in/", name="x"),)},
    "output": CODE | {"outputs": (Output(path="/b/out/"),)},
    "outputs": CODE | {"outputs": (Output(path="/b/a/"), Output(path="/b/c/", name="y"))},
    "volume": IMAGE
    | {"volumes": (Volume(type="nfs", source="h:/", target="/d", read_only=True, id="v"),)},
    "numbers": CODE | {"workers": 2, "auto_stop_hours": 3, "priority": 1},
}


def loaded(tmp_path: Path, text: str) -> dict[Address, JobSpec]:
    file = tmp_path / "jobs.yaml"
    file.write_text(text)
    definition = load([file], variables={}, environment={})
    return {address: job.spec for address, job in definition.jobs.items()}


@pytest.mark.parametrize("fields", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("name", ["a", "no", "007", "null", "1e3", "-"])
def test_what_is_written_reads_as_the_job(
    tmp_path: Path, fields: dict[str, Any], name: str
) -> None:
    spec = JobSpec(name=name, **fields)
    head = head_text("stack", PlatformSettings())

    text = with_jobs(head, {Address(name): spec})
    read = loaded(tmp_path, text)

    assert read[Address(name)] == spec
    assert text == head + "\n" + jobs_text({Address(name): spec})


def test_a_head_says_where_the_jobs_are(tmp_path: Path) -> None:
    platform = PlatformSettings(
        endpoint="https://modelarts.example.com", region="eu-de", project_id="p", workspace_id="7"
    )
    file = tmp_path / "jobs.yaml"
    file.write_text(head_text("007", platform))

    definition = load([file], variables={}, environment={})

    assert (definition.stack, definition.platform) == ("007", platform)


HEAD = "# mine\nversion: 1\nstack: s  # why\n"
OLD = "  old:\n    image: i\n    command: c\n    flavor: f\n"


@pytest.mark.parametrize(
    ("before", "start", "names"),
    [
        pytest.param(HEAD, HEAD, ["new"], id="no jobs"),
        pytest.param(HEAD + "jobs:\n", HEAD, ["new"], id="none yet"),
        pytest.param(HEAD + "jobs: {}  # none\n", HEAD, ["new"], id="none in brackets"),
        pytest.param(
            f"{HEAD}jobs:\n{OLD}\n\n# end\n", f"{HEAD}jobs:\n{OLD}", ["old", "new"], id="some"
        ),
    ],
)
def test_blocks_are_added_at_the_end(
    tmp_path: Path, before: str, start: str, names: list[str]
) -> None:
    text = with_jobs(before, {Address("new"): JobSpec(name="new", **IMAGE)})

    assert text.startswith(start)
    assert list(loaded(tmp_path, text)) == names
    assert all(line in text for line in before.splitlines() if line.startswith("#"))


@pytest.mark.parametrize(
    "before",
    [
        f"jobs:\n{OLD}version: 1\nstack: s\n",
        HEAD + "jobs: {old: {image: i, command: c, flavor: f}}\n",
        HEAD + "jobs: &all\n" + OLD,
    ],
    ids=["not at the end", "in brackets", "anchored"],
)
def test_where_there_is_no_place_nothing_is_guessed(before: str) -> None:
    with pytest.raises(ReconcilerError, match="No place"):
        with_jobs(before, {Address("new"): JobSpec(name="new", **IMAGE)})
