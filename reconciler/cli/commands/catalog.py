"""`reconciler catalog`: what the platform offers."""

import click

from reconciler.cli import options
from reconciler.cli.interrupts import Interrupts
from reconciler.cli.output import Output
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import Workspace


@click.command()
@click.argument("what", type=click.Choice(["flavors", "engines"]))
@options.definition_options
@options.platform_options
@options.output_options
@click.pass_obj
def command(settings: Settings, what: str) -> None:
    """Show the flavors (machine types) or the preset engines that the platform offers."""
    from reconciler.render import structured, tables

    output, workspace, interrupts = Output(settings), Workspace(settings), Interrupts()
    with (
        interrupts.installed(),
        workspace.connected("catalog", stop=interrupts.stop) as (context, _),
    ):
        provider = context.provider
        if what == "flavors":
            flavors = provider.flavors()
            output.show(
                {
                    "terminal": lambda: tables.render_flavors(
                        flavors, width=output.width, color=output.color
                    ),
                    "json": lambda: structured.flavors_json(flavors),
                }
            )
        else:
            engines = provider.engines()
            output.show(
                {
                    "terminal": lambda: tables.render_engines(
                        engines, width=output.width, color=output.color
                    ),
                    "json": lambda: structured.engines_json(engines),
                }
            )
