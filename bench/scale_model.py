"""
`python -m bench.scale_model`: what 100,000 components over 200 accounts take, and where it breaks first.

Every number that it rests on stands in `CONSTANTS`, with where it comes from. What follows from them alone is computed
(`demands`, `breaking_points`); what depends on who waits for whom is simulated (`roll_out`), with a seed.
"""

from __future__ import annotations

import heapq
import math
import random
import statistics
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Constant:
    """A number, its unit, and its source: `measured`, `published` or `assumed`, with what, where or why."""

    value: float
    unit: str
    source: str


_AIRFLOW = "measured: Airflow 3.3.2, LocalExecutor and Postgres on the same 2 cores"
_COSTS = "measured: `python -m bench costs`"
_ASKED = "measured: `tests/plugins/test_permissions.py`, requests of a run of 2 components"
_EC2 = "published: docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html"
_FARGATE = "published: docs.aws.amazon.com/AmazonECS/latest/developerguide/throttling.html"
_S3 = "published: docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html"
_DYNAMODB = "published: docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"

CONSTANTS = {
    "apply_cpu_s": Constant(0.95, "CPU s", f"{_COSTS}, a component with nothing to do, through the runner"),
    "apply_change_cpu_s": Constant(0.97, "CPU s", f"{_COSTS}, one resource changed"),
    "render_cpu_s": Constant(0.005, "CPU s", f"{_COSTS}"),
    "sweep_cpu_s": Constant(0.6, "CPU s", f"{_COSTS}, planning 1 component: what a plan costs by itself"),
    "sweep_component_cpu_s": Constant(0.033, "CPU s", f"{_COSTS}, from 1 component to 40 planned as one: 0.6 to 1.9"),
    "dag_cpu_s": Constant(0.0014, "CPU s", f"{_COSTS}, both DAGs built and serialised, for each component"),
    "dag_bytes": Constant(4953, "bytes", f"{_COSTS}, both DAGs as Airflow stores them, for each component"),
    "artifact_bytes": Constant(2951, "bytes", f"{_COSTS}"),
    "plan_bytes": Constant(531, "bytes", f"{_COSTS}, for each component"),
    "s3_reads": Constant(12.5, "requests", f"{_ASKED}: GET, for each component applied, 11.5 to 13.5"),
    "s3_lists": Constant(3.0, "requests", f"{_ASKED}: LIST, for each component applied"),
    "s3_writes": Constant(15.0, "requests", f"{_ASKED}: PUT and DELETE, for each component applied"),
    "look_reads": Constant(7.5, "requests", f"{_ASKED}: GET and LIST, for each component looked at"),
    "run_dynamodb_reads": Constant(4.0, "requests", f"{_ASKED}: of the catalog, for each run"),
    "scheduler_tasks_per_s": Constant(2.7, "tasks/s", f"{_AIRFLOW}, 40 at once: 0.31 to 0.43 s each"),
    "task_s": Constant(0.4, "s", f"{_AIRFLOW}, fork, bundle and parse before a task's own work: 0.2 to 0.4 s"),
    "parallelism": Constant(32, "tasks", "Airflow's default: core.parallelism, for each scheduler"),
    "pool": Constant(128, "tasks", "Airflow's default: core.default_pool_task_slot_count"),
    "parsing_processes": Constant(2, "processes", "Airflow's default: dag_processor.parsing_processes"),
    "await_dag_s": Constant(600, "s", "MCOP: how long `mcop_execute` waits for the DAG of what was published"),
    "batch": Constant(200, "components", "MCOP: `mcop_core/drift/detect.py`, planned as one at most"),
    "finds": Constant(8, "manifests", "MCOP: `mcop_core/drift/detect.py`, read about at a time"),
    "looks": Constant(2, "plans", "MCOP: `dags/mcop_drift.py`, at once in a run"),
    "file_s": Constant(0.1, "CPU s", "assumed: forking for one DAG file and storing what it holds"),
    "wait_s": Constant(12.0, "s", "assumed: how long a cloud takes for what one component changes, median"),
    "wait_spread": Constant(0.9, "", "assumed: sigma of its logarithm; one in twenty takes 53 s and more"),
    "api_calls": Constant(12.0, "requests", "assumed: 4 resources of a component, 3 reads each"),
    "api_per_s": Constant(20.0, "requests/s", f"{_EC2}: refill of one non-mutating action"),
    "api_burst": Constant(100.0, "requests", f"{_EC2}: its bucket"),
    "launch_per_s": Constant(20.0, "tasks/s", f"{_FARGATE}: tasks started in an account and region"),
    "s3_get_s": Constant(0.1, "s", f"{_S3}: first byte of a small object, 100 to 200 ms"),
    "s3_get_per_s": Constant(5500, "requests/s", f"{_S3}: of one prefix"),
    "s3_put_per_s": Constant(3500, "requests/s", f"{_S3}: of one prefix"),
    "dynamodb_reads_per_s": Constant(3000, "units/s", f"{_DYNAMODB}: of one partition, which the catalog's head is"),
}


