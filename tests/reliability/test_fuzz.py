"""Whatever others wrote, reading it gives a value or an error in words: no traceback, no hang."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from requests.structures import CaseInsensitiveDict

from reconciler.model.base import canonical_json
from reconciler.model.report import ActionResult, ApplyResult, Result
from reconciler.providers.exchange import Answer, json_object
from reconciler.render import structured
from tests.acceptance.world import World, a_world, definition, job
from tests.build import a_report, an_action
from tests.conftest import SCALE
from tests.reliability.figures import Figures
from tests.reliability.fuzz import shown
from tests.reliability.fuzz.answers_v2 import CALLS_V2, ScriptedV2, a_provider_v2
from tests.reliability.fuzz.loop import Tally, fuzz, judge, make
from tests.reliability.fuzz.mutate import Mutator
from tests.reliability.fuzz.targets import TARGETS

SEED = os.environ.get("RECONCILER_FUZZ_SEED", "1")
INPUTS = int(20_000 * SCALE)
ROOT = Path(__file__).parents[2]


def run_loop(*arguments: str, shards: Sequence[str]) -> tuple[int, int, str]:
    """Run the loop once for each seed, side by side; return inputs, findings and what was told."""
    command = [sys.executable, "-m", "tests.reliability.fuzz", *arguments]
    running = [
        subprocess.Popen(
            [*command, "--seed", shard],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for shard in shards
    ]
    inputs = findings = 0
    told = ""
    for each in running:
        out, err = each.communicate(timeout=600 + 3600 * SCALE)
        assert each.returncode in (0, 1), err
        summary = json.loads(out.splitlines()[-1])
        inputs, findings = inputs + summary["inputs"], findings + summary["findings"]
        told += out + err
    return inputs, findings, told


@pytest.mark.timeout(900 + 3600 * SCALE)
def test_spoiled_inputs(figures: Figures) -> None:
    shards = [f"{SEED}a", f"{SEED}b"]
    inputs, findings, told = run_loop("--inputs", str(INPUTS // len(shards)), shards=shards)
    figures.add("fuzz inputs", cases=inputs, tracebacks=findings)
    assert findings == 0, told
    assert inputs >= INPUTS


@pytest.mark.timeout(900 + 3600 * SCALE)
def test_bombs(figures: Figures) -> None:
    inputs, findings, told = run_loop("--bombs", "--scale", str(SCALE), shards=[SEED])
    figures.add("fuzz bombs", cases=inputs, tracebacks=findings)
    assert findings == 0, told
    assert inputs > 50


@dataclass
class Planted:
    """A reader with a defect: it fails on a letter, or never ends on it."""

    hangs: bool = False
    name: str = "planted"
    words: tuple[bytes, ...] = ()

    def make(self, mutator: Mutator) -> bytes:
        return mutator.spoil(b"all is well here")

    def check(self, data: bytes) -> None:
        if b"w" not in data:
            if self.hangs:
                time.sleep(60)
            raise KeyError("w")


def test_the_loop_finds_a_defect_and_makes_its_input_small() -> None:
    tally = Tally()
    fuzz(Planted(), range(300), "seed", tally)

    [found] = tally.findings.values()
    assert tally.inputs == 300
    assert tally.repeats > 0
    assert found.why.startswith("KeyError")
    assert found.data == b""
    assert judge(Planted(), found.number, make(Planted(), found.number, "seed")) is not None


def test_the_loop_finds_a_hang() -> None:
    code = (
        "from tests.reliability.fuzz.loop import judge, watch\n"
        "from tests.reliability.test_fuzz import Planted\n"
        "watch()\n"
        "assert judge(Planted(hangs=True), 0, b'', 0.2).is_hang\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False)
    assert ended.returncode == 0


@pytest.mark.parametrize("name", TARGETS)
def test_an_input_is_made_again_from_its_seed_and_number(name: str) -> None:
    inputs = [make(TARGETS[name](), number, "again") for number in range(20)]
    assert inputs == [make(TARGETS[name](), number, "again") for number in range(20)]
    assert len(set(inputs)) > 15


@pytest.mark.parametrize("kind", CALLS_V2)
def test_a_good_answer_of_version_2_is_read_by_every_call_that_meets_it(kind: str) -> None:
    for call in CALLS_V2[kind]:
        call(a_provider_v2(ScriptedV2("none", Answer(500, CaseInsensitiveDict(), b""))))


HALVES = ("\ud800", "\udfff", "a\udc80b", "\ud83d", "\ude00\ud83d")


@pytest.mark.parametrize("half", HALVES, ids=ascii)
def test_halves_of_characters_never_break_what_is_written(half: str) -> None:
    assert canonical_json({half: half}).isascii()
    error = f"{half} is not a file"
    result = ApplyResult((ActionResult(an_action(), Result.FAILED, error),))
    shown.check(structured.apply_json(result))
    shown.check(structured.drift_json(a_report(recovered=(half,))))
    content = json_object(json.dumps({"a": [half, {half: 1}]}).encode())
    shown.check(json.dumps(content, ensure_ascii=False))


NASTY: dict[str, bytes] = {
    "nothing": b"",
    "a NUL": b"\0",
    "random": bytes(range(256)),
    "UTF-16": definition(job("a")).encode("utf-16"),
    "UTF-32": definition(job("a")).encode("utf-32"),
    "half a character": definition(job("a")).encode() + b"# \xed\xa0\x80",
    "an escaped half": definition(job("a", lr='"\\ud800"')).encode(),
    "a tag": b"!!python/object/apply:os.system ['touch pwned']",
    "a binary tag": definition(job("a", lr="!!binary aGk=")).encode(),
    "a merge key": definition(job("a") + "    <<: {workers: 2}\n").encode(),
    "laughs": b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n"
    + b"".join(
        b"%c: &%c [%s]\n" % (n, n, b",".join([b"*%c" % (n - 1)] * 9)) for n in b"cdefghijkl"
    ),
    "itself": b"a: &a {b: *a}",
    "a nest": b"[" * 10_000,
    "a nest of mappings": b"{a: " * 10_000,
    "two documents": definition(job("a")).encode() + b"---\na: 1\n",
    "escapes": definition(job("a", lr='"\\e[31m\\e]52;c;aGk=\\a"')).encode(),
    "a bell in a key": b'version: 1\n"\\a\\e[2J": 1\n',
    "a text direction": 'version: 1\nstack: "\u202egnp"\n'.encode(),
    "a carriage return": b'version: 1\nstack: "ok\\rno"\n',
    "C1": b'version: 1\n"\\x9b31m": 1\n',
    "many digits": definition(job("a") + f"    workers: {'9' * 5000}\n").encode(),
    "an engine of many digits": definition(
        job("a") + f"    engine: {{id: {'9' * 5000}}}\n"
    ).encode(),
    "infinite workers": definition(job("a") + "    workers: .inf\n").encode(),
    "a key that is a list": b"? [a]\n: b\n",
    "a directive": b"%TAG ! tag:evil,2020:\n---\n!x a\n",
    "an unclosed quote": b"version: '",
    "a comment alone": b"# nothing",
    "a list": b"- a\n- b\n",
    "a number": b"42",
    "null": b"null",
    "tabs": b"version:\t1\njobs:\n\ta: {}\n",
    "stack of dots": b"version: 1\nstack: ../../x\njobs: {}\n",
}


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A working folder in which no platform is needed."""
    with a_world(tmp_path_factory.mktemp("nasty")) as world:
        return world


