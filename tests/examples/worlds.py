"""What the tests of the example engine share: a store for states, a slow one for files, and an engine for both."""

import time
from pathlib import Path
from typing import Any

from mcop_core.artifacts.local import LocalStore
from mcop_core.catalog.models import AdapterSettings
from mcop_core.engines.base import ApplyResult, Component, RenderRequest
from mcop_core.engines.changes import ComponentChanges
from mcop_core.engines.state import StateFile
from mcop_core.engines.workspace import Workspace
from mcop_core.secrets.reference import SecretRef
from tests.contracts.engine import ADDRESS
from tests.core.engines.terraform.operations import Recorder

HIDDEN = "hidden-4f2a9c"
OPERATED = """\
inputs:
  value: {default: null}
  password: {type: string, sensitive: true}
outputs:
  result: {value: {$input: value}}
  hidden: {type: string, sensitive: true, value: {$input: password}}
  where: {value: {$file: app/settings.json}}
files:
  app/settings.json: {it: {$input: value}, fixed: [1, {$file: secret.json}]}
  secret.json: {password: {$input: password}}
"""


class SlowStore(LocalStore):
    """A folder in which some writes take their time."""

    is_writing = False

    def put(self, key: str, data: bytes, **conditions: Any) -> str:
        if "slow" in key:
            self.is_writing = True
            time.sleep(0.5)
            self.is_writing = False
        return super().put(key, data, **conditions)


class World:
    """`tests.contracts.engine.Operated`: states in one folder, files in another."""

    secret = HIDDEN

    def __init__(self, engine: Any, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        self.store, self.site = LocalStore(folder / "store"), SlowStore(folder / "site")
        self.is_cancelled, self.count, self.document = False, 0, OPERATED

    def open_store(self, url: str) -> LocalStore:
        return {one.url: one for one in (self.store, self.site)}[url]

    def request(self, value: object, *, slow: bool = False, address: tuple[str, ...] = ADDRESS) -> RenderRequest:
        text = self.document + "".join(f"  slow{number}.json: {number}\n" for number in range(20 if slow else 0))
        files = {"files.yaml": text.encode()}
        inputs = {"value": value, "password": SecretRef("vault", "shop/db", "password")}
        settings = AdapterSettings(configuration={"store": self.site.url, "folder": "live"})
        backend = {"type": "local", "path": str(self.folder / "store")}
        return RenderRequest(address, files, self.engine.describe(files), inputs, settings, {}, backend)

    def workspace(self) -> Workspace:
        self.count += 1
        return Workspace(
            self.folder / f"run{self.count}",
            self.open_store,
            {},
            lambda: self.is_cancelled,
            "mcop.shop-test manual",
            read_secrets=lambda namespace, refs: dict.fromkeys(refs, HIDDEN),
        )

    def cancel(self) -> None:
        self.is_cancelled = True

    def resume(self) -> None:
        self.is_cancelled = False

    def lose(self) -> None:
        self.site.delete(self.made()[0])

    def is_at_work(self) -> bool:
        return self.site.is_writing

    def made(self) -> list[str]:
        return list(self.site.keys(""))

    def traces(self) -> str:
        files = [path for path in self.folder.rglob("*") if path.is_file() and "site" not in path.parts]
        left = [path for path in files if not path.name.endswith(".files.json")]
        return "".join(path.read_bytes().decode(errors="replace") for path in left)

    @property
    def settings(self) -> str:
        """Key of the file whose content is not sensitive."""
        return f"live/{'/'.join(ADDRESS)}/app/settings.json"

    def render(self, value: Any = 1):
        return self.engine.render(self.request(value))

    def apply(self, value: Any = 1, gate: Any = None) -> ApplyResult:
        return self.engine.apply(self.render(value), self.workspace(), Recorder(), gate)

    def preview(self, value: Any = 1, known: Any = None) -> ComponentChanges:
        component = Component("base.net.thing", self.request(value))
        (found,) = self.engine.preview([component], self.workspace(), Recorder(), known or {})
        return found

    def state(self) -> StateFile:
        key = f"{'/'.join(ADDRESS)}.files.json"
        return StateFile.parse(self.store.get(key).data, key)
