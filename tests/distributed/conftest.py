"""The stack of docker-compose.yaml as processes, once for all tests."""

import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from mcop_core.embedded.airflow import is_healthy
from mcop_core.errors import McopError
from mcop_core.executions.airflow_api import AirflowApi
from mcop_core.settings import Settings
from tests.campaign.runs import BUCKET
from tests.campaign.stacks import write_catalog
from tests.distributed.__main__ import INSIDE
from tests.distributed.compose import ROOT, read, read_env
from tests.distributed.machines import Machines
from tests.emulators import MINISTACK

MANIFESTS = ("k1", "p1", "p2", "p3")
WORKERS = ("worker-1", "worker-2")
POOLS = '{"aws/worker/us-east-1": 2}'
URL = "http://127.0.0.1:8080"
_SETTLES_S = 420.0


@dataclass(frozen=True)
class Distributed:
    """The running services, and what a client of theirs does."""

    machines: Machines
    variables: dict[str, str]

    def api(self) -> AirflowApi:
        return AirflowApi.open(
            Settings(airflow_url=URL, airflow_username="admin", airflow_password=self.variables["ADMIN_PASSWORD"])
        )

    def client(self, service: str) -> Any:
        """Return the cloud's own API."""
        return boto3.client(
            service,
            endpoint_url="http://127.0.0.1:4566",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def trigger(self, dag_id: str, **conf: Any) -> str:
        run_id = f"distributed-{uuid.uuid4()}"
        with self.api() as api:
            api.trigger(dag_id, run_id=run_id, conf=conf)
        return run_id

    def state(self, dag_id: str, run_id: str) -> str:
        with suppress(McopError), self.api() as api:
            return str(api.run(dag_id, run_id)["state"])
        return ""

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        with self.api() as api:
            return api.task_instances(dag_id, run_id)

    def ends(self, dag_id: str, run_id: str, timeout_s: float = _SETTLES_S) -> str:
        """Wait until a run has ended, and return its state."""
        wait_until(lambda: self.state(dag_id, run_id) in ("success", "failed"), timeout_s=timeout_s)
        return self.state(dag_id, run_id)

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int) -> str:
        """Return a task's log as the UI gets it."""
        with self.api() as api:
            return "\n".join(str(line) for line in api.logs(dag_id, run_id, task_id, attempt=attempt))

    def applying(self) -> dict[str, str]:
        """Return the folder of each Terraform that applies now, and on which worker."""
        return {
            word: name
            for name in WORKERS
            for line in self.machines.pids(name).values()
            for word in line
            if word.startswith("-chdir=") and "apply" in line
        }


def wait_until(truth: Callable[[], Any], *, timeout_s: float = 120) -> Any:
    """Return *truth*'s first true answer; fail when there is none in time."""
    ends = time.monotonic() + timeout_s
    while time.monotonic() < ends:
        answer = truth()
        if answer:
            return answer
        time.sleep(0.2)
    raise AssertionError(f"not so after {timeout_s} s")


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Distributed]:
    """Every service of docker-compose.yaml, healthy; stopped at the end. Its logs are kept when a test fails."""
    if INSIDE not in os.environ:
        pytest.fail("run this with `make test-distributed`: it needs a network of its own")
    folder = Path(tempfile.mkdtemp(prefix="mcop-distributed-"))
    catalog = folder / "catalog"
    write_catalog(catalog, list(MANIFESTS))
    made = subprocess.run([ROOT / "deploy" / "make-env"], capture_output=True, text=True, check=True).stdout
    chosen = {
        "CATALOG": str(catalog),
        "STATE_BUCKETS": BUCKET,
        "MCOP_LEASE_S": "10",
        "MCOP_FENCE_S": "40",
        "MCOP_POOLS": POOLS,
    }
    variables = {**read_env(made), "WORKER_CONCURRENCY": "4", **chosen}
    services = read(variables)
    # ministack that refuses what EC2 refuses, as in every suite.
    services["emulator"] = replace(services["emulator"], command=MINISTACK)
    machines = Machines(folder, services)
    shutil.copy(ROOT / "tests/distributed/dags/many.py", machines.dags)
    live = Distributed(machines, variables)
    try:
        _start(live)
        yield live
    finally:
        machines.stop()
    if request.session.testsfailed:
        print(f"logs and disks are kept: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _start(live: Distributed) -> None:
    machines = live.machines
    for name in ("postgres", "redis", "emulator"):
        machines.start(name)
    machines.await_health("postgres", "redis", "emulator")
    machines.finish("init")
    others = [name for name in machines.services if name not in ("postgres", "redis", "emulator", "init")]
    for name in others:
        machines.start(name)
    machines.await_health("api-server")
    wait_until(lambda: machines.check_alive() and is_healthy(URL), timeout_s=240)
    machines.await_health(*others)
    wait_until(lambda: _shows(live, {"many", *(f"mcop.{name}" for name in MANIFESTS)}), timeout_s=180)


def _shows(live: Distributed, wanted: set[str]) -> bool:
    with suppress(McopError), live.api() as api:
        return wanted <= {dag["dag_id"] for dag in api.dags()}
    return False
