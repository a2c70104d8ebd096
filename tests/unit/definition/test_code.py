"""The digest of training code: what counts, what does not, and what is refused."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.definition.code import digest_of
from tests.unit.definition.conftest import told

LOCAL = """\
version: 1
stack: s
defaults: {flavor: f, engine: {name: n, version: v}, code_dir: /b/code/, boot_file: t.py}
jobs:
  a:
    code_digest: true
"""
REMOTE = LOCAL + "platform: {endpoint: 'https://ma.example'}\n"


def write(folder: Path, *names: str, text: str = "print()\n") -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def files(folder: Path) -> list[str]:
    return list(digest_of(folder).files)


def test_the_folder_that_code_dir_names(loaded: Any, tmp_path: Path) -> None:
    write(tmp_path / "buckets" / "b" / "code", "t.py", "lib/x.py")

    code = loaded(LOCAL).jobs["a"].code

    assert code == digest_of(tmp_path / "buckets" / "b" / "code")
    assert list(code.files) == ["lib/x.py", "t.py"]
    assert all(len(each) == 16 for each in code.files.values())


def test_a_path_counts_from_its_file(loaded: Any, tmp_path: Path) -> None:
    write(tmp_path / "team" / "src", "t.py")
    (tmp_path / "team" / "jobs.yaml").touch()

    found = loaded({"team/jobs.yaml": REMOTE.replace("true", "./src")})

    assert found.jobs["a"].code == digest_of(tmp_path / "team" / "src")


@pytest.mark.parametrize("line", ["code_digest: false", "code_digest: "])
def test_no_digest(loaded: Any, line: str) -> None:
    assert loaded(LOCAL.replace("code_digest: true", line)).jobs["a"].code is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(REMOTE, "2:5 Code is elsewhere", id="true, and the platform is remote"),
        pytest.param(LOCAL, "2:5 Code cannot be read", id="no such folder"),
        pytest.param(LOCAL.replace("true", "x"), "2:5 Code cannot be read", id="no such path"),
        pytest.param(LOCAL.replace("true", "[a]"), "2:18 Wrong type", id="list"),
        pytest.param(LOCAL.replace("true", '""'), "2:18 Invalid value", id="empty"),
        pytest.param(
            LOCAL.replace("true", "true\n    image: i\n    command: c").replace(
                "code_dir: /b/code/, boot_file: t.py", "workers: 1"
            ),
            "2:5 Missing key",
            id="no code_dir",
        ),
    ],
)
def test_refused_at_its_place(refused: Any, text: str, problem: str) -> None:
    assert [told(each, above=4) for each in refused(text)] == [problem]


@pytest.mark.parametrize(
    ("ignored", "expected"),
    [
        pytest.param({}, ["a.py", "data/x.csv", "lib/b.py", "lib/log.txt"], id="nothing"),
        pytest.param({".gitignore": "data/\n*.txt\n"}, ["a.py", "lib/b.py"], id="folder, suffix"),
        pytest.param(
            {".gitignore": "# no\n\n*.txt\n!lib/log.txt\n"},
            ["a.py", "data/x.csv", "lib/b.py", "lib/log.txt"],
            id="negation",
        ),
        pytest.param(
            {".gitignore": "/a.py\nlib/*.txt\n"}, ["data/x.csv", "lib/b.py"], id="anchored"
        ),
        pytest.param(
            {"lib/.gitignore": "/b.py\n"}, ["a.py", "data/x.csv", "lib/log.txt"], id="inner file"
        ),
        pytest.param(
            {".gitignore": "*.txt\n", "lib/.gitignore": "!log.txt\n"},
            ["a.py", "data/x.csv", "lib/b.py", "lib/log.txt"],
            id="inner file wins",
        ),
        pytest.param(
            {".gitignore": "lib/\n", "lib/.gitignore": "!b.py\n"},
            ["a.py", "data/x.csv"],
            id="what is below an ignored folder stays ignored",
        ),
    ],
)
def test_ignore_files(tmp_path: Path, ignored: dict[str, str], expected: list[str]) -> None:
    write(tmp_path, "a.py", "lib/b.py", "lib/log.txt", "data/x.csv")
    for name, text in ignored.items():
        (tmp_path / name).write_text(text)

    assert files(tmp_path) == expected


def test_what_never_counts(tmp_path: Path) -> None:
    write(tmp_path, "a.py", ".git/HEAD", "__pycache__/a.pyc", "x.pyc", "lib/__pycache__/y.py")

    assert files(tmp_path) == ["a.py"]


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        pytest.param(lambda at: (at / "a.py").write_text("2"), True, id="content"),
        pytest.param(lambda at: (at / "a.py").rename(at / "b.py"), True, id="name"),
        pytest.param(lambda at: (at / "b.py").touch(), True, id="new empty file"),
        pytest.param(lambda at: os.utime(at / "a.py", (1, 1)), False, id="time"),
        pytest.param(lambda at: (at / "x.pyc").touch(), False, id="what does not count"),
        pytest.param(lambda at: (at / "empty").mkdir(), False, id="empty folder"),
        pytest.param(lambda at: (at / ".gitignore").touch(), False, id="an ignore file"),
    ],
)
def test_what_changes_the_digest(
    tmp_path: Path, change: Callable[[Path], object], changed: bool
) -> None:
    before = digest_of(write(tmp_path, "a.py"))
    change(tmp_path)

    assert (digest_of(tmp_path) != before) is changed


def test_links_are_followed_to_files_inside_only(tmp_path: Path) -> None:
    code = write(tmp_path / "code", "a.py", "lib/b.py")
    outside = write(tmp_path / "out", "secret.txt") / "secret.txt"
    (code / "inside").symlink_to(code / "a.py")
    (code / "outside").symlink_to(outside)
    (code / "folder").symlink_to(code / "lib")
    (code / "loop").symlink_to(code)
    (code / "broken").symlink_to("nowhere")

    before = digest_of(code)
    assert before.files["inside"] == before.files["a.py"]
    assert list(before.files) == [
        "a.py",
        "broken",
        "folder",
        "inside",
        "lib/b.py",
        "loop",
        "outside",
    ]
    outside.write_text("changed")
    assert digest_of(code) == before


def test_pipes_do_not_count(tmp_path: Path) -> None:
    os.mkfifo(write(tmp_path, "a.py") / "pipe")

    assert files(tmp_path) == ["a.py"]


def test_jobs_share_one_reading(loaded: Any, tmp_path: Path) -> None:
    write(tmp_path / "src", "t.py")
    jobs = loaded(LOCAL.replace("true", "src") + "  b: {code_digest: src}\n").jobs

    assert jobs["a"].code is jobs["b"].code


def test_a_folder_without_code_is_refused(refused: Any, tmp_path: Path) -> None:
    write(tmp_path / "src", ".git/HEAD")

    [problem] = refused(LOCAL.replace("true", "src"))

    assert problem.detail == 'Job "a": src holds no code.'
