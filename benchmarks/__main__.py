"""`python -m benchmarks [SUITE …]`: measure, and print tables of figures side by side.

`--jobs` names the sizes, `--repeat` how often each figure is taken. Nothing passes or fails by
time; `counts` is the one suite that fails, and only when a count is wrong.
"""

import argparse
import os
import platform
import sys

from benchmarks import suites

_SUITES = {
    "startup": suites.startup,
    "plan": suites.plan,
    "apply": suites.apply,
    "latency": suites.latency,
    "reading": suites.reading,
    "state": suites.state,
    "http": suites.http,
    "counts": suites.counts,
}


def main() -> int:
    """Run the suites that were named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", choices=[*_SUITES, []], metavar="SUITE")
    parser.add_argument("--jobs", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    cores, load = os.cpu_count(), os.getloadavg()[0]
    print(f"Python {platform.python_version()}, {cores} cores, load {load:.1f} at the start")
    wrong = 0
    for name in given.suites or _SUITES:
        wrong += bool(_SUITES[name](given.jobs, given.repeat))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
