"""The canonical form: what it looks like, and that nothing but the look ever changes."""

import json
from pathlib import Path
from random import Random
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.definition import emission, starter
from reconciler.definition.formatting import FILE, formatted
from reconciler.definition.schema import TOP_LEVEL
from reconciler.errors import DefinitionError, ReconcilerError
from tests.conftest import SCALE
from tests.unit.definition.conftest import told
from tests.unit.definition.messy import WORDS, Messy, read

EXAMPLES = Path(__file__).parents[3] / "examples"


def form(text: str, name: str = "jobs.yaml") -> str:
    """Format a text, and check on the way that its form is final and says the same."""
    once = formatted(text.encode(), name)
    assert formatted(once, name) == once
    assert read(once.decode()) == read(text)
    return once.decode()


@pytest.mark.parametrize(
    ("messy", "neat"),
    [
        pytest.param("a:\n     b: 1\n", "a:\n  b: 1\n", id="two spaces"),
        pytest.param("a:\n- b\n-   c\n", "a:\n  - b\n  - c\n", id="lists are indented"),
        pytest.param("a:\n - b: 1\n   c: 2\n", "a:\n  - b: 1\n    c: 2\n", id="keys in items"),
        pytest.param("a:   b \t\nc:\td\n", "a: b\nc: d\n", id="spaces and tabs"),
        pytest.param("a: b\r\nc: d\r\n", "a: b\nc: d\n", id="Windows line ends"),
        pytest.param("\ufeffa: b", "a: b\n", id="byte order mark and no last newline"),
        pytest.param("---\na: b\n...\n\n\n", "a: b\n", id="document markers, blank end"),
        pytest.param("a: 1\n\n\n\nb: 2\n", "a: 1\n\nb: 2\n", id="one blank line is enough"),
        pytest.param("a:\n\n  b: 1\n", "a:\n  b: 1\n", id="a block opens without one"),
        pytest.param("{a: 1, b: {c: 2}}", "a: 1\nb: {c: 2}\n", id="the root is a block"),
        pytest.param("a: { b :   1,c: 2, }\n", "a: {b: 1, c: 2}\n", id="brackets on one line"),
        pytest.param("a: [b,\n  c]\n", "a:\n  - b\n  - c\n", id="brackets over several lines"),
        pytest.param("a: [{b: 1}]\n", "a: [{b: 1}]\n", id="braces stay"),
        pytest.param("a: {b: , c: ~}\n", "a: {b: null, c: ~}\n", id="nothing in brackets"),
        pytest.param("a:\nb: ~\nc: null\n", "a:\nb: ~\nc: null\n", id="nulls"),
        pytest.param("? a\n: b\n", "a: b\n", id="explicit keys"),
        pytest.param("a: x\n  y\n", "a: >-\n  x\n  y\n", id="a text over two lines"),
        pytest.param("a: |\n    x\n      y\n", "a: |\n  x\n    y\n", id="a block of text"),
        pytest.param("a: >\n x\n y\n\n z\n", "a: >\n  x\n  y\n\n  z\n", id="a folded text"),
        pytest.param("a: |\n x \n y\n", "a: |\n  x \n  y\n", id="spaces inside of a text"),
        pytest.param("a: |+\n x\n\nb: 1\n", 'a: "x\\n\\n"\n\nb: 1\n', id="blank lines of a text"),
        pytest.param('a: "x\\ny"\n', 'a: "x\\ny"\n', id="escapes"),
        pytest.param("a: &x [1]\nb: *x\n", "a: &x [1]\nb: *x\n", id="anchors"),
        pytest.param("", "", id="nothing"),
        pytest.param("# a\n\n\n# b", "# a\n\n# b\n", id="only comments"),
    ],
)
def test_layout(messy: str, neat: str) -> None:
    assert form(messy) == neat


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        *((text, text) for text in ("1e-3", "0.10", "no", "007", "~x", "a: x", "2024-01-01")[:5]),
        pytest.param("'plain'", "plain", id="needless quotes"),
        pytest.param('"two words"', "two words", id="needless double quotes"),
        pytest.param("'/${var.b}/x/'", "/${var.b}/x/", id="a reference"),
        pytest.param("'https://a/b'", "https://a/b", id="a URL"),
        pytest.param("'007'", '"007"', id="a number to others"),
        pytest.param("'1e-3'", '"1e-3"', id="a number since YAML 1.2"),
        pytest.param("'no'", '"no"', id="a truth value before YAML 1.2"),
        pytest.param("'2024-01-01'", '"2024-01-01"', id="a date to others"),
        pytest.param("'null'", '"null"', id="not a null"),
        pytest.param("''", '""', id="empty"),
        pytest.param("'a: b'", '"a: b"', id="a colon"),
        pytest.param("'it is \"so\"'", "'it is \"so\"'", id="quotes in quotes"),
        pytest.param("'a\\b'", "'a\\b'", id="a backslash"),
        pytest.param('"\\u00e9"', "é", id="needless escapes"),
    ],
)
def test_quotes(written: str, canonical: str) -> None:
    assert form(f"k: {written}\n") == f"k: {canonical}\n"


