"""Every exit code, through the command line, with the message that goes with it."""

import json
import os
import pty
import subprocess
import sys

import pytest

from tests.acceptance.world import PATIENCE, PROGRAM, World, definition, interrupt, job, wait_for


def test_0_done(world: World):
    world.write(definition(job("a")))
    assert world.run("apply", "--auto-approve").returncode == 0


def test_1_failed_and_the_rest_is_recorded(world: World):
    world.write(definition(job("a") + job("b")))
    world.serve()
    fault = {"kind": "error_before", "status": 400, "code": "ModelArts.0104", "message": "no"}
    world.admin("POST", "faults", {"method": "POST", "path_regex": "jobs$", "fault": fault})

    failed = world.run("apply", "--auto-approve", "--parallelism", "1")

    assert failed.returncode == 1
    assert "ModelArts.0104" in failed.stdout + failed.stderr
    assert list(world.state()["records"]) == ["b"]


def test_2_differences(world: World):
    world.write(definition(job("a")))
    world.edit("train.py", "slow.py")
    assert world.run("plan", "--detailed-exitcode").returncode == 2
    world.run("apply", "--auto-approve")
    world.run("stop", "a")
    (only,) = world.jobs()
    world.admin("DELETE", f"jobs/{only['job_id']}")
    assert world.run("drift").returncode == 2


def test_3_stale(world: World):
    world.write(definition(job("a")))
    assert world.run("apply", "--expect", "sha256:0").returncode == 3
    world.run("plan", "-o", "plan.json")
    edited = (world.folder / "plan.json").read_text().replace("train.py", "other.py")
    (world.folder / "plan.json").write_text(edited)
    tampered = world.run("apply", "plan.json")
    assert tampered.returncode == 3
    assert "edited" in tampered.stderr
    assert world.run("show", "plan.json").returncode == 3


@pytest.mark.parametrize(
    ("outside", "told"),
    [
        pytest.param("version", "version_id", id="someone made a version"),
        pytest.param("delete", "job_id", id="someone deleted the job"),
        pytest.param("describe", "description", id="someone changed the description"),
    ],
)
def test_3_names_job_and_field(world: World, outside: str, told: str):
    world.write(definition(job("a")))
    world.run("apply", "--auto-approve", "--wait")
    block = "    parameters: {}\n"
    world.edit(block, block + "    description: mine\n")
    world.run("plan", "-o", "plan.json")
    (only,) = world.jobs()
    path = f"jobs/{only['job_id']}"
    match outside:
        case "version":
            world.admin("POST", f"{path}/versions", {})
        case "delete":
            world.admin("DELETE", path)
        case _:
            world.admin("PATCH", path, {"description": "theirs"})

    stale = world.run("apply", "plan.json")

    assert stale.returncode == 3
    assert '"a"' in stale.stderr
    assert told in stale.stderr


def test_4_locked(world: World):
    world.write(definition(job("a")))
    world.serve()
    slow = {"kind": "latency", "seconds": 20}
    world.admin("POST", "faults", {"method": "POST", "path_regex": "jobs$", "fault": slow})
    holder = world.start("apply", "--auto-approve")
    wait_for(lambda: (world.folder / "state" / "vision.journal").exists())

    locked = world.run("apply", "--auto-approve")

    assert locked.returncode == 4
    assert str(holder.pid) in locked.stderr
    assert "reconciler apply" in locked.stderr
    assert world.run("plan").returncode == 0, "reading needs no lock"
    holder.kill()
    holder.communicate()
    assert world.run("apply", "--auto-approve", "--wait").returncode == 0, "free when it dies"
    assert len(world.jobs()) == 1


def test_5_refused(world: World):
    world.write(definition(job("a") + "    lifecycle: {protect: true}\n"))
    world.run("apply", "--auto-approve", "--wait")
    world.write(definition("  {}\n"))
    refused = world.run("apply", "--auto-approve")
    assert refused.returncode == 5
    assert '"a"' in refused.stderr
    assert world.run("plan").returncode == 5
    assert world.run("destroy", "--auto-approve").returncode == 5
    assert len(world.jobs()) == 1


