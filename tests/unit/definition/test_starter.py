"""What `init` writes is valid as it is, and its code runs."""

import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from reconciler.definition import starter


def test_loads_as_it_is(loaded: Any) -> None:
    definition = loaded(starter.definition())

    assert (definition.stack, definition.platform.endpoint) == ("demo", "local")
    assert list(definition.jobs) == ["first-training"]


def test_takes_the_name_of_the_stack(loaded: Any) -> None:
    text = starter.definition("vision")

    assert loaded(text).stack == "vision"
    assert "state/vision.json" in text


def test_code_stands_where_the_job_looks_for_it(loaded: Any) -> None:
    (job,) = loaded(starter.definition()).jobs.values()

    assert f"buckets{job.spec.boot_file}" == starter.BOOT_FILE


def test_everything_commented_out_can_be_used(loaded: Any) -> None:
    lines = starter.definition().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("version:"))
    text = "\n".join(re.sub(r"^( +)# ", r"\1", line) for line in lines[start:])
    definition = loaded(text.replace("  endpoint: local\n", ""))
    (job,) = definition.jobs.values()

    assert definition.platform.endpoint.startswith("https://")
    assert job.spec.inputs[0].path == "/demo/data/"
    assert job.lifecycle.on_failure == "retry"


def test_first_line_is_for_editors() -> None:
    first, *others = starter.definition().splitlines()

    assert first == f"# yaml-language-server: $schema={starter.SCHEMA_FILE}"
    assert any(f"reconciler schema > {starter.SCHEMA_FILE}" in line for line in others)


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        ("/state/demo.json", True),
        ("/state/demo.journal", True),
        ("/state/demo.lock", True),
        ("/state/backups/", True),
        ("/state/local/", True),
        ("/state/README.md", False),
        ("/jobs.yaml", False),
        ("/buckets/demo/code/train.py", False),
    ],
)
def test_ignores(path: str, ignored: bool) -> None:
    assert any(fnmatch(path, pattern) for pattern in starter.IGNORES) is ignored


def test_code_trains(tmp_path: Path) -> None:
    program = tmp_path / "train.py"
    program.write_text(starter.code())
    output = tmp_path / "output"

    run = subprocess.run(
        [
            sys.executable,
            program,
            "--train_url",
            output,
            "--epochs=2",
            "--learning_rate=1e-3",
            "--x=y",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert "epoch 2: loss 0.998001" in run.stdout
    assert (output / "model.txt").read_text() == "loss 0.998001\n"
