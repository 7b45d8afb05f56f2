"""The task process of a campaign: follows one operation as Airflow's task does, and writes how it ended."""

import json
import os
import sys
from pathlib import Path

from mcop_core.runner.attach import follow
from mcop_core.runner.folder import OperationFolder
from mcop_core.runner.request import Outcome
from mcop_core.settings import Settings

ATTEMPTS = 4
"""As many as the operator that applies has, see `mcop_airflow.operators.runner`."""


def main(folder: Path, ended: Path) -> None:
    request = OperationFolder(folder).read_request()
    settings = Settings.from_environment(os.environ)
    for _ in range(ATTEMPTS):
        result = follow(
            request, settings, os.environ, on_line=lambda level, line: print(f"{level}: {line}", flush=True)
        )
        if result.outcome is Outcome.SUCCEEDED or result.error_type != "Unreachable":
            break
    new = ended.with_suffix(".new")
    new.write_text(json.dumps({"outcome": result.outcome, "error": result.error}))
    new.replace(ended)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
