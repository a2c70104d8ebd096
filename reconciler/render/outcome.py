"""What apply did, for people."""

from collections import Counter
from collections.abc import Sequence

from reconciler.model.plan import ActionKind
from reconciler.model.report import ActionResult, ApplyResult, Result
from reconciler.render.text import Style, clean, clean_lines, counted, fold, listed, paragraph
from reconciler.render.words import PAST

_FEW = 4
_NAMED = 10


def render_apply(
    result: ApplyResult,
    *,
    width: int = 80,
    color: bool = False,
    verbose: int = 0,
    awaited: bool = False,
    options: str = "",
) -> str:
    """Show the counts, every failure with its reason, and what to do next.

    `awaited` says that the command goes on to wait for the jobs by itself; `options` is what
    further commands need to mean the same stack.
    """
    style = Style(color)
    failed, skipped = result.of(Result.FAILED), result.of(Result.SKIPPED)
    sections = [
        _failures("Failed:", failed, "failed", style, width, verbose),
        _failures("Not begun:", skipped, "warning", style, width, verbose),
        _recovered(result, width, verbose),
        [*_counts(result, style, width), *_proof(result, style, width)],
        _next(result, width, clean(options), awaited=awaited),
    ]
    texts = ["\n".join(section) for section in sections if section]
    return "\n\n".join(texts) + "\n"


def _failures(
    title: str,
    results: Sequence[ActionResult],
    meaning: str,
    style: Style,
    width: int,
    verbose: int,
) -> list[str]:
    """Return the actions with their errors; an error that many share is told once."""
    if not results:
        return []
    by_error: dict[str, list[ActionResult]] = {}
    for each in results:
        by_error.setdefault(each.error, []).append(each)
    lines = [style.paint(meaning, title)]
    for error, group in by_error.items():
        texts = clean_lines(error) if error else []
        if len(group) < _FEW or verbose:
            for each in group:
                head = f"{clean(each.action.address)}: {each.action.kind}"
                lines += _told(head, texts, width)
        else:
            names = listed([each.action.address for each in group], _NAMED)
            words = f"{counted(len(group), 'job')}: {names}"
            lines += paragraph(words, width, indent=2, hang=2) + _below(texts, width)
    return lines


def _told(head: str, texts: Sequence[str], width: int) -> list[str]:
    first = f"{head}: {texts[0]}" if texts else head
    return paragraph(first, width, indent=2, hang=2) + _below(texts[1:], width)


def _below(texts: Sequence[str], width: int) -> list[str]:
    return [line for text in texts for line in paragraph(text.strip(), width, indent=4)]


def _recovered(result: ApplyResult, width: int, verbose: int) -> list[str]:
    if not result.recovered:
        return []
    names = listed(result.recovered, len(result.recovered) if verbose else _NAMED)
    return paragraph(f"Recovered from an interrupted run: {names}.", width, hang=2)


def _counts(result: ApplyResult, style: Style, width: int) -> list[str]:
    done = Counter(each.action.kind for each in result.of(Result.DONE))
    parts = [f"{done[kind]:,} {PAST[kind]}" for kind in ActionKind if done[kind]]
    if result.moved:
        parts.append(f"{len(result.moved):,} moved")
    said = f"Applied: {', '.join(parts)}." if parts else "Nothing was changed."
    for kind, word in ((Result.FAILED, "failed"), (Result.SKIPPED, "not begun")):
        if number := len(result.of(kind)):
            said += f" {number:,} {word}."
    return [style.paint("heading", line) for line in fold(said, width)]


def _proof(result: ApplyResult, style: Style, width: int) -> list[str]:
    if not result.of(Result.DONE):
        return []
    if result.verified and not result.mismatches:
        complete = len(result.of(Result.DONE)) == len(result.results)
        said = "the state equals the plan" if complete else "what was done is recorded as planned"
        return [style.paint("succeeded", line) for line in fold(f"Verified: {said}.", width)]
    names = listed(result.mismatches, _NAMED) or "see the plan"
    said = f"Not as planned: the state differs from what the plan projected for {names}."
    return [style.paint("error", line) for line in paragraph(said, width, hang=2)]


def _next(result: ApplyResult, width: int, options: str, *, awaited: bool) -> list[str]:
    if result.interrupted:
        said = (
            "Interrupted: nothing new was begun, and what was in flight is recorded. "
            f"`reconciler apply{options}` goes on from here."
        )
    elif result.of(Result.FAILED) or result.of(Result.SKIPPED):
        said = f"What is done stays done; `reconciler apply{options}` tries the rest again."
    elif result.mismatches or not result.verified:
        said = f"`reconciler plan{options}` shows what is left."
    elif not awaited and any(each.action.after for each in result.of(Result.DONE)):
        said = (
            f"Next: `reconciler status{options}` shows the jobs, `reconciler wait{options}` waits "
            "for them."
        )
    else:
        return []
    return fold(said, width)
