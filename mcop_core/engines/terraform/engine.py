"""Terraform, or OpenTofu, as an `Engine`: each method is one call of a module of this room."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from mcop_core.engines import backend
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.base import NOTHING_KNOWN, ApplyResult, Component, Gate, Need, RenderRequest
from mcop_core.engines.terraform import providers
from mcop_core.engines.terraform.admission import Admission
from mcop_core.engines.terraform.names import ENGINE
from mcop_core.engines.terraform.tool import Demand, is_constraint, settings_problems
from mcop_core.engines.workspace import Reporter, Workspace
from mcop_core.errors import Fault, InvalidDocuments
from mcop_core.refs import OutputRef

if TYPE_CHECKING:
    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.catalog.models import Adapter, AdapterSettings, Interface, ProviderLock, ProviderRequirement
    from mcop_core.engines.changes import ComponentChanges
    from mcop_core.engines.terraform.operate import Timing
    from mcop_core.engines.terraform.toolchain import Toolchain
    from mcop_core.settings import Settings


class TerraformEngine:
    """
    Renders roots and runs the binary that the settings name: `terraform`, or `opentofu` for adapters that ask for it.

    Args:
        settings: `terraform`, `opentofu`, `terraform_providers`, `terraform_plugin_mirror`, `exemptions`, `cache_dir`,
            `warm_providers`, `store_patience_s` and `limits` are read.
        environment: Where provider packages are looked for and what locking runs with; the process's own if None.
    """

    name = ENGINE

    def __init__(self, settings: Settings, environment: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self._environment = dict(os.environ if environment is None else environment)
        self._locks: dict[tuple[str, tuple[tuple[str, str], ...]], dict[str, ProviderLock]] = {}
        self._locking = Lock()

    def describe(self, files: Mapping[str, bytes]) -> Interface:
        """Read a module's inputs, outputs and providers; see `module_interface.read_interface`."""
        # The HCL parser costs a quarter of a second to import, which an apply need not pay.
        from mcop_core.engines.terraform.module_interface import read_interface

        return read_interface(files, self._settings.limits)

    def admit(self, files: Mapping[str, bytes], interface: Interface) -> dict[str, str]:
        """
        Check that a primitive holds nothing that is forbidden; see `admission.Admission.admit`.

        A `required_version` that nobody could be held to is told here, too.
        """
        _check_constraint(interface.required_version)
        return self._admission().admit(files, [entry.source for entry in interface.providers.values()])

    def lint(self, files: Mapping[str, bytes]) -> list[Fault]:
        """Say what a reviewer would want better in a module; see `lint.lint`."""
        from mcop_core.engines.terraform.lint import lint

        return [remark.fault() for remark in lint(files, self._settings.limits)]

    def lock(
        self, requirements: Mapping[str, ProviderRequirement], settings: AdapterSettings | None = None
    ) -> dict[str, ProviderLock]:
        """
        Choose provider versions; see `providers.lock_providers`. The same question is asked of Terraform once.

        The program that will run the adapter chooses: Terraform and OpenTofu have registries of their own.
        """
        demand = Demand.of(settings) if settings else Demand()
        binary = demand.binary(self._settings)
        question = binary, tuple(sorted((entry.source, entry.version) for entry in requirements.values()))
        with self._locking:
            if question not in self._locks:
                if requirements:
                    demand.hold(binary, self._environment, "locking providers")
                self._locks[question] = providers.lock_providers(
                    requirements, binary=binary, mirror=self._mirror(), environment=self._environment
                )
            return dict(self._locks[question])

    def needs(self, adapter: Adapter) -> list[Need]:
        """Say what serving *adapter* takes; see `needs.needs_of`."""
        from mcop_core.engines.terraform.needs import needs_of

        return needs_of(adapter, self, Demand.of(adapter.settings).binary(self._settings), self._environment)

    def check_settings(self, settings: AdapterSettings) -> list[str]:
        """Say what is wrong with an adapter's settings: Terraform's credentials are the worker's own."""
        told = settings_problems(settings)
        if settings.credentials:
            told.append("settings.credentials is not for Terraform: its providers' credentials are the worker's own")
        return told

    def check_backend(self, backend_: Mapping[str, Any]) -> list[str]:
        """Say what is wrong with a workflow's backend; see `backend.check_backend`."""
        return backend.check_backend(backend_)

    def render(self, request: RenderRequest) -> RenderedArtifact:
        """Write the files of one root; see `render.render`."""
        from mcop_core.engines.terraform.render import render

        return render(request)

    def preview(
        self,
        components: Sequence[Component],
        workspace: Workspace,
        report: Reporter,
        known: Mapping[OutputRef, Any] = NOTHING_KNOWN,
    ) -> tuple[ComponentChanges, ...]:
        """Say what applying all *components* would do; see `preview.preview`."""
        from mcop_core.engines.terraform.preview import preview

        admission = self._admission()
        demands = [Demand.of(one.request.settings, one.request.interface.required_version) for one in components]
        for component, demand in zip(components, demands, strict=True):
            admission.hold_request(component.request)
            demand.hold(demand.binary(self._settings), workspace.environment, component.step)
        return preview(components, workspace, report, known, tools=self._tools(next(iter(demands), Demand())))

    def preview_destroy(
        self, step: str, artifact: RenderedArtifact, workspace: Workspace, report: Reporter
    ) -> ComponentChanges:
        """Say what destroying one component would do; see `preview.preview_destroy`."""
        from mcop_core.engines.terraform.preview import preview_destroy

        self._admission().hold_artifact(artifact)
        return preview_destroy(step, artifact, workspace, report, tools=self._tools_for(artifact, workspace))

    def apply(
        self, artifact: RenderedArtifact, workspace: Workspace, report: Reporter, gate: Gate | None = None
    ) -> ApplyResult:
        """Make the cloud what *artifact* says; see `operate.apply`."""
        from mcop_core.engines.terraform import operate

        self._admission().hold_artifact(artifact)
        return operate.apply(
            artifact, workspace, report, gate, tools=self._tools_for(artifact, workspace), timing=self._timing()
        )

    def outputs(self, artifact: RenderedArtifact, open_store: Callable[[str], ObjectStore]) -> Mapping[str, Any]:
        """Return what *artifact*'s component puts out; see `outputs.outputs_of`."""
        from mcop_core.engines.outputs import outputs_of

        return outputs_of(artifact, open_store)

    def move(self, origin: RenderedArtifact, target: RenderedArtifact, workspace: Workspace, report: Reporter) -> None:
        """Let *target*'s component take over what *origin* deployed; see `moving.move`."""
        from mcop_core.engines.terraform.moving import move

        move(origin, target, workspace, report, self._timing())

    def destroy(
        self, artifact: RenderedArtifact, workspace: Workspace, report: Reporter, gate: Gate | None = None
    ) -> ApplyResult:
        """Remove everything that *artifact*'s state holds; see `operate.destroy`."""
        from mcop_core.engines.terraform import operate

        self._admission().hold_artifact(artifact)
        return operate.destroy(
            artifact, workspace, report, gate, tools=self._tools_for(artifact, workspace), timing=self._timing()
        )

    def _admission(self) -> Admission:
        return Admission.of(self._settings.terraform_providers, self._settings.exemptions, self._settings.limits)

    def settle(
        self, operation: str, artifact: RenderedArtifact, workspace: Workspace, report: Reporter
    ) -> ApplyResult | None:
        """Settle what a dead operation left; see `operate.settle`."""
        from mcop_core.engines.terraform import operate

        return operate.settle(
            operation,
            artifact,
            workspace,
            report,
            tools=self._tools(Demand.read(artifact.runtime)),
            timing=self._timing(),
        )

    def _timing(self) -> Timing:
        from mcop_core.engines.terraform.operate import Timing

        return Timing(push_patience_s=self._settings.store_patience_s)

    def _tools_for(self, artifact: RenderedArtifact, workspace: Workspace) -> Toolchain:
        """Return what *artifact* is run with, once it is sure that this is what it asks for."""
        demand = Demand.read(artifact.runtime)
        where = str(artifact.runtime["state"]["key"]).removesuffix(".tfstate")
        demand.hold(demand.binary(self._settings), workspace.environment, where)
        return self._tools(demand)

    def _tools(self, demand: Demand) -> Toolchain:
        from mcop_core.engines.terraform.toolchain import Toolchain
        from mcop_core.engines.terraform.warm import WarmProviders

        cache = Path(self._settings.cache_dir)
        warm = WarmProviders.of(cache, self._settings.warm_providers)
        return Toolchain(demand.binary(self._settings), self._mirror(), cache, warm)

    def _mirror(self) -> Path | None:
        return providers.find_mirror(self._settings.terraform_plugin_mirror, self._environment)


def _check_constraint(required_version: str) -> None:
    if required_version and not is_constraint(required_version):
        told = f"required_version is {required_version!r}: write >= 1.10, < 2.0 or ~> 1.11"
        raise InvalidDocuments.of([Fault(told)])
