"""A catalog of any size in an emulator's DynamoDB, published as people do; and how many requests were made of it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mcop_core import bootstrap, publishing
from mcop_core.settings import Settings
from tests.emulators import running

PATTERNS = 5
_MODULE = """
variable "name" { type = string }
resource "terraform_data" "this" { input = var.name }
output "id" { value = terraform_data.this.id }
"""
_BLOCKS = """
kind: adapter
name: local-terraform
version: 1.0.0
provider: local
primitive_type: terraform
engine: terraform
---
kind: primitive
name: thing
version: 1.0.0
provider: local
primitive_type: terraform
source: thing
---
kind: pattern
name: things
version: 1.0.0
provider: local
primitive_type: terraform
parameters: {size: {type: string, default: small}}
elements:
  e0: {primitive: thing, version: 1.0.0, inputs: {name: "${size}"}}
  e1: {primitive: thing, version: 1.0.0, inputs: {name: "${e0.id}"}}
"""


def workflow(name: str, patterns: int) -> str:
    """Return a workflow of *patterns* patterns in sequence, two elements each."""
    uses = "\n".join(f"  pattern{number}: {{pattern: things, version: 1.0.0}}" for number in range(patterns))
    backend = "backend: {type: s3, bucket: states, region: us-east-1, use_lockfile: true}"
    return f"kind: workflow\nname: {name}\nversion: 1.0.0\npatterns:\n{uses}\n{backend}\n"


def manifest(name: str, version: str = "1.0.0", *, of: str = "main") -> str:
    """Return a manifest of the workflow *of*."""
    head = f"kind: manifest\nname: {name}\nversion: {version}\nnamespace: bench\nconfiguration: {{}}\n"
    return f"{head}workflows:\n  main: {{workflow: {of}, version: 1.0.0}}\n"


@dataclass
class Requests:
    """How many requests of each operation this process made of AWS since `clear`."""

    made: Counter[str]

    def take(self) -> Counter[str]:
        """Return those since the last time, and begin anew."""
        taken, self.made = Counter(self.made), Counter()
        return taken


class PublishedCatalog:
    """A catalog, at first with the building blocks alone; *folder* gets what is published."""

    def __init__(self, folder: Path, settings: Settings, requests: Requests) -> None:
        self._folder, self.settings, self.requests = folder, settings, requests
        self._number = 0
        blocks = {"blocks.yaml": _BLOCKS, "main.yaml": workflow("main", PATTERNS), "thing/main.tf": _MODULE}
        self.publish(blocks)

    def publish(self, files: dict[str, str]) -> None:
        """Publish a folder of *files*, by their paths."""
        self._number += 1
        folder = self._folder / str(self._number)
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        publishing.publish_folder(
            folder,
            bootstrap.open_repository(self.settings),
            bootstrap.open_store(self.settings.artifact_store),
            lambda name: bootstrap.open_engine(name, self.settings),
        )


@contextmanager
def published_catalog(folder: Path) -> Iterator[PublishedCatalog]:
    """Give a catalog in an emulator of its own; this process's AWS is that emulator, and its requests are counted."""
    import boto3

    from mcop_core.catalog.dynamodb import create_tables

    settings = Settings(artifact_store=f"file://{folder}/store", cache_dir=str(folder / "cache"))
    for part in ("emulator", "documents"):
        (folder / part).mkdir(parents=True)
    before = dict(os.environ)
    with running("ministack", folder / "emulator") as emulator:
        try:
            os.environ.update(emulator.environment | settings.to_environment())
            boto3.setup_default_session()
            create_tables(emulator.client("dynamodb"), settings.objects_table, settings.rules_table)
            requests = Requests(Counter())

            def count(event_name: str, **_: object) -> None:
                requests.made[event_name.rpartition(".")[2]] += 1

            boto3.DEFAULT_SESSION.events.register("before-send.dynamodb", count)
            yield PublishedCatalog(folder / "documents", settings, requests)
        finally:
            os.environ.clear()
            os.environ.update(before)
            boto3.setup_default_session()
