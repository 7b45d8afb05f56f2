"""The engine: each method is one call of a module of this package. MCOP finds it by the entry point `files`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mcop_core.artifacts.store import ObjectStore
from mcop_core.catalog.models import Adapter, AdapterSettings, Interface, ProviderLock, ProviderRequirement
from mcop_core.engines import backend as backends
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.base import NOTHING_KNOWN, ApplyResult, Component, Gate, Need, RenderRequest
from mcop_core.engines.changes import ComponentChanges
from mcop_core.engines.declarations import undescribed
from mcop_core.engines.outputs import outputs_of
from mcop_core.engines.state_home import move
from mcop_core.engines.workspace import Reporter, Workspace
from mcop_core.errors import EngineFailed, Fault
from mcop_core.refs import OutputRef
from mcop_core.settings import Settings
from mcop_engine_files import operate, rendering
from mcop_engine_files.document import FILE, read_document


class FilesEngine:
    """
    Writes the files of a primitive, filled with values, into the object store that the adapter names.

    Args:
        settings: `store_patience_s` is read: how long a store that does not answer is waited for.
    """

    name = rendering.ENGINE

    def __init__(self, settings: Settings) -> None:
        self._patience_s = settings.store_patience_s

    # -- what is asked when something is published; no store is -----------------------------------------

    def describe(self, files: Mapping[str, bytes]) -> Interface:
        """Read inputs and outputs."""
        return read_document(files).to_interface()

    def admit(self, files: Mapping[str, bytes], interface: Interface) -> dict[str, str]:
        """Forbid nothing: a document of files runs nothing."""
        return {}

    def lint(self, files: Mapping[str, bytes]) -> list[Fault]:
        """Say what nobody described, and what takes anything."""
        return undescribed(self.describe(files), FILE)

    def lock(self, requirements: Mapping[str, ProviderRequirement]) -> dict[str, ProviderLock]:
        """Choose no versions: there are no providers."""
        if requirements:
            raise EngineFailed(f"files have no providers, and {', '.join(requirements)} is wanted", diagnostics=())
        return {}

    def needs(self, adapter: Adapter) -> list[Need]:
        """Say what serving *adapter* takes."""
        return [Need(f"store {adapter.settings.configuration.get('store', '')}", None, "asked when something runs")]

    def check_settings(self, settings: AdapterSettings) -> list[str]:
        """Say what is wrong with an adapter's settings."""
        return rendering.check_settings(settings)

    def check_backend(self, backend: Mapping[str, Any]) -> list[str]:
        """Say what is wrong with a workflow's backend: states lie where those of every engine do."""
        return backends.check_backend(backend)

    # -- what is asked when something is rendered or looked at ------------------------------------------

    def render(self, request: RenderRequest) -> RenderedArtifact:
        """Write the artifact of one element."""
        return rendering.render(request)

    def preview(
        self,
        components: Sequence[Component],
        workspace: Workspace,
        report: Reporter,
        known: Mapping[OutputRef, Any] = NOTHING_KNOWN,
    ) -> tuple[ComponentChanges, ...]:
        """Say what applying all *components* would do."""
        return operate.preview(components, workspace, known)

    def preview_destroy(
        self, step: str, artifact: RenderedArtifact, workspace: Workspace, report: Reporter
    ) -> ComponentChanges:
        """Say what destroying one component would do."""
        return operate.preview_destroy(step, artifact, workspace)

    def outputs(self, artifact: RenderedArtifact, open_store: Callable[[str], ObjectStore]) -> Mapping[str, Any]:
        """Return what a component puts out since its last apply."""
        return outputs_of(artifact, open_store)

    # -- what changes something; a runner calls it ------------------------------------------------------

    def apply(
        self, artifact: RenderedArtifact, workspace: Workspace, report: Reporter, gate: Gate | None = None
    ) -> ApplyResult:
        """Write the files."""
        return operate.apply(artifact, workspace, report, gate, self._patience_s)

    def move(self, origin: RenderedArtifact, target: RenderedArtifact, workspace: Workspace, report: Reporter) -> None:
        """Take over the state; the next apply writes the files in their new place and removes the old ones."""
        move(origin, target, workspace, report, self._patience_s)

    def destroy(
        self, artifact: RenderedArtifact, workspace: Workspace, report: Reporter, gate: Gate | None = None
    ) -> ApplyResult:
        """Remove the files."""
        return operate.destroy(artifact, workspace, report, gate, self._patience_s)

    def settle(
        self, operation: str, artifact: RenderedArtifact, workspace: Workspace, report: Reporter
    ) -> ApplyResult | None:
        """Settle what a dead operation left."""
        return operate.settle(operation, artifact, workspace, report, self._patience_s)
