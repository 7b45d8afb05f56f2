"""Level one: runner, real Terraform, real provider and an emulated cloud, without Airflow."""

import copy
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mcop_airflow.retries import OUTLASTS
from mcop_core import bootstrap
from mcop_core.catalog.models import AdapterSettings, ProviderRequirement
from mcop_core.engines.base import RenderRequest
from mcop_core.engines.terraform.engine import TerraformEngine
from mcop_core.runner.folder import OperationFolder
from mcop_core.runner.journal import read_journal
from mcop_core.runner.request import Operation, RunRequest
from mcop_core.settings import Settings
from tests.campaign.checker import Expected, check
from tests.campaign.machine import Cloud, command_line, grown, kill_all, parent, processes, providers

BUCKET = "campaign"
MODULE = Path(__file__).with_name("module.tf")
COUNTS = {
    "aws_vpc": 2,
    "aws_subnet": 4,
    "aws_eip": 2,
    "aws_security_group": 1,
    "aws_internet_gateway": 1,
    "aws_route_table": 1,
    "aws_s3_bucket": 1,
    "aws_dynamodb_table": 1,
    "aws_iam_role": 1,
    "aws_ssm_parameter": 1,
    "aws_route": 1,
    "aws_route_table_association": 2,
    "aws_iam_role_policy": 1,
    "aws_ebs_volume": 1,
}
PARTS = ("terraform", "provider", "runner", "task", "runner+terraform", "cloud", "connection")
BACKEND = {"type": "s3", "bucket": BUCKET, "region": "us-east-1", "use_lockfile": True}
SETTLES_S = 420.0
"""How long an apply may take before the campaign calls its record unsettled, seconds."""


@dataclass
class Row:
    """
    One apply, or one destruction, of the raw table.

    Attributes:
        kills: `{"part", "at_s", "resources"}` each: when, in seconds after the start, and how many were done then.
        work: `apply` or `destroy`.
        level: 1: a runner and its task; 2: a whole stack.
        settled_s: From the moment all parts were up again to the settled record; None: not in time.
        two_at_once: Samples, ten a second, in which two Terraforms worked on the state.
    """

    seed: int
    number: int
    kills: list[dict[str, Any]] = field(default_factory=list)
    outcome: str = ""
    error: str = ""
    took_s: float = 0.0
    settled_s: float | None = None
    two_at_once: int = 0
    adopted: int = 0
    work: str = Operation.APPLY
    level: int = 1
    findings: dict[str, Any] = field(default_factory=dict)
    is_clean: bool = False


class Bench:
    """
    What all applies of a campaign share.

    Args:
        cloud: What `machine.Cloud` does; one of its own if None.
        scale: What every length of time that MCOP waits is divided by.

    With `MCOP_WARM_PROVIDERS` providers are warm, and their keepers are killed, too.
    """

    def __init__(self, folder: Path, cloud: Any = None, *, scale: float = 6.0) -> None:
        self.folder = folder
        self.cloud = cloud or Cloud(folder)
        usual = Settings()
        self.settings = Settings(
            artifact_store=f"s3://{BUCKET}?region=us-east-1",
            work_dir=str(folder / "runs"),
            cache_dir=str(folder / "cache"),
            terraform_plugin_mirror=os.environ.get("MCOP_TERRAFORM_PLUGIN_MIRROR", ""),
            warm_providers=int(os.environ.get("MCOP_WARM_PROVIDERS", "0")),
            lease_s=usual.lease_s / scale,
            store_patience_s=usual.store_patience_s / scale,
        )
        self.parts = (*PARTS, "keeper") if self.settings.warm_providers else PARTS
        self.pauses_s = [pause_s / scale for pause_s in pauses()]
        self.engine = TerraformEngine(self.settings, os.environ)

    def prepare(self) -> None:
        """Start the cloud, make the bucket of the states, choose the provider's version."""
        self.cloud.start()
        os.environ.update(self.cloud.environment)
        if BUCKET not in {one["Name"] for one in self.cloud.client("s3").list_buckets()["Buckets"]}:
            self.cloud.client("s3").create_bucket(Bucket=BUCKET)
        self.locks = self.engine.lock({"aws": ProviderRequirement(source="hashicorp/aws", version="~> 5.100")})

    def working_in(self, folder: Path) -> "Bench":
        """Return the same bench with its operations' folders in *folder*."""
        other = copy.copy(self)
        other.settings = replace(self.settings, work_dir=str(folder))
        return other

    def request(
        self,
        name: str,
        module: str = MODULE.read_text(),
        counts: Mapping[str, int] = COUNTS,
        backend: Mapping[str, Any] = BACKEND,
        prefix: str = "",
        moved_from: Sequence[str] = (),
    ) -> tuple[RunRequest, Expected]:
        """
        Render *module* for an element of its own, and return what to do and what it is to leave.

        Args:
            prefix: What the names of its resources begin with, by default its own name.
            moved_from: As in `RunRequest`.
        """
        files = {"main.tf": module.encode()}
        rendered = self.engine.render(
            RenderRequest(
                address=("campaign", "kills", "w", "p", name),
                files=files,
                interface=self.engine.describe(files),
                inputs={"prefix": prefix or name},
                settings=AdapterSettings(
                    source="hashicorp/aws",
                    version="~> 5.100",
                    configuration={"region": "us-east-1", "skip_metadata_api_check": "true", "s3_use_path_style": True},
                ),
                locks=self.locks,
                backend=backend,
            )
        )
        bootstrap.open_store(self.settings.artifact_store).put(rendered.key, rendered.to_json())
        request = RunRequest(
            Operation.APPLY,
            rendered.digest,
            f"campaign/{name}",
            f"campaign {name}",
            self.settings.artifact_store,
            moved_from=tuple(moved_from),
        )
        key = rendered.runtime["state"]["key"]
        return request, Expected(f"campaign/kills/w/p/{name}", prefix or name, counts, BUCKET, key)


