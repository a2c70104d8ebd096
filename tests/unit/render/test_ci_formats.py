"""What CI reads: annotations, GitLab's two reports, JUnit, SARIF; each as its reader takes it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import xmlschema

from reconciler.model.report import Report
from reconciler.render.findings import findings
from reconciler.render.github import render_github
from reconciler.render.gitlab import render_codequality, render_gitlab
from reconciler.render.junit import render_junit
from reconciler.render.sarif import render_sarif
from reconciler.render.text import clean
from tests.build import a_diagnostic, a_location, a_plan, a_report, an_action
from tests.unit.render.reports import HOSTILE, REPORTS

SCHEMAS = Path(__file__).parents[2] / "schemas"
SARIF = jsonschema.Draft4Validator(json.loads((SCHEMAS / "sarif-2.1.0.json").read_text()))
WIDGET, QUALITY = (
    jsonschema.Draft202012Validator(json.loads((SCHEMAS / f"gitlab-{name}.json").read_text()))
    for name in ("terraform", "codequality")
)
JUNIT = xmlschema.XMLSchema(str(SCHEMAS / "junit-10.xsd"))
EVERY = pytest.mark.parametrize("name", REPORTS)


class Annotation(NamedTuple):
    """A workflow command as GitHub's runner understands it."""

    level: str
    properties: dict[str, str]
    message: str


def annotations(text: str) -> Iterator[Annotation]:
    """Read workflow commands; fail on a line that is none."""
    for line in text.splitlines():
        match = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line)
        assert match, line
        level, properties, message = match.groups()
        pairs = (pair.partition("=") for pair in properties.split(","))
        yield Annotation(level, {key: unquote(value) for key, _, value in pairs}, unquote(message))


@EVERY
def test_github_gets_one_command_per_line(name: str) -> None:
    told = list(annotations(render_github(REPORTS[name])))

    assert told[0].level == "notice"
    assert told[0].properties["title"].startswith(f"reconciler {REPORTS[name].command}")
    assert all({*each.properties} <= {"file", "line", "col", "title"} for each in told)


def test_github_shows_each_finding_at_its_line() -> None:
    told = list(annotations(render_github(REPORTS["kinds"])))

    by_title = {each.properties["title"]: each for each in told}
    flavor = by_title["Unknown flavor"]
    assert flavor.level == "error"
    assert flavor.properties == {
        "file": "jobs.yaml",
        "line": "14",
        "col": "3",
        "title": "Unknown flavor",
    }
    assert by_title["other was replaced by another job or version"].properties["file"] == (
        "jobs/more jobs.yaml"
    )
    assert by_title["replace bert"].level == "warning"
    assert "interrupts a job that has run for 1h 12m" in by_title["replace bert"].message
    assert by_title["create resnet[…]"].level == "notice"
    assert "file" not in by_title["delete old-finished"].properties


def test_github_gets_hostile_text_back_as_it_was() -> None:
    told = list(annotations(render_github(REPORTS["hostile"])))

    (created,) = [e for e in told if e.properties["title"] == f"create {clean(HOSTILE)}"]
    assert created.level == "notice"
    assert clean(HOSTILE) in created.message


def test_github_is_told_what_destroys_before_the_rest() -> None:
    told = [each.properties["title"] for each in annotations(render_github(REPORTS["many"]))]

    verbs = [title.partition(" ")[0] for title in told[1:]]
    assert list(dict.fromkeys(verbs)) == ["replace", "delete", "create", "update"]


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("empty", (0, 0, 0)),
        ("one", (1, 0, 0)),
        ("kinds", (7, 1, 4)),
        ("drift", (0, 2, 1)),
        ("no-drift", (0, 0, 0)),
    ],
)
def test_gitlab_widget(name: str, counts: tuple[int, int, int]) -> None:
    told = json.loads(render_gitlab(REPORTS[name]))

    assert told == dict(zip(("create", "update", "delete"), counts, strict=True))


@EVERY
def test_gitlab_reports_fit_their_schemas(name: str) -> None:
    WIDGET.validate(json.loads(render_gitlab(REPORTS[name])))
    QUALITY.validate(json.loads(render_codequality(REPORTS[name])))


@EVERY
def test_gitlab_tells_every_finding_from_the_others(name: str) -> None:
    issues = json.loads(render_codequality(REPORTS[name]))

    prints = [issue["fingerprint"] for issue in issues]
    assert len(set(prints)) == len(prints)


@EVERY
def test_junit_fits_its_schema(name: str) -> None:
    JUNIT.validate(render_junit(REPORTS[name]))


