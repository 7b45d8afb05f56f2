"""Level two: the same applies as executions of a whole stack, Airflow killed too; `mcop up` starts it again."""

import json
import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import yaml

from mcop_core.embedded.processes import Register
from mcop_core.embedded.stack import Stack as Embedded
from mcop_core.embedded.stack import catalog_buckets
from mcop_core.errors import McopError
from mcop_core.runner.folder import OperationFolder
from mcop_core.runner.journal import read_journal
from tests.campaign.checker import Expected, check
from tests.campaign.machine import children, command_line, grown, kill_all, processes, providers
from tests.campaign.postgres import Postgres
from tests.campaign.runs import BUCKET, COUNTS, MODULE, Row, line_of
from tests.system.conftest import ROOT, LiveStack, surroundings, wait_until

PARTS = (
    *("terraform", "provider", "runner", "task", "worker"),
    *("scheduler", "api-server", "dag-processor", "postgres", "emulator"),
)
NAMESPACE = "campaign"
SETTLES_S = 600.0


class Stack:
    """
    A stack of the campaign's own, its metadata in *postgres*, with one manifest per execution published.

    Args:
        options: Variables that replace the stack's own choice.
    """

    def __init__(self, folder: Path, names: list[str], postgres: Postgres, options: Mapping[str, str] = {}) -> None:
        self.live = LiveStack(folder)
        self.names = names
        self._postgres = postgres
        self._options = {**options, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.url}

    def up(self) -> None:
        """Start what does not run."""
        embedded = Embedded(self.live.home, surroundings(), lambda line: None, options=self._options)
        with embedded.locked():
            embedded.start(buckets=catalog_buckets(self.live.home))
            embedded.wait()

    def prepare(self) -> None:
        """Start it and publish."""
        self.up()
        s3 = self.live.client("s3")
        if BUCKET not in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=BUCKET)
        catalog = self.live.folder / "catalog"
        write_catalog(catalog, self.names)
        self.live.mcop("catalog", "publish", str(catalog))
        wait_until(self._shows_all, timeout_s=180)

    def _shows_all(self) -> bool:
        with self.live.api() as api:
            return set(self.names) <= {dag["dag_id"].removeprefix("mcop.") for dag in api.dags("mcop.k")}

    def pids(self, part: str) -> list[int]:
        """Return the processes of *part* that live now; of the LocalExecutor's workers those that have a task."""
        runs = str(self.live.home.runs)
        terraforms = processes(lambda line: any(word.startswith(f"-chdir={runs}/") for word in line))
        if part == "terraform":
            return terraforms
        if part == "provider":
            return [provider for pid in terraforms for provider in providers(pid)]
        if part == "runner":
            return processes(lambda line: "mcop_core.runner.main" in line and any(w.startswith(runs) for w in line))
        components = Register.load(self.live.home.stack_file).components
        if part in ("task", "worker"):
            at_work = {pid: children(pid) for pid in children(components["scheduler"].pid)}
            busy = [pid for pid, tasks in at_work.items() if tasks]
            return busy if part == "worker" else [task for pid in busy for task in at_work[pid]]
        return [components[part].pid]

    def kill(self, part: str) -> int:
        """Kill *part*, and return how many processes died; Postgres is started again, the emulator asked to stop."""
        if part == "emulator":
            register = Register.load(self.live.home.stack_file)
            register.ask_to_stop(part)
            register.stop(part)
            return 1
        if part == "postgres":
            killed = self._postgres.kill()
            self._postgres.start()
            return killed
        return kill_all(self.pids(part))

    def terraforms_at_work(self) -> list[str]:
        """Return the folder of each Terraform that applies now."""
        lines = map(command_line, grown(self.pids("terraform")))
        return [word for line in lines if "apply" in line for word in line if word.startswith("-chdir=")]


def write_catalog(folder: Path, names: list[str]) -> None:
    """Write the campaign's module as a primitive, and a manifest for each of *names*."""
    source = folder / "template"
    source.mkdir(parents=True, exist_ok=True)
    (source / "main.tf").write_bytes(MODULE.read_bytes())
    common = {"version": "1.0.0", "provider": "aws", "primitive_type": "terraform"}
    adapter = yaml.safe_load((ROOT / "include/catalog/adapters/aws-terraform.yaml").read_text())
    backend = {"type": "s3", "bucket": BUCKET, "region": "us-east-1", "use_lockfile": True}
    element = {"primitive": "kills", "version": "1.0.0", "inputs": {"prefix": "${prefix}"}}
    documents = [
        adapter,
        {"kind": "primitive", "name": "kills", **common, "source": "template"},
        {
            "kind": "pattern",
            "name": "kills",
            **common,
            "parameters": {"prefix": {"type": "string", "description": "What names begin with."}},
            "elements": {"all": element},
        },
        {
            "kind": "workflow",
            "name": "kills",
            "version": "1.0.0",
            "patterns": {"p": {"pattern": "kills", "version": "1.0.0"}},
            "backend": backend,
        },
    ]
    documents += [
        {
            "kind": "manifest",
            "name": name,
            "version": "1.0.0",
            "namespace": NAMESPACE,
            "configuration": {"region": "us-east-1", "prefix": name},
            "workflows": {"w": {"workflow": "kills", "version": "1.0.0"}},
        }
        for name in names
    ]
    (folder / "campaign.yaml").write_text(yaml.safe_dump_all(documents, sort_keys=False))


