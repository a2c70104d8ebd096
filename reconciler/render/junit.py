"""A plan as JUnit test results, for the many programs that show those."""

import re
from xml.etree import ElementTree as ET

from reconciler.model.plan import ActionKind
from reconciler.model.report import Report
from reconciler.render.findings import (
    Finding,
    Level,
    Source,
    findings,
    platform_words,
    report_words,
)
from reconciler.render.text import clean

_NOT_XML = re.compile("[\ufffe\uffff]")


def render_junit(report: Report) -> str:
    """Return one test suite for the stack, as the schema of Jenkins' xUnit plugin wants it.

    Errors and drift are failures, blocked jobs are skipped, warnings and actions pass; a first
    case says what it all comes to, so that a suite is never empty.
    """
    found = findings(report)
    failed, skipped = sum(map(_is_failure, found)), sum(map(_is_skipped, found))
    stack = _text(clean(report.plan.stack)) or "definition"
    counts = {"tests": str(len(found) + 1), "failures": str(failed), "errors": "0"}
    root = ET.Element("testsuites", {"name": "reconciler", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": stack, **counts, "skipped": str(skipped)})
    _add_properties(suite, report)
    whole = ET.SubElement(suite, "testcase", {"name": report.command, "classname": stack})
    ET.SubElement(whole, "system-out").text = _text(report_words(report))
    for each in found:
        _add_case(suite, stack, each)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _is_failure(finding: Finding) -> bool:
    return finding.level is Level.ERROR or finding.source is Source.DRIFT


def _is_skipped(finding: Finding) -> bool:
    return finding.kind is ActionKind.BLOCKED


def _add_properties(suite: ET.Element, report: Report) -> None:
    plan = report.plan
    facts = {
        "digest": clean(plan.digest),
        "platform": platform_words(report),
        "lineage": clean(plan.state.lineage),
        "serial": str(plan.state.serial),
        **{key: str(number) for key, number in plan.summary.model_dump().items()},
    }
    properties = ET.SubElement(suite, "properties")
    for name, value in facts.items():
        ET.SubElement(properties, "property", {"name": name, "value": _text(value)})


def _add_case(suite: ET.Element, stack: str, finding: Finding) -> None:
    names = {"name": _text(_name(finding)), "classname": f"{stack}.{finding.source}"}
    case = ET.SubElement(suite, "testcase", names)
    place = f"{clean(str(finding.location))}\n" if finding.location else ""
    told = {"type": finding.rule, "message": _text(finding.title)}
    if _is_failure(finding):
        ET.SubElement(case, "failure", told).text = _text(place + finding.message)
    elif _is_skipped(finding):
        ET.SubElement(case, "skipped", told | {"message": _text(finding.message)})
    else:
        ET.SubElement(case, "system-out").text = _text(place + finding.message)


def _name(finding: Finding) -> str:
    if finding.source is Source.DIAGNOSTIC and finding.address:
        return f"{finding.title}: {finding.address}"
    return finding.title


def _text(clean_text: str) -> str:
    """Return clean text without the two characters that XML forbids besides control characters."""
    return _NOT_XML.sub("\ufffd", clean_text)
