"""Jobs that nobody recorded: written as definitions, and taken back when a state is lost."""

import json
import re

import pytest

from tests.acceptance.world import World, definition, job

SWEPT = """\
  s:
    boot_file: train.py
    parameters: {lr: "${sweep.lr}"}
    sweep: {lr: [0.1, 1e-2]}
"""


@pytest.fixture
def made(world: World) -> World:
    """A platform with jobs, and neither a definition nor a state of them."""
    plain = job("plain", note="$${job.name}", text='"yes: no"', number="007", empty='""')
    full = job("full", boot="fail.py") + (
        "    description: 'a: b # c'\n    inputs: [/data/code/]\n    output: /data/out/\n"
        "    log_dir: /data/logs/\n"
    )
    world.write(definition(plain + full + SWEPT, stack="lost"), "lost.yaml")
    applied = world.run("apply", "-f", "lost.yaml", "--auto-approve")
    assert applied.returncode == 0, applied.stderr
    world.run("wait", "-f", "lost.yaml")
    for file in (world.folder / "state").glob("lost.*"):
        file.unlink()
    (world.folder / "lost.yaml").rename(world.folder / "lost.txt")
    return world


def ids(world: World) -> dict[str, int]:
    return {each["name"]: each["job_id"] for each in world.jobs()}


def is_clean(world: World, *where: str) -> bool:
    planned = world.run("plan", *where, "--detailed-exitcode")
    assert planned.returncode in (0, 2), planned.stderr
    return planned.returncode == 0 and "Nothing to do" in planned.stdout


def test_existing_jobs_become_a_definition_that_plans_to_no_change(made: World) -> None:
    before = ids(made)

    written = made.run("adopt", "--all", "--write", "jobs.yaml")

    assert written.returncode == 0, written.stderr
    assert "Wrote 4 jobs to jobs.yaml." in written.stderr
    assert is_clean(made)
    assert ids(made) == before
    assert {r["job_id"] for r in made.state()["records"].values()} == set(map(str, before.values()))
    assert made.run("fmt", "--check").returncode == 0, "it is in its canonical form"
    text = (made.folder / "jobs.yaml").read_text()
    assert 'number: "007"' in text
    assert "note: $${job.name}" in text
    assert not list(made.folder.glob(".*draft*"))
    again = made.run("adopt", "--all", "--write", "jobs.yaml")
    assert (again.returncode, "nothing to write" in again.stderr) == (0, True)


def test_an_existing_file_is_not_touched_without_asking(made: World) -> None:
    mine = "# mine\nversion: 1\nstack: vision # the stack\nplatform: {endpoint: local}\njobs:\n"
    mine += "  # the first\n  own:\n    image: img\n    command: true\n"
    mine += "    flavor: modelarts.vm.cpu.8u\n"
    made.write(mine)

    refused = made.run("adopt", "--all", "--write", "jobs.yaml")
    assert (refused.returncode, "--auto-approve" in refused.stderr) == (64, True)
    assert (made.folder / "jobs.yaml").read_text() == mine
    assert made.state()["records"] == {}

    written = made.run("adopt", "--all", "--write", "jobs.yaml", "--auto-approve")
    assert written.returncode == 0, written.stderr
    assert (made.folder / "jobs.yaml").read_text().startswith(mine)
    planned = json.loads(made.run("plan", "--json").stdout)
    assert [(a["kind"], a["address"]) for a in planned["actions"]] == [("create", "own")]


def test_a_file_that_the_definition_would_not_take_in_is_refused(made: World) -> None:
    made.write(definition(job("own")))
    made.edit("  code_dir", "  log_dir: /data/defaults/\n  code_dir")

    refused = made.run("adopt", "--all", "--write", "more.yaml")
    assert (refused.returncode, "-f more.yaml" in refused.stderr) == (64, True)
    assert not (made.folder / "more.yaml").exists()

    both = ("-f", "jobs.yaml", "-f", "more.yaml")
    written = made.run("adopt", *both, "--all", "--write", "more.yaml")
    assert written.returncode == 0, written.stderr
    left_out = set(re.findall(r'Left out "(.+?)": .* its log_dir', written.stderr))
    assert left_out == {"plain", "s-lr-0_1", "s-lr-1e-2"}, "the defaults would change them"
    assert list(made.state()["records"]) == ["full"]
    planned = json.loads(made.run("plan", *both, "--json").stdout)
    assert [(a["kind"], a["address"]) for a in planned["actions"]] == [("create", "own")]
    assert not list(made.folder.glob(".*draft*"))


def test_a_definition_without_jobs_says_where_to_look(made: World) -> None:
    made.write("version: 1\nstack: vision\nplatform: {endpoint: local}\n", "place.yaml")

    written = made.run(
        "adopt", "-f", "place.yaml", "--all", "--write", "jobs.yaml", "--exclude", "full"
    )

    assert written.returncode == 0, written.stderr
    assert made.run("state", "list").stdout.split()[0] == "plain"
    assert is_clean(made)
    assert "full" not in made.state()["records"]


def test_a_lost_state_is_taken_back_exactly(made: World) -> None:
    (made.folder / "lost.txt").rename(made.folder / "jobs.yaml")
    before = ids(made)
    assert made.run("plan").returncode == 1, "the names are taken"

    planned = json.loads(made.run("plan", "--adopt", "--json").stdout)
    assert {a["kind"] for a in planned["actions"]} == {"adopt"}
    assert len(planned["actions"]) == 4

    made.edit("number: 007", "number: 008")
    differs = made.run("plan", "--adopt")
    assert differs.returncode == 1
    assert re.search(r"number", differs.stdout)
    assert made.run("apply", "--adopt", "--auto-approve").returncode == 1
    assert made.state()["records"] == {}
    rest = made.run("apply", "--adopt", "--auto-approve", "--exclude", "plain")
    assert rest.returncode == 0, rest.stderr
    assert sorted(made.state()["records"]) == ["full", "s[lr=0.1]", "s[lr=1e-2]"]

    made.edit("number: 008", "number: 007")
    all_ = made.run("adopt", "--all")
    assert (all_.returncode, 'Adopted "plain"' in all_.stderr) == (0, True), all_.stderr
    assert is_clean(made)
    assert ids(made) == before


@pytest.mark.parametrize(
    "options",
    [(), ("a", "--all"), ("--write", "x.yaml"), ("a", "--write", "x.yaml")],
    ids=" ".join,
)
def test_wrong_usage(world: World, options: tuple[str, ...]) -> None:
    world.write(definition(job("a")))

    assert world.run("adopt", *options).returncode == 64


def test_only_yaml_is_written(world: World) -> None:
    assert world.run("adopt", "--all", "--write", "jobs.json").returncode == 64
