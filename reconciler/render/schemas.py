"""JSON Schemas of the documents that reconciler writes."""

from typing import Any

from reconciler.model.plan import FORMAT_VERSION, Plan


def plan_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the plan document, made from the values themselves."""
    schema = Plan.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": f"reconciler plan {FORMAT_VERSION}",
    }
