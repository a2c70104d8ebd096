"""Each option for encryption at the store reaches the store, with every object that is written.

A relay before the server records the requests as they are sent.
"""

import base64
import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from reconciler.backends.url import open_backend
from reconciler.errors import StateLockedError
from tests.contract.test_backend_faults import STACK, run
from tests.relay import Relay
from tests.servers import ObjectStore

KEY = bytes(range(32))
ENCRYPTION = "x-amz-server-side-encryption"
CUSTOMER = {
    f"{ENCRYPTION}-customer-algorithm": "AES256",
    f"{ENCRYPTION}-customer-key": base64.b64encode(KEY).decode(),
    f"{ENCRYPTION}-customer-key-md5": base64.b64encode(hashlib.md5(KEY).digest()).decode(),
}
KMS = f"{ENCRYPTION}-aws-kms-key-id"

Asked = tuple[str, str, dict[str, str]]
"""A request's method, its target, and what its headers say of encryption."""


@pytest.fixture
def relay(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    key = CUSTOMER[f"{ENCRYPTION}-customer-key"]
    monkeypatch.setenv("AWS_SSE_CUSTOMER_KEY_BASE64", key)
    with Relay(object_store.port) as relay:
        yield relay


@pytest.fixture
def asked(object_store: ObjectStore, relay: Relay) -> Callable[[str], list[Asked]]:
    """Write, be refused, look for the holder, read and restore; return what was asked."""

    def play(options: str) -> list[Asked]:
        url = object_store.url(uuid.uuid4().hex, port=relay.port) + options
        backend = open_backend(url, STACK, Path())
        assert run(backend).error is None
        with (
            backend.lock(command="apply"),
            pytest.raises(StateLockedError),
            open_backend(url, STACK, Path()).lock(command="another"),
        ):
            pytest.fail("two writers at once")
        assert backend.holder() is None
        backend.restore(backend.history()[0].name)
        return [_parsed(each) for each in relay.requests]

    return play


def _parsed(request: bytes) -> Asked:
    first, *lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines)
    found = {k.lower(): v for k, v in headers.items() if k.lower().startswith(ENCRYPTION)}
    return method, target, found


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param("", {}, id="none"),
        pytest.param("&sse=AES256", {ENCRYPTION: "AES256"}, id="the store's key"),
        pytest.param("&sse=aws:kms", {ENCRYPTION: "aws:kms"}, id="the service's default key"),
        pytest.param(
            "&sse=aws:kms&kms_key_id=arn:aws:kms:eu-de:1:key/k",
            {ENCRYPTION: "aws:kms", KMS: "arn:aws:kms:eu-de:1:key/k"},
            id="the service's named key",
        ),
        pytest.param("&sse=aws:kms:dsse", {ENCRYPTION: "aws:kms:dsse"}, id="two layers"),
        pytest.param(
            "&sse=aws:kms:dsse&kms_key_id=k",
            {ENCRYPTION: "aws:kms:dsse", KMS: "k"},
            id="two layers, named key",
        ),
        pytest.param("&sse=sse-c", CUSTOMER, id="our own key"),
    ],
)
def test_every_write_asks_for_the_encryption(
    asked: Callable[[str], list[Asked]], options: str, expected: Mapping[str, str]
) -> None:
    requests = asked(options)

    written = [(target, found) for method, target, found in requests if method == "PUT"]
    keys = {target.split("?")[0].rpartition(f"/{STACK}/")[2].split("-")[0] for target, _ in written}
    assert {"probe", "lock", "clock"} < keys
    assert any(key.startswith("log/") for key in keys)
    assert [each for each in written if each[1] != expected] == []


def test_every_read_brings_our_own_key(asked: Callable[[str], list[Asked]]) -> None:
    read = [
        (method, target, found)
        for method, target, found in asked("&sse=sse-c")
        if method in ("GET", "HEAD") and "list-type=" not in target
    ]

    assert {method for method, _, _ in read} == {"GET", "HEAD"}
    assert [each for each in read if each[2] != CUSTOMER] == []
