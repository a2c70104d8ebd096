"""Jobs that wait for others, expire, get versions and successors, and move: by the command line."""

import json
import time
from typing import Any

from tests.acceptance.world import World, definition, job

PIPELINE = (
    job("prepare", n="1")
    + job("train", n="1")
    + "    depends_on: [prepare]\n"
    + job("evaluate", n="1")
    + "    depends_on: [train]\n"
)
PREPARE = "prepare:\n    boot_file: train.py\n    parameters: "


def planned(world: World, *options: str) -> dict[str, str]:
    """Return kind and reason of each action, by address."""
    document = json.loads(world.run("plan", "--json", *options).stdout)
    return {each["address"]: f"{each['kind']} {each['reason']}" for each in document["actions"]}


def ids(world: World) -> dict[str, str]:
    return {address: record["job_id"] for address, record in world.state()["records"].items()}


def apply(world: World, *options: str) -> Any:
    done = world.run("apply", "--auto-approve", *options)
    assert done.returncode == 0, done.stderr
    return done


def test_a_pipeline_is_walked_to_its_end_and_again_after_a_change(world: World) -> None:
    world.write(definition(PIPELINE))
    assert planned(world) == {
        "prepare": "create new",
        "train": "blocked waits",
        "evaluate": "blocked waits",
    }
    assert world.run("plan", "--detailed-exitcode").returncode == 2

    done = apply(world, "--wait")

    assert "All 3 jobs succeeded." in done.stderr
    first = ids(world)
    assert world.run("plan", "--detailed-exitcode").returncode == 0

    world.edit(f"{PREPARE}{{n: 1}}", f"{PREPARE}{{n: 2}}")
    assert planned(world)["evaluate"] == "blocked dependency_replaced"
    saved = world.run("plan", "-o", "plan.json")
    assert "waits for prepare" in saved.stdout
    walked = world.run("apply", "plan.json", "--wait")

    assert walked.returncode == 0, walked.stderr
    assert not set(first.values()) & set(ids(world).values())
    assert planned(world) == {}
    assert len(world.jobs()) == 3


def test_a_plain_apply_goes_on_step_by_step(world: World) -> None:
    world.write(definition(PIPELINE))
    for name in ("prepare", "train", "evaluate"):
        apply(world)
        assert name in ids(world)
        assert world.run("wait").returncode == 0
    apply(world)
    assert planned(world) == {}


def test_what_only_waits_is_shown_and_no_difference(world: World) -> None:
    world.write(definition(PIPELINE))
    world.edit("boot_file: train.py", "boot_file: fail.py")
    apply(world)
    world.run("wait", "prepare")

    shown = world.run("plan", "--detailed-exitcode")

    assert shown.returncode == 0, shown.stdout
    assert "train" in shown.stdout


def test_a_removed_block_keeps_or_deletes_the_jobs_that_it_names(world: World) -> None:
    sweep = job("sweep") + "    sweep: {n: [1, 2]}\n"
    world.write(definition(job("gone") + sweep + job("left")))
    apply(world, "--wait")
    before = ids(world)
    blocks = "removed: [{address: gone, keep: false}, {address: 'sweep[*]', keep: true}]\n"
    world.write(definition(job("left")) + blocks)

    assert planned(world) == {
        "gone": "delete removed",
        "sweep[n=1]": "forget retained",
        "sweep[n=2]": "forget retained",
    }
    apply(world)

    assert set(ids(world)) == {"left"}
    kept = {before[each] for each in before if each != "gone"}
    assert {str(each["job_id"]) for each in world.jobs()} == kept


def test_a_failed_step_ends_the_walk_and_says_what_waits(world: World) -> None:
    world.write(definition(PIPELINE.replace("boot_file: train.py", "boot_file: fail.py", 1)))

    walked = world.run("apply", "--auto-approve", "--wait")

    assert walked.returncode == 6
    assert "Still waiting for other jobs: evaluate, train." in walked.stderr
    assert "no luck today" in walked.stderr
    assert set(ids(world)) == {"prepare"}
    shown = world.run("plan")
    assert shown.returncode == 0
    assert 'Job "train" waits for "prepare", which failed.' in shown.stdout


