"""A small catalog without a cloud: Terraform's built-in resource only, states in a folder, two manifests."""

from dataclasses import dataclass
from pathlib import Path

from mcop_core.artifacts.templates import save_template
from mcop_core.bootstrap import open_engine, open_store
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.catalog.models import Adapter, Backend, Manifest, Pattern, Primitive, ValidationRule, Workflow
from mcop_core.catalog.repository import CatalogRepository, Standing
from mcop_core.catalog.view import CatalogView
from mcop_core.compiler.compiler import compile_manifest
from mcop_core.publishing.edits import CatalogEdit, activate, commit_edit, set_standing
from mcop_core.refs import ObjectRef
from mcop_core.settings import Settings
from tests.exemptions import exempt

MODULE = """
variable "name" {
  type = string
}

variable "tags" {
  type    = list(string)
  default = []
}

resource "terraform_data" "this" {
  input = { name = var.name, tags = var.tags }
}

output "name" {
  description = "The name it was given."
  value       = terraform_data.this.output.name
}

output "tags" {
  value = terraform_data.this.output.tags
}

output "nothing" {
  value = null
}

output "token" {
  value     = "canary-${var.name}"
  sensitive = true
}
"""

FAILING_MODULE = (
    MODULE
    + """
resource "terraform_data" "fails" {
  lifecycle {
    postcondition {
      condition     = self.id == "none that it can have"
      error_message = "it fails once it is made"
    }
  }
}
"""
)

LOCAL = {"provider": "local", "primitive_type": "terraform"}


@dataclass
class SmallCatalog:
    """A catalog that holds building blocks, and publishes manifests into it."""

    repository: CatalogRepository
    settings: Settings
    states: Path

    @property
    def store(self):
        return open_store(self.settings.artifact_store)

    def primitive(self, version="1.0.0", module=MODULE, name="thing"):
        files = {"main.tf": module.encode()}
        if self.settings.exemptions:
            exempt(Path(self.settings.exemptions), files)
        return Primitive(
            name=name,
            version=version,
            source=f"templates/{name}",
            interface=open_engine("terraform", self.settings).describe(files),
            template=save_template(self.store, "terraform", "local", name, version, files),
            **LOCAL,
        )

    def manifest(self, name, version="1.0.0", **configuration):
        return Manifest(
            name=name,
            version=version,
            namespace="team",
            configuration={"states": str(self.states), **configuration},
            workflows={"platform": {"workflow": "platform", "version": "~> 1.0"}},
        )

    def publish(self, *objects):
        """Publish *objects*; the manifests among them become the active ones."""
        known = [entry.object for entry in self.repository.entries()]
        manifests = [item for item in objects if isinstance(item, Manifest)]
        pins = {item.ref: compile_manifest(item, CatalogView([*known, *objects])).pins for item in manifests}
        active = {item.name: item.version for item in manifests}
        return commit_edit(lambda _: CatalogEdit(put=objects, pins=pins, activate=active), self.repository, self.store)

    def activate(self, name, version):
        return activate(self.repository, self.store, name, version)

    def revoke(self, text, reason):
        return set_standing(self.repository, self.store, ObjectRef.parse(text), Standing.REVOKED, reason)


def blocks():
    """Return the building blocks beside the primitive."""
    elements = {
        "first": {"primitive": "thing", "version": "~> 1.0", "inputs": {"name": "${base}", "tags": "${labels}"}},
        "second": {
            "primitive": "thing",
            "version": "~> 1.0",
            "inputs": {"name": "after-${first.name}", "tags": "${first.tags}"},
        },
    }
    return [
        Adapter(name="local-terraform", version="1.0.0", engine="terraform", **LOCAL),
        ValidationRule(name="base", version="1.0.0", type="regex", pattern="[a-z]+"),
        Pattern(
            name="pair",
            version="1.0.0",
            parameters={
                "base": {"type": "string", "default": "one"},
                "labels": {"type": "list(string)", "default": ["a", "b"]},
            },
            elements=elements,
            **LOCAL,
        ),
        Workflow(
            name="platform",
            version="1.0.0",
            patterns={"pair": {"pattern": "pair", "version": "~> 1.0"}},
            backend=Backend(type="local", path="${states}"),
        ),
    ]


def filled(settings, states, repository=None):
    """Return a catalog with the manifests `shop` and `cafe`."""
    catalog = SmallCatalog(repository or MemoryRepository(), settings, states)
    catalog.publish(catalog.primitive(), *blocks(), catalog.manifest("shop"), catalog.manifest("cafe", base="two"))
    return catalog


def remove(repository: MemoryRepository, text: str):
    """Delete an object behind MCOP's back, and keep the head as it is; return what puts it back."""
    ref = ObjectRef.parse(text)
    entry = repository._entries.pop(ref)
    return lambda: repository._entries.setdefault(ref, entry)