def value(name: str) -> float:
    """Return one of the constants."""
    return CONSTANTS[name].value


@dataclass(frozen=True)
class Estate:
    """
    What is deployed.

    Attributes:
        depth: Stages of a manifest, one after the other; its components are spread over them.
    """

    components: int = 100_000
    accounts: int = 200
    manifest: int = 14
    depth: int = 7

    @property
    def manifests(self) -> int:
        """How many there are."""
        return math.ceil(self.components / self.manifest)

    @property
    def tasks(self) -> int:
        """Of deploying all of it: two for each component; admit, the plan's marker and remove for each manifest."""
        return 2 * self.components + 3 * self.manifests


@dataclass(frozen=True)
class Installation:
    """
    What Airflow is given.

    Attributes:
        parallelism: Tasks at a time of each scheduler, `core.parallelism`.
        pool: Tasks at a time of all of them, the slots of the default pool.
        cores: Of the workers together.
    """

    schedulers: int
    parallelism: int
    pool: int
    cores: int

    @property
    def running(self) -> int:
        """How many tasks run at once."""
        return min(self.pool, self.schedulers * self.parallelism)


# -- what follows from the numbers alone ---------------------------------------------------------------


@dataclass(frozen=True)
class Demand:
    """How much of one thing deploying all of an estate takes."""

    what: str
    amount: float
    unit: str


def demands(estate: Estate, changed: float) -> list[Demand]:
    """Return what deploying all of *estate* takes where the share *changed* of its components has something to do."""
    cpu_s = (1 - changed) * value("apply_cpu_s") + changed * value("apply_change_cpu_s") + value("render_cpu_s")
    sweeps = estate.accounts * math.ceil(estate.components / estate.accounts / value("batch"))
    return [
        Demand("tasks of Airflow", estate.tasks, "tasks"),
        Demand("CPU of workers", estate.components * cpu_s / 3600, "core hours"),
        Demand("CPU of a sweep for drift", _sweep_cpu_s(estate, sweeps) / 3600, "core hours"),
        Demand(
            "requests to S3, reads and lists", estate.components * (value("s3_reads") + value("s3_lists")), "requests"
        ),
        Demand("requests to S3, writes", estate.components * value("s3_writes"), "requests"),
        Demand("requests to DynamoDB", estate.manifests * value("run_dynamodb_reads"), "requests"),
        Demand("requests to each account's APIs", estate.components / estate.accounts * value("api_calls"), "requests"),
        Demand("artifacts", estate.components * value("artifact_bytes") / 1e6, "MB"),
        Demand("plans of a snapshot", estate.components * value("plan_bytes") / 1e6, "MB"),
        Demand("DAGs in Airflow's database", estate.components * value("dag_bytes") / 1e6, "MB"),
    ]


def _sweep_cpu_s(estate: Estate, plans: int) -> float:
    return plans * value("sweep_cpu_s") + estate.components * value("sweep_component_cpu_s")


@dataclass(frozen=True)
class BreakingPoint:
    """
    The number of components at which something gives way.

    Attributes:
        then: What is done about it.
    """

    components: float
    what: str
    then: str


