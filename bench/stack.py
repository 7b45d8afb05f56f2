"""An embedded stack of a measurement's own, with the example published; and emulators alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from bench.plans import PROJECT
from mcop_core import bootstrap, publishing
from mcop_core.cli.starting import await_published
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.compiler.snapshot import active_plan, load_plan
from mcop_core.embedded import emulator
from mcop_core.embedded.home import CATALOG, Home
from mcop_core.embedded.processes import Register, choose_ports, wait_until_healthy
from mcop_core.embedded.runners import cancel_all
from mcop_core.embedded.stack import Stack, catalog_buckets
from mcop_core.embedded.surroundings import isolated_cloud_environment, local_environment
from mcop_core.executions.airflow_api import AirflowApi
from mcop_core.executions.history import AirflowHistory
from mcop_core.executions.naming import dag_id, execution_id
from mcop_core.executions.progress import follow
from mcop_core.executions.record import ExecutionRecord
from mcop_core.executions.status import Status
from mcop_core.runner.attach import request_cancel
from mcop_core.settings import PREFIX, Settings, load_profile


@dataclass(frozen=True)
class LiveStack:
    """A running stack; this process speaks to it alone."""

    home: Home
    settings: Settings

    def execute(self, manifest: str) -> ExecutionRecord:
        """Deploy *manifest* through Airflow, and return the record once it has completed."""
        with AirflowApi.open(self.settings) as api:
            await_published(api, manifest, self.settings)
            run = api.trigger(dag_id(manifest), run_id=f"bench__{datetime.now(UTC):%H-%M-%S-%f}", conf={}, note=None)
            run_id = run["dag_run_id"]
            follow(api, dag_id(manifest), run_id, on_progress=lambda _: None, now=lambda: datetime.now(UTC))
            record = AirflowHistory(api).get(execution_id(dag_id(manifest), run_id))
        if record.status is not Status.COMPLETED:
            raise SystemExit(f"{record.id} ended as {record.status}; its logs are in {self.home.airflow}")
        return record

    def plan(self, manifest: str) -> DeploymentPlan:
        """Return the plan that the catalog holds of *manifest*."""
        store = bootstrap.open_store(self.settings.artifact_store)
        snapshot = bootstrap.open_repository(self.settings).head().snapshot
        return load_plan(store, active_plan(store, snapshot, manifest))


def own_settings(folder: Path) -> Settings:
    """Return the caller's settings, with what is cached and what runners work on in *folder*."""
    given = Settings.from_environment(os.environ)
    return replace(given, cache_dir=str(folder / "cache"), work_dir=str(folder / "runs"))


@contextmanager
def running_stack(folder: Path, own: Mapping[str, str]) -> Iterator[LiveStack]:
    """Start a stack in *folder* with settings of its *own*, publish the project's catalog, and stop all at the end."""
    before = dict(os.environ)
    home = Home.of(PROJECT, folder)
    stack = Stack(home, {**os.environ, **own}, lambda line: None)
    with stack.locked():
        try:
            settings = stack.start(buckets=catalog_buckets(home))
            _speak_to(load_profile({}, home.settings_file))
            _publish(settings)
            stack.wait()
            yield LiveStack(home, settings)
        finally:
            stack.stop(lambda: _cancel_runners(home))
            os.environ.clear()
            os.environ.update(before)


def _publish(settings: Settings) -> None:
    publishing.publish_folder(
        PROJECT / CATALOG,
        bootstrap.open_repository(settings),
        bootstrap.open_store(settings.artifact_store),
        lambda name: bootstrap.open_engine(name, settings),
    )


def _cancel_runners(home: Home) -> int:
    profile = load_profile({}, home.settings_file)
    settings = Settings.from_environment(profile)
    return cancel_all(home.runs, lambda request: request_cancel(request, settings), timeout_s=120.0)


def _speak_to(profile: dict[str, str]) -> None:
    """Make this process's cloud the one of *profile*."""
    for name in [name for name in os.environ if name.startswith(("AWS_", PREFIX))]:
        del os.environ[name]
    os.environ.update(profile)


@contextmanager
def running_emulator(folder: Path, settings: Settings) -> Iterator[dict[str, str]]:
    """Start an emulator of its own in *folder*, with the example's buckets; give the variables that lead to it."""
    home = Home.of(PROJECT, folder)
    home.create()
    register = Register(home.stack_file)
    port = choose_ports([emulator.NAME], {})[emulator.NAME]
    try:
        started = register.start(emulator.emulator_component(home, port, local_environment(os.environ)))
        wait_until_healthy([started], lambda: emulator.is_ready(port), timeout_s=60.0)
        emulator.prepare_cloud(settings, port, catalog_buckets(home))
        cloud = isolated_cloud_environment(port)
        _speak_to(cloud)
        yield {**local_environment(os.environ), **cloud}
    finally:
        register.stop(emulator.NAME)
