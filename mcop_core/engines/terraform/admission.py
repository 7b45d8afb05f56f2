"""
Who may come in: a primitive when it is published, and whatever is about to be run, right before Terraform runs it.

The second look is what counts. It does not believe that there was a first one: a primitive may have been published
before there were rules, by somebody's own program, or be restored from a backup.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.base import RenderRequest
from mcop_core.engines.terraform.forbidden import Finding, Rule, find_forbidden, find_foreign_providers
from mcop_core.engines.terraform.providers import read_lock_file
from mcop_core.errors import InvalidDocuments, Refused
from mcop_core.limits import Limits

_MODULE = "module/"
_VALUES = "terraform.tfvars.json"
_LOCKS = ".terraform.lock.hcl"


@dataclass(frozen=True, slots=True)
class Admission:
    """
    The rules of one machine.

    Attributes:
        providers: Which providers may be used, as `MCOP_TERRAFORM_PROVIDERS` has it.
        exemptions: Template digest -> rule -> reason.
        limits: How large a file of code may be.
    """

    providers: str
    exemptions: Mapping[str, Mapping[str, str]]
    limits: Limits

    @classmethod
    def of(cls, providers: str, exemptions: str, limits: Limits) -> Admission:
        """Read the file of *exemptions*; raises as `read_exemptions`."""
        if not exemptions:
            return cls(providers, {}, limits)
        # Imported here, as below: an apply that needs no exemption pays for no model.
        from mcop_core.engines.exemptions import read_exemptions

        return cls(providers, read_exemptions(exemptions, tuple(Rule)), limits)

    def admit(self, files: Mapping[str, bytes], providers: Iterable[str]) -> dict[str, str]:
        """
        Check a primitive that is published; return rule -> reason of what it holds by an exemption.

        Raises:
            InvalidDocuments: Every use of what is forbidden.
        """
        digest, granted = self._exempted(files)
        found = [*find_foreign_providers(providers, self.providers), *find_forbidden(files, self.limits)]
        refused = [finding for finding in found if finding.rule not in granted]
        if refused:
            raise InvalidDocuments.of(finding.fault(_hint(finding, digest)) for finding in refused)
        return {str(finding.rule): granted[finding.rule] for finding in found}

    def hold_request(self, request: RenderRequest) -> None:
        """
        Check what is about to be previewed; raises as `hold_artifact`.

        A request is what a plan says; of the plan's word on providers and files nothing is believed but the bytes.
        """
        sources = [requirement.source for requirement in request.interface.providers.values()]
        adapter = [request.settings.source] if request.settings.source else []
        found = [
            *find_foreign_providers([*sources, *adapter], self.providers),
            *find_forbidden(request.files, self.limits),
        ]
        self._hold(found, request.files, ".".join(request.address[2:]))

    def hold_artifact(self, artifact: RenderedArtifact) -> None:
        """
        Check what is about to be run.

        Raises:
            Refused: It holds what is forbidden, and nobody on this machine has exempted it.
            InvalidDocuments: It cannot be read as Terraform's files.
        """
        sources = [*_required(artifact), *read_lock_file(artifact.files.get(_LOCKS, b"").decode())]
        own = {path: data for path, data in artifact.files.items() if not path.startswith(_MODULE) and path != _VALUES}
        module = {path.removeprefix(_MODULE): data for path, data in artifact.files.items() if path.startswith(_MODULE)}
        where = str(artifact.runtime["state"]["key"]).removesuffix(".tfstate")
        _refuse(find_forbidden(own, self.limits), "", where)
        self._hold(
            [*find_foreign_providers(sources, self.providers), *find_forbidden(module, self.limits)], module, where
        )

    def _hold(self, found: Sequence[Finding], module: Mapping[str, bytes], where: str) -> None:
        if found:
            digest, granted = self._exempted(module)
            _refuse([finding for finding in found if finding.rule not in granted], digest, where)

    def _exempted(self, files: Mapping[str, bytes]) -> tuple[str, Mapping[str, str]]:
        """Return the digest of the template that *files* are, and rule -> reason of what it may hold."""
        from mcop_core.artifacts.templates import template_digest
        from mcop_core.engines.exemptions import exempted

        digest = template_digest(files)
        return digest, exempted(self.exemptions, digest)


def _refuse(found: Sequence[Finding], digest: str, where: str) -> None:
    if found:
        told = "\n".join(str(finding.fault(_hint(finding, digest))) for finding in found)
        raise Refused(f"{where}: Terraform is not run on these files\n{told}")


def _required(artifact: RenderedArtifact) -> list[str]:
    document = json.loads(artifact.files.get("main.tf.json", b"{}"))
    required = document.get("terraform", {}).get("required_providers", {})
    return [entry["source"] for entry in required.values()]


def _hint(finding: Finding, digest: str) -> str:
    if finding.rule is Rule.PROVIDER or not digest:
        return ""
    return f"; an administrator can exempt these files, template {digest}, in MCOP_EXEMPTIONS"
