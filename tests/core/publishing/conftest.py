"""A small catalog folder of two primitives, and an empty catalog to publish it to."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.bootstrap import open_engine
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.settings import Settings

MODULE = """
variable "name" { type = string }
variable "size" {
  type    = number
  default = 1
}
resource "terraform_data" "this" { input = "${var.name}-${var.size}" }
output "id" { value = terraform_data.this.id }
"""

ADAPTER = """
kind: adapter
name: local-terraform
version: 1.0.0
provider: local
primitive_type: terraform
engine: terraform
"""

PATTERN = """
kind: pattern
name: pair
version: 1.0.0
provider: local
primitive_type: terraform
parameters:
  title: {type: string}
elements:
  first: {primitive: thing, version: "~> 1.0", inputs: {name: "${title}"}}
  second: {primitive: thing, version: "~> 1.0", inputs: {name: "${first.id}"}}
"""

WORKFLOW = """
kind: workflow
name: main
version: 1.0.0
patterns:
  pair: {pattern: pair, version: "~> 1.0"}
backend: {type: local, path: /var/lib/mcop/states}
"""

MANIFEST = """
kind: manifest
name: shop
version: 1.0.0
namespace: team
configuration: {title: hello}
workflows:
  main: {workflow: main, version: "~> 1.0"}
"""


def primitive(version: str) -> str:
    return (
        f"kind: primitive\nname: thing\nversion: {version}\nprovider: local\nprimitive_type: terraform\n"
        f"source: templates/terraform/local/thing/{version}\n"
    )


class Folder:
    """A catalog folder that a test writes to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("adapter.yaml", ADAPTER)
        self.write("pattern.yaml", PATTERN)
        self.write("workflow.yaml", WORKFLOW)
        self.write("manifest.yaml", MANIFEST)
        self.add_thing("1.0.0")

    def write(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def add_thing(self, version: str, module: str = MODULE) -> None:
        self.write(f"thing-{version}.yaml", primitive(version))
        self.write(f"templates/terraform/local/thing/{version}/main.tf", module)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "catalog")


@pytest.fixture
def repository() -> MemoryRepository:
    return MemoryRepository()


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore.open((tmp_path / "store").as_uri())


@pytest.fixture
def engines() -> Callable[[str], object]:
    return lambda name: open_engine(name, Settings())
