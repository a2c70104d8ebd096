"""`moved` and `removed` blocks: records that get other addresses, or are let go."""

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.diagnostics import Diagnostic, error
from reconciler.model.address import Address, is_aside, kept_aside, owner_of, selects
from reconciler.model.definition import Move, Removal
from reconciler.model.plan import PlannedMove
from reconciler.model.state import Moved, State, fold


@dataclass(frozen=True, slots=True)
class Moves:
    """Which records move, in order, and what keeps others from it."""

    moved: tuple[PlannedMove, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def entries(self) -> list[Moved]:
        """What the journal says of them."""
        return [Moved(source=each.source, target=each.target) for each in self.moved]


def find_moves(state: State, blocks: Iterable[Move]) -> Moves:
    """Return the moves that are due: one whose source is not recorded is done already.

    The jobs that a moved one superseded move along. A target that is recorded is an error.
    """
    moved: list[PlannedMove] = []
    problems: list[Diagnostic] = []
    known = {*state.records, *state.intents}
    for block in blocks:
        if block.source not in known or block.source == block.target:
            continue
        if block.target in known:
            problems.append(_taken(block))
            continue
        for source, target in ((block.source, block.target), *_along(known, block)):
            moved.append(PlannedMove(source=source, target=target, location=block.location))
            known.discard(source)
            known.add(target)
    return Moves(tuple(moved), tuple(problems))


def along(records: Iterable[Address], source: Address, target: Address) -> list[Moved]:
    """Return the moves of the jobs that a moved one superseded."""
    pairs = _along(records, Move(source, target))
    return [Moved(source=each, target=to) for each, to in pairs]


def after_moves(state: State, moves: Moves) -> State:
    """Return the state with its records at their new addresses."""
    return fold(state, moves.entries) if moves.moved else state


def lets_go(removals: Iterable[Removal], address: Address) -> bool:
    """Tell whether a `removed` block keeps the job at an address, its sweep's or its owner's."""
    return any(each.keep and selects((each.address,), address) for each in removals)


def _along(known: Iterable[Address], block: Move) -> list[tuple[Address, Address]]:
    return [
        (each, kept_aside(block.target, each.rpartition("@")[2]))
        for each in sorted(known)
        if is_aside(each) and owner_of(each) == block.source
    ]


def _taken(block: Move) -> Diagnostic:
    return error(
        "Move leads to a recorded address",
        f'"{block.source}" is to become "{block.target}", but both are recorded.',
        f"Forget one of them with `reconciler state rm {block.target}`, or take the `moved` block "
        "out.",
        address=block.target,
        location=block.location,
        code="moved",
    )