def breaking_points(estate: Estate) -> list[BreakingPoint]:
    """Return where an installation with Airflow's defaults breaks, the first point first; *estate* gives the shape."""
    reads = 1 + 4 / estate.manifest  # a note of each component; of each manifest two lists and two plans
    look_cpu_s = value("sweep_cpu_s") + value("batch") * value("sweep_component_cpu_s")
    look_api_s = (value("batch") * value("api_calls") - value("api_burst")) / value("api_per_s")
    look_s = value("task_s") + max(look_cpu_s, look_api_s)
    parse_s = value("file_s") + estate.manifest * value("dag_cpu_s")
    slot_s = 2 * value("task_s") + value("apply_cpu_s") + CHANGED * value("wait_s")  # a render and an apply
    day, night = 86_400.0, 8 * 3600.0
    found = [
        BreakingPoint(
            3600 / value("s3_get_s") * value("finds") / reads,
            "the task `find` of `mcop_drift` takes an hour to read what is deployed",
            "Start `mcop_drift` for a share of the manifests at a time: `manifests` in its conf.",
        ),
        BreakingPoint(
            night / look_s * value("looks") * value("batch"),
            "a sweep for drift takes more than a night: an account's APIs slow each plan, and few are made at once",
            "Start `mcop_drift` for a share of the manifests at a time, or look less often: `drift` in a manifest.",
        ),
        BreakingPoint(
            value("await_dag_s") * value("parsing_processes") / parse_s * estate.manifest,
            "all DAG files take longer to parse than `mcop_execute` waits for what was just published",
            "Raise dag_processor.parsing_processes with the cores of the DAG processor.",
        ),
        BreakingPoint(
            night * value("parallelism") / slot_s,
            "deploying everything takes more than a night, with one scheduler's core.parallelism",
            "Raise core.parallelism and the pool, and add workers: 2 GB and one core for each task at a time.",
        ),
        BreakingPoint(
            night * value("scheduler_tasks_per_s") / (estate.tasks / estate.components),
            "deploying everything takes more than a night, with one scheduler",
            "Add schedulers; they share the work through the database.",
        ),
        BreakingPoint(
            estate.accounts * night * value("api_per_s") / value("api_calls"),
            "the accounts' APIs let no more through in a night",
            "Spread over more accounts and regions; the provider waits and tries again when it is throttled.",
        ),
        BreakingPoint(
            day * value("s3_put_per_s") / value("s3_writes"),
            "one prefix of S3 takes no more writes in a day",
            "S3 divides prefixes by itself under lasting load.",
        ),
    ]
    return sorted(found, key=lambda one: one.components)


# -- who waits for whom --------------------------------------------------------------------------------


@dataclass
class Account:
    """One account's bucket of requests: `used` is how far ahead of its refill it is, in seconds of refill."""

    free_at: float = 0.0

    def take(self, now: float, calls: float) -> float:
        """Return when *calls* that begin now have been let through."""
        burst_s = value("api_burst") / value("api_per_s")
        self.free_at = max(self.free_at, now - burst_s) + calls / value("api_per_s")
        return max(now, self.free_at)


@dataclass(frozen=True)
class RollOut:
    """
    How deploying everything went.

    Attributes:
        hours: From the first run's begin to the last one's end.
        busy: What was busy for which share of that time.
        median_min, slowest_min: Of a manifest, from its own begin; minutes.
        throttled: Share of the applies that an account's API made wait.
    """

    hours: float
    busy: dict[str, float]
    median_min: float
    slowest_min: float
    throttled: float


@dataclass
class _Run:
    """One manifest's run: how many tasks of its present stage are still out."""

    account: Account
    left: int = 0
    stage: int = -1
    began: float = 0.0
    ended: float = 0.0
    stages: list[list[str]] = field(default_factory=list)


def roll_out(estate: Estate, installation: Installation, *, changed: float, seed: int, at_once: int = 500) -> RollOut:
    """
    Simulate a deployment of every manifest, *at_once* of them at a time, the next one when one has ended.

    A task waits for the scheduler, which starts so many a second, then for a slot. An apply takes its CPU time, slowed
    where more run than there are cores, and what its cloud takes; its requests wait for its account.
    """
    return _Simulation(estate, installation, changed, random.Random(seed)).run(at_once)


