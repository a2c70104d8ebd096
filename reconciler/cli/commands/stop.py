"""`reconciler stop`: stop running jobs, keep their records."""

from datetime import UTC, datetime

import click

from reconciler.cli import completing, options
from reconciler.cli.interrupts import Interrupts
from reconciler.cli.output import Output
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import Workspace


@click.command()
@click.argument(
    "addresses", metavar="ADDR...", nargs=-1, required=True, shell_complete=completing.recorded
)
@options.definition_options
@options.state_options
@options.platform_options
@options.output_options
@click.pass_obj
def command(settings: Settings, addresses: tuple[str, ...]) -> None:
    """Stop the jobs at ADDR (a glob) that wait or run; their records stay."""
    from reconciler.engine.jobs import select, stop_jobs
    from reconciler.render.structured import status_json
    from reconciler.render.tables import render_status

    output, workspace, interrupts = Output(settings), Workspace(settings), Interrupts()
    progress = output.progress()
    with (
        interrupts.installed(),
        workspace.connected("stop", emit=progress, stop=interrupts.stop) as (context, _),
    ):
        rows = stop_jobs(context, select(context.backend.read(), addresses))
    progress.close()
    output.show(
        {
            "terminal": lambda: render_status(
                rows, now=datetime.now(UTC), width=output.width, color=output.color
            ),
            "json": lambda: status_json(rows),
        }
    )
