"""`python -m mcop_core.policies.main FOLDER`: a document on the standard input, verdicts on the standard output."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from mcop_core.errors import InvalidDocuments
from mcop_core.policies.evaluate import evaluate
from mcop_core.policies.folder import read_policies


def main() -> int:
    """Evaluate; return 2 where a policy of the folder is broken, its faults on the error stream."""
    try:
        policies = read_policies(Path(sys.argv[1]))
    except InvalidDocuments as error:
        sys.stderr.write(f"{error}\n")
        return 2
    verdicts = evaluate(policies, json.loads(sys.stdin.buffer.read()))
    json.dump([asdict(verdict) for verdict in verdicts], sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
