"""`status --watch` through the command line: what is told, until when, and how it ends."""

import json

from tests.acceptance.world import World, definition, interrupt, job

WATCH = ("status", "--watch", "--interval", "0.1")


def a_gate(world: World) -> tuple[str, str]:
    """Return a boot file that runs until a file appears, and that file's path."""
    gate = world.folder / "gate"
    code = f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists():\n"
    world.write(f"{code}    time.sleep(0.05)\n", "buckets/data/code/gate.py")
    return "gate.py", str(gate)


def test_each_change_is_a_line_and_the_table_comes_at_the_end(world: World) -> None:
    boot, gate = a_gate(world)
    world.write(definition(job("quick") + job("bad", boot="fail.py") + job("gated", boot=boot)))
    assert world.run("apply", "--auto-approve").returncode == 0

    watch = world.start(*WATCH)
    assert watch.stdout is not None
    lines = iter(watch.stdout.readline, "")
    next(line for line in lines if "gated" in line and "running" in line)
    world.write("", gate)
    rest, trouble = watch.communicate(timeout=120)

    assert (watch.returncode, trouble) == (0, "")
    table = rest[rest.index("ADDRESS") :].splitlines()
    for name, status in (("quick", "succeeded"), ("bad", "failed"), ("gated", "succeeded")):
        assert any(name in line and status in line for line in table), rest


def test_programs_get_a_line_of_json_for_each_change(world: World) -> None:
    world.write(definition(job("quick") + job("bad", boot="fail.py")))
    assert world.run("apply", "--auto-approve").returncode == 0

    done = world.run(*WATCH, "--json", "quick", "bad")

    assert done.returncode == 0, done.stderr
    last = {each["address"]: each["status"] for each in map(json.loads, done.stdout.splitlines())}
    assert last == {"quick": "succeeded", "bad": "failed"}


def test_an_interrupt_ends_it_and_stops_no_job(world: World) -> None:
    world.write(definition(job("slow", boot="slow.py")))
    assert world.run("apply", "--auto-approve").returncode == 0
    watch = world.start(*WATCH, "slow")
    assert watch.stdout is not None
    next(line for line in iter(watch.stdout.readline, "") if "running" in line)

    interrupt(watch)

    assert watch.returncode == 130
    assert "1 job: 1 running." in world.run("status").stdout
