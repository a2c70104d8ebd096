"""What is wrong with a definition, in the formats that reviews and pipelines read."""

from collections.abc import Iterable
from datetime import UTC, datetime

from reconciler import __version__
from reconciler.cli.output import Output
from reconciler.cli.plans import documents
from reconciler.cli.workspace import Workspace
from reconciler.diagnostics import Diagnostic
from reconciler.errors import DefinitionError
from reconciler.model.plan import Plan, PlanPlatform, StateRef
from reconciler.model.report import Report


def check_report(diagnostics: Iterable[Diagnostic], stack: str = "") -> Report:
    """Return a report of nothing but what was found in a definition, which may have no stack."""
    plan = Plan(
        reconciler_version=__version__,
        stack=stack,
        platform=PlanPlatform(api="", endpoint="", project_id=""),
        state=StateRef(lineage="", serial=0),
        created_at=datetime.now(UTC),
        diagnostics=tuple(diagnostics),
    )
    return Report(plan, "validate")


def require_definition(workspace: Workspace, output: Output) -> None:
    """Read the definition; whoever waits for a report of the plan learns what is wrong with it.

    Raises `DefinitionError` as the workspace does, when the reports are written.
    """
    try:
        _ = workspace.definition
    except DefinitionError as error:
        output.show(documents(check_report(error.diagnostics), output))
        raise
