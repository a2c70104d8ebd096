"""Values of an exchange: cleaned texts, waits that servers ask for, what requests show."""

from datetime import UTC, datetime

import pytest

from reconciler.providers.exchange import (
    Effect,
    Request,
    clean,
    json_object,
    origin_of,
    retry_after,
    words_of,
)

NOW = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain ünïcode", "plain ünïcode", id="plain text stays"),
        pytest.param("a\x1b[31mred\x1b[0m", "ared", id="colours go"),
        pytest.param("a\x1b]0;title\x07b", "ab", id="terminal titles go"),
        pytest.param("a\x1b]8;;http://x\x1b\\b", "ab", id="terminal links go"),
        pytest.param("a\x00\x07\x7f\x9bb", "ab", id="control characters go"),
        pytest.param("two\r\nlines\tand tab", "two lines and tab", id="one line"),
        pytest.param("a\u202eb\u2066c", "abc", id="text direction goes"),
        pytest.param("a\ud800b", "ab", id="half characters go"),
        pytest.param("x" * 600, "x" * 499 + "…", id="long text is cut"),
    ],
)
def test_clean(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param(None, None, id="not given"),
        pytest.param("7", 7.0, id="seconds"),
        pytest.param(" 0 ", 0.0, id="nothing"),
        pytest.param("Thu, 02 Jan 2025 03:04:15 GMT", 10.0, id="a date"),
        pytest.param("Thu, 02 Jan 2025 03:04:15 -0000", 10.0, id="a date without zone"),
        pytest.param("Thu, 02 Jan 2025 03:00:00 GMT", 0.0, id="a date gone by"),
        pytest.param("-5", None, id="negative"),
        pytest.param("1.5", None, id="fraction"),
        pytest.param("soon", None, id="nonsense"),
        pytest.param("9" * 30, None, id="longer than life"),
        pytest.param("Thu, 99 Jan 2025 99:04:15 GMT", None, id="impossible date"),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


def test_request_text_shows_neither_query_nor_body() -> None:
    request = Request(
        "POST", "https://host/v1/p/jobs", {"q": "secret"}, b"hidden", effect=Effect.ONCE
    )

    assert str(request) == "POST /v1/p/jobs"
    assert "hidden" not in repr(request)
    assert request.target == "https://host/v1/p/jobs?q=secret"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        pytest.param("https://host:8443/path?q=1", "https://host:8443", id="port"),
        pytest.param("https://user:word@host/", "https://host", id="no credentials"),
        pytest.param("/path", "", id="relative"),
        pytest.param("https://[::1", "", id="malformed"),
        pytest.param("local", "", id="a word"),
    ],
)
def test_origin(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param({"error_message": "a", "error_msg": "b"}, "a", id="new name first"),
        pytest.param({"error_message": None, "error_msg": "b"}, "b", id="old name"),
        pytest.param({"error": {"message": "c"}}, "c", id="login service"),
        pytest.param({"error": "odd", "error_msg": 7}, "", id="wrong types"),
        pytest.param({}, "", id="nothing"),
    ],
)
def test_words_of(content: dict[str, object], words: str) -> None:
    assert words_of(content) == words


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="html"),
        pytest.param(b"[1]", id="a list"),
        pytest.param(b'{"a": 1', id="truncated"),
        pytest.param(b"\xff\xfe\x00", id="not text"),
        pytest.param(b"[" * 100_000, id="too deep"),
        pytest.param(
            b'{"a": "\\ud800", "b": ' + b"[" * 900 + b"]" * 900 + b"}",
            id="too deep to mend the halves of its characters",
        ),
        pytest.param(b'{"a": ' + b"9" * 10_000 + b"}", id="too large a number"),
    ],
)
def test_a_body_without_an_object_reads_as_an_empty_one(body: bytes) -> None:
    assert json_object(body) == {}
