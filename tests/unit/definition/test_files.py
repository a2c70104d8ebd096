"""Files and folders: what is read, how it is named, and how several files form one definition."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from reconciler.definition import loader, reader
from reconciler.definition.loader import default_paths, load
from reconciler.errors import DefinitionError, UsageError
from tests.unit.definition.conftest import told

HEAD = "version: 1\nstack: s\n"
JOB = "{flavor: f, image: i, command: c}"


def load_paths(*paths: str) -> Any:
    return load([Path(path) for path in paths], variables={}, environment={})


def problems_of(*paths: str) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        load_paths(*paths)
    return [
        f"{each.location.file}:{told(each)}" if each.location else told(each)
        for each in caught.value.diagnostics
    ]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_sources_are_named_as_they_were_given(folder: Path) -> None:
    Path("examples/01").mkdir(parents=True)
    data = f"{HEAD}jobs: {{a: {JOB}}}\n".encode()
    Path("examples/01/jobs.yaml").write_bytes(data)

    definition = load_paths("examples/01/jobs.yaml")

    (source,) = definition.sources
    assert source.path == "examples/01/jobs.yaml"
    assert source.sha256 == hashlib.sha256(data).hexdigest()
    assert str(definition.jobs["a"].location) == "examples/01/jobs.yaml:3:8"


def test_a_folder_counts_with_the_files_directly_in_it(folder: Path) -> None:
    for name in (
        "d/b.yml",
        "d/a.yaml",
        "d/c.json",
        "d/README.md",
        "d/buckets/x.yaml",
        "d/e.yaml/x",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{nonsense", encoding="utf-8")
    Path("d/a.yaml").write_text(HEAD)
    Path("d/b.yml").write_text(f"jobs: {{b: {JOB}}}\n")
    Path("d/c.json").write_text('{"jobs": {"c": {"flavor": "f", "algorithm": 4}}}')

    definition = load_paths("d")

    assert [source.path for source in definition.sources] == ["d/a.yaml", "d/b.yml", "d/c.json"]
    assert list(definition.jobs) == ["b", "c"]


def test_hidden_files_of_a_folder_are_none_of_ours(folder: Path) -> None:
    Path(".gitlab-ci.yml").write_text("stages: [plan]\n")
    Path("jobs.yaml").write_text(f"{HEAD}jobs: {{a: {JOB}}}\n")

    assert [source.path for source in load_paths(".").sources] == ["jobs.yaml"]
    assert problems_of(".gitlab-ci.yml"), "but one that is named counts"


def test_the_order_of_files_in_a_folder_makes_no_difference(folder: Path) -> None:
    (folder / "d").mkdir()
    Path("d/a.yaml").write_text(HEAD)
    Path("d/b.yaml").write_text(f"jobs: {{b: {JOB}}}\n")
    Path("c.yaml").write_text(f"jobs: {{c: {JOB}}}\n")

    one, other = load_paths("d/a.yaml", "d/b.yaml"), load_paths("d/b.yaml", "d/a.yaml")
    assert one.sources == other.sources
    assert load_paths("d/b.yaml", "d/a.yaml", "c.yaml").sources[0].path == "d/a.yaml"
    assert load_paths("c.yaml", "d").sources[0].path == "c.yaml", "folders keep their order"


def test_a_file_counts_once(folder: Path) -> None:
    Path("a.yaml").write_text(f"{HEAD}jobs: {{a: {JOB}}}\n")

    assert len(load_paths("a.yaml", ".", "./a.yaml").sources) == 1


def test_files_form_one_definition(loaded: Any) -> None:
    definition = loaded(
        {
            "a.yaml": f"{HEAD}variables: {{x: one}}\ndefaults: {{flavor: f}}\n",
            "b.yaml": "variables: {y: two}\n\ndefaults: {image: i}\nplatform: {region: r}",
            "c.yaml": HEAD + "jobs: {j: {command: '${var.x} ${var.y}'}}\nplatform: {region: r}\n",
        }
    )
    job = definition.jobs["j"]

    assert job.spec.command == "one two"
    assert [str(job.fields[key]) for key in ("flavor", "image", "command")] == [
        "a.yaml:4:12",
        "b.yaml:3:12",
        "c.yaml:3:12",
    ]
    assert definition.platform.region == "r"


@pytest.mark.parametrize(
    ("second", "expected", "other"),
    [
        pytest.param("stack: t", "b.yaml:1:1 Files disagree", "a.yaml:2:1", id="stacks"),
        pytest.param(
            "platform: {region: q}", "b.yaml:1:1 Files disagree", "a.yaml:3:1", id="platforms"
        ),
        pytest.param(
            "variables: {x: 1}", "b.yaml:1:13 Duplicate key", "a.yaml:4:13", id="variables"
        ),
        pytest.param(
            "defaults: {flavor: f}", "b.yaml:1:12 Duplicate key", "a.yaml:5:12", id="defaults"
        ),
        pytest.param(
            f"jobs: {{b: {JOB}, a: {JOB}}}", "b.yaml:1:46 Duplicate key", "a.yaml:6:8", id="jobs"
        ),
    ],
)
def test_files_that_contradict_each_other(
    refused: Any, second: str, expected: str, other: str
) -> None:
    first = (
        f"{HEAD}platform: {{region: r}}\nvariables: {{x: 1}}\ndefaults: {{flavor: f}}\n"
        f"jobs: {{a: {JOB}}}\n"
    )
    (problem,) = refused({"a.yaml": first, "b.yaml": second})

    assert f"{problem.location} {problem.summary}" == expected
    assert other in problem.detail


def test_problems_of_all_files_come_at_once(folder: Path) -> None:
    Path("b.yaml").write_text("jobs: {a: {flavour: f}}\nx: [")
    Path("a.yaml").write_text("jobs: {b: {flavour: f, image: i, command: ${var.x}}}\n")

    assert problems_of("b.yaml", "a.yaml", "none.yaml") == [
        "Cannot read the definition",
        "a.yaml:1:12 Unknown key",
        "b.yaml:2:5 Unclosed bracket",
    ]


def test_nothing_is_missing_that_a_broken_file_may_hold(folder: Path) -> None:
    Path("a.yaml").write_text("version: 1\nstack: s\nvariables: {x: [}")
    Path("b.yaml").write_text("jobs: {j: {flavor: '${var.x}', image: i, command: c}}\n")

    assert problems_of("a.yaml", "b.yaml") == ["a.yaml:3:17 Text must be quoted"]


@pytest.mark.parametrize(
    ("path", "summary"),
    [
        pytest.param("none.yaml", "Cannot read the definition", id="no such file"),
        pytest.param("empty", "No definition found", id="empty folder"),
        pytest.param("loop.yaml", "Cannot read the definition", id="link to itself"),
        pytest.param("loop/x.yaml", "Cannot read the definition", id="folder that is a loop"),
        pytest.param("a\0b", "Cannot read the definition", id="NUL in the name"),
        pytest.param("x" * 5000, "Cannot read the definition", id="endless name"),
    ],
)
def test_paths_that_lead_nowhere(folder: Path, path: str, summary: str) -> None:
    Path("empty").mkdir()
    Path("loop.yaml").symlink_to("loop.yaml")
    Path("loop").symlink_to("loop")

    assert problems_of(path) == [summary]


def test_files_that_may_not_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    Path("a.yaml").write_text(HEAD)
    monkeypatch.setattr(Path, "open", deny)

    with pytest.raises(DefinitionError, match=r"a\.yaml: Permission denied\."):
        load_paths("a.yaml")


def test_large_files_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_BYTES", 100)
    Path("a.yaml").write_text(HEAD + "#" * 100)

    assert problems_of("a.yaml") == ["File is too large"]


def test_too_many_files_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "MAX_FILES", 1)
    Path("a.yaml").write_text(HEAD)
    Path("b.yaml").write_text("")

    assert problems_of(".") == ["Too many files"]


def test_names_that_are_no_text(folder: Path) -> None:
    name = os.fsdecode(b"\xff.yaml")
    Path(name).write_text(f"{HEAD}jobs: {{a: {JOB}}}\n")

    definition = load_paths(name)

    assert definition.sources[0].path == "?.yaml"


def test_no_path_at_all_is_a_problem(folder: Path) -> None:
    assert problems_of() == ["Missing stack", "Missing version"]


def test_default_is_the_file(folder: Path) -> None:
    Path("jobs.yaml").write_text("")
    Path("jobs").mkdir()

    assert default_paths(folder) == [folder / loader.DEFAULT_FILE]


def test_default_is_the_folder_next(folder: Path) -> None:
    Path("jobs").mkdir()
    Path("jobs/a.yml").write_text("")

    assert default_paths(folder) == [folder / loader.DEFAULT_FOLDER]


@pytest.mark.parametrize("has_folder", [False, True], ids=["nothing", "empty folder"])
def test_no_default(folder: Path, has_folder: bool) -> None:
    if has_folder:
        Path("jobs").mkdir()

    with pytest.raises(UsageError) as caught:
        default_paths(folder)

    assert "reconciler init" in str(caught.value)
    assert "-f" in str(caught.value)


def test_default_that_may_not_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    Path("jobs").mkdir()
    monkeypatch.setattr(Path, "iterdir", deny)

    with pytest.raises(UsageError, match="jobs: Permission denied"):
        default_paths(Path())
