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
