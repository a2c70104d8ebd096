"""`python -m tests.reliability.fuzz --inputs N --seed S --target T`: the long run.

Ends with 0 when nothing was found, else with 1. `--number` makes one input again and checks it;
`--bombs` reads the inputs that grow with RECONCILER_TEST_SCALE instead.
"""

import argparse
import faulthandler
import json
import resource
import sys
import time
import warnings

from tests.reliability.fuzz.bombs import bombs
from tests.reliability.fuzz.loop import PATIENCE, Tally, fuzz, judge, make, report, watch
from tests.reliability.fuzz.targets import TARGETS

_BATCH = 500


def main() -> int:
    options = _options()
    limit = options.memory << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    warnings.simplefilter("error")
    watch()
    names = list(TARGETS) if options.target == "all" else [options.target]
    if options.number is not None:
        return _again(names[0], options.number, options.seed)
    tally = Tally()
    if options.bombs:
        _explode(names, options.scale, tally)
    else:
        _run(names, options.inputs, options.first, options.seed, tally)
    for finding in tally.findings.values():
        report(finding, options.seed)
    hangs = sum(each.is_hang for each in tally.findings.values())
    summary = {
        "inputs": tally.inputs,
        "findings": len(tally.findings),
        "repeats": tally.repeats,
        "hangs": hangs,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }
    sys.stdout.write(json.dumps(summary) + "\n")
    return 1 if tally.findings else 0


def _run(names: list[str], inputs: int, first: int, seed: str, tally: Tally) -> None:
    targets = [TARGETS[name]() for name in names]
    begun = told = time.monotonic()
    each = -(-inputs // len(targets))
    for start in range(first, first + each, _BATCH):
        numbers = range(start, min(start + _BATCH, first + each))
        for target in targets:
            faulthandler.dump_traceback_later(10 * PATIENCE + _BATCH, exit=True)
            fuzz(target, numbers, seed, tally)
        faulthandler.cancel_dump_traceback_later()
        if time.monotonic() - told > 30:
            told = time.monotonic()
            pace = tally.inputs / (told - begun)
            sys.stderr.write(
                f"{tally.inputs} inputs, {pace:.0f}/s, {len(tally.findings)} findings\n"
            )


def _explode(names: list[str], scale: float, tally: Tally) -> None:
    for number, (name, title, build) in enumerate(bombs(scale)):
        if name in names:
            data = build()
            begun = time.monotonic()
            faulthandler.dump_traceback_later(600, exit=True)
            finding = judge(TARGETS[name](), number, data, max(60.0, 30.0 * scale))
            faulthandler.cancel_dump_traceback_later()
            tally.add(finding)
            took = time.monotonic() - begun
            size = len(data) / 1e6
            sys.stderr.write(
                f"{name}: {title}: {size:.1f} MB in {took:.1f} s{' !' * bool(finding)}\n"
            )


def _again(name: str, number: int, seed: str) -> int:
    target = TARGETS[name]()
    data = make(target, number, seed)
    sys.stdout.write(ascii(data)[2:-1] + "\n")
    target.check(data)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.fuzz", description=__doc__)
    add = parser.add_argument
    add("--inputs", type=int, default=10_000, help="how many, over all targets")
    add("--first", type=int, default=0, help="number of the first input")
    add("--seed", default="0")
    add("--target", choices=[*TARGETS, "all"], default="all")
    add("--number", type=int, help="check this input alone, and let its failure through")
    add("--memory", type=int, default=2048, help="MB of address space")
    add("--bombs", action="store_true", help="read the big inputs")
    add("--scale", type=float, default=1.0, help="how big the big inputs are")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
