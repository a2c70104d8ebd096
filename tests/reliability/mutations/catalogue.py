"""The whole catalogue, and the few that are judged in every run of the tests."""

from tests.reliability.mutations import engine, planning, storage

MUTATIONS = (*engine.MUTATIONS, *planning.MUTATIONS, *storage.MUTATIONS)

SAMPLE = (
    "delete: intent after the request",
    "fold: drops removed",
    "recovery: any job of that name is ours",
    "journal: follows ignored",
)
"""A few that are judged in every run of the tests."""
