"""Which backend a URL chooses."""

from pathlib import Path

import pytest

from reconciler.backends.local import LocalBackend
from reconciler.backends.url import open_backend
from reconciler.errors import UsageError

DEFAULT = Path("state")


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        pytest.param(None, "state", id="none: the default"),
        pytest.param("file:///abs/folder", "/abs/folder", id="absolute"),
        pytest.param("file://localhost/abs", "/abs", id="absolute, host named"),
        pytest.param("file:relative/folder", "relative/folder", id="relative"),
        pytest.param("FILE:./x", "x", id="upper case"),
        pytest.param("file:///a%20b", "/a b", id="escaped"),
        pytest.param("plain/path", "plain/path", id="plain"),
        pytest.param("/plain/with%20percent", "/plain/with%20percent", id="plain, not unescaped"),
        pytest.param("../up", "../up", id="plain, upwards"),
    ],
)
def test_a_folder(url, folder):
    backend = open_backend(url, "vision", DEFAULT)

    assert isinstance(backend, LocalBackend)
    assert backend.folder == Path(folder)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param("", "needs a folder or a URL", id="empty"),
        pytest.param("file:", "file: and a folder", id="no folder"),
        pytest.param("file:///a?x=1", "file: and a folder", id="query"),
        pytest.param("file://server/share", "not on server", id="another machine"),
        pytest.param("a\0b", "needs a folder", id="NUL"),
        pytest.param("file:///a%00b", "file: and a folder", id="escaped NUL"),
        pytest.param("file://[", "The URL is broken", id="broken host"),
        pytest.param("fil:/x", 'Did you mean "file:"', id="typo"),
        pytest.param("ftp://host/x", "Known: file:", id="unknown"),
    ],
)
def test_what_cannot_be_opened_is_wrong_usage(url, words):
    with pytest.raises(UsageError) as caught:
        open_backend(url, "vision", DEFAULT)

    assert words in str(caught.value)


def test_no_password_is_repeated():
    with pytest.raises(UsageError) as caught:
        open_backend("mysql://user:hunter2@host/db", "vision", DEFAULT)

    assert "hunter2" not in str(caught.value)
