"""Object storage paths: one written form for every way to write them."""

import pytest

from reconciler.definition.paths import PathError, file_below, folder


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("/bucket/dir/", "/bucket/dir/"),
        ("/bucket/dir", "/bucket/dir/"),
        ("/bucket", "/bucket/"),
        ("obs://bucket/dir", "/bucket/dir/"),
        ("obs://bucket/dir/", "/bucket/dir/"),
        ("s3://bucket/a/b", "/bucket/a/b/"),
        ("/bucket//a///b", "/bucket/a/b/"),
        ("//bucket/a", "/bucket/a/"),
        ("/bucket/./a/.", "/bucket/a/"),
        ("/bucket/a b/ü", "/bucket/a b/ü/"),
        ("/bucket/.hidden/..x/", "/bucket/.hidden/..x/"),
    ],
)
def test_folder(written: str, expected: str) -> None:
    assert folder(written) == expected
    assert folder(expected) == expected


@pytest.mark.parametrize(
    "written",
    ["bucket/dir/", "dir", "", "/", "//", "obs://", "s3:///", "/./", "/a/../b/", "/../", "obs://a/..",
     "https://bucket/dir/", "file:///tmp/", "./a"],
)  # fmt: skip
def test_no_folder(written: str) -> None:
    with pytest.raises(PathError):
        folder(written)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("train.py", "/b/code/train.py"),
        ("./train.py", "/b/code/train.py"),
        ("sub//train.py", "/b/code/sub/train.py"),
        ("/b/code/train.py", "/b/code/train.py"),
        ("/b//code/train.py", "/b/code/train.py"),
        ("obs://b/code/sub/train.py", "/b/code/sub/train.py"),
    ],
)
def test_file_below(written: str, expected: str) -> None:
    assert file_below(written, "/b/code/") == expected


@pytest.mark.parametrize(
    "written",
    ["", ".", "sub/", "../train.py", "a/../../b", "/b/train.py", "/b/code", "/b/code2/train.py",
     "s3://other/code/train.py", "/b/code/../train.py"],
)  # fmt: skip
def test_no_file_below(written: str) -> None:
    with pytest.raises(PathError):
        file_below(written, "/b/code/")
