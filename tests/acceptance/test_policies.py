"""Policies, limits, prices and known drift through the command line."""

import json

import pytest

from tests.acceptance.world import World, definition, job

RULES = """\
policies:
  owned:
    scope: job
    assert: has(job.labels.owner)
    message: "{address} has no owner."
  one-worker:
    when: action.kind == "create"
    assert: action.after.workers == 1
    message: one worker each
"""
OWNED = job("a") + "    labels: {owner: me}\n"


def line_of(world: World, start: str) -> int:
    """Return the line of the definition that starts with a text, counted from 1."""
    lines = (world.folder / "jobs.yaml").read_text().splitlines()
    return 1 + next(at for at, line in enumerate(lines) if line.startswith(start))


def test_a_policy_refuses_the_apply_and_stands_in_the_plan(world: World):
    world.write(definition(OWNED + job("b")) + RULES)

    validated, planned = world.run("validate"), world.run("plan", "-o", "plan.json")
    applied = world.run("apply", "--auto-approve")

    assert (validated.returncode, planned.returncode, applied.returncode) == (5, 5, 5)
    place = f"jobs.yaml:{line_of(world, '  b:')}:3"
    told = f'{place}: error: Policy violated\n  Policy "owned", job "b": b has no owner.'
    for shown in (validated.stderr, planned.stdout, applied.stderr):
        assert told in shown
    assert "Refused by a policy: nothing was changed" in applied.stderr
    saved = json.loads((world.folder / "plan.json").read_text())
    assert [each["code"] for each in saved["diagnostics"]] == ["policy"]
    assert world.jobs() == []


def test_a_saved_plan_is_no_way_around(world: World):
    world.write(definition(job("a")) + RULES)
    world.run("plan", "-o", "plan.json")
    saved = json.loads((world.folder / "plan.json").read_text())
    (world.folder / "edited.json").write_text(json.dumps(saved | {"diagnostics": []}))
    world.write(definition(job("a")))

    refused = world.run("apply", "plan.json")

    assert refused.returncode == 5
    assert "a has no owner." in refused.stderr
    assert world.run("apply", "edited.json").returncode == 3
    assert world.jobs() == []


def test_what_keeps_to_the_policies_is_applied(world: World):
    world.write(definition(OWNED))
    world.write(RULES.replace("scope: job\n", "scope: job\n    severity: warning\n"), "rules.yaml")
    files = ("-f", "jobs.yaml", "-f", "rules.yaml")

    assert world.run("apply", *files, "--auto-approve", "--wait").returncode == 0
    world.edit("labels: {owner: me}", "labels: {}")
    warned = world.run("validate", *files)
    assert warned.returncode == 0
    assert 'warning: Policy violated\n  Policy "owned", job "a"' in warned.stdout


@pytest.mark.parametrize("command", ["validate", "drift"])
def test_a_wrong_expression_is_a_problem_of_the_definition(world: World, command: str):
    world.write(definition(OWNED) + RULES.replace("action.kind", "action.knd"))

    told = world.run(command)

    assert told.returncode == 1
    place = f"jobs.yaml:{line_of(world, '    when:')}:11"
    assert (
        f'{place}: error: Unknown name\n  Policy "one-worker": Nothing is called "action.knd" here.'
        in told.stderr
    )
    assert 'Did you mean "action.kind"?' in told.stderr


def test_limits_and_costs(world: World):
    jobs = definition(OWNED + "    estimated_hours: 2.5\n")
    prices = "cost: {currency: EUR, prices: {modelarts.vm.cpu.8u: 0.40}}\n"
    world.write(jobs + prices + "limits: {cost: 1, creates: 1}\n")

    within = world.run("plan")
    world.edit("cost: 1,", "cost: 0.99,")
    beyond = world.run("plan")

    assert (within.returncode, beyond.returncode) == (0, 5)
    assert "Estimated cost: 1.00 EUR.\n" in within.stdout
    assert 'Limit "cost": 1 job would take 1 EUR, 0.99 EUR are allowed.' in beyond.stdout


def test_known_drift(world: World):
    world.serve("--simulate")
    world.write(definition(job("a") + "    description: ours\n" + job("b")))
    assert world.run("apply", "--auto-approve", "--wait").returncode == 0
    changed = next(each for each in world.jobs() if each["name"] == "a")
    world.admin("PATCH", f"jobs/{changed['job_id']}", {"description": "theirs"})
    jobs = definition(job("a") + "    description: ours\n" + job("b"))
    entry = "drift: {ignore: {address: a, path: descr*, reason: agreed, until: 2999-12-31}}\n"
    assert world.run("drift").returncode == 2

    world.write(jobs + entry)
    known, listed, planned = world.run("drift"), world.run("drift", "-v"), world.run("plan")
    world.write(jobs + entry.replace("2999", "2019"))
    expired = world.run("drift")
    world.write(jobs + entry.replace("address: a", "address: c"))
    unused = world.run("drift", "-v")

    assert (known.returncode, expired.returncode, unused.returncode) == (0, 2, 2)
    assert "Known drift ignored: 1 entry" in known.stdout
    assert "ignored: agreed (until 2999-12-31)" in listed.stdout
    assert "1 to update" in planned.stdout, "apply sets it right all the same"
    place = f"jobs.yaml:{line_of(world, 'drift:')}:17"
    assert f"{place}: warning: Known drift has expired" in expired.stdout
    assert f"note: {place}: nothing drifted that is ignored here" in unused.stdout
