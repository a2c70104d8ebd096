"""Which commit a definition is at."""

import subprocess
from pathlib import Path

import pytest

from reconciler.cli.revision import commit_of


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GITHUB_SHA", "CI_COMMIT_SHA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    (tmp_path / "jobs.yaml").write_text("version: 1\n")
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True)
    return tmp_path


def test_a_clean_commit(repository: Path) -> None:
    commit = commit_of(repository)

    assert commit
    assert len(commit) == 40


def test_changed_files_are_told(repository: Path) -> None:
    commit = commit_of(repository)
    (repository / "jobs.yaml").write_text("version: 2\n")

    assert commit_of(repository) == f"{commit}+changes"


def test_new_files_are_no_change(repository: Path) -> None:
    (repository / "state").mkdir()
    (repository / "state" / "x.json").write_text("{}")

    assert "+" not in (commit_of(repository) or "")


def test_without_a_repository_ci_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_SHA", "CI_COMMIT_SHA"):
        monkeypatch.delenv(name, raising=False)
    assert commit_of(tmp_path) is None
    assert commit_of(tmp_path / "missing") is None

    monkeypatch.setenv("CI_COMMIT_SHA", "abc")

    assert commit_of(tmp_path) == "abc"
