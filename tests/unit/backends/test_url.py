"""Which backend a URL chooses."""

import subprocess
import sys
from pathlib import Path

import pytest

from reconciler import backends
from reconciler.backends.local import LocalBackend
from reconciler.backends.objects import ObjectsBackend
from reconciler.backends.postgres import PostgresBackend
from reconciler.backends.url import open_backend, without_password
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
        pytest.param("postgresql:db", "Write postgresql://", id="no host"),
        pytest.param("postgresql://h/db?nonsense=1", "Write postgresql://", id="unknown parameter"),
        pytest.param("postgresql://h/db?schema=", "no proper name", id="empty schema"),
        pytest.param("postgresql://h/db?schema=a&schema=b", "schema twice", id="two schemas"),
        pytest.param("s3:bucket", "Write s3://", id="no bucket"),
        pytest.param("s3:///prefix", "Write s3://", id="empty bucket"),
        pytest.param("s3://key:secret@b/p", "credentials come from", id="credentials"),
        pytest.param("s3://b/p?nonsense=1", "unknown part nonsense", id="unknown option"),
        pytest.param("s3://b/p?style=odd", "path or virtual", id="unknown style"),
        pytest.param("s3://b/p?sse=odd", "sse is one of", id="unknown encryption"),
        pytest.param("s3://b/p?sse=AES256&kms_key_id=1", "goes with", id="a key for nothing"),
        pytest.param("s3://b/p?sse=sse-c", "AWS_SSE_CUSTOMER_KEY", id="no customer key"),
        pytest.param("s3://b?endpoint=http://example.org", "this machine only", id="plain http"),
        pytest.param("s3://b?endpoint=ftp://example.org", "https://", id="no web address"),
        pytest.param("s3://b?endpoint=https://u:p@x", "https:// and a host", id="login for it"),
        pytest.param("ftp://host/x", "Known: file:, postgres:, postgresql:, s3:", id="unknown"),
    ],
)
def test_what_cannot_be_opened_is_wrong_usage(url, words):
    with pytest.raises(UsageError) as caught:
        open_backend(url, "vision", DEFAULT)

    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("url", "schema"),
    [
        pytest.param("postgresql://me@db.example/state", "reconciler", id="default schema"),
        pytest.param("postgres://db/state?schema=ml", "ml", id="named schema"),
        pytest.param("POSTGRESQL:///state", "reconciler", id="all else from the environment"),
        pytest.param("postgresql://a,b/state?target_session_attrs=primary", "reconciler", id="two"),
    ],
)
def test_a_database(url, schema):
    backend = open_backend(url, "vision", DEFAULT)

    assert isinstance(backend, PostgresBackend)
    assert backend.place.schema == schema
    assert backend.place.parameters["dbname"] == "state"


@pytest.mark.parametrize(
    ("url", "where"),
    [
        pytest.param("s3://team/ml/state", "s3://team/ml/state", id="of Amazon"),
        pytest.param(
            "s3://team?endpoint=https://obs.eu-de.otc.t-systems.com&region=eu-de&style=virtual",
            "s3://team/ at https://obs.eu-de.otc.t-systems.com",
            id="of somebody else",
        ),
        pytest.param("s3://team/x?sse=aws:kms&kms_key_id=k", "s3://team/x", id="encrypted there"),
    ],
)
def test_a_bucket(url, where):
    backend = open_backend(url, "vision", DEFAULT)

    assert isinstance(backend, ObjectsBackend)
    assert backend.where == f"{where}, stack vision"


@pytest.mark.parametrize(
    ("url", "module", "command"),
    [
        ("postgresql://h/db", "psycopg", "pip install 'reconciler[postgres]'"),
        ("s3://b/p", "obstore", "pip install 'reconciler[s3]'"),
    ],
)
def test_a_missing_library_is_named_with_the_way_to_get_it(url, module, command, monkeypatch):
    name = "postgres" if module == "psycopg" else "s3"
    monkeypatch.delitem(sys.modules, f"reconciler.backends.{name}", raising=False)
    monkeypatch.delattr(backends, name, raising=False)
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(UsageError) as caught:
        open_backend(url, "vision", DEFAULT)

    assert command in str(caught.value)


def test_no_library_is_loaded_for_a_file():
    code = (
        "import sys; from pathlib import Path; from reconciler.backends.url import open_backend\n"
        "open_backend('file:x', 'vision', Path())\n"
        "print([each for each in ('psycopg', 'obstore', 'cryptography') if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:hunter2@h:1/db?schema=x", "postgresql://me@h:1/db?schema=x"),
        ("postgresql://:hunter2@h/db", "postgresql://@h/db"),
        ("postgresql://h/db?a=b&password=hunter2&c=d", "postgresql://h/db?a=b&password=…&c=d"),
        ("postgresql://h/db?password=hunter2", "postgresql://h/db?password=…"),
        ("postgresql://me:hunter2:@h/db", "postgresql://me@h/db"),
        ("postgresql://me:hunter2@@h/db", "postgresql://me@h/db"),
        ("postgresql://me:hunter%2Fhunter2@h/db", "postgresql://me@h/db"),
        ("file:a:b@c", "file:a:b@c"),
        ("s3://bucket/prefix?endpoint=https://h:1", "s3://bucket/prefix?endpoint=https://h:1"),
    ],
)
def test_a_url_is_shown_without_its_password(url, shown):
    assert without_password(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "mysql://user:hunter2@host/db",
        "postgresql://user:hunter2@host/db?nonsense=1",
        "postgresql://user:hunter2%@host/db",
        "postgresql://user:hunter2@[::1/db",
    ],
)
def test_no_password_is_repeated(url):
    with pytest.raises(UsageError) as caught:
        open_backend(url, "vision", DEFAULT)

    assert "hunter2" not in str(caught.value)
