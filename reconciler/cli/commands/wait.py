"""`reconciler wait`: block until jobs finish."""

from datetime import UTC, datetime

import click

from reconciler.cli import completing, options
from reconciler.cli.ends import failure_of
from reconciler.cli.interrupts import Interrupts
from reconciler.cli.output import Output
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import Workspace


@click.command()
@click.argument("addresses", metavar="[ADDR]...", nargs=-1, shell_complete=completing.recorded)
@options.definition_options
@options.state_options
@options.platform_options
@options.option(
    "--timeout", type=click.FloatRange(min=0), metavar="S", help="Give up after so many seconds."
)
@options.output_options
@click.pass_obj
def command(settings: Settings, addresses: tuple[str, ...], timeout: float | None) -> None:
    """Block until the recorded jobs (or those at ADDR, a glob) have ended.

    Ends with 0 when all succeeded, with 6 when one did not, with 1 when the time is over.
    """
    from reconciler.engine.jobs import select
    from reconciler.engine.outcomes import wait
    from reconciler.render.structured import status_json
    from reconciler.render.tables import render_status

    output, workspace, interrupts = Output(settings), Workspace(settings), Interrupts()
    progress = output.progress()
    with (
        interrupts.installed(),
        workspace.connected("wait", emit=progress, stop=interrupts.stop) as (context, _),
    ):
        ended = wait(context, select(context.backend.read(), addresses), timeout)
        progress.close()
        output.show(
            {
                "terminal": lambda: render_status(
                    ended.rows, now=datetime.now(UTC), width=output.width, color=output.color
                ),
                "json": lambda: status_json(ended.rows),
            }
        )
        if failure := failure_of(context, ended):
            raise failure