class _Simulation:
    def __init__(self, estate: Estate, installation: Installation, changed: float, chance: random.Random) -> None:
        self.estate, self.installation, self.changed, self.chance = estate, installation, changed, chance
        self.accounts = [Account() for _ in range(estate.accounts)]
        self.rate = installation.schedulers * value("scheduler_tasks_per_s")
        self.events: list[tuple[float, int, str, _Run, str]] = []
        self.waiting: deque[tuple[_Run, str]] = deque()
        self.free, self.number, self.scheduler_at = installation.running, 0, 0.0
        self.slot_s = self.cpu_s = 0.0
        self.applies = self.throttled = 0

    def run(self, at_once: int) -> RollOut:
        runs = [_Run(self.accounts[number % len(self.accounts)]) for number in range(self.estate.manifests)]
        for run in runs:
            run.stages = self._stages()
        pending = deque(runs)
        for _ in range(min(at_once, len(runs))):
            self._next_stage(pending.popleft(), 0.0)
        now = 0.0
        while self.events:
            now, _, what, run, task = heapq.heappop(self.events)
            if what == "scheduled":
                self.waiting.append((run, task))
            else:
                self.free += 1
                run.left -= 1
                if not run.left and not self._next_stage(run, now) and pending:
                    self._next_stage(pending.popleft(), now)
            while self.free and self.waiting:
                self._start(*self.waiting.popleft(), now)
        took = [(run.ended - run.began) / 60 for run in runs]
        busy = {
            "scheduler": self.estate.tasks / self.rate / now,
            "slots": self.slot_s / self.installation.running / now,
            "cores": self.cpu_s / self.installation.cores / now,
        }
        return RollOut(now / 3600, busy, statistics.median(took), max(took), self.throttled / self.applies)

    def _stages(self) -> list[list[str]]:
        """Return the tasks of each stage: admit and the marker, then renders and applies in turn, then remove."""
        per, more = divmod(self.estate.manifest, self.estate.depth)
        widths = [per + (number < more) for number in range(self.estate.depth)]
        steps = [[word] * width for width in widths for word in ("render", "apply")]
        return [["other", "other"], *steps, ["other"]]

    def _next_stage(self, run: _Run, now: float) -> bool:
        """Have the tasks of the next stage scheduled; False if the run has ended."""
        run.stage += 1
        if run.stage == 0:
            run.began = now
        if run.stage == len(run.stages):
            run.ended = now
            return False
        run.left = len(run.stages[run.stage])
        for task in run.stages[run.stage]:
            self.scheduler_at = max(self.scheduler_at, now) + 1 / self.rate
            self._later(self.scheduler_at, "scheduled", run, task)
        return True

    def _start(self, run: _Run, task: str, now: float) -> None:
        self.free -= 1
        ends = now + value("task_s")
        if task == "apply":
            ends = self._applied(run, ends)
        self.slot_s += ends - now
        self._later(ends, "ended", run, task)

    def _applied(self, run: _Run, now: float) -> float:
        changes = self.chance.random() < self.changed
        cpu_s = value("apply_change_cpu_s" if changes else "apply_cpu_s")
        crowded = max(1.0, (self.installation.running - self.free) / self.installation.cores)
        waits = self.chance.lognormvariate(math.log(value("wait_s")), value("wait_spread")) if changes else 0.0
        done = now + cpu_s * crowded + waits
        let_through = run.account.take(now, value("api_calls"))
        self.cpu_s += cpu_s
        self.applies += 1
        self.throttled += let_through > done
        return max(done, let_through)

    def _later(self, at: float, what: str, run: _Run, task: str) -> None:
        self.number += 1
        heapq.heappush(self.events, (at, self.number, what, run, task))


# -- what is told --------------------------------------------------------------------------------------

ESTATE = Estate()
CHANGED = 0.1
SEED = 7
INSTALLATIONS = {
    "Airflow's defaults, one scheduler": Installation(schedulers=1, parallelism=32, pool=128, cores=32),
    "four schedulers, more parallelism": Installation(schedulers=4, parallelism=128, pool=512, cores=256),
    "eight schedulers": Installation(schedulers=8, parallelism=128, pool=1024, cores=768),
}


def table() -> Iterator[str]:
    """Yield the constants as a Markdown table."""
    yield "| constant | value | unit | source |"
    yield "|---|---|---|---|"
    for name, one in CONSTANTS.items():
        yield f"| `{name}` | {one.value:,g} | {one.unit} | {one.source} |"


def lines() -> Iterator[str]:
    """Yield the model's lines."""
    yield f"{ESTATE.components} components, {ESTATE.manifests} manifests, {ESTATE.accounts} accounts; seed {SEED}"
    for one in demands(ESTATE, CHANGED):
        yield f"  {one.what}: {one.amount:,.0f} {one.unit}"
    yield "where it breaks, by the number of components:"
    for point in breaking_points(ESTATE):
        yield f"  {point.components:>13,.0f}  {point.what}"
        yield f"                 {point.then}"
    yield f"deploying everything, {CHANGED:.0%} of it changed:"
    for name, installation in INSTALLATIONS.items():
        found = roll_out(ESTATE, installation, changed=CHANGED, seed=SEED)
        busy = ", ".join(f"{what} {share:.0%}" for what, share in found.busy.items())
        yield f"  {name} ({installation.running} tasks at once): {found.hours:.1f} h; {busy}"
        yield f"    a manifest: median {found.median_min:.1f} min, slowest {found.slowest_min:.1f} min"


if __name__ == "__main__":
    for line in lines():
        print(line)
