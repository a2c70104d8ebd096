"""The daily use, told through the command line on the embedded platform."""

import json
from pathlib import Path

import pytest

from tests.acceptance.world import World, definition, job, wait_for


def test_the_life_of_a_definition(world: World):
    world.write(definition(job("a", lr="1e-3") + job("b")))
    assert world.run("validate").stdout == "2 jobs valid.\n"

    planned = world.run("plan", "--detailed-exitcode")
    assert planned.returncode == 2, planned.stderr
    assert "Plan: 2 to create." in planned.stdout
    assert not (world.folder / "state" / "vision.json").exists(), "plan writes nothing"

    applied = world.run("apply", "--auto-approve", "--wait")
    assert applied.returncode == 0, applied.stderr
    assert "2 created" in applied.stdout
    assert "Verified: the state equals the plan." in applied.stdout
    assert "a: created" in applied.stderr, "progress goes to stderr"

    assert "--lr=1e-3" in world.run("logs", "a").stdout, "parameters keep their text"
    assert "Nothing to do" in world.run("apply", "--auto-approve").stdout
    assert world.run("plan", "--detailed-exitcode").returncode == 0
    assert world.run("drift").returncode == 0

    world.edit("1e-3", "1e-4")
    changed = world.run("plan", "--json")
    (action,) = json.loads(changed.stdout)["actions"]
    assert (action["kind"], action["address"], action["reason"]) == (
        "replace",
        "a",
        "definition_changed",
    )
    (change,) = action["changes"]
    assert (change["path"], change["before"], change["after"], change["forces_replace"]) == (
        "parameters.lr",
        "1e-3",
        "1e-4",
        True,
    )
    replaced = world.run("apply", "--auto-approve", "--wait")
    assert replaced.returncode == 0, replaced.stderr
    assert "--lr=1e-4" in world.run("logs", "a").stdout

    world.write(definition(job("a", lr="1e-4")))
    removed = world.run("apply", "--auto-approve")
    assert removed.returncode == 0, removed.stderr
    assert "1 deleted" in removed.stdout
    assert [each["name"] for each in world.jobs()] == ["a"]
    assert world.run("state", "list").stdout.split()[0] == "a"

    destroyed = world.run("destroy", "--auto-approve")
    assert destroyed.returncode == 0, destroyed.stderr
    assert world.jobs() == []
    assert world.state()["records"] == {}


def test_a_second_apply_sends_nothing_that_changes(world: World):
    world.write(definition(job("a") + job("b")))
    world.run("apply", "--auto-approve", "--wait")
    world.admin("DELETE", "requests")

    assert world.run("apply", "--auto-approve").returncode == 0
    assert "mutating" not in world.counts()


@pytest.mark.parametrize(("api", "lists"), [("modelarts/v1", 1), ("modelarts/v2", 20)])
def test_a_plan_without_change_of_1000_jobs_is_a_list_of_few_requests(
    world: World, api: str, lists: int
):
    world.serve("--simulate")
    platform = f"endpoint: local, api: {api}"
    world.write(definition("".join(job(f"j{n:04}") for n in range(1000)), platform=platform))
    applied = world.run("apply", "--auto-approve", "--parallelism", "16", "-q")
    assert applied.returncode == 0, applied.stderr
    world.admin("DELETE", "requests")

    planned = world.run("plan", "--detailed-exitcode")

    assert planned.returncode == 0, planned.stderr
    counts = world.counts()
    assert counts["list"] == lists
    assert counts.get("detail", 0) == 0
    assert counts["total"] == lists + 1, "the list, and a token"


def test_a_saved_plan_is_applied_exactly(world: World):
    world.write(definition(job("a") + job("b")))
    assert world.run("plan", "-o", "plan.json").returncode == 0
    assert (world.folder / "plan.json").stat().st_mode & 0o077 == 0
    world.write(definition(job("a") + job("b") + job("c")))

    shown = world.run("show", "plan.json")
    assert "Plan: 2 to create." in shown.stdout
    applied = world.run("apply", "plan.json")

    assert applied.returncode == 0, applied.stderr
    assert sorted(each["name"] for each in world.jobs()) == ["a", "b"]
    again = world.run("apply", "plan.json")
    assert again.returncode == 3
    assert "another state" in again.stderr or "moved on" in again.stderr


