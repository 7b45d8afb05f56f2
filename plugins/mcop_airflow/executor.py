"""Airflow's LocalExecutor, whose workers know MCOP's code, and which keeps attempts apart that one worker hands on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.executors.local_executor import LocalExecutor

from mcop_airflow.preloading import load_code

if TYPE_CHECKING:
    from airflow.executors.workloads import ExecutorWorkload
    from airflow.executors.workloads.types import WorkloadKey, WorkloadState

_ENDED = frozenset({"success", "failed"})


class ResumingLocalExecutor(LocalExecutor):
    """
    Report the end of an attempt once: when the last worker that it was given to has ended.

    A task that waits for a person goes on in another worker, in the same attempt. Where the answer is quicker than the
    first worker's end, Airflow reads that end as the attempt's, fails it, and the answer is lost (apache/airflow#72716,
    in 3.3.2). Set `core.executor = mcop_airflow.executor.ResumingLocalExecutor`.
    """

    def start(self) -> None:
        """Start the workers; none has anything yet, and each has the code of the tasks from this process."""
        load_code()
        self._given: Counter[WorkloadKey] = Counter()
        super().start()

    def _process_workloads(self, workload_list: Sequence[ExecutorWorkload]) -> None:
        self._given.update(workload.key for workload in workload_list)
        super()._process_workloads(workload_list)

    def change_state(
        self, key: WorkloadKey, state: WorkloadState, info: Any = None, remove_running: bool = True
    ) -> None:
        """Pass on what a worker reports, unless it ended and another one has the same attempt."""
        if state in _ENDED:
            self._given[key] -= 1
            # A worker that was killed reports nothing, and then the next one's end is not passed on either;
            # the task's own state, which it tells Airflow itself, is not touched by that.
            if self._given[key] > 0:
                self.log.info("A worker of %s ended; another one goes on with it", key)
                return
            del self._given[key]
        super().change_state(key, state, info, remove_running)
