"""What GitLab shows in a merge request: the counts of a plan, and findings at their lines."""

import json
from typing import Any

from reconciler.model.plan import DriftKind
from reconciler.model.report import Report
from reconciler.render.findings import Finding, Level, findings, place_of

_SEVERITIES = {Level.ERROR: "critical", Level.WARNING: "major", Level.NOTE: "info"}


def render_gitlab(report: Report) -> str:
    """Return the counts for `artifacts:reports:terraform`, which GitLab shows as a widget.

    As there, a replacement counts as a creation and a deletion. Of a drift report, what was
    changed on the platform counts as an update, what vanished as a deletion.
    """
    return json.dumps(_drifted(report) if report.command == "drift" else _planned(report)) + "\n"


def render_codequality(report: Report) -> str:
    """Return every finding for `artifacts:reports:codequality`, with fingerprints that stay.

    GitLab compares the fingerprints of two branches and shows what is new (GitLab Docs, "Code
    Quality report format").
    """
    issues = [_issue(each, report) for each in findings(report)]
    return json.dumps(issues, indent=2) + "\n"


def _planned(report: Report) -> dict[str, int]:
    summary = report.plan.summary
    return {
        "create": summary.create + summary.replace,
        "update": summary.update,
        "delete": summary.delete + summary.replace,
    }


def _drifted(report: Report) -> dict[str, int]:
    vanished = sum(each.kind is DriftKind.VANISHED for each in report.plan.drift)
    return {"create": 0, "update": len(report.plan.drift) - vanished, "delete": vanished}


def _issue(finding: Finding, report: Report) -> dict[str, Any]:
    path, line = place_of(finding, report)
    return {
        "description": ": ".join([finding.title, *finding.lines[:1]]),
        "check_name": finding.rule,
        "fingerprint": finding.identity,
        "severity": _SEVERITIES[finding.level],
        "location": {"path": path, "lines": {"begin": line}},
    }
