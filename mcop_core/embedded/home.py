"""Where an embedded stack keeps its things: one folder, `.mcop` of the project."""

from __future__ import annotations

import json
import os
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from mcop_core.errors import InvalidInput

HOME = ".mcop"
CATALOG = Path("include/catalog")
ADMIN, APPROVER = "admin", "approver"
"""The users of the stack's Airflow: one who may do everything, and one beside it who can approve what that one asks."""


@dataclass(frozen=True, slots=True)
class Home:
    """
    Paths of one embedded stack.

    Attributes:
        project: The folder with `dags/`, `plugins/` and `include/`, absolute.
        folder: Everything that the stack writes, absolute; mode 0700.
    """

    project: Path
    folder: Path

    @classmethod
    def of(cls, project: Path, folder: Path | None = None) -> Home:
        """
        Return the stack of *project*, in *folder* or in its `.mcop`.

        Raises:
            InvalidInput: *project* is no checkout of MCOP.
        """
        project = project.resolve()
        if not (project / "dags" / "mcop_manifests.py").is_file():
            raise InvalidInput(f"{project} has no dags/mcop_manifests.py: run this in the project's folder")
        return cls(project, (folder or project / HOME).resolve())

    @property
    def stack_file(self) -> Path:
        """What runs: see `processes.Register`."""
        return self.folder / "stack.json"

    @property
    def lock_file(self) -> Path:
        """Held while somebody starts or stops the stack."""
        return self.folder / "stack.lock"

    @property
    def settings_file(self) -> Path:
        """Settings by which `mcop` reaches the stack; see `settings.PROFILE`."""
        return self.folder / "settings.env"

    @property
    def secrets_file(self) -> Path:
        """The stack's own generated secrets, mode 0600."""
        return self.folder / "secrets.json"

    @property
    def passwords_file(self) -> Path:
        """User -> password, as Airflow's simple auth manager reads it, mode 0600."""
        return self.folder / "passwords.json"

    @property
    def logs(self) -> Path:
        """One log file per component."""
        return self.folder / "logs"

    @property
    def tools(self) -> Path:
        """Programs that were put here because the machine has none."""
        return self.folder / "tools"

    @property
    def cloud(self) -> Path:
        """What exists in the emulated cloud."""
        return self.folder / "cloud"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.folder / "airflow"

    @property
    def runs(self) -> Path:
        """Folder of the runner's operations."""
        return self.folder / "runs"

    @property
    def cache(self) -> Path:
        """Folder of what can be fetched again."""
        return self.folder / "cache"

    def create(self) -> None:
        """Make the folders, readable for their owner alone."""
        for folder in (self.folder, self.logs, self.cloud, self.airflow, self.runs, self.cache):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)


@dataclass(frozen=True, slots=True)
class Secrets:
    """
    The generated secrets of one stack.

    Attributes:
        password: Of Airflow's user `admin`.
        approver: Password of its user `approver`.
        jwt: Signs API tokens.
        fernet: Encrypts connections in Airflow's database.
        session: Signs cookies.
        records: Proves run records.
    """

    password: str
    approver: str
    jwt: str
    fernet: str
    session: str
    records: str


def load_secrets(home: Home) -> Secrets:
    """Return the stack's secrets, generated at the first call and the same ever after."""
    known = json.loads(home.secrets_file.read_text()) if home.secrets_file.is_file() else {}
    made = Secrets(**{**_new_secrets(), **known})
    if asdict(made) != known:
        write_private(home.passwords_file, json.dumps({ADMIN: made.password, APPROVER: made.approver}))
        write_private(home.secrets_file, json.dumps(asdict(made)))
    return made


def _new_secrets() -> dict[str, str]:
    return {
        "password": secrets.token_urlsafe(12),
        "approver": secrets.token_urlsafe(12),
        "jwt": secrets.token_urlsafe(48),
        "fernet": _fernet_key(),
        "session": secrets.token_urlsafe(32),
        "records": secrets.token_urlsafe(48),
    }


def _fernet_key() -> str:
    """Return 32 random bytes in URL-safe base64, with its padding: the form of a Fernet key."""
    return secrets.token_urlsafe(32) + "="


def write_private(path: Path, text: str) -> None:
    """Write *text* to *path* in one step, readable for its owner alone."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    new.replace(path)


def write_settings(home: Home, environment: Mapping[str, str]) -> None:
    """Write `settings.env`, one `NAME=value` a line, sorted, as a shell reads them."""
    lines = [f"{name}={shlex.quote(value)}" for name, value in sorted(environment.items())]
    write_private(
        home.settings_file, "\n".join(["# Written by `mcop up`; removed by nobody, read by `mcop`.", *lines, ""])
    )
