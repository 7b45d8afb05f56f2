"""What an operation must pass before it does anything: the approved preview, and the policies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from mcop_core.artifacts.store import ObjectStore
from mcop_core.engines.base import Gate
from mcop_core.engines.changes import ComponentChanges, Preview, preview_key
from mcop_core.engines.refine import hold_to
from mcop_core.policies.ask import ask_policies, refuse_denied
from mcop_core.runner.request import Approval, RunRequest


def open_gate(request: RunRequest, store: ObjectStore, policies: str) -> Gate | None:
    """
    Return what asks whether *request* may do what its engine plans; None if nothing has to be asked.

    Args:
        store: The artifact store, where the approved preview lies.
        policies: Folder of the policies; empty: there are none.

    Raises:
        StoredObjectMissing: The preview is not in the artifact store.
        Tampered: What is there has another digest.
    """
    if request.approval is None and not policies:
        return None
    approved = _approved(store, request.approval, request.step) if request.approval else None

    def gate(planned: ComponentChanges) -> None:
        if approved is not None:
            hold_to(approved, planned)
        refuse_denied(ask_policies(policies, _document(request, planned)))

    return gate


def _approved(store: ObjectStore, approval: Approval, step: str) -> Sequence[ComponentChanges]:
    preview = Preview.from_json(store.get(preview_key(approval.preview)).data, approval.preview)
    deviations = map(ComponentChanges.from_json, approval.deviations)
    return [one for one in (*preview.components, *deviations) if one.step == step]


def _document(request: RunRequest, planned: ComponentChanges) -> dict[str, object]:
    """Return what the policies see: the preview of this component alone."""
    preview = Preview(str(request.execution.get("manifest", "")), "", (replace(planned, step=request.step),))
    return {"preview": json.loads(preview.to_json()), "execution": dict(request.execution)}
