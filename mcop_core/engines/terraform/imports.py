"""Imports: the blocks that Terraform plans them by, and the state with what it read, without an apply. Pure."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from mcop_core.engines.state import StateFile


def import_blocks(pairs: Mapping[str, str]) -> bytes:
    """Return the file that imports each id of *pairs* to its address. Pure."""
    blocks = [{"to": address, "id": one.replace("${", "$${").replace("%{", "%%{")} for address, one in pairs.items()]
    return json.dumps({"import": blocks}, indent=1).encode()


def with_imported(state: StateFile | None, planned: Mapping[str, Any], found: Mapping[str, str]) -> StateFile | None:
    """
    Return *state* with the resources at the addresses *found*, as the plan read them; *state* if there are none. Pure.

    Args:
        planned: `terraform show -json` of a plan that imports them.
    """
    if not found:
        return state
    document: dict[str, Any] = copy.deepcopy(dict(state.document)) if state else _no_state(planned)
    document["serial"] = int(document["serial"]) + 1
    root = planned["prior_state"]["values"]["root_module"]
    for module, resource in _resources(root):
        if resource["address"] in found:
            _insert(document["resources"], module, resource)
    return StateFile.parse(json.dumps(document, indent=2).encode(), "the state with what was adopted")


def _no_state(planned: Mapping[str, Any]) -> dict[str, Any]:
    version = planned["terraform_version"]
    return {
        "version": 4,
        "terraform_version": version,
        "serial": 0,
        "lineage": str(uuid4()),
        "outputs": {},
        "resources": [],
    }


def _resources(module: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Yield (module address, resource) of everything in a module and below it."""
    for resource in module.get("resources") or []:
        yield module.get("address", ""), resource
    for child in module.get("child_modules") or []:
        yield from _resources(child)


def _insert(resources: list[dict[str, Any]], module: str, resource: Mapping[str, Any]) -> None:
    own = {
        **({"module": module} if module else {}),
        "mode": "managed",
        "type": resource["type"],
        "name": resource["name"],
    }
    entry = next((one for one in resources if all(one.get(k, "") == own.get(k, "") for k in (*own, "module"))), None)
    if entry is None:
        entry = {**own, "provider": f'provider["{resource["provider_name"]}"]', "instances": []}
        resources.append(entry)
    index = {"index_key": resource["index"]} if "index" in resource else {}
    entry["instances"].append({**index, "schema_version": resource["schema_version"], "attributes": resource["values"]})
