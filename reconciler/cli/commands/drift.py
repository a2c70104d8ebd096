"""`reconciler drift`: compare the state with the actual jobs."""

import click

from reconciler.cli import options
from reconciler.cli.checks import require_definition
from reconciler.cli.interrupts import Interrupts
from reconciler.cli.output import Output
from reconciler.cli.plans import DIFFERENCES, FORMATS, documents
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import Workspace


@click.command()
@options.definition_options
@options.state_options
@options.selection_options
@options.platform_options
@options.output_options
@click.pass_obj
def command(settings: Settings) -> int:
    """Tell what someone changed behind our back. Never writes anything.

    Ends with 2 when a recorded job was changed, replaced or deleted on the platform. A status is
    no drift, and neither is what the definition asks for and is not applied yet.
    """
    from reconciler.engine.plan import plan
    from reconciler.render.structured import drift_json
    from reconciler.render.terminal import render_drift

    output = Output(settings, FORMATS)
    workspace, interrupts = Workspace(settings), Interrupts()
    require_definition(workspace, output)
    progress = output.progress()
    with (
        interrupts.installed(),
        workspace.connected("drift", emit=progress, stop=interrupts.stop) as (context, platform),
    ):
        report = plan(context, workspace.request(platform, "drift")).report
    progress.close()
    output.show(
        {
            "terminal": lambda: render_drift(
                report, width=output.width, color=output.color, verbose=output.verbose
            ),
            "json": lambda: drift_json(report),
            **documents(report, output),
        }
    )
    return DIFFERENCES if report.plan.drift else 0