def test_a_plan_is_applied_by_the_digest_that_was_reviewed(world: World):
    world.write(definition(job("a")))
    digest = json.loads(world.run("plan", "--json").stdout)["digest"]
    world.edit("parameters: {}", "parameters: {lr: 5}")

    refused = world.run("apply", "--expect", digest)
    assert refused.returncode == 3
    assert digest in refused.stderr
    assert not (world.folder / "state" / "vision.json").exists()

    world.edit("parameters: {lr: 5}", "parameters: {}")
    assert world.run("apply", "--expect", digest).returncode == 0


def test_a_status_makes_no_plan_stale(world: World):
    world.write(definition(job("a", boot="slow.py")))
    world.run("apply", "--auto-approve")
    world.edit("parameters: {}", "parameters: {lr: 5}")
    assert world.run("plan", "-o", "plan.json").returncode == 5, "it waits or runs"
    assert world.run("stop", "a").returncode == 0
    world.run("wait")

    applied = world.run("apply", "plan.json")
    assert applied.returncode == 0, applied.stderr


def test_running_work_is_not_interrupted_unasked(world: World):
    world.write(definition(job("a", boot="slow.py")))
    world.run("apply", "--auto-approve")
    wait_for(lambda: "running" in world.run("status").stdout)
    world.edit("parameters: {}", "parameters: {lr: 5}")

    refused = world.run("apply", "--auto-approve")
    assert refused.returncode == 5
    assert '"a"' in refused.stderr
    assert "--interrupt-running" in refused.stderr
    (only,) = world.jobs()

    allowed = world.run("apply", "--auto-approve", "--interrupt-running")
    assert allowed.returncode == 0, allowed.stderr
    (other,) = world.jobs()
    assert other["job_id"] != only["job_id"]


def test_drift_is_told_and_mended(world: World):
    world.write(definition(job("a", lr="1") + job("b") + job("c")))
    world.run("apply", "--auto-approve", "--wait")
    ids = {each["name"]: each["job_id"] for each in world.jobs()}
    world.admin("POST", f"jobs/{ids['a']}/versions", {"changes": {"parameter": []}})
    world.admin("DELETE", f"jobs/{ids['b']}")

    found = world.run("drift", "--json")
    assert found.returncode == 2
    drift = {each["address"]: each["kind"] for each in json.loads(found.stdout)["drift"]}
    assert drift == {"a": "replaced"}, "b had succeeded: cleaned up is no drift"

    mended = world.run("apply", "--auto-approve", "--interrupt-running")
    assert mended.returncode == 0, mended.stderr
    assert world.run("drift").returncode == 0
    assert sorted(each["name"] for each in world.jobs()) == ["a", "c"]


def test_an_existing_job_is_adopted(world: World):
    world.write(definition(job("a", lr="1")))
    world.run("apply", "--auto-approve", "--wait")
    world.run("state", "rm", "a")
    taken = world.run("plan")
    assert taken.returncode == 1
    assert "Name is taken" in taken.stdout
    assert "jobs.yaml:9:3" in taken.stdout

    assert world.run("adopt", "a").returncode == 0
    assert "Nothing to do" in world.run("plan").stdout

    world.run("state", "rm", "a")
    assert world.run("apply", "--adopt", "--auto-approve").returncode == 0
    assert "Nothing to do" in world.run("plan").stdout
    assert len(world.jobs()) == 1


def test_a_failed_job_is_retried_as_defined(world: World):
    lifecycle = "    lifecycle: {on_failure: retry, max_attempts: 3}\n"
    world.write(definition(job("a", boot="fail.py") + lifecycle))

    failed = world.run("apply", "--auto-approve", "--wait")

    assert failed.returncode == 6, failed.stderr
    assert "attempt 3" in failed.stderr
    assert "no luck today" in failed.stderr, "the failing job's last words"
    assert world.state()["records"]["a"]["attempt"] == 3
    assert "Nothing to do" in world.run("plan").stdout