def pauses() -> list[float]:
    """Return how long Airflow waits before each retry of the operator that applies, at the least, seconds."""
    first, longest = OUTLASTS["retry_delay"].total_seconds(), OUTLASTS["max_retry_delay"].total_seconds()
    factor = OUTLASTS["retry_exponential_backoff"]
    return [min(first * factor**number, longest) for number in range(OUTLASTS["retries"])]


class Apply:
    """One apply, its processes, and what is killed of it."""

    operation = Operation.APPLY

    def __init__(self, bench: Bench, name: str, row: Row, **how: Any) -> None:
        """Render what is to be applied; *how* goes to `Bench.request`."""
        self._bench, self._row, self._name = bench, row, f"{name}-{self.operation}"
        self._request, self._expected = self._wanted(name, how)
        self._folder = OperationFolder.of(self._request, bench.settings)
        self._folder.make()
        self._folder.write_request(self._request)
        self._ended = bench.folder / f"{self._name}.ended.json"
        self._ended.unlink(missing_ok=True)
        self._task: subprocess.Popen[bytes] | None = None
        self._begun = time.monotonic()

    def _wanted(self, name: str, how: Mapping[str, Any]) -> tuple[RunRequest, Expected]:
        return self._bench.request(name, **how)

    def carry_out(self, chance: random.Random, kills: int) -> Row:
        """Begin, kill *kills* times at random moments, and write down and return what came of it."""
        try:
            with self._watched():
                self._start_task()
                up = self._begun
                for _ in range(kills):
                    self._wait_for_the_moment(chance)
                    if self._has_ended():
                        break
                    self.kill(chance.choice(self._bench.parts), chance)
                    up = time.monotonic()
                self._wait(self._has_ended, SETTLES_S)
            self._note(up)
            return self._row
        finally:
            self._stop()

    def run(self) -> Row:
        """Apply, kill nothing, and write down and return what came of it."""
        return self.carry_out(random.Random(0), kills=0)

    # -- waiting -----------------------------------------------------------------------------------------

    def _wait_for_the_moment(self, chance: random.Random) -> None:
        """Wait for a moment of the whole or, more often, for one while resources are being created or destroyed."""
        while_changing, delay_s = chance.random() < 0.75, chance.uniform(0.0, 8.0)
        if while_changing:
            self._wait(self._is_changing, SETTLES_S / 4)
        self._wait(self._has_ended, delay_s)

    def _is_changing(self) -> bool:
        started, ended = self._records("resource_started"), self._records("resource_finished")
        return self._has_ended() or len(started) > len(ended)

    def _wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Keep the task alive until *condition* holds; return whether it did in time."""
        ends = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > ends:
                return False
            if self._task is not None and self._task.poll() is not None and not self._has_ended():
                self._start_task()  # as Airflow starts the next attempt
            time.sleep(0.05)
        return True

    def _has_ended(self) -> bool:
        return self._ended.exists()

    def _records(self, event: str) -> list[dict[str, Any]]:
        return [record for record in read_journal(self._folder.journal) if record["event"] == event]

    # -- processes ---------------------------------------------------------------------------------------

    def _start_task(self) -> None:
        pauses_s = map(str, self._bench.pauses_s)
        command = [sys.executable, "-m", "tests.campaign.task", str(self._folder.path), str(self._ended), *pauses_s]
        environment = {**os.environ, **self._bench.settings.to_environment()}
        with (self._bench.folder / f"{self._name}.log").open("ab") as log:
            self._task = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)

    def _terraforms(self) -> list[int]:
        return processes(lambda line: f"-chdir={self._folder.workspace}" in line)

    def _runners(self) -> list[int]:
        return processes(lambda line: "mcop_core.runner.main" in line and str(self._folder.path) in line)

    def _providers(self) -> list[int]:
        return [provider for pid in self._terraforms() for provider in providers(pid)]

    def _keepers(self) -> list[int]:
        return [
            pid for pid in map(parent, self._providers()) if any(word.endswith(".keeper") for word in command_line(pid))
        ]

    def kill(self, part: str, chance: random.Random) -> None:
        """Kill *part*, have it up again after a moment if nobody else does that, and note it if there was one."""
        down_s = chance.uniform(0.0, 3.0)
        at_s, done = time.monotonic() - self._begun, len(self._records("resource_finished"))
        if part in ("cloud", "connection"):
            count = 1
            self._bench.cloud.kill_relay()
            if part == "cloud":
                self._bench.cloud.stop_emulator()
            time.sleep(down_s)
            self._bench.cloud.start()
        else:
            count = kill_all(pid for name in part.split("+") for pid in self._pids(name))
            if part == "task" and self._task is not None:
                self._task.wait()
                time.sleep(down_s)
                self._start_task()
        if count:
            self._row.kills.append({"part": part, "at_s": round(at_s, 1), "resources": done})

    def _pids(self, part: str) -> list[int]:
        task = [self._task.pid] if self._task is not None else []
        named = {
            "terraform": self._terraforms,
            "runner": self._runners,
            "provider": self._providers,
            "keeper": self._keepers,
        }
        return task if part == "task" else named[part]()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Look ten times a second whether two Terraforms apply to the state."""
        done = threading.Event()

        def look() -> None:
            while not done.wait(0.1):
                applying = [pid for pid in self._terraforms() if "apply" in command_line(pid)]
                self._row.two_at_once += len(grown(applying)) > 1

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def _stop(self) -> None:
        kill_all(pid for part in ("task", "runner", "terraform") for pid in self._pids(part))
        if self._task is not None:
            self._task.wait()

    # -- what came of it ---------------------------------------------------------------------------------

    def _note(self, up: float) -> None:
        row, now = self._row, time.monotonic()
        row.took_s = round(now - self._begun, 1)
        if self._has_ended():
            told = json.loads(self._ended.read_text())
            row.outcome, row.error, row.settled_s = told["outcome"], told["error"], round(now - up, 1)
        row.adopted = sum(len(record["adopted"]) for record in self._records("adopted"))
        found = check(self._expected, row.outcome, self._bench.cloud.client)
        row.findings = asdict(found)
        row.is_clean = found.is_clean and row.outcome == "succeeded" and not row.two_at_once


