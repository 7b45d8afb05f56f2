"""What the tests of previews share: a manifest of small modules, previewed and applied by the real engine."""

import os
from collections.abc import Mapping
from pathlib import Path

from mcop_core.artifacts.local import LocalStore
from mcop_core.catalog.models import AdapterSettings, ProviderRequirement
from mcop_core.engines.base import Component, RenderRequest
from mcop_core.engines.terraform.engine import TerraformEngine
from mcop_core.engines.terraform.module_interface import read_interface
from mcop_core.engines.workspace import Workspace
from mcop_core.refs import OutputRef
from mcop_core.secrets.stores import SecretReader
from mcop_core.settings import Settings
from tests.core.engines.terraform.operations import Recorder

NO_PROVIDER = AdapterSettings()


class Manifest:
    """
    Elements of a manifest, previewed and applied by the real engine.

    An element is given as its module, text or path -> text, its inputs, and the adapter's settings if it needs a
    provider.

    Args:
        environment: Of Terraform's processes; this process's own if None.
        engine: Of several manifests that share provider packages; else one of its own.
    """

    def __init__(
        self, folder: Path, *, environment: Mapping[str, str] | None = None, engine: TerraformEngine | None = None
    ) -> None:
        self.folder, self.states = folder, folder / "states"
        self.states.mkdir()
        self.cancelled = False
        self.secrets: dict[str, str] = {}
        self.report = Recorder()
        self.environment = dict(os.environ if environment is None else environment)
        self.engine = engine or TerraformEngine(Settings(cache_dir=str(folder / "cache")), self.environment)

    def request(
        self, element: str, module: str | Mapping[str, str], inputs: dict, adapter: AdapterSettings = NO_PROVIDER
    ) -> RenderRequest:
        texts = {"main.tf": module} if isinstance(module, str) else module
        files = {path: text.encode() for path, text in texts.items()}
        return RenderRequest(
            address=("shop", "store", "w", "p", element),
            files=files,
            interface=read_interface(files),
            inputs=inputs,
            settings=adapter,
            locks=self._locks(adapter),
            backend={"type": "local", "path": str(self.states)},
        )

    def _locks(self, adapter: AdapterSettings):
        if not adapter.source:
            return {}
        return self.engine.lock({"own": ProviderRequirement(source=adapter.source, version=adapter.version)})

    def preview(self, **elements):
        return self.preview_requests(**{name: self.request(name, *parts) for name, parts in elements.items()})

    def preview_requests(self, **requests):
        components = [Component(f"w.p.{name}", request) for name, request in requests.items()]
        found = self.engine.preview(components, self.workspace("preview"), self.report)
        return {changes.step.rpartition(".")[2]: changes for changes in found}

    def apply(self, element: str, *parts):
        artifact = self.engine.render(self.request(element, *parts))
        return self.engine.apply(artifact, self.workspace(element), self.report).outputs

    def destroy(self, element: str, *parts):
        artifact = self.engine.render(self.request(element, *parts))
        self.engine.destroy(artifact, self.workspace(element), self.report)

    def state(self, element: str) -> Path:
        """Where the state of *element* lies."""
        return self.states / "shop" / "store" / "w" / "p" / f"{element}.tfstate"

    def workspace(self, name: str) -> Workspace:
        folder = self.folder / "work" / name
        secrets = SecretReader({}, known=self.secrets).read
        return Workspace(
            folder, LocalStore.open, self.environment, lambda: self.cancelled, "test", read_secrets=secrets
        )


def ref(element, output):
    return OutputRef.parse(f"w.p.{element}.{output}")


def actions(changes):
    return {change.address: change.action for change in changes.resources}


def modes(found):
    return {name: changes.mode for name, changes in found.items()}


def attribute(changes, path):
    return next(a for change in changes.resources for a in change.attributes if a.path == path)
