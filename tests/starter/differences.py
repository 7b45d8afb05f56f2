"""
One manifest rendered for several clouds, and what differs between the artifacts, as the guide shows it.

    python -m tests.starter.differences

prints the tables of `docs/guides/portability.md`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mcop_core.artifacts.local import LocalStore
from mcop_core.artifacts.store import ObjectStore
from mcop_core.bootstrap import open_engine
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.catalog.models import Manifest
from mcop_core.catalog.view import CatalogView
from mcop_core.compiler.compiler import compile_manifest
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.terraform.syntax import parse_file
from mcop_core.publishing.publisher import publish_folder
from mcop_core.refs import Kind, ObjectRef, OutputRef
from mcop_core.rendering import render_step
from mcop_core.settings import Settings
from tests.starter.schemas import ROOT, STARTER

EXAMPLES = ROOT / "include" / "examples"
CLOUDS: Mapping[str, Mapping[str, Any]] = yaml.safe_load(
    (ROOT / "tests" / "cases" / "starter" / "web_application.yaml").read_text()
)
SETTINGS = Settings(terraform_providers="hashicorp/*,digitalocean/*")


def open_(name: str) -> Any:
    """Return an engine that takes the providers of the starter catalogs."""
    return open_engine(name, SETTINGS)


@dataclass(frozen=True)
class Published:
    """Catalogs that were published into one, without locks, since no provider is at hand."""

    repository: MemoryRepository
    store: ObjectStore

    @classmethod
    def of(cls, *folders: Path, into: Path) -> Published:
        """Publish *folders* in this order; template files go into the folder *into*."""
        published = cls(MemoryRepository(), LocalStore(into))
        for folder in folders:
            publish_folder(folder, published.repository, published.store, open_, lock=False)
        return published

    def compile(self, name: str, configuration: Mapping[str, Any] | None = None) -> DeploymentPlan:
        """Compile version 1.0.0 of a manifest, some of its configuration replaced."""
        manifest = self.repository.get(ObjectRef(Kind.MANIFEST, name, "1.0.0")).object
        assert isinstance(manifest, Manifest)
        changed = manifest.model_copy(update={"configuration": {**manifest.configuration, **(configuration or {})}})
        others = (entry.object for entry in self.repository.entries() if entry.object != manifest)
        return compile_manifest(changed, CatalogView([*others, changed]))

    def render(self, plan: DeploymentPlan, outputs: Mapping[str, Any], cache: Path) -> dict[str, RenderedArtifact]:
        """Render every step of *plan*: step -> artifact; *outputs* are by `workflow.pattern.element.output`."""
        known = {OutputRef.parse(name): value for name, value in outputs.items()}
        return {
            step.id: render_step(plan, step.id, open_(step.engine), self.store, cache, overrides={}, outputs=known)
            for step in plan.steps
        }


def web_application(
    cloud: str, published: Published, cache: Path
) -> tuple[DeploymentPlan, dict[str, RenderedArtifact]]:
    """Compile and render the example `web-application` for one cloud."""
    given = CLOUDS[cloud]
    plan = published.compile("web-application", {"cloud": cloud, "region": given["region"]})
    outputs = {f"web.application.{name}": value for name, value in given["outputs"].items()}
    return plan, published.render(plan, outputs, cache)


def publish_clouds(into: Path) -> Published:
    """Publish what is portable, the clouds, and the example."""
    folders = [STARTER / name for name in ("portable", *CLOUDS)]
    return Published.of(*folders, EXAMPLES / "web-application", into=into)


def values(artifact: RenderedArtifact) -> dict[str, Any]:
    """Return the inputs that an artifact gives its module."""
    found: dict[str, Any] = json.loads(artifact.files["terraform.tfvars.json"])
    return {name: value for name, value in found.items() if not name.startswith("provider_")}


def resources(artifact: RenderedArtifact) -> list[str]:
    """Return the types of the resources that an artifact's module has, sorted."""
    code = {name: data for name, data in artifact.files.items() if name.startswith("module/") and name.endswith(".tf")}
    blocks = [block for name, data in code.items() for block in parse_file(name, data)]
    return sorted({block.labels[0] for block in blocks if block.type == "resource"})


def tables(rendered: Mapping[str, tuple[DeploymentPlan, Mapping[str, RenderedArtifact]]]) -> str:
    """Return what differs between clouds: what is taken, what it is made of, and which inputs have other values."""
    clouds = list(rendered)
    steps = [step.id for step in rendered[clouds[0]][0].steps]
    return "\n".join([*_taken(rendered, steps), "", *_made_of(rendered, steps), "", *_inputs(rendered, steps)]) + "\n"


def _taken(rendered: Mapping[str, Any], steps: list[str]) -> list[str]:
    lines = [f"| element | {' | '.join(rendered)} |", f"|---|{'---|' * len(rendered)}"]
    for step in steps:
        names = [f"`{_primitive(plan, step)}`" for plan, _ in rendered.values()]
        lines.append(f"| {_element(step)} | {' | '.join(names)} |")
    return lines


def _made_of(rendered: Mapping[str, Any], steps: list[str]) -> list[str]:
    lines = ["| element | cloud | resources |", "|---|---|---|"]
    for step in steps:
        for cloud, (_, artifacts) in rendered.items():
            listed = ", ".join(f"`{name}`" for name in resources(artifacts[step]))
            lines.append(f"| {_element(step)} | {cloud} | {listed} |")
    return lines


def _inputs(rendered: Mapping[str, Any], steps: list[str]) -> list[str]:
    lines = ["| element | the same on every cloud | differs |", "|---|---|---|"]
    for step in steps:
        given = [values(artifacts[step]) for _, artifacts in rendered.values()]
        names = sorted({name for one in given for name in one})
        same = [name for name in names if all(one.get(name) == given[0].get(name) for one in given)]
        differs = [name for name in names if name not in same]
        lines.append(f"| {_element(step)} | {_listed(same)} | {_listed(differs)} |")
    return lines


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _element(step: str) -> str:
    return step.rpartition(".")[2]


def _primitive(plan: DeploymentPlan, step: str) -> str:
    found = next(one.primitive for one in plan.steps if one.id == step)
    return found.partition("#")[2].partition("@")[0]


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as folder:
        published = publish_clouds(Path(folder) / "store")
        print(tables({cloud: web_application(cloud, published, Path(folder) / "cache") for cloud in CLOUDS}))


if __name__ == "__main__":
    main()