@pytest.mark.parametrize("title", NASTY)
def test_nasty_definitions_at_the_command_line(still: World, title: str) -> None:
    (still.folder / "jobs.yaml").write_bytes(NASTY[title])
    refused = still.run("validate", "-vv", env={"RECONCILER_TRACEBACK": "1"})
    assert refused.returncode == 1, refused
    assert "Traceback" not in refused.stderr
    assert "Internal error" not in refused.stderr
    assert "error: " in refused.stderr
    assert refused.stdout == ""
    shown.check(refused.stderr)
    assert not (still.folder / "pwned").exists()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\0", b"[]", b"{}", b"9" * 5000, b"[" * 10_000, b'{"format_version": "1.0"}'),
        *(b'{"format_version":"' + b"9" * 5000 + b'.0"}', b'"\\ud800"', b"\xff\xfe{}", b"NaN"),
    ],
    ids=lambda content: ascii(content[:20]),
)
def test_nasty_plans_and_states_at_the_command_line(still: World, content: bytes) -> None:
    (still.folder / "jobs.yaml").write_text(definition(job("a")))
    (still.folder / "plan.json").write_bytes(content)
    folder = still.folder / "other"
    folder.mkdir(exist_ok=True)
    (folder / "vision.json").write_bytes(content)
    commands = (
        ("show", "plan.json"),
        ("apply", "plan.json"),
        ("state", "list", "--state", "other"),
        ("state", "history", "--state", "other"),
    )
    for command in commands:
        ended = still.run(*command, env={"RECONCILER_TRACEBACK": "1"})
        assert ended.returncode == (0 if "history" in command else 1), ended
        assert "Traceback" not in ended.stderr
        assert "Internal error" not in ended.stderr
        shown.check(ended.stderr + ended.stdout)


def test_what_is_nested_again_and_again_can_still_be_written() -> None:
    assert make(TARGETS["answers"](), 134960, "31")
