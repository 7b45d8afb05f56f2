"""The whole stack, once: an emulated cloud and Airflow as `mcop up` starts them, in a folder of the tests' own."""

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from mcop_core.embedded.home import Home
from mcop_core.executions.airflow_api import AirflowApi
from mcop_core.settings import Settings, load_profile

ROOT = Path(__file__).parents[2]
MANIFEST = "storefront-staging"
DAG = f"mcop.{MANIFEST}"


def surroundings() -> dict[str, str]:
    """Return this process's environment without anybody's cloud; the catalog is audited every five seconds."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MCOP_", "AIRFLOW"))}
    return inherited | {"MCOP_CATALOG_AUDIT_S": "5"}


@dataclass(frozen=True)
class LiveStack:
    """
    A running stack as its user meets it.

    Attributes:
        folder: The folder in which `mcop` is called; the stack lies in its `.mcop`.
    """

    folder: Path

    @property
    def home(self) -> Home:
        return Home.of(ROOT, self.folder / ".mcop")

    @property
    def profile(self) -> dict[str, str]:
        return load_profile({}, self.home.settings_file)

    @property
    def settings(self) -> Settings:
        return Settings.from_environment({k: v for k, v in self.profile.items() if k.startswith("MCOP_")})

    def mcop(self, *arguments: str, timeout_s: float = 600, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Call `mcop` in the folder; its output is in the error when it fails and *check* is true."""
        of_stack = arguments[0] in {"up", "down", "status"}
        where = ["--project", str(ROOT), "--home", str(self.home.folder)] if of_stack else []
        finished = subprocess.run(
            [sys.executable, "-m", "mcop_core", *arguments, *where],
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=timeout_s,
            env=surroundings(),
        )
        if check:
            assert finished.returncode == 0, f"{arguments}: {finished.returncode}\n{finished.stdout}\n{finished.stderr}"
        return finished

    def json(self, *arguments: str) -> Any:
        """Call `mcop … --json` and return what it printed."""
        return json.loads(self.mcop(*arguments, "--json").stdout)

    def client(self, service: str) -> Any:
        """Return the cloud's own API."""
        return boto3.client(
            service,
            endpoint_url=self.profile["AWS_ENDPOINT_URL"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def api(self) -> AirflowApi:
        """Return Airflow's REST API as the user `admin`."""
        return AirflowApi.open(self.settings)

    def state(self, step: str, manifest: str = MANIFEST) -> dict[str, Any]:
        """Return the Terraform state of a step as it lies in the bucket."""
        key = f"storefront/{manifest}/{step.replace('.', '/')}.tfstate"
        return json.loads(self.client("s3").get_object(Bucket="acme-terraform-state", Key=key)["Body"].read())

    def run(self, dag_id: str, conf: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Trigger a DAG as any REST client does, wait for its end, and return the run and its tasks' states."""
        with self.api() as api:
            run_id = api.trigger(dag_id, run_id=f"test-{uuid.uuid4()}", conf=conf)["dag_run_id"]
            run = api.wait(dag_id, run_id, timeout_s=300)
            return run, {ti["task_id"]: ti["state"] for ti in api.task_instances(dag_id, run_id)}

    def logs(self, run: dict[str, Any], task_id: str) -> str:
        """Return the log of a task's first attempt, errors and their details included."""
        with self.api() as api:
            lines = api.logs(run["dag_id"], run["dag_run_id"], task_id, attempt=1)
            return "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)


def wait_until(truth: Callable[[], Any], *, timeout_s: float = 90) -> Any:
    """Return *truth*'s first true answer; fail when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        answer = truth()
        if answer:
            return answer
        time.sleep(0.5)
    raise AssertionError(f"not so after {timeout_s} s")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """A stack with the example deployed; stopped at the end, also after a failure."""
    live = LiveStack(tmp_path_factory.mktemp("system"))
    try:
        (live.folder / "up.txt").write_text(live.mcop("up", "--deploy", MANIFEST).stdout)
        yield live
    finally:
        live.mcop("down", check=False)


@pytest.fixture(scope="session")
def checkout(stack: LiveStack) -> Path:
    """A folder that looks as the project's does after `make run`."""
    (stack.folder / ".venv").symlink_to(ROOT / ".venv")
    shutil.copytree(ROOT / "include", stack.folder / "include")
    return stack.folder