def test_5_mass_delete(world: World):
    world.serve("--simulate")
    world.write(definition("".join(job(f"j{n}") for n in range(10))))
    world.run("apply", "--auto-approve", "--wait")
    world.write(definition("".join(job(f"j{n}") for n in range(6))))
    assert world.run("apply", "--auto-approve").returncode == 5
    assert len(world.jobs()) == 10
    assert world.run("apply", "--auto-approve", "--allow-mass-delete").returncode == 0
    assert len(world.jobs()) == 6


def test_5_state_of_another_platform(world: World):
    world.write(definition(job("a")))
    world.run("apply", "--auto-approve", "--wait")
    world.edit("endpoint: local", "endpoint: local, workspace_id: '7'")
    for command in (["plan"], ["drift"], ["apply", "--auto-approve"]):
        refused = world.run(*command)
        assert refused.returncode == 5, refused
        assert "another platform" in refused.stderr


def test_6_a_training_failed(world: World):
    world.write(definition(job("a", boot="fail.py")))
    assert world.run("apply", "--auto-approve", "--wait").returncode == 6
    failed = world.run("wait")
    assert failed.returncode == 6
    assert "no luck today" in failed.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["plann"],
        ["plan", "--no-such-option"],
        ["apply", "--auto-approve", "--parallelism", "0"],
        ["apply", "--auto-approve", "--target", "nobody"],
        ["apply"],
        ["destroy"],
        ["plan", "--var", "nonsense"],
        ["plan", "--report", "papyrus"],
        ["logs"],
        ["stop", "nobody"],
        ["apply", "plan.json", "--target", "a"],
        ["state", "mv", "a"],
        ["plan", "--state", "ftp://nowhere"],
    ],
    ids=" ".join,
)
def test_64_wrong_usage(world: World, args: list[str]):
    world.write(definition(job("a")))
    wrong = world.run(*args)
    assert wrong.returncode == 64, wrong
    assert wrong.stdout == ""
    assert wrong.stderr.startswith("error: ")
    assert "Traceback" not in wrong.stderr


def test_64_no_definition(world: World):
    missing = world.run("plan")
    assert missing.returncode == 64
    assert "reconciler init" in missing.stderr


def test_130_interrupted_while_waiting(world: World):
    world.write(definition(job("a", boot="slow.py")))
    world.run("apply", "--auto-approve")
    waiting = world.start("wait")
    wait_for(lambda: bool(waiting.poll() is None))
    assert waiting.stderr is not None
    waiting.stderr.readline()
    interrupt(waiting)
    assert waiting.returncode == 130


def test_asks_on_a_terminal_and_takes_no_for_an_answer(world: World):
    world.write(definition(job("a")))
    mine, theirs = pty.openpty()
    asking = subprocess.Popen(
        [PROGRAM, "apply"],
        cwd=world.folder,
        env=world.environment(),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.write(mine, b"n\n")
    stdout, stderr = asking.communicate(timeout=PATIENCE)
    os.close(mine)
    os.close(theirs)
    assert "Apply this plan?" in stderr
    assert asking.returncode == 1, stdout + stderr
    assert world.jobs() == []


def test_a_closed_pipe_is_no_error(world: World):
    world.write(definition(job("a")))
    world.run("plan")
    piped = subprocess.run(
        f"{PROGRAM} schema | {sys.executable} -c 'pass'",
        shell=True,
        cwd=world.folder,
        env=world.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "Traceback" not in piped.stderr
    assert "Exception" not in piped.stderr


def test_options_come_from_the_environment(world: World):
    world.write(definition(job("a")), name="elsewhere/vision.yaml")
    (world.folder / "buckets").rename(world.folder / "elsewhere" / "buckets")
    variables = {
        "RECONCILER_FILE": "elsewhere/vision.yaml",
        "RECONCILER_DETAILED_EXITCODE": "1",
        "RECONCILER_JSON": "1",
    }
    planned = world.run("plan", env=variables)
    assert planned.returncode == 2, planned.stderr
    assert json.loads(planned.stdout)["summary"]["create"] == 1
