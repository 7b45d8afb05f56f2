"""The task process of a campaign: follows one operation as Airflow's task does, and writes how it ended."""

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mcop_core.runner.attach import follow
from mcop_core.runner.folder import OperationFolder
from mcop_core.runner.request import Outcome
from mcop_core.settings import Settings


def main(folder: Path, ended: Path, pauses_s: Sequence[float]) -> None:
    """Follow it, and again after each of *pauses_s* while the store is unreachable, as Airflow retries the operator."""
    request = OperationFolder(folder).read_request()
    settings = Settings.from_environment(os.environ)
    for pause_s in (*pauses_s, None):
        result = follow(
            request, settings, os.environ, on_line=lambda level, line: print(f"{level}: {line}", flush=True)
        )
        if pause_s is None or result.outcome is Outcome.SUCCEEDED or result.error_type != "Unreachable":
            break
        time.sleep(pause_s)
    new = ended.with_suffix(".new")
    new.write_text(json.dumps({"outcome": result.outcome, "error": result.error}))
    new.replace(ended)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), [float(pause_s) for pause_s in sys.argv[3:]])
