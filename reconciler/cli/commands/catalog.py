"""`reconciler catalog`: what the platform offers."""

import click

from reconciler.cli import completing, options
from reconciler.cli.interrupts import Interrupts
from reconciler.cli.output import Output
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import Workspace


@click.command()
@click.argument("what", type=click.Choice(["flavors", "engines"]))
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=completing.offers)
@options.definition_options
@options.platform_options
@options.output_options
@click.pass_obj
def command(settings: Settings, what: str, names: tuple[str, ...]) -> None:
    """Show the flavors (machine types) or the preset engines that the platform offers.

    NAME is a flavor, an engine or an engine's version; * and ? stand for any characters, for one.
    """
    from reconciler.model.address import matches
    from reconciler.render import structured, tables

    output, workspace, interrupts = Output(settings), Workspace(settings), Interrupts()
    with (
        interrupts.installed(),
        workspace.connected("catalog", stop=interrupts.stop) as (context, _),
    ):
        provider = context.provider
        if what == "flavors":
            flavors = [
                each for each in provider.flavors() if not names or matches(each.code, names)
            ]
            output.show(
                {
                    "terminal": lambda: tables.render_flavors(
                        flavors, width=output.width, color=output.color
                    ),
                    "json": lambda: structured.flavors_json(flavors),
                }
            )
        else:
            engines = [
                each
                for each in provider.engines()
                if not names or matches(each.name, names) or matches(each.version, names)
            ]
            output.show(
                {
                    "terminal": lambda: tables.render_engines(
                        engines, width=output.width, color=output.color
                    ),
                    "json": lambda: structured.engines_json(engines),
                }
            )
