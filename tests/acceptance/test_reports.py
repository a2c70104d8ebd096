"""Reports for hosts of code and their CI, written on the way of a real change."""

import json
from xml.etree import ElementTree as ET

from tests.acceptance.world import World, definition, job


def test_plan_apply_and_drift_report_what_ci_reads(world: World) -> None:
    world.write(definition(job("a") + job("b", boot="slow.py")))

    planned = world.run("plan", "--report", "github", "--report", "gitlab=plan.json")
    applied = world.run(
        *("apply", "--auto-approve", "--report", "github", "--report", "markdown=plan.md"),
        *("--report", "json=result.json"),
    )
    drifted = world.run("drift", "--report", "junit=drift.xml", "--report", "sarif")

    assert "::notice file=jobs.yaml,line=9,col=3,title=create a::new" in planned.stdout
    assert json.loads((world.folder / "plan.json").read_text()) == {
        "create": 2,
        "update": 0,
        "delete": 0,
    }
    assert applied.returncode == 0
    assert all(line.startswith("::notice ") for line in applied.stdout.splitlines())
    assert "Applied: 2 created." in applied.stderr
    assert "### Plan of `vision`: 2 to create" in (world.folder / "plan.md").read_text()
    assert json.loads((world.folder / "result.json").read_text())["summary"]["done"] == 2
    assert drifted.returncode == 0
    assert json.loads(drifted.stdout)["runs"][0]["results"] == []
    assert ET.parse(world.folder / "drift.xml").getroot().attrib["failures"] == "0"


def test_reports_say_what_is_wrong_with_a_definition_that_is_not_valid(world: World) -> None:
    world.write(definition(job("a")).replace("boot_file", "boot_fil"))

    checked = world.run(
        *("validate", "--report", "github", "--report", "sarif=check.sarif"),
        *("--report", "gitlab-codequality=check.json"),
    )
    planned = world.run("plan", "--report", "markdown=plan.md", "--report", "junit=plan.xml")
    listed = world.run("validate", "--json")

    assert checked.returncode == planned.returncode == listed.returncode == 1
    assert "::error file=jobs.yaml,line=10,col=5,title=Unknown key::" in checked.stdout
    assert "jobs.yaml:10:5: error: Unknown key" in checked.stderr
    (run,) = json.loads((world.folder / "check.sarif").read_text())["runs"]
    assert [result["level"] for result in run["results"]] == ["error"]
    (issue,) = json.loads((world.folder / "check.json").read_text())
    assert issue["location"] == {"path": "jobs.yaml", "lines": {"begin": 10}}
    comment = (world.folder / "plan.md").read_text()
    assert "### Check of the definition: 1 error" in comment
    assert "**Unknown key** `jobs.yaml:10:5`" in comment
    assert ET.parse(world.folder / "plan.xml").getroot().attrib["failures"] == "1"
    (problem,) = json.loads(listed.stdout)["diagnostics"]
    assert problem["location"] == {"file": "jobs.yaml", "line": 10, "column": 5}
    assert not (world.folder / "state" / "local").exists(), "no platform was asked"


def test_a_valid_definition_is_reported_too(world: World) -> None:
    world.write(definition(job("a")))

    checked = world.run("validate", "--report", "markdown", "--report", "junit=check.xml")

    assert checked.returncode == 0
    assert "### Check of `vision`: no problem" in checked.stdout
    assert ET.parse(world.folder / "check.xml").getroot().attrib["failures"] == "0"


def test_an_invalid_definition_spoils_no_saved_plan(world: World) -> None:
    world.write(definition(job("a")))
    assert world.run("plan", "-o", "plan.json").returncode == 0
    world.edit("boot_file", "boot_fil")

    applied = world.run("apply", "plan.json", "--report", "markdown=plan.md")

    assert applied.returncode == 0, applied.stderr
    assert "### Plan of `vision`: 1 to create" in (world.folder / "plan.md").read_text()
