"""`reconciler logs`: print jobs' logs."""

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
@options.option("--follow", is_flag=True, help="Go on until the jobs have ended.")
@options.option(
    "--lines", type=click.IntRange(1, 500), default=500, help="How many last lines. Default: 500"
)
@options.output_options
@click.pass_obj
def command(settings: Settings, addresses: tuple[str, ...], follow: bool, lines: int) -> None:
    """Print the log of the job at ADDR (a glob; a sweep's key means all of its jobs).

    With more than one job, each line begins with its job's address. With --json, each line is
    one JSON object.
    """
    from reconciler.engine.jobs import select
    from reconciler.engine.logs import follow_logs
    from reconciler.render.logs import LogLines

    output, workspace, interrupts = Output(settings), Workspace(settings), Interrupts()
    with (
        interrupts.installed(),
        workspace.connected("logs", stop=interrupts.stop) as (context, _),
    ):
        chosen = select(context.backend.read(), addresses)
        shown = LogLines(chosen, as_json=output.is_json, color=output.color)
        try:
            for address, text in follow_logs(context, chosen, lines=lines, follow=follow):
                click.echo(shown.add(address, text), nl=False)
        finally:
            click.echo(shown.rest(), nl=False)
