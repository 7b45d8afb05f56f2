"""Settings from environment variables: read once, passed as a value."""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from mcop_core.errors import InvalidInput, closest
from mcop_core.limits import LIMIT_PREFIX, USUAL_LIMITS, Limits

PREFIX = "MCOP_"
SECRET_PREFIX = "MCOP_SECRET_"  # noqa: S105 (the begin of a name)
"""Variables of the secret store `env`; what follows is the secret's own name."""
_COUNT = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)
PROFILE = Path(".mcop/settings.env")
"""Settings of the stack that `make run` started, read from the current folder; real variables win."""


@dataclass(frozen=True, slots=True)
class Settings:
    """
    What an installation of MCOP is told by its environment; each field is `MCOP_<FIELD>`, of the limits `MCOP_LIMIT_…`.

    Attributes:
        objects_table: DynamoDB table of the catalog's objects.
        rules_table: DynamoDB table of the validation rules.
        artifact_store: URL of the store of templates, snapshots and artifacts: `s3://bucket[/prefix]`
            or `file:///folder`.
        work_dir: Folder of the runner's operations on this machine; durable, survives the task.
        cache_dir: Folder of what can be fetched again, by digest.
        terraform: Path or name of the Terraform or OpenTofu binary.
        opentofu: Path or name of the OpenTofu binary, for adapters that say `tool: opentofu`.
        terraform_providers: Terraform providers that adapters and primitives may use: addresses separated by commas;
            `namespace/*` stands for all of a namespace.
        terraform_plugin_mirror: Folder that holds `registry.terraform.io/`; empty: searched, then the registry.
        access: File of the access rules, who may do what per namespace, TOML; empty: Airflow's own rights alone hold.
        exemptions: TOML file of what single primitives may hold although it is forbidden; empty: nothing.
        policies: Folder of the policies that every preview and every apply must pass; empty: there are none.
        drift_schedule: When the DAG `mcop_drift` looks at everything that is deployed, cron; empty: only when asked.
        drift_ceiling: Share of the components, 0 to 1: if more drifted at once, a drift run reports and executes
            nothing.
        drift_notifier: Airflow notifier that is told of drift, JSON: `{"classpath": …, "kwargs": {…}}`.
        secrets_scopes: Which secrets the manifests of a namespace may refer to, JSON:
            `{"<namespace or *>": ["secret://vault/shop/*"]}`; empty: all that the worker's credentials may read.
        record_key: Secret of the workers, 32 characters or more, with which they prove approvals and what tasks hand
            each other; empty: whoever may write the artifact store may forge them.
        clouds: Folder of the YAML files that configure the clouds that `mcop workers`, `mcop inventory` and
            `mcop clouds` ask; empty: there are none.
        inventory_schedule: When the DAG `mcop_inventory` looks at all clouds, cron; empty: only when asked.
        clouds_notifier: Airflow notifier that is told when a cloud's health changes, JSON as for drift.
        reconcile_schedule: When the DAG `mcop_reconcile` settles what Airflow calls ended and what is not, cron; empty:
            only when asked.
        lease_s: How long a runner's lease on a state lasts without renewal, seconds.
        warm_providers: How many provider processes are kept on this machine between Terraform's commands, see `warm`;
            0: none.
        pools: How many operations of one account and region may run at once, JSON:
            `{"<provider>/<credentials>/<region>": 4}`, see `pools`; empty: as many as Airflow starts.
        fence_s: After how long without a renewal of its lease a runner is ended, so that another machine may take over,
            seconds, at least twice `lease_s`; 0: never, and a person breaks the lease of a machine that is gone.
        store_patience_s: How long an operation that has something to write waits for a state store that does not
            answer, seconds.
        catalog_audit_s: How often the bundle checks that what the snapshot pins is still there, seconds.
        airflow_url, airflow_username, airflow_password, airflow_token: The REST API that the CLI talks to.
        limits: How much is taken of what users write.
    """

    objects_table: str = "mcop-objects"
    rules_table: str = "mcop-validation-rules"
    artifact_store: str = "s3://mcop-artifacts"
    work_dir: str = "/var/lib/mcop/runs"
    cache_dir: str = "/var/cache/mcop"
    terraform: str = "terraform"
    opentofu: str = "tofu"
    terraform_providers: str = "hashicorp/*"
    terraform_plugin_mirror: str = ""
    access: str = ""
    exemptions: str = ""
    policies: str = ""
    drift_schedule: str = "0 5 * * *"
    drift_ceiling: float = 0.5
    drift_notifier: str = ""
    secrets_scopes: str = ""
    record_key: str = field(default="", repr=False)
    clouds: str = ""
    inventory_schedule: str = "0 * * * *"
    clouds_notifier: str = ""
    reconcile_schedule: str = "*/5 * * * *"
    warm_providers: int = 0
    pools: str = ""
    lease_s: float = 30.0
    fence_s: float = 0.0
    store_patience_s: float = 300.0
    catalog_audit_s: float = 60.0
    airflow_url: str = "http://127.0.0.1:8080"
    airflow_username: str = ""
    airflow_password: str = field(default="", repr=False)
    airflow_token: str = field(default="", repr=False)
    limits: Limits = USUAL_LIMITS

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """
        Read every `MCOP_*` variable.

        Raises:
            InvalidInput: A number is none, infinite or negative, a limit is no whole number from 1, or a variable is
                unknown; names the nearest.
        """
        own = {PREFIX + field.name.upper(): field for field in fields(cls) if field.name != "limits"}
        limits = {LIMIT_PREFIX + field.name.upper(): field.name for field in fields(Limits)}
        known = {*own, *limits}
        values: dict[str, object] = {}
        chosen: dict[str, int] = {}
        for variable, text in sorted(environment.items()):
            if not variable.startswith(PREFIX) or variable.startswith(SECRET_PREFIX):
                continue
            if variable not in known:
                near = closest(variable, known)
                raise InvalidInput(f"{variable} is no setting of MCOP." + (f' Did you mean "{near}"?' if near else ""))
            if variable in limits:
                chosen[limits[variable]] = _count(variable, text)
            else:
                field = own[variable]
                values[field.name] = _READ[str(field.type)](variable, text)
        made = cls(**values, limits=Limits(**chosen))  # type: ignore[arg-type]
        _check_fence(made)
        return made

    def to_environment(self) -> dict[str, str]:
        """Return the variables that `from_environment` reads as this."""
        own = {PREFIX + name.upper(): str(value) for name, value in _values(self) if name != "limits"}
        return own | {LIMIT_PREFIX + name.upper(): str(value) for name, value in _values(self.limits)}