class Execution:
    """One execution, and what is killed while it works."""

    def __init__(self, stack: Stack, name: str, row: Row) -> None:
        self._stack, self._name, self._row = stack, name, row
        key = f"{NAMESPACE}/{name}/w/p/all"
        self._expected = Expected(key, name, COUNTS, BUCKET, f"{key}.tfstate")
        self._run_id = f"campaign-{uuid.uuid4()}"
        self._begun = time.monotonic()

    def carry_out(self, chance: random.Random, kills: int) -> None:
        """Execute, kill *kills* times, have the stack up again each time, and write down what came of it."""
        self._trigger()
        up = self._begun
        for _ in range(kills):
            self._wait(self._is_applying, 240)
            self._wait(self._has_ended, chance.uniform(0.0, 15.0))
            if self._has_ended():
                break
            self._kill(chance.choice(PARTS))
            up = time.monotonic()
        self._settle(up)

    def outlast(self, outage: Callable[[], None]) -> Row:
        """Execute, have *outage* pass while resources are made, have the stack up again, and return what came of it."""
        self._trigger()
        self._wait(self._is_applying, 240)
        outage()
        self._stack.up()
        self._settle(time.monotonic())
        return self._row

    def _trigger(self) -> None:
        with self._stack.live.api() as api:
            api.trigger(f"mcop.{self._name}", run_id=self._run_id, conf={})

    def _settle(self, up: float) -> None:
        self._wait(self._has_ended, SETTLES_S)
        self._wait(lambda: not self._stack.pids("runner"), 60)
        self._note(up)

    def _kill(self, part: str) -> None:
        at_s = round(time.monotonic() - self._begun, 1)
        if self._stack.kill(part):
            self._row.kills.append({"part": part, "at_s": at_s})
        self._stack.up()

    def _is_applying(self) -> bool:
        return bool(self._stack.terraforms_at_work()) or self._has_ended()

    def _has_ended(self) -> bool:
        return self._state() in ("success", "failed")

    def _state(self) -> str:
        try:
            with self._stack.live.api() as api:
                return str(api.run(f"mcop.{self._name}", self._run_id)["state"])
        except McopError:
            return ""  # the API server is not up

    def _wait(self, condition: Callable[[], bool], timeout_s: float) -> None:
        ends = time.monotonic() + timeout_s
        while not condition() and time.monotonic() < ends:
            at_work = self._stack.terraforms_at_work()
            self._row.two_at_once += len(at_work) > len(set(at_work))
            time.sleep(0.1)

    def _note(self, up: float) -> None:
        row, now, state = self._row, time.monotonic(), self._state()
        row.took_s = round(now - self._begun, 1)
        row.outcome = "succeeded" if state == "success" else state
        row.settled_s = round(now - up, 1) if self._has_ended() else None
        row.adopted = sum(len(record["adopted"]) for record in self._records("adopted"))
        found = check(self._expected, row.outcome, self._stack.live.client)
        row.findings = asdict(found)
        row.is_clean = found.is_clean and row.outcome == "succeeded" and not row.two_at_once

    def _records(self, event: str) -> list[dict]:
        folders = [OperationFolder(path) for path in self._stack.live.home.runs.glob("*") if path.is_dir()]
        ours = [folder for folder in folders if self._run_id in folder.request.read_text()]
        return [record for folder in ours for record in read_journal(folder.journal) if record["event"] == event]


def stack_campaign(folder: Path, *, seed: int, minutes: float, tell: Callable[[str], None]) -> list[Row]:
    """Execute and kill for about *minutes*, and return one row per execution; the stack is stopped at the end."""
    names = [f"k{seed % 100_000}-{number:04}" for number in range(max(1, int(minutes)))]
    folder.chmod(0o755)  # the server that Airflow's metadata lie in is another user's
    postgres = Postgres(folder / "postgres")
    stack, rows = Stack(folder, names, postgres), []
    ends = time.monotonic() + minutes * 60
    try:
        stack.prepare()
        for number, name in enumerate(names):
            if rows and time.monotonic() > ends:
                break
            row = Row(seed, number, level=2)
            chance = random.Random(f"stack/{seed}/{number}")
            Execution(stack, name, row).carry_out(chance, kills=chance.randint(2, 4))
            rows.append(row)
            with (folder / "rows.jsonl").open("a") as table:
                table.write(json.dumps(asdict(row)) + "\n")
            tell(line_of(row))
    finally:
        stack.live.mcop("down", check=False)
        postgres.stop()
    return rows
