"""The loop through the command line: what it does by itself, and how it ends."""

import json
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from tests.acceptance.world import PATIENCE, World, definition, interrupt, job, wait_for

LOOP = ("watch", "--auto-approve", "--interval", "0.2", "--listen", "127.0.0.1:0")
FLAKY = """\
import pathlib, sys
marker = pathlib.Path(__file__).with_name("tried")
tried = len(marker.read_text()) if marker.exists() else 0
marker.write_text("x" * (tried + 1))
print("attempt", tried + 1)
sys.exit(tried < 2)
"""


def records(world: World) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = world.state()["records"]
    return found


def succeeded(world: World, *addresses: str) -> bool:
    known = records(world)
    outcomes = [(known.get(each) or {}).get("outcome") for each in addresses]
    return all(isinstance(each, dict) and each["status"] == "succeeded" for each in outcomes)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)], ids=["SIGTERM", "Ctrl-C"]
)
def test_a_loop_creates_and_retries_until_it_is_ended(
    world: World, number: signal.Signals, code: int
) -> None:
    world.write(FLAKY, "buckets/data/code/flaky.py")
    flaky = job("b", boot="flaky.py") + "    lifecycle: {on_failure: retry, max_attempts: 3}\n"
    world.write(definition(job("a") + flaky))

    loop = world.start(*LOOP)
    wait_for(lambda: succeeded(world, "a", "b"))
    _, told = interrupt(loop, number)

    assert loop.returncode == code, told
    assert records(world)["b"]["attempt"] == 3
    assert len(world.jobs()) == 2
    assert world.run("plan", "--detailed-exitcode").returncode == 0


def test_a_wrong_definition_changes_nothing_and_the_next_right_one_counts(world: World) -> None:
    world.write(definition(job("a")))
    loop = world.start(*LOOP, "--allow", "all", "--json")
    wait_for(lambda: succeeded(world, "a"))

    world.write("version: 1\nstack: vision\njobs: {a: {flavour: x}}\n")
    assert loop.stdout is not None
    lines = iter(loop.stdout.readline, "")
    event = next(each for each in map(json.loads, lines) if "last good" in each.get("message", ""))
    assert "Unknown key" in event["message"]
    (world.folder / "jobs.yaml").unlink()
    next(each for each in map(json.loads, lines) if "No definition found" in each["message"])
    assert [each["name"] for each in world.jobs()] == ["a"], "nothing is deleted"

    world.write(definition(job("b")))
    wait_for(lambda: [each["name"] for each in world.jobs()] == ["b"])
    interrupt(loop, signal.SIGTERM)
    assert loop.returncode == 0


def test_a_loop_leaves_what_it_has_no_word_for(world: World) -> None:
    world.write(definition(job("a", lr="1")))
    assert world.run("apply", "--auto-approve", "--wait").returncode == 0
    world.edit("lr: 1", "lr: 2")

    held = world.run(*LOOP, "--rounds", "3")
    assert held.returncode == 0, held.stderr
    assert held.stderr.count("Held back: replace a (needs --allow replace).") == 1
    assert "lr=1" in world.run("logs", "a").stdout

    done = world.run(*LOOP, "--rounds", "3", "--allow", "replace")
    assert done.returncode == 0, done.stderr
    world.run("wait")
    assert "lr=2" in world.run("logs", "a").stdout


def test_metrics_and_health(world: World) -> None:
    world.write(definition(job("a")))
    loop = world.start(*LOOP)
    assert loop.stderr is not None
    found = re.search(r"http://127\.0\.0\.1:\d+", loop.stderr.readline())
    assert found

    def get(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"{found[0]}{path}", timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    wait_for(lambda: 'reconciler_jobs{status="succeeded"} 1.0' in get("/metrics")[1])
    metrics = get("/metrics")[1]
    assert 'reconciler_actions_total{kind="create",result="done"} 1.0' in metrics
    assert "reconciler_definition_valid 1.0" in metrics
    assert [get(path)[0] for path in ("/livez", "/readyz", "/state")] == [200, 200, 404]

    world.write("version: 1\n")
    wait_for(lambda: get("/readyz")[0] == 503)
    assert get("/livez")[0] == 200
    interrupt(loop, signal.SIGTERM)
    assert loop.returncode == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("watch",), "--auto-approve"),
        ((*LOOP, "--allow", "create,everything"), "everything"),
        ((*LOOP, "--listen", "somewhere"), "HOST:PORT"),
        ((*LOOP, "--rounds", "0"), "--rounds"),
    ],
)
def test_wrong_usage(world: World, options: tuple[str, ...], message: str) -> None:
    world.write(definition(job("a")))

    refused = world.run(*options)

    assert (refused.returncode, message in refused.stderr) == (64, True), refused.stderr
    assert records(world) == {}


def test_a_wrong_definition_at_the_start_is_told_at_once(world: World) -> None:
    world.write("version: 1\n")

    assert world.run(*LOOP).returncode == 1


def test_a_second_signal_leaves_at_once_and_loses_nothing(world: World) -> None:
    world.serve()
    world.write(definition("".join(job(f"j{n}") for n in range(8))))
    slow = {"kind": "latency", "seconds": 2}
    rule = {"method": "POST", "path_regex": "jobs$", "times": None, "fault": slow}
    world.admin("POST", "faults", rule)
    loop: subprocess.Popen[str] = world.start(*LOOP, "--parallelism", "2")
    wait_for(lambda: (world.folder / "state" / "vision.journal").exists())
    time.sleep(0.5)
    loop.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    _, told = interrupt(loop, signal.SIGTERM)

    assert loop.returncode == 130, told
    assert "Left at once" in told
    world.admin("DELETE", "faults")
    assert world.run("apply", "--auto-approve").returncode == 0
    names = [each["name"] for each in world.jobs()]
    assert sorted(names) == [f"j{n}" for n in range(8)]