class Destroy(Apply):
    """The destruction of what an apply of the same name left, its processes, and what is killed of it."""

    operation = Operation.DESTROY

    def _wanted(self, name: str, how: Mapping[str, Any]) -> tuple[RunRequest, Expected]:
        request, expected = super()._wanted(name, how)
        key = f"{request.run_key}/destroy"
        return replace(request, operation=self.operation, run_key=key), replace(expected, counts={})


def campaign(folder: Path, *, seed: int, minutes: float, tell: Callable[[str], None]) -> list[Row]:
    """
    Apply, destroy what was applied, and kill for about *minutes*; return one row for each of both.

    The raw table grows in `rows.jsonl`. What is not clean after its apply is not destroyed.
    The seed decides what is killed and after how long; what has happened by then, the machine's load decides too.
    """
    bench, rows = Bench(folder), []
    ends = time.monotonic() + minutes * 60
    try:
        bench.prepare()
        while not rows or time.monotonic() < ends:
            name = f"c{seed % 100_000}-{len(rows):04}"
            for work in (Apply, Destroy):
                row = Row(seed, len(rows), work=work.operation)
                chance = random.Random(f"{seed}/{row.number}")
                work(bench, name, row).carry_out(chance, kills=chance.randint(2, 6))
                rows.append(row)
                with (folder / "rows.jsonl").open("a") as table:
                    table.write(json.dumps(asdict(row)) + "\n")
                tell(line_of(row))
                if not row.is_clean:
                    break
    finally:
        bench.cloud.stop()
    return rows


def line_of(row: Row) -> str:
    """Return one row for people."""
    kills = ", ".join(f"{kill['part']} at {kill['at_s']:.0f} s" for kill in row.kills) or "no kill hit"
    wrong = "" if row.is_clean else f" NOT CLEAN {row.error} { {k: v for k, v in row.findings.items() if v} }"
    told = f"{row.outcome or 'unsettled':10} in {row.took_s:5.0f} s, {row.adopted} adopted"
    return f"{row.level}/{row.number} {row.work:7} {told}: {kills}{wrong}"