def test_dependents_are_destroyed_first(world: World) -> None:
    world.write(definition(PIPELINE))
    apply(world, "--wait")
    destroyed = world.run("destroy", "--auto-approve", "--json")
    assert destroyed.returncode == 0
    events = [json.loads(line) for line in destroyed.stdout.splitlines()]
    done = [each["address"] for each in events if each["type"] == "done"]
    assert done == ["evaluate", "train", "prepare"]
    assert world.jobs() == []


def test_a_finished_job_expires_and_is_remembered(world: World) -> None:
    world.write(definition(job("a", n="1") + "    lifecycle: {ttl_after_finished: 1}\n"))
    apply(world, "--wait")
    time.sleep(2)
    assert planned(world) == {"a": "delete expired"}

    apply(world)

    assert world.jobs() == []
    assert planned(world) == {}
    assert world.run("drift").returncode == 0
    assert "succeeded" in world.run("status").stdout


def test_on_change_adds_a_version_or_a_job_beside(world: World) -> None:
    versions = "    output: /data/v/\n    lifecycle: {on_change: new_version}\n"
    blocks = job("v", n="1") + versions
    blocks += job("k", n="1") + "    lifecycle: {on_change: keep}\n"
    world.write(definition(blocks))
    apply(world, "--wait")
    before = world.state()["records"]

    world.edit("{n: 1}", "{n: 2}")
    assert planned(world) == {"k": "create definition_changed", "v": "replace definition_changed"}
    apply(world, "--wait")

    after = world.state()["records"]
    assert after["v"]["job_id"] == before["v"]["job_id"]
    assert after["v"]["version_id"] != before["v"]["version_id"]
    kept = f"k@{before['k']['job_id']}"
    assert after[kept]["job_id"] == before["k"]["job_id"]
    assert len(world.jobs()) == 3
    assert planned(world) == {}
    assert kept in world.run("status").stdout
    assert "['--n=1']" in world.run("logs", kept).stdout
    world.write(definition(blocks.replace("n: 1", "n: 2").partition("  k:")[0]))
    assert planned(world) == {"k": "delete removed", kept: "delete removed"}


def test_moved_and_removed_blocks_touch_no_job(world: World) -> None:
    world.write(definition(job("a", n="1") + job("gone", n="1")))
    apply(world, "--wait")
    before = ids(world)
    text = definition(job("b", n="1") + "    name: a\n")
    text += "moved: [{from: a, to: b}]\nremoved: [{address: gone, keep: true}]\n"
    world.write(text)

    shown = world.run("plan", "-o", "plan.json")
    assert "a → b  moved" in shown.stdout
    assert "1 to forget, 1 to move" in shown.stdout
    digest = json.loads((world.folder / "plan.json").read_text())["digest"]
    applied = world.run("apply", "--expect", digest)

    assert applied.returncode == 0, applied.stderr
    assert ids(world) == {"b": before["a"]}
    assert len(world.jobs()) == 2
    assert planned(world) == {}


def test_the_graph_is_shown(world: World) -> None:
    world.write(definition(PIPELINE))
    apply(world, "--wait")
    drawn = world.run("plan", "--graph", "dot", "-o", "plan.json")
    assert drawn.stdout.startswith("digraph reconciler {")
    assert "as it is" in drawn.stdout
    assert world.run("show", "plan.json", "--graph", "dot").stdout == drawn.stdout
    assert world.run("show", "plan.json", "--graph", "mermaid").stdout.startswith("flowchart")
    assert world.run("show", "plan.json", "--graph", "svg").stdout.startswith("<svg")
    assert world.run("plan", "--graph", "dot", "--json").returncode == 64


def test_a_sweeps_key_is_a_target(world: World) -> None:
    swept = job("net", n="1") + "    sweep: {lr: [1, 2]}\n"
    world.write(definition(swept + job("other", n="1")))
    assert set(planned(world, "--target", "net")) == {"net[lr=1]", "net[lr=2]"}
    assert set(planned(world, "--exclude", "net")) == {"other"}
