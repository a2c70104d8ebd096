"""Spoil a valid input: bytes, lines and trees, all decided by one random number generator."""

import codecs
import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

MANY_DIGITS = "9" * 5000
_RAW = re.compile(r'"@@raw:([^@"]*)@@"')
_TWIN = re.compile(r"@@twin\d+@@")
_NUMBERS = (
    *("0", "-0", "-1", "1.5", "1e400", "-1e400", "1e-400", "NaN", "Infinity", "-Infinity"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "1e19", "4294967296"),
    *("1" + "0" * 30, "1" + "0" * 400, MANY_DIGITS, f"-{MANY_DIGITS}", f"0.{MANY_DIGITS}"),
    *(f"1e{MANY_DIGITS}", "0x10", "01", "1_000", "true", "null"),
)
_TEXTS = (
    *("", " ", "\0", "a\0b", "\ud800", "x\udfffy", "\ufeff", "\u2028", "\x85", "\x7f", "\x9b31mC1"),
    *("\x1b[2J\x1b[31m", "\x1b]52;c;ZXZpbA==\x07", "\x1bP+q\x1b\\", "\x1b]8;;http://x\x1b\\l"),
    *("\u202egpj.exe", "\u2066x", "\u061cx", "\r\nover", "a\rb", "\b\b", "\ufff9", "\U000e0041"),
    *("../../etc/passwd", "/", "//", "obs://b/../c", "/b/%2e%2e/c", "${var.x}", "${env.HOME}"),
    *("${", "$${", "$" * 50, "A" * 20_000, "名" * 300, "🙂" * 100, "e\u0301" * 50, "[" * 300),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-23:59", "2024-05-17T12:00:00"),
    *("0001-01-01T00:00:00Z", "2024-02-30T00:00:00Z", "1e1000", "0", "-1", MANY_DIGITS),
    *(
        f"{MANY_DIGITS}.0",
        "1.0",
        "1.1",
        "2.0",
        "0.9",
        "\u0661.\u0660",
        "null",
        "true",
        "NaN",
        "local",
    ),
    *("https://u:p@h", "http://127.0.0.1\\@evil.example", "http://[::1", "file:///etc/passwd"),
)
WORDS = tuple(
    each.encode("utf-8", "surrogatepass")
    for each in (
        *_TEXTS[:40],
        *_NUMBERS[:12],
        *("{", "}", "[", "]", ":", ": ", ",", "- ", '"', "'", "\\", "\n", "\r\n", "\t", "#", "%"),
        *("&a ", "*a", "<<: *a", "!!python/object/apply:os.system ", "!!binary ", "!<x> ", "---\n"),
        *("...\n", "? ", "|\n", ">-\n", "@", "`", "\\ud800", "\\u0000", "\\ud83d\\ude00", "~"),
        *("null", "${var.bucket}", "${sweep.x}", "${job.name}", "\u0085", "\u2029"),
    )
)
"""What is put into every kind of input."""

