"""Definitions of any bytes: a definition or problems, never anything else; and round trips."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.definition.loader import load
from reconciler.errors import DefinitionError
from reconciler.model.definition import Definition

PATIENT = settings(deadline=None)

VALID = """\
version: 1
stack: s
platform: {endpoint: local, region: "${env.R}"}
variables: {x: {default: one}, y: two}
defaults: &d
  flavor: f
  parameters: {lr: 1e-3, name: "${job.name}"}
jobs:
  a:
    code_dir: /b/${var.x}/
    boot_file: t.py
    engine: {name: n, version: v}
    inputs: [/b/in/, {dataset_id: d, dataset_version_id: v}]
    outputs: {model: /b/out/}
    lifecycle: {on_failure: retry, protect: true}
  b:
    image: i
    command: |
      one
      two
    volumes:
    - {type: nfs, source: "1:/", target: /m, read_only: true}
"""


def load_bytes(*files: bytes, suffix: str = ".yaml") -> Definition:
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}{suffix}" for number in range(len(files))]
        for path, data in zip(paths, files, strict=True):
            path.write_bytes(data)
        return load(paths, variables={}, environment={"R": "r"})


def refusal(*files: bytes, suffix: str) -> DefinitionError | None:
    try:
        load_bytes(*files, suffix=suffix)
    except DefinitionError as refused:
        return refused
    return None


def load_or_refuse(*files: bytes, suffix: str = ".yaml") -> None:
    """Load, and check what must hold of problems: they can be shown, and lie in the files."""
    refused = refusal(*files, suffix=suffix)
    if refused is None:
        return
    assert refused.diagnostics
    assert str(refused).encode()
    for problem in refused.diagnostics:
        assert problem.summary
        if place := problem.location:
            number = int(Path(place.file).stem)
            assert 1 <= place.line <= len(files[number]) + 1
            assert 1 <= place.column <= len(files[number]) + 1


@PATIENT
@given(st.binary(max_size=200), st.sampled_from([".yaml", ".json"]))
@example(b"\xef\xbb\xbf\xff", ".yaml")
@example(b"a: &a [*a, ${]", ".yaml")
@example(b'{"a": "\\ud800"}', ".json")
def test_any_bytes(data: bytes, suffix: str) -> None:
    load_or_refuse(data, suffix=suffix)


PIECES = r"""[ ] { } : , - # & * ! | > ' " % @ ` ? ~ << ${ } $${ ${var.x} ${env.NO} ${job.name}
&a *a null true 1 0 -1 1e9 .. / // obs:// a: jobs: a defaults: variables: \x00 \ud800"""
SPACES = [
    "\n",
    "\n  ",
    "\n    ",
    "\t",
    " ",
    "\r",
    "\0",
    "\x85",
    "\u2028",
    "\ue0fa",
    "é",
    "😀",
    ": ",
]
FRAGMENTS = st.sampled_from([*PIECES.split(), *SPACES])


