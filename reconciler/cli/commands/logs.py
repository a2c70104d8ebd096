"""`reconciler logs`: print a job's log."""

import click

from reconciler.cli import completing, options
from reconciler.cli.interrupts import Interrupts
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import Workspace
from reconciler.model.address import Address


@click.command()
@click.argument("address", metavar="ADDR", shell_complete=completing.recorded)
@options.definition_options
@options.state_options
@options.platform_options
@options.option("--follow", is_flag=True, help="Go on until the job has ended.")
@options.option(
    "--lines", type=click.IntRange(1, 500), default=500, help="How many last lines. Default: 500"
)
@options.output_options
@click.pass_obj
def command(settings: Settings, address: str, follow: bool, lines: int) -> None:
    """Print the log of the job at ADDR."""
    from reconciler.engine.jobs import follow_log
    from reconciler.render.text import clean_log

    workspace, interrupts = Workspace(settings), Interrupts()
    with (
        interrupts.installed(),
        workspace.connected("logs", stop=interrupts.stop) as (context, _),
    ):
        for text in follow_log(context, Address(address), lines=lines, follow=follow):
            click.echo(clean_log(text), nl=not text.endswith("\n"))