_BYTES = (b"\0", b"\xff", b"\xfe", b"\x80", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0")


_DEEPEST = 600
"""Levels of nesting that JSON is written and read with here; Python's own limit is 1,000 calls."""


class Mutator:
    """One stream of decisions, and the words that suit the target."""

    def __init__(self, random: Random, words: Sequence[bytes] = ()) -> None:
        self.random = random
        self._words = (*WORDS, *words)

    def spoil(self, data: bytes, other: bytes = b"") -> bytes:
        """Spoil bytes in a few places; `other` lends spans."""
        spoiled = bytearray(data)
        for _ in range(self.random.choice((1, 1, 1, 2, 3, 6))):
            operation = self.random.choice(_OPERATIONS)
            spoiled = operation(self, spoiled, other)
        return bytes(spoiled[:200_000])

    def tree(self, document: Any) -> bytes:
        """Spoil a JSON document in a few places, and write it down."""
        holder = [_copied(document)]
        for _ in range(self.random.choice((1, 1, 1, 2, 4))):
            self._spoil_tree(holder)
            _cut(holder)
        text = json.dumps(holder[0], ensure_ascii=self.random.random() < 0.7, separators=(",", ":"))
        text = _TWIN.sub("", _RAW.sub(r"\1", text))
        return text.encode("utf-8", "surrogatepass")

    def value(self) -> Any:
        """Return a value that fits nowhere."""
        match self.random.randrange(8):
            case 0 | 1 | 2:
                return self.random.choice(_TEXTS)
            case 3 | 4:
                return f"@@raw:{self.random.choice(_NUMBERS)}@@"
            case 5:
                return self.random.choice((None, True, False, [], {}, [[]], {"": None}, [None]))
            case 6:
                return _nested(self.random.choice((3, 70, 300)))
            case _:
                return [self.random.choice(_TEXTS)] * self.random.choice((1, 3, 200))

    def span(self, size: int) -> slice:
        """Return a part of something so long, mostly a short one."""
        start = self.random.randrange(size + 1)
        length = self.random.choice((1, 1, 2, 4, 16, 64, max(size // 3, 1)))
        return slice(start, min(size, start + length))

    def word(self) -> bytes:
        return self.random.choice(self._words)

    def _spoil_tree(self, holder: list[Any]) -> None:
        places = list(_places(holder))
        parent, key = self.random.choice(places)
        match self.random.randrange(9):
            case 0 | 1 | 2 | 3:
                parent[key] = self.value()
            case 4 if parent is not holder:
                del parent[key]
            case 5 if isinstance(parent, dict):
                parent[self.random.choice((*_TEXTS[:30], "Name", f"{key}_"))] = parent.pop(key)
            case 6 if isinstance(parent, dict):
                parent[f"{key}@@twin{self.random.randrange(9)}@@"] = self.value()
            case 7:
                there, other = self.random.choice(places)
                parent[key] = _copied(there[other])
            case _:
                parent[key] = [parent[key]] if self.random.random() < 0.5 else {"": parent[key]}


def _flip(m: Mutator, data: bytearray, _: bytes) -> bytearray:
    if data:
        data[m.random.randrange(len(data))] ^= 1 << m.random.randrange(8)
    return data


def _set(m: Mutator, data: bytearray, _: bytes) -> bytearray:
    if data:
        data[m.random.randrange(len(data))] = m.random.randrange(256)
    return data


def _cut(m: Mutator, data: bytearray, _: bytes) -> bytearray:
    at = m.random.randrange(len(data) + 1)
    return data[:at] if m.random.random() < 0.7 else data[at:]


def _delete(m: Mutator, data: bytearray, _: bytes) -> bytearray:
    del data[m.span(len(data))]
    return data


def _repeat(m: Mutator, data: bytearray, _: bytes) -> bytearray:
    span = m.span(len(data))
    data[span.start : span.start] = data[span] * m.random.choice((1, 1, 2, 30))
    return data


def _insert(m: Mutator, data: bytearray, _: bytes) -> bytearray:
    at = m.random.randrange(len(data) + 1)
    data[at:at] = m.word() * m.random.choice((1, 1, 1, 3))
    return data


def _replace(m: Mutator, data: bytearray, _: bytes) -> bytearray:
    data[m.span(len(data))] = m.word()
    return data


def _odd(m: Mutator, data: bytearray, _: bytes) -> bytearray:
    data[m.span(len(data))] = m.random.choice(_BYTES)
    return data


def _swap(m: Mutator, data: bytearray, _: bytes) -> bytearray:
    one, two = sorted((m.span(len(data)), m.span(len(data))), key=lambda span: span.start)
    middle = data[one.stop : two.start]
    return data[: one.start] + data[two] + middle + data[one] + data[max(two.stop, one.stop) :]


def _splice(m: Mutator, data: bytearray, other: bytes) -> bytearray:
    data[m.span(len(data))] = other[m.span(len(other))]
    return data


def _lines(m: Mutator, data: bytearray, _: bytes) -> bytearray:
    lines = bytes(data).split(b"\n")
    at = m.random.randrange(len(lines))
    match m.random.randrange(4):
        case 0:
            lines.insert(at, lines[m.random.randrange(len(lines))])
        case 1:
            del lines[at]
        case 2:
            lines[at] = m.random.choice((b" ", b"  ", b"\t", b"      ")) + lines[at]
        case _:
            lines[at] = lines[at].lstrip()
    return bytearray(b"\n".join(lines))


def _scalar(m: Mutator, data: bytearray, _: bytes) -> bytearray:
    """Put another value behind a colon, where a scalar stands."""
    places = [found.end() for found in re.finditer(rb": ?", data)]
    if places:
        at = m.random.choice(places)
        end = re.compile(rb"[\n,}\]]").search(data, at)
        data[at : end.start() if end else at] = m.word()
    return data


def _encode(m: Mutator, data: bytearray, _: bytes) -> bytearray:
    text = bytes(data).decode("utf-8", "replace")
    name = m.random.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7", "latin-1"))
    return bytearray(codecs.encode(text, name, "replace"))


_OPERATIONS: tuple[Callable[[Mutator, bytearray, bytes], bytearray], ...] = (
    *(_flip, _set, _cut, _delete, _repeat, _insert, _insert, _replace, _replace, _odd),
    *(_swap, _splice, _lines, _lines, _scalar, _scalar, _scalar, _encode),
)


def _copied(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _cut(tree: list[Any]) -> None:
    """Empty what is nested deeper than a writer of JSON can follow."""
    level: list[Any] = [tree]
    for _ in range(_DEEPEST):
        level = [
            each
            for container in level
            for each in (container.values() if isinstance(container, dict) else container)
            if isinstance(each, dict | list)
        ]
    for container in level:
        container.clear()


def _places(container: Any) -> Any:
    """Yield every place in a tree: what holds it, and under which key."""
    keys = list(container) if isinstance(container, dict) else range(len(container))
    for key in keys:
        yield container, key
        if isinstance(container[key], dict | list):
            yield from _places(container[key])


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value
