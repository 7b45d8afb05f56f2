"""Documents for policies, as `Preview.to_json` writes the preview in them."""

import json
from dataclasses import replace
from typing import Any

from mcop_core.engines.changes import Action, AttributeChange, ComponentChanges, Mode, Preview, ResourceChange


def change(type_: str, *attributes: AttributeChange, action: Action = Action.CREATE) -> ResourceChange:
    return ResourceChange(f"{type_}.this", type_, action, attributes=attributes)


def document(*changes: ResourceChange, namespace: str = "team", deferred: bool = False) -> dict[str, Any]:
    one = ComponentChanges("w.p.e", Mode.MERGED, "", changes)
    components = (one, replace(one, mode=Mode.DEFERRED, resources=())) if deferred else (one,)
    preview = json.loads(Preview("manifest#shop@1.0.0", "a" * 64, components).to_json())
    execution = {"manifest": "shop", "namespace": namespace, "action": "deploy", "requested_by": "ada", "overrides": {}}
    return {"preview": preview, "execution": execution}
