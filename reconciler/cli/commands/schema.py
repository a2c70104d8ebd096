"""`reconciler schema`: the JSON Schema of the definition, or of the plan."""

import json

import click


@click.command()
@click.argument("what", type=click.Choice(["definition", "plan"]), default="definition")
def command(what: str) -> None:
    """Print the JSON Schema of the definition (for editors) or of the plan document."""
    if what == "plan":
        from reconciler.render.schemas import plan_schema

        document = plan_schema()
    else:
        from reconciler.definition.schema import json_schema

        document = json_schema()
    click.echo(json.dumps(document, indent=2))
