"""What the tests of operations share: artifacts of built-in resources, a recording reporter, a store that fails."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from mcop_core.artifacts.local import LocalStore
from mcop_core.artifacts.store import StoredObject
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.base import ApplyResult
from mcop_core.engines.terraform import operate
from mcop_core.engines.terraform.operate import Timing
from mcop_core.engines.terraform.toolchain import Toolchain
from mcop_core.engines.workspace import Lease, Workspace, unleased
from mcop_core.errors import Unreachable

KEY = "shop/storefront/platform/network/vpc.tfstate"
SWIFT = Timing(ship_every_s=0.1, push_patience_s=3.0)


def artifact(
    store_url: str,
    module: dict,
    *,
    inputs: dict | None = None,
    types: dict | None = None,
    sealed: dict | None = None,
    outputs: tuple[str, ...] = (),
    sensitive: tuple[str, ...] = (),
    key: str = KEY,
) -> RenderedArtifact:
    """A root that calls *module*, as rendering would write it."""
    inputs, types, sealed = inputs or {}, types or {}, sealed or {}
    names = [*inputs, *sealed]
    secret = {name: {"sensitive": True} if name in sealed else {} for name in names}
    root = {
        "variable": {name: {"type": types.get(name, "any"), **secret[name]} for name in names},
        "module": {"this": {"source": "./module", **{name: f"${{var.{name}}}" for name in names}}},
        "output": {
            name: {"value": f"${{module.this.{name}}}", **({"sensitive": True} if name in sensitive else {})}
            for name in (*outputs, *sensitive)
        },
    }
    root = {block: content for block, content in root.items() if content}
    variables = {"variable": {name: {"type": types.get(name, "any"), **secret[name]} for name in names}}
    files = {
        "module.tf.json": root,
        "terraform.tfvars.json": inputs,
        "backend.tf.json": {"terraform": {"backend": {"s3": {"bucket": "elsewhere"}}}},
        **({"module/variables.tf.json": variables} if names else {}),
        "module/main.tf.json": module,
    }
    return RenderedArtifact(
        "terraform",
        {path: json.dumps(content).encode() for path, content in files.items()},
        {
            "state": {"store": store_url, "key": key, "lock": "lockfile"},
            "sealed": sealed,
            "types": {name: types.get(name, "any") for name in sealed},
            "outputs": {name: {"sensitive": name in sensitive} for name in (*outputs, *sensitive)},
        },
    )


def chain(marker: Path, names: str, *, gated: str = "") -> dict:
    """
    A module of resources made one after the other; each appends its name to *marker*.

    Those in *gated* then wait until the file `gate` lies beside it.
    """
    wait = f"until [ -e {marker.parent / 'gate'} ]; do sleep 0.05; done"
    resources = {
        name: {
            "input": name,
            "provisioner": [
                {"local-exec": {"command": f"echo {name} >> {marker}" + (f"; {wait}" if name in gated else "")}}
            ],
            **({"depends_on": [f"terraform_data.{names[index - 1]}"]} if index else {}),
        }
        for index, name in enumerate(names)
    }
    return {
        "resource": {"terraform_data": resources},
        "output": {"ids": {"value": [f"${{terraform_data.{name}.id}}" for name in names]}},
    }


def dying_once(folder: Path, when: str, summary: str, detail: str) -> Path:
    """
    Return a Terraform whose provider dies once: it fails with this diagnostic and does nothing.

    Args:
        folder: Where it lies; the file `said` is there until it has died.
        when: Shell pattern of the command line at which it does.
    """
    said, binary = folder / "said", folder / "terraform"
    died = {"severity": "error", "summary": summary, "detail": detail}
    said.write_text(json.dumps({"@module": "terraform.ui", "type": "diagnostic", "diagnostic": died}) + "\n")
    once = f"[ -e {said} ] && cat {said} && rm {said} && exit 1"
    binary.write_text(f'#!/bin/sh\ncase "$*" in {when}) {once};; esac\nexec terraform "$@"\n')
    binary.chmod(0o700)
    return binary


class Recorder:
    """A `Reporter` that keeps what it is told, and runs *on_record* after each record."""

    def __init__(self, on_record: Callable[[str, dict], None] = lambda event, facts: None) -> None:
        self.lines: list[tuple[str, str]] = []
        self.records: list[tuple[str, dict]] = []
        self.on_record = on_record

    def log(self, line: str, *, level: str = "info") -> None:
        self.lines.append((level, line))

    def record(self, event: str, **facts: object) -> None:
        self.records.append((event, facts))
        self.on_record(event, facts)

    @property
    def text(self) -> str:
        return "\n".join(line for _, line in self.lines)

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.records]


class FailingStore:
    """A store that can be switched off, and that can lose the answers of writes whose key ends in *deaf_for*."""

    def __init__(self, store: LocalStore) -> None:
        self.store, self.url = store, store.url
        self.is_down, self.deaf_for, self.calls = False, "-", 0

    def get(self, key: str) -> StoredObject:
        self._answer()
        return self.store.get(key)

    def put(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> str:
        self._answer()
        etag = self.store.put(key, data, if_absent=if_absent, if_match=if_match)
        if key.endswith(self.deaf_for):
            self.deaf_for = "-"
            raise Unreachable("the answer was lost", service="test")
        return etag

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        self._answer()
        self.store.delete(key, if_match=if_match)

    def keys(self, prefix: str) -> Iterator[str]:
        self._answer()
        return self.store.keys(prefix)

    def _answer(self) -> None:
        self.calls += 1
        if self.is_down:
            raise Unreachable("the store is down", service="test")


class Bench:
    """One state store and one workspace, and the two operations on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = FailingStore(LocalStore(folder / "states"))
        self.directory = folder / "run" / "workspace"
        self.binary = "terraform"
        self.mirror: Path | None = None
        self.cache: Path | None = None
        self.home = os.environ.get("HOME", "/")
        self.variables: dict[str, str] = {}
        self.is_cancelled = False
        self.lease: Callable[[object, str], AbstractContextManager[Lease]] = unleased
        self.directory.parent.mkdir(exist_ok=True)

    @property
    def url(self) -> str:
        return self.store.url

    def workspace(self) -> Workspace:
        environment = {"PATH": os.environ["PATH"], "HOME": self.home, **self.variables}
        return Workspace(
            self.directory, lambda url: self.store, environment, lambda: self.is_cancelled, "test", self.lease
        )

    def apply(
        self, rendered: RenderedArtifact, report: Recorder | None = None, gate: Callable[..., None] | None = None
    ) -> ApplyResult:
        return operate.apply(rendered, self.workspace(), report or Recorder(), gate, **self._how())

    def destroy(self, rendered: RenderedArtifact, report: Recorder | None = None) -> ApplyResult:
        return operate.destroy(rendered, self.workspace(), report or Recorder(), **self._how())

    def _how(self) -> dict:
        return {"tools": Toolchain(self.binary, self.mirror, self.cache), "timing": SWIFT}

    def state(self, key: str = KEY) -> dict:
        return json.loads(self.store.store.get(key).data)

    def stored(self) -> list[str]:
        return list(self.store.store.keys(""))


def all_bytes(folder: Path) -> bytes:
    """Everything that lies in files below *folder*."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def telling(path: Path, folder: Path) -> str:
    """Return a program that is Terraform, and appends the names of its environment to the file *path*."""
    program = folder / "telling-terraform"
    program.write_text(f'#!/bin/sh\nenv | cut -d= -f1 >> {path}\nexec terraform "$@"\n')
    program.chmod(0o755)
    return str(program)
