"""`reconciler plan`: show what apply would do."""

from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.interrupts import Interrupts
from reconciler.cli.output import Output, write_file
from reconciler.cli.plans import FORMATS, exit_code, renderers, with_graph
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import Workspace


@click.command()
@options.definition_options
@options.state_options
@options.selection_options
@options.platform_options
@options.consent_options
@options.adopt_option
@options.option("-o", "--out", "out", type=click.Path(path_type=Path), help="Save the plan.")
@options.option(
    "--detailed-exitcode", is_flag=True, help="Exit with 2 when there is something to do."
)
@options.graph_option
@options.output_options
@click.pass_obj
def command(
    settings: Settings, out: Path | None, detailed_exitcode: bool, graph: str | None
) -> int:
    """Show what apply would do. Writes nothing but the file of -o, and needs no lock.

    Ends with 1 when the definition asks for what the platform would refuse, with 5 when a guard
    or a policy would refuse the apply, else with 0.
    """
    from dataclasses import replace

    from reconciler.engine.plan import plan
    from reconciler.render.structured import plan_json

    output = Output(settings, FORMATS)
    workspace, interrupts = Workspace(settings), Interrupts()
    progress = output.progress()
    with (
        interrupts.installed(),
        workspace.connected("plan", emit=progress, stop=interrupts.stop) as (context, platform),
    ):
        report = plan(context, workspace.request(platform, "plan")).report
    progress.close()
    if out is not None:
        write_file(out, plan_json(report.plan))
        report = replace(report, saved_to=str(out))
    output.show(with_graph(renderers(report, output), report.plan, graph, output))
    return exit_code(report.plan, detailed=detailed_exitcode)
