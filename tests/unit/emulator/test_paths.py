"""Object storage paths stay inside the buckets folder, whatever they look like."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.emulator.errors import InvalidPathError
from reconciler.emulator.paths import (
    existing_file,
    existing_folder,
    existing_object,
    local_path,
    writable_folder,
)
from tests.unit.emulator.support import Client


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/file").write_text("x")
    root = tmp_path / "buckets"
    (root / "b/code").mkdir(parents=True)
    (root / "b/code/run.py").write_text("")
    (root / "b/out").symlink_to(tmp_path / "secret")
    (root / "b/self").symlink_to(root / "b/code")
    (root / "b/loop").symlink_to(root / "b/loop")
    (root / "link").symlink_to(tmp_path)
    return root


ESCAPES = [
    *("", "/", "//", "b/code", "/..", "/../secret/", "/b/../../secret/", "/b/code/..", "/./b"),
    *("/b//code/", "//b/code", "/b/out/file", "/b/out/", "/link/secret/", "/b/loop/x"),
    *("/%2e%2e/secret", "/b/%2E%2E/%2e./x", "/b/..%2f..%2fsecret", "/b\\..\\..\\secret"),
    *("/b/co\0de", "/b/\ud800", "/b/\n", "/" + "x" * 5000, "/b/" + "y/" * 3000),
    *("s3://b/code/", "obs://b/code/", "file:///etc/passwd", "/b/\u202e", "~/b"),
]


@pytest.mark.parametrize("path", ESCAPES, ids=lambda path: ascii(path)[:30])
def test_paths_that_name_nothing_inside(root: Path, path: str) -> None:
    for use in (existing_folder, existing_file, existing_object):
        with pytest.raises(InvalidPathError, match="Invalid OBS path"):
            use(root, path)
    with pytest.raises(InvalidPathError):
        writable_folder(root, path, create=True)
    assert sorted(p.name for p in (root.parent / "secret").iterdir()) == ["file"]


def test_paths_that_lie_inside(root: Path) -> None:
    assert existing_folder(root, "/b/code/") == existing_folder(root, "/b/code") == root / "b/code"
    assert existing_file(root, "/b/code/run.py") == root / "b/code/run.py"
    assert existing_folder(root, "/b/self/") == root / "b/code"
    assert existing_object(root, "/b/code/run.py").is_file()
    assert writable_folder(root, "/b/new/er/", create=True).is_dir()
    assert not writable_folder(root, "/b/later/", create=False).exists()


@pytest.mark.parametrize("path", ["/b/code/run.py/", "/b/code", "/b/none.py"])
def test_files_are_told_from_folders(root: Path, path: str) -> None:
    with pytest.raises(InvalidPathError):
        existing_file(root, path)


@pytest.mark.parametrize("path", ["/none/out/", "/b/code/run.py", "/b/code/run.py/x/"])
def test_output_needs_a_bucket_and_no_file_in_the_way(root: Path, path: str) -> None:
    with pytest.raises(InvalidPathError):
        writable_folder(root, path, create=True)


@given(st.text(st.sampled_from("ab./\\%2eEfF\0:~ "), max_size=20))
def test_no_text_leads_outside(path: str) -> None:
    root = Path("/nowhere/buckets")
    try:
        found = local_path(root, path)
    except InvalidPathError:
        return
    assert root in found.parents


@pytest.mark.parametrize("path", ["/demo/../demo/data/", "/demo/%2e%2e/", "demo/data/", "/"])
def test_the_api_refuses_them_with_the_platforms_words(client: Client, path: str) -> None:
    answer = client.api(
        "POST",
        "/training-jobs",
        {
            "job_name": "escape",
            "config": {
                "worker_server_num": 1,
                "flavor": {"code": "modelarts.vm.cpu.2u"},
                "app_url": "/demo/code/",
                "boot_file_url": "/demo/code/train.py",
                "data_url": path,
            },
        },
    )

    assert answer.status == 400
    assert answer.body["error_message"] == f"Invalid OBS path '{path}'."
