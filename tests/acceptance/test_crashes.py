"""Killed or interrupted at any moment: the next apply finishes, nothing lost, nothing doubled."""

import os
import random
import signal
import time
from collections import Counter

import pytest

from tests.acceptance.world import World, definition, interrupt, job, wait_for

TRIALS = int(os.environ.get("RECONCILER_KILL_TRIALS", "20"))
JOBS = 50


def check_truth(world: World, expected: int) -> None:
    """Every job is exactly once on the platform and in the state, under the same id."""
    names = Counter(each["name"] for each in world.jobs())
    records = world.state()["records"]
    assert len(records) == expected
    assert names == Counter({record["name"]: 1 for record in records.values()})
    ids = {str(each["job_id"]) for each in world.jobs()}
    assert ids == {record["job_id"] for record in records.values()}


@pytest.mark.timeout(1200)
def test_kill_9_at_a_random_moment(world: World):
    world.serve("--simulate")
    seed = int(os.environ.get("RECONCILER_SEED", "20260101"))
    dice = random.Random(seed)
    world.write(definition("".join(job(f"j{n:02}", round="0") for n in range(JOBS))))
    started = time.monotonic()
    assert world.run("apply", "--auto-approve").returncode == 0
    span = time.monotonic() - started
    killed = 0
    for trial in range(1, TRIALS + 1):
        world.write(definition("".join(job(f"j{n:02}", round=str(trial)) for n in range(JOBS))))
        victim = world.start("apply", "--auto-approve", "--interrupt-running")
        time.sleep(dice.uniform(0.3, 1.0) * span)
        victim.kill()
        victim.communicate()
        killed += victim.returncode == -signal.SIGKILL

        again = world.run("apply", "--auto-approve", "--interrupt-running")

        assert again.returncode == 0, f"seed {seed}, trial {trial}: {again.stderr}"
        check_truth(world, JOBS)
        assert "Nothing to do" in world.run("plan").stdout
    assert killed >= TRIALS // 2, "most applies must have died for this to prove anything"


@pytest.mark.timeout(600)
def test_kill_9_during_the_first_creates(world: World):
    world.serve("--simulate")
    world.write(definition("".join(job(f"j{n:02}") for n in range(JOBS))))
    slow = {"kind": "latency", "seconds": 0.05}
    rule = {"method": "POST", "path_regex": "jobs$", "times": None, "fault": slow}
    world.admin("POST", "faults", rule)
    victim = world.start("apply", "--auto-approve", "--parallelism", "4")
    wait_for(lambda: len(world.jobs()) >= 10)
    victim.kill()
    victim.communicate()
    assert 0 < len(world.jobs()) < JOBS

    again = world.run("apply", "--auto-approve")

    assert again.returncode == 0, again.stderr
    check_truth(world, JOBS)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_apply_leaves_a_true_state(world: World, number: int):
    world.serve("--simulate")
    world.write(definition("".join(job(f"j{n:02}") for n in range(JOBS))))
    slow = {"kind": "latency", "seconds": 0.1}
    rule = {"method": "POST", "path_regex": "jobs$", "times": None, "fault": slow}
    world.admin("POST", "faults", rule)
    victim = world.start("apply", "--auto-approve", "--parallelism", "4")
    wait_for(lambda: len(world.jobs()) >= 5)

    stdout, stderr = interrupt(victim, number)

    assert victim.returncode == 130, stdout + stderr
    created = len(world.jobs())
    assert 0 < created < JOBS
    check_truth(world, created)
    world.admin("DELETE", "faults")
    again = world.run("apply", "--auto-approve")
    assert again.returncode == 0, again.stderr
    assert f"{JOBS - created} created" in again.stdout
    check_truth(world, JOBS)


@pytest.mark.timeout(600)
def test_a_second_ctrl_c_leaves_at_once(world: World):
    world.serve("--simulate")
    world.write(definition("".join(job(f"j{n:02}") for n in range(JOBS))))
    slow = {"kind": "latency", "seconds": 5}
    rule = {"method": "POST", "path_regex": "jobs$", "times": None, "fault": slow}
    world.admin("POST", "faults", rule)
    victim = world.start("apply", "--auto-approve")
    wait_for(lambda: (world.folder / "state" / "vision.journal").exists())
    victim.send_signal(signal.SIGINT)
    assert victim.stderr is not None
    while "Interrupted" not in victim.stderr.readline():
        pass
    interrupt(victim)
    assert victim.returncode == 130
    world.admin("DELETE", "faults")

    again = world.run("apply", "--auto-approve")

    assert again.returncode == 0, again.stderr
    check_truth(world, JOBS)
