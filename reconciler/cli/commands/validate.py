"""`reconciler validate`: check the definition."""

import click

from reconciler.cli import options
from reconciler.cli.interrupts import Interrupts
from reconciler.cli.output import Output
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import Workspace


@click.command()
@options.definition_options
@options.platform_options
@options.option("--live", is_flag=True, help="Also check flavors, engines and quota.")
@options.output_options
@click.pass_obj
def command(settings: Settings, live: bool) -> None:
    """Check the definition, offline; every problem is told at once, with its place.

    Ends with 5 when nothing but its own policies is against it.
    """
    from reconciler.engine.plan import check_live
    from reconciler.errors import DefinitionError, RefusedError
    from reconciler.model.plan import POLICIES
    from reconciler.render.messages import render_diagnostics
    from reconciler.render.structured import diagnostics_json

    output, workspace, interrupts = Output(settings), Workspace(settings), Interrupts()
    definition = workspace.definition
    problems = workspace.violations()
    if live:
        with (
            interrupts.installed(),
            workspace.connected("validate", stop=interrupts.stop) as (context, _),
        ):
            problems += check_live(context, definition.jobs)
    errors = [each for each in problems if each.severity == "error"]
    if any(each.code not in POLICIES for each in errors):
        raise DefinitionError("The platform would refuse the definition", errors)
    if errors:
        raise RefusedError("The definition violates its own policies", errors)
    valid = f"{len(definition.jobs)} job{'s' * (len(definition.jobs) != 1)} valid.\n"
    output.show(
        {
            "terminal": lambda: render_diagnostics(problems, color=output.color) + valid,
            "json": lambda: diagnostics_json(problems),
        }
    )
