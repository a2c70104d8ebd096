"""Annotations for GitHub Actions: workflow commands that land on the definition's lines."""

from reconciler.model.report import Report
from reconciler.render.findings import Finding, Level, findings, relative_path, report_words
from reconciler.render.text import clean

_COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}


def render_github(report: Report) -> str:
    """Return one workflow command per line: first what it all comes to, then every finding.

    GitHub shows ten annotations of a kind per step, so the most important come first and a
    sweep is one (GitHub Docs, "Workflow commands for GitHub Actions").
    """
    title = f"reconciler {report.command} {clean(report.plan.stack)}"
    digest = f"\nDigest: {clean(report.plan.digest)}" if report.plan.digest else ""
    lines = [_command("notice", report_words(report) + digest, title=title.rstrip())]
    lines += [_annotation(each) for each in findings(report, fold_sweeps=True)]
    return "".join(f"{line}\n" for line in lines)


def _annotation(finding: Finding) -> str:
    properties = {}
    if finding.location:
        properties["file"] = relative_path(finding.location.file)
        properties["line"] = str(finding.location.line)
        properties["col"] = str(finding.location.column)
    properties["title"] = finding.title
    return _command(_COMMANDS[finding.level], finding.message, **properties)


def _command(name: str, message: str, **properties: str) -> str:
    written = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {written}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
