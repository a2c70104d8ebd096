"""A report as SARIF 2.1.0, for code scanning and editors."""

import json
import posixpath
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from reconciler.model.report import Report
from reconciler.render.findings import Finding, Level, Source, findings, place_of
from reconciler.render.text import clean

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "%SRCROOT%"

_RULES = {
    "plan/create": "A job will be created",
    "plan/replace": "A job will be deleted and created anew",
    "plan/update": "A job will be changed in place",
    "plan/delete": "A job will be deleted",
    "plan/adopt": "An existing job will be recorded",
    "plan/forget": "The record of a job will be dropped",
    "plan/blocked": "A job cannot be created yet",
    "drift/changed": "A job was changed outside of reconciler",
    "drift/replaced": "A job was replaced outside of reconciler",
    "drift/vanished": "A job was deleted outside of reconciler",
}
"""What each rule says that does not come from a diagnostic."""


def render_sarif(report: Report) -> str:
    """Return one run: problems, drift, and actions as notes, each with its place.

    Paths are relative to the folder that the command ran in, unless the definition was named
    by an absolute one; the fingerprints stay while lines move.
    """
    found, plan = findings(report), report.plan
    rules = _rules(found)
    numbers = {rule["id"]: number for number, rule in enumerate(rules)}
    driver = {"name": "reconciler", "version": clean(plan.reconciler_version), "rules": rules}
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"reconciler/{clean(plan.stack) or 'definition'}/"},
        "originalUriBaseIds": {_ROOT: {"description": {"text": "Where the command ran."}}},
        "columnKind": "unicodeCodePoints",
        "properties": {"digest": plan.digest, "summary": plan.summary.model_dump()},
        "results": [_result(each, numbers[each.rule], report) for each in found],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rules(found: Sequence[Finding]) -> list[dict[str, Any]]:
    by_id: dict[str, Finding] = {}
    for each in found:
        by_id.setdefault(each.rule, each)
    return [_rule(by_id[rule]) for rule in sorted(by_id)]


def _rule(example: Finding) -> dict[str, Any]:
    level = Level.NOTE if example.source is Source.ACTION else example.level
    return {
        "id": example.rule,
        "shortDescription": {"text": _RULES.get(example.rule, example.title)},
        "defaultConfiguration": {"level": level.value},
        "properties": {"tags": [example.source.value]},
    }


def _result(finding: Finding, rule: int, report: Report) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": finding.level.value,
        "message": {"text": _message(finding)},
        "locations": [_location(finding, report)],
        "partialFingerprints": {"reconciler/v1": finding.identity},
    }


def _message(finding: Finding) -> str:
    """Return the message with braces doubled and links broken, as SARIF gives both a meaning."""
    text = "\n".join((finding.title, *finding.lines))
    return text.replace("{", "{{").replace("}", "}}").replace("](", "] (")


def _location(finding: Finding, report: Report) -> dict[str, Any]:
    path, line = place_of(finding, report)
    region = {"startLine": max(line, 1)}
    if finding.location:
        region["startColumn"] = max(finding.location.column, 1)
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": _artifact(path), "region": region}
    }
    if finding.address:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.address, "kind": "resource"}]
    return location


def _artifact(path: str) -> dict[str, str]:
    if posixpath.isabs(path):
        return {"uri": f"file://{quote(path)}"}
    return {"uri": quote(path), "uriBaseId": _ROOT}