@PATIENT
@given(st.lists(FRAGMENTS, max_size=40).map("".join))
def test_any_text_of_yaml_pieces(text: str) -> None:
    load_or_refuse(f"version: 1\nstack: s\njobs:\n  a: {text}".encode())


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw the valid definition with some of its pieces taken out, replaced or doubled."""
    data = VALID
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 12)))
        piece = draw(st.one_of(st.just(""), FRAGMENTS, st.just(data[start:end] * 2)))
        data = data[:start] + piece + data[end:]
    return data.encode()


@PATIENT
@given(mutated())
def test_mutated_definitions(data: bytes) -> None:
    load_or_refuse(data)


@PATIENT
@given(mutated(), mutated())
def test_mutated_definitions_together(first: bytes, second: bytes) -> None:
    load_or_refuse(first, second)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["${var.x}", "${", "${job.name}", "/b/c/", "retry", "nfs", "local", "http://x"]
    ),
)
WORDS_OF_OURS = """id name version path default description flavor workers engine algorithm
code_dir boot_file image command parameters inputs output outputs volumes notification lifecycle
labels type source target topic_urn events endpoint api"""
KEYS = st.sampled_from(WORDS_OF_OURS.split())
TREES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


@PATIENT
@given(
    st.fixed_dictionaries(
        {"version": st.just(1), "stack": st.just("s")},
        optional={
            "platform": TREES,
            "variables": TREES,
            "defaults": TREES,
            "jobs": st.one_of(TREES, st.dictionaries(st.sampled_from("abc"), TREES)),
        },
    )
)
def test_documents_of_any_shape(document: dict[str, Any]) -> None:
    load_or_refuse(json.dumps(document).encode(), suffix=".json")


PRINTABLE = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Zl", "Zp"]), max_size=20
).map(lambda text: text.replace("$", ""))
WORDS = st.text("abcXYZ019_-", min_size=1, max_size=12)
SEGMENTS = st.text("abc01-_. é", min_size=1, max_size=8).filter(lambda text: text.strip(".") != "")
FOLDERS = st.lists(SEGMENTS, min_size=1, max_size=4).map(lambda parts: f"/{'/'.join(parts)}/")
NAMES = PRINTABLE.filter(bool)
VARIABLES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)


@st.composite
def jobs(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the block of a sound job, in the form that normalising leaves alone."""
    job: dict[str, Any] = {"flavor": draw(WORDS)}
    optional = {
        "description": PRINTABLE,
        "pool_id": WORDS,
        "workers": st.integers(1, 100),
        "parameters": st.dictionaries(NAMES, PRINTABLE, max_size=3),
        "environment": st.dictionaries(VARIABLES, PRINTABLE, max_size=3),
        "inputs": st.lists(
            st.one_of(
                st.fixed_dictionaries({"path": FOLDERS}, optional={"name": WORDS}),
                st.fixed_dictionaries({"dataset_id": WORDS, "dataset_version_id": WORDS}),
            ),
            max_size=3,
        ),
        "outputs": st.lists(
            st.fixed_dictionaries({"path": FOLDERS}, optional={"name": WORDS}), max_size=3
        ),
        "log_dir": FOLDERS,
        "auto_stop_hours": st.integers(1, 100),
        "priority": st.integers(0, 10),
        "annotations": st.dictionaries(NAMES, PRINTABLE, max_size=3),
    }  # fmt: skip
    job |= draw(st.fixed_dictionaries({}, optional=optional))
    match draw(st.sampled_from(["code", "algorithm", "image"])):
        case "algorithm":
            job["algorithm"] = {"id": draw(WORDS)}
        case "image":
            job |= {"image": draw(WORDS), "command": draw(NAMES)}
        case _:
            folder = draw(FOLDERS)
            job |= {"code_dir": folder, "boot_file": folder + draw(WORDS)}
            job["engine"] = draw(st.sampled_from([{"id": "4"}, {"name": "n", "version": "v"}]))
    return job


def written_only(value: Any) -> Any:
    """Return what a canonical spec keeps: neither empty collections nor defaults."""
    return {key: each for key, each in value.items() if each not in ("", {}, [])}


@PATIENT
@given(
    jobs(),
    st.sampled_from(["json", "json-ascii", "yaml-block", "yaml-flow"]),
    st.booleans(),
)
def test_round_trip(job: dict[str, Any], form: str, in_defaults: bool) -> None:
    document: dict[str, Any] = {"version": 1, "stack": "s", "jobs": {"a": job}}
    if in_defaults:
        document |= {"defaults": job, "jobs": {"a": None}}
    match form:
        case "json" | "json-ascii":
            text, suffix = json.dumps(document, ensure_ascii=form == "json-ascii"), ".json"
        case _:
            flow = form == "yaml-flow"
            suffix = ".yaml"
            text = yaml.safe_dump(
                document, default_flow_style=flow, allow_unicode=True, sort_keys=False
            )

    spec = load_bytes(text.encode(), suffix=suffix).jobs["a"].spec  # type: ignore[index]

    expected = written_only({"name": "a"} | job)
    if expected.get("workers") == 1:
        del expected["workers"]
    assert spec.canonical == expected