@EVERY
def test_junit_counts_what_it_holds(name: str) -> None:
    (suite,) = ET.fromstring(render_junit(REPORTS[name]))

    found = {tag: len(suite.findall(f"testcase/{tag}")) for tag in ("failure", "skipped", "error")}
    assert suite.attrib["failures"] == str(found["failure"])
    assert suite.attrib["skipped"] == str(found["skipped"])
    assert found["error"] == 0
    assert suite.attrib["tests"] == str(len(suite.findall("testcase")))
    assert suite.find("properties/property[@name='digest']").attrib["value"] == (
        REPORTS[name].plan.digest
    )


def test_junit_fails_on_errors_and_drift_and_skips_what_is_blocked() -> None:
    (suite,) = ET.fromstring(render_junit(REPORTS["kinds"]))

    ends: dict[str, list[str]] = {}
    for case in suite.findall("testcase"):
        ends.setdefault(case[0].tag, []).append(case.attrib["name"])
    assert ends["failure"] == [
        "Unknown flavor: resnet",
        "Too many deletes at once",
        "described was changed on the platform",
        "lost was deleted on the platform",
        "other was replaced by another job or version",
    ]
    assert ends["skipped"] == ["blocked eval", "blocked report"]
    assert "Sold out: resnet" in ends["system-out"]


@EVERY
def test_sarif_fits_its_schema(name: str) -> None:
    SARIF.validate(json.loads(render_sarif(REPORTS[name])))


def test_the_schemas_refuse_what_is_none() -> None:
    document = json.loads(render_sarif(REPORTS["one"]))
    document["runs"][0]["results"][0]["level"] = "fatal"
    assert not SARIF.is_valid(document)
    assert not WIDGET.is_valid({"create": 1, "update": 0})
    (issue,) = json.loads(render_codequality(REPORTS["one"]))
    assert not QUALITY.is_valid([issue | {"severity": "fatal"}])
    assert not JUNIT.is_valid(
        render_junit(REPORTS["one"]).replace("<testcase name=", "<testcase x=")
    )


@EVERY
def test_sarif_rules_and_places_are_what_code_scanning_needs(name: str) -> None:
    (run,) = json.loads(render_sarif(REPORTS[name]))["runs"]

    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]
        assert re.fullmatch(r"[A-Za-z0-9_.~/%-]+", place["artifactLocation"]["uri"])
        assert not place["artifactLocation"]["uri"].startswith(("/", "./", "../"))
        assert place["region"]["startLine"] >= 1


def test_sarif_levels() -> None:
    (run,) = json.loads(render_sarif(REPORTS["kinds"]))["runs"]

    levels = {result["ruleId"]: result["level"] for result in run["results"]}
    assert levels["definition/unknown_flavor"] == "error"
    assert levels["definition/sold_out"] == "warning"
    assert levels["drift/changed"] == "warning"
    assert levels["plan/create"] == "note"


def test_sarif_gives_braces_and_links_of_a_message_no_meaning() -> None:
    (run,) = json.loads(render_sarif(REPORTS["hostile"]))["runs"]

    for result in run["results"]:
        text = result["message"]["text"].replace("{{", "").replace("}}", "")
        assert not re.search(r"[{}]|\]\(", text)


def test_an_absolute_definition_is_named_by_an_absolute_uri() -> None:
    place = a_location(file="/srv/my jobs/jobs.yaml")
    report = a_report(a_plan(an_action(location=place)))

    (result,) = json.loads(render_sarif(report))["runs"][0]["results"]
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": "file:///srv/my%20jobs/jobs.yaml"}


def identities(report: Report) -> dict[str, str]:
    return {f"{each.rule} {each.address}": each.identity for each in findings(report)}


def test_identities_stay_when_lines_move_and_words_change() -> None:
    def report(line: int, minutes: int, job: str) -> Report:
        place = a_location(line)
        problem = a_diagnostic(detail=f"{minutes} minutes", location=place)
        action = an_action("delete", interrupts=True, running_ms=minutes * 60_000, location=place)
        return a_report(a_plan(action, an_action("create", job), diagnostics=(problem,)))

    before, after = identities(report(3, 5, "a")), identities(report(90, 7, "b"))

    same = before.keys() & after.keys()
    assert same == {"definition/unknown_flavor resnet", "plan/delete resnet"}
    assert all(before[each] == after[each] for each in same)
    assert before["plan/create a"] != after["plan/create b"]


def test_identities_differ_between_stacks_and_between_alike_findings() -> None:
    twice = (a_diagnostic(), a_diagnostic())
    here = findings(a_report(a_plan(diagnostics=twice)))
    there = findings(a_report(a_plan(diagnostics=twice, stack="other")))

    prints = [each.identity for each in (*here, *there)]
    assert len(set(prints)) == 4


@EVERY
def test_a_drift_report_speaks_of_no_actions(name: str) -> None:
    sources: set[Any] = {each.source for each in findings(REPORTS[name])}

    assert ("action" in sources) == (name not in ("drift", "no-drift", "empty", "check"))
