"""`reconciler adopt`: take over an existing job."""

import click

from reconciler.cli import completing, options
from reconciler.cli.interrupts import Interrupts
from reconciler.cli.output import Output
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import Workspace
from reconciler.model.address import Address


@click.command()
@click.argument("address", metavar="ADDR", shell_complete=completing.defined)
@click.argument("job_id", metavar="[ID]", required=False)
@options.definition_options
@options.state_options
@options.platform_options
@options.output_options
@click.pass_obj
def command(settings: Settings, address: str, job_id: str | None) -> None:
    """Record an existing job at ADDR: the one with the name in the definition, or with ID.

    The job itself is not touched (only its description is set, if the definition has another).
    """
    from reconciler.engine.jobs import adopt

    output, workspace, interrupts = Output(settings), Workspace(settings), Interrupts()
    with (
        interrupts.installed(),
        workspace.connected("adopt", stop=interrupts.stop) as (context, platform),
    ):
        interrupts.begin_changes()
        request = workspace.request(platform, "adopt")
        action = adopt(context, request, Address(address), job_id)
    output.say(f'Adopted "{address}": job "{action.name}" (id {action.job_id}).')