@pytest.mark.parametrize(
    "line",
    [
        "a: [/${var.bucket}/x/]",
        'a: ["/${var.bucket}/x/"]',
        "a: {b: ${env.X}, c: 1}",
        "a: /${var.b}/${job.name}/ # ${var.c}",
        "a: $${x}",
    ],
)
def test_references_stay_as_they_are(line: str) -> None:
    assert form(line + "\n").split() == (line + "\n").split()


def test_keys_come_in_their_order() -> None:
    text = """\
    jobs:
      b: {workers: 2, flavor: f, name: x}
      a:
        lifecycle: {retain: true, protect: true}
        parameters: {z: 1, a: 2}
        mistake: 1
        outputs:
          - {name: o, path: /o/}
        engine: {version: v, name: n}
        inputs: {name: i, path: /i/}
    variables: {z: {description: d, default: 1}, a: 1}
    platform: {region: r, api: modelarts/v1}
    stack: s
    version: 1
    """
    neat = """\
    version: 1
    stack: s
    platform: {api: modelarts/v1, region: r}
    variables: {z: {default: 1, description: d}, a: 1}
    jobs:
      b: {name: x, flavor: f, workers: 2}

      a:
        engine: {name: n, version: v}
        inputs: {path: /i/, name: i}
        outputs:
          - {path: /o/, name: o}
        parameters: {z: 1, a: 2}
        lifecycle: {protect: true, retain: true}
        mistake: 1
    """
    assert form(dedent(text)) == dedent(neat)


def test_the_order_knows_every_key() -> None:
    assert set(TOP_LEVEL) <= set(FILE.fields)


def test_an_anchor_stays_before_its_aliases() -> None:
    text = "jobs:\n  a: {parameters: &p {x: 1}}\ndefaults:\n  parameters: *p\nversion: 1\n"

    assert form(text) == text


@pytest.mark.parametrize(
    ("messy", "neat"),
    [
        pytest.param("a: 1 # x\nb: 2     # y\n", "a: 1  # x\nb: 2     # y\n", id="columns stay"),
        pytest.param("a: # x\n  b: 1\n", "a:  # x\n  b: 1\n", id="behind a key"),
        pytest.param("a: | # x\n  b\n", "a: |  # x\n  b\n", id="behind a block's sign"),
        pytest.param("a: b\n  c # x\n", "a: >-  # x\n  b\n  c\n", id="behind a long text"),
        pytest.param("a:\n# x\n  b: 1\n", "a:\n  # x\n  b: 1\n", id="above a key"),
        pytest.param("a:\n- # x\n  b: 1\n", "a:\n  # x\n  - b: 1\n", id="behind a dash"),
        pytest.param("a:\n  b: 1\n  # x\nc: 1\n", "a:\n  b: 1\n  # x\nc: 1\n", id="end of a block"),
        pytest.param("a:\n  # x\nb: 1\n", "a:\n  # x\nb: 1\n", id="in an empty block"),
        pytest.param("a: [b, # x\n  c]\n", "a:\n  - b  # x\n  - c\n", id="in brackets"),
        pytest.param("a: [b\n  # x\n  ]\nc: 1", "a:\n  - b\n  # x\nc: 1\n", id="end of brackets"),
        pytest.param("a: [\n b] # x\n", "a:  # x\n  - b\n", id="behind brackets"),
        pytest.param(
            "a: |\n  b\n# x\nc: 1\n", "a: |\n  b\n# x\nc: 1\n", id="after a block of text"
        ),
        pytest.param("a: '#b' #x#y\n", 'a: "#b"  #x#y\n', id="signs in texts and comments"),
        pytest.param("a: 1\n\n\n# x\n", "a: 1\n\n# x\n", id="end of the file"),
    ],
)
def test_comments(messy: str, neat: str) -> None:
    assert form(messy) == neat


def test_comments_move_with_their_keys() -> None:
    text = """\
    # about this file

    # what runs
    jobs:
      # the first
      a:
        workers: 2     # many
        # what it is
        #   for
        description: x

        # how fast
        flavor: f # fast
        # priority: 3
    # which stack
    stack: s
    version: 1 # the only one
    """
    neat = """\
    # about this file

    version: 1  # the only one
    # which stack
    stack: s
    # what runs
    jobs:
      # the first
      a:
        # what it is
        #   for
        description: x

        # how fast
        flavor: f  # fast
        workers: 2     # many
        # priority: 3
    """
    assert form(dedent(text)) == dedent(neat)


def test_the_line_for_editors_stays_on_top() -> None:
    line = "# yaml-language-server: $schema=x.json\n"

    assert form(line + "jobs: {}\nversion: 1\n") == line + "version: 1\njobs: {}\n"


def test_jobs_are_set_apart() -> None:
    text = "jobs:\n  a: {flavor: f}\n  b: {flavor: g}\n  # c\n  c:\n    flavor: h\n  d:\n"
    neat = "jobs:\n  a: {flavor: f}\n  b: {flavor: g}\n\n  # c\n  c:\n    flavor: h\n\n  d:\n"

    assert form(text) == neat


