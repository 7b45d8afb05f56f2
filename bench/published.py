"""A catalog of any size in an emulator's DynamoDB, published as people do; and how many requests were made of it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from botocore.handlers import BUILTIN_HANDLERS

from mcop_core import bootstrap, publishing
from mcop_core.artifacts.store import ObjectStore
from mcop_core.settings import Settings
from tests.emulators import running

PATTERNS = 5
_TOGETHER = 10
"""Elements of a pattern of a wide manifest."""
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
    """How many requests of each operation this process made of AWS since the last `take`."""

    made: Counter[str]

    def take(self) -> Counter[str]:
        """Return those since the last time, and begin anew."""
        taken, self.made = Counter(self.made), Counter()
        return taken


def wide_manifest(name: str, elements: int) -> dict[str, str]:
    """Return the documents of a manifest of *elements* elements, ten in a pattern, each a primitive of its own."""
    numbers = range(elements)
    primitives = [
        f"kind: primitive\nname: {name}-{number}\nversion: 1.0.0\nprovider: local\nprimitive_type: terraform\n"
        "source: thing\n"
        for number in numbers
    ]
    patterns = [_wide_pattern(name, numbers[start : start + _TOGETHER]) for start in numbers[::_TOGETHER]]
    uses = "\n".join(f"  p{start}: {{pattern: {name}-{start}, version: 1.0.0}}" for start in numbers[::_TOGETHER])
    backend = "backend: {type: s3, bucket: states, region: us-east-1, use_lockfile: true}"
    whole = f"kind: workflow\nname: {name}\nversion: 1.0.0\npatterns:\n{uses}\n{backend}\n"
    texts = [*primitives, *patterns, whole, manifest(name, of=name)]
    return {"wide.yaml": "---\n".join(texts), "thing/main.tf": _MODULE}


def _wide_pattern(name: str, numbers: range) -> str:
    elements = "\n".join(
        f"  e{number}: {{primitive: {name}-{number}, version: 1.0.0, inputs: {{name: it}}}}" for number in numbers
    )
    head = f"kind: pattern\nname: {name}-{numbers[0]}\nversion: 1.0.0\nprovider: local\nprimitive_type: terraform\n"
    return f"{head}elements:\n{elements}\n"


class PublishedCatalog:
    """A catalog, at first with the building blocks alone; *folder* gets what is published."""

    def __init__(self, folder: Path, settings: Settings, store: ObjectStore, requests: Requests) -> None:
        self._folder, self.settings, self.store, self.requests = folder, settings, store, requests
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
            self.store,
            lambda name: bootstrap.open_engine(name, self.settings),
        )


@contextmanager
def published_catalog(folder: Path, bucket: str = "") -> Iterator[PublishedCatalog]:
    """
    Give a catalog in an emulator of its own; this process's AWS is that emulator, and its requests are counted.

    Args:
        bucket: Of the emulator, where plans and templates lie; empty: they lie in *folder*.
    """
    from mcop_core.catalog.dynamodb import create_tables

    store = f"s3://{bucket}?region=us-east-1" if bucket else f"file://{folder}/store"
    settings = Settings(artifact_store=store, cache_dir=str(folder / "cache"))
    for part in ("emulator", "documents"):
        (folder / part).mkdir(parents=True)
    before = dict(os.environ)
    with running("ministack", folder / "emulator") as emulator:
        try:
            os.environ.update(emulator.environment | settings.to_environment())
            create_tables(emulator.client("dynamodb"), settings.objects_table, settings.rules_table)
            if bucket:
                emulator.client("s3").create_bucket(Bucket=bucket)
            with _counted() as requests:
                store = bootstrap.open_store(settings.artifact_store)
                yield PublishedCatalog(folder / "documents", settings, store, requests)
        finally:
            os.environ.clear()
            os.environ.update(before)


@contextmanager
def _counted() -> Iterator[Requests]:
    """Count what clients send to DynamoDB and S3 that are made inside the block."""
    requests = Requests(Counter())

    def count(event_name: str, **_: object) -> None:
        requests.made[event_name.rpartition(".")[2]] += 1

    counting = [(f"before-send.{service}", count) for service in ("dynamodb", "s3")]
    BUILTIN_HANDLERS.extend(counting)
    try:
        yield requests
    finally:
        for one in counting:
            BUILTIN_HANDLERS.remove(one)
