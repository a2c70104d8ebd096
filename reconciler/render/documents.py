"""The formats for hosts of code and their CI, by name."""

from collections.abc import Callable

from reconciler.model.report import Report
from reconciler.render.github import render_github
from reconciler.render.gitlab import render_codequality, render_gitlab
from reconciler.render.html import render_html
from reconciler.render.junit import render_junit
from reconciler.render.markdown import render_markdown
from reconciler.render.sarif import render_sarif

_BY_NAME: dict[str, Callable[[Report], str]] = {
    "html": render_html,
    "github": render_github,
    "gitlab": render_gitlab,
    "gitlab-codequality": render_codequality,
    "junit": render_junit,
    "sarif": render_sarif,
}


def render_document(name: str, report: Report, *, verbose: int = 0) -> str:
    """Return the report in a format; `verbose` unfolds sweeps and long values in Markdown."""
    if name == "markdown":
        return render_markdown(report, verbose=verbose)
    return _BY_NAME[name](report)
