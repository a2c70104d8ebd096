"""What moving a stack comes to, for people and for programs."""

import json

from reconciler.model.migration import Fate, Migration
from reconciler.model.report import Report
from reconciler.render.structured import plan_document

_WORDS = {
    Fate.KEPT: "moves along, and is not run again",
    Fate.DROPPED: "does not move: it is run again if it is still defined",
}


def render_migration(migration: Migration) -> str:
    """Return a line for each record, and a summary."""
    kept, dropped = (len(migration.of(fate)) for fate in (Fate.KEPT, Fate.DROPPED))
    width = max((len(each.address) for each in migration.records), default=0)
    status = max((len(each.status) for each in migration.records), default=0)
    lines = [
        f'Moving stack "{migration.stack}" from {migration.source.api} to {migration.target.api}:',
        "",
        *(
            f"  {each.address:<{width}}  {each.status:<{status}}  {_WORDS[each.fate]}"
            for each in migration.records
        ),
        *([""] if migration.records else []),
        f"Records: {kept} to move, {dropped} to drop.",
        f"No job is touched on either side; those of {migration.source.api} stay there.",
    ]
    return "\n".join(lines) + "\n"


def migration_json(migration: Migration, report: Report) -> str:
    """Return the same as JSON, with the plan that follows."""
    document = {
        "stack": migration.stack,
        "from": migration.source.model_dump(mode="json"),
        "to": migration.target.model_dump(mode="json"),
        "records": [
            {
                "address": each.address,
                "name": each.name,
                "job_id": each.job_id,
                "status": each.status,
                "fate": each.fate,
            }
            for each in migration.records
        ],
        "plan": plan_document(report.plan),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
