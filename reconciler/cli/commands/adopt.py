"""`reconciler adopt`: take over existing jobs."""

from pathlib import Path

import click

from reconciler.cli import completing, options
from reconciler.cli.interrupts import Interrupts
from reconciler.cli.output import Output
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import Workspace
from reconciler.errors import UsageError
from reconciler.model.address import Address


@click.command()
@click.argument("address", metavar="[ADDR]", required=False, shell_complete=completing.defined)
@click.argument("job_id", metavar="[ID]", required=False)
@options.option(
    "--all", "all_", is_flag=True, help="Adopt every job that the definition describes."
)
@options.option(
    "--write",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --all: write blocks for all other jobs into FILE, and adopt them, too.",
)
@options.auto_approve_option
@options.definition_options
@options.state_options
@options.selection_options
@options.platform_options
@options.output_options
@click.pass_obj
def command(
    settings: Settings,
    address: str | None,
    job_id: str | None,
    all_: bool,
    write: Path | None,
    auto_approve: bool,
) -> int | None:
    """Record an existing job at ADDR: the one with the name in the definition, or with ID.

    The job itself is not touched (only its description is set, if the definition has another).
    With --all, every job whose name and configuration are as defined; with --write, too, those
    that the definition does not know yet.
    """
    if all_ == bool(address) or (write and not all_):
        raise UsageError(
            "Which job?",
            "Either one address, or --all (and then maybe --write FILE).",
            "See `reconciler adopt --help`.",
        )
    if all_:
        from reconciler.cli.adopting import AdoptingAll

        adopting = AdoptingAll(settings, auto_approve=auto_approve)
        return adopting.write(write) if write else adopting.record()
    _adopt(settings, Address(address or ""), job_id)
    return None


def _adopt(settings: Settings, address: Address, job_id: str | None) -> None:
    from reconciler.engine.jobs import adopt

    output, workspace, interrupts = Output(settings), Workspace(settings), Interrupts()
    with (
        interrupts.installed(),
        workspace.connected("adopt", stop=interrupts.stop) as (context, platform),
    ):
        interrupts.begin_changes()
        request = workspace.request(platform, "adopt")
        action = adopt(context, request, address, job_id)
    output.say(f'Adopted "{address}": job "{action.name}" (id {action.job_id}).')
