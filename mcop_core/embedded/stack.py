"""
The embedded stack: an emulated cloud and an Airflow as processes of this machine.

`start` brings up what is missing, repairs what is half dead and leaves alone what is healthy and up to date;
`stop` leaves no process and keeps the data.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mcop_core.embedded import airflow, emulator
from mcop_core.embedded.home import ADMIN, CATALOG, Home, load_secrets, write_settings
from mcop_core.embedded.processes import Component, Register, Started, choose_ports, wait_until_healthy
from mcop_core.embedded.surroundings import (
    LOCAL,
    cloud_environment,
    isolated_cloud_environment,
    local_environment,
    telemetry_environment,
)
from mcop_core.embedded.tools import Tool, find_terraform
from mcop_core.errors import Conflict
from mcop_core.settings import PREFIX, Settings

START_S = 240.0
EMULATOR_START_S = 60.0
ARTIFACT_BUCKET = "mcop-artifacts"
_EMULATOR_PORT = "emulator"
_OWN_SETTINGS = (
    "lease_s",
    "catalog_audit_s",
    "terraform_plugin_mirror",
    "policies",
    "drift_schedule",
    "drift_ceiling",
    "drift_notifier",
    "secrets_scopes",
    "pools",
    "warm_providers",
    "clouds",
    "clouds_notifier",
    "inventory_schedule",
)
"""Settings that the caller's environment may decide; the others are the stack's."""


@dataclass(frozen=True, slots=True)
class Part:
    """
    One component as `mcop status` shows it.

    Attributes:
        state: `healthy`, `starting`, `unhealthy`, `unreachable`, or `stopped`.
        address: Where it listens; empty if nowhere.
    """

    name: str
    state: str
    pid: int | None
    address: str
    log: str


class Stack:
    """
    One stack, by its home.

    Args:
        home: Where it keeps its things.
        inherited: The caller's environment.
        tell: Called with one line for each thing that is done.
        options: Variables `AIRFLOW__…` that replace the stack's own choice.
    """

    def __init__(
        self,
        home: Home,
        inherited: Mapping[str, str],
        tell: Callable[[str], None],
        *,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        self._options = dict(options or {})
        self._inherited = inherited
        self._told = tell
        self._register = Register.load(home.stack_file)
        self._fresh: list[str] = []

    def _tell(self, line: str) -> None:
        """Tell, were it nobody: a terminal that was closed must not keep the stack from being stopped."""
        with suppress(OSError):
            self._told(line)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """
        Keep everybody else from starting or stopping this stack meanwhile.

        Raises:
            Conflict: Somebody else is; names their pid.
        """
        self.home.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.home.lock_file.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                raise Conflict(
                    f"{self.home.folder} is being started or stopped by process {file.read().strip() or '?'}"
                ) from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            self._register = Register.load(self.home.stack_file)
            yield

    # -- starting ------------------------------------------------------------------------------------------

    def start(self, *, buckets: Mapping[str, str]) -> Settings:
        """
        Start what does not run as it should, and return the settings by which the stack is reached.

        Returns when every process is started; `wait` returns when Airflow is healthy.

        Args:
            buckets: Bucket -> region, to exist beside the artifact store's.

        Raises:
            EngineFailed: A part cannot be started; says which, and where its log is. What was started is stopped.
        """
        self.home.create()
        try:
            return self._start(buckets)
        except BaseException:
            self.stop_fresh()
            raise

    def _start(self, buckets: Mapping[str, str]) -> Settings:
        tool = find_terraform(self._inherited, self.home.tools, named=self._inherited.get(f"{PREFIX}TERRAFORM", ""))
        self._tell(f"Terraform {tool.version} ({tool.origin}): {tool.path}")
        self._choose_ports()
        settings = self._settings(tool)
        self._tell(f"provider mirror: {settings.terraform_plugin_mirror or 'none, providers come from the registry'}")
        base = local_environment(self._inherited)
        self._open_cloud(base)
        environment = self._task_environment(settings)
        migration = airflow.start_migration(self.home, {**base, **environment})
        self._prepare_cloud(settings, buckets)
        if migration:
            self._tell("making Airflow's database")
        airflow.finish_migration(self.home, migration)
        self._start_airflow(base, environment)
        write_settings(self.home, self._profile(settings))
        return settings

    def _choose_ports(self) -> None:
        """Keep the ports of what runs; choose the others, the ones from before if they are free."""
        running = {name for name, started in self._register.components.items() if started.is_alive}
        owners = {_EMULATOR_PORT: emulator.NAME, **dict.fromkeys(airflow.PORTS, airflow.API)}
        kept = {name: self._register.ports[name] for name, owner in owners.items() if owner in running}
        chosen = choose_ports([name for name in owners if name not in kept], self._register.ports)
        self._register.ports = {**chosen, **kept}
        self._register.save()

    @property
    def url(self) -> str:
        """Where Airflow's UI is."""
        return airflow.airflow_url(self._register.ports)

    def _settings(self, tool: Tool) -> Settings:
        from mcop_core.engines.terraform.providers import find_mirror

        own = {PREFIX + name.upper() for name in _OWN_SETTINGS}
        given = Settings.from_environment({name: value for name, value in self._inherited.items() if name in own})
        mirror = find_mirror(given.terraform_plugin_mirror)
        return replace(
            given,
            artifact_store=f"s3://{ARTIFACT_BUCKET}",
            work_dir=str(self.home.runs),
            cache_dir=str(self.home.cache),
            terraform=str(tool.path),
            terraform_plugin_mirror=str(mirror or ""),
            policies=_absolute(given.policies),
            exemptions=_absolute(given.exemptions),
            clouds=_absolute(given.clouds),
            record_key=given.record_key or load_secrets(self.home).records,
            airflow_url=self.url,
            airflow_username=ADMIN,
            airflow_password=load_secrets(self.home).password,
        )

    def _open_cloud(self, base: Mapping[str, str]) -> None:
        """Start the emulator."""
        port = self._register.ports[_EMULATOR_PORT]
        running = self._register.components.get(emulator.NAME)
        if running and running.is_alive and not emulator.is_ready(port):
            self._register.stop(emulator.NAME)
        started = self._ensure(emulator.emulator_component(self.home, port, base))
        wait_until_healthy([started], lambda: emulator.is_ready(port), timeout_s=EMULATOR_START_S)

    def _prepare_cloud(self, settings: Settings, buckets: Mapping[str, str]) -> None:
        """Make what must exist in the cloud before MCOP can work."""
        emulator.prepare_cloud(
            settings, self._register.ports[_EMULATOR_PORT], {ARTIFACT_BUCKET: "us-east-1", **buckets}
        )

    def _cloud(self) -> dict[str, str]:
        """Return what leads the tasks to the cloud."""
        return isolated_cloud_environment(self._register.ports[_EMULATOR_PORT])

    def _task_environment(self, settings: Settings) -> dict[str, str]:
        """Return the environment of Airflow and of its tasks, which need no login at their own API."""
        own = settings.to_environment()
        without_login = {name: value for name, value in own.items() if not name.startswith(f"{PREFIX}AIRFLOW_")}
        configuration = airflow.airflow_environment(self.home, load_secrets(self.home), self._register.ports)
        telemetry = telemetry_environment(self._inherited)
        return {**self._cloud(), **without_login, **configuration, **telemetry, **self._options}

    def _profile(self, settings: Settings) -> dict[str, str]:
        proxy = {name: value for name, value in local_environment(self._inherited).items() if name == "NO_PROXY"}
        without_key = replace(settings, record_key="").to_environment()
        return {**without_key, **cloud_environment(self._register.ports[_EMULATOR_PORT]), **proxy}

    def _start_airflow(self, base: Mapping[str, str], environment: Mapping[str, str]) -> None:
        code = code_digest([self.home.project / "dags", self.home.project / "plugins", _package_folder()])
        parts = airflow.components(self.home, base, environment, code)
        self._stop_all(self._sick(parts))
        for part in parts:
            self._ensure(part)

    def _sick(self, parts: list[Component]) -> list[str]:
        """Return the running components that must be started again: of another make, or not healthy."""
        told = airflow.health(self.url) if self._is_running(airflow.API) else {}
        running = [part for part in parts if self._is_running(part.name)]
        found: list[str] = []
        for part in running:
            if self._register.components[part.name].fingerprint != part.fingerprint:
                self._tell(f"{part.name} is out of date")
            elif told.get(part.name) in ("unhealthy", "unreachable"):
                self._tell(f"{part.name} is {told[part.name]}")
            else:
                continue
            found.append(part.name)
        return found

    def _is_running(self, name: str) -> bool:
        started = self._register.components.get(name)
        return started is not None and started.is_alive

    def _ensure(self, component: Component) -> Started:
        """Return the running process of *component*; start it when there is none, or it is of another make."""
        before = self._register.components.get(component.name)
        if before and before.is_alive and before.fingerprint == component.fingerprint:
            return before
        if before and before.is_alive:
            self._tell(f"{component.name} is out of date: starting it again")
        self._register.stop(component.name)
        self._fresh.append(component.name)
        started = self._register.start(component)
        self._tell(f"started {component.name} (pid {started.pid})")
        return started

    @property
    def is_reused(self) -> bool:
        """Whether `start` had nothing to start."""
        return not self._fresh

    def wait(self) -> None:
        """
        Return once Airflow is healthy.

        Raises:
            EngineFailed: A part has ended, or is not healthy in time. What was started is stopped.
        """
        parts = [self._register.components[name] for name in airflow.COMPONENTS]
        try:
            wait_until_healthy(parts, lambda: airflow.is_healthy(self.url), timeout_s=START_S)
        except BaseException:
            self.stop_fresh()
            raise

    def stop_fresh(self) -> None:
        """Stop what `start` started in this call, so that a failed start leaves nothing half alive."""
        self._stop_all(reversed(self._fresh))
        self._fresh = []

    # -- stopping ------------------------------------------------------------------------------------------

    def stop(self, cancel_runners: Callable[[], int]) -> None:
        """
        Stop everything, in an order in which nothing is lost.

        First nothing new is scheduled, then the runners end and their tasks report it, then Airflow goes, and at
        last the cloud that all of them spoke to.

        Args:
            cancel_runners: Asks the runners to stop and waits for them; returns how many there were.
        """
        self._register.ask_to_stop(airflow.SCHEDULER)
        try:
            count = cancel_runners()
            if count:
                self._tell(f"cancelled {count} running operations")
        finally:
            self._register.stop(airflow.SCHEDULER)
            _end_warm_providers(self.home)
            self._stop_all(name for name in list(self._register.components) if name != emulator.NAME)
            self._stop_all([emulator.NAME])

    def _stop_all(self, names: Iterator[str] | list[str]) -> None:
        """Ask all of them to stop at once, then wait for each."""
        known = [name for name in names if name in self._register.components]
        for name in known:
            self._tell(f"stopping {name}")
            self._register.ask_to_stop(name)
        for name in known:
            self._register.stop(name)

    # -- looking -------------------------------------------------------------------------------------------

    def parts(self) -> list[Part]:
        """Return every component as it is now."""
        ports = self._register.ports
        told = airflow.health(self.url) if self._is_running(airflow.API) else {}
        ready = self._is_running(emulator.NAME) and emulator.is_ready(ports[_EMULATOR_PORT])
        told[emulator.NAME] = "healthy" if ready else "unreachable"
        addresses = {emulator.NAME: _EMULATOR_PORT, airflow.API: "airflow-api"}
        return [self._part(name, told, addresses.get(name, "")) for name in (emulator.NAME, *airflow.COMPONENTS)]

    def _part(self, name: str, told: Mapping[str, str], port: str) -> Part:
        started = self._register.components.get(name)
        if started is None or not started.is_alive:
            return Part(name, "stopped", None, "", str(self.home.logs / f"{name}.log"))
        address = f"http://{LOCAL}:{self._register.ports[port]}" if port else ""
        return Part(name, told.get(name, "unreachable"), started.pid, address, started.log)


def catalog_buckets(home: Home) -> dict[str, str]:
    """Return bucket -> region of the states of the manifests in the project's catalog folder; faults are not told."""
    from mcop_core.catalog.yaml_files import read_folder

    documents = read_folder(home.project / CATALOG)
    return emulator.state_buckets(document.object for document in documents if document.object is not None)


def _absolute(path: str) -> str:
    return str(Path(path).absolute()) if path else ""


def _package_folder() -> Path:
    import mcop_core

    return Path(mcop_core.__file__ or "").parent


def code_digest(folders: list[Path]) -> str:
    """Return the digest of every Python file below *folders*, the command line's own left out."""
    found = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            if path.relative_to(folder).parts[0] not in ("cli", "embedded"):
                found.update(f"{path}\0".encode() + path.read_bytes())
    return found.hexdigest()


def _end_warm_providers(home: Home) -> None:
    # Imported here: starting and asking need nothing of Terraform.
    from mcop_core.engines.terraform.warm import WarmProviders

    WarmProviders.of(home.cache, 0).end_idle()
