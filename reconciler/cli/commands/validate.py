"""`reconciler validate`: check the definition."""

import click

from reconciler.cli import options
from reconciler.cli.checks import check_report
from reconciler.cli.interrupts import Interrupts
from reconciler.cli.output import Output
from reconciler.cli.plans import FORMATS, documents
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import Workspace
from reconciler.diagnostics import Diagnostic, Severity
from reconciler.errors import DefinitionError, ReconcilerError, RefusedError
from reconciler.model.plan import POLICIES


@click.command()
@options.definition_options
@options.platform_options
@options.option("--live", is_flag=True, help="Also check flavors, engines and quota.")
@options.output_options
@click.pass_obj
def command(settings: Settings, live: bool) -> None:
    """Check the definition, offline; every problem is told at once, with its place.

    Reports are written whether it is valid or not.

    Ends with 5 when nothing but its own policies is against it.
    """
    from reconciler.render.messages import render_diagnostics
    from reconciler.render.structured import diagnostics_json

    output, workspace = Output(settings, FORMATS), Workspace(settings)
    failure: ReconcilerError | None = None
    try:
        problems = _problems(workspace, live=live)
        failure = _failure(problems)
        stack, number = workspace.definition.stack, len(workspace.definition.jobs)
    except DefinitionError as error:
        problems, failure, stack, number = error.diagnostics, error, "", 0
    shown = {
        "json": lambda: diagnostics_json(problems),
        **documents(check_report(problems, stack), output),
    }
    if failure:
        output.show(shown)
        raise failure
    valid = f"{number} job{'s' * (number != 1)} valid.\n"
    told = render_diagnostics(problems, color=output.color)
    output.show({"terminal": lambda: told + valid, **shown})


def _problems(workspace: Workspace, *, live: bool) -> tuple[Diagnostic, ...]:
    """Return what the policies, and the platform when it is asked, have against the jobs."""
    from reconciler.engine.examine import check_live

    jobs = workspace.definition.jobs
    problems = workspace.violations()
    if live:
        interrupts = Interrupts()
        with (
            interrupts.installed(),
            workspace.connected("validate", stop=interrupts.stop) as (context, _),
        ):
            problems += check_live(context, jobs)
    return problems


def _failure(problems: tuple[Diagnostic, ...]) -> ReconcilerError | None:
    """Return the error that the worst of the problems amounts to, if any refuses the jobs."""
    errors = [each for each in problems if each.severity is Severity.ERROR]
    if any(each.code not in POLICIES for each in errors):
        return DefinitionError("The platform would refuse the definition", errors)
    if errors:
        return RefusedError("The definition violates its own policies", errors)
    return None
