"""The JSON Schema for editors: a schema itself, and true to what loads."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from reconciler.definition import starter
from reconciler.definition.schema import JOB, PLATFORM, json_schema
from tests.unit.definition.conftest import MINIMAL, with_job
from tests.unit.definition.test_top_level import EXAMPLE

FOLDER = Path(__file__).parents[3] / "examples"
SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def valid(text: str) -> bool:
    return bool(VALIDATOR.is_valid(yaml.safe_load(text)))


def schemas(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every property of a schema with its path."""
    if isinstance(schema, dict):
        for name, each in schema.get("properties", {}).items():
            yield f"{path}/{name}", each
        for key, each in schema.items():
            yield from schemas(each, f"{path}/{key}")
    elif isinstance(schema, list):
        for each in schema:
            yield from schemas(each, path)


def test_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_describes_every_key() -> None:
    undescribed = [path for path, schema in schemas(SCHEMA) if not schema.get("description")]

    assert undescribed == []


def test_knows_every_key() -> None:
    job = SCHEMA["properties"]["jobs"]["additionalProperties"]["anyOf"][0]

    assert job["properties"].keys() == JOB.fields.keys()
    assert SCHEMA["properties"]["platform"]["properties"].keys() == PLATFORM.fields.keys()
    assert job["additionalProperties"] is False


@pytest.mark.parametrize(
    "text",
    [EXAMPLE.replace("[/${var.bucket}/dataset-mnist/]", "/b/"), starter.definition()],
    ids=["example", "starter"],
)
def test_accepts(text: str) -> None:
    assert valid(text)


def examples() -> Iterator[Path]:
    """Yield the definitions among the examples' files, which hold other YAML files, too."""
    for path in sorted(FOLDER.glob("*/*.yaml")):
        document = yaml.safe_load(path.read_text())
        if isinstance(document, dict) and document.keys() & {"stack", "defaults", "variables"}:
            yield path


@pytest.mark.parametrize("path", list(examples()), ids=lambda path: str(path.relative_to(FOLDER)))
def test_accepts_every_example(path: Path) -> None:
    document = yaml.safe_load(path.read_text())

    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


@pytest.mark.parametrize(
    "line",
    [
        "workers: 2",
        "workers: '2'",
        "workers: ${var.n}",
        "lifecycle: {protect: true, max_attempts: 3, on_failure: '${var.f}'}",
        "parameters: {lr: 1e-3, n: 4, flag: true, text: abc}",
        "name: 007",
        "inputs: /b/in/",
        "inputs: [/b/in/, {dataset_id: d, dataset_version_id: v}]",
        "outputs: {model: /b/out/}",
        "algorithm: 4",
        "algorithm: {subscription_id: s, item_version_id: v}",
        "output: {path: /b/, name: n}",
        "volumes: [{type: nfs, source: a, target: /b}]",
    ],
)
def test_accepts_what_loads(loaded: Any, line: str) -> None:
    lines = "flavor: f" if line.startswith("algorithm") else MINIMAL
    text = with_job(f"{lines}\n{line}")

    assert valid(text)
    loaded(text + "variables: {n: 4, f: retry}\n")


@pytest.mark.parametrize(
    "line",
    [
        "flavour: x",
        "workers: two",
        "workers: 0",
        "workers: 1.5",
        "lifecycle: {protect: maybe}",
        "lifecycle: {on_failure: never}",
        "parameters: {a: [1]}",
        "parameters: [a]",
        "environment: {1a: x}",
        "name: a b",
        "inputs: [{paht: /b/}]",
        "volumes: [{type: nfs}]",
        "output: [/b/]",
    ],
)
def test_refuses_what_does_not_load(refused: Any, line: str) -> None:
    text = with_job(f"{MINIMAL}\n{line}")

    assert not valid(text)
    refused(text)


@pytest.mark.parametrize(
    "text",
    [
        "version: 2\nstack: s",
        "version: 1\nstack: a b",
        "version: 1\nstack: s\nplatform: {token: x}",
        "version: 1\nstack: s\nplatform: {api: modelarts/v9}",
        "version: 1\nstack: s\njobs: [a]",
        "version: 1\nstack: s\njobs: {a b: }",
    ],
)
def test_refuses_broken_documents(refused: Any, text: str) -> None:
    assert not valid(text)
    refused(text)