@pytest.mark.parametrize(
    "text",
    [starter.definition(), *(path.read_text() for path in sorted(EXAMPLES.glob("*/*.yaml")))],
)
def test_what_we_write_is_canonical(text: str) -> None:
    assert form(text) == text


@settings(max_examples=max(10, int(50 * SCALE)))
@given(seed=st.integers(0, 1 << 40))
def test_any_layout_keeps_its_texts_and_comments(seed: int) -> None:
    messy = Messy(seed)
    text = messy.document()
    assert read(text)[1] == []

    neat = form(text)

    lost = [number for number in range(len(messy.comments)) if neat.count(f"c{number}.") != 1]
    assert lost == []
    assert neat.endswith("\n")
    assert not neat.endswith("\n\n")
    assert "\t" not in neat.replace("a\tb", "")


@pytest.mark.parametrize("word", WORDS)
def test_any_text_survives_in_any_quotes(word: str) -> None:
    for quoted in (json.dumps(word, ensure_ascii=False), "'" + word.replace("'", "''") + "'"):
        form(f"{quoted}: 1\nk: {quoted}\nl: [{quoted}, x]\nm: {{k: {quoted}}}\n")


@settings(max_examples=max(10, int(100 * SCALE)))
@given(
    word=st.text(st.characters(codec="utf-8", exclude_characters="\ue0fa\ue0fb\ue0fc\ue0fd\ue0fe"))
)
def test_any_characters_survive(word: str) -> None:
    quoted = '"' + "".join(f"\\U{ord(char):08x}" for char in word) + '"'

    form(f"k: {quoted}\nl: [{quoted}]\n")


def shuffled(value: object, random: Random) -> object:
    """Return a document with its keys in another order."""
    if isinstance(value, dict):
        pairs = [(key, shuffled(each, random)) for key, each in value.items()]
        return dict(random.sample(pairs, len(pairs)))
    return value


@given(seed=st.integers(0, 1 << 20))
def test_the_order_of_known_keys_does_not_matter(seed: int) -> None:
    document = {"version": "1", "stack": "s", "platform": {"api": "modelarts/v1", "region": "r"}}
    job = {"description": "d", "flavor": "f", "engine": {"name": "n", "version": "v"}}
    document |= {"defaults": job, "jobs": {"a": {**job, "name": "x", "lifecycle": {}}}}

    text = json.dumps(shuffled(document, Random(seed)))

    assert form(text) == form(json.dumps(document))


def test_json_stays_json() -> None:
    text = '{"stack":"s",\t"jobs":{"a":{"workers":1e-3,"x":[1,{"y":null}],"flavor":"é\\u0000"}}}'
    neat = """\
    {
      "stack": "s",
      "jobs": {
        "a": {
          "flavor": "\\u00e9\\u0000",
          "workers": 1e-3,
          "x": [
            1,
            {
              "y": null
            }
          ]
        }
      }
    }
    """
    once = formatted(text.encode(), "jobs.json")

    assert once.decode() == dedent(neat)
    assert formatted(once, "jobs.json") == once
    assert json.loads(once)["jobs"] == json.loads(text)["jobs"]


@pytest.mark.parametrize(
    ("text", "told_at"),
    [
        ("a: [", ["1:5 Unclosed bracket"]),
        ("a: 1\na: 2\nb: 1\nb: 2\n", ["2:1 Duplicate key", "4:1 Duplicate key"]),
        ("a:\n\tb: 1\n", ["2:1 Tab character"]),
        ("a: !x 1\n", ["1:4 Tags are not allowed"]),
    ],
    ids=["bracket", "duplicates", "tab", "tag"],
)
def test_broken_files_are_told(text: str, told_at: list[str]) -> None:
    with pytest.raises(DefinitionError) as caught:
        formatted(text.encode(), "jobs.yaml")

    assert [told(each) for each in caught.value.diagnostics] == told_at


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        ('{"a": 1} # x', "jobs.json", "JSON has no comments"),
        ('{"a": &x 1, "b": *x}', "jobs.json", "JSON has no anchors"),
        ("a: b\n\n\nc: d\te\n", "jobs.yaml", "line 4"),
    ],
    ids=["comment in JSON", "anchor in JSON", "a tab inside of a text"],
)
def test_what_cannot_be_kept_is_refused(text: str, name: str, reason: str) -> None:
    assert read(text)[1] == []
    with pytest.raises(ReconcilerError, match=reason):
        formatted(text.encode(), name)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("a: 2  # x\n", "A text would have changed"),
        ("a: [1]  # x\n", "A text would have changed"),
        ("a: 1\n", "A comment would have been lost"),
        ("a: [", "could not be read again"),
    ],
    ids=["other text", "other type", "no comment", "broken"],
)
def test_a_mistake_of_ours_is_noticed(
    written: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emission, "write", lambda *_: written)

    with pytest.raises(ReconcilerError, match=reason):
        formatted(b"a: 1  # x\n", "jobs.yaml")
