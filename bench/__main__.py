"""`python -m bench [NAME…]`: run the measurements and print their lines."""

from __future__ import annotations

import importlib
import os
import sys

NAMES = ("dags", "deploy", "preview", "hostile")


def main() -> int:
    """Run the named measurements, or all."""
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "WARNING"
    for name in sys.argv[1:] or NAMES:
        if name not in NAMES:
            print(f"unknown measurement {name!r}; known: {', '.join(NAMES)}", file=sys.stderr)
            return 2
        for line in importlib.import_module(f"bench.{name}").run():
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
