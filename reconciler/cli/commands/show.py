"""`reconciler show`: render a saved plan."""

from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.output import Output
from reconciler.cli.plans import FORMATS, read_plan, renderers, with_graph
from reconciler.cli.settings import Settings


@click.command()
@click.argument("plan", type=click.Path(path_type=Path))
@options.graph_option
@options.output_options
@click.pass_obj
def command(settings: Settings, plan: Path, graph: str | None) -> None:
    """Render the saved PLAN in any format; asks neither state nor platform."""
    from reconciler.engine.staleness import check_digest
    from reconciler.model.report import Report

    output = Output(settings, FORMATS)
    saved = read_plan(plan)
    check_digest(saved)
    report = Report(plan=saved, command="show", saved_to=str(plan))
    output.show(with_graph(renderers(report, output), saved, graph, output))