def _check_fence(settings: Settings) -> None:
    if 0 < settings.fence_s < 2 * settings.lease_s:
        raise InvalidInput(
            f"MCOP_FENCE_S is {settings.fence_s:g}: it must be 0, or at least {2 * settings.lease_s:g}, which is twice "
            "MCOP_LEASE_S: a runner renews its lease a few times before it is ended"
        )


def _values(settings: Settings | Limits) -> list[tuple[str, object]]:
    return [(field.name, getattr(settings, field.name)) for field in fields(settings)]


def _number(variable: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidInput(f"{variable} is {text!r}: it must be a number")
    if number < 0:
        raise InvalidInput(f"{variable} is {text!r}: it must be 0 or more")
    return number


def _whole(variable: str, text: str) -> int:
    return 0 if text == "0" else _count(variable, text)


def _text(variable: str, text: str) -> str:
    return text


_READ: Mapping[str, Callable[[str, str], object]] = {"str": _text, "int": _whole, "float": _number}
"""Type of a setting, as it is written -> what reads it; the arguments are the variable and its text."""


def _count(variable: str, text: str) -> int:
    if not _COUNT.fullmatch(text):
        raise InvalidInput(f"{variable} is {text!r}: it must be a whole number from 1")
    return int(text)


def load_profile(environment: Mapping[str, str], path: Path = PROFILE) -> dict[str, str]:
    """Return *environment* over the `NAME=value` lines of the file *path*, a shell's, if there is one."""
    if not path.is_file():
        return dict(environment)
    lines = shlex.split(path.read_text(), comments=True)
    return {**{name: value for name, _, value in (line.partition("=") for line in lines)}, **environment}


def load_settings() -> Settings:
    """Return the settings of this process; a profile's other variables (AWS_…) are set in it too."""
    environment = load_profile(os.environ)
    os.environ.update(environment)
    return Settings.from_environment(environment)
