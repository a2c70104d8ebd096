"""How plans are shown and judged by the commands that make or read them."""

from functools import partial
from pathlib import Path

from reconciler.cli.output import PLAIN_FORMATS, Output, Renderer
from reconciler.errors import PlanFileError, RefusedError, UsageError
from reconciler.model.plan import REFUSALS, Plan
from reconciler.model.report import Report

DIFFERENCES = 2
"""The exit code that says: there are differences."""

FORMATS = (
    *PLAIN_FORMATS,
    "markdown",
    "html",
    "github",
    "gitlab",
    "gitlab-codequality",
    "junit",
    "sarif",
)
"""The formats in which a plan, or drift, can be reported."""


def renderers(report: Report, output: Output) -> dict[str, Renderer]:
    """Return the formats in which a plan can be reported."""
    from reconciler.render.structured import plan_json
    from reconciler.render.terminal import render_plan

    return {
        "terminal": lambda: render_plan(
            report, width=output.width, color=output.color, verbose=output.verbose
        ),
        "json": lambda: plan_json(report.plan),
        **documents(report, output),
    }


def with_graph(
    shown: dict[str, Renderer], plan: Plan, graph: str | None, output: Output
) -> dict[str, Renderer]:
    """Return the renderers with the dependency graph in the place of the terminal's plan."""
    if graph is None:
        return shown
    if not output.is_terminal:
        raise UsageError(
            "Two reports want the same place",
            "The graph goes to stdout, and so does the report.",
            "Give the report a file: `--report json=plan.json`.",
        )

    def drawn() -> str:
        from reconciler.render.graph_text import render_graph

        return render_graph(plan, graph)

    return shown | {"terminal": drawn}


def documents(report: Report, output: Output) -> dict[str, Renderer]:
    """Return the formats that hosts of code and their CI understand, the same for drift."""

    def written(name: str) -> str:
        from reconciler.render.documents import render_document

        return render_document(name, report, verbose=output.verbose)

    return {name: partial(written, name) for name in FORMATS if name not in PLAIN_FORMATS}


def read_plan(path: Path) -> Plan:
    """Read a saved plan; `PlanFileError` when the file is none."""
    from reconciler.render.structured import plan_from_json

    try:
        content = path.read_bytes()
    except OSError as error:
        raise PlanFileError("Plan cannot be read", f"{path}: {error.strerror or error}") from error
    return plan_from_json(content)


def exit_code(plan: Plan, *, detailed: bool) -> int:
    """Return how a command that only shows a plan ends."""
    if any(each.code not in REFUSALS for each in plan.errors):
        return 1
    if plan.errors:
        return RefusedError.exit_code
    return DIFFERENCES if detailed and not plan.is_empty else 0
