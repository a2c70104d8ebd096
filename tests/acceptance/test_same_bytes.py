"""Equal inputs give an equal plan, byte for byte but for the moment of its making."""

import itertools
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.cli.main import run
from tests.acceptance.world import World, a_world

CREATED_AT = re.compile(r'^  "created_at": "[^"]+"', re.MULTILINE)
"""The plan's own moment; those of records stand deeper."""
HEAD = """\
version: 1
stack: vision
platform: {endpoint: local}
defaults:
  flavor: modelarts.vm.cpu.8u
  engine: {name: TensorFlow, version: TF-1.8.0-python3.6}
  code_dir: /data/code/
  boot_file: train.py
  labels: {team: ämter, cost: "007"}
policies:
  named:
    scope: job
    assert: job.labels.team == "ops"
    message: "{address} is of no known team."
    severity: warning
"""
JOBS = {
    "b.yaml": "jobs:\n"
    + "".join(f"  job{n}: {{parameters: {{z: {n}, a: 1, m: VALUE}}}}\n" for n in (7, 3, 9)),
    "ä.yaml": "jobs:\n  under: {parameters: {lr: VALUE, ä: x, É: y, z: ß}}\n"
    "  Z: {parameters: {b: 1, a: VALUE}}\n",
    "a.yml": "jobs:\n  kept: {description: VALUE}\n  I: {name: dotted, workers: 1}\n",
}


def write(folder: Path, value: str) -> None:
    """Write the definition's files."""
    folder.mkdir(exist_ok=True)
    for name, text in {"head.yaml": HEAD, **JOBS}.items():
        (folder / name).write_text(text.replace("VALUE", value))


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, str]]:
    """Give a world in which a plan creates, replaces, updates, deletes, and tells of drift."""
    with a_world(tmp_path_factory.mktemp("same-bytes")) as world:
        world.serve("--simulate")
        write(world.folder / "jobs", "1e-3")
        applied = world.run("apply", "--auto-approve", "--wait")
        assert applied.returncode == 0, applied.stderr
        ids = {each["name"]: each["job_id"] for each in world.jobs()}
        world.admin("POST", f"jobs/{ids['job3']}/versions", {"changes": {"parameter": []}})
        world.admin("PATCH", f"jobs/{ids['job3']}", {"status": 10})
        world.admin("DELETE", f"jobs/{ids['Z']}")
        write(world.folder / "jobs", "2e-3")
        (world.folder / "jobs/b.yaml").write_text(
            JOBS["b.yaml"].replace("VALUE", "2e-3").replace("job9", "more") + "  last: {}\n"
        )
        first = world.run("plan", "--json")
        assert first.returncode == 0, first.stderr
        counts = json.loads(first.stdout)["summary"]
        assert min(counts[kind] for kind in ("create", "replace", "delete", "update")) > 0
        yield world, without_moment(first.stdout)


def without_moment(plan: str) -> str:
    """Return a plan without the only part that may differ."""
    text, number = CREATED_AT.subn('  "created_at": ""', plan)
    assert number == 1
    return text


def test_a_hundred_runs_print_the_same_plan(
    planned: tuple[World, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world, first = planned
    monkeypatch.chdir(world.folder)
    for name in ("RECONCILER_FILE", "RECONCILER_STATE"):
        monkeypatch.delenv(name, raising=False)

    for _ in range(100):
        assert run(["plan", "--json", "-q"]) == 0
        assert without_moment(capsys.readouterr().out) == first


@pytest.mark.parametrize(
    ("seed", "locale", "zone"),
    [
        ("0", "C", "UTC"),
        ("1", "C.UTF-8", "Pacific/Kiritimati"),
        ("4242", "tr_TR.UTF-8", "America/St_Johns"),
        ("random", "POSIX", "Asia/Kathmandu"),
    ],
)
def test_hash_seed_locale_and_time_zone_make_no_difference(
    planned: tuple[World, str], seed: str, locale: str, zone: str
) -> None:
    world, first = planned
    env = {"PYTHONHASHSEED": seed, "LC_ALL": locale, "LANG": locale, "TZ": zone}

    again = world.run("plan", "--json", env=env)

    assert again.returncode == 0, again.stderr
    assert without_moment(again.stdout) == first


def test_the_order_of_the_files_makes_no_difference(
    planned: tuple[World, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world, first = planned
    monkeypatch.chdir(world.folder)
    files = sorted((world.folder / "jobs").iterdir())
    texts = {file: file.read_bytes() for file in files}
    orders = list(itertools.permutations(files))
    random.Random(7).shuffle(orders)

    for order in orders[:10]:
        for file in files:
            file.unlink()
        for file in order:  # a folder tells its files in the order of their making, or any other
            file.write_bytes(texts[file])
        assert run(["plan", "--json", "-q"]) == 0
        assert without_moment(capsys.readouterr().out) == first
        named = [part for file in order for part in ("-f", f"jobs/{file.name}")]
        assert run(["plan", "--json", "-q", *named]) == 0
        assert without_moment(capsys.readouterr().out) == first
