"""`reconciler status`: the recorded jobs with their live status."""

from datetime import UTC, datetime

import click

from reconciler.cli import completing, options
from reconciler.cli.interrupts import Interrupts
from reconciler.cli.output import Output
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import Workspace


@click.command()
@click.argument("addresses", metavar="[ADDR]...", nargs=-1, shell_complete=completing.recorded)
@options.definition_options
@options.state_options
@options.platform_options
@options.output_options
@click.pass_obj
def command(settings: Settings, addresses: tuple[str, ...]) -> None:
    """Show the recorded jobs (or those at ADDR, a glob) with live status, duration, attempt."""
    from reconciler.engine.jobs import select
    from reconciler.engine.outcomes import read_status
    from reconciler.render.structured import status_json
    from reconciler.render.tables import render_status

    output, workspace, interrupts = Output(settings), Workspace(settings), Interrupts()
    with (
        interrupts.installed(),
        workspace.connected("status", stop=interrupts.stop) as (context, _),
    ):
        rows = read_status(context, select(context.backend.read(), addresses))
    output.show(
        {
            "terminal": lambda: render_status(
                rows,
                now=datetime.now(UTC),
                width=output.width,
                color=output.color,
                verbose=output.verbose,
            ),
            "json": lambda: status_json(rows),
        }
    )
