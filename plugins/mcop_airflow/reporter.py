"""What an engine tells, as lines of a task's log."""

from __future__ import annotations

import logging
from typing import Any

LEVELS = {"debug": logging.DEBUG, "warning": logging.WARNING, "error": logging.ERROR}


class LogReporter:
    """A `Reporter` for work that a task does itself; what a runner journals is only told here where people wait."""

    def __init__(self, log: logging.Logger | Any) -> None:
        self._log = log

    def log(self, line: str, *, level: str = "info") -> None:
        """Write one line."""
        self._log.log(LEVELS.get(level, logging.INFO), "%s", line)

    def record(self, event: str, **facts: Any) -> None:
        """Tell what is planned now, which takes long."""
        if event == "planning":
            self._log.info("Planning %s", facts["what"])
