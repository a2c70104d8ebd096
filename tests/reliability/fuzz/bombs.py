"""Inputs whose size, depth or self-reference is the attack. They grow with the scale."""

import json
from collections.abc import Callable, Iterator

from tests.reliability.fuzz import seeds
from tests.reliability.fuzz.targets import chained, sealed

_HEAD = b"version: 1\nstack: s\nplatform: {endpoint: local}\n"
_CODE = "flavor: f, engine: {id: 4}, code_dir: /b/c/, boot_file: t.py"
Bomb = tuple[str, str, Callable[[], bytes]]


def bombs(scale: float) -> Iterator[Bomb]:
    """Yield target, title and builder; at scale 1 lines have 5 MB, from 10 on 100 MB."""
    line = 100_000_000 if scale >= 10 else int(5_000_000 * scale)
    many = int(50_000 * min(scale, 20))
    for title, build in _texts(line, many):
        yield "definition", title, build
    for title, build in _documents(line, many):
        for target in ("definition", "snapshot", "journal", "plan", "answers"):
            yield target, title, _framed(target, build)


def _texts(line: int, many: int) -> Iterator[tuple[str, Callable[[], bytes]]]:
    def jobs(*rows: str) -> bytes:
        return _HEAD + "\n".join(rows).encode() + b"\n"

    def laughs() -> bytes:
        rows = ["x0: &x0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
        rows += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 20)]
        return jobs(*rows)

    yield "a long plain line", lambda: _HEAD + b"jobs: {a: {description: " + b"x" * line + b"}}\n"
    yield "a long quoted line", lambda: _HEAD + b'jobs: {a: {description: "' + b"\\n" * (line // 2)
    yield "a long comment", lambda: _HEAD + b"#" * line
    yield "many line breaks", lambda: _HEAD + b"\n" * line
    yield "an alias bomb", laughs
    yield "many anchors", lambda: jobs(*(f"k{n}: &a{n} v" for n in range(many)))
    yield "many aliases", lambda: jobs("k: &a v", *(f"k{n}: *a" for n in range(many)))
    yield "many unknown keys", lambda: jobs(*(f"k{n}: v" for n in range(many)))
    yield (
        "many twins",
        lambda: jobs(
            "jobs:", *(f"  k{n}: {{}}" for n in range(many)), *(f"  k{many - 1}: {{}}",) * many
        ),
    )
    yield (
        "many bad references",
        lambda: jobs(
            f"defaults: {{{_CODE}}}",
            "jobs:",
            *(f'  k{n}: {{description: "${{var.no{n}}}"}}' for n in range(many)),
        ),
    )
    yield (
        "many unknown keys of jobs",
        lambda: jobs("jobs:", *(f"  k{n}: {{{_CODE}, descripton{n}: x}}" for n in range(many))),
    )
    yield (
        "defaults times jobs",
        lambda: jobs(
            "defaults:",
            f"  {{{_CODE}, parameters: {{{', '.join(f'p{n}: 1' for n in range(many // 4))}}}}}",
            "jobs:",
            *(f"  k{n}: {{parameters: {{own: {n}}}}}" for n in range(many // 10)),
        ),
    )
    yield (
        "a variable times jobs",
        lambda: jobs(
            f"variables: {{big: {{default: {'x' * (line // 5)}}}}}",
            f"defaults: {{{_CODE}}}",
            "jobs:",
            *(f'  k{n}: {{parameters: {{p: "{n} ${{var.big}}"}}}}' for n in range(many // 10)),
        ),
    )
    yield (
        "a variable in one text",
        lambda: jobs(
            f"variables: {{big: {{default: {'x' * (line // 5)}}}}}",
            f'jobs: {{a: {{{_CODE}, parameters: {{p: "{"${var.big}" * (many // 10)}"}}}}}}',
        ),
    )
    yield "flow nesting", lambda: b"[" * line
    yield "block nesting", lambda: b"- " * (line // 2)
    yield "key nesting", lambda: b"? " * (line // 2)
    yield "map nesting", lambda: b"{a: " * (line // 4)
    yield "indents", lambda: b"".join(b" " * n + b"a:\n" for n in range(2000))
    yield "open references", lambda: _HEAD + b"jobs: {a: '" + b"${" * (line // 2) + b"'}"
    yield "one open reference", lambda: _HEAD + b"jobs: {a: '${" + b"a" * line + b"'}"
    yield "backslashes", lambda: b'{"a":"' + b"\\" * line + b'"}'
    yield "surrogate escapes", lambda: b'{"a":"' + b"\\ud800" * (line // 6) + b'"}'
    yield "tags", lambda: b"!" * line
    yield "percent signs", lambda: b"%" * line
    yield "NULs", lambda: b"\0" * line
    yield "bytes of no text", lambda: b"\xff" * line


def _documents(line: int, many: int) -> Iterator[tuple[str, Callable[[], bytes]]]:
    yield "a long text", lambda: b'"' + b"x" * line + b'"'
    yield "a number of a million digits", lambda: b"9" * 1_000_000
    yield "a fraction of a million digits", lambda: b"0." + b"9" * 1_000_000
    yield "an exponent of a million digits", lambda: b"1e" + b"9" * 1_000_000
    yield "a nest of lists", lambda: b"[" * (line // 2) + b"]" * (line // 2)
    yield "a nest that stays open", lambda: b"[" * line
    yield "a nest of mappings", lambda: b'{"a":' * (line // 6)
    yield (
        "a million keys",
        lambda: json.dumps({f"k{n}": n for n in range(many * 2)}).encode(),
    )
    yield "twins", lambda: b"{" + b",".join([b'"a":1'] * many) + b"}"
    yield "escapes", lambda: b'"' + b"\\u001b" * (line // 6) + b'"'
    yield "a long list of nothing", lambda: b"[" + b"null," * (line // 5) + b"null]"


def _framed(target: str, build: Callable[[], bytes]) -> Callable[[], bytes]:
    """Put a value where the target would read it, behind a checksum that is right."""

    def framed() -> bytes:
        value = build()
        match target:
            case "definition":
                return b'{"version":1,"stack":"s","jobs":{"a":{"parameters":{"p":' + value + b"}}}}"
            case "snapshot":
                return sealed(seeds.SNAPSHOTS[0].partition(b',\n"lineage"')[0] + value)
            case "journal":
                head = seeds.JOURNALS[0].partition(b"\n")[0].partition(b'"entry":')[2][:-1]
                return chained(
                    [head, b'{"entry":"recorded","address":"a","record":' + value + b"}"]
                )
            case "plan":
                return b'{"format_version":"1.0","actions":[{"before":' + value + b"}]}"
            case _:
                body = b'{"is_success":true,"job_total_count":1,"jobs":' + value + b"}"
                return b'["list",200,{}]\n' + body

    return framed
