"""A catalog whose one manifest takes values of every type; tests write hostile documents beside it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from mcop_core.artifacts.local import LocalStore
from mcop_core.bootstrap import open_engine
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.compiler.snapshot import load_plan, load_snapshot
from mcop_core.engines.base import Engine
from mcop_core.publishing import publish_folder
from mcop_core.settings import Settings

TYPES = {
    "text": "string",
    "texts": "list(string)",
    "tags": "map(string)",
    "size": "number",
    "flag": "bool",
    "shape": "object({ name = string, size = optional(number) })",
    "anything": "any",
    "token": "string",
    "word": "string",
    "slow": "string",
    "stage": "string",
}
DEFAULTS = {
    "text": "''",
    "texts": "[]",
    "tags": "{}",
    "size": "1",
    "flag": "false",
    "shape": "{name: a}",
    "anything": "null",
    "token": "''",
    "word": "a",
    "slow": "a",
    "stage": "prod",
}
VARIABLES = "".join(
    f'variable "{name}" {{\n  type = {type_}\n  default = null\n{"  sensitive = true" if name == "token" else ""}\n}}\n'
    for name, type_ in TYPES.items()
)
MODULE = (
    VARIABLES
    + "resource terraform_data this {\n  input = { anything = var.anything, texts = var.texts }\n}\n"
    + "output anything {\n  value = terraform_data.this.output.anything\n}\n"
    + "output texts {\n  value = terraform_data.this.output.texts\n}\n"
    + "output token {\n  value = var.token\n  sensitive = true\n}\n"
)
PARAMETERS = "".join(
    f"  {name}: {{type: '{type_}', default: {DEFAULTS[name]}, sensitive: {str(name == 'token').lower()}}}\n"
    for name, type_ in TYPES.items()
)
INPUTS = "".join(f"      {name}: '${{{name}}}'\n" for name in TYPES)
CATALOG = f"""
kind: adapter
name: local-terraform
version: 1.0.0
provider: local
primitive_type: terraform
engine: terraform
---
{{kind: rule, name: word, version: 1.0.0, type: regex, pattern: '[a-z]+'}}
---
{{kind: rule, name: slow, version: 1.0.0, type: regex, pattern: '(a+)+'}}
---
{{kind: rule, name: stage, version: 1.0.0, type: enum, values: [prod, staging]}}
---
kind: primitive
name: echo
version: 1.0.0
provider: local
primitive_type: terraform
source: templates/echo
---
kind: pattern
name: echo
version: 1.0.0
provider: local
primitive_type: terraform
parameters:
{PARAMETERS}
elements:
  first:
    primitive: echo
    version: 1.0.0
    inputs:
{INPUTS}
  second:
    primitive: echo
    version: 1.0.0
    inputs: {{anything: '${{first.anything}}', texts: '${{first.texts}}'}}
  third:
    primitive: echo
    version: 1.0.0
    inputs: {{token: '${{first.token}}'}}
---
kind: workflow
name: main
version: 1.0.0
patterns:
  echo: {{pattern: echo, version: 1.0.0}}
backend: {{type: local, path: "${{states}}"}}
---
kind: manifest
name: shop
version: 1.0.0
namespace: team
configuration: {{states: /var/lib/mcop/states}}
workflows:
  main: {{workflow: main, version: 1.0.0}}
"""


@cache
def engine(name: str) -> Engine:
    """The engine of this name; looking for it among all installed packages takes long."""
    return open_engine(name, Settings())


class Door:
    """A catalog folder that tests write to, and where it is published."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "catalog"
        self.cache = folder / "cache"
        self.store = LocalStore.open((folder / "store").as_uri())
        self.repository = MemoryRepository()
        self.engine = engine("terraform")
        self.write("catalog.yaml", CATALOG.encode())
        self.write("templates/echo/main.tf", MODULE.encode())

    def write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def publish(self):
        return publish_folder(self.folder, self.repository, self.store, engine)

    def plan(self):
        snapshot = load_snapshot(self.store, self.repository.head().snapshot)
        return load_plan(self.store, snapshot.manifests["shop"].plan)
