"""Moving a stack to the other API: what ran stays done, what failed runs again, nothing doubles."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.world import World, a_world, definition, job, wait_for

V1 = "api: modelarts/v1, endpoint: local"
MIGRATE = ("migrate", "--to", "modelarts/v2")
JOBS = job("good") + job("bad", boot="fail.py")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A folder with training code."""
    with a_world(tmp_path) as world:
        yield world


def applied(world: World, jobs: str) -> None:
    world.write(definition(jobs, platform=V1))
    assert world.run("apply", "--auto-approve", "--wait").returncode in (0, 6)


def use_v2(world: World) -> None:
    world.edit("modelarts/v1", "modelarts/v2")


def changing_requests(world: World) -> int:
    """How many requests the platform saw that change something, through either API."""
    return world.counts().get("mutating", 0)


def test_what_succeeded_moves_and_what_failed_runs_again(world: World) -> None:
    applied(world, JOBS)
    before = world.state()

    moved = world.run(*MIGRATE, "--auto-approve")

    assert moved.returncode == 0, moved.stderr
    assert re.search(r"^  bad +failed +does not move", moved.stdout, re.MULTILINE)
    assert re.search(r"^  good +succeeded +moves along", moved.stdout, re.MULTILINE)
    assert re.search(r"\+ create +bad +new", moved.stdout)
    assert "create   good" not in moved.stdout
    assert "Write `api: modelarts/v2`" in moved.stderr
    after = world.state()
    assert after["platform"]["api"] == "modelarts/v2"
    assert (after["lineage"], after["serial"] > before["serial"]) == (before["lineage"], True)
    assert after["records"].keys() == {"good"}
    record = after["records"]["good"]
    assert record["outcome"]["status"] == "succeeded"
    assert record["job_id"] == before["records"]["good"]["job_id"]
    assert len(world.jobs()) == 2

    use_v2(world)
    planned = world.run("plan", "--detailed-exitcode")
    assert planned.returncode == 2
    assert re.findall(r"(\w+) +(good|bad) ", planned.stdout) == [("create", "bad")]
    assert world.run("apply", "--auto-approve", "--wait").returncode == 6
    assert changing_requests(world) == 3
    again = world.run("apply", "--auto-approve")
    assert (again.returncode, changing_requests(world)) == (0, 3)
    assert world.run("drift").returncode == 0


def test_a_change_of_a_moved_job_is_planned_as_ever(world: World) -> None:
    applied(world, job("good", lr="1"))
    assert world.run(*MIGRATE, "--auto-approve").returncode == 0
    use_v2(world)
    assert world.run("plan", "--detailed-exitcode").returncode == 0

    world.edit("lr: 1", "lr: 2")

    planned = world.run("plan", "--detailed-exitcode")
    assert planned.returncode == 2
    assert re.search(r"parameters\.lr +1 → 2", planned.stdout)


def test_a_job_under_way_stands_against_it(world: World) -> None:
    world.write(definition(job("slow", boot="slow.py") + job("good"), platform=V1))
    assert world.run("apply", "--auto-approve").returncode == 0
    before = world.state()

    moved = world.run(*MIGRATE, "--auto-approve")

    assert moved.returncode == 5
    assert 'Job "slow"' in moved.stderr
    assert "reconciler wait slow" in moved.stderr
    assert world.state()["records"] == before["records"]
    assert world.state()["platform"] == before["platform"]
    assert world.run("stop", "slow").returncode == 0
    wait_for(lambda: world.run("wait").returncode in (0, 6))
    assert world.run(*MIGRATE, "--auto-approve").returncode == 0
    assert changing_requests(world) == 3, "two creations, and the stop"


def test_the_guard_shows_the_way(world: World) -> None:
    applied(world, job("good"))
    use_v2(world)

    planned = world.run("plan")

    assert planned.returncode == 5
    assert "reconciler migrate --to modelarts/v2" in planned.stderr
    assert world.run(*MIGRATE, "--auto-approve").returncode == 0
    assert world.run("plan", "--detailed-exitcode").returncode == 0


def test_what_a_stack_needs_is_told_at_its_place(world: World) -> None:
    volume = "    volumes: [{type: nfs, id: sfs-1, source: '10.0.0.1:/', target: /m}]\n"
    world.write(definition(job("good") + volume, platform=V1))

    moved = world.run(*MIGRATE, "--auto-approve")

    assert moved.returncode == 1
    assert "not fit for modelarts/v2" in moved.stderr
    assert re.search(r"jobs\.yaml:\d+:\d+: error: Not possible with modelarts/v2", moved.stderr)


def test_what_there_is_nothing_to_do_for(world: World) -> None:
    world.write(definition(job("good"), platform=V1))
    assert world.run(*MIGRATE).returncode == 64
    nothing = world.run(*MIGRATE, "--auto-approve")
    assert (nothing.returncode, "Nothing is recorded" in nothing.stderr) == (0, True)

    applied(world, job("good"))
    assert world.run(*MIGRATE, "--auto-approve").returncode == 0
    again = world.run(*MIGRATE, "--auto-approve")
    assert (again.returncode, "moved to modelarts/v2 already" in again.stderr) == (0, True)


def test_the_document(world: World) -> None:
    applied(world, JOBS)

    document = json.loads(world.run(*MIGRATE, "--auto-approve", "--json").stdout)

    assert (document["from"]["api"], document["to"]["api"]) == ("modelarts/v1", "modelarts/v2")
    fates = {each["address"]: each["fate"] for each in document["records"]}
    assert fates == {"good": "kept", "bad": "dropped"}
    assert [action["address"] for action in document["plan"]["actions"]] == ["bad"]
