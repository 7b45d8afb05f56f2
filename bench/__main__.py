"""
`python -m bench [NAME…]`: run the measurements and print their lines.

Each figure stands in a line of its own with what it may be at most. The exit code is 1 where a target is missed or a
measurement could not be carried out, 2 where a name is unknown.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence

from bench.measure import Figure

NAMES = (
    "dags",
    "starting",
    "processor",
    "catalog",
    "deploy",
    "preview",
    "sweep",
    "refinement",
    "hostile",
    "clouds",
    "costs",
)

Measurement = Callable[[], Iterable[Figure | str]]


def main(names: Sequence[str]) -> int:
    """Run the named measurements, or all, and return the exit code."""
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "WARNING"
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"unknown measurement {unknown[0]!r}; known: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    return report({name: _measurement(name) for name in names or NAMES})


def _measurement(name: str) -> Measurement:
    return lambda: importlib.import_module(f"bench.{name}").run()


def report(measurements: Mapping[str, Measurement]) -> int:
    """Print what each of *measurements* tells, and return 0 if every target was met, else 1."""
    figures: list[Figure] = []
    failed: list[str] = []
    lines = 0
    for name, measure in measurements.items():
        try:
            for told in measure():
                figures += [told] if isinstance(told, Figure) else []
                lines += 1
                print(told.line() if isinstance(told, Figure) else f"       {told}", flush=True)
        except (Exception, SystemExit) as error:  # the other measurements say something all the same
            failed.append(name)
            print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
    missed = [figure for figure in figures if not figure.is_met]
    print(f"{len(figures) - len(missed)} of {len(figures)} targets met, {len(failed)} measurements failed")
    return 1 if missed or failed or not lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
