"""A Jenkins controller as an `Engine`: each method is one call of a module of this room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mcop_core.catalog.models import Adapter, AdapterSettings, Interface, ProviderLock, ProviderRequirement
from mcop_core.engines import backend
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.base import NOTHING_KNOWN, ApplyResult, Component, Gate, Need, RenderRequest
from mcop_core.engines.jenkins import controller_settings
from mcop_core.engines.workspace import Reporter, Workspace
from mcop_core.errors import EngineFailed, Fault
from mcop_core.refs import OutputRef

if TYPE_CHECKING:
    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.engines.changes import ComponentChanges
    from mcop_core.engines.jenkins.following import Timing
    from mcop_core.settings import Settings


class JenkinsEngine:
    """
    Renders Jenkinsfiles and runs them as jobs of the controller that the adapter names.

    Args:
        settings: `store_patience_s` is read: how long a controller or store that does not answer is waited for.
        timing: How long things may take; the usual times if None.
    """

    name = "jenkins"

    def __init__(self, settings: Settings, timing: Timing | None = None) -> None:
        self._settings, self._given = settings, timing

    def describe(self, files: Mapping[str, bytes]) -> Interface:
        """Read a primitive's inputs and outputs, and check its Jenkinsfile; see `primitive.read_primitive`."""
        from mcop_core.engines.jenkins.primitive import read_primitive

        return read_primitive(files).declared.to_interface()

    def admit(self, files: Mapping[str, bytes], interface: Interface) -> dict[str, str]:
        """Forbid nothing more than `describe` does: what a job may do is Jenkins' to say, whose sandbox it runs in."""
        return {}

    def lint(self, files: Mapping[str, bytes]) -> list[Fault]:
        """Say which inputs and outputs nobody described, and which take anything."""
        from mcop_core.engines.declarations import undescribed
        from mcop_core.engines.jenkins.interface_file import FILE

        return undescribed(self.describe(files), FILE)

    def lock(
        self, requirements: Mapping[str, ProviderRequirement], settings: AdapterSettings | None = None
    ) -> dict[str, ProviderLock]:
        """Choose no versions: there are no providers."""
        if requirements:
            raise EngineFailed(f"Jenkins has no providers, and {', '.join(requirements)} is wanted", diagnostics=())
        return {}

    def needs(self, adapter: Adapter) -> list[Need]:
        """Say what serving *adapter* takes: what only a runner may ask and read cannot be told here."""
        where, token = adapter.settings.configuration.get("url", ""), adapter.settings.credentials.get("token", "")
        return [
            Need(f"controller {where}", None, "it is asked when something runs"),
            Need(f"token {token}", None, "it is read by the runner alone"),
        ]

    def check_settings(self, settings: AdapterSettings) -> list[str]:
        """Say what is wrong with an adapter's settings; see `controller_settings.check_settings`."""
        return controller_settings.check_settings(settings)

    def check_backend(self, backend_: Mapping[str, Any]) -> list[str]:
        """Say what is wrong with a workflow's backend; see `engines.backend.check_backend`."""
        return backend.check_backend(backend_)

    def render(self, request: RenderRequest) -> RenderedArtifact:
        """Write the Jenkinsfile of one element; see `render.render`."""
        from mcop_core.engines.jenkins.render import render

        return render(request)

    def preview(
        self,
        components: Sequence[Component],
        workspace: Workspace,
        report: Reporter,
        known: Mapping[OutputRef, Any] = NOTHING_KNOWN,
    ) -> tuple[ComponentChanges, ...]:
        """Say what applying all *components* would do; see `preview.preview`."""
        from mcop_core.engines.jenkins.preview import preview

        return preview(components, workspace, known)

    def preview_destroy(
        self, step: str, artifact: RenderedArtifact, workspace: Workspace, report: Reporter
    ) -> ComponentChanges:
        """Say what destroying one component would do; see `preview.preview_destroy`."""
        from mcop_core.engines.jenkins.preview import preview_destroy

        return preview_destroy(step, artifact, workspace)

    def apply(
        self, artifact: RenderedArtifact, workspace: Workspace, report: Reporter, gate: Gate | None = None
    ) -> ApplyResult:
        """Make the job what *artifact* says, and build it; see `operate.apply`."""
        from mcop_core.engines.jenkins import operate

        return operate.apply(artifact, workspace, report, gate, self._timing())

    def outputs(self, artifact: RenderedArtifact, open_store: Callable[[str], ObjectStore]) -> Mapping[str, Any]:
        """Return what *artifact*'s component puts out; see `engines.outputs.outputs_of`."""
        from mcop_core.engines.outputs import outputs_of

        return outputs_of(artifact, open_store)

    def move(self, origin: RenderedArtifact, target: RenderedArtifact, workspace: Workspace, report: Reporter) -> None:
        """Let *target* take over what *origin* deployed; the next apply moves the job after its state."""
        from mcop_core.engines.state_home import move

        move(origin, target, workspace, report, self._timing().patience_s)

    def destroy(
        self, artifact: RenderedArtifact, workspace: Workspace, report: Reporter, gate: Gate | None = None
    ) -> ApplyResult:
        """Delete the job and its state; see `operate.destroy`."""
        from mcop_core.engines.jenkins import operate

        return operate.destroy(artifact, workspace, report, gate, self._timing())

    def settle(
        self, operation: str, artifact: RenderedArtifact, workspace: Workspace, report: Reporter
    ) -> ApplyResult | None:
        """Settle what a dead operation left; see `operate.settle`."""
        from mcop_core.engines.jenkins import operate

        return operate.settle(operation, artifact, workspace, report, self._timing())

    def _timing(self) -> Timing:
        from mcop_core.engines.jenkins.following import Timing

        return self._given or Timing(patience_s=self._settings.store_patience_s)