def test_state_commands(world: World):
    world.write(definition(job("a") + job("b")))
    world.run("apply", "--auto-approve", "--wait")

    assert world.run("state", "mv", "a", "c").returncode == 0
    assert [line.split()[0] for line in world.run("state", "list").stdout.splitlines()] == [
        "b",
        "c",
    ]
    before = world.state()
    assert world.run("state", "rm", "c").returncode == 0
    kept = [
        each["name"]
        for each in json.loads(world.run("state", "history", "--json").stdout)["snapshots"]
    ]
    assert world.run("state", "restore", kept[1]).returncode == 0
    after = world.state()
    assert after["records"] == before["records"]
    assert after["lineage"] == before["lineage"]
    assert after["serial"] > before["serial"]
    record = after["records"]["b"]
    assert {"job_id", "version_id", "name", "spec"} <= record.keys()
    assert "job_id" in world.run("state", "show", "b", "--json").stdout
    assert "not locked" in world.run("state", "unlock").stderr


def test_apply_streams_events_as_json_lines(world: World):
    world.write(definition(job("a")))
    applied = world.run("apply", "--auto-approve", "--json")

    events = [json.loads(line) for line in applied.stdout.splitlines()]
    kinds = [event["type"] for event in events]
    assert kinds.index("plan") < kinds.index("started") < kinds.index("done")
    assert kinds[-1] == "summary"
    assert events[-1]["data"]["verified"] is True


def test_catalog_schema_completion_init(world: World):
    assert "Wrote jobs.yaml." in world.run("init").stdout
    assert world.run("validate").returncode == 0
    assert world.run("init").returncode == 64, "nothing is overwritten"
    assert "modelarts.vm.cpu.8u" in world.run("catalog", "flavors").stdout
    assert "TF-1.8.0-python3.6" in world.run("catalog", "engines").stdout
    some = json.loads(world.run("catalog", "flavors", "*.cpu.8u", "--json").stdout)["flavors"]
    assert [each["code"] for each in some] == ["modelarts.vm.cpu.8u"]
    pytorch = world.run("catalog", "engines", "PyTorch").stdout
    assert "PyTorch" in pytorch
    assert "TensorFlow" not in pytorch
    assert world.run("validate", "--live").returncode == 0
    assert json.loads(world.run("schema").stdout)["type"] == "object"
    assert "digest" in world.run("schema", "plan").stdout
    for shell in ("bash", "zsh", "fish"):
        assert "_RECONCILER_COMPLETE" in world.run("completion", shell).stdout


def test_the_starter_applies_as_it_is(world: World):
    world.run("init")
    applied = world.run("apply", "--auto-approve", "--wait")
    assert applied.returncode == 0, applied.stderr


def test_the_same_commands_reach_a_platform_by_its_url(world: World):
    running = world.serve()
    world.write(
        definition(job("a"), platform=f"endpoint: {running.url}, auth_url: {running.auth_url}")
    )
    who = {
        "OS_USERNAME": running.username,
        "OS_PASSWORD": running.password,
        "OS_USER_DOMAIN_NAME": running.domain,
    }
    by_name = who | {"OS_PROJECT_NAME": running.project_name}
    applied = world.run("apply", "--auto-approve", "--wait", env=by_name)
    assert applied.returncode == 0, applied.stderr
    by_id = who | {"OS_PROJECT_ID": running.project_id}
    assert "Nothing to do" in world.run("plan", env=by_id).stdout

    missing = world.run("plan", env={"OS_USERNAME": "me"})
    assert missing.returncode == 1
    assert "OS_PASSWORD" in missing.stderr
    wrong = world.run("plan", env=by_id | {"OS_PASSWORD": "s3cret-wrong"})
    assert wrong.returncode == 1
    assert "s3cret-wrong" not in wrong.stdout + wrong.stderr
    for path in Path(world.folder).rglob("*"):
        if path.is_file() and "local" not in path.parts:
            assert running.password not in path.read_text(errors="replace")
