"""The faults that tests of the engine can switch on."""

import pytest

from reconciler.backends.memory import MemoryBackend
from reconciler.errors import StateError
from reconciler.model.address import Address
from reconciler.model.state import Closed, State, fold
from tests.build import LINEAGE

EMPTY = State(stack="test", lineage=LINEAGE, salt="00")
CLOSED = Closed(address=Address("resnet"))


class PowerCutError(BaseException):
    """Not an error that anyone catches."""


@pytest.mark.parametrize("error", [StateError("disk full"), PowerCutError()], ids=["fails", "dies"])
@pytest.mark.parametrize(("after", "durable"), [(False, 1), (True, 2)], ids=["before", "after"])
def test_an_append_fails_where_it_was_told_to(after, durable, error):
    backend = MemoryBackend()
    backend.fail_append(2, after, error)

    def run() -> None:
        with backend.lock(command="apply") as writer:
            writer.checkpoint(EMPTY)
            writer.append([CLOSED])
            with pytest.raises(type(error)):
                writer.append([CLOSED])
            writer.append([CLOSED])

    with pytest.raises(StateError, match="takes nothing more"):
        run()

    assert backend.appends == 2
    assert backend.entries == (CLOSED,) * durable
    assert backend.read() == fold(EMPTY, [CLOSED] * durable)
    assert backend.holder() is None
    with backend.lock(command="apply") as writer:
        writer.append([CLOSED])
    assert backend.read() == fold(EMPTY, [CLOSED] * (durable + 1))


@pytest.mark.parametrize(("after", "entries"), [(False, 1), (True, 0)], ids=["before", "after"])
def test_a_checkpoint_fails_where_it_was_told_to(after, entries):
    backend = MemoryBackend()
    backend.fail_checkpoint(2, after, PowerCutError())
    with backend.lock(command="apply") as writer:
        writer.checkpoint(EMPTY)
        writer.append([CLOSED])
        with pytest.raises(PowerCutError):
            writer.checkpoint(fold(EMPTY, [CLOSED]))

    assert backend.checkpoints == 2
    assert len(backend.entries) == entries
    assert backend.read() == fold(EMPTY, [CLOSED])
